//! What keeps a daemon from starting, with which exit code, and that nothing was changed then.

use crate::world::{Said, World, said};

fn refused(world: &World, exit: i32) -> Said {
    said(world.daemon_words()).with(exit)
}

#[track_caller]
fn says(said: &Said, words: &[&str]) {
    for word in words {
        assert!(said.err.contains(word), "`{word}` is missing in {said:#?}");
    }
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused_and_told_whose_it_is() {
    let world = World::new();
    let daemon = world.daemon();
    let second = refused(&world, 5);
    says(&second, &["another daemon", &format!("pid {}", daemon.pid()), "hint: stop the other daemon"]);
    world.ok(&["status"]);
    let mut elsewhere = world.campanile();
    elsewhere.args(["daemon", "--config", "campanile.toml", "--jobs", "jobs", "--state", "other"]);
    elsewhere.args(["--socket", "socket"]);
    says(&said(elsewhere).with(5), &["another daemon listens on", "--socket"]);
    assert_eq!(daemon.stop(), 0);
    assert!(!world.path("socket").exists());
    assert_eq!(world.daemon().stop(), 0);
}

#[test]
fn a_socket_left_over_by_a_killed_daemon_is_taken_over() {
    let world = World::new();
    world.daemon().kill();
    assert!(world.path("socket").exists());
    says(&world.ctl(&["status"]).with(6), &["no daemon answers", "hint: start one"]);
    assert_eq!(world.daemon().stop(), 0);
}

#[test]
fn a_newer_database_is_not_opened() {
    let world = World::new();
    assert_eq!(world.daemon().stop(), 0);
    let database = world.path("state/campanile.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection
        .execute("INSERT INTO migration SELECT 9999, name || '-newer', hash, applied_at FROM migration LIMIT 1", [])
        .unwrap();
    connection.close().unwrap();
    let before = std::fs::read(&database).unwrap();
    says(&refused(&world, 7), &["newer", "hint: install the version that wrote it"]);
    assert_eq!(std::fs::read(&database).unwrap(), before, "the database was touched");
}

#[test]
fn a_damaged_database_is_not_opened_nor_replaced() {
    for damage in [&b"this was never a database, whatever its name says"[..], &[0xa5; 8_192]] {
        let world = World::new();
        let database = world.path("state/campanile.db");
        std::fs::create_dir(world.path("state")).unwrap();
        std::fs::write(&database, damage).unwrap();
        says(&refused(&world, 7), &["campanile.db", "hint: nothing was changed"]);
        assert_eq!(std::fs::read(&database).unwrap(), damage);
    }
}

#[test]
fn a_socket_path_that_no_kernel_takes_is_told_before_anything_is_done() {
    let world = World::new();
    let mut command = world.daemon_words();
    command.args(["--socket", &"s".repeat(120)]);
    let refused = said(command);
    assert_ne!(refused.exit, 0);
    let mut command = world.campanile();
    command.args(["daemon", "--config", "campanile.toml", "--jobs", "jobs", "--state", "state", "--socket"]);
    command.arg("s".repeat(120));
    says(&said(command).with(1), &["107 bytes", "--socket"]);
    assert!(!world.path("state/campanile.db").exists());
}

#[test]
fn a_state_folder_that_cannot_be_made_is_named() {
    let world = World::new();
    std::fs::write(world.path("file"), "").unwrap();
    let mut command = world.campanile();
    command.args(["daemon", "--config", "campanile.toml", "--jobs", "jobs", "--state", "file/state"]);
    command.args(["--socket", "socket"]);
    says(&said(command).with(1), &["cannot use the state folder", "file/state"]);
}

#[test]
fn a_wrong_configuration_is_told_with_its_places() {
    let world = World::new();
    world.settings("timezone = \"UTC\"\nmax_task = 4\ndrain_timeout = \"soon\"\n");
    let refused = refused(&world, 7);
    says(&refused, &["campanile.toml:2:1:", "max_tasks", "campanile.toml:3:", "hint:"]);
    assert!(!world.path("state").exists());
    let mut command = world.campanile();
    command.args(["daemon", "--config", "absent.toml"]);
    says(&said(command).with(7), &["absent.toml"]);
}
