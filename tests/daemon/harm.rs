//! What a slip of an operator, or of the machine, must not harm.

use crate::world::{World, said, text};

#[test]
fn a_file_where_the_socket_should_be_is_left_alone() {
    let world = World::new();
    std::fs::write(world.path("precious"), "important").unwrap();
    let mut command = world.campanile();
    command.args([
        "daemon",
        "--config",
        "campanile.toml",
        "--jobs",
        "jobs",
        "--state",
        "state",
        "--socket",
        "precious",
    ]);
    let refused = said(command).with(1);
    assert!(refused.err.contains("not a socket"), "{refused:#?}");
    assert_eq!(std::fs::read_to_string(world.path("precious")).unwrap(), "important");
}

#[test]
fn a_folder_of_jobs_that_is_missing_retires_nothing() {
    let world = World::new();
    world.job("kept", "shell = 'true'");
    let daemon = world.daemon();
    std::fs::rename(world.path("jobs"), world.path("away")).unwrap();
    world.ok(&["reload"]);
    let status = world.json(&["status"]);
    assert_eq!(status["jobs"], 1, "{status}");
    assert!(status["invalid"].to_string().contains("does not exist"), "{status}");
    assert_eq!(daemon.stop(), 0);
    let refused = said(world.daemon_words()).with(7);
    assert!(refused.err.contains("does not exist"), "{refused:#?}");
    std::fs::rename(world.path("away"), world.path("jobs")).unwrap();
    let daemon = world.daemon();
    assert_eq!(world.json(&["job", "kept"])["revision"], 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_schedule_whose_zone_is_gone_stops_no_other() {
    let world = World::new();
    world.job("lost", "cron = '0 9 * * *'\ntimezone = 'Europe/Paris'\nshell = 'true'");
    world.job("alive", "shell = 'true'");
    assert_eq!(world.daemon().stop(), 0);
    let database = rusqlite::Connection::open(world.path("state/campanile.db")).unwrap();
    // As if the next version of the zone data had no such zone.
    database
        .execute_batch("UPDATE schedule SET body = replace(body, 'Europe/Paris', 'Mars/Olympus'); DELETE FROM fact WHERE name = 'tzdb'")
        .unwrap();
    database.close().unwrap();
    let daemon = world.daemon();
    assert_eq!(text(&world.ended(&world.start("alive")), "state"), "completed");
    world.job("alive", "shell = 'echo changed'");
    world.ok(&["reload"]);
    assert_eq!(world.json(&["job", "alive"])["revision"], 2);
    world.ok(&["pause"]);
    world.ok(&["resume"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_the_daemon_was_started_with_is_no_tasks_business() {
    let world = World::new();
    world.job("fds", "shell = 'ls /proc/self/fd | wc -l'");
    let mut plain = world.campanile();
    plain.args(["run", "jobs/fds.toml"]);
    let mut burdened = world.campanile_after("exec 7</etc/passwd 8>leak");
    burdened.args(["run", "jobs/fds.toml"]);
    assert_eq!(said(burdened).with(0).out, said(plain).with(0).out, "a task sees what is not its own");
}

#[test]
fn data_that_cannot_be_written_is_no_success() {
    let world = World::new();
    let daemon = world.daemon();
    let mut command = world.campanile();
    command.args(["ctl", "--socket", "socket", "-o", "json", "status"]);
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let status = command.status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_database_is_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    std::fs::create_dir(world.path("state")).unwrap();
    let daemon = world.daemon();
    for name in ["campanile.db", "campanile.db-wal"] {
        let mode = std::fs::metadata(world.path("state").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{name} has mode {mode:o}");
    }
    assert_eq!(daemon.stop(), 0);
}
