//! Opens the store and starts all that turns the wheel: the engine's thread, the runner, the sender of webhooks, the
//! caller of requests and the watch on the clock. What was pending goes on at once; schedules wait until definitions
//! are loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::clock_watch;
use super::count;
use super::effects::Executors;
use super::launches::Launches;
use super::turn::{self, Failure, Turn};
use crate::engine::{Engine, Handle, Report, RunnerReport, Settings};
use crate::metrics::Metrics;
use crate::model::exit::ExitKind;
use crate::model::id::EventSeq;
use crate::model::process::is_hook_log;
use crate::request::Caller;
use crate::runner::{Address, CONNECTION_BITS, Config, Runner, RunnerError, Standing, process};
use crate::store::{Store, StoreError, Synchronous};
use crate::{clock, hooks, logs, outbound};

/// How many messages may wait for the engine. Beyond that commands are refused and reports wait.
const INBOX: usize = 4_096;
/// How many lines of a log a hook is shown.
const TAIL: usize = 20;
/// How many of its last lines, and how many bytes of them, tell why a hook failed.
const LAST_WORDS: usize = 5;
const MAX_LAST_WORDS: usize = 1_024;

/// What the driver is told once.
#[derive(Debug)]
pub struct Setup {
    /// The folder of everything: database, logs, the runner's journal. It exists.
    pub state_dir: PathBuf,
    /// When a commit is on disk.
    pub synchronous: Synchronous,
    /// The store may be a backup, which is gone on with.
    pub restored: bool,
    /// What the engine is told.
    pub settings: Settings,
    /// Where processes are started from.
    pub runner: Place,
    /// Where webhooks and requests are sent from.
    pub runtime: tokio::runtime::Handle,
}

/// Where the runner is.
#[derive(Clone, Debug)]
pub enum Place {
    /// Within this process, and gone with it.
    Within {
        /// Where a process starts that says nothing about it; otherwise its user's home.
        default_dir: Option<PathBuf>,
    },
    /// A process of its own, which outlives us.
    Apart {
        /// Where one listens that is not ours to start; otherwise one is started where none answers.
        socket: Option<PathBuf>,
    },
}

/// Why the wheel cannot turn.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no runner.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The machine does not give what is needed.
    #[error("{what}: {why}")]
    Machine {
        /// What was wanted.
        what: String,
        /// Why it was not had.
        why: std::io::Error,
    },
}

/// How much is live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Live {
    /// Attempts and shell hooks that are the runner's.
    pub processes: usize,
    /// Attempts that are requests, and end with us.
    pub requests: usize,
}

/// A turning wheel.
#[derive(Debug)]
pub struct Running {
    /// The way in.
    pub handle: Handle,
    /// What is live.
    pub live: watch::Receiver<Live>,
    /// Whether there is a runner.
    pub runner: Standing,
    /// What is counted of what happens.
    pub metrics: Arc<Metrics>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Waits until the engine's thread has ended; an error is a disk that failed.
    pub fn join(self) -> Result<(), String> {
        match self.thread.join() {
            Ok(result) => result.map_err(|Failure(why)| why),
            Err(_) => Err("the engine's thread has panicked".to_owned()),
        }
    }

    /// Whether the engine's thread has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// The database of a state folder.
pub fn database(state_dir: &Path) -> PathBuf {
    state_dir.join("campanile.db")
}

/// Starts everything.
pub fn start(setup: Setup) -> Result<Running, DriverError> {
    let machine = |what: &str| {
        let what = what.to_owned();
        move |why| DriverError::Machine { what, why }
    };
    let open = if setup.restored { Store::open_restored } else { Store::open };
    let store = open(&database(&setup.state_dir), setup.synchronous)?;
    let mut engine = Engine::open(store, setup.settings)?;
    let boot_id = boot_id().map_err(machine("cannot read the boot id"))?;
    let seed = turn::seed().map_err(machine("cannot read random numbers"))?;

    let (inbox, messages) = sync_channel(INBOX);
    let (committed, committed_seen) = watch::channel(EventSeq(0));
    let (live, live_seen) = watch::channel(Live::default());
    let handle = Handle::new(inbox, committed_seen);
    let metrics = Arc::new(Metrics::new(count::now()));
    handle.report(Report::Opened { boot_id });

    let (to_engine, folder) = (handle.clone(), setup.state_dir.clone());
    let report = move |report| {
        let _ = to_engine.report(Report::Runner(with_last_words(report, &folder)));
    };
    let state_dir = setup.state_dir.clone();
    let runner = match setup.runner {
        Place::Within { default_dir } => Runner::start(Config { default_dir, ..Config::of(state_dir) }, report)?,
        Place::Apart { socket } => {
            let epoch = engine.next_epoch(clock::wall())? << CONNECTION_BITS;
            let address = match socket {
                Some(socket) => Address { socket, state_dir, epoch, start: None },
                None => Address {
                    socket: process::socket_of(&state_dir),
                    epoch,
                    start: Some(Box::new(process::starter(state_dir.clone()))),
                    state_dir,
                },
            };
            Runner::connect(address, report)?
        }
    };
    let standing = runner.standing();
    let state_dir = setup.state_dir.clone();
    let read_tail = move |path: &str| tail(&state_dir, path);
    let client = outbound::Client::new();
    // Logs are written where no link is on the way.
    let logs_dir = setup.state_dir.canonicalize().map_err(machine("cannot find the state folder"))?;
    let caller = Caller::start(handle.clone(), setup.runtime.clone(), client.clone(), logs_dir);
    let sender = hooks::Sender::start(handle.clone(), setup.runtime, client, Box::new(read_tail.clone()));
    let launches = Launches::new(runner, handle.clone()).map_err(machine("cannot start the thread of launches"))?;
    let executors = Executors::new(launches, sender, caller, setup.state_dir, Box::new(read_tail));

    clock_watch::start(handle.clone()).map_err(machine("cannot watch the clock"))?;
    let turn = Turn::new(engine, messages, executors, committed, live, seed, Arc::clone(&metrics));
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || turn.run())
        .map_err(machine("cannot start the engine's thread"))?;
    Ok(Running { handle, live: live_seen, runner: standing, metrics, thread })
}

fn boot_id() -> std::io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The log of a hook is deleted once its result is known; of one that failed, what it said last is part of the result.
fn with_last_words(report: RunnerReport, state_dir: &Path) -> RunnerReport {
    let RunnerReport::Ended { launch, mut exit } = report else { return report };
    let path = exit.log.as_ref().map(|log| &log.path).filter(|path| is_hook_log(path));
    if let Some(path) = path.filter(|_| exit.kind != ExitKind::Code(0) && exit.error.is_none()) {
        let lines = tail(state_dir, path);
        let words = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
        exit.error = Some(words[words.ceil_char_boundary(words.len().saturating_sub(MAX_LAST_WORDS))..].to_owned());
    }
    RunnerReport::Ended { launch, exit }
}

fn tail(state_dir: &Path, path: &str) -> Vec<String> {
    let bytes = logs::tail::last_lines(&state_dir.join(path), TAIL).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let text = |line: &[u8]| logs::format::parse(line).map_or_else(|| line.to_vec(), |line| line.text.to_vec());
    lines.map(|line| String::from_utf8_lossy(&text(line)).into_owned()).collect()
}
