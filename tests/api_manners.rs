//! The manners of the HTTP API: what surrounds an answer, and what odd requests get.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the engine of a test does whatever else it is asked")]

#[path = "api/world.rs"]
mod world;

use std::collections::HashMap;
use std::sync::Mutex;

use campanile::engine::{Answer, Command};
use campanile::model::id::RunId;
use campanile::model::refused::Refused;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use world::{World, address, id};

async fn ask(world: &World, method: Method, path: &str, headers: &[(&'static str, &str)], body: &str) -> Response {
    let request = headers
        .iter()
        .fold(world.http.request(method, address(path)), |request, (name, value)| request.header(*name, *value));
    request.body(body.to_owned()).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_address_says_which_methods_it_takes() {
    let world = World::obedient();
    for (method, path, status, allow) in [
        (Method::OPTIONS, "/api/v1/tasks", 204, "GET,HEAD,POST"),
        (Method::DELETE, "/api/v1/tasks", 405, "GET,HEAD,POST"),
        (Method::PATCH, "/api/v1/status", 405, "GET,HEAD"),
        (Method::OPTIONS, "/api/v1/none", 404, ""),
    ] {
        let response = ask(&world, method.clone(), path, &[], "").await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (status, allow), "{method} {path}");
    }
    let head = ask(&world, Method::HEAD, "/api/v1/status", &[], "").await;
    assert_eq!((head.status().as_u16(), head.bytes().await.unwrap().len()), (200, 0));
}

#[tokio::test]
async fn the_next_page_is_linked_with_all_that_was_asked() {
    let world = World::obedient();
    for n in 1..=3 {
        world.run(n, None, "queued");
    }
    let first = ask(&world, Method::GET, "/api/v1/runs?state=queued&limit=2", &[], "").await;
    let link = header(&first, "link").to_owned();
    let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
    assert!(next.starts_with("/api/v1/runs?state=queued&limit=2&cursor="), "{link}");
    let last = ask(&world, Method::GET, next, &[], "").await;
    assert_eq!(header(&last, "link"), "");
    let page: Value = serde_json::from_slice(&last.bytes().await.unwrap()).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_with_its_place() {
    let world = World::obedient();
    let deep = "[".repeat(100_000);
    for (kind, body, status, code, place) in [
        ("text/plain", "{}", 415, "unsupported_media_type", Value::Null),
        ("application/x-www-form-urlencoded", "a=b", 415, "unsupported_media_type", Value::Null),
        ("application/json; charset=utf-8", "{\n  \"at\": 1}", 400, "bad_request", json!([2, 10])),
        ("application/json", "{\"force\": true, \"farce\": 1}", 400, "bad_request", json!([1, 24])),
        ("application/json", deep.as_str(), 400, "bad_request", json!([1, 1])),
        ("application/json", "{\"params\": {\"a\": \u{0}}}", 400, "bad_request", json!([1, 18])),
    ] {
        let path = "/api/v1/jobs/x/runs";
        let response = ask(&world, Method::POST, path, &[("content-type", kind)], body).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "content-type")),
            (status, "application/problem+json")
        );
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        if let Some(line) = place.get(0) {
            assert_eq!(problem["errors"][0]["line"], *line, "{problem}");
            assert!(problem["errors"][0]["column"].as_u64().is_some_and(|column| column > 0), "{problem}");
        }
    }
    assert_eq!(world.asked(), Vec::<String>::new(), "nothing of it reached the engine");
}

#[tokio::test]
async fn a_key_is_told_to_the_engine_and_a_repeat_is_marked() {
    let kept: Mutex<HashMap<String, [u8; 32]>> = Mutex::default();
    let world = World::new(move |command| {
        let Command::Keyed(asked) = command else { panic!("{command:?}") };
        let started = Answer::Started { run: RunId::from_bytes(id(7)), number: 3 };
        match kept.lock().unwrap().insert(asked.key.clone(), asked.fingerprint) {
            None => Ok(started),
            Some(fingerprint) if fingerprint == asked.fingerprint => Ok(Answer::Again(Box::new(started))),
            Some(_) => Err(Refused::KeyReused { key: asked.key.clone() }),
        }
    });
    for (key, path, body, status, replayed) in [
        ("\"a-1\"", "/api/v1/jobs/x/runs", "{}", 201, ""),
        ("a-1", "/api/v1/jobs/x/runs", "{}", 201, "true"),
        ("a-1", "/api/v1/jobs/x/runs", "{\"force\": true}", 422, ""),
        ("a-1", "/api/v1/jobs/y/runs", "{}", 422, ""),
        ("a 1", "/api/v1/jobs/x/runs", "{}", 400, ""),
    ] {
        let response = ask(&world, Method::POST, path, &[("idempotency-key", key)], body).await;
        let found = (response.status().as_u16(), header(&response, "idempotency-replayed"));
        assert_eq!(found, (status, replayed), "{key} {path} {body}");
    }
}

