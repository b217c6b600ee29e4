//! Stop commands: what is run before TERM.

use campanile::model::definition::Stop;
use campanile::model::duration::Duration;
use campanile::model::exit::{ExitKind, StopReason};
use campanile::model::id::Launch;

use super::world::{World, lives};

const CANCELLED: ExitKind = ExitKind::Stopped(StopReason::Cancel);
const HOUR: Duration = Duration::from_secs(3_600);

fn stop(script: &str, timeout: Duration) -> Option<Stop> {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Some(Stop { command, timeout })
}

/// A task that tells when it runs and ends well by TERM.
fn task(world: &mut World, stop: Option<Stop>, change: impl FnOnce(&mut campanile::model::process::Process)) -> Launch {
    world.pipe("ready");
    let script = "trap 'echo term; exit 0' TERM; echo > ready; while :; do sleep 1000 & wait $!; done";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| {
        process.stop = stop;
        change(process);
    });
    world.pids("ready");
    launch
}

fn runner_lines(world: &World, launch: Launch) -> Vec<String> {
    let log = world.log(&format!("logs/{}.log", launch.0));
    let lines = log.into_iter().filter(|line| line.0 == "runner");
    lines.map(|line| String::from_utf8(line.2).unwrap()).collect()
}

#[test]
fn it_runs_before_term_with_the_environment_and_folder_of_the_task_and_into_its_log() {
    let mut world = World::new();
    let asked = stop("echo asked $A; pwd >&2; echo hunter2; touch asked", HOUR);
    let launch = task(&mut world, asked, |process| {
        process.env.insert("A".to_owned(), "b".into());
        process.masked = vec!["hunter2".to_owned()];
    });
    world.stop(launch);
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (CANCELLED, "term\n"), "its output is not the output of the task");
    let here = world.dir().display().to_string();
    assert_eq!(runner_lines(&world, launch), ["asked b".to_owned(), here, "***".to_owned()]);
    assert!(world.dir().join("asked").exists());
}

#[test]
fn an_attempt_that_it_ends_needs_no_term() {
    let mut world = World::new();
    let launch = task(&mut world, stop("kill -KILL $(cat pid); echo done", HOUR), |process| {
        process.argv[2] = "echo $$ > pid; echo > ready; exec sleep 1000".to_owned();
    });
    world.stop(launch);
    let exit = world.exit(launch);
    assert_eq!((exit.kind, runner_lines(&world, launch)), (CANCELLED, vec!["done".to_owned()]));
}

#[test]
fn its_time_is_bounded_and_it_is_killed_with_the_tree() {
    let mut world = World::new();
    let asked = stop("trap '' TERM; echo $$ > asker; sleep 1000", Duration::from_millis(200));
    let launch = task(&mut world, asked, |process| process.kill_grace = Duration::from_millis(200));
    world.stop(launch);
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (CANCELLED, "term\n"));
    assert_eq!(world.pids("asker").into_iter().filter(|pid| lives(*pid)).count(), 0);
}

#[test]
fn who_asks_again_does_not_wait_for_it() {
    let mut world = World::new();
    world.pipe("asking");
    let launch = task(&mut world, stop("echo $$ > asking; exec sleep 1000", HOUR), |_| {});
    world.stop(launch);
    let asker = world.pids("asking");
    world.stop(launch);
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (CANCELLED, "term\n"));
    assert!(!lives(asker[0]));
}

#[test]
fn without_any_grace_there_is_no_time_for_it() {
    let mut world = World::new();
    let launch = task(&mut world, stop("touch asked", HOUR), |_| {});
    world.client().stop(launch, StopReason::Drain, Some(Duration::ZERO));
    assert_eq!(world.exit(launch).kind, ExitKind::Stopped(StopReason::Drain));
    assert!(!world.dir().join("asked").exists());
}

#[test]
fn a_timeout_and_a_drain_ask_too() {
    let mut world = World::new();
    let launch =
        task(&mut world, stop("echo asked", HOUR), |process| process.timeout = Some(Duration::from_millis(300)));
    assert_eq!(world.exit(launch).kind, ExitKind::Timeout);
    assert_eq!(runner_lines(&world, launch), ["asked"]);
    std::fs::remove_file(world.dir().join("ready")).unwrap();
    let launch = task(&mut world, stop("echo asked", HOUR), |_| {});
    world.client().stop(launch, StopReason::Drain, None);
    assert_eq!(world.exit(launch).kind, ExitKind::Stopped(StopReason::Drain));
    assert_eq!(runner_lines(&world, launch), ["asked"]);
}

#[test]
fn one_that_cannot_be_run_says_so_and_term_follows() {
    let mut world = World::new();
    let missing = Some(Stop { command: vec!["/no/such/program".to_owned()], timeout: HOUR });
    let launch = task(&mut world, missing, |_| {});
    world.stop(launch);
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (CANCELLED, "term\n"));
    assert_eq!(runner_lines(&world, launch), ["the stop command cannot be run: `/no/such/program` not found"]);
}

#[test]
fn who_ends_by_itself_is_not_asked() {
    let mut world = World::new();
    let launch = world.launch(&["/bin/true"], |process| process.stop = stop("touch asked", HOUR));
    assert_eq!(world.exit(launch).kind, ExitKind::Code(0));
    assert!(!world.dir().join("asked").exists());
}
