//! What becomes of processes that outlive the first one of their attempt.

use campanile::model::definition::Leftovers;
use campanile::model::duration::Duration;
use campanile::model::exit::ExitKind;

use super::world::{World, kill, lives};

#[test]
fn kill_finds_them_in_the_group_and_outside_and_counts_them() {
    let mut world = World::new();
    world.pipe("pids");
    let launch = world.sh("mkfifo go; exec 3> pids
        sleep 1000 3>&- & echo $! >&3
        setsid sh -c 'sleep 1000 3>&- & echo $! $$ >&3; exec 3>&-; echo > go; wait' &
        exec 3>&-; read _ < go; exit 7");
    let pids = world.pids("pids");
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.n_leftovers, exit.error), (ExitKind::Code(7), 3, None));
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0, "{pids:?}");
}

#[test]
fn kill_does_not_touch_another_attempt() {
    let mut world = World::new();
    world.pipe("other");
    let other = world.sh("(setsid sh -c 'echo $$ > other; exec sleep 1000' &); exec sleep 1000");
    let pids = world.pids("other");
    for _ in 0..5 {
        let launch = world.sh("setsid sleep 1000 & exit 0");
        assert_eq!(world.exit(launch).kind, ExitKind::Code(0));
    }
    assert!(lives(pids[0]));
    world.stop(other);
    world.exit(other);
    assert!(!lives(pids[0]));
}

#[test]
fn wait_ends_with_the_last_of_them_and_reads_what_they_write() {
    let mut world = World::new();
    let gate = world.pipe("gate");
    let launch =
        world.launch(&["/bin/sh", "-c", "setsid sh -c 'read _ < gate; echo late' & echo early; exit 3"], |process| {
            process.leftovers = Leftovers::Wait;
        });
    assert!(!world.has_ended(launch));
    std::fs::write(gate, "\n").unwrap();
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str(), exit.n_leftovers), (ExitKind::Code(3), "early\nlate\n", 0));
}

#[test]
fn a_timeout_ends_the_wait_for_them() {
    let mut world = World::new();
    let launch = world.launch(&["/bin/sh", "-c", "setsid sleep 1000 & exit 3"], |process| {
        process.leftovers = Leftovers::Wait;
        process.timeout = Some(Duration::from_millis(100));
    });
    assert_eq!(world.exit(launch).kind, ExitKind::Timeout);
}

#[test]
fn leave_lets_them_live_even_when_they_write() {
    let mut world = World::new();
    let (gate, _) = (world.pipe("gate"), world.pipe("answer"));
    let script = "sh -c 'read _ < gate; echo late; echo $$ > answer; exec sleep 1000' & exit 0";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| process.leftovers = Leftovers::Leave);
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.n_leftovers, exit.output.as_str()), (ExitKind::Code(0), 0, ""));
    std::fs::write(gate, "\n").unwrap();
    let pids = world.pids("answer");
    assert!(lives(pids[0]), "it wrote to a pipe that is still read");
    kill(pids[0]);
}

#[test]
fn a_pipe_that_somebody_holds_does_not_delay_the_exit() {
    let mut world = World::new();
    world.pipe("pid");
    let script = "mkfifo go; setsid env -i /bin/sh -c 'echo $$ > pid; echo > go; exec sleep 1000' &
        read _ < go; echo done";
    let launch = world.sh(script);
    let pids = world.pids("pid");
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (ExitKind::Code(0), "done\n"));
    assert!(lives(pids[0]), "without marks, group and parents nobody finds it; if this fails, say so in the docs");
    kill(pids[0]);
}
