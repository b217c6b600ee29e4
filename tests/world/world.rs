//! One place for a daemon: folders, a socket and a configuration of its own, and the words of `campanile` said in it.
//!
//! Tests wait for what happens (a line of the daemon's log, an event, the end of a process, a named pipe) and never for
//! time to pass. `LONG` only bounds how long a failure takes to be seen.

mod daemon;
mod lines;

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc::channel;
use std::time::Duration;

pub(crate) use daemon::Daemon;
pub(crate) use lines::Lines;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use rustix::process::{PidfdFlags, pidfd_open};
use serde_json::Value;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// How often an answer is asked for that no event announces.
const MANY: usize = 5_000;

impl Drop for World {
    fn drop(&mut self) {
        self.end_runner();
    }
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The same, if it ended with that exit code.
    #[track_caller]
    pub(crate) fn with(self, exit: i32) -> Said {
        assert_eq!(self.exit, exit, "{self:#?}");
        self
    }
}

/// The folders.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        let folder = tempfile::Builder::new().prefix("campanile-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("jobs")).unwrap();
        let world = World { folder };
        // What a reload says depends on who was first.
        world.settings("timezone = \"UTC\"\nreload = \"manual\"\n");
        world
    }

    /// The same, where the daemon reads files again whenever they change.
    pub(crate) fn watched() -> World {
        let world = World::new();
        world.settings("timezone = \"UTC\"\n");
        world
    }

    /// A path in this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn settings(&self, text: &str) {
        std::fs::write(self.path("campanile.toml"), text).unwrap();
    }

    /// Writes a job file. `{here}` in it stands for the world's folder.
    pub(crate) fn job(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(&format!("jobs/{name}.toml"));
        let here = self.folder.path().display().to_string();
        std::fs::write(&path, text.replace("{here}", &here)).unwrap();
        path
    }

    pub(crate) fn remove_job(&self, name: &str) {
        std::fs::remove_file(self.path(&format!("jobs/{name}.toml"))).unwrap();
    }

    /// The process of the runner, if there is one.
    pub(crate) fn runner(&self) -> Option<i32> {
        let mut lock = std::fs::File::open(self.path("state/runner/lock")).ok()?;
        if lock.try_lock().is_ok() {
            return None;
        }
        let mut pid = String::new();
        lock.read_to_string(&mut pid).ok()?;
        pid.trim().parse().ok()
    }

    /// Tells the runner to end until it has; told again, it leaves nobody any grace.
    pub(crate) fn end_runner(&self) {
        let Some(pid) = self.runner() else { return };
        for _ in 0..600 {
            signal(pid.unsigned_abs(), Signal::SIGTERM);
            if is_gone_within(pid, 100) {
                return;
            }
        }
    }

    /// `campanile`, with its words to come, in a bare environment and in this folder.
    pub(crate) fn campanile(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_campanile"))
    }

    /// The binary, started by a shell that does something first; its words follow.
    pub(crate) fn campanile_after(&self, first: &str) -> Command {
        let mut command = self.command("/bin/sh");
        command.args(["-c", &format!("{first}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_campanile")]);
        command
    }

    fn command(&self, program: &str) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a black-box test starts the binary")]
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TZ", "UTC");
        command.env("HOME", self.folder.path()).env("TMPDIR", self.folder.path()).current_dir(self.folder.path());
        command
    }

    /// `campanile daemon` with everything of it in this world.
    pub(crate) fn daemon_words(&self) -> Command {
        let mut command = self.campanile();
        command.args(["daemon", "--config", "campanile.toml", "--jobs", "jobs", "--state", "state"]);
        command.args(["--socket", "socket"]);
        command
    }

    /// A daemon that is ready.
    #[track_caller]
    pub(crate) fn daemon(&self) -> Daemon {
        let mut daemon = Daemon::spawn(self.daemon_words());
        daemon.until(" ready ");
        daemon
    }

    /// `campanile ctl`, to its end.
    pub(crate) fn ctl(&self, words: &[&str]) -> Said {
        let mut command = self.campanile();
        command.args(["ctl", "--socket", "socket"]).args(words);
        said(command)
    }

    /// What `campanile ctl` writes when all is well.
    #[track_caller]
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        self.ctl(words).with(0).out
    }

    /// The same as JSON, whatever the exit code.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let said = self.ctl(&[&["-o", "json"], words].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:#?}"))
    }

    /// Starts a job and returns the id of its run.
    #[track_caller]
    pub(crate) fn start(&self, job: &str) -> String {
        self.ok(&["start", job]).trim().to_owned()
    }

    /// Waits for the end of a run and returns it.
    #[track_caller]
    pub(crate) fn ended(&self, run: &str) -> Value {
        self.json(&["wait", run])
    }

    /// All events, from the first on, as they come.
    pub(crate) fn events(&self) -> Lines {
        self.follow(&["--after", "0"])
    }

    /// What happens from now on.
    pub(crate) fn events_from_now(&self) -> Lines {
        self.follow(&[])
    }

    fn follow(&self, words: &[&str]) -> Lines {
        let mut command = self.campanile();
        command.args(["ctl", "--socket", "socket", "-o", "jsonl", "events", "--follow"]).args(words);
        Lines::spawn(command)
    }

    /// Asks until the answer is right; for what no event tells.
    #[track_caller]
    pub(crate) fn until(&self, words: &[&str], is_right: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..MANY {
            let answer = self.json(words);
            if is_right(&answer) {
                return answer;
            }
        }
        panic!("{words:?} is still {}", self.json(words));
    }

    /// A named pipe: writing to it waits for a reader, reading from it for a writer.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path
    }
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn said(mut command: Command) -> Said {
    use std::process::Stdio;
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let (done, ended) = channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    match ended.recv_timeout(LONG) {
        Ok(output) => heard(&output.unwrap()),
        Err(_) => {
            signal(pid, nix::sys::signal::Signal::SIGKILL);
            panic!("{command:?} does not end: {:#?}", ended.recv());
        }
    }
}

fn heard(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { exit: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Sends a signal to a process that may have ended.
pub(crate) fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    let _ = nix::sys::signal::kill(pid, signal);
}

/// Waits until a process is gone that need not be our child.
#[track_caller]
pub(crate) fn until_gone(pid: i32) {
    assert!(is_gone_within(pid, 60_000), "process {pid} is still there");
}

/// Whether a process is gone before so many milliseconds have passed.
pub(crate) fn is_gone_within(pid: i32, ms: u16) -> bool {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], PollTimeout::from(ms)) != Ok(0)
}

/// Reads what somebody writes to a named pipe, until nobody has it open for writing any more.
#[track_caller]
pub(crate) fn read_pipe(path: &Path) -> String {
    let path = path.to_owned();
    let (done, read) = channel();
    std::thread::spawn(move || done.send(std::fs::read_to_string(path)));
    read.recv_timeout(LONG).expect("because somebody writes to the pipe").unwrap()
}

/// Whether a process lives; one that is dead and not yet reaped does not.
pub(crate) fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// A text of a JSON object.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("`{name}` is no text in {value}"))
}
