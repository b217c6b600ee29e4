//! What becomes of exits: tried again, skipped, failed; and of the tasks that come after.

use serde_json::{Value, json};

use crate::world::World;

/// Of each task of a run: its name, state and outcome.
fn tasks(run: &Value) -> Vec<(String, String, String)> {
    let word = |task: &Value, name: &str| task[name].as_str().unwrap_or("-").to_owned();
    let tasks = run["tasks"].as_array().unwrap().iter();
    tasks.map(|task| (word(task, "name"), word(task, "state"), word(task, "outcome"))).collect()
}

fn is(expected: [&str; 3]) -> (String, String, String) {
    let [name, state, outcome] = expected.map(str::to_owned);
    (name, state, outcome)
}

#[test]
fn a_task_is_tried_again_until_it_succeeds() {
    let world = World::new();
    world.job(
        "third",
        "shell = 'echo \"try $CAMPANILE_ATTEMPT\"; test \"$CAMPANILE_ATTEMPT\" = 3'\n\
         retry = { max_attempts = 5, delay = \"50ms\", jitter = 0 }\n",
    );
    let daemon = world.daemon();
    world.ctl(&["start", "third", "--wait"]).with(0);
    let run = world.json(&["run", "third"]);
    assert_eq!((&run["tasks"][0]["attempt"], &run["output"]), (&json!(3), &json!("try 3\n")));
    let events = world.ok(&["events", "--type", "task.*", "-o", "jsonl"]);
    let kinds: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = kinds.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "task.queued",
            "task.started",
            "task.retrying",
            "task.started",
            "task.retrying",
            "task.started",
            "task.completed"
        ]
    );
    let logs = world.ok(&["logs", "third"]);
    assert_eq!(logs, "try 1\ntry 2\ntry 3\n");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_task_fails_when_its_attempts_are_used_up_or_its_code_is_not_worth_another() {
    let world = World::new();
    world.job("twice", "shell = 'exit 3'\nretry = { max_attempts = 2, delay = \"10ms\" }\n");
    world.job("once", "shell = 'exit 3'\nretry = { max_attempts = 9 }\nexit_codes = { retry = [75] }\n");
    world.job("signal", "shell = 'kill -SEGV $$'\n");
    world.job("absent", "command = [\"/no/such/program\"]\n");
    let daemon = world.daemon();
    for (job, attempt, outcome) in
        [("twice", 2, "exit_code"), ("once", 1, "exit_code"), ("signal", 1, "signal"), ("absent", 1, "spawn_error")]
    {
        world.ctl(&["start", job, "--wait"]).with(1);
        let run = world.json(&["run", job]);
        assert_eq!(tasks(&run), [is(["main", "failed", outcome])], "{run}");
        assert_eq!(run["tasks"][0]["attempt"], attempt, "{run}");
        assert_eq!((&run["state"], &run["outcome"]), (&json!("failed"), &json!(outcome)), "{run}");
    }
    assert_eq!(world.json(&["run", "twice"])["tasks"][0]["exit_code"], 3);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_comes_after_a_failure_is_skipped_and_the_rest_goes_on() {
    let world = World::new();
    world.job(
        "graph",
        "[tasks.bad]\nshell = \"exit 1\"\n[tasks.good]\ncommand = [\"true\"]\n\
         [tasks.after_bad]\nafter = [\"bad\"]\ncommand = [\"true\"]\n\
         [tasks.after_both]\nafter = [\"after_bad\", \"good\"]\ncommand = [\"true\"]\n\
         [tasks.after_good]\nafter = [\"good\"]\nnoop = true\n",
    );
    let daemon = world.daemon();
    world.ctl(&["start", "graph", "--wait"]).with(1);
    let run = world.json(&["run", "graph"]);
    let mut found = tasks(&run);
    found.sort();
    assert_eq!(
        found,
        [
            is(["after_bad", "skipped", "upstream_failed"]),
            is(["after_both", "skipped", "upstream_failed"]),
            is(["after_good", "completed", "success"]),
            is(["bad", "failed", "exit_code"]),
            is(["good", "completed", "success"]),
        ]
    );
    assert_eq!(run["state"], "failed");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_exit_code_may_mean_that_there_was_nothing_to_do() {
    let world = World::new();
    world.job(
        "idle",
        "exit_codes = { skip = [99] }\n[tasks.look]\nshell = \"exit 99\"\n\
         [tasks.work]\nafter = [\"look\"]\ncommand = [\"true\"]\n",
    );
    let daemon = world.daemon();
    world.ctl(&["start", "idle", "--wait"]).with(0);
    let run = world.json(&["run", "idle"]);
    assert_eq!(run["state"], "completed", "{run}");
    let states: Vec<_> = tasks(&run).into_iter().map(|(name, state, _)| (name, state)).collect();
    assert_eq!(states, [("look".to_owned(), "skipped".to_owned()), ("work".to_owned(), "skipped".to_owned())]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_more_urgent_starts_first_when_not_all_may_start() {
    let world = World::new();
    world.settings("timezone = \"UTC\"\nmax_tasks = 1\n");
    let gate = world.pipe("gate");
    world.job("gate", "command = [\"cat\", \"{here}/gate\"]\n");
    for (job, priority) in [("late", 9), ("middle", 5), ("early", 1)] {
        world.job(job, &format!("priority = {priority}\ncommand = [\"true\"]\n"));
    }
    let daemon = world.daemon();
    let mut events = world.events();
    world.start("gate");
    events.event("task.started", "gate");
    for job in ["late", "middle", "early"] {
        world.start(job);
    }
    assert_eq!(world.json(&["status"])["tasks"], json!({ "queued": 3, "running": 1, "waiting": 0 }));
    std::fs::write(&gate, "").unwrap();
    let order = [(); 3].map(|()| events.until(|event| event["type"] == "task.started"));
    let order = order.map(|event| event["job"].as_str().unwrap().to_owned());
    assert_eq!(order, ["early", "middle", "late"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_submitted_runs_at_once_and_belongs_to_no_job() {
    let world = World::new();
    let daemon = world.daemon();
    let said = world.ctl(&["-o", "json", "submit", "--wait", "--", "echo", "a b", "$HOME"]).with(0);
    let run: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&run["job"], &run["number"], &run["cause"]), (&Value::Null, &Value::Null, &json!("manual")));
    assert_eq!(run["output"], "a b $HOME\n");
    world.ctl(&["submit", "--wait", "--", "false"]).with(1);
    world.ctl(&["submit", "--wait", "--timeout", "100ms", "--", "sleep", "600"]).with(1);
    assert_eq!(world.json(&["tasks", "--limit", "1"])[0]["outcome"], "timeout");
    assert_eq!(daemon.stop(), 0);
}
