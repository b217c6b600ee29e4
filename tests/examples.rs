//! The examples of `jobs.d` do what they say, on a bare machine.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::path::{Path, PathBuf};

use serde_json::Value;
use world::{Said, World, said};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs.d")
}

fn run(world: &World, file: &str, words: &[&str]) -> Said {
    let mut command = world.campanile();
    command.arg("run").args(words).arg(folder().join(file));
    said(command)
}

/// How each ends, and what it writes.
const EXAMPLES: [(&str, i32, &str); 8] = [
    ("failing.toml", 1, "this cannot work\n"),
    ("flaky.toml", 0, "not yet\nnot yet\nnow\n"),
    ("health.toml", 1, "GET http://127.0.0.1:9/health\ncannot connect: "),
    ("heartbeat.toml", 0, "alive, run "),
    ("monthly.toml", 0, "a new month\n"),
    ("morning.toml", 0, "Good morning, it is "),
    ("once.toml", 0, "The second after the last that 32 bits can count\n"),
    ("pipeline.toml", 0, "count | 100\n"),
];

#[test]
fn every_example_runs_by_hand() {
    let world = World::new();
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, EXAMPLES.map(|(file, ..)| file), "an example without its line here");
    for (file, exit, out) in EXAMPLES {
        let said = run(&world, file, &[]).with(exit);
        assert!(said.out.starts_with(out), "{file}: {said:#?}");
    }
    let flaky = run(&world, "flaky.toml", &["--json"]).with(0);
    let last: Value = serde_json::from_str(flaky.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["tasks"][0]["attempt"], 3, "{last}");
}

#[test]
fn the_failing_example_fails_and_its_hook_fires() {
    let world = World::new();
    world.job("failing", &std::fs::read_to_string(folder().join("failing.toml")).unwrap());
    let daemon = world.daemon();
    let run = world.start("failing");
    let run = world.ended(&run);
    assert_eq!((&run["state"], &run["tasks"][0]["exit_code"]), (&"failed".into(), &3.into()), "{run}");
    world.until(&["deliveries"], |deliveries| deliveries[0]["state"] == "delivered");
    assert_eq!(daemon.stop(), 0);
}
