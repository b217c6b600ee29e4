//! Processes outlive the daemon: it may be stopped or killed, the next one follows them and has their real exits. What
//! outlives the runner is ended by the next.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::world::{Daemon, World, lives, read_pipe, signal, until_gone};

/// Says which process it is, and ends as it is told.
const TOLD: &str = "shell = 'echo $$ > {here}/pipe; echo begun; read code < {here}/go; echo told $code; exit $code'\n";

/// A daemon with such a task, its run, and the process.
fn begun(world: &World) -> (Daemon, String, i32) {
    let pipe = world.pipe("pipe");
    world.pipe("go");
    world.job("told", TOLD);
    let daemon = world.daemon();
    let run = world.start("told");
    let pid = read_pipe(&pipe).trim().parse().unwrap();
    (daemon, run, pid)
}

#[track_caller]
fn is_attempt(run: &Value, attempt: u32, exit_code: i32) {
    let task = &run["tasks"][0];
    assert_eq!((&task["attempt"], &task["exit_code"]), (&attempt.into(), &exit_code.into()), "{run}");
}

#[test]
fn a_task_outlives_a_daemon_that_is_killed_and_the_next_one_follows_it() {
    let world = World::new();
    let (daemon, run, pid) = begun(&world);
    daemon.kill();
    let daemon = world.daemon();
    assert!(lives(&pid.to_string()));
    assert_eq!(world.json(&["run", &run])["state"], "running");
    std::fs::write(world.path("go"), "3\n").unwrap();
    let ended = world.ended(&run);
    is_attempt(&ended, 1, 3);
    assert_eq!(ended["tasks"][0]["output"], "begun\ntold 3\n");
    let starts = world.ok(&["-o", "jsonl", "events"]).matches("\"task.started\"").count();
    assert_eq!(starts, 1, "no second start");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_ended_while_no_daemon_was_there_is_settled_with_its_real_exit() {
    for code in [0, 3] {
        let world = World::new();
        let (daemon, run, pid) = begun(&world);
        assert_eq!(daemon.stop(), 0);
        std::fs::write(world.path("go"), format!("{code}\n")).unwrap();
        until_gone(pid);
        let daemon = world.daemon();
        is_attempt(&world.ended(&run), 1, code);
        assert!(world.ok(&["logs", &run]).contains(&format!("told {code}")));
        assert_eq!(daemon.stop(), 0);
    }
}

#[test]
fn a_timeout_its_grace_and_the_cap_of_output_hold_while_no_daemon_is_there() {
    let world = World::new();
    let pipe = world.pipe("pipe");
    // Deaf to TERM, and it writes more than is kept once the daemon is gone.
    let shell = "trap : TERM; echo $$ > {here}/pipe; cat {here}/go; yes | head -c 3000000; while :; do sleep 600; done";
    let limits = "timeout = '1s'\nkill_grace = '200ms'\nmax_output = '64KiB'\n";
    let go = world.pipe("go");
    world.job("slow", &format!("shell = \"{shell}\"\n{limits}"));
    let daemon = world.daemon();
    let run = world.start("slow");
    let pid = read_pipe(&pipe).trim().parse().unwrap();
    daemon.kill();
    std::fs::write(&go, "").unwrap();
    until_gone(pid);
    let daemon = world.daemon();
    assert_eq!(world.ended(&run)["outcome"], "timeout");
    let log = world.ok(&["logs", &run]);
    assert!(log.starts_with("y\ny\n") && log.len() < 64 << 10, "{} bytes", log.len());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_shell_hook_outlives_the_daemon_too_and_is_called_once() {
    let world = World::new();
    let (pipe, go) = (world.pipe("pipe"), world.pipe("go"));
    let here = world.path("").display().to_string();
    world.settings(&format!(
        "[[hooks]]\non = [\"workflow.failed\"]\nshell = 'echo called >> {here}/calls; echo $$ > {here}/pipe; read x < {here}/go'\n"
    ));
    world.job("nightly", "shell = 'exit 3'\n");
    let daemon = world.daemon();
    world.start("nightly");
    read_pipe(&pipe);
    daemon.kill();
    let daemon = world.daemon();
    std::fs::write(&go, "on\n").unwrap();
    world.until(&["deliveries"], |deliveries| deliveries[0]["state"] == "delivered");
    assert_eq!(std::fs::read_to_string(world.path("calls")).unwrap(), "called\n");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_a_killed_runner_leaves_is_ended_before_it_is_tried_again() {
    let world = World::new();
    let (daemon, run, pid) = begun(&world);
    let runner = world.runner().unwrap();
    signal(runner.unsigned_abs(), Signal::SIGKILL);
    let second = read_pipe(&world.path("pipe"));
    assert!(!lives(&pid.to_string()), "the first attempt lives beside the second");
    assert_ne!(world.runner(), Some(runner));
    assert_ne!(second.trim(), pid.to_string());
    std::fs::write(world.path("go"), "0\n").unwrap();
    is_attempt(&world.ended(&run), 2, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_ran_is_not_sent_again_to_a_runner_that_has_lost_its_journal() {
    let world = World::new();
    let (daemon, run, pid) = begun(&world);
    // What the daemon has not heard to have begun, it must take for lost on the way.
    world.events().event("task.started", "told");
    daemon.kill();
    let runner = world.runner().unwrap();
    for dies in [runner, pid] {
        signal(dies.unsigned_abs(), Signal::SIGKILL);
        until_gone(dies);
    }
    std::fs::remove_file(world.path("state/runner/journal")).unwrap();
    let daemon = world.daemon();
    read_pipe(&world.path("pipe"));
    std::fs::write(world.path("go"), "0\n").unwrap();
    is_attempt(&world.ended(&run), 2, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_runner_that_is_told_to_end_interrupts_what_runs() {
    let world = World::new();
    let (daemon, run, pid) = begun(&world);
    world.end_runner();
    assert!(!lives(&pid.to_string()));
    read_pipe(&world.path("pipe"));
    std::fs::write(world.path("go"), "0\n").unwrap();
    is_attempt(&world.ended(&run), 2, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_runner_that_is_stopped_changes_nothing_but_time() {
    let world = World::new();
    let (daemon, run, _) = begun(&world);
    let runner = world.runner().unwrap().unsigned_abs();
    signal(runner, Signal::SIGSTOP);
    let waiting = world.ok(&["submit", "--", "sh", "-c", "exit 4"]).trim().to_owned();
    assert_eq!(daemon.stop(), 0);
    std::fs::write(world.path("go"), "3\n").unwrap();
    // It connects, and has no answer.
    let daemon = world.daemon();
    assert_eq!(world.json(&["status"])["runner"]["connected"], false);
    signal(runner, Signal::SIGCONT);
    is_attempt(&world.ended(&run), 1, 3);
    is_attempt(&world.ended(&waiting), 1, 4);
    assert_eq!(world.runner().map(i32::unsigned_abs), Some(runner));
    let stat = std::fs::read_to_string(format!("/proc/{runner}/stat")).unwrap();
    let session = stat.rsplit(") ").next().unwrap().split(' ').nth(3).unwrap();
    assert_eq!(session, runner.to_string(), "it leads a session, so that no terminal signals it");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_that_is_stopped_changes_nothing_but_time() {
    let world = World::new();
    let (daemon, run, pid) = begun(&world);
    let slow = world.pipe("slow");
    world.job("slow", "shell = 'echo $$ > {here}/slow; sleep 600'\ntimeout = '300ms'\n");
    world.ok(&["reload"]);
    let timed = world.start("slow");
    let timed_pid = read_pipe(&slow).trim().parse().unwrap();
    daemon.signal(Signal::SIGSTOP);
    until_gone(timed_pid);
    std::fs::write(world.path("go"), "3\n").unwrap();
    until_gone(pid);
    daemon.signal(Signal::SIGCONT);
    assert_eq!(world.ended(&timed)["outcome"], "timeout");
    is_attempt(&world.ended(&run), 1, 3);
    assert_eq!(daemon.stop(), 0);
}

/// A daemon that is to use the runner at `runner.sock` in this world.
fn daemon_without(world: &World) -> Daemon {
    let mut words = world.daemon_words();
    words.env("CAMPANILE_RUNNER_SOCKET", world.path("runner.sock"));
    let mut daemon = Daemon::spawn(words);
    daemon.until(" ready ");
    daemon
}

#[test]
fn without_a_runner_nothing_is_claimed_and_the_status_says_so() {
    let world = World::new();
    world.job("quick", "command = ['true']\n");
    let daemon = daemon_without(&world);
    let run = world.start("quick");
    let status = world.until(&["status"], |status| status["runner"]["connected"] == false);
    assert!(status["runner"]["error"].as_str().unwrap().contains("runner.sock"), "{status}");
    assert_eq!(status["tasks"]["queued"], 1);
    assert!(world.ok(&["status"]).contains("nothing is started until there is one"));
    assert_eq!(world.json(&["run", &run])["state"], "queued");

    let mut words = world.campanile();
    words.args(["runner", "--state", "state", "--socket", "runner.sock"]);
    let mut runner = Daemon::spawn(words);
    runner.until("listening");
    assert_eq!(world.ended(&run)["state"], "completed");
    assert_eq!(world.json(&["status"])["runner"], serde_json::json!({ "connected": true, "error": null }));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(runner.stop(), 0);
}

#[test]
fn a_new_store_goes_on_with_the_runner_that_served_the_old_one() {
    let world = World::new();
    let (daemon, _, pid) = begun(&world);
    daemon.kill();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(world.path(&format!("state/campanile.db{end}")));
    }
    let daemon = world.daemon();
    until_gone(pid);
    let run = world.ok(&["submit", "--", "sh", "-c", "exit 4"]).trim().to_owned();
    is_attempt(&world.ended(&run), 1, 4);
    assert_eq!(daemon.stop(), 0);
}

fn frame(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn unframe(stream: &mut UnixStream) -> String {
    let mut head = [0; 4];
    stream.read_exact(&mut head).unwrap();
    let mut text = vec![0; u32::from_be_bytes(head) as usize];
    stream.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_daemon_that_speaks_no_version_of_the_runner_s_is_refused_and_changes_nothing() {
    let world = World::new();
    let (daemon, run, pid) = begun(&world);
    let mut stranger = UnixStream::connect(world.path("state/runner/socket")).unwrap();
    stranger.write_all(&frame(r#"{"hello":{"epoch":99999999999999999,"oldest":98,"newest":99,"folder":""}}"#)).unwrap();
    assert_eq!(
        unframe(&mut stranger),
        r#"{"refused":{"why":"the daemon speaks versions 98 to 99, the runner 1 to 1"}}"#
    );
    assert_eq!(stranger.read(&mut [0]).unwrap(), 0, "and is hung up on");
    let mut late = UnixStream::connect(world.path("state/runner/socket")).unwrap();
    let folder = campanile::runner::protocol::place(&world.path("state")).unwrap();
    late.write_all(&frame(&format!(r#"{{"hello":{{"epoch":1,"oldest":1,"newest":1,"folder":"{folder}"}}}}"#))).unwrap();
    assert!(unframe(&mut late).contains("another daemon was heard"));
    let mut far = UnixStream::connect(world.path("state/runner/socket")).unwrap();
    let hello = format!(r#"{{"hello":{{"epoch":{},"oldest":1,"newest":1,"folder":"{folder}"}}}}"#, u64::MAX);
    far.write_all(&frame(&hello)).unwrap();
    assert!(unframe(&mut far).contains("far from now"));
    let mut other = UnixStream::connect(world.path("state/runner/socket")).unwrap();
    other.write_all(&frame(r#"{"hello":{"epoch":1,"oldest":1,"newest":1,"folder":"0:1"}}"#)).unwrap();
    assert!(unframe(&mut other).contains("another state folder"));
    for nonsense in ["", "{}", "\u{0}", r#"{"launch":5}"#] {
        let mut stranger = UnixStream::connect(world.path("state/runner/socket")).unwrap();
        stranger.write_all(&frame(nonsense)).unwrap();
        assert_eq!(stranger.read(&mut [0]).unwrap(), 0, "{nonsense:?}");
    }
    assert!(lives(&pid.to_string()));
    std::fs::write(world.path("go"), "0\n").unwrap();
    is_attempt(&world.ended(&run), 1, 0);
    assert_eq!(daemon.stop(), 0);
}

fn is_refused(world: &World, socket: &str, daemon: impl FnOnce(&World) -> Daemon) {
    let listener = UnixListener::bind(world.path(socket)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert!(unframe(&mut stream).starts_with(r#"{"hello":{"epoch":"#));
            let answer = r#"{"refused":{"why":"the daemon speaks versions 1 to 1, the runner 7 to 9"}}"#;
            stream.write_all(&frame(answer)).unwrap();
        }
    });
    let daemon = daemon(world);
    let is_named = |status: &Value| status["runner"]["error"].to_string().contains("the runner 7 to 9");
    world.until(&["status"], is_named);
    let said = daemon.stop_and_tell();
    assert_eq!(said.iter().filter(|line| line.contains("nothing is started until one is")).count(), 1, "{said:#?}");
}

#[test]
fn a_runner_that_refuses_the_daemon_is_named_with_its_reason() {
    is_refused(&World::new(), "runner.sock", daemon_without);
    let world = World::new();
    std::fs::create_dir_all(world.path("state/runner")).unwrap();
    is_refused(&world, "state/runner/socket", World::daemon);
}
