//! `http` tasks of the real daemon against a real receiver on loopback: what arrives, what is made of what comes back, and
//! what happens when somebody dies in between.

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

use receiver::{Received, Receiver, Reply};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use world::{LONG, World, said, text};

/// A world with a receiver.
struct Place {
    runtime: Runtime,
    receiver: Receiver,
    world: World,
}

impl Place {
    fn new(reply: Reply) -> Place {
        let runtime = Runtime::new().unwrap();
        let receiver = runtime.block_on(Receiver::start(reply));
        Place { runtime, receiver, world: World::new() }
    }

    /// Writes a job file; `{to}` in it is where the receiver is.
    fn job(&self, name: &str, text: &str) {
        self.world.job(name, &text.replace("{to}", &self.receiver.origin));
    }

    #[track_caller]
    fn next(&mut self) -> Received {
        let received = self.runtime.block_on(async { tokio::time::timeout(LONG, self.receiver.requests.recv()).await });
        received.expect("because a request is made").expect("because the receiver listens")
    }

    fn more(&mut self) -> Option<Received> {
        self.receiver.requests.try_recv().ok()
    }

    /// The one task of a run of that job, made by a daemon that lives for this.
    #[track_caller]
    fn task_of(&self, text: &str) -> Value {
        self.job("call", text);
        let daemon = self.world.daemon();
        let run = self.world.start("call");
        let ended = self.world.ended(&run);
        assert_eq!(daemon.stop(), 0);
        ended["tasks"][0].clone()
    }
}

