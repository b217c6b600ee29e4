//! A runner that is root beside a state folder that is not: `campanile runner` as a process of its own, which trusts
//! nothing in that folder. And one that is not root. Both need root to be set up; without, they hold nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration as Wait;

use campanile::engine::RunnerReport;
use campanile::model::exit::{Exit, ExitKind, StopReason};
use campanile::model::id::Launch;
use campanile::model::process::Process;
use campanile::runner::protocol::{FromRunner, ToRunner, place};
use campanile::runner::{Address, Runner, RunnerClient};

use super::world::lives;

const LONG: Wait = Wait::from_secs(60);
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A state folder of `nobody`, a folder of root's, and the runner between them.
struct Apart {
    folder: tempfile::TempDir,
    runner: Option<(Child, RunnerClient, Receiver<RunnerReport>)>,
    n_launches: u64,
    epoch: u64,
}

impl Apart {
    fn new() -> Apart {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        std::fs::set_permissions(folder.path().join("state"), PermissionsExt::from_mode(0o750)).unwrap();
        chown(folder.path().join("state"), Some(NOBODY), Some(NOBODY)).unwrap();
        std::fs::write(folder.path().join("list"), "users = [\"daemon\"]\n").unwrap();
        Apart { folder, runner: None, n_launches: 0, epoch: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn words(&self, uid: u32, words: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a black-box test starts the binary")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_campanile"));
        command.env_clear().arg("runner").arg("--state").arg(self.path("state")).args(words);
        command.uid(uid).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts the runner and hears its picture: what it says is alive, and what has ended.
    fn start(&mut self, words: &[&str]) -> (Vec<Launch>, Vec<(Launch, Exit)>) {
        let mut child = self.words(0, words).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = lines.next().unwrap().unwrap();
        assert!(said.contains("listening on"), "{said}");
        self.epoch += 1 << 20;
        let socket = self.path("state/runner/socket");
        let address = Address { socket, state_dir: self.path("state"), epoch: self.epoch, start: None };
        let (say, heard) = channel();
        let client = Runner::connect(address, move |report| drop(say.send(report))).unwrap();
        let RunnerReport::Connected { connection, alive, ended, .. } = heard.recv_timeout(LONG).unwrap() else {
            panic!("first comes Connected");
        };
        client.welcome(connection);
        self.runner = Some((child, client, heard));
        (alive, ended)
    }

    fn start_as_root(&mut self) -> (Vec<Launch>, Vec<(Launch, Exit)>) {
        let (own, list) = (self.path("own").display().to_string(), self.path("list").display().to_string());
        self.start(&["--own", &own, "--users", &list])
    }

    fn launch(&mut self, script: &str, change: impl FnOnce(&mut Process)) -> Launch {
        self.n_launches += 1;
        let launch = Launch(self.n_launches);
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let mut process = Process::new(launch, argv, format!("logs/{launch}.log"));
        change(&mut process);
        self.runner.as_ref().unwrap().1.launch(Box::new(process));
        launch
    }

    fn exit(&self, launch: Launch) -> Exit {
        loop {
            match self.runner.as_ref().unwrap().2.recv_timeout(LONG).unwrap() {
                RunnerReport::Ended { launch: ended, exit } if ended == launch => return exit,
                RunnerReport::Disconnected => panic!("the runner has gone"),
                RunnerReport::Ended { .. } | RunnerReport::Started { .. } | RunnerReport::Connected { .. } => {}
            }
        }
    }

    fn kill(&mut self) {
        let (mut child, client, _) = self.runner.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        drop(client);
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if self.runner.is_some() {
            self.kill();
        }
    }
}

#[test]
fn a_root_runner_is_nobody_special_in_a_state_folder_of_somebody_else() {
    if !is_root() {
        return;
    }
    let mut apart = Apart::new();
    apart.start_as_root();
    let launch = apart.launch("id -u; id -G; echo $USER; echo a=1 > $CAMPANILE_OUTPUT", |process| {
        process.may_leave_outputs = true;
    });
    let exit = apart.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (ExitKind::Code(0), "65534\n65534\nnobody\n"), "{exit:?}");
    assert_eq!(exit.outputs["a"], "1");
    for name in ["logs", "logs/1.log", "run", "run/outputs", "runner/socket"] {
        assert_eq!(apart.path("state").join(name).metadata().unwrap().uid(), NOBODY, "{name}");
    }
    assert!(!apart.path("state/runner/journal").exists());
    assert_eq!(apart.path("own/journal").metadata().unwrap().uid(), 0);
    // The owner of the folder puts links in the way of what is written there.
    std::fs::write(apart.path("precious"), "whole\n").unwrap();
    std::fs::set_permissions(apart.path("precious"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink(apart.path("precious"), apart.path("state/logs/2.log")).unwrap();
    std::fs::remove_dir_all(apart.path("state/run")).unwrap();
    symlink(apart.folder.path(), apart.path("state/run")).unwrap();
    let launch = apart.launch("", |process| {
        (process.script, process.argv) = (Some("#!/bin/sh\necho written\n".to_owned()), Vec::new());
    });
    let exit = apart.exit(launch);
    assert_eq!(exit.kind, ExitKind::NotStarted, "{exit:?}");
    assert!(exit.error.as_ref().unwrap().starts_with("the script cannot be written: "), "{exit:?}");
    std::fs::rename(apart.path("state/logs/2.log"), apart.path("state/logs/3.log")).unwrap();
    let launch = apart.launch("echo written", |_| {});
    assert_eq!(apart.exit(launch).output, "written\n");
    assert_eq!(std::fs::read_to_string(apart.path("precious")).unwrap(), "whole\n");
    // Other users have a place that they can reach.
    let text = "#!/bin/sh\nid -u; stat -c %u $0; echo a=2 > $CAMPANILE_OUTPUT\n";
    let launch = apart.launch("", |process| {
        (process.script, process.argv) = (Some(text.to_owned()), Vec::new());
        (process.user, process.may_leave_outputs) = (Some("daemon".to_owned()), true);
    });
    let exit = apart.exit(launch);
    assert_eq!((exit.output.as_str(), exit.outputs["a"].as_str()), ("1\n1\n", "2"), "{exit:?}");
}

#[test]
fn a_root_runner_finds_and_kills_what_runs_as_others_before_and_after_its_own_death() {
    if !is_root() {
        return;
    }
    let mut apart = Apart::new();
    apart.start_as_root();
    let fifo = apart.path("pids");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::set_permissions(&fifo, PermissionsExt::from_mode(0o666)).unwrap();
    let script = format!(
        "exec 3> {}; (setsid sh -c 'echo $$ >&3; exec 3>&-; exec sleep 1000' &); echo $$ >&3; exec 3>&-; exec sleep 1000",
        fifo.display()
    );
    let pids = || -> Vec<i32> {
        std::fs::read_to_string(&fifo).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    };
    for user in [None, Some("daemon".to_owned())] {
        let stopped = apart.launch(&script, |process| process.user.clone_from(&user));
        let members = pids();
        assert!(members.len() == 2 && members.iter().all(|pid| lives(*pid)));
        apart.runner.as_ref().unwrap().1.stop(stopped, StopReason::Cancel, None);
        assert_eq!(apart.exit(stopped).kind, ExitKind::Stopped(StopReason::Cancel));
        assert!(!members.iter().any(|pid| lives(*pid)));
        let orphan = apart.launch(&script, |process| process.user.clone_from(&user));
        let members = pids();
        apart.kill();
        assert!(members.iter().all(|pid| lives(*pid)));
        let (alive, ended) = apart.start_as_root();
        let exit = match ended.into_iter().find(|(ended, _)| *ended == orphan) {
            Some((_, exit)) => exit,
            None => {
                assert_eq!(alive, [orphan]);
                apart.exit(orphan)
            }
        };
        assert_eq!(exit.kind, ExitKind::Lost);
        assert!(!members.iter().any(|pid| lives(*pid)));
        apart.runner.as_ref().unwrap().1.acknowledge(vec![stopped, orphan]);
    }
}

#[test]
fn a_runner_that_is_not_root_starts_processes_only_as_itself() {
    if !is_root() {
        return;
    }
    let apart = Apart::new();
    let refused = apart.words(NOBODY, &["--users", "/dev/null"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: only a runner that is root can start processes as other users\nhint: "), "{said}");
    let mut runner = apart.words(NOBODY, &[]).spawn().unwrap();
    BufReader::new(runner.stderr.as_mut().unwrap()).lines().next().unwrap().unwrap();
    let mut stream = UnixStream::connect(apart.path("state/runner/socket")).unwrap();
    let folder = place(&apart.path("state")).unwrap();
    say(&mut stream, &ToRunner::Hello { epoch: 1, oldest: 1, newest: 1, folder });
    let mut next = 0;
    let mut exit = |change: &dyn Fn(&mut Process)| {
        next += 1;
        let argv = ["/bin/sh", "-c", "id -u; ulimit -n"].map(str::to_owned).to_vec();
        let mut process = Process::new(Launch(next), argv, format!("logs/{next}.log"));
        change(&mut process);
        say(&mut stream, &ToRunner::Launch(Box::new(process)));
        loop {
            if let FromRunner::Ended { launch: Launch(ended), exit } = hear(&mut stream)
                && ended == next
            {
                return exit;
            }
        }
    };
    for name in [None, Some("nobody")] {
        let exit = exit(&|process| {
            process.user = name.map(str::to_owned);
            process.limits.open_files = Some(99);
        });
        assert_eq!(exit.output, "65534\n99\n", "{exit:?}");
    }
    let refused = exit(&|process| process.user = Some("daemon".to_owned()));
    let error = "`user` is `daemon`, and the runner is not root: it starts processes only as itself, `nobody`\nhint: leave \
                 `user` out, or let a runner of root's start them: docs/concepts/runner.md";
    assert_eq!((refused.kind, refused.error.as_deref()), (ExitKind::NotStarted, Some(error)));
    let refused = exit(&|process| process.group = Some("daemon".to_owned()));
    assert!(refused.error.unwrap().starts_with("`group` is `daemon`, and the runner is not root"));
    let refused = exit(&|process| process.nice = Some(-1));
    let error = "`nice` is -1, and only a runner that is root can put a process before others";
    assert_eq!(refused.error.as_deref(), Some(error));
    runner.kill().unwrap();
    runner.wait().unwrap();
}

fn say(stream: &mut UnixStream, message: &ToRunner) {
    let bytes = serde_json::to_vec(message).unwrap();
    stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&bytes).unwrap();
}

fn hear(stream: &mut UnixStream) -> FromRunner {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_root_runner_without_a_folder_of_its_own_refuses_a_foreign_state_folder() {
    if !is_root() {
        return;
    }
    let refused = Apart::new().words(0, &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("does not belong to root") && said.contains("\nhint: give `--own DIR`"), "{said}");
}

/// Starts it, and returns the first line that it says with these words.
fn says(mut command: Command, words: &str) -> String {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let found = lines.find(|line| line.contains(words));
    let _ = child.kill();
    let _ = child.wait();
    found.unwrap_or_else(|| panic!("nothing is said of `{words}`"))
}

#[test]
fn neither_end_of_the_socket_listens_to_a_stranger() {
    if !is_root() {
        return;
    }
    const DAEMON: u32 = 1;
    let apart = Apart::new();
    let socket = apart.path("state/runner/socket");
    let mut runner = apart.words(NOBODY, &[]).spawn().unwrap();
    BufReader::new(runner.stderr.as_mut().unwrap()).lines().next().unwrap().unwrap();
    // Whoever may write to it may connect; who they are is looked at all the same.
    for open in ["state", "state/runner", "state/runner/socket"] {
        std::fs::set_permissions(apart.path(open), PermissionsExt::from_mode(0o777)).unwrap();
    }
    std::fs::create_dir(apart.path("jobs")).unwrap();
    std::fs::create_dir(apart.path("other")).unwrap();
    chown(apart.path("other"), Some(DAEMON), Some(DAEMON)).unwrap();
    let daemon = |runner: &PathBuf| {
        #[expect(clippy::disallowed_methods, reason = "a black-box test starts the binary")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_campanile"));
        command.env_clear().env("CAMPANILE_RUNNER_SOCKET", runner).arg("daemon").arg("--jobs").arg(apart.path("jobs"));
        command.arg("--state").arg(apart.path("other")).arg("--socket").arg(apart.path("other/socket")).uid(DAEMON);
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let said = says(daemon(&socket), "no runner is there");
    assert!(said.contains("it belongs to user 65534, who is neither root nor who we run as"), "{said}");
    let _ = runner.kill();
    let _ = runner.wait();

    // The other way: this runner is root's, whom the daemon believes, but its folder is `nobody`'s.
    let mut apart = Apart::new();
    apart.start_as_root();
    for open in ["state", "state/runner", "state/runner/socket"] {
        std::fs::set_permissions(apart.path(open), PermissionsExt::from_mode(0o777)).unwrap();
    }
    let said = says(daemon(&apart.path("state/runner/socket")), "no runner is there");
    // How a hang-up reads (end of file, broken pipe, reset) depends on how far the daemon's hello had come.
    assert!(said.contains("does not answer: "), "{said}");
}
