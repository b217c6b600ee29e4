//! `campanile check --diff` beside a real daemon: what a change of files does to due times before it is loaded.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use serde_json::{Value, json};
use world::{Said, World, said};

const SETTINGS: &str = "timezone = \"UTC\"\nreload = \"manual\"\njobs_dirs = [\"jobs\"]\n[pools]\ndb = 2\n";

fn check(world: &World, words: &[&str]) -> Said {
    let mut command = world.campanile();
    command.args(["check", "--diff", "--socket", "socket"]).args(words);
    said(command)
}

/// What is said of each job and each pool, as JSON.
#[track_caller]
fn objects(world: &World, words: &[&str]) -> Vec<Value> {
    let said = check(world, &[&["--json"], words].concat()).with(0);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_change_that_is_not_loaded_says_which_due_times_it_adds_and_takes_away() {
    let world = World::new();
    world.settings(SETTINGS);
    for (name, text) in [
        ("same", "cron = \"0 3 * * *\"\nshell = \"true\"\n"),
        ("later", "cron = \"0 4 * * *\"\nshell = \"true\"\n"),
        ("old", "every = \"12h\"\nshell = \"true\"\n"),
        ("loader", "cron = \"0 5 * * *\"\nshell = \"true\"\npools = [\"db\"]\n"),
        ("paused", "cron = \"0 7 * * *\"\nshell = \"true\"\n"),
    ] {
        world.job(name, text);
    }
    let daemon = world.daemon();
    let unchanged = check(&world, &["."]).with(0);
    assert_eq!(unchanged.out, "");
    assert!(unchanged.err.contains("\nno due time until "), "{}", unchanged.err);

    world.job("same", "cron = \"0 3 * * *\"\nshell = \"false\"\n");
    world.job("later", "cron = \"30 4 * * *\"\nshell = \"true\"\n");
    world.job("fresh", "cron = \"0 5 * * *\"\nshell = \"true\"\npools = { db = 2 }\n");
    world.job("paused", "enabled = false\ncron = \"0 7 * * *\"\nshell = \"true\"\n");
    world.job("boot", "cron = \"@reboot\"\nshell = \"true\"\n");
    world.remove_job("old");
    let counted = |object: &Value| {
        (object["job"].clone(), object["change"].clone(), object["n_added"].clone(), object["n_removed"].clone())
    };
    let found = objects(&world, &[".", "--days", "2"]);
    let jobs: Vec<_> = found.iter().filter(|object| object["type"] == "job").map(counted).collect();
    let expected = [
        ("boot", "new", 0, 0),
        ("fresh", "new", 2, 0),
        ("later", "changed", 2, 2),
        ("old", "gone", 0, 4),
        ("paused", "changed", 0, 2),
    ];
    assert_eq!(
        jobs,
        expected.map(|(job, change, added, removed)| (json!(job), json!(change), json!(added), json!(removed)))
    );
    assert_eq!(found[0]["starts_added"], json!(["@reboot"]));
    let pools: Vec<_> = found.iter().filter(|object| object["type"] == "pool").collect();
    assert_eq!(pools.len(), 2, "{pools:#?}");
    assert_eq!((&pools[0]["size"], &pools[0]["wanted"]), (&json!(2), &json!({ "fresh": 2, "loader": 1 })));
    assert_eq!(pools[0]["at"].as_str().map(|at| &at[11..19]), Some("05:00:00"));

    let lines = check(&world, &[".", "--days", "30"]).with(0).out;
    for (start, n) in [("+ boot: a new job\n+ boot @reboot\n", 1), ("- old: its file is gone\n", 1), ("+ later 20", 5)]
    {
        assert_eq!(lines.matches(start).count(), n, "{start}\n{lines}");
    }
    assert!(lines.contains("+ later and 25 more until 20"), "{lines}");
    assert!(lines.contains(": 3 of 2 wanted, by fresh 2, loader 1\n"), "{lines}");
    assert!(lines.contains("! pool `db`: at 25 more instants\n"), "{lines}");
    assert!(!lines.contains("same"), "{lines}");

    // Nothing of it was told to the daemon, until it reads the files itself.
    let names = |world: &World| {
        world.json(&["jobs"]).as_array().unwrap().iter().map(|job| job["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&world), ["later", "loader", "old", "paused", "same"]);
    world.ok(&["reload"]);
    assert_eq!(check(&world, &["."]).with(0).out, "");
    daemon.stop();
}

#[test]
fn a_file_stands_for_itself_and_a_copy_of_the_folder_for_the_folder() {
    let world = World::new();
    world.settings(SETTINGS);
    let daily = "shell = \"true\"\n[[schedules]]\nname = \"daily\"\ncron = \"0 3 * * *\"\njitter = \"10m\"\n";
    world.job("one", daily);
    world.job("two", "cron = \"0 4 * * *\"\nshell = \"true\"\n");
    let daemon = world.daemon();
    std::fs::create_dir(world.path("copy")).unwrap();
    let halved = format!("{daily}nth = 2\nanchor = 2026-01-01T00:00:00Z\n");
    std::fs::write(world.path("copy/one.toml"), halved).unwrap();
    let names = |words: &[&str]| -> Vec<String> {
        let found = objects(&world, words);
        found.iter().map(|object| format!("{} {}", object["job"], object["change"]).replace('"', "")).collect()
    };
    assert_eq!(names(&["copy/one.toml"]), ["one changed"]);
    let halved = &objects(&world, &["copy/one.toml", "--days", "20"])[0];
    assert_eq!((&halved["n_added"], &halved["n_removed"]), (&json!(0), &json!(10)), "the rule is known to its jitter");
    assert_eq!(names(&["copy"]), ["one changed", "two gone"]);
    assert!(check(&world, &["copy"]).with(0).err.contains("note: compared with `"));
    assert_eq!(names(&["jobs"]), Vec::<String>::new());
    daemon.stop();
}

#[test]
fn files_are_read_as_the_daemon_reads_them_where_its_configuration_is_named_beside_them() {
    let world = World::new();
    world.settings(&format!("{SETTINGS}[defaults]\njitter = \"10m\"\n").replace("UTC", "Europe/Berlin"));
    world.job("one", "cron = \"0 3 * * *\"\nshell = \"true\"\n");
    let daemon = world.daemon();
    assert_eq!(objects(&world, &["jobs", "campanile.toml"]), Vec::<Value>::new());
    assert_eq!(objects(&world, &["campanile.toml", "jobs/one.toml"]), Vec::<Value>::new());
    let alone = check(&world, &["jobs"]).with(0);
    assert!(alone.err.contains("note: no campanile.toml was found"), "{}", alone.err);
    daemon.stop();
}

#[test]
fn without_a_daemon_or_with_a_wrong_file_nothing_is_compared() {
    let world = World::new();
    world.settings(SETTINGS);
    world.job("one", "cron = \"0 3 * * *\"\nshell = \"true\"\n");
    let said = check(&world, &["."]).with(6);
    assert!(said.err.contains("error: no daemon answers at `socket`\n"), "{}", said.err);
    world.job("one", "cron = \"0 33 * * *\"\nshell = \"true\"\n");
    let said = check(&world, &["."]).with(7);
    assert_eq!(said.out.lines().count(), 1, "{}", said.out);
    let mut command = world.campanile();
    command.args(["check", "--days", "3", "."]);
    let said = self::said(command).with(2);
    assert!(said.err.contains("--diff"), "{}", said.err);
}
