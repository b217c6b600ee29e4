//! Backups of a store in use, what a daemon does with one that was restored, and what it does on a full disk.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use world::{Daemon, Said, World, said};

/// More often than a small disk can be written to.
const MANY: usize = 20_000;

fn campanile(world: &World, words: &[&str]) -> Said {
    let mut command = world.campanile();
    command.args(words);
    said(command)
}

fn whole(path: &std::path::Path) -> (String, i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let answer = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let n_events = connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    (answer, n_events)
}

fn restored(world: &World) -> Daemon {
    let mut words = world.daemon_words();
    words.arg("--restored");
    let mut daemon = Daemon::spawn(words);
    daemon.until(" ready ");
    daemon
}

#[test]
fn a_backup_under_load_is_whole_and_never_overwrites() {
    let world = World::new();
    world.job("quick", "noop = true\nmax_runs = 1000\n");
    let daemon = world.daemon();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                world.ok(&["start", "quick"]);
            }
        });
        for n in 0..5 {
            campanile(&world, &["backup", "--state", "state", &format!("copy-{n}.db")]).with(0);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let mut last = 0;
    for n in 0..5 {
        let (answer, n_events) = whole(&world.path(&format!("copy-{n}.db")));
        assert_eq!(answer, "ok");
        assert!(n_events >= last);
        last = n_events;
    }
    let refused = campanile(&world, &["backup", "--state", "state", "copy-0.db"]).with(5);
    assert!(refused.err.contains("`copy-0.db` exists") && refused.err.contains("hint:"), "{refused:?}");
    let none = campanile(&world, &["backup", "--state", "elsewhere", "other.db"]).with(3);
    assert!(none.err.contains("there is no store"), "{none:?}");
    let left: Vec<_> = std::fs::read_dir(world.path("")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_backup_goes_to_stdout_whole_or_not_at_all() {
    let world = World::new();
    assert_eq!(world.daemon().stop(), 0);
    let mut command = world.campanile_after("exec 1> out.db");
    command.args(["backup", "--state", "state", "-"]);
    said(command).with(0);
    assert_eq!(whole(&world.path("out.db")).0, "ok");
    let refused = campanile(&world, &["backup", "--state", "state", "--logs", "-"]).with(2);
    assert!(refused.err.contains("logs cannot go to stdout"), "{refused:?}");
}

#[test]
fn a_restored_backup_starts_nothing_by_itself_and_goes_on_when_it_is_resumed() {
    let world = World::new();
    world.settings("timezone = \"UTC\"\nreload = \"manual\"\nmax_tasks = 1\n");
    world.job("long", "shell = \"echo begun; read x < {here}/go\"\n");
    world.job("often", "every = \"1s\"\ncatch_up = \"all\"\nnoop = true\noverlap = \"allow\"\nmax_runs = 1000\n");
    let pipe = world.pipe("go");
    let daemon = world.daemon();
    let mut events = world.events();
    let running = world.start("long");
    events.event("task.started", "long");
    let queued = world.ok(&["submit", "--", "true"]);
    let queued = queued.trim();
    campanile(&world, &["backup", "--state", "state", "--logs", "copy.db"]).with(0);
    // What happens after the backup is not in it.
    daemon.kill();

    // A plain daemon would do again what was done since.
    campanile(&world, &["restore", "copy.db", "--state", "fresh"]).with(0);
    let mut plain = world.campanile();
    plain.args(["daemon", "--config", "campanile.toml", "--jobs", "jobs", "--state", "fresh", "--socket", "socket"]);
    let refused = said(plain).with(7);
    assert!(refused.err.contains("is a backup of 20") && refused.err.contains("--restored"), "{refused:?}");

    let refused = campanile(&world, &["restore", "copy.db", "--state", "state"]).with(5);
    assert!(refused.err.contains("campanile.db` exists") && refused.err.contains("--force"), "{refused:?}");
    let done = campanile(&world, &["restore", "copy.db", "--state", "state", "--force"]).with(0);
    assert!(done.err.contains("is kept as") && done.err.contains("hint: start it with"), "{done:?}");
    let daemon = restored(&world);
    let status = world.json(&["status"]);
    assert_eq!(status["paused"], json!(true), "{status}");
    let mut events = world.events();
    let started = events.until(|event| event["type"] == "daemon.started" && event["data"]["restored_from"].is_string());
    let n_before = started["seq"].as_u64().unwrap();
    let run = world.json(&["run", &running]);
    assert_eq!(run["tasks"][0]["state"], "queued", "what was live is held like all else: {run}");
    let attempts = world.json(&["tasks", "--run", &running]);
    assert_eq!(attempts[0]["attempt"], 1, "{attempts}");
    assert_eq!(world.json(&["run", queued])["state"], "queued");
    events.until(|event| event["type"] == "occurrence.skipped" && event["data"]["reason"] == "paused");
    let since = world.json(&["events", "--after", &n_before.to_string()]);
    let begun = since.as_array().unwrap().iter().filter(|event| event["type"] == "task.started").count();
    assert_eq!(begun, 0, "{since}");

    world.ok(&["resume"]);
    std::fs::write(&pipe, "x\n").unwrap();
    assert_eq!(world.ended(&running)["state"], "completed");
    assert_eq!(world.ended(queued)["state"], "completed");
    let logs = world.ok(&["logs", &running]);
    assert!(logs.contains("begun"), "{logs}");
    assert_eq!(daemon.stop(), 0);
    // It is a store like any other now.
    assert_eq!(world.daemon().stop(), 0);
}

#[test]
fn what_is_no_backup_is_not_restored_and_a_live_store_is_left_alone() {
    let world = World::new();
    let daemon = world.daemon();
    campanile(&world, &["backup", "--state", "state", "copy.db"]).with(0);
    let refused = campanile(&world, &["restore", "copy.db", "--state", "state", "--force"]).with(5);
    assert!(refused.err.contains("another daemon"), "{refused:?}");
    assert_eq!(daemon.stop(), 0);
    campanile(&world, &["restore", "absent.db", "--state", "state"]).with(3);
    let refused = campanile(&world, &["restore", "state/campanile.db", "--state", "other"]).with(7);
    assert!(refused.err.contains("not a backup"), "{refused:?}");
    std::fs::write(world.path("letter"), "dear friend, this is long enough to be a header of a file".repeat(90))
        .unwrap();
    campanile(&world, &["restore", "letter", "--state", "other"]).with(7);
    let mut cut = std::fs::read(world.path("copy.db")).unwrap();
    let n = cut.len();
    cut[n / 2..].fill(0xa5);
    std::fs::write(world.path("cut.db"), cut).unwrap();
    campanile(&world, &["restore", "cut.db", "--state", "other"]).with(7);
    assert!(!world.path("other/campanile.db").exists());
    // `--restored` that stays in a unit file changes nothing of a store that is none.
    let daemon = restored(&world);
    assert_eq!(world.json(&["status"])["paused"], json!(false));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn scheduled_backups_and_checks_are_made_shown_and_thinned() {
    let world = World::watched();
    world.settings(
        "[backup]\ncron = \"* * * * * *\"\ndir = \"copies\"\nkeep = 2\n[integrity_check]\ncron = \"* * * * * *\"\n",
    );
    std::fs::create_dir(world.path("copies")).unwrap();
    std::fs::write(world.path("copies/campanile-mine.db"), "").unwrap();
    let mut daemon = world.daemon();
    for _ in 0..3 {
        daemon.until("chore=\"backup\"");
    }
    let status = world.until(&["status"], |status| {
        let chores = status["housekeeping"].as_array().unwrap();
        chores.len() == 2 && chores.iter().all(|chore| chore["succeeded_at"].is_string())
    });
    assert_eq!(status["housekeeping"][0]["name"], "backup");
    assert_eq!(status["housekeeping"][1]["name"], "integrity_check");
    // One that cannot be made is told, and harms nothing.
    world.settings("[backup]\ncron = \"* * * * * *\"\ndir = \"campanile.toml\"\n");
    world.until(&["status"], |status| status["housekeeping"][0]["error"].is_string());
    world.ended(world.ok(&["submit", "--", "true"]).trim());
    world.settings("");
    world.until(&["status"], |status| status["housekeeping"] == json!([]));
    let mut names: Vec<_> =
        std::fs::read_dir(world.path("copies")).unwrap().flatten().map(|entry| entry.path()).collect();
    names.sort();
    assert_eq!(names.pop(), Some(world.path("copies/campanile-mine.db")), "what somebody else made stays");
    assert!(names.len() <= 3, "{names:?}");
    assert_eq!(whole(&names[0]).0, "ok");
    assert_eq!(daemon.stop(), 0);
}

/// A daemon whose state folder is a disk of its own, seen by it alone; its words follow the mount.
fn on_small_disk(world: &World, options: &str) -> Command {
    std::fs::create_dir_all(world.path("state")).unwrap();
    let mount = format!("mount -t tmpfs -o {options} tmpfs state && exec \"$0\" \"$@\"");
    let mut command = world.campanile_after("exec unshare -rm /bin/sh -c \"$MOUNT\" \"$0\" \"$@\"");
    command.env("MOUNT", mount);
    command.args(["daemon", "--config", "campanile.toml", "--jobs", "jobs", "--state", "state", "--socket", "socket"]);
    command
}

/// The file that fills the small disk of this daemon.
fn filler(world: &World, daemon: &Daemon) -> std::path::PathBuf {
    format!("/proc/{}/root{}", daemon.pid(), world.path("state/filler").display()).into()
}

fn fill(filler: &Path) {
    let mut file = std::fs::File::options().append(true).create(true).open(filler).unwrap();
    for size in [1 << 16, 1 << 12] {
        while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
    }
}

#[test]
fn files_that_changed_while_the_disk_was_full_are_loaded_when_there_is_room() {
    let world = World::watched();
    world.job("old", "noop = true\n");
    let mut daemon = Daemon::spawn(on_small_disk(&world, "size=4m"));
    daemon.until(" ready ");
    let filler = filler(&world, &daemon);
    fill(&filler);
    world.job("new", &format!("noop = true\ndescription = \"{}\"\n", "long ".repeat(2_000)));
    daemon.until("the definitions are not loaded");
    // Nobody changes a file any more.
    std::fs::remove_file(&filler).unwrap();
    let freed_at = campanile::clock::boot_us();
    daemon.until("definitions are loaded changed=1");
    let waited = campanile::clock::boot_us() - freed_at;
    assert!(waited < 30_000_000, "after {waited} microseconds");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_stop_on_a_full_disk_waits_for_room_and_does_not_fill_the_log() {
    let world = World::new();
    world.job("often", "every = \"1s\"\nnoop = true\n");
    let mut daemon = Daemon::spawn(on_small_disk(&world, "size=4m"));
    daemon.until(" ready ");
    let filler = filler(&world, &daemon);
    fill(&filler);
    daemon.until("nothing can be written");
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    for _ in 0..3 {
        daemon.until("the engine cannot be told to stop yet");
    }
    std::fs::remove_file(&filler).unwrap();
    let said = daemon.stop_and_tell();
    let n_told = said.iter().filter(|line| line.contains("cannot be told to stop yet")).count();
    assert!(n_told < 20, "told {n_told} times in a few seconds");
}

#[test]
fn a_full_disk_refuses_commands_and_heals() {
    let world = World::new();
    world.job("quick", "noop = true\nmax_runs = 1000000\n");
    let mut daemon = Daemon::spawn(on_small_disk(&world, "size=4m"));
    daemon.until(" ready ");
    let before = world.ok(&["start", "quick"]);
    let filler = filler(&world, &daemon);
    let refused = |what: &mut dyn FnMut()| {
        for _ in 0..MANY {
            what();
            let said = world.ctl(&["start", "quick"]);
            if said.exit != 0 {
                return said;
            }
        }
        panic!("the disk is never full");
    };
    let said = refused(&mut || fill(&filler)).with(1);
    assert!(said.err.contains("cannot write") && said.err.contains("hint: free space"), "{said:?}");
    let (status, put) = (world.ctl(&["status"]), world.ctl(&["runs"]));
    assert_eq!((status.exit, put.exit), (0, 0), "what was kept can be read: {status:?} {put:?}");
    std::fs::remove_file(&filler).unwrap();
    daemon.until("the store can be written again");
    let after = world.ok(&["start", "quick"]);
    for run in [before.trim(), after.trim()] {
        assert_eq!(world.ended(run)["state"], "completed");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named() {
    let world = World::new();
    let refused = said(on_small_disk(&world, "ro,size=1m")).with(1);
    assert!(refused.err.contains("state") && refused.err.to_lowercase().contains("read-only"), "{refused:?}");
    std::fs::write(world.path("file"), "").unwrap();
    let mut command = world.campanile();
    command.args(["daemon", "--config", "campanile.toml", "--jobs", "jobs", "--state", "file", "--socket", "socket"]);
    let refused = said(command).with(1);
    assert!(refused.err.contains("cannot use the state folder"), "{refused:?}");
}

#[test]
fn a_state_folder_is_made_with_all_that_is_above_it() {
    let world = World::new();
    let mut command = world.campanile();
    command.args([
        "daemon",
        "--config",
        "campanile.toml",
        "--jobs",
        "jobs",
        "--state",
        "a/b/c",
        "--socket",
        "d/e/socket",
    ]);
    let mut daemon = Daemon::spawn(command);
    daemon.until(" ready ");
    assert!(world.path("a/b/c/campanile.db").is_file() && world.path("d/e/socket").exists());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn jobs_that_were_put_are_part_of_a_backup() {
    let world = World::new();
    let daemon = world.daemon();
    std::fs::write(world.path("mine"), "shell = \"echo mine\"\n").unwrap();
    let mut put = world.campanile_after("exec < mine");
    put.args(["ctl", "--socket", "socket", "job", "put", "mine"]);
    said(put).with(0);
    campanile(&world, &["backup", "--state", "state", "copy.db"]).with(0);
    assert_eq!(daemon.stop(), 0);

    std::fs::remove_dir_all(world.path("state")).unwrap();
    campanile(&world, &["restore", "--state", "state", "copy.db"]).with(0);
    let daemon = restored(&world);
    world.ok(&["resume"]);
    assert_eq!(world.ended(&world.start("mine"))["output"], "mine\n");
    assert_eq!(daemon.stop(), 0);
}
