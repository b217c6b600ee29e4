//! What processes write and read.

use campanile::logs::Follower;
use campanile::model::exit::ExitKind;

use super::world::World;

#[test]
fn both_streams_are_logged_line_by_line_and_stdout_is_captured() {
    let mut world = World::new();
    let launch = world.sh("echo one; echo two >&2; printf 'three\\377'; exit 1");
    let exit = world.exit(launch);
    assert_eq!(exit.output, "one\nthree\u{fffd}");
    let log = exit.log.unwrap();
    let mut lines = world.log(&log.path);
    lines.sort();
    let expected = [("stderr", b"two".to_vec()), ("stdout", b"one".to_vec()), ("stdout", b"three\xff".to_vec())];
    assert_eq!(lines, expected.map(|(stream, text)| (stream, false, text)));
    assert_eq!((log.n_bytes, log.n_dropped), (std::fs::metadata(world.state_dir().join(&log.path)).unwrap().len(), 0));
}

#[test]
fn who_writes_nothing_has_no_log() {
    let mut world = World::new();
    let launch = world.sh("true");
    assert_eq!(world.exit(launch).log, None);
    assert!(!world.state_dir().join("logs").exists());
}

#[test]
fn three_hundred_megabytes_on_one_line_fill_neither_memory_nor_the_log() {
    let mut world = World::new();
    let script = "head -c 300000000 /dev/zero | tr '\\0' x; echo; echo end";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| process.max_output = 1 << 20);
    let exit = world.exit(launch);
    assert_eq!(exit.kind, ExitKind::Code(0));
    assert!(exit.output.len() <= 64 << 10 && exit.output.ends_with("xxx\nend\n"));
    let log = exit.log.unwrap();
    assert!(log.n_bytes <= 1 << 20 && log.n_bytes > 900 << 10, "{log:?}");
    assert!(log.n_bytes + log.n_dropped > 300_000_000);
    let lines = world.log(&log.path);
    assert_eq!(lines.last().unwrap().2, b"end");
    // The other tests of this process have their part in its peak.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    assert!(peak.parse::<u64>().unwrap() < 200 << 10, "{peak} kB");
}

#[test]
fn stdin_is_given_whole_or_is_empty_and_nobody_has_to_read_it() {
    let mut world = World::new();
    let text = "y".repeat(1_000_000);
    for (script, stdin, expected) in [
        ("wc -c | tr -d ' '", Some(text.clone()), "1000000\n"),
        ("cat; echo end", None, "end\n"),
        ("echo unread", Some(text.clone()), "unread\n"),
        ("exec <&-; echo closed", Some(text), "closed\n"),
        ("cat", Some(String::new()), ""),
    ] {
        let launch = world.launch(&["/bin/sh", "-c", script], |process| process.stdin = stdin);
        let exit = world.exit(launch);
        assert_eq!((exit.kind, exit.output.as_str()), (ExitKind::Code(0), expected), "{script}");
    }
}

#[test]
fn a_log_can_be_followed_while_the_process_runs() {
    let mut world = World::new();
    let gate = world.pipe("gate");
    let launch = world.sh("echo first; read _ < gate; echo second");
    let mut follower = Follower::new(world.state_dir().join(format!("logs/{}.log", launch.0)));
    let mut shown = Vec::new();
    while shown.is_empty() {
        shown = follower.read().unwrap();
        std::thread::yield_now();
    }
    assert!(shown.ends_with(b" stdout F first\n"));
    std::fs::write(gate, "\n").unwrap();
    world.exit(launch);
    assert!(follower.read().unwrap().ends_with(b" stdout F second\n"));
}

#[test]
fn a_log_that_cannot_be_written_costs_its_lines_and_nothing_else() {
    let mut world = World::new();
    std::fs::write(world.state_dir().join("logs"), "in the way").unwrap();
    let launch = world.sh("echo kept; exit 4");
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (ExitKind::Code(4), "kept\n"));
    let log = exit.log.unwrap();
    assert!(log.n_bytes == 0 && log.n_dropped > 0, "{log:?}");
}
