//! The daemon, the runner or both are killed, again and again, under load; and then the tasks' own records and the store
//! agree on every attempt: none ran twice at once, none is lost, every exit that could be known is the real one.
//!
//! Every process writes what it does to one file that only grows, which is the ground truth. Who is killed, and when, is
//! chosen by a seed: at a random moment, or at a named failpoint (`src/failpoint.rs`) of the daemon or the runner.
//!
//! `CAMPANILE_KILLS` says how often (16 times unless told), `CAMPANILE_KILLS_SEED` repeats another history.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/chance.rs"]
mod chance;
#[path = "outlive/check.rs"]
mod check;
#[path = "outlive/load.rs"]
mod load;
#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chance::{Chance, kills_seed, told};
use nix::sys::signal::Signal;
use world::{Daemon, World, signal, until_gone};

/// The places where a daemon dies, and those where a runner does.
const OF_DAEMON: &[&str] = &["step.commit", "step.committed", "link.send", "link.sent", "link.heard"];
const OF_RUNNER: &[&str] = &["journal.write", "journal.written", "spawned", "door.send", "door.sent", "door.heard"];
/// How often a failpoint is passed before it kills, at most.
const MAX_PASSES: u64 = 120;
/// How long no daemon is there, at most.
const MAX_ABSENCE_MS: u64 = 700;
/// How many events pass before a death at a random moment, at most, and how long each is waited for.
const MAX_EVENTS: u64 = 300;
const QUIET: Duration = Duration::from_millis(50);

/// Who dies in a round, and when.
#[derive(Clone, Copy, Debug)]
enum Death {
    Daemon,
    Runner,
    Both,
    At(&'static str, u64),
}

impl Death {
    fn draw(chance: &mut Chance) -> Death {
        // A runner that lives through several daemons has more to answer for.
        match chance.below(9) {
            0..=2 => Death::Daemon,
            3 => Death::Runner,
            4 => Death::Both,
            5 | 6 => Death::At(chance.pick(OF_DAEMON), 1 + chance.below(MAX_PASSES)),
            _ => Death::At(chance.pick(OF_RUNNER), 1 + chance.below(MAX_PASSES)),
        }
    }
}

fn kill_runner(world: &World) {
    if let Some(pid) = world.runner() {
        signal(pid.unsigned_abs(), Signal::SIGKILL);
        until_gone(pid);
    }
}

/// Lets work go on for a while.
fn pass(world: &World, chance: &mut Chance) {
    let mut events = world.events_from_now();
    for _ in 0..chance.below(MAX_EVENTS) {
        events.next_within(QUIET);
    }
    events.next_within(Duration::from_micros(chance.below(5_000)));
}

/// Lets the runner be without a daemon for a while.
fn leave_alone(world: &World, chance: &mut Chance) {
    let ms = u16::try_from(chance.below(MAX_ABSENCE_MS)).unwrap();
    world.runner().map(|pid| world::is_gone_within(pid, ms));
}

/// One round; names the failpoint at which somebody died, if that was its way.
fn round(world: &World, chance: &mut Chance) -> Option<&'static str> {
    let death = Death::draw(chance);
    let mut words = world.daemon_words();
    if let Death::At(name, passes) = death {
        words.env("CAMPANILE_FAILPOINT", format!("{name}:{passes}"));
        // A runner that is there already has another failpoint, or none.
        if OF_RUNNER.contains(&name) {
            kill_runner(world);
        }
    }
    let mut daemon = Daemon::spawn(words);
    match death {
        Death::At(name, _) if OF_DAEMON.contains(&name) => {
            let has_died = daemon.end_within(Duration::from_secs(5));
            daemon.kill();
            leave_alone(world, chance);
            return has_died.then_some(name);
        }
        Death::At(name, _) => {
            // It dies, and its successor has the same failpoint.
            daemon.until_or_end("a runner is there");
            let has_died = world.runner().is_none_or(|pid| world::is_gone_within(pid, 5_000));
            daemon.kill();
            kill_runner(world);
            return has_died.then_some(name);
        }
        Death::Daemon | Death::Runner | Death::Both => {
            daemon.until(" ready ");
            pass(world, chance);
            match death {
                Death::Daemon => {
                    daemon.kill();
                    leave_alone(world, chance);
                }
                Death::Runner => {
                    kill_runner(world);
                    pass(world, chance);
                    daemon.kill();
                }
                Death::Both | Death::At(..) => {
                    if chance.below(2) == 0 {
                        kill_runner(world);
                        daemon.kill();
                    } else {
                        signal(daemon.pid(), Signal::SIGKILL);
                        kill_runner(world);
                        daemon.kill();
                    }
                }
            }
        }
    }
    None
}

#[test]
fn the_records_of_tasks_and_the_store_agree_whoever_is_killed() {
    let (kills, seed) = (told("CAMPANILE_KILLS").unwrap_or(16), kills_seed());
    println!("{kills} kills, CAMPANILE_KILLS_SEED={seed}");
    let mut chance = Chance::new(seed);
    let world = World::new();
    load::define(&world);
    let is_over = AtomicBool::new(false);
    let mut deaths: BTreeMap<&str, u32> = BTreeMap::new();
    let acknowledged = std::thread::scope(|scope| {
        let loading = scope.spawn(|| load::put(&world, &is_over));
        for _ in 0..kills {
            if let Some(name) = round(&world, &mut chance) {
                *deaths.entry(name).or_default() += 1;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        loading.join().unwrap()
    });
    let daemon = world.daemon();
    load::rest(&world);
    assert_eq!(daemon.stop(), 0);
    let came_to = check::agree(&world, &acknowledged);
    println!("{} acknowledged, {came_to}", acknowledged.len());
    println!("deaths at failpoints: {deaths:?}");
    let unmet = |name: &&&str| !deaths.contains_key(**name);
    let unmet: Vec<_> = OF_DAEMON.iter().chain(OF_RUNNER).filter(unmet).collect();
    assert!(kills < 200 || unmet.is_empty(), "nobody died at {unmet:?}");
}
