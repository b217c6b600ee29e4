//! Cgroups, on the real hierarchy: a group below the root of the mount, made by the test. Without root, or where the
//! second version is not mounted, there is nothing to hold; which limits can be held is shown beside the code.

use std::path::{Path, PathBuf};

use campanile::model::definition::{Leftovers, Stop};
use campanile::model::duration::Duration;
use campanile::model::exit::{ExitKind, StopReason};
use campanile::runner::{Cgroup, Runner};

use super::world::{World, kill, lives, turn};

/// A group that goes with the test.
struct Given(PathBuf);

impl Given {
    fn new(name: &str) -> Option<Given> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let path = Path::new(mount.split(' ').nth(4)?).join(format!("campanile-test-{}-{name}", std::process::id()));
        let is_root = nix::unistd::geteuid().is_root();
        (is_root && std::fs::create_dir(&path).is_ok()).then_some(Given(path))
    }

    fn groups(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).unwrap().flatten();
        entries.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()).collect()
    }

    fn world(&self) -> World {
        World::told(|config| config.cgroup = Cgroup::At(self.0.clone()))
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.groups().iter().for_each(|group| drop(std::fs::remove_dir(group)));
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Leaves its group, its parents and its environment, and says who it is.
const ESCAPE: &str = "mkfifo go; setsid env -i /bin/sh -c 'echo $$ > pid; echo > go; exec sleep 1000' & read _ < go";

#[test]
fn what_clears_its_environment_does_not_escape_and_what_was_used_is_told() {
    let Some(given) = Given::new("escape") else { return };
    let mut world = given.world();
    world.pipe("pid");
    let launch = world.sh(&format!("{ESCAPE}; cat /proc/self/cgroup; exit 7"));
    let pids = world.pids("pid");
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.n_leftovers), (ExitKind::Code(7), 1), "{exit:?}");
    assert!(!lives(pids[0]));
    assert!(exit.output.contains(&format!("/{launch}.")), "{}", exit.output);
    assert!(exit.usage.unwrap().cpu_us.unwrap() > 0);
    assert_eq!(given.groups(), Vec::<PathBuf>::new(), "it goes with the attempt");
}

#[test]
fn a_stop_command_is_in_the_group_and_a_stop_ends_all_of_it() {
    let Some(given) = Given::new("stop") else { return };
    let mut world = given.world();
    world.pipe("pid");
    let launch = world.launch(&["/bin/sh", "-c", &format!("{ESCAPE}; trap '' TERM; sleep 1000")], |process| {
        let command = ["/bin/sh", "-c", "cat /proc/self/cgroup"].map(str::to_owned).to_vec();
        process.stop = Some(Stop { command, timeout: Duration::from_secs(3_600) });
        process.kill_grace = Duration::from_millis(20);
    });
    let pids = world.pids("pid");
    world.stop(launch);
    assert_eq!(world.exit(launch).kind, ExitKind::Stopped(StopReason::Cancel));
    assert!(!lives(pids[0]));
    let lines = world.log(&format!("logs/{launch}.log"));
    let in_group = |text: &[u8]| String::from_utf8_lossy(text).contains(&format!("/{launch}."));
    assert!(lines.iter().any(|(stream, _, text)| *stream == "runner" && in_group(text)), "{lines:?}");
}

#[test]
fn the_next_runner_kills_by_the_group_that_the_journal_names() {
    let Some(given) = Given::new("next") else { return };
    let mut world = given.world();
    world.pipe("pid");
    let launch = world.sh(&format!("{ESCAPE}; exec env -i sleep 1000"));
    let pids = world.pids("pid");
    // The first process is not known either: its runner died before it could be written down.
    let path = world.state_dir().join("runner/journal");
    let connected = world.restart_with(|| {
        let journal = std::fs::read_to_string(&path).unwrap();
        let without: Vec<&str> = journal.lines().filter(|line| !line.contains("spawned")).collect();
        std::fs::write(&path, without.join("\n") + "\n").unwrap();
    });
    let exit = match connected.ended.into_iter().find(|(ended, _)| *ended == launch) {
        Some((_, exit)) => exit,
        None => world.exit(launch),
    };
    assert_eq!(exit.kind, ExitKind::Lost);
    assert!(!lives(pids[0]));
    assert_eq!(given.groups(), Vec::<PathBuf>::new());
}

