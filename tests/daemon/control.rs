//! What people do to jobs and runs: pause, start against the gate, cancel.

use serde_json::json;

use crate::world::{World, lives, read_pipe};

#[test]
fn a_paused_job_answers_its_due_times_with_paused_until_it_is_resumed() {
    let world = World::new();
    world.job("tick", "every = \"100ms\"\noverlap = \"allow\"\ncommand = [\"true\"]\n");
    let daemon = world.daemon();
    let mut events = world.events();
    events.event("workflow.completed", "tick");
    let paused = world.json(&["pause", "tick"]);
    assert_eq!(paused["paused"], true);
    assert_eq!(paused["paused_by"], json!(whoami()));
    events.event("job.paused", "tick");
    let skipped = events.event("occurrence.skipped", "tick");
    assert_eq!(skipped["data"]["reason"], "paused", "{skipped}");
    assert!(world.ctl(&["pause", "tick"]).with(5).err.contains("already paused"));
    let refused = world.ctl(&["start", "tick"]).with(5);
    assert!(refused.err.contains("hint: "), "{refused:?}");
    world.ok(&["start", "tick", "--force", "--wait"]);
    assert_eq!(world.json(&["resume", "tick"])["paused"], false);
    events.event("job.resumed", "tick");
    events.until(|event| event["type"] == "workflow.completed" && event["data"]["cause"] == "occurrence");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_pause_of_everything_outlives_a_restart() {
    let world = World::new();
    world.job("tick", "every = \"100ms\"\noverlap = \"allow\"\ncatch_up = \"none\"\ncommand = [\"true\"]\n");
    let daemon = world.daemon();
    world.ok(&["pause"]);
    assert_eq!(daemon.stop(), 0);
    let daemon = world.daemon();
    let mut events = world.events();
    assert_eq!(world.json(&["status"])["paused"], true);
    // One span, and so one event, may reach from before the restart to after it.
    events.until(|event| event["type"] == "occurrence.skipped" && event["data"]["reason"] == "paused");
    world.ok(&["resume"]);
    events.until(|event| event["type"] == "job.resumed");
    events.event("workflow.completed", "tick");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn one_run_more_than_max_runs_is_refused_with_a_hint_and_started_by_force() {
    let world = World::new();
    world.job("one", "shell = 'sleep 600'\n");
    let daemon = world.daemon();
    let first = world.start("one");
    let refused = world.ctl(&["start", "one"]).with(5);
    assert!(refused.err.contains("overlap") && refused.err.contains("--force"), "{refused:?}");
    let skipped = world.events().event("occurrence.skipped", "one");
    assert_eq!(skipped["data"], json!({ "cause": "manual", "reason": "overlap" }));
    world.ok(&["start", "one", "--force"]);
    assert_eq!(world.json(&["job", "one"])["n_live"], 2);
    for run in [first.as_str(), "one#2"] {
        world.ok(&["cancel", run]);
        assert_eq!(world.ended(run)["state"], "cancelled");
    }
    let run = world.start("one");
    assert_eq!(world.json(&["run", &run])["number"], 3, "a refused start has taken a number");
    world.ok(&["cancel", &run]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn cancel_means_gone_with_the_whole_tree() {
    let world = World::new();
    let pipe = world.pipe("pipe");
    let tree = r#"
overlap = "allow"
shell = '''
setsid sh -c 'sleep 600 & echo $! $$ > {here}/pipe; wait' &
sh -c 'trap "" TERM; echo $$ > {here}/pipe; exec sleep 600' &
echo $$ > {here}/pipe
wait
'''
kill_grace = "200ms"
"#;
    world.job("tree", tree);
    let daemon = world.daemon();
    let run = world.start("tree");
    let mut pids = String::new();
    while pids.split_whitespace().count() < 4 {
        pids.push_str(&read_pipe(&pipe));
    }
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert!(pids.iter().all(|pid| lives(pid)), "{pids:?}");
    world.ok(&["cancel", &run]);
    let said = world.ctl(&["-o", "json", "wait", &run]).with(1);
    let ended: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&ended["state"], &ended["cancelled_by"]), (&json!("cancelled"), &json!(whoami())), "{ended}");
    let left: Vec<_> = pids.iter().filter(|pid| lives(pid)).collect();
    assert!(left.is_empty(), "{left:?} live on");
    world.ctl(&["cancel", &run]).with(5);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_task_that_takes_too_long_is_stopped_as_a_timeout() {
    let world = World::new();
    world.job("slow", "shell = 'sleep 600'\ntimeout = \"200ms\"\n");
    let daemon = world.daemon();
    world.ctl(&["start", "slow", "--wait"]).with(1);
    let run = world.json(&["run", "slow"]);
    assert_eq!((&run["state"], &run["outcome"]), (&json!("failed"), &json!("timeout")), "{run}");
    assert_eq!(daemon.stop(), 0);
}

fn whoami() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap();
    user.map_or_else(|| nix::unistd::getuid().to_string(), |user| user.name)
}
