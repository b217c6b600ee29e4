//! Two hundred tasks of random length and random exit, always as many.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::world::World;

/// How many are to run at once.
const RUNNING: u64 = 200;
const BATCH: u64 = 50;

/// Writes `TIME WHAT RUN ATTEMPT RUNNER/LAUNCH VALUE` lines to the file of truth: that it starts, that it lives, and with
/// which code it is about to exit. One write each, so that no two lines mix; no other process, so that two hundred of them
/// are no burden.
const WORK: &str = r#"here=${0%/*}
exec 4>>"$here/truth" 3<>"$here/never"
mark() { echo "$EPOCHREALTIME $1 $CAMPANILE_RUN_ID $CAMPANILE_ATTEMPT $CAMPANILE_LAUNCH $2" >&4; }
mark start $$
for ((n = RANDOM % 16; n > 0; n--)); do
    read -r -t 0.2 -u 3
    mark lives $n
done
code=$((RANDOM % 3))
mark end $code
exit $code
"#;

pub(crate) fn define(world: &World) {
    world.settings(&format!("timezone = \"UTC\"\nreload = \"manual\"\nmax_tasks = {RUNNING}\n"));
    std::fs::write(world.path("work.sh"), WORK).unwrap();
    std::fs::write(world.path("truth"), "").unwrap();
    world.pipe("never");
}

/// Puts work until it is over, whenever there is less than is to run; returns the runs that were acknowledged.
pub(crate) fn put(world: &World, is_over: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        match n_live(world) {
            Some(n_live) if n_live < RUNNING + BATCH => acknowledged.extend(submit(world).unwrap_or_default()),
            // None is there just now, or enough is to do.
            Some(_) | None => std::thread::yield_now(),
        }
    }
    acknowledged
}

/// Waits until nothing is live.
pub(crate) fn rest(world: &World) {
    for state in ["queued", "running"] {
        for run in world.json(&["runs", "--state", state]).as_array().unwrap() {
            world.ctl(&["wait", run["id"].as_str().unwrap()]);
        }
    }
    assert_eq!(n_live(world), Some(0));
}

fn n_live(world: &World) -> Option<u64> {
    let status = ask(world, "GET /api/v1/status", "")?;
    let tasks = &status["tasks"];
    Some(["queued", "running", "waiting"].iter().map(|state| tasks[*state].as_u64().unwrap()).sum())
}

fn submit(world: &World) -> Option<Vec<String>> {
    let task = json!({ "command": ["bash", world.path("work.sh")] });
    let body = json!({ "tasks": vec![task; usize::try_from(BATCH).unwrap()] }).to_string();
    let answer = ask(world, "POST /api/v1/tasks", &body)?;
    Some(answer["ids"].as_array()?.iter().map(|id| id.as_str().unwrap().to_owned()).collect())
}

/// What the daemon answers; nothing if it does not live so long.
fn ask(world: &World, request: &str, body: &str) -> Option<Value> {
    let mut stream = UnixStream::connect(world.path("socket")).ok()?;
    let head = "Host: campanile\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{request} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}
