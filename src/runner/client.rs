//! The daemon's side of the runner: sends, and turns what the runner says into the engine's reports.
//!
//! Commands are never refused and never wait. Reports are handed over on a thread of their own, because the engine's
//! inbox may be full: the runner must go on enforcing timeouts meanwhile. What waits is bounded by what was launched.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::protocol::{FromRunner, ToRunner};
use super::server::{Sent, Server};
use super::{Config, RunnerError};
use crate::engine::RunnerReport;
use crate::model::duration::Duration;
use crate::model::exit::StopReason;
use crate::model::id::Launch;
use crate::model::process::Process;

/// There is one connection, to a runner that is as old as it.
const EPOCH: u64 = 1;

/// Starts runners.
#[derive(Clone, Copy, Debug)]
pub struct Runner;

impl Runner {
    /// Starts the runner of this process. The first report is `Connected`, the last `Disconnected`. `report` may wait
    /// as long as it likes; it is called by one thread, in order.
    pub fn start(config: Config, report: impl Fn(RunnerReport) + Send + 'static) -> Result<RunnerClient, RunnerError> {
        // Whatever this process was started with (a service manager's sockets, a shell's files) is no task's business.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        let wake = Arc::new(wake.map_err(std::io::Error::from)?);
        let (inbox, sent) = channel();
        let (outbox, said) = channel();
        let server = Server::open(config, Arc::clone(&wake), sent, outbox)?;
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let reports = thread("runner-reports").spawn(move || hand_over(&said, report))?;
        let server = thread("runner").spawn(move || server.run())?;
        let client = RunnerClient { inbox, wake, threads: Some([server, reports]) };
        client.send(ToRunner::Hello { epoch: EPOCH });
        Ok(client)
    }
}

fn hand_over(said: &Receiver<Vec<FromRunner>>, report: impl Fn(RunnerReport)) {
    for message in said.iter().flatten() {
        report(match message {
            FromRunner::Hello { highest, alive, ended, .. } => RunnerReport::Connected { highest, alive, ended },
            FromRunner::Started { launch, at } => RunnerReport::Started { launch, at },
            FromRunner::Ended { launch, exit } => RunnerReport::Ended { launch, exit },
        });
    }
    report(RunnerReport::Disconnected);
}

/// Speaks to the runner. Dropped, it ends the runner without waiting for it.
#[derive(Debug)]
pub struct RunnerClient {
    inbox: Sender<Sent>,
    wake: Arc<EventFd>,
    threads: Option<[JoinHandle<()>; 2]>,
}

impl RunnerClient {
    /// Starts a process. Launches must be given in growing order of their numbers.
    pub fn launch(&self, process: Box<Process>) {
        self.send(ToRunner::Launch(process));
    }

    /// Stops a launch and all it started. One that has ended, or was never launched, is left alone. KILL comes after
    /// `grace`, or else after the process's own; asked for again, it may only come sooner.
    pub fn stop(&self, launch: Launch, reason: StopReason, grace: Option<Duration>) {
        self.send(ToRunner::Stop { launch, reason, grace });
    }

    /// The exits of these launches are committed.
    pub fn acknowledge(&self, launches: Vec<Launch>) {
        self.send(ToRunner::Acknowledge(launches));
    }

    /// Ends the runner and returns when the last report was taken, so `report` must not be waiting for the caller. It
    /// stops nothing: what still runs is killed by the next runner with this state folder.
    pub fn shutdown(mut self) {
        self.send(ToRunner::Shutdown);
        for thread in self.threads.take().into_iter().flatten() {
            // Its panic was shown when it happened, and there is nothing to be done about it here.
            let _ = thread.join();
        }
    }

    fn send(&self, message: ToRunner) {
        // A runner that is gone has said so with `Disconnected`.
        let _ = self.inbox.send(Sent { epoch: EPOCH, message });
        let _ = self.wake.write(1);
    }
}

impl Drop for RunnerClient {
    fn drop(&mut self) {
        if self.threads.is_some() {
            self.send(ToRunner::Shutdown);
        }
    }
}
