//! What programs rely on: exit codes, and the fields of every shape.

use serde_json::Value;

use crate::world::World;

#[test]
fn exit_codes_say_what_happened() {
    let world = World::new();
    world.job("good", "command = [\"true\"]\n");
    world.job("bad", "command = [\"false\"]\n");
    world.job("long", "command = [\"sleep\", \"600\"]\n");
    world.ctl(&["status"]).with(6);
    let daemon = world.daemon();
    world.start("long");
    for (exit, words, says) in [
        (0, &["start", "good", "--wait"] as &[&str], "good#1 completed"),
        (0, &["wait", "good#1"], "completed"),
        (1, &["start", "bad", "--wait"], "bad#1 failed"),
        (1, &["wait", "bad"], "failed"),
        (1, &["submit", "--wait", "--", "false"], "failed"),
        (2, &["no-such-verb"], "unrecognized"),
        (2, &["submit"], "nothing came from stdin"),
        (2, &["why", "good"], "is not JOB@TIME"),
        (2, &["why", "good@soon"], "is not a time"),
        (2, &["runs", "--state", "sleepy"], "sleepy"),
        (2, &["status", "-o", "xml"], "xml"),
        (2, &["start", "good", "--at", "soon"], "is not a time"),
        (3, &["job", "goood"], "did you mean `good`"),
        (3, &["start", "goood"], "did you mean `good`"),
        (3, &["run", "good#99"], "good#99"),
        (3, &["run", "00000000"], "00000000"),
        (3, &["task", "00000000"], "00000000"),
        (3, &["wait", "nobody"], "nobody"),
        (3, &["logs", "nobody"], "nobody"),
        (3, &["why", "nobody@2026-01-01T00:00:00Z"], "nobody"),
        (3, &["pause", "nobody"], "nobody"),
        (5, &["cancel", "good"], "already ended"),
        (5, &["start", "long"], "--force"),
        (5, &["resume", "good"], "already active"),
        (124, &["wait", "long", "--timeout", "50ms"], "has not ended"),
    ] {
        let said = world.ctl(words);
        assert_eq!(said.exit, exit, "{words:?}: {said:#?}");
        assert!(said.err.contains(says), "{words:?} does not say `{says}`: {said:#?}");
    }
    world.ok(&["cancel", "long"]);
    assert_eq!(daemon.stop(), 0);
    world.ctl(&["wait", "long"]).with(6);
}

#[track_caller]
fn has(value: &Value, fields: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    for field in fields.split_whitespace() {
        assert!(object.contains_key(field), "`{field}` is missing in {value:#}");
    }
}

const RUN: &str = "id job number state outcome cause rerun_of scheduled_at queued_at started_at ended_at rollback error \
                   output outputs tasks";
const TASK: &str = "id run_id job name state outcome attempt max_attempts started_at ended_at exit_code output outputs \
                    error";

#[test]
fn every_shape_has_its_fields() {
    let world = World::new();
    world.job("daily", "cron = \"@daily\"\ncommand = [\"echo\", \"hello\"]\n");
    let daemon = world.daemon();
    let run = world.start("daily");
    has(&world.ended(&run), RUN);
    world.ok(&["submit", "--wait", "--", "true"]);

    let status = world.json(&["status"]);
    has(&status, "version started_at paused jobs invalid tasks next agents");
    has(&status["tasks"], "queued running waiting");
    for job in [&world.json(&["jobs"])[0], &world.json(&["job", "daily"])] {
        has(job, "name revision enabled paused schedules last_run");
        has(&job["schedules"][0], "next_at last_at");
        has(&job["last_run"], RUN);
    }
    let runs = world.json(&["runs"]);
    assert_eq!(runs.as_array().unwrap().len(), 2);
    for run in runs.as_array().unwrap().iter().chain([&world.json(&["run", &run])]) {
        has(run, RUN);
        has(&run["tasks"][0], TASK);
    }
    for task in world.json(&["tasks"]).as_array().unwrap() {
        has(task, TASK);
        let id = task["id"].as_str().unwrap();
        assert_eq!(world.json(&["task", id]), *task);
    }
    let events = world.json(&["events"]);
    for (index, event) in events.as_array().unwrap().iter().enumerate() {
        has(event, "seq at type job run_id task_id data");
        assert_eq!(event["seq"], index + 1);
    }
    has(&world.json(&["next"])[0], "job due_at");
    has(&world.json(&["why", "daily@2020-01-01T00:00:00Z"]), "job at answers text");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_format_is_data_and_nothing_else_on_stdout() {
    let world = World::new();
    world.job("good", "shell = \"echo out; echo err >&2\"\n");
    let daemon = world.daemon();
    let said = world.ctl(&["-o", "jsonl", "start", "good", "--wait"]).with(0);
    assert_eq!(said.out.lines().count(), 1);
    assert!(said.err.ends_with("good#1 completed\n"), "{said:?}");
    for format in ["json", "jsonl", "yaml", "name", "table"] {
        for words in [["runs"], ["jobs"], ["tasks"], ["events"], ["deliveries"], ["next"]] {
            world.ctl(&[&["-o", format], &words as &[&str]].concat()).with(0);
        }
    }
    let id = world.ok(&["-o", "name", "runs"]);
    assert_eq!(world.json(&["run", id.trim()])["job"], "good");
    let mut lines: Vec<String> = world.ok(&["logs", "good"]).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["err", "out"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn for_people_what_has_ended_lies_in_the_past() {
    let world = World::new();
    world.job("brief", "command = [\"true\"]\n");
    let daemon = world.daemon();
    for words in [&["start", "brief", "--wait"] as &[&str], &["submit", "--wait", "--", "true"], &["wait", "brief"]] {
        let shown = world.ok(words);
        assert!(shown.contains("ended:") && !shown.contains("(in "), "{words:?}: {shown}");
    }
    assert_eq!(daemon.stop(), 0);
}
