//! The daemon's side of the runner, wherever that is: sends, and turns what the runner says into the engine's reports.
//!
//! Commands are never refused and never wait. Reports are handed over on a thread of their own, because the engine's
//! inbox may be full: the runner must go on enforcing timeouts meanwhile. What waits is bounded by what was launched.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::link::{Address, Link};
use super::picture::Pictures;
use super::protocol::{FromRunner, NEWEST, OLDEST, ToRunner};
use super::server::{Inbound, Server};
use super::{Config, RunnerError};
use crate::engine::RunnerReport;
use crate::model::duration::Duration;
use crate::model::exit::StopReason;
use crate::model::id::Launch;
use crate::model::process::Process;

/// The epoch of the one connection to a runner in this process, which is as old as it.
const EPOCH: u64 = 1;

/// Starts runners.
#[derive(Clone, Copy, Debug)]
pub struct Runner;

impl Runner {
    /// Starts a runner within this process. The first report is `Connected`, the last `Disconnected`. `report` may wait
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
        let server = thread("runner").spawn(move || drop(server.run()))?;
        let client = RunnerClient { way: Way::Within { inbox, wake, threads: Some([server, reports]) } };
        // Nobody else can have been meant.
        let folder = String::new();
        client.send(ToRunner::Hello { epoch: EPOCH, oldest: OLDEST, newest: NEWEST, folder });
        Ok(client)
    }

    /// Keeps a connection to a runner in another process. Each one that is made is reported by `Connected`, each that
    /// ends by `Disconnected`.
    pub fn connect(
        address: Address,
        report: impl Fn(RunnerReport) + Send + Sync + 'static,
    ) -> Result<RunnerClient, RunnerError> {
        let (stop, stopped) = channel();
        let link = Link::start(address, Arc::new(report), stopped)?;
        Ok(RunnerClient { way: Way::Apart { link, stop: Some(stop) } })
    }
}

fn hand_over(said: &Receiver<Vec<FromRunner>>, report: impl Fn(RunnerReport)) {
    let mut pictures = Pictures::default();
    said.iter().flatten().filter_map(|message| pictures.take(message)).for_each(&report);
    report(RunnerReport::Disconnected);
}

/// Speaks to the runner. Dropped, it ends a runner within this process without waiting for it, and leaves any other.
pub struct RunnerClient {
    way: Way,
}

enum Way {
    Within { inbox: Sender<Inbound>, wake: Arc<EventFd>, threads: Option<[JoinHandle<()>; 2]> },
    Apart { link: Link, stop: Option<Sender<()>> },
}

/// Says whether a runner is there.
#[derive(Clone)]
pub struct Standing(Option<Link>);

impl Standing {
    /// Why there is no runner, for people; nothing while there is one.
    pub fn why_none(&self) -> Option<String> {
        self.0.as_ref().and_then(Link::why_none)
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_tuple("Standing").field(&self.why_none()).finish()
    }
}

impl RunnerClient {
    /// Says whether a runner is there, whenever it is asked.
    pub fn standing(&self) -> Standing {
        match &self.way {
            Way::Within { .. } => Standing(None),
            Way::Apart { link, .. } => Standing(Some(link.clone())),
        }
    }

    /// The picture that opened this connection is committed; what is sent from now on belongs to it.
    pub fn welcome(&self, connection: u64) {
        match &self.way {
            Way::Within { .. } => {}
            Way::Apart { link, .. } => link.welcome(connection),
        }
    }

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

    /// Ends a runner within this process; it has ended, and its last report was taken, when this returns, so `report`
    /// must not be waiting for the caller. It stops nothing: what still runs is killed by the next runner with this
    /// state folder. A runner in another process is left.
    pub fn shutdown(mut self) {
        let Way::Within { threads, .. } = &mut self.way else { return };
        let threads = threads.take();
        self.close();
        for thread in threads.into_iter().flatten() {
            // Its panic was shown when it happened, and there is nothing to be done about it here.
            let _ = thread.join();
        }
    }

    fn send(&self, message: ToRunner) {
        match &self.way {
            Way::Within { .. } => self.tell(Inbound::Said { epoch: EPOCH, message }),
            Way::Apart { link, .. } => link.send(message),
        }
    }

    fn tell(&self, inbound: Inbound) {
        let Way::Within { inbox, wake, .. } = &self.way else { return };
        // A runner that is gone has said so with `Disconnected`.
        let _ = inbox.send(inbound);
        let _ = wake.write(1);
    }

    fn close(&self) {
        self.tell(Inbound::Close);
    }
}

impl Drop for RunnerClient {
    fn drop(&mut self) {
        self.close();
        if let Way::Apart { link, stop } = &mut self.way {
            drop(stop.take());
            link.close();
        }
    }
}
