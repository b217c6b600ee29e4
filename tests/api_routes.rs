//! What the HTTP API answers and refuses, on a real socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the engine of a test does whatever else it is asked")]

#[path = "api/world.rs"]
mod world;

use campanile::api::ROUTES;
use campanile::engine::{Answer, Command};
use campanile::model::definition::{Blackout, Schedule, Timing};
use campanile::model::id::RunId;
use campanile::model::outcome::Reason;
use campanile::model::refused::Refused;
use rusqlite::params;
use serde_json::{Value, json};
use world::{MINUTE, NOON, World, id, id_text};

fn hourly() -> Schedule {
    Schedule::new(Timing::Cron { expression: "0 * * * *".to_owned() }, "UTC")
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn has(object: &Value, names: &str) {
    let keys = keys(object);
    for name in names.split(", ") {
        assert!(keys.contains(&name), "`{name}` is missing in {keys:?}");
    }
}

#[tokio::test]
async fn every_object_has_its_promised_fields_even_when_they_are_empty() {
    let world = World::obedient();
    world.job(1, "nightly", &[hourly()]);
    world.schedule(1, 1, &hourly(), NOON, Some(NOON + 60 * MINUTE));
    world.run(1, Some(1), "running");
    world.event("workflow.queued", Some("nightly"), Some(1));
    let (_, status) = world.get("/api/v1/status").await;
    has(&status, "version, started_at, paused, jobs, invalid, tasks, next, agents");
    has(&status["tasks"], "queued, running, waiting");
    let (_, job) = world.get("/api/v1/jobs/nightly").await;
    has(&job, "name, revision, enabled, paused, schedules, last_run");
    has(&job["schedules"][0], "next_at, last_at");
    let (_, run) = world.get("/api/v1/runs/nightly").await;
    has(&run, "id, job, number, state, outcome, cause, rerun_of, scheduled_at, queued_at, started_at, ended_at");
    has(&run, "rollback, error, output, outputs, tasks, waits_for");
    has(&run["tasks"][0], "id, run_id, job, name, state, outcome, attempt, max_attempts, started_at, ended_at");
    has(&run["tasks"][0], "exit_code, output, outputs, error, usage, waits_for");
    let (_, events) = world.get("/api/v1/events").await;
    has(&events["items"][0], "seq, at, type, job, run_id, task_id, data");
    assert_eq!(status["tasks"], json!({ "queued": 0, "running": 1, "waiting": 0 }));
    assert_eq!((&status["jobs"], &status["version"]), (&json!(1), &json!("1.2.3")));
    assert_eq!(status["next"][0]["due_at"], "2026-11-20T13:00:00.000000Z");
    assert_eq!(job["last_run"]["id"], run["id"]);
    world.stop().await;
}

#[tokio::test]
async fn a_task_tells_what_its_last_attempt_has_used() {
    let world = World::obedient();
    world.job(1, "nightly", &[]);
    world.run(1, Some(1), "running");
    let path = format!("/api/v1/tasks/{}", id_text(7));
    world.task(7, 1, 1, "other", "running", None);
    assert_eq!(world.get(&path).await.1["usage"], json!(null));
    world.attempt(1, 7, 1, "ended", "");
    world.attempt(2, 7, 2, "ended", "");
    let use_up = |launch: i64, cpu: i64| {
        let update = "UPDATE attempt SET cpu_us = ?2, peak_pids = 3 WHERE launch = ?1";
        world.store.execute(update, [launch, cpu]).unwrap();
    };
    use_up(1, 5);
    assert_eq!(world.get(&path).await.1["usage"], json!(null), "nobody has counted the last one");
    use_up(2, 1_250_000);
    let (_, task) = world.get(&path).await;
    assert_eq!(task["attempt"], 2);
    assert_eq!(task["usage"], json!({ "cpu_us": 1_250_000, "peak_memory_bytes": null, "peak_pids": 3 }));
    world.stop().await;
}

#[tokio::test]
async fn a_job_tells_of_each_key_where_it_is_written() {
    let world = World::obedient();
    world.job(1, "nightly", &[]);
    world.job(2, "old", &[]);
    let items = json!([
        { "key": "max_runs", "value": 2, "file": "/etc/campanile/jobs.d/nightly.d/10.toml", "line": 3 },
        { "key": "tasks.main.env.TOKEN", "value": { "env": "TOKEN" }, "file": "/jobs.d/nightly.toml", "line": 7 },
        { "key": "priority", "value": 5, "file": null, "line": null },
    ]);
    world.origins(1, &items);
    assert_eq!(world.get("/api/v1/jobs/nightly/effective").await, (200, json!({ "items": items })));
    assert_eq!(world.get("/api/v1/jobs/old/effective").await, (200, json!({ "items": [] })));
    assert_eq!(world.get("/api/v1/jobs/none/effective").await.0, 404);
    world.stop().await;
}

#[tokio::test]
async fn a_run_is_found_by_its_id_a_piece_of_it_its_number_or_its_job() {
    let world = World::obedient();
    world.job(1, "nightly", &[]);
    world.job(2, "beef", &[]);
    world.job(3, "idle", &[]);
    world.run(0x0001, Some(1), "completed");
    world.run(0x0002, Some(1), "failed");
    world.run(0x7a03, None, "queued");
    for (name, expected) in [
        (id_text(1), Ok(1)),
        (id_text(0x7a03), Ok(0x7a03)),
        ("7a03".to_owned(), Ok(0x7a03)),
        ("00007A03".to_owned(), Ok(0x7a03)),
        ("nightly".to_owned(), Ok(2)),
        ("nightly%231".to_owned(), Ok(1)),
        ("01a1f8ff".to_owned(), Err("ambiguous")),
        (id_text(9), Err("not_found")),
        ("nightly%239".to_owned(), Err("not_found")),
        ("idle".to_owned(), Err("not_found")),
        ("beef".to_owned(), Err("not_found")),
        ("a03".to_owned(), Err("not_found")),
        ("no such".to_owned(), Err("not_found")),
    ] {
        let (_, found) = world.get(&format!("/api/v1/runs/{name}")).await;
        match expected {
            Ok(n) => assert_eq!(found["id"], id_text(n), "{name}"),
            Err(code) => assert_eq!(found["code"], code, "{name}"),
        }
    }
    let (_, task) = world.get("/api/v1/tasks/8002").await;
    assert_eq!((&task["run_id"], &task["job"]), (&json!(id_text(2)), &json!("nightly")));
}

async fn walk(world: &World, path: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = world.get(&format!("{path}&limit=2{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        ids.extend(items.iter().map(|item| item["id"].as_str().or(item["name"].as_str()).unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn lists_are_walked_page_by_page_and_filtered() {
    let world = World::obedient();
    world.job(1, "nightly", &[]);
    world.job(2, "other", &[]);
    world.job(3, "third", &[]);
    for (n, job, state) in [
        (1, Some(1), "completed"),
        (2, Some(2), "completed"),
        (3, Some(1), "failed"),
        (4, None, "queued"),
        (5, Some(1), "queued"),
    ] {
        world.run(n, job, state);
    }
    for (filter, expected) in [
        ("", vec![5, 4, 3, 2, 1]),
        ("job=nightly", vec![5, 3, 1]),
        ("state=queued", vec![5, 4]),
        ("state=pending", vec![5, 4]),
        ("state=completed", vec![2, 1]),
        ("job=nightly&state=failed", vec![3]),
        ("since=2026-11-20T12:03:00Z", vec![5, 4, 3]),
        ("since=2026-11-20T12:02:00Z&until=2026-11-20T12:04:00Z", vec![3, 2]),
        ("state=cancelled", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(id_text).collect();
        assert_eq!(walk(&world, &format!("/api/v1/runs?{filter}")).await, expected, "{filter}");
    }
    for (filter, expected) in [("", 5), ("state=pending", 2), ("state=failed", 1), ("run=nightly", 1)] {
        assert_eq!(walk(&world, &format!("/api/v1/tasks?{filter}")).await.len(), expected, "{filter}");
    }
    assert_eq!(walk(&world, "/api/v1/jobs?").await, ["nightly", "other", "third"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_code_and_a_reason() {
    let world = World::obedient();
    world.run(1, None, "queued");
    for (path, status, code, detail) in [
        ("/", 404, "no_route", "`/`"),
        ("/api/v1/nothing", 404, "no_route", "/api/v1/nothing"),
        ("/api/v1/reload", 405, "method_not_allowed", "does not take GET"),
        ("/api/v1/runs?stat=queued", 400, "bad_request", "stat"),
        ("/api/v1/runs?state=happy", 400, "bad_request", "`happy` is no state of a run"),
        ("/api/v1/tasks?state=happy", 400, "bad_request", "`happy` is no state of a task"),
        ("/api/v1/runs?limit=0", 400, "bad_request", "1 to 200"),
        ("/api/v1/runs?limit=201", 400, "bad_request", "1 to 200"),
        ("/api/v1/runs?since=yesterday", 400, "bad_request", "`yesterday` is not a time"),
        ("/api/v1/runs?cursor=x", 400, "bad_request", "no cursor"),
        ("/api/v1/runs?job=none", 404, "not_found", "no job `none`"),
        ("/api/v1/jobs/none", 404, "not_found", "no job `none`"),
        ("/api/v1/tasks/none", 404, "not_found", "no task `none`"),
        ("/api/v1/events?job=none", 404, "not_found", "no job `none`"),
        ("/api/v1/events?type=%5Ba%5D", 400, "bad_request", "only `*`"),
        ("/api/v1/runs/0001/logs?task=none", 404, "not_found", "no task `none`"),
        ("/api/v1/why?job=none&at=2026-11-20T12:00:00Z", 404, "not_found", "no job `none`"),
        ("/api/v1/next?n=1001", 400, "bad_request", "at most 1000"),
    ] {
        let (found, problem) = world.get(path).await;
        assert_eq!((found, problem["code"].as_str().unwrap()), (status, code), "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
        assert_eq!((&problem["type"], &problem["status"]), (&json!("about:blank"), &json!(status)), "{path}");
    }
    for (path, body, code, detail) in [
        ("/api/v1/tasks", "{", "bad_request", "line 1 column 1"),
        ("/api/v1/tasks", "", "bad_request", "missing field `tasks`"),
        ("/api/v1/tasks", r#"{"tasks": []}"#, "bad_request", "1 to 10000"),
        ("/api/v1/tasks", r#"{"tasks": [{"noop": true}, {}]}"#, "invalid", "`tasks[1]`"),
        ("/api/v1/jobs/x/runs", r#"{"forced": true}"#, "bad_request", "unknown field `forced`"),
        ("/api/v1/jobs/x/runs", &" ".repeat(1_100_000), "too_large", "1048576"),
        ("/api/v1/runs/none/cancel", "", "not_found", "no run `none`"),
        ("/api/v1/deliveries/none/retry", "", "not_found", "no delivery `none`"),
    ] {
        let (_, problem) = world.post(path, body).await;
        assert_eq!(problem["code"], code, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
    }
    assert_eq!(world.asked(), Vec::<String>::new(), "nothing of it reached the engine");
}

#[tokio::test]
async fn every_address_of_the_page_is_there() {
    let world = World::obedient();
    for route in ROUTES.iter() {
        let path = route.path.replace("{id}", "none").replace("{name}", "none");
        let request = world.http.request(route.method.clone(), world::address(&path));
        let response = request.send().await.unwrap();
        let streams = response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if streams { String::new() } else { response.text().await.unwrap() };
        assert!(!text.contains("no_route") && !text.contains("method_not_allowed"), "{} {path}: {text}", route.method);
    }
}

#[tokio::test]
async fn a_command_reaches_the_engine_and_its_answer_comes_back() {
    let world = World::new(|command| match command {
        Command::Start(start) if start.job == "busy" => {
            Err(Refused::NotAdmitted { job: "busy".into(), reason: Reason::Overlap })
        }
        Command::Start(_) => Ok(Answer::Started { run: RunId::from_bytes(id(7)), number: 3 }),
        Command::Submit(tasks) => Ok(Answer::Submitted(tasks.iter().map(|_| RunId::from_bytes(id(8))).collect())),
        Command::Pause { job: Some(_), .. } => Err(Refused::Already { what: "`x`".into(), state: "paused" }),
        _ => Ok(Answer::Done),
    });
    world.run(1, None, "running");
    let at = r#"{"at": "2026-11-20T12:00:00Z", "force": true}"#;
    let (status, started) = world.post("/api/v1/jobs/nightly/runs", at).await;
    assert_eq!((status, started), (201, json!({ "id": id_text(7), "job": "nightly", "number": 3 })));
    let (status, problem) = world.post("/api/v1/jobs/busy/runs", "").await;
    assert_eq!((status, &problem["code"]), (409, &json!("not_admitted")));
    let tasks = r#"{"tasks": [{"noop": true}, {"command": ["echo", "hi"], "priority": 1}]}"#;
    let (status, submitted) = world.post("/api/v1/tasks", tasks).await;
    assert_eq!((status, submitted), (201, json!({ "ids": [id_text(8), id_text(8)] })));
    assert_eq!(world.post("/api/v1/jobs/x/pause", "").await.0, 409);
    assert_eq!(world.post("/api/v1/runs/0001/cancel", "").await.0, 204);
    assert_eq!(world.post("/api/v1/tasks/8001/cancel", "").await.0, 204);
    assert_eq!(world.post("/api/v1/pause", "").await.0, 204);
    assert_eq!(world.post("/api/v1/resume", "").await.0, 204);
    let (status, reloaded) = world.post("/api/v1/reload", "").await;
    assert_eq!((status, &reloaded["n_unchanged"]), (200, &json!(7)));
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let asked = world.asked();
    assert!(asked[0].contains("force: true"), "{}", asked[0]);
    assert!(asked[4].starts_with("CancelRun") && asked[4].contains(&me), "{}", asked[4]);
    assert!(asked[5].starts_with("CancelTask") && asked[5].contains(&me), "{}", asked[5]);
    assert_eq!(asked[6], format!("Pause {{ job: None, by: {me:?}, note: None, until: None }}"));
}

#[tokio::test]
async fn a_route_that_panics_costs_its_answer_and_nothing_else() {
    let world = World::obedient();
    world.reload_breaks.store(true, std::sync::atomic::Ordering::Relaxed);
    let (status, problem) = world.post("/api/v1/reload", "").await;
    assert_eq!((status, &problem["code"]), (500, &json!("internal")));
    assert_eq!(world.get("/api/v1/status").await.0, 200);
}

#[tokio::test]
async fn every_due_time_has_an_answer() {
    let world = World::obedient();
    let hour = 60 * MINUTE;
    world.job(1, "nightly", &[hourly()]);
    world.schedule(1, 1, &hourly(), NOON, Some(NOON + hour));
    world.run(1, Some(1), "completed");
    let row = |sql, hours: i64, values: Value| {
        let last = NOON + values.as_i64().unwrap_or(0) * hour;
        world.store.execute(sql, params![NOON + hours * hour, last, id(1)]).unwrap();
    };
    row("INSERT INTO occurrence (schedule_id, due_at, run_id) SELECT 1, ?1, ?3 WHERE ?2 > 0", -1, json!(0));
    row("INSERT INTO span SELECT 1, ?1, ?2, 4, 'paused', 1 WHERE ?3 <> ''", -6, json!(-3));
    world
        .store
        .execute("UPDATE schedule SET backlog_after = ?1, backlog_until = ?2", [NOON - 3 * hour, NOON - 2 * hour])
        .unwrap();
    row("INSERT INTO planned_skip SELECT 1, ?1, 'ann' WHERE ?2 <> ?3", 3, json!(0));
    for (at, answer, text) in [
        ("15:00:00Z", json!("skipped"), "it starts nothing (by_user: somebody skipped it)"),
        ("11:00:00Z", json!("run"), "it started run 00000001, which is completed"),
        ("08:00:00Z", json!("skipped"), "the job, or everything, was paused"),
        ("10:00:00Z", json!("backlog"), "waits to be caught up"),
        ("13:00:00Z", json!("pending"), "it lies ahead"),
        ("15:00:00+01:00", json!("pending"), "it lies ahead"),
        ("05:00:00Z", json!("unrecorded"), "no longer kept"),
        ("11:30:00Z", Value::Null, "the due times beside it are 2026-11-20T11:00:00Z and 2026-11-20T12:00:00Z"),
    ] {
        let at = format!("2026-11-20T{}", at.replace('+', "%2B"));
        let (_, why) = world.get(&format!("/api/v1/why?job=nightly&at={at}")).await;
        assert_eq!(why["answers"][0]["answer"], answer, "{at}: {why}");
        assert!(why["text"].as_str().unwrap().contains(text), "{at}: {why}");
    }
    let (_, next) = world.get("/api/v1/next?job=nightly&n=3").await;
    let due: Vec<&str> =
        next["items"].as_array().unwrap().iter().map(|item| item["due_at"].as_str().unwrap()).collect();
    assert_eq!(due, ["2026-11-20T13:00:00.000000Z", "2026-11-20T14:00:00.000000Z", "2026-11-20T15:00:00.000000Z"]);
    let (_, next) = world.get("/api/v1/next?until=2026-11-20T16:30:00Z").await;
    assert_eq!(next["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_evaluated_takes_no_other_with_it() {
    let world = World::obedient();
    let gone = Schedule { timezone: "Mars/Olympus".to_owned(), ..hourly() };
    for (id, name, schedule) in [(1, "earthly", hourly()), (2, "martian", gone)] {
        world.job(id, name, std::slice::from_ref(&schedule));
        world.schedule(id, id, &schedule, NOON, Some(NOON + 60 * MINUTE));
    }
    world.job(3, "mouldy", &[]);
    world.schedule(3, 3, &hourly(), NOON, Some(NOON + 90 * MINUTE));
    world.store.execute("UPDATE schedule SET body = 'mould' WHERE id = 3", []).unwrap();
    world.store.execute("INSERT INTO span VALUES (2, ?1, ?1, 1, 'paused', 1)", [NOON]).unwrap();
    let (status, next) = world.get("/api/v1/next").await;
    let jobs: Vec<&str> = next["items"].as_array().unwrap().iter().map(|next| next["job"].as_str().unwrap()).collect();
    assert_eq!((status, &jobs[..4], jobs.len()), (200, &["earthly", "martian", "mouldy", "earthly"][..], 10), "{next}");
    assert_eq!(next["items"][0]["problem"], Value::Null);
    assert_eq!(next["items"][1]["problem"], "the zone data in use has no `Mars/Olympus`");
    assert!(next["items"][2]["problem"].as_str().unwrap().contains("the definition of `mouldy`"), "{next}");
    assert_eq!(world.get("/api/v1/status").await.1["next"].as_array().unwrap().len(), 3);
    let (status, why) = world.get("/api/v1/why?job=martian&at=2026-11-20T12:00:00Z").await;
    assert_eq!((status, &why["answers"][0]["reason"]), (200, &json!("paused")), "{why}");
    assert!(why["text"].as_str().unwrap().ends_with("has no `Mars/Olympus`"), "{why}");
    let (status, why) = world.get("/api/v1/why?job=mouldy&at=2026-11-20T12:00:00Z").await;
    assert_eq!((status, &why["answers"], why["problems"].as_array().unwrap().len()), (200, &json!([]), 1), "{why}");
}

#[tokio::test]
async fn what_is_excluded_is_known_before_it_is_recorded_and_is_not_ahead() {
    let world = World::obedient();
    let at = |text: &str| text.parse().unwrap();
    let night = Blackout::Once { from: at("2026-11-20T13:00:00Z"), until: at("2026-11-20T15:00:00Z") };
    let closed = Schedule { blackout: vec![night], ..hourly() };
    world.job(1, "closed", std::slice::from_ref(&closed));
    world.schedule(1, 1, &closed, NOON, Some(NOON + 180 * MINUTE));
    let (status, why) = world.get("/api/v1/why?job=closed&at=2026-11-20T14:00:00Z").await;
    let answer = &why["answers"][0];
    assert_eq!((status, &answer["answer"], &answer["reason"]), (200, &json!("skipped"), &json!("excluded")), "{why}");
    let text =
        "`closed` was to start at 2026-11-20T14:00:00Z: it starts nothing (excluded: its schedule excludes that time)";
    assert_eq!((&why["text"], &answer["n"]), (&json!(text), &Value::Null));
    assert_eq!(why["next_due_at"], "2026-11-20T15:00:00.000000Z");
    let (_, next) = world.get("/api/v1/next?n=2").await;
    let due: Vec<&str> =
        next["items"].as_array().unwrap().iter().map(|next| next["due_at"].as_str().unwrap()).collect();
    assert_eq!(due, ["2026-11-20T15:00:00.000000Z", "2026-11-20T16:00:00.000000Z"]);
}
