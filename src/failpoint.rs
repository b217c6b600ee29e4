//! Places where a test kills the process, to show that nothing is lost there. Where debug assertions are off, as in what
//! is shipped, there are none.
//!
//! `CAMPANILE_FAILPOINT=journal.written:3` kills the process with SIGKILL when it passes that place for the third time.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    struct Armed {
        name: String,
        n_left: AtomicU64,
    }

    fn read() -> Option<Armed> {
        let text = crate::environment::var("CAMPANILE_FAILPOINT")?;
        let (name, number) = text.split_once(':').unwrap_or((&text, "1"));
        Some(Armed { name: name.to_owned(), n_left: AtomicU64::new(number.parse().unwrap_or(1)) })
    }

    /// Dies here, if that is wanted.
    pub(crate) fn pass(name: &str) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let Some(armed) = ARMED.get_or_init(read).as_ref().filter(|armed| armed.name == name) else { return };
        if armed.n_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ = kill_process(getpid(), Signal::KILL);
            // The signal may take a moment, and nothing more may happen.
            loop {
                std::thread::park();
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod armed {
    /// Nothing happens here.
    #[inline]
    pub(crate) fn pass(_: &str) {}
}

pub(crate) use armed::pass;
