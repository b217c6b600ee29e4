//! One runner with a state folder of its own. A process has one runner, so tests take turns.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration as Wait;

use campanile::engine::RunnerReport;
use campanile::logs::format::parse;
use campanile::model::exit::{Exit, StopReason};
use campanile::model::id::Launch;
use campanile::model::process::Process;
use campanile::runner::{Config, Runner, RunnerClient};

/// Longer than anything here takes; only a failure waits so long.
const LONG: Wait = Wait::from_secs(60);

static TURN: Mutex<()> = Mutex::new(());

/// Held by who has, or tries to have, the one runner of this process.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct World {
    client: Option<RunnerClient>,
    heard: Receiver<RunnerReport>,
    unread: Vec<(Launch, Exit)>,
    highest: u64,
    config: Config,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// What a runner says first.
pub(crate) struct Connected {
    pub(crate) highest: Launch,
    pub(crate) alive: Vec<Launch>,
    pub(crate) ended: Vec<(Launch, Exit)>,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(|_| {}).0
    }

    /// A world whose runner is told something else, too.
    pub(crate) fn told(change: impl FnOnce(&mut Config)) -> World {
        World::prepared(|_| {}, change).0
    }

    /// A world whose state folder was prepared before the runner starts.
    pub(crate) fn with(prepare: impl FnOnce(&std::path::Path)) -> (World, Connected) {
        World::prepared(prepare, |_| {})
    }

    fn prepared(prepare: impl FnOnce(&std::path::Path), change: impl FnOnce(&mut Config)) -> (World, Connected) {
        let turn = turn();
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let mut config = Config {
            default_dir: Some(folder.path().join("here")),
            ourselves: env!("CARGO_BIN_EXE_campanile").into(),
            ..Config::of(folder.path().to_owned())
        };
        change(&mut config);
        let (client, heard, unread) = (None, channel().1, Vec::new());
        let mut world = World { client, heard, unread, highest: 0, config, folder, _turn: turn };
        world.dir();
        let connected = world.start();
        (world, connected)
    }

    fn start(&mut self) -> Connected {
        let (said, heard) = channel();
        self.client = Some(Runner::start(self.config.clone(), move |report| drop(said.send(report))).unwrap());
        self.heard = heard;
        match self.heard.recv_timeout(LONG).unwrap() {
            RunnerReport::Connected { highest, alive, ended, .. } => Connected { highest, alive, ended },
            other => panic!("first comes Connected, not {other:?}"),
        }
    }

    /// Ends the runner, whatever runs, and starts another one.
    pub(crate) fn restart(&mut self) -> Connected {
        self.restart_with(|| {})
    }

    /// The same, with something done while there is none.
    pub(crate) fn restart_with(&mut self, between: impl FnOnce()) -> Connected {
        self.client.take().unwrap().shutdown();
        self.unread.clear();
        between();
        self.start()
    }

    pub(crate) fn client(&self) -> &RunnerClient {
        self.client.as_ref().unwrap()
    }

    /// The folder that processes start in.
    pub(crate) fn dir(&self) -> PathBuf {
        let dir = self.folder.path().join("here");
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    pub(crate) fn process(&mut self, argv: &[&str]) -> Box<Process> {
        self.highest += 1;
        let launch = self.highest;
        let run = format!("{}-{launch}", self.folder.path().display());
        let marks = [("RUN_ID", run.as_str()), ("TASK", "main"), ("ATTEMPT", "1")];
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Box::new(Process {
            label: "a test".to_owned(),
            env: marks.iter().map(|(name, value)| (format!("CAMPANILE_{name}"), (*value).into())).collect(),
            ..Process::new(Launch(launch), argv, format!("logs/{launch}.log"))
        })
    }

    pub(crate) fn launch(&mut self, argv: &[&str], change: impl FnOnce(&mut Process)) -> Launch {
        let mut process = self.process(argv);
        change(&mut process);
        let launch = process.launch;
        self.client().launch(process);
        launch
    }

    pub(crate) fn sh(&mut self, script: &str) -> Launch {
        self.launch(&["/bin/sh", "-c", script], |_| {})
    }

    pub(crate) fn stop(&self, launch: Launch) {
        self.client().stop(launch, StopReason::Cancel, None);
    }

    /// The exit of a launch, once it is reported.
    pub(crate) fn exit(&mut self, launch: Launch) -> Exit {
        loop {
            if let Some(at) = self.unread.iter().position(|(ended, _)| *ended == launch) {
                return self.unread.remove(at).1;
            }
            match self.heard.recv_timeout(LONG).unwrap_or_else(|error| panic!("{launch:?}: {error}")) {
                RunnerReport::Ended { launch, exit } => self.unread.push((launch, exit)),
                RunnerReport::Started { .. } => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Whether an exit was reported before everything that was asked for after it.
    pub(crate) fn has_ended(&mut self, launch: Launch) -> bool {
        let probe = self.launch(&["/bin/true"], |_| {});
        self.exit(probe);
        self.unread.iter().any(|(ended, _)| *ended == launch)
    }

    /// A named pipe in the folder that processes start in.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.dir().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path
    }

    /// Waits until somebody writes to a named pipe and closes it; the pids that were written.
    pub(crate) fn pids(&self, name: &str) -> Vec<i32> {
        let text = std::fs::read_to_string(self.dir().join(name)).unwrap();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// The lines of a log: stream, whether partial, text.
    pub(crate) fn log(&self, path: &str) -> Vec<(&'static str, bool, Vec<u8>)> {
        let bytes = std::fs::read(self.folder.path().join(path)).unwrap();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| parse(line).expect("a line of ours"));
        lines.map(|line| (line.stream.word(), line.partial, line.text.to_owned())).collect()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            client.shutdown();
        }
    }
}

/// Whether a process lives; one that is dead and not yet reaped does not.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

pub(crate) fn kill(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}
