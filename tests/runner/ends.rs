//! How processes end: by themselves, by a timeout, by a stop.

use campanile::model::duration::Duration;
use campanile::model::exit::{ExitKind, StopReason};

use super::world::{World, lives};

const CANCELLED: ExitKind = ExitKind::Stopped(StopReason::Cancel);

#[test]
fn codes_and_signals_are_reported_as_they_were() {
    let mut world = World::new();
    for (script, expected) in [
        ("exit 0", ExitKind::Code(0)),
        ("exit 3", ExitKind::Code(3)),
        ("exit 255", ExitKind::Code(255)),
        ("kill -KILL $$", ExitKind::Signal(9)),
        ("kill -TERM $$", ExitKind::Signal(15)),
        ("kill -40 $$", ExitKind::Signal(40)),
    ] {
        let launch = world.sh(script);
        let exit = world.exit(launch);
        assert_eq!((exit.kind, exit.error, exit.n_leftovers), (expected, None, 0), "{script}");
    }
}

#[test]
fn a_timeout_kills_what_ignores_term() {
    let mut world = World::new();
    let launch = world.launch(&["/bin/sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"], |process| {
        process.timeout = Some(Duration::from_millis(100));
        process.kill_grace = Duration::from_millis(50);
    });
    let exit = world.exit(launch);
    assert_eq!(exit.kind, ExitKind::Timeout);
    assert!(exit.ended_at.since(exit.started_at.unwrap()) >= Duration::from_millis(100));
    assert!(exit.ended_at.since(exit.started_at.unwrap()) < Duration::from_secs(30));
}

#[test]
fn who_ends_well_within_the_grace_was_still_stopped_and_hears_term_once() {
    let mut world = World::new();
    world.pipe("ready");
    let launch = world.sh("trap 'echo term' TERM; (echo > ready; exec sleep 1000) & wait; wait; echo bye; exit 0");
    world.pids("ready");
    world.stop(launch);
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (CANCELLED, "term\nbye\n"));
}

#[test]
fn a_stopped_process_is_woken_to_hear_term() {
    let mut world = World::new();
    world.pipe("ready");
    let launch = world.sh("(kill -STOP $$; echo > ready) & wait; wait");
    world.pids("ready");
    world.stop(launch);
    assert_eq!(world.exit(launch).kind, CANCELLED);
}

#[test]
fn the_tree_is_stopped_wherever_it_went() {
    let mut world = World::new();
    world.pipe("pids");
    let launch = world.launch(
        &[
            "/bin/sh",
            "-c",
            "exec 3> pids; trap '' TERM
            setsid env -i /bin/sh -c 'echo $$ >&3; exec 3>&-; sleep 1000' &
            (setsid /bin/sh -c 'sleep 1000 3>&- & echo $! $$ >&3; exec 3>&-; wait' &)
            exec 3>&-; wait",
        ],
        |process| process.kill_grace = Duration::ZERO,
    );
    let pids = world.pids("pids");
    assert_eq!(pids.len(), 3);
    world.stop(launch);
    assert_eq!(world.exit(launch).kind, CANCELLED);
    assert_eq!(pids.into_iter().filter(|pid| lives(*pid)).count(), 0);
}

#[test]
fn a_tree_that_forks_while_it_is_killed_is_gone_too() {
    let mut world = World::new();
    world.pipe("ready");
    let script = "trap '' TERM; exec 3> ready; i=0; while [ $i -lt 300 ]; do setsid sleep 1000 3>&- & i=$((i + 1))
        if [ $i = 20 ]; then exec 3>&-; fi; done; wait";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| process.kill_grace = Duration::ZERO);
    world.pids("ready");
    world.stop(launch);
    assert_eq!(world.exit(launch).kind, CANCELLED);
    let mark = format!("CAMPANILE_RUN_ID={}-{}\0", world.state_dir().display(), launch.0);
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let environs = all.filter_map(|folder| std::fs::read(folder.path().join("environ")).ok());
    assert_eq!(environs.filter(|environ| String::from_utf8_lossy(environ).contains(&mark)).count(), 0);
}

#[test]
fn a_launch_is_stopped_before_it_begins_or_after_it_ended_without_harm() {
    let mut world = World::new();
    let launch = world.sh("exit 5");
    assert_eq!(world.exit(launch).kind, ExitKind::Code(5));
    world.stop(launch);
    world.stop(campanile::model::id::Launch(999));
    let many: Vec<_> = (0..20).map(|_| world.sh("sleep 1000")).collect();
    for launch in &many {
        world.stop(*launch);
    }
    for launch in many {
        assert_eq!(world.exit(launch).kind, CANCELLED);
    }
}

#[test]
fn a_number_seen_before_starts_nothing_and_repeats_its_exit_until_that_is_acknowledged() {
    let mut world = World::new();
    let launch = world.sh("echo x >> runs");
    let exit = world.exit(launch);
    let mut again = world.process(&["/bin/sh", "-c", "echo x >> runs"]);
    again.launch = launch;
    world.client().launch(again.clone());
    assert_eq!(world.exit(launch), exit);
    world.client().acknowledge(vec![launch]);
    world.client().launch(again);
    assert!(!world.has_ended(launch));
    assert_eq!(std::fs::read_to_string(world.dir().join("runs")).unwrap(), "x\n");
}

#[test]
fn a_stop_in_a_hurry_overtakes_the_grace_of_the_one_before() {
    let mut world = World::new();
    world.pipe("ready");
    let script = "trap '' TERM; setsid sleep 1000 & echo $$ $! > ready; wait; wait";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| process.kill_grace = Duration::from_secs(3_600));
    let pids = world.pids("ready");
    world.stop(launch);
    assert!(!world.has_ended(launch), "its grace is an hour");
    world.client().stop(launch, StopReason::Drain, Some(Duration::ZERO));
    let exit = world.exit(launch);
    assert_eq!(exit.kind, CANCELLED, "the hurry changes nothing about why");
    assert_eq!(pids.into_iter().filter(|pid| lives(*pid)).count(), 0);
}
