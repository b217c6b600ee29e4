//! Hands launches and stops to the runner, in the order in which the engine wants them, since the runner takes a launch
//! only after all with lower numbers.
//!
//! A launch that needs files (variables, secrets) is completed on a thread of its own, because reading may take any
//! time and the engine waits for nothing. While one is being completed, what comes after it waits in line behind it:
//! usually for microseconds. A dead network file system answers never; after `PATIENCE` the launch fails and the line
//! moves on. The thread that still reads is left to its fate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration as Wait;

use super::resolve;
use crate::clock;
use crate::engine::{Handle, Report, RunnerReport};
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::runner::RunnerClient;

/// How long the files of one launch may take to be read.
const PATIENCE: Wait = Wait::from_secs(10);

enum Wanted {
    Launch(Box<Process>),
    Stop { launch: Launch, reason: StopReason, grace: Option<Duration> },
}

/// The way to the runner.
pub(super) struct Launches {
    runner: Arc<RunnerClient>,
    line: Sender<Wanted>,
    /// How many wait in line.
    n_waiting: Arc<AtomicUsize>,
}

impl Launches {
    /// `handle` is the engine's, for launches that fail before the runner hears of them.
    pub(super) fn new(runner: RunnerClient, handle: Handle) -> std::io::Result<Launches> {
        let (runner, n_waiting) = (Arc::new(runner), Arc::new(AtomicUsize::new(0)));
        let (line, wanted) = channel();
        // It must not keep the runner alive: whoever drops us ends it.
        let (weak, n_left) = (Arc::downgrade(&runner), Arc::clone(&n_waiting));
        std::thread::Builder::new().name("launches".to_owned()).spawn(move || {
            for next in wanted {
                let next = match next {
                    Wanted::Launch(process) => completed(process).map(Wanted::Launch),
                    stop @ Wanted::Stop { .. } => Ok(stop),
                };
                let Some(runner) = weak.upgrade() else { return };
                match next {
                    Ok(Wanted::Launch(process)) => runner.launch(process),
                    Ok(Wanted::Stop { launch, reason, grace }) => runner.stop(launch, reason, grace),
                    Err((launch, why)) => not_started(&handle, launch, why),
                }
                drop(runner);
                n_left.fetch_sub(1, Ordering::Release);
            }
        })?;
        Ok(Launches { runner, line, n_waiting })
    }

    /// Starts a process.
    pub(super) fn launch(&self, process: Box<Process>) {
        if self.is_free() && !resolve::is_needed(&process) {
            return self.runner.launch(process);
        }
        self.wait_in_line(Wanted::Launch(process));
    }

    /// Stops a launch.
    pub(super) fn stop(&self, launch: Launch, reason: StopReason, grace: Option<Duration>) {
        if self.is_free() {
            return self.runner.stop(launch, reason, grace);
        }
        self.wait_in_line(Wanted::Stop { launch, reason, grace });
    }

    /// The exits of these launches are committed.
    pub(super) fn acknowledge(&self, launches: Vec<Launch>) {
        self.runner.acknowledge(launches);
    }

    /// Whether nobody waits. Only one thread adds to the line, and it is the one that asks.
    fn is_free(&self) -> bool {
        self.n_waiting.load(Ordering::Acquire) == 0
    }

    fn wait_in_line(&self, wanted: Wanted) {
        self.n_waiting.fetch_add(1, Ordering::Relaxed);
        // The thread ends only with us.
        let _ = self.line.send(wanted);
    }
}

/// The process with all that it needs, or why not.
fn completed(mut process: Box<Process>) -> Result<Box<Process>, (Launch, String)> {
    let launch = process.launch;
    if !resolve::is_needed(&process) {
        return Ok(process);
    }
    let (done, read): (_, Receiver<Result<Box<Process>, String>>) = channel();
    let reader = std::thread::Builder::new().name("resolve".to_owned()).spawn(move || {
        let resolved = resolve::resolve(&mut process);
        // Whoever asked may have lost patience.
        let _ = done.send(resolved.map(|()| process));
    });
    let found = match reader {
        Ok(_) => match read.recv_timeout(PATIENCE) {
            Ok(found) => found,
            Err(RecvTimeoutError::Timeout) => Err("its variables and secrets could not be read within 10s".to_owned()),
            Err(RecvTimeoutError::Disconnected) => Err("its variables and secrets could not be read".to_owned()),
        },
        Err(error) => Err(format!("its variables and secrets could not be read: {error}")),
    };
    found.map_err(|why| (launch, why))
}

fn not_started(handle: &Handle, launch: Launch, why: String) {
    let exit = Exit { error: Some(why), ..Exit::bare(ExitKind::NotStarted, clock::wall()) };
    // An engine that is gone derives the launch again when it comes back.
    let _ = handle.report(Report::Runner(RunnerReport::Ended { launch, exit }));
}
