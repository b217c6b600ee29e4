//! What a process is made to be before it becomes its program.

use campanile::model::definition::{Limits, Stop};
use campanile::model::duration::Duration;
use campanile::model::exit::{ExitKind, StopReason};

use super::world::World;

/// All that makes a process go by way of our own program, and changes nothing that is seen here.
fn made(process: &mut campanile::model::process::Process) {
    process.umask = Some(0o022);
}

#[test]
fn limits_and_niceness_are_set_and_everything_else_is_as_without() {
    let mut world = World::new();
    let script = "ulimit -n; ulimit -Hn; ulimit -St; ulimit -Ht; ulimit -f; ulimit -c; ulimit -v; nice";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| {
        process.nice = Some(7);
        process.limits = Limits {
            open_files: Some(77),
            cpu_time: Some(Duration::from_millis(41_500)),
            file_size: Some(1 << 20),
            core: Some(0),
            address_space: Some(1 << 30),
            ..Limits::default()
        };
    });
    assert_eq!(world.exit(launch).output, "77\n77\n42\n43\n2048\n0\n1048576\n7\n");
    let status =
        "grep -E '^(Sig(Blk|Ign)|Groups|Uid|Gid|CapPrm|NoNewPrivs)' /proc/self/status; ls /proc/self/fd; env | sort";
    let outputs: Vec<String> = [false, true]
        .into_iter()
        .map(|by_way| {
            let mut process = world.process(&["/bin/sh", "-c", status]);
            process.env.clear();
            if by_way {
                made(&mut process);
            }
            let (launch, mark) = (process.launch, format!("/{}\n", process.launch));
            world.client().launch(process);
            world.exit(launch).output.replace(&mark, "/N\n")
        })
        .collect();
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn a_limit_that_is_reached_ends_the_process_and_one_beyond_ours_starts_none() {
    let mut world = World::new();
    let spin = |process: &mut campanile::model::process::Process| {
        process.limits.cpu_time = Some(Duration::from_millis(1));
    };
    let launch = world.launch(&["/bin/sh", "-c", "while :; do :; done"], spin);
    assert_eq!(world.exit(launch).kind, ExitKind::Signal(24));
    let launch = world.launch(&["/bin/sh", "-c", "trap '' XCPU; while :; do :; done"], spin);
    assert_eq!(world.exit(launch).kind, ExitKind::Signal(9));
    let launch = world.launch(&["/bin/true"], |process| process.limits.open_files = Some(1 << 40));
    let exit = world.exit(launch);
    let error = exit.error.unwrap();
    assert!(error.starts_with("`limits.open_files` is 1099511627776, and the runner itself has "), "{error}");
    assert_eq!((exit.kind, exit.started_at), (ExitKind::NotStarted, None));
}

#[test]
fn why_it_was_not_started_is_said_though_it_may_write_nothing_and_shows_no_secret() {
    let mut world = World::new();
    let launch = world.launch(&["/no/such/swordfish"], |process| {
        process.limits.file_size = Some(0);
        process.masked = vec!["swordfish".to_owned()];
    });
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.error.as_deref()), (ExitKind::NotStarted, Some("`/no/such/***` not found")));
}

#[test]
fn what_rules_the_loader_reaches_the_program_and_not_what_comes_before_it() {
    let mut world = World::new();
    let launch = world.launch(&["/bin/true"], |process| {
        made(process);
        process.env.insert("LD_PRELOAD".to_owned(), "/no/such/library".into());
    });
    world.exit(launch);
    let complaints = world.log(&format!("logs/{launch}.log"));
    assert_eq!(complaints.len(), 1, "each program that begins with it complains: {complaints:?}");
}

#[test]
fn a_stop_command_is_made_to_be_the_same_and_says_why_it_cannot() {
    let mut world = World::new();
    for (command, expected) in [
        (vec!["/bin/sh", "-c", "ulimit -n"], "77"),
        (vec!["/no/such/program"], "the stop command cannot be run: `/no/such/program` not found"),
    ] {
        let gate = format!("ready{}", command.len());
        world.pipe(&gate);
        let launch = world.launch(&["/bin/sh", "-c", &format!("echo $$ > {gate}; exec sleep 1000")], |process| {
            process.limits.open_files = Some(77);
            let command = command.into_iter().map(str::to_owned).collect();
            process.stop = Some(Stop { command, timeout: Duration::from_secs(3_600) });
        });
        world.pids(&gate);
        world.stop(launch);
        assert_eq!(world.exit(launch).kind, ExitKind::Stopped(StopReason::Cancel));
        let lines = world.log(&format!("logs/{launch}.log"));
        let texts: Vec<_> = lines.iter().map(|(_, _, text)| String::from_utf8_lossy(text).into_owned()).collect();
        assert_eq!(texts, [expected]);
    }
}