#[test]
fn what_may_stay_keeps_its_group_until_it_ends() {
    let Some(given) = Given::new("leave") else { return };
    let mut world = given.world();
    world.pipe("pid");
    let launch = world.launch(&["/bin/sh", "-c", ESCAPE], |process| process.leftovers = Leftovers::Leave);
    let pids = world.pids("pid");
    assert_eq!(world.exit(launch).kind, ExitKind::Code(0));
    assert!(lives(pids[0]));
    assert_eq!(given.groups().len(), 1);
    kill(pids[0]);
    while lives(pids[0]) {
        std::thread::yield_now();
    }
    let last = world.sh("exit 0");
    world.exit(last);
    assert_eq!(given.groups(), Vec::<PathBuf>::new());
}

#[test]
fn a_launch_that_cannot_be_leaves_no_group_and_a_limit_that_cannot_be_held_starts_none() {
    let Some(given) = Given::new("never") else { return };
    let mut world = given.world();
    let launch = world.launch(&["/no/such/program"], |_| {});
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.error.as_deref()), (ExitKind::NotStarted, Some("`/no/such/program` not found")));
    assert_eq!(given.groups(), Vec::<PathBuf>::new());
    drop(world);
    let mut world = World::new();
    for (change, name) in [
        ((|limits| limits.memory = Some(1 << 30)) as fn(&mut campanile::model::definition::Limits), "memory"),
        (|limits| limits.cpu_millis = Some(500), "cpu"),
        (|limits| limits.pids = Some(100), "pids"),
    ] {
        let launch = world.launch(&["/bin/true"], |process| change(&mut process.limits));
        let exit = world.exit(launch);
        let expected = format!("`limits.{name}` needs the cgroup controller `{name}`, and the runner has no cgroup");
        assert!(exit.kind == ExitKind::NotStarted && exit.error.as_ref().unwrap().starts_with(&expected), "{exit:?}");
    }
}

#[test]
fn what_is_no_group_is_refused() {
    let _turn = turn();
    let state = tempfile::tempdir().unwrap();
    let config = campanile::runner::Config {
        cgroup: Cgroup::At(state.path().to_owned()),
        ..campanile::runner::Config::of(state.path().to_owned())
    };
    let said = Runner::start(config, |_| {}).err().unwrap().to_string();
    assert!(said.contains("is no cgroup that can be divided"), "{said}");
}

#[test]
fn a_runner_that_is_alone_in_its_group_divides_it_and_leaves_it() {
    let Some(given) = Given::new("auto") else { return };
    let state = tempfile::tempdir().unwrap();
    let script = format!("echo $$ > {}/cgroup.procs; exec \"$0\" runner --state \"$1\"", given.0.display());
    #[expect(clippy::disallowed_methods, reason = "a black-box test starts the binary")]
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_campanile")]).arg(state.path()).stderr(std::process::Stdio::piped());
    let mut runner = shell.spawn().unwrap();
    let said = std::io::BufReader::new(runner.stderr.take().unwrap());
    let line = std::io::BufRead::lines(said).next().unwrap().unwrap();
    assert!(line.contains("listening on"), "{line}");
    let group = std::fs::read_to_string(format!("/proc/{}/cgroup", runner.id())).unwrap();
    assert!(group.lines().any(|line| line.starts_with("0::") && line.ends_with("-auto/supervisor")), "{group}");
    runner.kill().unwrap();
    runner.wait().unwrap();
}
