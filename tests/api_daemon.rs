//! What programs and `campanile ctl` have a whole daemon do: tasks that belong to no job, jobs with parameters, jobs that
//! are put.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "receiver/server.rs"]
mod receiver;
#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use receiver::{Receiver, Reply};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use world::{Daemon, Said, World, said};

/// `campanile ctl` with something on its stdin.
fn ctl_with(world: &World, stdin: &str, words: &[&str]) -> Said {
    std::fs::write(world.path("stdin"), stdin).unwrap();
    let mut command = world.campanile_after("exec < stdin");
    command.args(["ctl", "--socket", "socket"]).args(words);
    said(command)
}

/// The one task of the run that comes of a task sent by stdin, once it has ended.
#[track_caller]
fn submitted(world: &World, task: &Value) -> Value {
    let said = ctl_with(world, &task.to_string(), &["submit"]).with(0);
    world.ended(said.out.trim())["tasks"][0].clone()
}

fn micros(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<campanile::model::timestamp::Timestamp>().unwrap().as_micros()
}

#[test]
fn a_submitted_task_may_say_whatever_a_job_file_may() {
    let world = World::new();
    std::fs::write(world.path("app.env"), "FROM_FILE=of the file\nBOTH=file\n").unwrap();
    std::fs::write(world.path("secret"), "hush-hush-42\n").unwrap();
    let mut words = world.daemon_words();
    words.env("DAEMON_SECRET", "hush-hush-43").env("PLAIN", "inherited");
    let mut daemon = Daemon::spawn(words);
    daemon.until(" ready ");

    let task = submitted(
        &world,
        &json!({
            "name": "wide", "shell": "echo $FROM_FILE, $BOTH, $PLAIN; umask; pwd; cat",
            "env_file": [world.path("app.env"), "-/does/not/exist"], "env_inherit": ["PLAIN"],
            "env": { "BOTH": "env" }, "umask": "027", "working_dir": "/tmp", "stdin": "typed\n",
            "success": { "required_substrings": ["typed"] },
        }),
    );
    assert_eq!((&task["name"], &task["state"]), (&json!("wide"), &json!("completed")), "{task}");
    assert_eq!(task["output"], "of the file, env, inherited\n0027\n/tmp\ntyped\n");

    let task = submitted(
        &world,
        &json!({
            "shell": "printf . >> tries; test $(wc -c < tries) -ge 3", "working_dir": world.path(""),
            "retry": { "max_attempts": 4, "delay": "0s" },
        }),
    );
    assert_eq!((&task["state"], &task["attempt"], &task["max_attempts"]), (&json!("completed"), &json!(3), &json!(4)));

    let secrets = json!({ "A": { "env": "DAEMON_SECRET" }, "B": { "file": world.path("secret"), "prefix": "t=" } });
    let task = submitted(&world, &json!({ "shell": "echo $A $B", "env": secrets }));
    assert_eq!(task["state"], "completed", "{task}");
    let shown = world.ok(&["logs", task["id"].as_str().unwrap()]) + &task.to_string();
    assert!(!shown.contains("hush-hush") && shown.contains("***"), "{shown}");

    let task = submitted(&world, &json!({ "command": ["echo", "{{ run.id }} {{ nothing }}"] }));
    assert_eq!(task["output"], "{{ run.id }} {{ nothing }}\n", "it is meant as it is");
    let task = submitted(&world, &json!({ "command": ["echo", "{{ run.id }}"], "raw": false }));
    assert_eq!(task["output"], format!("{}\n", task["run_id"].as_str().unwrap()));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_submitted_request_reaches_no_private_address() {
    let runtime = Runtime::new().unwrap();
    let mut receiver = runtime.block_on(Receiver::start(Reply::status("200 OK", "")));
    let world = World::new();
    world.job("call", &format!("http = {{ url = \"{}\" }}\n", receiver.origin));
    let mut words = world.daemon_words();
    words.env("WHERE", &receiver.origin);
    let mut daemon = Daemon::spawn(words);
    daemon.until(" ready ");
    let port = receiver.origin.rsplit_once(':').unwrap().1.to_owned();
    for url in [
        json!(receiver.origin),
        json!(format!("http://localhost:{port}/")),
        json!(format!("http://[::ffff:127.0.0.1]:{port}/")),
        json!({ "env": "WHERE" }),
        json!("http://169.254.169.254/latest/meta-data"),
    ] {
        let task = submitted(&world, &json!({ "http": { "url": url, "allow_private": true } }));
        let error = task["error"].as_str().unwrap_or_default();
        assert!(task["state"] == "failed" && error.contains("public"), "{url}: {task}");
    }
    assert!(receiver.requests.try_recv().is_err(), "nothing arrived");
    let run = world.ended(&world.start("call"));
    assert_eq!(run["state"], "completed", "a job file may: {run}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_wrong_with_submitted_tasks_comes_back_with_its_places() {
    let world = World::new();
    let daemon = world.daemon();
    let tasks = "[{\"noop\": true},\n {\"shell\": \"true\", \"timeot\": \"1s\"},\n {\"noop\": true, \"retry\": {\"delay\": 5}}]";
    let refused = ctl_with(&world, tasks, &["submit"]).with(7);
    for words in [
        "error: `tasks[1]`: unknown key `timeot` in a task",
        "hint: did you mean `timeout`?",
        "2:20: unknown key `timeot`",
        "3:36: `delay` must be a duration",
    ] {
        assert!(refused.err.contains(words), "`{words}` is missing in {refused:#?}");
    }
    assert_eq!(world.json(&["runs"]), json!([]), "nothing of it was taken");
    ctl_with(&world, "{\"shell\": ", &["submit"]).with(2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_submitted_task_waits_for_its_time() {
    let world = World::new();
    let daemon = world.daemon();
    let far = world.ok(&["submit", "--at", "2099-01-01T00:00:00Z", "--", "true"]);
    let far = world.json(&["run", far.trim()]);
    assert_eq!(
        (&far["state"], &far["scheduled_at"]),
        (&json!("queued"), &json!("2099-01-01T00:00:00.000000Z")),
        "{far}"
    );
    let late = world.ok(&["submit", "--in", "1h", "--priority", "2", "--", "true"]);
    assert_eq!(world.json(&["run", late.trim()])["tasks"][0]["state"], "waiting");
    let soon = world.ok(&["submit", "--in", "200ms", "--", "true"]);
    let soon = world.ended(soon.trim());
    let waited = micros(&soon["started_at"]) - micros(&soon["queued_at"]);
    assert!(soon["state"] == "completed" && waited >= 200_000, "{waited} µs: {soon}");
    let past = world.ok(&["submit", "--at", "2020-01-01T00:00:00Z", "--", "true"]);
    assert_eq!(world.ended(past.trim())["state"], "completed");
    world.ctl(&["submit", "--at", "2099-01-01T00:00:00Z", "--in", "1h", "--", "true"]).with(2);
    world.ctl(&["submit", "--in", "soon", "--", "true"]).with(2);
    for run in [&far["id"], &json!(late.trim())] {
        world.ok(&["cancel", run.as_str().unwrap()]);
    }
    assert_eq!(daemon.stop(), 0);
}

const TYPED: &str = "
shell = 'echo $PARAM_DAY $PARAM_N $PARAM_FAST $PARAM_HOW'
[params.day]
type = 'string'
pattern = '^[0-9-]+$'
[params.n]
type = 'integer'
default = 3
maximum = 9
[params.fast]
type = 'boolean'
default = false
[params.how]
type = 'string'
enum = ['well', 'badly']
default = 'well'
";

#[test]
fn a_job_is_started_with_the_values_of_its_parameters() {
    let world = World::new();
    world.job("typed", TYPED);
    let daemon = world.daemon();
    let run = world.ok(&["start", "typed", "--param", "day=2026-11-20", "--param", "n=7", "--param", "fast=true"]);
    let run = world.ended(run.trim());
    assert_eq!(run["output"], "2026-11-20 7 true well\n", "{run}");
    assert_eq!(
        run["params"],
        json!({ "day": "2026-11-20", "n": 7, "fast": true, "how": "well" }),
        "they have their types"
    );
    for (words, problem) in [
        (&["start", "typed"][..], "`day`"),
        (&["start", "typed", "--param", "day=today"], "`day`"),
        (&["start", "typed", "--param", "day=1", "--param", "n=ten"], "`n`"),
        (&["start", "typed", "--param", "day=1", "--param", "n=10"], "`n`"),
        (&["start", "typed", "--param", "day=1", "--param", "fast=maybe"], "`fast`"),
        (&["start", "typed", "--param", "day=1", "--param", "how=so"], "`how`"),
        (&["start", "typed", "--param", "day=1", "--param", "dya=2"], "`dya`"),
        (&["start", "typed", "--param", "day"], "NAME=VALUE"),
    ] {
        let refused = world.ctl(words).with(2);
        assert!(refused.err.contains(problem), "{words:?}: {refused:#?}");
    }
    assert_eq!(world.json(&["runs"]).as_array().unwrap().len(), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_job_is_put_in_any_language_and_tells_where_each_key_is_written() {
    let world = World::new();
    world.settings("timezone = 'UTC'\nreload = 'manual'\n[defaults]\npriority = 2\nretry = { max_attempts = 3 }\n");
    let daemon = world.daemon();
    for (name, text, line) in [
        ("in-toml", "# mine\nshell = 'echo put'\n", 2),
        ("in-yaml", "---\n# mine\nshell: echo put\n", 3),
        ("in-json", "{\n\"shell\": \"echo put\"}\n", 2),
    ] {
        let said = ctl_with(&world, text, &["job", "put", name]).with(0);
        assert!(said.err.contains(&format!("put `{name}`")), "{said:?}");
        assert_eq!(world.ended(&world.start(name))["output"], "put\n");
        let keys = world.json(&["job", name, "--effective"]);
        let of = |name: &str| {
            let found = keys.as_array().unwrap().iter().find(|key| key["key"] == name);
            found.unwrap_or_else(|| panic!("no `{name}` in {keys}")).clone()
        };
        let file = world.path("state/jobs.d").join(format!("{name}.{}", &name[3..]));
        assert_eq!((&of("tasks.main.shell")["file"], &of("tasks.main.shell")["line"]), (&json!(file), &json!(line)));
        assert_eq!(of("priority")["value"], 2, "what `campanile.toml` says lies under it");
        assert!(of("priority")["file"].as_str().unwrap().ends_with("campanile.toml"), "{keys}");
        assert_eq!(of("max_runs")["file"], Value::Null, "{keys}");
    }
    let shown = world.ok(&["job", "in-toml", "--effective"]);
    assert!(shown.contains("tasks.main.shell = \"echo put\"  # "), "{shown}");

    for (text, words) in [
        ("shell = 'true'\ntimeot = '1m'\n", "2:1: unknown key `timeot`"),
        ("---\nshell: true\nretry:\n  max_attempts: none\n", "4:17: `max_attempts` must be an integer"),
        ("{\"shell\": \"true\",\n \"nope\": 1}", "2:2: unknown key `nope`"),
        ("[jobs.a]\nshell = 'true'\n", "has `[jobs]`"),
        // The default of `delay` is one second, and `retry` of the configuration lies under this one.
        ("shell = 'true'\nretry = { max_delay = '1ms' }\n", "2:"),
    ] {
        let refused = ctl_with(&world, text, &["job", "put", "wrong"]).with(7);
        assert!(refused.err.contains("the job `wrong` is not put"), "{refused:#?}");
        assert!(refused.err.contains(words), "`{words}` is missing in {refused:#?}");
    }
    world.ctl(&["job", "wrong"]).with(3);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn who_paused_everything_is_shown() {
    let world = World::new();
    let daemon = world.daemon();
    assert_eq!(world.json(&["status"])["paused_by"], Value::Null);
    world.ok(&["pause"]);
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let status = world.json(&["status"]);
    assert_eq!((&status["paused"], &status["paused_by"]), (&json!(true), &json!(me)));
    assert!(status["paused_at"].is_string(), "{status}");
    let shown = world.ok(&["status"]);
    assert!(shown.contains(&format!("by {me} since 20")), "{shown}");
    world.ok(&["resume"]);
    let status = world.json(&["status"]);
    assert_eq!((&status["paused_by"], &status["paused_at"]), (&Value::Null, &Value::Null));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_backup_that_fails_is_shown_and_counted() {
    let world = World::watched();
    world.settings("[backup]\ncron = '* * * * * *'\ndir = 'campanile.toml'\n");
    let daemon = world.daemon();
    world.until(&["status"], |status| status["housekeeping"][0]["error"].is_string());
    let shown = world.ok(&["status"]);
    assert!(shown.contains("backup failed 20"), "{shown}");
    assert_eq!(daemon.stop(), 0);
}
