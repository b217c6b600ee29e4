//! Jobs that are put by API, and taken away again.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::world::World;

/// Asks the daemon's socket, and returns the status and the answer.
#[track_caller]
fn ask(world: &World, method: &str, path: &str, kind: &str, body: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(world.path("socket")).unwrap();
    let head = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

pub(crate) fn put(world: &World, name: &str, text: &str) -> (u16, Value) {
    ask(world, "PUT", &format!("/jobs/{name}"), "Content-Type: application/toml\r\n", text)
}

fn delete(world: &World, name: &str) -> (u16, Value) {
    ask(world, "DELETE", &format!("/jobs/{name}"), "", "")
}

#[test]
fn a_job_is_put_changed_and_taken_away() {
    let world = World::new();
    let daemon = world.daemon();
    let path = world.path("state/jobs.d/mine.toml");
    let (status, answer) = put(&world, "mine", "shell = \"echo one\"\n");
    assert_eq!((status, &answer), (201, &json!({ "name": "mine", "path": path, "created": true, "changed": true })));
    assert_eq!(world.ended(&world.start("mine"))["output"], "one\n");
    let (status, answer) = put(&world, "mine", "shell = \"echo two\"\n");
    assert_eq!((status, &answer["created"], &answer["changed"]), (200, &json!(false), &json!(true)));
    let (status, answer) = put(&world, "mine", "shell = \"echo two\"\n");
    assert_eq!((status, &answer["changed"]), (200, &json!(false)));
    assert_eq!(daemon.stop(), 0);

    let daemon = world.daemon();
    assert_eq!(world.json(&["job", "mine"])["revision"], 2, "it outlives the daemon");
    let names: Vec<_> =
        std::fs::read_dir(world.path("state/jobs.d")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["mine.toml"], "nothing is left beside it");
    let (status, answer) = delete(&world, "mine");
    assert_eq!((status, &answer["changed"]), (200, &json!(true)));
    assert!(world.json(&["job", "mine"])["retired_at"].is_string());
    let (status, answer) = delete(&world, "mine");
    assert_eq!((status, &answer["code"]), (404, &json!("not_found")));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_wrong_with_a_job_comes_back_with_its_places_and_changes_nothing() {
    let world = World::new();
    let daemon = world.daemon();
    put(&world, "mine", "shell = \"echo one\"\n");
    let (status, problem) = put(&world, "mine", "shell = \"echo two\"\ntimeot = \"1s\"\n");
    assert_eq!((status, &problem["code"]), (422, &json!("invalid")), "{problem}");
    let error = &problem["errors"][0];
    assert_eq!((&error["line"], &error["column"]), (&json!(2), &json!(1)), "{problem}");
    assert!(error["hint"].to_string().contains("timeout"), "{problem}");
    assert_eq!(world.ended(&world.start("mine"))["output"], "one\n");
    for (name, expected) in [("..", 400), ("a%2Fb", 400), ("A", 400), ("a%20b", 400), ("%00", 400)] {
        let (status, problem) = put(&world, name, "shell = \"true\"\n");
        assert_eq!(status, expected, "{name}: {problem}");
    }
    let (status, problem) = ask(&world, "PUT", "/jobs/x", "Content-Type: image/png\r\n", "x");
    assert_eq!((status, &problem["code"]), (400, &json!("bad_request")), "{problem}");
    let (status, problem) = put(&world, "large", &"#".repeat(2 << 20));
    assert_eq!((status, &problem["code"]), (413, &json!("too_large")), "{problem}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_job_that_an_operators_file_defines_is_not_overridden() {
    let world = World::new();
    let path = world.job("theirs", "shell = \"echo theirs\"\n");
    world.job("broken", "shel = \"echo theirs\"\n");
    let daemon = world.daemon();
    for name in ["theirs", "broken"] {
        let (status, problem) = put(&world, name, "shell = \"echo mine\"\n");
        assert_eq!((status, &problem["code"]), (409, &json!("defined_elsewhere")), "{problem}");
        assert_eq!(delete(&world, name).0, 409);
    }
    let (_, problem) = put(&world, "theirs", "shell = \"echo mine\"\n");
    assert!(problem["detail"].to_string().contains(&path.display().to_string()), "{problem}");
    assert_eq!(world.ended(&world.start("theirs"))["output"], "theirs\n");
    // What was put first stays ours, whatever an operator writes later.
    put(&world, "ours", "shell = \"echo ours\"\n");
    world.job("ours", "shell = \"echo theirs\"\n");
    world.ok(&["reload"]);
    assert_eq!(put(&world, "ours", "shell = \"echo still ours\"\n").0, 200);
    assert_eq!(world.ended(&world.start("ours"))["output"], "still ours\n");
    assert_eq!(delete(&world, "ours").0, 200);
    assert_eq!(world.ended(&world.start("ours"))["output"], "theirs\n");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_job_that_was_put_calls_nothing_that_only_this_machine_reaches() {
    let world = World::new();
    let daemon = world.daemon();
    put(&world, "near", "http = { url = \"http://127.0.0.1:1/\", allow_private = true }\n");
    let run = world.ended(&world.start("near"));
    assert!(crate::world::text(&run, "error").contains("public"), "{run}");
    world.job("own", "http = { url = \"http://127.0.0.1:1/\" }\n");
    world.json(&["reload"]);
    let run = world.ended(&world.start("own"));
    assert!(!crate::world::text(&run, "error").contains("public"), "what an operator's file calls is tried: {run}");
    assert_eq!(daemon.stop(), 0);
}
