//! Hands launches and stops to the runner, in the order in which the engine wants them, and completes those launches
//! that need files (variables, secrets) on the way. Reading may take any time and the engine waits for nothing, so all
//! of it happens on a thread of its own, and each reading on another; `line` decides.
//!
//! What needs no files does not come by here while nobody waits: it goes to the runner directly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration as Wait;

use super::line::{Act, Line, Told};
use super::resolve;
use crate::clock;
use crate::engine::{Handle, Report, RunnerReport};
use crate::model::exit::{Exit, ExitKind};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::runner::RunnerClient;

enum Message {
    /// Something for the runner.
    Tell(Told),
    /// What a reader has found.
    Read { launch: Launch, found: Result<Box<Process>, String> },
    /// Nobody wants anything any more.
    Close,
}

/// The way to the runner.
pub(super) struct Launches {
    runner: Arc<RunnerClient>,
    inbox: Sender<Message>,
    /// How many things to tell are neither with the runner nor ended.
    n_waiting: Arc<AtomicUsize>,
}

impl Launches {
    /// `handle` is the engine's, for launches that end before the runner hears of them.
    pub(super) fn new(runner: RunnerClient, handle: Handle) -> std::io::Result<Launches> {
        let (runner, n_waiting) = (Arc::new(runner), Arc::new(AtomicUsize::new(0)));
        let (inbox, messages) = channel();
        // It must not keep the runner alive: whoever drops us ends it.
        let (weak, n_left) = (Arc::downgrade(&runner), Arc::clone(&n_waiting));
        let begin = reader(inbox.clone(), resolve::resolve);
        std::thread::Builder::new().name("launches".to_owned()).spawn(move || {
            run(&messages, &n_left, |act| match act {
                Act::Read(process) => begin(process),
                Act::Tell(told) => {
                    if let Some(runner) = weak.upgrade() {
                        tell(&runner, told);
                    }
                }
                Act::End { launch, kind, why } => end(&handle, launch, kind, why),
            });
        })?;
        Ok(Launches { runner, inbox, n_waiting })
    }

    /// Tells the runner this, after all that was to be told before.
    pub(super) fn tell(&self, told: Told) {
        let needs_files = matches!(&told, Told::Launch(process) if resolve::is_needed(process));
        if self.is_free() && !needs_files {
            return tell(&self.runner, told);
        }
        self.n_waiting.fetch_add(1, Ordering::Relaxed);
        // The thread ends only with us.
        let _ = self.inbox.send(Message::Tell(told));
    }

    /// Whether nobody waits. Only one thread adds to them, and it is the one that asks.
    fn is_free(&self) -> bool {
        self.n_waiting.load(Ordering::Acquire) == 0
    }
}

fn tell(runner: &RunnerClient, told: Told) {
    match told {
        Told::Launch(process) => runner.launch(process),
        Told::Welcome(connection) => runner.welcome(connection),
        Told::Acknowledge(launches) => runner.acknowledge(launches),
        Told::Stop { launch, reason, grace } => runner.stop(launch, reason, grace),
    }
}

impl Drop for Launches {
    fn drop(&mut self) {
        // A reader that hangs keeps the channel open.
        let _ = self.inbox.send(Message::Close);
    }
}

/// Takes messages until there is `Close`.
fn run(messages: &Receiver<Message>, n_waiting: &AtomicUsize, mut act: impl FnMut(Act)) {
    let mut line = Line::default();
    loop {
        let message = match line.next_at() {
            Some(at) => match messages.recv_timeout(wait(at, clock::boot_us())) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            },
            None => match messages.recv() {
                Ok(message) => Some(message),
                Err(_) => return,
            },
        };
        let (now, n_before) = (clock::boot_us(), line.len());
        let (acts, n_come) = match message {
            Some(Message::Tell(told)) => (line.take(told, now), 1),
            Some(Message::Read { launch, found }) => (line.read(launch, found, now), 0),
            Some(Message::Close) => return,
            None => (line.go_on(now), 0),
        };
        acts.into_iter().for_each(&mut act);
        // Only now may others go past.
        n_waiting.fetch_sub(n_before + n_come - line.len(), Ordering::Release);
    }
}

fn wait(until: i64, now: i64) -> Wait {
    Wait::from_micros(u64::try_from(until - now).unwrap_or(0))
}

/// Begins to complete a process, on a thread that may never end.
fn reader(
    inbox: Sender<Message>,
    resolve: impl Fn(&mut Process) -> Result<(), String> + Clone + Send + 'static,
) -> impl Fn(Box<Process>) {
    move |mut process| {
        let launch = process.launch;
        let (done, resolve) = (inbox.clone(), resolve.clone());
        let reader = std::thread::Builder::new().name("resolve".to_owned()).spawn(move || {
            let found = resolve(&mut process).map(|()| process);
            // Whoever asked may be gone.
            let _ = done.send(Message::Read { launch, found });
        });
        if let Err(error) = reader {
            let found = Err(format!("its variables and secrets could not be read: {error}"));
            let _ = inbox.send(Message::Read { launch, found });
        }
    }
}

fn end(handle: &Handle, launch: Launch, kind: ExitKind, why: Option<String>) {
    let exit = Exit { error: why, ..Exit::bare(kind, clock::wall()) };
    // An engine that is gone derives the launch again when it comes back.
    let _ = handle.report(Report::Runner(RunnerReport::Ended { launch, exit }));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::model::exit::StopReason;

    fn with_file(number: u64, path: &str) -> Box<Process> {
        let mut process = Process::new(Launch(number), vec!["true".to_owned()], String::new());
        process.env_files = vec![path.to_owned()];
        Box::new(process)
    }

    #[test]
    fn a_file_that_hangs_keeps_nobody_else_from_being_read_and_its_launch_can_be_stopped() {
        let (inbox, messages) = channel();
        let (done, acts) = channel();
        let (read, is_read) = channel();
        let (hang, hung) = channel::<()>();
        let hung = Arc::new(Mutex::new(hung));
        let begin = reader(inbox.clone(), move |process| {
            if process.env_files == ["hangs"] {
                let _ = hung.lock().unwrap().recv();
            }
            process.env_files.clear();
            read.send(process.launch).unwrap();
            Ok(())
        });
        let n_waiting = Arc::new(AtomicUsize::new(3));
        let n_left = Arc::clone(&n_waiting);
        let thread = std::thread::spawn(move || {
            run(&messages, &n_left, |act| match act {
                Act::Read(process) => begin(process),
                Act::Tell(_) | Act::End { .. } => done.send(act).unwrap(),
            });
        });
        inbox.send(Message::Tell(Told::Launch(with_file(1, "hangs")))).unwrap();
        inbox.send(Message::Tell(Told::Launch(with_file(2, "answers")))).unwrap();
        assert_eq!(is_read.recv(), Ok(Launch(2)), "while the first hangs");
        let stop = Told::Stop { launch: Launch(1), reason: StopReason::Cancel, grace: None };
        inbox.send(Message::Tell(stop)).unwrap();
        let ended = acts.recv().unwrap();
        assert!(matches!(ended, Act::End { launch: Launch(1), kind: ExitKind::Stopped(StopReason::Cancel), .. }));
        assert!(matches!(acts.recv().unwrap(), Act::Tell(Told::Launch(process)) if process.launch == Launch(2)));
        inbox.send(Message::Close).unwrap();
        thread.join().unwrap();
        assert_eq!(n_waiting.load(Ordering::Acquire), 0, "and what comes now goes past");
        drop(hang);
    }
}