/// Everything that the state folder holds, files of the database and logs alike.
fn everything(world: &World) -> Vec<u8> {
    fn add(folder: &std::path::Path, all: &mut Vec<u8>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => add(&entry.path(), all),
                kind if kind.is_file() => all.extend(std::fs::read(entry.path()).unwrap()),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    add(&world.path("state"), &mut all);
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn a_request_arrives_as_it_was_written_and_its_answer_is_the_output() {
    let mut place = Place::new(Reply::full("200 OK", "Content-Type: text/plain\r\n", "all is well\n"));
    let task = place.task_of(
        "http = { method = \"put\", url = \"{to}/reports?day=1\", headers = { X-From = \"nightly\" }, json = { n = 1, ok = [true, 0.5], day = 2027-01-01 } }\n",
    );
    let seen = [&task["state"], &task["outcome"], &task["output"], &task["exit_code"], &task["error"]];
    assert_eq!(seen, [&json!("completed"), &json!("success"), &json!("all is well\n"), &Value::Null, &Value::Null]);
    let received = place.next();
    assert_eq!(received.line, "PUT /reports?day=1 HTTP/1.1");
    assert_eq!(received.body, r#"{"n":1,"ok":[true,0.5],"day":"2027-01-01"}"#);
    assert_eq!(received.headers["x-from"], "nightly");
    assert_eq!(received.headers["content-type"], "application/json");
    assert!(received.headers["user-agent"].starts_with("campanile/"));
    assert!(received.headers["idempotency-key"].ends_with("/main"));
    let log = place.world.path("state/logs");
    assert!(log.is_dir());
    assert!(holds(&everything(&place.world), "200 OK: 12 bytes of text/plain"));
}

#[test]
fn an_answer_that_was_not_expected_fails_the_task_with_its_first_words() {
    for (reply, keys, attempts, error) in [
        (
            Reply::full("404 Not Found", "", "\n no such report \nmore"),
            "",
            1,
            "answered with status 404: no such report",
        ),
        (
            Reply::full("500 Oops", "Content-Type: text/html\r\n", "<html>"),
            "",
            3,
            "answered with status 500: Internal Server Error",
        ),
        (Reply::full("200 OK", "", "x"), ", expect_status = [201, \"3xx\"]", 1, "answered with status 200: x"),
        (
            Reply::status("302 Found", "Location: /elsewhere\r\n"),
            "",
            1,
            "answered with status 302: redirects are not followed, this one leads to /elsewhere",
        ),
    ] {
        let mut place = Place::new(reply);
        let task = place.task_of(&format!(
            "retry = {{ max_attempts = 3, delay = \"1ms\" }}\nhttp = {{ url = \"{{to}}/\"{keys} }}\n"
        ));
        let seen = [&task["state"], &task["outcome"], &task["error"], &task["attempt"]];
        assert_eq!(seen, [&json!("failed"), &json!("provider_error"), &json!(error), &json!(attempts)]);
        let n_received = std::iter::from_fn(|| place.more()).count();
        assert_eq!(n_received, attempts, "no request is made twice under one number, and no redirect is followed");
    }
}

#[test]
fn a_post_is_made_again_where_it_was_refused_and_not_where_it_may_have_been_done() {
    let twice = "retry = { max_attempts = 2, delay = \"1ms\" }\nhttp = { url = \"{to}/\", body = \"order\" }\n";
    let busy = Reply::status("503 Service Unavailable", "Retry-After: 1\r\n");
    let mut place = Place::new(Reply::Each(vec![busy, Reply::full("201 Created", "", "done")]));
    let task = place.task_of(twice);
    assert_eq!([&task["state"], &task["attempt"]], [&json!("completed"), &json!(2)]);
    let keys = [place.next(), place.next()].map(|received| received.headers["idempotency-key"].clone());
    assert_eq!(keys[0], keys[1], "the receiver can tell that it is the same order");
    let daemon = place.world.daemon();
    let events = place.world.ok(&["-o", "jsonl", "events"]);
    let times = |kind: &str| -> Vec<String> {
        let lines = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|event| event["type"] == kind).map(|event| text(&event, "at").to_owned()).collect()
    };
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let waited = at(&times("task.started")[1]).duration_since(at(&times("task.retrying")[0]));
    assert!(waited >= jiff::SignedDuration::from_secs(1), "the receiver asked for a second, and was given {waited:?}");
    assert_eq!(daemon.stop(), 0);

    let mut place = Place::new(Reply::status("500 Internal Server Error", ""));
    let task = place.task_of(twice);
    assert_eq!([&task["state"], &task["attempt"]], [&json!("failed"), &json!(1)]);
    place.next();
    assert!(place.more().is_none());
}

#[test]
fn what_hangs_is_left_in_time_or_when_it_is_cancelled() {
    let mut place = Place::new(Reply::Hang);
    let task = place.task_of("timeout = \"200ms\"\nhttp = { url = \"{to}/\" }\n");
    let seen = [&task["state"], &task["outcome"], &task["error"]];
    assert_eq!(seen, [&json!("failed"), &json!("timeout"), &json!("took longer than its timeout")]);
    place.next();

    place.job("call", "http = { url = \"{to}/\" }\n");
    let daemon = place.world.daemon();
    let run = place.world.start("call");
    place.next();
    place.world.events().until(|event| event["type"] == "task.started" && event["run_id"] == run.as_str());
    place.world.ok(&["cancel", &run]);
    let ended = place.world.ended(&run);
    assert_eq!(ended["state"], "cancelled");
    assert_eq!(daemon.stop(), 0);
}

/// The run that was being made when `stop` ended its daemon, as the next daemon ends it.
fn outlived(keys: &str, stop: impl FnOnce(world::Daemon)) -> (Value, Place) {
    let mut place = Place::new(Reply::Each(vec![Reply::Hang, Reply::status("204 No Content", "")]));
    place.world.settings("timezone = \"UTC\"\ndrain_timeout = \"1ms\"\n");
    place.job("call", &format!("http = {{ url = \"{{to}}/\"{keys} }}\n"));
    let daemon = place.world.daemon();
    let run = place.world.start("call");
    place.next();
    stop(daemon);
    let daemon = place.world.daemon();
    let ended = place.world.ended(&run);
    assert_eq!(daemon.stop(), 0);
    (ended, place)
}

#[test]
fn a_request_whose_daemon_was_killed_is_made_again_only_where_it_is_idempotent() {
    let (run, mut place) = outlived("", world::Daemon::kill);
    assert_eq!([&run["state"], &run["tasks"][0]["attempt"]], [&json!("completed"), &json!(2)], "{run}");
    place.next();
    assert!(place.more().is_none());

    let daemon = place.world.daemon();
    let log = place.world.ok(&["logs", "call"]);
    assert_eq!(log.matches("GET http://").count(), 2, "what the first attempt has asked is told too: {log}");
    assert_eq!(daemon.stop(), 0);

    let (run, mut place) = outlived(", body = \"order\"", world::Daemon::kill);
    let task = &run["tasks"][0];
    assert_eq!(
        [&task["state"], &task["outcome"], &task["attempt"]],
        [&json!("failed"), &json!("interrupted"), &json!(1)]
    );
    assert!(place.more().is_none(), "an order is not placed twice");

    let (run, _) = outlived(", body = \"order\", idempotent = true", world::Daemon::kill);
    assert_eq!([&run["state"], &run["tasks"][0]["attempt"]], [&json!("completed"), &json!(2)], "{run}");
}

#[test]
fn a_daemon_that_stops_breaks_a_request_off_after_its_drain_time() {
    let (run, _) = outlived("", |daemon| assert_eq!(daemon.stop(), 0));
    assert_eq!([&run["state"], &run["tasks"][0]["attempt"]], [&json!("completed"), &json!(2)], "{run}");
    let (run, _) = outlived(", method = \"POST\"", |daemon| assert_eq!(daemon.stop(), 0));
    assert_eq!([&run["state"], &run["outcome"]], [&json!("failed"), &json!("interrupted")], "{run}");
}

#[test]
fn a_secret_reaches_the_receiver_and_nobody_else() {
    let echo = "Content-Type: text/plain\r\n";
    let mut place = Place::new(Reply::full("418 Teapot", echo, "you said tok-en-123 at /hush/path-456\n"));
    std::fs::write(place.world.path("token"), "tok-en-123\n").unwrap();
    std::fs::write(place.world.path("url"), format!("{}/hush/path-456\n", place.receiver.origin)).unwrap();
    let task = place.task_of(
        "[http]\nurl = { file = \"{here}/url\" }\nheaders = { Authorization = { file = \"{here}/token\", prefix = \"Bearer \" } }\n",
    );
    let received = place.next();
    assert_eq!(received.line, "GET /hush/path-456 HTTP/1.1");
    assert_eq!(received.headers["authorization"], "Bearer tok-en-123");
    assert_eq!(task["error"], "answered with status 418: you said *** at ***");
    assert_eq!(task["output"], "you said *** at ***\n");
    let all = everything(&place.world);
    assert!(holds(&all, "you said *** at ***") && holds(&all, "(file "), "the log is there");
    for secret in ["tok-en-123", "path-456"] {
        assert!(!holds(&all, secret), "{secret} is in the state folder");
    }
    let daemon = place.world.daemon();
    let told = [&["-o", "json", "runs"][..], &["-o", "json", "job", "call"], &["logs", "call"], &["events"]];
    for words in told {
        let out = place.world.ok(words);
        assert!(!out.contains("tok-en-123") && !out.contains("path-456"), "{words:?}: {out}");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_earlier_tasks_left_goes_into_every_part_of_a_request() {
    let mut place = Place::new(Reply::full("200 OK", "", "thanks"));
    place.job(
        "call",
        r#"
[tasks.count]
shell = 'printf 7; echo "day=2027-01-31" >> "$CAMPANILE_OUTPUT"'

[tasks.tell]
after = ["count"]
http = { method = "POST", url = "{to}/days/{{ tasks.count.outputs.day }}", headers = { X-Run = "{{ run.job }}#{{ run.number }}" }, body = "rows: {{ tasks.count.output }}" }
success = { required_regex = ['^thanks$'] }

[tasks.tell-more]
after = ["tell"]
retry = { max_attempts = 2, delay = "1ms" }
http = { method = "POST", url = "{to}/", json = { rows = "{{ tasks.count.output }}", said = ["{{ tasks.tell.output }}", 1], status = "{{ tasks.tell.outputs.status }}" } }
success = { required_regex = ['^never'] }
"#,
    );
    let daemon = place.world.daemon();
    let run = place.world.ended(&place.world.start("call"));
    let told = place.next();
    assert_eq!((told.line.as_str(), told.body.as_str()), ("POST /days/2027-01-31 HTTP/1.1", "rows: 7"));
    assert_eq!(told.headers["x-run"], "call#1");
    assert_eq!(place.next().body, r#"{"rows":"7","said":["thanks",1],"status":"200"}"#);
    assert_eq!(run["tasks"][1]["state"], "completed", "{run}");
    let judged = &run["tasks"][2];
    assert_eq!([&judged["state"], &judged["outcome"]], [&json!("failed"), &json!("verification_failed")], "{run}");
    let error = text(judged, "error");
    assert!(error.contains("^never"), "{error}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_secret_that_a_task_tells_everybody_is_told_to_nobody() {
    let mut place = Place::new(Reply::full("200 OK", "X-Echo: tok-en-123\r\n", "hello tok-en-123!"));
    std::fs::write(place.world.path("token"), "tok-en-123\n").unwrap();
    place.job(
        "call",
        r#"
[tasks.tell]
env = { TOKEN = { file = "{here}/token", prefix = "Bearer " } }
shell = """
echo "out $TOKEN"
echo "err $TOKEN" >&2
printf 'cut tok-en-'; printf '123\n'
echo "leak=$TOKEN" >> "$CAMPANILE_OUTPUT"
"""

[tasks.call]
after = ["tell"]
http = { method = "POST", url = "{to}/", headers = { Authorization = { file = "{here}/token" } }, body = "{{ tasks.tell.output }}" }

[tasks.fail]
after = ["call"]
env = { TOKEN = { file = "{here}/token" }, HEARD = "{{ tasks.call.output }}" }
shell = 'echo "$HEARD"; echo "last words: $TOKEN" >&2; exit 3'

[outputs]
leak = "{{ tasks.tell.outputs.leak }}"

[[hooks]]
on = ["task.failed", "task.completed"]
shell = "cat >> {here}/told; echo >> {here}/told"
"#,
    );
    let daemon = place.world.daemon();
    let run = place.world.ended(&place.world.start("call"));
    assert_eq!(run["outcome"], "exit_code", "{run}");
    assert_eq!(run["tasks"][0]["output"], "out Bearer ***\ncut ***\n");
    assert_eq!(run["tasks"][0]["outputs"], json!({ "leak": "Bearer ***" }));
    let received = place.next();
    assert_eq!(received.headers["authorization"], "tok-en-123");
    assert_eq!(received.body, "out Bearer ***\ncut ***", "a template takes an output without its last line end");
    assert_eq!(run["tasks"][1]["output"], "hello ***!");
    assert_eq!(run["tasks"][2]["output"], "hello ***!\n");
    let id = text(&run, "id").to_owned();
    place.world.until(&["deliveries"], |deliveries| {
        let all = deliveries.as_array().unwrap();
        all.len() == 3 && all.iter().all(|delivery| delivery["state"] == "delivered")
    });
    let told = std::fs::read_to_string(place.world.path("told")).unwrap();
    assert!(told.contains("last words: ***") && !told.contains("tok-en-123"), "{told}");
    let asked = [
        &["-o", "json", "run", &id][..],
        &["-o", "json", "tasks", "--run", &id],
        &["-o", "json", "job", "call"],
        &["job", "call", "--effective"],
        &["logs", &id],
        &["-o", "jsonl", "events"],
        &["-o", "json", "deliveries"],
    ];
    for words in asked {
        let out = place.world.ok(words);
        assert!(!out.contains("tok-en-123"), "{words:?}: {out}");
    }
    assert_eq!(daemon.stop(), 0);
    assert!(holds(&everything(&place.world), "last words: ***"), "the log is there");
    assert!(!holds(&everything(&place.world), "tok-en-123"));
}

#[test]
fn a_request_that_cannot_be_sent_says_why() {
    let place = Place::new(Reply::Hang);
    for (keys, outcome, attempts, error) in [
        (
            "url = { env = \"NOT_SET\" }",
            "spawn_error",
            2,
            "could not be started: environment variable `NOT_SET` is not set, is empty or is not UTF-8",
        ),
        (
            "url = \"http://169.254.169.254/latest\"",
            "invalid_request",
            1,
            "cannot be done as it is written: the address is link-local, which needs `allow_private`",
        ),
        ("url = \"http://127.0.0.1:1/\"", "provider_error", 2, "the request was not sent: cannot connect: "),
    ] {
        let task = place.task_of(&format!(
            "retry = {{ max_attempts = 2, delay = \"1ms\" }}\nhttp = {{ method = \"POST\", {keys} }}\n"
        ));
        assert_eq!([&task["outcome"], &task["attempt"]], [&json!(outcome), &json!(attempts)], "{task}");
        assert!(text(&task, "error").starts_with(error), "{task}");
    }
}

#[test]
fn no_more_of_an_answer_is_read_than_was_allowed() {
    let mut place = Place::new(Reply::Flood);
    let task = place.task_of("http = { url = \"{to}/\", max_response = \"100KiB\" }\n");
    assert_eq!(task["outcome"], "invalid_request");
    let expected = "cannot be done as it is written: the answer is longer than `max_response`, which is 102400 bytes";
    assert_eq!(task["error"], expected);
    let output = text(&task, "output");
    assert!(output.len() <= 64 << 10 && output.contains("bytes dropped"), "{} bytes", output.len());
    let taken = place.runtime.block_on(place.receiver.flooded.recv()).unwrap();
    assert!(taken < 64 << 20, "{taken} bytes were taken");
}

#[test]
fn a_file_with_requests_is_run_without_a_daemon() {
    let mut place = Place::new(Reply::Each(vec![Reply::full("200 OK", "", "one\n"), Reply::status("500 Oops", "")]));
    place.job("call", "http = { url = \"{to}/\" }\n");
    let run = |world: &World| {
        let mut command = world.campanile();
        command.args(["run", "jobs/call.toml"]);
        said(command)
    };
    let first = run(&place.world).with(0);
    assert!(first.out.contains("one"), "{first:#?}");
    place.next();
    let second = run(&place.world).with(1);
    assert!(second.err.contains("answered with status 500"), "{second:#?}");
}
