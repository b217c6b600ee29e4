//! Definitions follow the files, when asked: by a client, and by SIGHUP.

use std::io::Write;
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::world::World;

#[test]
fn the_examples_are_loaded_at_the_first_start() {
    let world = World::new();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/jobs.d");
    let mut command = world.campanile();
    command.args([
        "daemon",
        "--config",
        "campanile.toml",
        "--state",
        "state",
        "--socket",
        "socket",
        "--jobs",
        examples,
    ]);
    let mut daemon = crate::world::Daemon::spawn(command);
    daemon.until(" ready ");
    let jobs = world.ok(&["-o", "name", "jobs"]);
    assert_eq!(
        jobs.lines().collect::<Vec<_>>(),
        ["failing", "flaky", "health", "heartbeat", "monthly", "morning", "once", "pipeline"]
    );
    let status = world.json(&["status"]);
    assert_eq!((&status["jobs"], &status["invalid"]), (&json!(8), &json!([])));
    assert_eq!(world.ctl(&["start", "pipeline", "--wait"]).with(0).err.lines().last(), Some("pipeline#1 completed"));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn reload_brings_new_changed_and_removed_files_into_force() {
    let world = World::new();
    world.job("kept", "command = [\"true\"]\n");
    world.job("edited", "command = [\"true\"]\n");
    world.job("removed", "every = \"1h\"\ncommand = [\"true\"]\n");
    let daemon = world.daemon();
    world.job("new", "command = [\"true\"]\n");
    world.job("edited", "shell = \"echo two\"\n");
    world.remove_job("removed");
    let reloaded = world.json(&["reload"]);
    assert_eq!(
        reloaded,
        json!({ "changed": ["edited", "new"], "retired": ["removed"], "n_unchanged": 1, "n_invalid": 0 })
    );
    assert_eq!(world.json(&["job", "kept"])["revision"], 1);
    assert_eq!(world.json(&["job", "edited"])["revision"], 2);
    assert!(world.json(&["job", "removed"])["retired_at"].is_string());
    let refused = world.ctl(&["start", "removed"]).with(5);
    assert!(refused.err.contains("job `removed` is retired"), "{refused:?}");
    let run = world.start("edited");
    assert_eq!(world.ended(&run)["output"], "two\n");
    world.job("removed", "every = \"1h\"\ncommand = [\"true\"]\n");
    assert_eq!(world.json(&["reload"])["changed"], json!(["removed"]));
    assert_eq!(world.json(&["job", "removed"])["retired_at"], json!(null));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_hangup_reloads_too() {
    let world = World::new();
    let mut daemon = world.daemon();
    world.job("late", "command = [\"true\"]\n");
    daemon.signal(Signal::SIGHUP);
    daemon.until("definitions are loaded changed=1");
    assert_eq!(world.json(&["job", "late"])["revision"], 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_broken_file_leaves_its_last_good_revision_in_force_until_it_is_mended() {
    let world = World::new();
    world.job("good", "shell = \"echo good\"\n");
    world.job("other", "command = [\"true\"]\n");
    let daemon = world.daemon();
    let mut events = world.events();
    let path = world.job("good", "shel = \"echo bad\"\n");
    let reloaded = world.ctl(&["-o", "json", "reload"]).with(0);
    assert!(reloaded.err.contains("could not be read"), "{reloaded:?}");
    assert!(reloaded.out.contains("\"n_invalid\": 1"), "{reloaded:?}");
    let status = world.json(&["status"]);
    let invalid = &status["invalid"][0];
    assert_eq!(invalid["path"], json!(path));
    assert_eq!(invalid["problems"][0]["line"], 1, "{status}");
    let invalid = events.event("job.invalid", "good");
    assert!(invalid["data"]["problems"].to_string().contains("did you mean `shell`"), "{invalid}");
    let run = world.start("good");
    assert_eq!(world.ended(&run)["output"], "good\n");
    assert_eq!(daemon.stop(), 0);

    let daemon = world.daemon();
    assert_eq!(world.json(&["job", "good"])["revision"], 1);
    let run = world.start("good");
    assert_eq!(world.ended(&run)["output"], "good\n");
    world.job("good", "shell = \"echo mended\"\n");
    world.ok(&["reload"]);
    assert_eq!(world.json(&["status"])["invalid"], json!([]));
    let run = world.start("good");
    assert_eq!(world.ended(&run)["output"], "mended\n");
    assert_eq!(world.json(&["job", "good"])["revision"], 2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_edit_is_not_lost_with_the_client_that_asked_for_the_reload() {
    let world = World::new();
    for n in 0..300 {
        world.job(&format!("other{n}"), "command = [\"true\"]\n");
    }
    world.job("edited", "shell = \"echo 0\"\n");
    let daemon = world.daemon();
    for n in 1..20 {
        world.job("edited", &format!("shell = \"echo {n}\"\n"));
        let mut stream = UnixStream::connect(world.path("socket")).unwrap();
        stream.write_all(b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        // It goes away while the files are read, sooner each time.
        let mut turn = vec![0; 20_000 * (20 - n)];
        turn.iter_mut().enumerate().for_each(|(at, byte)| *byte = std::hint::black_box((at % 251) as u8));
        drop(stream);
        world.json(&["reload"]);
        assert_eq!(world.ended(&world.start("edited"))["output"], format!("{n}\n"));
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_changed_calendar_is_a_new_revision_and_a_broken_one_leaves_the_last_good_one_in_force() {
    let world = World::new();
    let dates = |text: &str| std::fs::write(world.path("jobs/holidays.dates"), text).unwrap();
    dates("2027-12-25\n");
    world.job("closed", "cron = \"@daily\"\nexclude = [\"holidays\"]\ncommand = [\"true\"]\n");
    world.job("open", "cron = \"@daily\"\ncommand = [\"true\"]\n");
    let daemon = world.daemon();
    dates("2027-12-24..2027-12-26\n");
    assert_eq!(world.json(&["reload"])["changed"], json!(["closed"]));
    let closed = world.json(&["job", "closed"]);
    assert_eq!(closed["revision"], 2);
    dates("Christmas\n");
    let reloaded = world.json(&["reload"]);
    assert_eq!((&reloaded["changed"], &reloaded["n_invalid"]), (&json!([]), &json!(2)), "{reloaded}");
    assert_eq!(world.json(&["job", "closed"])["schedules"], closed["schedules"]);
    assert_eq!(world.json(&["job", "open"])["revision"], 1);
    assert_eq!(daemon.stop(), 0);
}
