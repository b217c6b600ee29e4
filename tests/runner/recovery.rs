//! What a runner does about what the one before it left. Ending a runner stops nothing, which is all that a kill of it
//! would do to the processes; a journal that names other processes is written by hand.

use campanile::model::exit::{Exit, ExitKind};
use campanile::model::id::Launch;

use super::world::{Connected, World, lives};

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned()
}

/// The exit of a launch, whether it came with the first report or after it.
fn exit(world: &mut World, connected: &Connected, launch: Launch) -> Exit {
    match connected.ended.iter().find(|(ended, _)| *ended == launch) {
        Some((_, exit)) => exit.clone(),
        None => {
            assert_eq!(connected.alive, [launch], "it is said to be alive until it is gone");
            world.exit(launch)
        }
    }
}

#[test]
fn what_was_left_alive_is_killed_and_reported_as_lost() {
    let mut world = World::new();
    world.pipe("pids");
    let launch = world.sh("exec 3> pids; echo $$ >&3; sleep 1000 3>&- & echo $! >&3; echo written
        (setsid sh -c 'echo $$ >&3; exec 3>&-; exec sleep 1000' &); exec 3>&-; exec sleep 1000");
    let pids = world.pids("pids");
    assert!(pids.len() == 3 && pids.iter().all(|pid| lives(*pid)));
    let connected = world.restart();
    assert_eq!(connected.highest, launch);
    let lost = exit(&mut world, &connected, launch);
    assert_eq!(lost.kind, ExitKind::Lost);
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
    assert!(lost.started_at.is_some() && lost.error.is_some());
    let connected = world.restart();
    assert_eq!(connected.ended, [(launch, lost)], "it stays until it is acknowledged");
}

#[test]
fn an_exit_outlives_the_runner_until_it_is_acknowledged_and_its_number_for_ever() {
    let mut world = World::new();
    let first = world.sh("echo ran; exit 6");
    let second = world.sh("exit 0");
    let (exit, _) = (world.exit(first), world.exit(second));
    world.client().acknowledge(vec![second]);
    let connected = world.restart();
    assert_eq!((connected.highest, connected.alive.len()), (second, 0));
    assert_eq!(connected.ended, [(first, exit)]);
    world.client().acknowledge(vec![first]);
    let connected = world.restart();
    assert_eq!((connected.highest, connected.ended.len()), (second, 0));
    let mut again = world.process(&["/bin/true"]);
    again.launch = first;
    world.client().launch(again);
    assert!(!world.has_ended(first), "a number that was seen is never started again");
}

#[test]
fn a_process_that_only_has_the_same_pid_is_not_killed() {
    let ourselves = std::process::id();
    let journal = format!(
        "{{\"opened\":{{\"version\":1,\"boot_id\":\"{}\",\"highest\":8}}}}\n\
         {{\"launched\":{{\"launch\":9,\"marks\":{{\"run\":\"r\",\"task\":\"t\",\"attempt\":\"1\"}},\"log_path\":\"logs/9\"}}}}\n\
         {{\"spawned\":{{\"launch\":9,\"pid\":{ourselves},\"start\":1,\"at\":\"2026-01-01T00:00:00Z\"}}}}\n",
        boot_id()
    );
    let (mut world, connected) = World::with(|state| write_journal(state, &journal));
    assert_eq!(connected.highest, Launch(9));
    assert_eq!(exit(&mut world, &connected, Launch(9)).kind, ExitKind::Lost);
}

#[test]
fn a_launch_that_died_with_its_runner_before_its_pid_was_written_is_found_by_its_mark() {
    let mut world = World::new();
    world.pipe("pids");
    // As bare as a shell hook: nothing of a run, a task or an attempt is in its environment.
    let launch = world.launch(&["/bin/sh", "-c", "echo $$ > pids; exec sleep 1000"], |process| process.env.clear());
    let pids = world.pids("pids");
    let path = world.state_dir().join("runner/journal");
    let journal = std::fs::read_to_string(&path).unwrap();
    let connected = world.restart_with(|| {
        let without: Vec<&str> = journal.lines().filter(|line| !line.contains("spawned")).collect();
        std::fs::write(&path, without.join("\n") + "\n").unwrap();
    });
    assert_eq!(exit(&mut world, &connected, launch).kind, ExitKind::Lost);
    assert!(!lives(pids[0]));
}

#[test]
fn after_a_boot_everything_is_lost_and_nobody_is_killed() {
    let mut world = World::new();
    world.pipe("pids");
    let launch = world.sh("echo $$ > pids; exec sleep 1000");
    let pids = world.pids("pids");
    let path = world.state_dir().join("runner/journal");
    let connected = world.restart_with(|| {
        let journal = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, journal.replace(&boot_id(), "another-boot")).unwrap();
    });
    assert_eq!((connected.ended[0].0, connected.ended[0].1.kind), (launch, ExitKind::Lost));
    assert!(lives(pids[0]), "the number belongs to somebody else now");
    super::world::kill(pids[0]);
}

fn write_journal(state: &std::path::Path, journal: &str) {
    std::fs::create_dir(state.join("runner")).unwrap();
    std::fs::write(state.join("runner/journal"), journal).unwrap();
}
