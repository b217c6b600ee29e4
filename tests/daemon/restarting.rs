//! A daemon that starts reads the files that have changed since the one before it took them, and no others.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{Daemon, World};

const TRUE: &str = "command = [\"true\"]\n";

/// One life of a daemon, and what it says of its definitions.
#[track_caller]
fn live(world: &World) -> String {
    let mut daemon = Daemon::spawn(world.daemon_words());
    let line = daemon.until("definitions are loaded");
    daemon.until(" ready ");
    assert_eq!(daemon.stop(), 0);
    line.split_once("are loaded ").expect("it says what").1.to_owned()
}

/// Lives until the files are taken for known: those that were written a moment ago are not.
#[track_caller]
fn settle(world: &World, read: &str) -> String {
    for _ in 0..1_000 {
        let said = live(world);
        if said.ends_with(read) {
            return said;
        }
    }
    panic!("it never says `{read}`, but `{}`", live(world))
}

#[test]
fn only_what_has_changed_meanwhile_is_read() {
    let world = World::new();
    for name in ["kept", "edited", "removed"] {
        world.job(name, TRUE);
    }
    assert_eq!(live(&world), "changed=3 unchanged=0 retired=0 invalid=0 read=3");
    assert_eq!(settle(&world, " read=0"), "changed=0 unchanged=3 retired=0 invalid=0 read=0");
    world.job("edited", "shell = \"echo two\"\n");
    world.remove_job("removed");
    assert_eq!(live(&world), "changed=1 unchanged=1 retired=1 invalid=0 read=1");
    let daemon = world.daemon();
    let run = world.start("edited");
    assert_eq!(world.ended(&run)["output"], "two\n");
    assert_eq!(world.json(&["job", "kept"])["revision"], 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_files_mean_may_change_without_them() {
    let world = World::new();
    world.job("job", TRUE);
    settle(&world, " read=0");
    world.settings("[defaults]\npriority = 2\n");
    assert_eq!(live(&world), "changed=1 unchanged=0 retired=0 invalid=0 read=1");
    settle(&world, " read=0");
    world.settings("timezone = \"Europe/Berlin\"\n");
    assert!(live(&world).ends_with(" read=1"));
}

#[test]
fn what_is_wrong_or_warned_of_is_told_at_each_start() {
    let world = World::new();
    world.job("good", TRUE);
    world.job("wrong", "comand = [\"true\"]\n");
    world.job("odd", "every = \"1h\"\ncatch_up_max = 2\ncommand = [\"true\"]\n");
    let said = settle(&world, " unchanged=2 retired=0 invalid=1 read=1");
    assert!(said.starts_with("changed=0"), "{said}");
    let mut daemon = Daemon::spawn(world.daemon_words());
    daemon.until("unknown key `comand`");
    daemon.until("`catch_up_max` has no effect");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_store_of_an_earlier_day_is_brought_to_the_files_as_they_are() {
    let world = World::new();
    world.job("job", TRUE);
    settle(&world, " read=0");
    fs::copy(world.path("state/campanile.db"), world.path("earlier.db")).unwrap();
    world.job("job", "shell = \"echo two\"\n");
    settle(&world, " read=0");
    for name in ["campanile.db", "campanile.db-wal", "campanile.db-shm"] {
        let _ = fs::remove_file(world.path("state").join(name));
    }
    fs::rename(world.path("earlier.db"), world.path("state/campanile.db")).unwrap();
    assert_eq!(live(&world), "changed=1 unchanged=0 retired=0 invalid=0 read=1");
}

#[test]
fn what_lies_over_a_job_or_is_named_by_it_counts_as_its_file() {
    let world = World::new();
    world.job("job", "every = \"1h\"\nexclude = [\"holidays\"]\ncommand = [\"true\"]\n");
    fs::write(world.path("jobs/holidays.dates"), "2030-12-25\n").unwrap();
    fs::create_dir(world.path("jobs/job.d")).unwrap();
    let changes: [(&str, &dyn Fn()); 4] = [
        ("changed=1", &|| fs::write(world.path("jobs/holidays.dates"), "2030-12-26\n").unwrap()),
        ("changed=1", &|| fs::write(world.path("jobs/job.d/10.toml"), "priority = 2\n").unwrap()),
        ("changed=1", &|| fs::remove_file(world.path("jobs/job.d/10.toml")).unwrap()),
        ("changed=0", &|| {
            fs::set_permissions(world.path("jobs/job.toml"), PermissionsExt::from_mode(0o640)).unwrap();
        }),
    ];
    for (expected, change) in changes {
        settle(&world, " read=0");
        change();
        let said = live(&world);
        assert!(said.starts_with(expected) && said.ends_with(" read=1"), "{expected}: {said}");
    }
}
