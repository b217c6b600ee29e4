//! Files are read again when they change, without being asked: job files, drop-ins, folders that come later, and
//! `campanile.toml`.

use std::fs;
use std::io::Write;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::world::World;

#[test]
fn new_changed_and_removed_files_come_into_force_by_themselves() {
    let world = World::watched();
    world.job("edited", "shell = \"echo one\"\n");
    let mut daemon = world.daemon();
    let mut events = world.events();
    world.job("new", "command = [\"true\"]\n");
    events.event("job.loaded", "new");
    world.job("edited", "shell = \"echo two\"\n");
    daemon.until("definitions are loaded changed=1");
    events.until(|event| event["job"] == "edited" && event["data"]["revision"] == 2);
    world.remove_job("new");
    events.event("job.retired", "new");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_change_of_one_file_changes_one_job() {
    let world = World::watched();
    for n in 0..50 {
        world.job(&format!("job-{n}"), "command = [\"true\"]\n");
    }
    let mut daemon = world.daemon();
    world.job("one-more", "command = [\"true\"]\n");
    let line = daemon.until("definitions are loaded changed=1");
    assert!(line.contains("unchanged=50"), "{line}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_editors_do_retires_and_breaks_nothing() {
    let world = World::watched();
    let path = world.job("edited", "shell = \"echo 1\"\n");
    let daemon = world.daemon();
    let mut events = world.events();
    // A file beside, renamed over it.
    fs::write(world.path("jobs/.edited.toml.swp"), "swap").unwrap();
    fs::write(world.path("jobs/edited.toml.tmp"), "shell = \"echo 2\"\n").unwrap();
    fs::rename(world.path("jobs/edited.toml.tmp"), &path).unwrap();
    events.until(|event| event["job"] == "edited" && event["data"]["revision"] == 2);
    // The file moved away, and written anew.
    fs::rename(&path, world.path("jobs/edited.toml~")).unwrap();
    fs::write(&path, "shell = \"echo 3\"\n").unwrap();
    events.until(|event| event["job"] == "edited" && event["data"]["revision"] == 3);
    // The file emptied, and written in two parts, with whatever pause between them.
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"shell = \"echo 4\"\nretry = ").unwrap();
    file.sync_all().unwrap();
    file.write_all(b"{ max_attempts = 2 }\n").unwrap();
    drop(file);
    events.until(|event| event["job"] == "edited" && event["data"]["revision"] == 4);
    let seen = world.json(&["events"]);
    let retired = seen
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "job.retired" || event["type"] == "job.invalid");
    assert_eq!(retired.count(), 0, "{seen}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_file_that_stays_half_written_leaves_the_last_good_revision_in_force() {
    let world = World::watched();
    let path = world.job("half", "shell = \"echo whole\"\n");
    let daemon = world.daemon();
    let mut events = world.events();
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"shell = \"echo ").unwrap();
    let invalid = events.event("job.invalid", "half");
    assert!(invalid["data"]["problems"].to_string().contains("half.toml:1:"), "{invalid}");
    let run = world.start("half");
    assert_eq!(world.ended(&run)["output"], "whole\n");
    file.write_all(b"mended\"\n").unwrap();
    drop(file);
    events.until(|event| event["job"] == "half" && event["data"]["revision"] == 2);
    assert_eq!(world.json(&["status"])["invalid"], json!([]));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn folders_that_come_later_or_are_replaced_are_watched() {
    let world = World::watched();
    world.settings("timezone = \"UTC\"\njobs_dirs = [\"jobs\", \"later/jobs\"]\n");
    fs::create_dir_all(world.path("later/jobs")).unwrap();
    let mut command = world.campanile();
    command.args(["daemon", "--config", "campanile.toml", "--state", "state", "--socket", "socket"]);
    let mut daemon = crate::world::Daemon::spawn(command);
    daemon.until(" ready ");
    let mut events = world.events();
    fs::remove_dir(world.path("later/jobs")).unwrap();
    fs::remove_dir(world.path("later")).unwrap();
    daemon.until("the folder does not exist");
    fs::create_dir_all(world.path("later/jobs")).unwrap();
    fs::write(world.path("later/jobs/late.toml"), "command = [\"true\"]\n").unwrap();
    events.event("job.loaded", "late");
    fs::create_dir(world.path("other")).unwrap();
    fs::write(world.path("other/swapped.toml"), "command = [\"true\"]\n").unwrap();
    fs::rename(world.path("later/jobs"), world.path("later/old")).unwrap();
    fs::rename(world.path("other"), world.path("later/jobs")).unwrap();
    events.event("job.loaded", "swapped");
    fs::write(world.path("later/jobs/more.toml"), "command = [\"true\"]\n").unwrap();
    events.event("job.loaded", "more");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn constant_change_does_not_put_reading_off_for_ever() {
    let world = World::watched();
    let daemon = world.daemon();
    let mut events = world.events();
    let (path, stop) = (world.path("jobs"), world.path("stop"));
    let writer = std::thread::spawn(move || {
        let mut n = 0;
        while !stop.exists() {
            n += 1;
            fs::write(path.join("busy.tmp"), format!("shell = \"echo {n}\"\n")).unwrap();
            fs::rename(path.join("busy.tmp"), path.join("busy.toml")).unwrap();
        }
    });
    events.event("job.loaded", "busy");
    fs::write(world.path("stop"), "").unwrap();
    writer.join().unwrap();
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_configuration_is_read_again_as_far_as_that_can_be() {
    let world = World::watched();
    let settings = |more: &str| world.settings(&format!("timezone = \"UTC\"\n{more}"));
    settings("max_tasks = 1\n");
    world.job("waits", "shell = \"read x < {here}/go\"\n");
    world.job("morning", "cron = \"0 8 * * *\"\ncommand = [\"true\"]\n");
    let pipe = world.pipe("go");
    let mut daemon = world.daemon();
    let (first, second) = (world.start("waits"), world.ok(&["submit", "--", "true"]));
    let second = second.trim();
    assert_eq!(world.json(&["run", second])["state"], "queued", "one task at a time");
    let late = "synchronous = \"normal\"\nlisten = \"127.0.0.1:0\"\ntokens.a.token = { env = \"A\" }\n";
    settings(&format!("max_tasks = 2\n{late}"));
    let line = daemon.until("it counts when the daemon starts again");
    assert!(line.contains("synchronous"), "{line}");
    assert_eq!(world.ended(second)["state"], "completed");
    let reloaded = world.json(&["reload"]);
    assert_eq!(reloaded["needs_restart"], json!(["synchronous", "listen", "tokens"]));
    fs::write(pipe, "x\n").unwrap();
    assert_eq!(world.ended(&first)["state"], "completed");

    world.settings("timezone = \"Asia/Tokyo\"\nlog = { level = \"debug\" }\n");
    let mut events = world.events();
    events.until(|event| event["job"] == "morning" && event["data"]["revision"] == 2);
    let next = world.json(&["next", "morning"]);
    assert!(next.to_string().contains("T23:00:00.000000Z\",\"timezone\":\"Asia/Tokyo\""), "{next}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_wrong_configuration_leaves_what_it_said_before_in_force() {
    let world = World::watched();
    let mut daemon = world.daemon();
    world.settings("timezone = \"UTC\"\nmax_task = 3\n");
    daemon.until("campanile.toml:2:1:");
    world.until(&["status"], |status| status["invalid"][0]["path"].to_string().contains("campanile.toml"));
    let mut check = world.campanile();
    check.args(["check", "campanile.toml"]);
    assert_eq!(crate::world::said(check).exit, 7);
    let run = world.ok(&["submit", "--", "true"]);
    assert_eq!(world.ended(run.trim())["state"], "completed");
    world.settings("timezone = \"UTC\"\n");
    world.until(&["status"], |status| status["invalid"] == json!([]));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_that_reads_when_asked_is_not_told_of_changes() {
    let world = World::new();
    let mut daemon = world.daemon();
    world.job("quiet", "command = [\"true\"]\n");
    world.settings("timezone = \"UTC\"\n");
    world.ctl(&["job", "quiet"]).with(3);
    daemon.signal(Signal::SIGHUP);
    daemon.until("definitions are loaded changed=1");
    // From now on the configuration says otherwise.
    world.job("loud", "command = [\"true\"]\n");
    daemon.until("definitions are loaded changed=1");
    assert_eq!(daemon.stop(), 0);
}
