//! TERM where nothing is left behind (`on_stop = "drain"`): what runs may finish, what may not is interrupted and goes on
//! with the next daemon, and twice means at once.

use nix::sys::signal::Signal;

use crate::world::{World, lives, read_pipe, signal};

/// The first attempt says that it runs and goes on for ever; any other is done at once.
const LONG_TASK: &str = r#"
shell = 'if [ "$CAMPANILE_ATTEMPT" = 1 ]; then echo here > {here}/pipe; sleep 600; fi; echo "attempt $CAMPANILE_ATTEMPT"'
"#;

#[test]
fn what_runs_may_finish_and_nothing_more_is_started() {
    let world = World::new();
    world.settings("on_stop = \"drain\"\n");
    let pipe = world.pipe("pipe");
    world.job("slow", "shell = 'cat {here}/pipe; sleep 2'\n");
    let mut daemon = world.daemon();
    world.start("slow");
    world.events().event("task.started", "slow");
    daemon.signal(Signal::SIGTERM);
    daemon.until("nothing more is claimed");
    let mut events = world.events();
    events.until(|event| event["type"] == "daemon.stopping");
    world.ctl(&["start", "slow", "--force"]).with(6);
    world.ctl(&["submit", "--", "true"]).with(6);
    std::fs::write(&pipe, "finished\n").unwrap();
    assert_eq!(daemon.exit(), 0);

    let daemon = world.daemon();
    let run = world.json(&["run", "slow#1"]);
    assert_eq!((&run["state"], &run["output"]), (&"completed".into(), &"finished\n".into()));
    assert_eq!(run["tasks"][0]["attempt"], 1);
    assert_eq!(world.json(&["runs"]).as_array().unwrap().len(), 1);
    assert_eq!(daemon.stop(), 0);
}

fn interrupted_by(settings: &str, stop: impl FnOnce(&mut crate::world::Daemon)) {
    let world = World::new();
    world.settings(settings);
    let pipe = world.pipe("pipe");
    world.job("long", LONG_TASK);
    let mut daemon = world.daemon();
    let run = world.start("long");
    read_pipe(&pipe);
    stop(&mut daemon);
    assert_eq!(daemon.exit(), 0);

    let daemon = world.daemon();
    let run = world.ended(&run);
    let task = &run["tasks"][0];
    assert_eq!((&run["state"], &run["outcome"]), (&"completed".into(), &"success".into()), "{run}");
    assert_eq!((&task["attempt"], &task["max_attempts"]), (&2.into(), &1.into()), "{run}");
    assert_eq!(task["output"], "attempt 2\n");
    let events = world.ok(&["-o", "jsonl", "events"]);
    assert!(!events.contains("task.failed"), "{events}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_task_that_cannot_be_waited_for_is_interrupted_and_goes_on_with_the_next_daemon() {
    interrupted_by("on_stop = \"drain\"\ndrain_timeout = \"0s\"\n", |daemon| daemon.signal(Signal::SIGTERM));
}

#[test]
fn a_second_signal_stops_at_once() {
    interrupted_by("on_stop = \"drain\"\ndrain_timeout = \"1h\"\n", |daemon| {
        daemon.signal(Signal::SIGTERM);
        daemon.until("a second signal stops at once");
        daemon.signal(Signal::SIGTERM);
    });
}

/// Does not heed TERM; its grace is longer than any test.
const DEAF_TASK: &str = r#"
shell = "trap '' TERM; echo $$ > {here}/pipe; while :; do sleep 600; done"
kill_grace = "1h"
"#;

#[test]
fn a_second_signal_kills_what_does_not_heed_the_first_and_waits_for_it() {
    for drain_timeout in ["1h", "0s"] {
        let world = World::new();
        world.settings(&format!("on_stop = \"drain\"\ndrain_timeout = \"{drain_timeout}\"\n"));
        let pipe = world.pipe("pipe");
        world.job("deaf", DEAF_TASK);
        let mut daemon = world.daemon();
        world.start("deaf");
        let pid = read_pipe(&pipe).trim().to_owned();
        daemon.signal(Signal::SIGTERM);
        daemon.until(if drain_timeout == "0s" { "interrupting" } else { "a second signal stops at once" });
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.exit(), 0);
        assert!(!lives(&pid), "it outlived its daemon");
    }
}

#[test]
fn a_grace_is_waited_for_however_long_it_is() {
    let world = World::new();
    world.settings("on_stop = \"drain\"\ndrain_timeout = \"0s\"\n");
    let (ready, told) = (world.pipe("ready"), world.pipe("told"));
    let text = "shell = \"trap 'echo term > {here}/told; cat {here}/go; exit 0' TERM; echo $$ > {here}/ready; \
                while :; do sleep 600 & wait $!; done\"\nkill_grace = \"1h\"\n";
    let go = world.pipe("go");
    world.job("slow", text);
    let daemon = world.daemon();
    world.start("slow");
    let pid = read_pipe(&ready).trim().to_owned();
    daemon.signal(Signal::SIGTERM);
    read_pipe(&told);
    assert!(lives(&pid) && lives(&daemon.pid().to_string()));
    std::fs::write(&go, "").unwrap();
    assert_eq!(daemon.exit(), 0);
    assert!(!lives(&pid));
}

#[test]
fn a_hook_that_runs_is_interrupted_too_and_called_again_by_the_next_daemon() {
    let world = World::new();
    let here = world.path("").display().to_string();
    let hook = "on_stop = \"drain\"\ndrain_timeout = \"0s\"\n[[hooks]]\non = [\"workflow.failed\"]\ntimeout = \"1h\"\n\
                shell = 'echo $$ > {here}/pipe; if [ ! -e {here}/again ]; then sleep 600; fi'\n";
    world.settings(&hook.replace("{here}", &here));
    let pipe = world.pipe("pipe");
    world.job("nightly", "shell = 'exit 3'\n");
    let daemon = world.daemon();
    world.start("nightly");
    let pid = read_pipe(&pipe).trim().to_owned();
    assert_eq!(daemon.stop(), 0);
    assert!(!lives(&pid), "it outlived its daemon");

    std::fs::write(world.path("again"), "").unwrap();
    let daemon = world.daemon();
    read_pipe(&pipe);
    world.until(&["deliveries"], |deliveries| deliveries[0]["state"] == "delivered");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_drain_that_nobody_can_carry_out_ends() {
    let world = World::new();
    world.settings("on_stop = \"drain\"\ndrain_timeout = \"0s\"\n");
    let pipe = world.pipe("pipe");
    world.job("long", LONG_TASK);
    let daemon = world.daemon();
    world.start("long");
    read_pipe(&pipe);
    let runner = world.runner().unwrap().unsigned_abs();
    signal(runner, Signal::SIGSTOP);
    daemon.kill();
    let daemon = world.daemon();
    assert_eq!(daemon.stop(), 0);
    signal(runner, Signal::SIGCONT);
}
