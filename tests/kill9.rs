//! `kill -9`, again and again, under load; and then nothing may be lost, doubled or stuck.
//!
//! Every task writes what it does to one file that only grows, which is the ground truth: its lines are in the order in
//! which things happened. The daemon is killed at moments that a seed chooses: while it starts, or so many events after
//! it was ready. In the end what it says is compared with what was acknowledged to us, and with the ground truth.
//!
//! A task that is interrupted four times fails, as promised. So every other kill waits until what was there before has
//! ended, and no task meets more than two.
//!
//! `CAMPANILE_KILLS` says how often (5 times unless told), `CAMPANILE_KILLS_SEED` repeats the moments of another history.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/chance.rs"]
mod chance;
#[path = "kill9/check.rs"]
mod check;
#[path = "kill9/load.rs"]
mod load;
#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chance::{Chance, kills_seed, told};
use load::Acknowledged;
use serde_json::Value;
use world::{Daemon, World, text};

/// How many events a daemon sees at most before it is killed.
const MAX_EVENTS: u64 = 400;

/// Waits until all that is live now has ended.
fn rest(world: &World) {
    for state in ["queued", "running"] {
        for run in world.json(&["runs", "--state", state]).as_array().unwrap() {
            world.ctl(&["wait", text(run, "id")]);
        }
    }
}

/// One daemon's life and violent death under load.
fn round(world: &World, chance: &mut Chance, is_calm: bool, acknowledged: &mut Vec<Acknowledged>) {
    if !is_calm && chance.below(4) == 0 {
        let mut daemon = Daemon::spawn(world.daemon_words());
        daemon.until(" starting ");
        // Some work of ours, so that it gets so far with its own.
        std::hint::black_box((0..chance.below(3_000_000)).fold(0, u64::wrapping_add));
        daemon.kill();
        return;
    }
    let daemon = world.daemon();
    if is_calm {
        rest(world);
    }
    let mut events = world.events_from_now();
    let n_events = chance.below(MAX_EVENTS);
    let more = Duration::from_micros(chance.below(5_000));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| load::put(world, &is_over));
        for _ in 0..n_events {
            events.until(|_| true);
        }
        events.next_within(more);
        daemon.kill();
        is_over.store(true, Ordering::Relaxed);
        acknowledged.extend(loading.join().unwrap());
    });
}

#[test]
fn nothing_is_lost_doubled_or_stuck_when_the_daemon_is_killed_under_load() {
    let (kills, seed) = (told("CAMPANILE_KILLS").unwrap_or(5), kills_seed());
    println!("{kills} kills, CAMPANILE_KILLS_SEED={seed}");
    let mut chance = Chance::new(seed);
    let world = World::new();
    load::define(&world);
    let mut acknowledged = Vec::new();
    for n in 0..kills {
        round(&world, &mut chance, n % 2 == 1, &mut acknowledged);
    }

    let daemon = world.daemon();
    let events: Vec<Value> =
        world.ok(&["-o", "jsonl", "events"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let opened = events.iter().rev().find(|event| event["type"] == "daemon.started").unwrap();
    let n_due = check::due_times(&world, opened);
    world.ok(&["pause", load::SCHEDULED]);
    rest(&world);
    let runs = world.json(&["runs"]);
    let runs = runs.as_array().unwrap();
    check::acknowledged(runs, &acknowledged);
    check::ends(runs);
    check::numbers(runs);
    let n_interrupted = check::truth(&world, runs);
    check::events(&world);
    assert_eq!(daemon.stop(), 0);
    check::leftovers(runs);
    let (n_acknowledged, n_runs) = (acknowledged.len(), runs.len());
    println!("{n_acknowledged} acknowledged, {n_runs} runs, {n_due} due times, {n_interrupted} attempts interrupted");
}