#[tokio::test]
async fn readiness_waits_for_the_definitions_and_ends_with_the_stop() {
    let world = World::obedient();
    assert_eq!(ask(&world, Method::GET, "/livez", &[], "").await.status(), 200);
    let (status, problem) = world.get("/readyz").await;
    assert_eq!((status, &problem["code"]), (503, &json!("not_ready")));
    world.readiness.loaded();
    let ready = ask(&world, Method::GET, "/readyz?verbose", &[], "").await;
    assert_eq!(ready.status(), 200);
    assert!(ready.text().await.unwrap().contains("[+] definitions are loaded"));
    world.readiness.draining();
    assert_eq!(world.get("/readyz").await.0, 503);
}

#[tokio::test]
async fn metrics_say_what_is_true_and_what_was_counted() {
    let world = World::obedient();
    world.job(1, "nightly", &[]);
    world.run(1, Some(1), "queued");
    world.metrics.skipped("nightly", campanile::model::outcome::Reason::Paused, 2);
    let response = ask(&world, Method::GET, "/metrics", &[], "").await;
    assert!(header(&response, "content-type").starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for line in [
        "campanile_build_info{version=\"1.2.3\"}",
        "campanile_queue_length{state=\"queued\"} 1",
        "campanile_runs_total{job=\"nightly\",outcome=\"success\"} 0",
        "campanile_skips_total{job=\"nightly\",reason=\"paused\"} 2",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn so_many_streams_are_open_and_no_more() {
    let world = World::obedient();
    let mut open = Vec::new();
    for n in 0..64 {
        let (path, accept) =
            if n % 2 == 0 { ("/api/v1/events/stream", "*/*") } else { ("/api/v1/events", "text/event-stream") };
        let stream = ask(&world, Method::GET, path, &[("accept", accept)], "").await;
        assert_eq!(header(&stream, "content-type"), "text/event-stream");
        assert_eq!((header(&stream, "cache-control"), header(&stream, "x-accel-buffering")), ("no-store", "no"));
        open.push(stream);
    }
    let (status, problem) = world.get("/api/v1/events/stream").await;
    assert_eq!((status, &problem["code"]), (503, &json!("busy")));
}

#[tokio::test]
async fn the_document_describes_every_answer() {
    let world = World::obedient();
    world.job(1, "nightly", &[]);
    world.run(1, Some(1), "completed");
    world.event("workflow.completed", Some("nightly"), Some(1));
    let (_, document) = world.get("/api/v1/openapi.json").await;
    for (path, place) in [
        ("/api/v1/status", "/api/v1/status"),
        ("/api/v1/jobs", "/api/v1/jobs"),
        ("/api/v1/jobs/nightly", "/api/v1/jobs/{name}"),
        ("/api/v1/runs", "/api/v1/runs"),
        ("/api/v1/runs/nightly", "/api/v1/runs/{id}"),
        ("/api/v1/tasks", "/api/v1/tasks"),
        ("/api/v1/events", "/api/v1/events"),
        ("/api/v1/next", "/api/v1/next"),
        ("/api/v1/deliveries", "/api/v1/deliveries"),
        ("/api/v1/why?job=nightly&at=2026-11-20T12:00:00Z", "/api/v1/why"),
        ("/api/v1/runs/none", "/api/v1/runs/{id}"),
    ] {
        let (status, answer) = world.get(path).await;
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        let said = &document["paths"][place]["get"]["responses"][status.to_string()]["content"][kind]["schema"];
        assert!(said.is_object(), "{path}: {status} is not in the document");
        let mut schema = said.clone();
        schema["components"] = document["components"].clone();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let faults: Vec<String> = schema.iter_errors(&answer).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{path}: {answer}");
    }
}
