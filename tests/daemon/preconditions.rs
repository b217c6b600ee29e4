//! What is asked before a run does anything, with real commands.

use serde_json::json;

use crate::world::{World, text};

#[test]
fn a_no_is_the_answer_of_the_due_time_and_what_was_said_is_kept() {
    let world = World::new();
    world.job(
        "tick",
        "every = '1s'\nshell = 'echo ran'\nenv = { WORD = 'today' }\n[precondition]\n\
         shell = 'echo \"not $WORD, $CAMPANILE_TASK of $CAMPANILE_SCHEDULED_AT\"; exit 3'\n",
    );
    let daemon = world.daemon();
    let mut events = world.events();
    let skipped = events.event("occurrence.skipped", "tick");
    world.ok(&["pause", "tick"]);
    let (run, due) = (text(&skipped, "run_id"), text(&skipped["data"], "first_due_at"));
    assert_eq!((&skipped["data"]["reason"], &skipped["data"]["n"]), (&json!("condition"), &json!(1)), "{skipped}");
    let shown = world.json(&["run", run]);
    assert_eq!((&shown["state"], &shown["outcome"]), (&json!("cancelled"), &json!("condition_false")), "{shown}");
    assert_eq!(shown["error"], "its precondition exited with code 3");
    let tasks: Vec<_> =
        shown["tasks"].as_array().unwrap().iter().map(|task| [&task["name"], &task["outcome"]]).collect();
    let no = &json!("condition_false");
    assert_eq!(tasks, [[&json!("precondition"), no], [&json!("main"), no]]);
    let log = world.ok(&["logs", run]);
    assert!(log.contains("not today, precondition of ") && !log.contains("ran"), "{log}");
    let at = format!("tick@{due}");
    let why = world.json(&["why", &at]);
    let answer = &why["answers"][0];
    assert_eq!((&answer["answer"], &answer["reason"]), (&json!("skipped"), &json!("condition")), "{why}");
    assert_eq!((&answer["run_id"], &answer["run_state"]), (&skipped["run_id"], &json!("cancelled")));
    let said = world.ok(&["why", &at]);
    assert!(
        said.contains("condition: its precondition did not hold") && said.contains("campanile ctl logs "),
        "{said}"
    );
    assert_eq!(world.ok(&["why", &at, "-o", "name"]), "condition\n");
    let forced = world.ok(&["start", "tick", "--force", "--wait"]);
    assert!(!forced.contains("precondition"), "{forced}");
    assert!(world.ok(&["logs", "tick"]).contains("ran"));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_question_without_an_answer_fails_the_run() {
    let world = World::new();
    for (name, command) in [("slow", "sleep 600"), ("killed", "kill -9 $$")] {
        world.job(name, &format!("shell = 'echo ran'\nprecondition = {{ shell = '{command}', timeout = '1s' }}\n"));
    }
    world.job("none", "shell = 'echo ran'\nprecondition = { command = ['/nowhere/at/all'] }\n");
    let daemon = world.daemon();
    for (name, outcome) in [("slow", "timeout"), ("killed", "signal"), ("none", "spawn_error")] {
        let run = world.start(name);
        let ended = world.ended(&run);
        assert_eq!((&ended["state"], &ended["outcome"]), (&json!("failed"), &json!(outcome)), "{ended}");
        assert_eq!(ended["tasks"][1]["outcome"], "upstream_failed", "{ended}");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_expression_that_is_false_refuses_a_start_and_says_itself() {
    let world = World::new();
    world.job(
        "big",
        "shell = 'echo ran'\nprecondition = { expression = 'params.n > 3' }\n[params.n]\ntype = 'integer'\ndefault = 1\n",
    );
    let daemon = world.daemon();
    let refused = world.ctl(&["start", "big"]).with(5);
    assert!(refused.err.contains("its precondition `params.n > 3` is false"), "{refused:?}");
    assert!(refused.err.contains("hint: add `--force`"), "{refused:?}");
    let skipped = world.events().event("occurrence.skipped", "big");
    assert_eq!(skipped["data"], json!({ "cause": "manual", "reason": "condition" }));
    world.ok(&["start", "big", "--param", "n=4", "--wait"]);
    world.ok(&["start", "big", "--force", "--wait"]);
    assert_eq!(world.json(&["run", "big"])["number"], 2, "a refused start has taken no number");
    assert_eq!(daemon.stop(), 0);
}
