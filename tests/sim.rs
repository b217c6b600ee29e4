//! Many histories of the simulated world, each from a seed. `just sim SEED` tells one of them line by line.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use campanile::environment::var;
use campanile::sim::{self, Ran};

/// Seeds whose histories once found a bug; what it was is the name of the case.
const FOUND: &[(u64, &str)] = &[
    (62, "an exit that could not be settled was left out for ever"),
    (615, "a broken run was forgotten while its processes lived"),
    (22, "what a restored store did not know of lived beside the next attempt of its task"),
    (
        1766,
        "an expression of which every so-manieth time is kept was searched for minutes where all of it was excluded",
    ),
    (2096, "a launch of a broken run that never reached the runner counted as live for ever"),
];

fn number(name: &str) -> Option<u64> {
    var(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// What broke, with how to see it again.
fn told(seed: u64, ran: &Ran) -> Option<String> {
    let broken = ran.broken.as_ref()?;
    Some(format!("seed {seed}: {broken}\nreplay: just sim {seed}"))
}

#[test]
fn whatever_happens_the_invariants_hold() {
    if let Some(seed) = number("CAMPANILE_SIM_SEED") {
        let ran = sim::run(seed, true);
        campanile::print::data(&format!("{}\n", ran.trace.join("\n")));
        campanile::print::data(&format!("{} steps, {} of virtual time\n", ran.n_steps, ran.lasted));
        assert!(ran.broken.is_none(), "{}", told(seed, &ran).unwrap_or_default());
        return;
    }
    let n_histories = number("CAMPANILE_SIM_HISTORIES").unwrap_or(2_000);
    let first = number("CAMPANILE_SIM_FIRST").unwrap_or(1);
    let (next, n_steps) = (AtomicU64::new(0), AtomicU64::new(0));
    let broken = Mutex::new(Vec::new());
    let n_threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                loop {
                    let seed = first + next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + n_histories {
                        break;
                    }
                    let ran = std::panic::catch_unwind(|| sim::run(seed, false)).unwrap_or_else(|_| Ran {
                        n_steps: 0,
                        lasted: campanile::model::duration::Duration::ZERO,
                        broken: Some("it panicked".to_owned()),
                        trace: Vec::new(),
                    });
                    n_steps.fetch_add(ran.n_steps, Ordering::Relaxed);
                    broken.lock().expect("because nobody panics with it").extend(told(seed, &ran));
                }
            });
        }
    });
    campanile::print::data(&format!("{n_histories} histories, {} steps\n", n_steps.load(Ordering::Relaxed)));
    let broken = broken.into_inner().expect("because nobody panics with it");
    assert!(broken.is_empty(), "{} histories broke an invariant:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn what_was_found_once_stays_found() {
    for (seed, bug) in FOUND {
        let ran = sim::run(*seed, false);
        assert!(ran.broken.is_none(), "{bug}: {}", told(*seed, &ran).unwrap_or_default());
    }
}

#[test]
fn one_seed_is_one_history() {
    for seed in 1..=40 {
        let (first, second) = (sim::run(seed, true).trace, sim::run(seed, true).trace);
        let apart = first.iter().zip(&second).find(|(one, other)| one != other);
        assert_eq!(apart, None, "seed {seed}");
    }
}
