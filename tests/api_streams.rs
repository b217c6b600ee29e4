//! What the HTTP API sends as it comes: events and logs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "api/world.rs"]
mod world;

use std::fs::OpenOptions;
use std::io::Write;

use serde_json::{Value, json};
use world::{NOON, World, address, id};

/// Reads a response line by line, as it comes.
struct Lines {
    response: reqwest::Response,
    unread: String,
}

impl Lines {
    async fn open(world: &World, path: &str) -> Self {
        let response = world.open(path).await;
        assert_eq!(response.status(), 200);
        Lines { response, unread: String::new() }
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.unread.split_once('\n') {
                let line = line.to_owned();
                self.unread = rest.to_owned();
                return Some(line);
            }
            let bytes = self.response.chunk().await.unwrap()?;
            self.unread.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The number and type of the next event.
    async fn event(&mut self) -> Option<(u64, String)> {
        loop {
            if let Some(data) = self.next().await?.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).unwrap();
                return Some((event["seq"].as_u64().unwrap(), event["type"].as_str().unwrap().to_owned()));
            }
        }
    }

    /// The text of the next log line.
    async fn text(&mut self) -> Option<String> {
        let line: Value = serde_json::from_str(&self.next().await?).unwrap();
        Some(line["text"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn a_stream_sends_what_was_missed_and_then_what_comes() {
    let world = World::obedient();
    for kind in ["task.queued", "task.started", "task.completed"] {
        world.event(kind, None, None);
    }
    let mut all = Lines::open(&world, "/api/v1/events/stream?after=1").await;
    let mut new = Lines::open(&world, "/api/v1/events/stream").await;
    assert_eq!(all.event().await, Some((2, "task.started".into())));
    assert_eq!(all.event().await, Some((3, "task.completed".into())));
    world.event("job.loaded", None, None);
    assert_eq!(all.event().await, Some((4, "job.loaded".into())));
    assert_eq!(new.event().await, Some((4, "job.loaded".into())), "without a number, from now on");
}

#[tokio::test]
async fn a_stream_goes_on_where_the_client_left_off() {
    let world = World::obedient();
    for _ in 0..5 {
        world.event("task.queued", None, None);
    }
    let request = world.http.get(address("/api/v1/events/stream?after=0")).header("last-event-id", "3");
    let response = request.send().await.unwrap();
    let mut lines = Lines { response, unread: String::new() };
    assert_eq!(lines.event().await.unwrap().0, 4);
    let bad = world.http.get(address("/api/v1/events/stream")).header("last-event-id", "x");
    assert_eq!(bad.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_stream_sends_only_what_was_asked_for() {
    let world = World::obedient();
    world.job(1, "nightly", &[]);
    world.run(1, Some(1), "running");
    let mut of_run = Lines::open(&world, "/api/v1/events/stream?run=nightly").await;
    let mut of_kind = Lines::open(&world, "/api/v1/events/stream?type=workflow.*").await;
    world.event("task.started", Some("other"), Some(2));
    world.event("task.completed", Some("nightly"), Some(1));
    world.event("workflow.completed", Some("nightly"), Some(1));
    assert_eq!(of_run.event().await, Some((2, "task.completed".into())));
    assert_eq!(of_run.event().await, Some((3, "workflow.completed".into())));
    assert_eq!(of_kind.event().await, Some((3, "workflow.completed".into())));
}

#[tokio::test]
async fn events_that_are_no_longer_kept_are_refused_and_the_oldest_is_named() {
    let world = World::obedient();
    for _ in 0..9 {
        world.event("task.queued", None, None);
    }
    world.prune(6);
    for path in ["/api/v1/events?after=2", "/api/v1/events/stream?after=2", "/api/v1/events?after=4"] {
        let (status, problem) = world.get(path).await;
        assert_eq!((status, &problem["code"]), (410, &json!("pruned")), "{path}");
        assert_eq!(problem["detail"], "the oldest event that is kept is 6");
    }
    for (path, first, n) in
        [("/api/v1/events?after=5", 6, 4), ("/api/v1/events", 6, 4), ("/api/v1/events?after=8", 9, 1)]
    {
        let (_, page) = world.get(path).await;
        let items = page["items"].as_array().unwrap();
        assert_eq!((items[0]["seq"].as_u64(), items.len()), (Some(first), n), "{path}");
    }
    let (_, page) = world.get("/api/v1/events?limit=3").await;
    assert_eq!(page["next_cursor"], "8");
    for path in ["events", "events/stream"] {
        let (status, problem) = world.get(&format!("/api/v1/{path}?after={}", u64::MAX)).await;
        assert_eq!((status, &problem["code"]), (400, &json!("bad_request")), "{path}");
    }
    assert_eq!(world.get(&format!("/api/v1/events?after={}", i64::MAX)).await.1["items"], json!([]));
    world.prune(99);
    assert_eq!(world.get("/api/v1/events?after=3").await.0, 410, "also when none is kept");
    assert_eq!(world.get("/api/v1/events?after=9").await.1["items"], json!([]));
}

#[tokio::test]
async fn streams_end_when_the_daemon_stops() {
    let mut world = World::obedient();
    world.run(1, None, "running");
    let mut events = Lines::open(&world, "/api/v1/events/stream").await;
    let mut logs = Lines::open(&world, "/api/v1/runs/0001/logs?follow=true").await;
    world.begin_stop();
    assert_eq!(events.event().await, None);
    assert!(logs.response.chunk().await.is_err(), "a log that is not at its end breaks off");
}

fn line(text: &str) -> String {
    format!("2026-11-20T12:00:00.000000Z stdout F {text}\n")
}

#[tokio::test]
async fn logs_are_those_of_all_tasks_and_attempts_in_order() {
    let world = World::obedient();
    world.run(1, None, "completed");
    world.task(0x9001, 1, 1, "second", "completed", Some(NOON));
    world.attempt(1, 0x8001, 1, "ended", &line("a"));
    world.attempt(3, 0x8001, 2, "ended", &(line("b") + "2026-11-20T12:00:01.000000Z stderr P long"));
    world.attempt(2, 0x9001, 1, "ended", &(line("c") + "2026-11-20T12:00:01.000000Z stderr P long\n"));
    for (path, expected) in [
        ("runs/0001/logs", vec!["a", "b", "c", "long"]),
        ("runs/0001/logs?follow=true", vec!["a", "b", "c", "long"]),
        ("runs/0001/logs?task=main", vec!["a", "b"]),
        ("runs/0001/logs?task=main&attempt=2", vec!["b"]),
        ("tasks/9001/logs", vec!["c", "long"]),
        ("tasks/9001/logs?attempt=5", vec![]),
    ] {
        let mut lines = Lines::open(&world, &format!("/api/v1/{path}")).await;
        let mut found = Vec::new();
        while let Some(text) = lines.text().await {
            found.push(text);
        }
        assert_eq!(found, expected, "{path}");
    }
    let mut lines = Lines::open(&world, "/api/v1/tasks/9001/logs").await;
    lines.next().await;
    let last: Value = serde_json::from_str(&lines.next().await.unwrap()).unwrap();
    assert_eq!(
        last,
        json!({ "task": "second", "attempt": 1, "at": "2026-11-20T12:00:01.000000Z", "stream": "stderr",
                "whole": false, "text": "long" })
    );
}

#[tokio::test]
async fn following_goes_on_across_attempts_until_the_run_has_ended() {
    let world = World::obedient();
    world.run(1, None, "running");
    let first = world.attempt(1, 0x8001, 1, "running", &line("a"));
    let mut lines = Lines::open(&world, "/api/v1/runs/0001/logs?follow=true").await;
    assert_eq!(lines.text().await.unwrap(), "a");
    let mut file = OpenOptions::new().append(true).open(first).unwrap();
    file.write_all(line("b").as_bytes()).unwrap();
    assert_eq!(lines.text().await.unwrap(), "b");
    world.store.execute("UPDATE attempt SET state = 'ended'", []).unwrap();
    world.event("task.retrying", None, Some(1));
    world.attempt(2, 0x8001, 2, "running", &line("c"));
    world.event("task.started", None, Some(1));
    assert_eq!(lines.text().await.unwrap(), "c");
    world.store.execute("UPDATE attempt SET state = 'ended'", []).unwrap();
    world.store.execute("UPDATE task SET state = 'completed', ended_at = 1 WHERE run_id = ?1", [id(1)]).unwrap();
    world.event("workflow.completed", None, Some(1));
    assert_eq!(lines.text().await, None);
}
