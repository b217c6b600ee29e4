//! What `campanile ctl` says and how it ends: the real binary against the real surface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the engine of a test does whatever else it is asked")]

#[path = "api/world.rs"]
mod world;

use std::path::Path;
use std::process::{Command as Process, Stdio};

use campanile::engine::{Answer, Command};
use campanile::model::definition::{Schedule, Timing};
use campanile::model::duration::Duration;
use campanile::model::id::RunId;
use campanile::model::refused::Refused;
use campanile::model::timestamp::Timestamp;
use rusqlite::params;
use serde_json::Value;
use world::{MINUTE, NOON, World, id, id_text};

#[derive(Debug)]
struct Said {
    exit: i32,
    out: String,
    err: String,
}

#[expect(clippy::disallowed_methods, reason = "the binary is what is tested")]
fn process(socket: &Path, words: &str) -> Process {
    let mut process = Process::new(env!("CARGO_BIN_EXE_campanile"));
    process.arg("ctl").args(words.split(' ').map(|word| word.replace('_', " ")));
    process.env("CAMPANILE_SOCKET", socket).env("TZ", "UTC").stdin(Stdio::null());
    process
}

async fn ctl(world: &World, words: &str) -> Said {
    ctl_at(&world.socket(), words).await
}

async fn ctl_at(socket: &Path, words: &str) -> Said {
    let mut process = process(socket, words);
    let output = tokio::task::spawn_blocking(move || process.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { exit: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn hourly() -> Schedule {
    Schedule::new(
        Timing::Every { period: Duration::from_secs(3_600), anchor: Timestamp::from_micros(0) },
        "Europe/Berlin",
    )
}

/// A daemon with a job `nightly`, three runs of it and one ad hoc.
fn world() -> World {
    let world = World::new(|command| match command {
        Command::Start(_) => Ok(Answer::Started { run: RunId::from_bytes(id(1)), number: 1 }),
        Command::Submit(_) => Ok(Answer::Submitted(vec![RunId::from_bytes(id(0x2b))])),
        Command::Pause { job: Some(_), .. } => Err(Refused::Already { what: "job `nightly`".into(), state: "paused" }),
        _ => Ok(Answer::Done),
    });
    world.job(1, "nightly", &[hourly()]);
    world.schedule(1, 1, &hourly(), NOON, Some(NOON + 60 * MINUTE));
    world.run(1, Some(1), "completed");
    world.run(2, Some(1), "failed");
    world.run(3, Some(1), "running");
    world.run(0x2b, None, "completed");
    let line = "2026-11-20T12:00:00.000000Z stdout F hello\u{1b}[2J\n";
    world.attempt(1, 0x8001, 1, "ended", line);
    world.event("workflow.queued", Some("nightly"), Some(1));
    world.event("workflow.completed", Some("nightly"), Some(1));
    world
}

async fn check(world: &World, words: &str, exit: i32, out: &str, err: &str) {
    let said = ctl(world, words).await;
    assert_eq!(said.exit, exit, "{words}: {said:?}");
    assert!(said.out.contains(out), "{words}: `{out}` is not in {said:?}");
    assert!(said.err.contains(err), "{words}: `{err}` is not in {said:?}");
}

#[tokio::test]
async fn questions_are_answered_for_people() {
    let world = world();
    for (words, out) in [
        ("status", "version: 1.2.3"),
        ("jobs", "JOB"),
        ("jobs", "every 1h"),
        ("job nightly", "every 1h (Europe/Berlin), next 2026-11-20T13:00:00+00:00"),
        ("runs", "nightly#2"),
        ("runs --state failed", "failed (exit_code)"),
        ("run nightly#1", "id:        01a1f8ff-0000-7000-8000-000000000001"),
        ("run 002b", "output:    hi"),
        ("tasks --run nightly#1", "main\t00008001\tnightly\t00000001\tcompleted"),
        ("task 8001", "attempt:   1 of 3"),
        ("logs nightly#1", "hello\\u{1b}[2J\n"),
        ("logs 8001 --timestamps", "2026-11-20T12:00:00+00:00 hello"),
        ("events", "2\t2026-11-20T12:00:00+00:00\tworkflow.completed\tnightly 00000001\n"),
        ("why nightly@2026-11-20T13:00", "it lies ahead"),
        ("why nightly@2026-11-20T13:30", "the due times beside it are 2026-11-20T13:00:00Z and 2026-11-20T14:00:00Z"),
        ("next -n 2", "2026-11-20T14:00:00+00:00\tnightly"),
        ("deliveries", "ID\tEVENT"),
        ("hooks", "HOOK\tOF\tON\tJOBS\tKIND\tTRIES\tTIMEOUT\n"),
        ("run nightly@latest", "run:       nightly#3"),
        ("run nightly@-1", "run:       nightly#2"),
        ("run nightly@-2", "run:       nightly#1"),
        ("logs nightly#1 --tail 1 --streams", "stdout hello\\u{1b}[2J\n"),
        ("logs nightly#1 --stream stderr", ""),
        ("runs --tag db --since yesterday", "RUN\tID\tSTATE\tCAUSE\tQUEUED\tTOOK\n"),
        ("reload", "unchanged: 7"),
    ] {
        check(&world, words, 0, out, "").await;
    }
}

#[tokio::test]
async fn questions_are_answered_for_programs_before_and_after_the_verb() {
    let world = world();
    for (words, pointer, expected) in [
        ("-o json status", "/tasks/running", "1"),
        ("status -o json", "/jobs", "1"),
        ("runs -o json", "/0/id", "\"01a1f8ff-0000-7000-8000-00000000002b\""),
        ("runs -o jsonl --limit 1", "/job", "null"),
        ("run nightly#1 -o json", "/tasks/0/name", "\"main\""),
        ("events -o json", "/1/type", "\"workflow.completed\""),
        ("events -o jsonl --after 1", "/seq", "2"),
        ("logs nightly#1 -o json", "/0/text", "\"hello\\u001b[2J\""),
        ("next nightly -n 1 -o json", "/0/due_at", "\"2026-11-20T13:00:00.000000Z\""),
        ("start nightly -o json", "/number", "1"),
        ("pause -o json", "/paused", "false"),
    ] {
        let said = ctl(&world, words).await;
        let found: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{words}: {error} {said:?}"));
        assert_eq!(found.pointer(pointer).unwrap().to_string(), expected, "{words}");
    }
    check(&world, "jobs -o name", 0, "nightly\n", "").await;
    check(&world, "runs -o name --job nightly --limit 1", 0, &format!("{}\n", id_text(3)), "").await;
    let header = "id,job,number,revision,state,outcome,cause,rerun_of,scheduled_at,queued_at,";
    check(&world, "runs -o csv --limit 1", 0, header, "").await;
    check(&world, "jobs -o csv", 0, "name,revision,description,source,enabled,paused,", "").await;
    check(&world, "events -o csv", 0, "seq,at,type,job,run_id,task_id,data\n1,2026-11-20T12:00:00", "").await;
    check(&world, "logs nightly#1 -o csv", 0, "task,attempt,at,stream,whole,text\nmain,1,2026", "").await;
    check(&world, "hooks -o csv", 0, "name,job,on,jobs,kind,timeout,max_attempts\n", "").await;
    check(&world, "runs -o yaml --limit 1", 0, "- id: 01a1f8ff-0000-7000-8000-00000000002b\n", "").await;
}

#[tokio::test]
async fn the_exit_code_says_how_it_went() {
    let world = world();
    for (words, exit, out, err) in [
        ("start nightly", 0, &*format!("{}\n", id_text(1)), "started nightly#1"),
        ("start nightly --wait", 0, "state:     completed", "nightly#1 completed"),
        ("wait nightly#2", 1, "failed (exit_code)", "nightly#2 failed"),
        ("wait 8001", 0, "task:      main", "main completed"),
        ("wait nightly --timeout 20ms", 124, "", "error: it has not ended within 20ms"),
        ("submit -- echo hi", 0, &*format!("{}\n", id_text(0x2b)), "submitted 0000002b"),
        ("submit --wait --priority 1 -- echo hi", 0, "state:     completed", ""),
        ("submit --priority 10 -- echo", 2, "", "10 is not in 1..=9"),
        ("cancel nightly", 0, "", "cancelling nightly#3"),
        ("cancel 8003", 0, "", "cancelling task `main`"),
        ("pause nightly", 5, "", "error: job `nightly` is already paused"),
        ("resume", 0, "", "resumed everything"),
        ("job nigthly", 3, "", "hint: did you mean `nightly`?"),
        ("run nowhere", 3, "", "error: there is no run `nowhere`"),
        ("run nightly@-3", 3, "", "error: there is no run `nightly@-3`"),
        ("run nigthly#1", 3, "", "hint: did you mean `nightly#1`?"),
        ("tasks --run nigthly", 3, "", "hint: did you mean `nightly`?"),
        ("events --job nigthly", 3, "", "hint: did you mean `nightly`?"),
        ("logs nightly --task mian", 3, "", "hint: did you mean `main`?"),
        ("run 01a1f8ff", 2, "", "hint: give more of the id: `01a1f8ff-0000-7000-8000-00000000002b`, `"),
        ("start nightly --param x", 2, "", "it is not NAME=VALUE"),
        ("start nightly --param a=1 --param a=2", 2, "", "error: the parameter `a` is given twice"),
        ("submit", 2, "", "error: nothing came from stdin"),
        ("submit --priority 1", 2, "", "<ARGV>"),
        ("nightly", 2, "", "error: `nightly` is a job\nhint: `campanile ctl start nightly`\n"),
        ("nigthly", 2, "", "hint: there is a job `nightly`"),
        ("stats", 2, "", "'status'"),
        ("runs --since tomorrowish", 2, "", "error: `tomorrowish` is not a time"),
        ("why nightly", 2, "", "is not JOB@TIME"),
        ("nosuchverb", 2, "", "unrecognized subcommand"),
    ] {
        check(&world, words, exit, out, err).await;
    }
}

#[tokio::test]
async fn a_socket_without_a_daemon_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("file"), "").unwrap();
    drop(std::os::unix::net::UnixListener::bind(path("left.sock")).unwrap());
    for (socket, exit, error, hint) in [
        (path("nobody.sock"), 6, "nobody.sock`", "hint: start one with `campanile daemon`, or say where it is"),
        (path("left.sock"), 6, "left.sock`", "hint: start one with `campanile daemon`"),
        (path("file"), 6, "file` is no socket", "hint: `--socket PATH` or `CAMPANILE_SOCKET` names that of the daemon"),
        (path(&"x".repeat(120)), 2, "takes at most 107", "hint: name a shorter one"),
    ] {
        let said = ctl_at(&socket, "status").await;
        assert_eq!(said.exit, exit, "{said:?}");
        assert!(said.err.contains(error) && said.err.contains(hint), "{said:?}");
    }
    let said = ctl_at(&path("nobody.sock"), "nosuchverb").await;
    assert_eq!(said.exit, 2, "without a daemon, the words are still wrong: {said:?}");
}

#[tokio::test]
async fn waiting_ends_with_the_run() {
    let world = world();
    let mut process = process(&world.socket(), "wait nightly");
    let waiting = tokio::task::spawn_blocking(move || process.output().unwrap());
    let ended = "UPDATE run SET state = 'cancelled', outcome = 'cancelled', ended_at = ?2 WHERE id = ?1";
    world.store.execute(ended, params![id(3), NOON]).unwrap();
    world.event("workflow.cancelled", Some("nightly"), Some(3));
    let output = waiting.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("nightly#3 cancelled"));
}
