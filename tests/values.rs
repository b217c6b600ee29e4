//! Values from file to process, in the real binary: parameters, templates, outputs, and what cannot be rendered.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use world::{Said, World, said, text};

const REPORT: &str = r#"
env = { DAY = "{{ params.day }}", COPIES = "{{ params.copies + 1 }}" }

[params.day]
default = "{{ scheduled_at | date }}"
pattern = '^\d{4}-\d{2}-\d{2}$'

[params.copies]
type = "integer"
default = 1
maximum = 9

[params.tags]
type = "array"
default = ["a"]

[tasks.count]
shell = 'echo "$DAY $COPIES $PARAM_DAY $PARAM_COPIES $PARAM_TAGS"'

[tasks.tell-all]
after = ["count"]
command = ["printf", "%s|", "{{ tasks.count.output }}", "{{ run.job }}#{{ run.number }}", "{{ tasks.count.exit_code }}", "plain"]

[outputs]
told = "{{ tasks['tell-all'].output | upper }}"
"#;

/// Asks the daemon over its socket; the status and the body.
fn post(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let mut socket = UnixStream::connect(world.path("socket")).unwrap();
    write!(
        socket,
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

#[test]
fn parameters_reach_templates_and_the_environment() {
    let world = World::new();
    world.job("report", REPORT);
    let daemon = world.daemon();
    let declared = &world.json(&["job", "report"])["params"];
    assert_eq!(declared["copies"], json!({ "type": "integer", "default": 1, "maximum": 9.0 }));
    let given = json!({ "params": { "day": "2027-01-31", "copies": "4", "tags": ["x", 2] } });
    let (status, started) = post(&world, "/api/v1/jobs/report/runs", &given);
    assert_eq!(status, 201, "{started}");
    let run = world.ended(text(&started, "id"));
    assert_eq!(text(&run, "state"), "completed", "{run}");
    assert_eq!(run["params"], json!({ "day": "2027-01-31", "copies": 4, "tags": ["x", 2] }));
    assert_eq!(text(&run["tasks"][0], "output"), "2027-01-31 5 2027-01-31 4 [\"x\",2]\n");
    let told = "2027-01-31 5 2027-01-31 4 [\"x\",2]|report#1|0|plain|";
    assert_eq!((text(&run["tasks"][1], "output"), text(&run, "output")), (told, told));
    assert_eq!(run["outputs"], json!({ "told": told.to_uppercase() }));

    let (status, problem) =
        post(&world, "/api/v1/jobs/report/runs", &json!({ "params": { "dya": "x", "copies": 10, "day": "soon" } }));
    assert_eq!((status, text(&problem, "code")), (422, "invalid_params"), "{problem}");
    let shown = problem.to_string();
    for words in ["there is no parameter `dya`, did you mean `day`?", "`copies` must be at most 9", "`day` must match"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }

    let by_default = world.ended(&world.start("report"));
    assert_eq!(by_default["params"]["copies"], json!(1));
    let day = text(&by_default["params"], "day");
    assert!(text(&by_default, "queued_at").starts_with(day), "{by_default}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_value_that_is_not_there_ends_the_attempt_before_it_starts() {
    let world = World::new();
    world.job(
        "broken",
        "[tasks.a]\nnoop = true\n[tasks.b]\nafter = [\"a\"]\nshell = \"touch {here}/started\"\n\
         env = { N = \"{{ tasks.a.outputs.rows }}\" }\nretry = { max_attempts = 5, delay = \"1ms\" }\n",
    );
    world.job("outputs", "shell = \"true\"\n[outputs]\nn = \"{{ tasks.main.outputs.n }}\"\n");
    world.job("default", "shell = \"true\"\n[params.n]\ntype = \"integer\"\ndefault = \"{{ run.job }}\"\n");
    let daemon = world.daemon();

    let run = world.ended(&world.start("broken"));
    assert_eq!((text(&run, "state"), text(&run, "outcome")), ("failed", "invalid_request"));
    let task = &run["tasks"][1];
    assert_eq!(
        (text(task, "outcome"), &task["attempt"], &task["started_at"]),
        ("invalid_request", &json!(1), &Value::Null)
    );
    let error = "cannot be done as it is written: `env.N`: `tasks.a.outputs.rows` has no value";
    assert_eq!(text(task, "error"), error);
    assert!(!world.path("started").exists());

    let run = world.ended(&world.start("outputs"));
    assert_eq!((text(&run, "state"), text(&run, "outcome")), ("failed", "invalid_request"));
    assert_eq!(text(&run["tasks"][0], "state"), "completed");
    assert_eq!(text(&run, "error"), "output `n`: `tasks.main.outputs.n` has no value");

    let run = world.ended(&world.start("default"));
    assert_eq!(text(&run, "outcome"), "invalid_request");
    let error = text(&run["tasks"][0], "error");
    assert!(error.contains("parameter `n` has no value: `n` must be an integer, found `default`"), "{error}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_submitted_task_waits_for_its_time_over_a_restart_and_is_no_template() {
    let world = World::new();
    let daemon = world.daemon();
    let tasks = json!({ "tasks": [
        { "command": ["echo", "{{ params.x }}"] },
        { "command": ["true"], "delay": "1h" },
        { "command": ["echo", "late"], "at": "2001-01-01T00:00:00Z" },
    ] });
    let (status, submitted) = post(&world, "/api/v1/tasks", &tasks);
    assert_eq!(status, 201, "{submitted}");
    let ids: Vec<String> =
        submitted["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    assert_eq!(text(&world.ended(&ids[0]), "output"), "{{ params.x }}\n");
    let late = world.ended(&ids[2]);
    assert_eq!((text(&late, "output"), text(&late, "scheduled_at")), ("late\n", "2001-01-01T00:00:00.000000Z"));
    assert_eq!(daemon.stop(), 0);

    let daemon = world.daemon();
    let waiting = world.json(&["run", &ids[1]]);
    assert_eq!(text(&waiting["tasks"][0], "state"), "waiting", "{waiting}");
    world.ok(&["cancel", &ids[1]]);
    assert_eq!(text(&world.ended(&ids[1]), "state"), "cancelled");
    let (_, submitted) = post(&world, "/api/v1/tasks", &json!({ "tasks": [{ "noop": true, "delay": "10ms" }] }));
    let run = world.ended(submitted["ids"][0].as_str().unwrap());
    assert_eq!(text(&run, "state"), "completed");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_task_has_these_variables() {
    let world = World::new();
    world.job("env", "shell = \"env\"\nenv = { OWN = \"1\" }\n[params.day]\ndefault = \"x\"\n");
    let daemon = world.daemon();
    let names = |run: &Value| {
        let output = text(run, "output").to_owned();
        let mut names: Vec<String> =
            output.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
        // What a shell sets by itself.
        names.retain(|name| !matches!(name.as_str(), "PWD" | "OLDPWD" | "SHLVL" | "_"));
        names.sort();
        names
    };
    let first = names(&world.ended(&world.start("env")));
    let second = names(&world.ended(&world.start("env")));
    let after_a_success = "CAMPANILE_PREV_SUCCESS_AT".to_owned();
    assert!(!first.contains(&after_a_success) && second.contains(&after_a_success), "{second:?}");
    for name in [
        "CAMPANILE_ATTEMPT",
        "CAMPANILE_CAUSE",
        "CAMPANILE_IDEMPOTENCY_KEY",
        "CAMPANILE_JOB",
        "CAMPANILE_RUN_ID",
        "CAMPANILE_SCHEDULED_AT",
        "CAMPANILE_SOCKET",
        "CAMPANILE_TASK",
        "HOME",
        "LANG",
        "LOGNAME",
        "OWN",
        "PARAM_DAY",
        "PATH",
        "SHELL",
        "TZ",
        "USER",
    ] {
        assert!(first.iter().any(|found| found == name), "`{name}` is not in {first:?}");
    }
    assert_eq!(daemon.stop(), 0);
}

fn run(world: &World, words: &[&str]) -> Said {
    let mut command = world.campanile();
    command.args(["run", "jobs/report.toml"]).args(words);
    said(command)
}

#[test]
fn parameters_are_given_to_a_run_without_a_daemon() {
    let world = World::new();
    world.job("report", REPORT);
    let said = run(&world, &["--param", "day=2027-01-31", "--param", "tags=[1]"]).with(0);
    assert!(said.out.contains("2027-01-31 2 2027-01-31 1 [1]"), "{said:#?}");
    let said = run(&world, &["--param", "day=x", "--param", "nope=1"]).with(2);
    assert!(said.err.contains("`day` must match") && said.err.contains("there is no parameter `nope`"), "{said:#?}");
    run(&world, &["--param", "day"]).with(2);
}
