//! Work for the daemon: schedules, jobs that complete, retry and fail, and batches of submitted tasks. What the daemon
//! acknowledged is remembered with how it has to end.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::world::World;

/// The job that is due twenty times a second.
pub(crate) const SCHEDULED: &str = "scheduled";
/// How many tasks one batch submits.
const BATCH: usize = 12;

/// A run that the daemon said it would do.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    pub(crate) id: String,
    pub(crate) state: &'static str,
}

/// Says what it does in the file of truth: `work.sh SECONDS EXIT`.
const WORK: &str = r#"here=$(dirname "$0")
mark() { echo "$CAMPANILE_RUN_ID $CAMPANILE_TASK $CAMPANILE_ATTEMPT $1" >> "$here/truth"; }
mark start
sleep "$1"
mark end
exit "$2"
"#;

pub(crate) fn define(world: &World) {
    std::fs::write(world.path("work.sh"), WORK).unwrap();
    std::fs::write(world.path("truth"), "").unwrap();
    world.job(
        SCHEDULED,
        "every = \"50ms\"\noverlap = \"allow\"\ncatch_up = \"all\"\ncatch_up_max = 10000\n\
         shell = 'sh {here}/work.sh 0.02 0'\n",
    );
    world.job(
        "chain",
        "overlap = \"allow\"\n[tasks.one]\nshell = 'sh {here}/work.sh 0.05 0'\n\
         [tasks.two]\nafter = [\"one\"]\nshell = 'sh {here}/work.sh 0.05 0'\n",
    );
    world.job(
        "retrying",
        "overlap = \"allow\"\nretry = { max_attempts = 3, delay = \"50ms\" }\n\
         shell = 'sh {here}/work.sh 0.02 $((CAMPANILE_ATTEMPT < 3))'\n",
    );
    world.job(
        "failing",
        "overlap = \"allow\"\nretry = { max_attempts = 2, delay = \"20ms\" }\nshell = 'sh {here}/work.sh 0.02 3'\n",
    );
}

/// Puts work until it is over; returns what was acknowledged.
pub(crate) fn put(world: &World, is_over: &AtomicBool) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    for n in 0..24 {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let ids = submit(world, n % 2 == 0).unwrap_or_default();
        acknowledged.extend(ids.into_iter().map(|id| Acknowledged { id, state: "completed" }));
        for (job, state) in [("chain", "completed"), ("retrying", "completed"), ("failing", "failed")] {
            let said = world.ctl(&["start", job]);
            if said.exit == 0 {
                acknowledged.push(Acknowledged { id: said.out.trim().to_owned(), state });
            } else {
                assert_eq!(said.exit, 6, "only the absence of a daemon excuses: {said:#?}");
            }
        }
    }
    acknowledged
}

/// One batch over the socket; nothing if no answer came.
fn submit(world: &World, is_short: bool) -> Option<Vec<String>> {
    let length = if is_short { "0.01" } else { "0.1" };
    let task = json!({ "command": ["/bin/sh", world.path("work.sh"), length, "0"] });
    let body = json!({ "tasks": vec![task; BATCH] }).to_string();
    let mut stream = UnixStream::connect(world.path("socket")).ok()?;
    let head = "POST /api/v1/tasks HTTP/1.1\r\nHost: campanile\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 201 "), "{answer}");
    let body: Value = serde_json::from_str(body).ok()?;
    let ids = body["ids"].as_array().unwrap().iter();
    Some(ids.map(|id| id.as_str().unwrap().to_owned()).collect())
}
