//! Catching up, told as small worlds: how fast it goes, who goes first, and what is not caught up without being asked.

use campanile::engine::Command;
use campanile::model::definition::{CatchUp, Overlap, Priority};
use campanile::model::policy::governor::Pace;
use campanile::sim::World;

const SPANS: &str = "
SELECT job.name, reason, n FROM span JOIN schedule ON schedule.id = schedule_id JOIN job ON job.id = job_id
 ORDER BY job.name, first_due_at";
const STARTS: &str = "
SELECT job.name, strftime('%H:%M:%S', run.queued_at / 1000000, 'unixepoch') FROM run JOIN job ON job.id = job_id
 WHERE cause = 'occurrence' ORDER BY run.queued_at, run.id";

fn world(seed: u64, starts_per_minute: u32, max_runs: u32) -> World {
    let mut world = World::new(seed);
    world.catch_up_at(Pace { starts_per_minute, max_runs });
    world
}

fn job(world: &mut World, name: &str, rule: &str, catch_up: CatchUp, script: &str, priority: i64) {
    world.job_but(name, Some((rule, catch_up)), script, |job| {
        job.priority = Priority::new(priority).expect("because it is 1 to 9");
        job.overlap = Overlap::Allow;
    });
}

#[test]
fn no_more_start_in_a_minute_than_the_governor_lets_and_the_urgent_go_first() {
    let mut world = world(1, 2, 100);
    for (name, priority) in [("a", 9), ("b", 5), ("c", 1), ("d", 5), ("e", 5)] {
        job(&mut world, name, "0 13 * * *", CatchUp::Latest, "main: ok", priority);
    }
    world.crash_for("2h");
    world.advance("5m");
    let expected = ["c 14:00:00", "b 14:00:00", "d 14:01:00", "e 14:01:00", "a 14:02:00"];
    world.expect_rows(STARTS, &expected);
    world.expect_rows(SPANS, &[]);
}

#[test]
fn no_more_are_live_at_once_than_the_governor_lets() {
    let mut world = world(2, 1_000, 2);
    job(&mut world, "a", "0 * * * *", CatchUp::All, "main: ok, takes 10m", 5);
    world.crash_for("5h30m");
    world.advance("21m");
    world.expect_rows(STARTS, &["a 17:30:00", "a 17:30:00", "a 17:40:00", "a 17:40:00", "a 17:50:00"]);
    world.expect_rows(SPANS, &[]);
}

#[test]
fn what_is_due_now_is_not_governed() {
    let mut world = world(3, 1, 1);
    job(&mut world, "a", "0 13 * * *", CatchUp::Latest, "main: ok, takes 2h", 5);
    job(&mut world, "b", "0 13 * * *", CatchUp::Latest, "main: ok, takes 2h", 5);
    job(&mut world, "c", "*/10 * * * *", CatchUp::None, "main: ok", 9);
    world.crash_for("1h59m59s");
    world.advance("25m");
    world.expect_rows(STARTS, &["a 13:59:59", "c 14:00:00", "c 14:10:00", "c 14:20:00"]);
    world.advance("2h");
    world.expect_rows("SELECT count(*) FROM run JOIN job ON job.id = job_id WHERE name = 'b'", &["1"]);
}

#[test]
fn a_newer_start_stands_for_what_was_still_to_be_caught_up() {
    let mut world = world(4, 1, 100);
    job(&mut world, "a", "0 13 * * *", CatchUp::Latest, "main: ok", 1);
    job(&mut world, "b", "*/1 * * * *", CatchUp::Latest, "main: ok", 9);
    world.crash_for("1h30s");
    world.advance("45s");
    // At 13:00:30 it was the turn of `a`; before it was that of `b`, a due time of now had started.
    world.expect_rows(STARTS, &["a 13:00:30", "b 13:01:00"]);
    world.expect_rows(SPANS, &["b coalesced 60"]);
}

#[test]
fn the_line_goes_on_where_it_was_after_a_crash() {
    let mut world = world(5, 1, 100);
    for name in ["a", "b", "c"] {
        job(&mut world, name, "0 13 * * *", CatchUp::Latest, "main: ok", 5);
    }
    world.crash_for("2h");
    world.advance("30s");
    world.crash_for("1s");
    world.advance("5m");
    world.expect_rows("SELECT count(*) FROM occurrence", &["3"]);
    world.expect_rows("SELECT count(*) FROM schedule WHERE backlog_until IS NOT NULL", &["0"]);
}

#[test]
fn a_job_that_dies_with_the_daemon_is_caught_up_twice_and_not_again() {
    let mut world = world(6, 60, 100);
    world.job_but("deadly", Some(("every 10m", CatchUp::Latest)), "main: hangs, never again", |_| {});
    world.advance("10m30s");
    for _ in 0..5 {
        world.crash_for("10m");
        world.advance("5s");
    }
    let caught_up = "SELECT count(*) FROM run WHERE caught_up";
    world.expect_rows(caught_up, &["2"]);
    world.expect_rows("SELECT has_died, n_deaths FROM job", &["1 2"]);
    let told = "SELECT json_extract(data, '$.because') FROM event WHERE type = 'occurrence.skipped'
                 AND json_extract(data, '$.because') IS NOT NULL LIMIT 1";
    world.expect_rows(told, &["its last attempts ended with the daemon, and it was caught up 2 times since"]);
    // An attempt that ends as attempts do makes good for it.
    world.job_but("deadly", Some(("every 10m", CatchUp::Latest)), "main: ok", |_| {});
    world.start_job("deadly").expect("nothing is live");
    world.expect_rows("SELECT has_died, n_deaths FROM job", &["0 0"]);
    world.crash_for("20m");
    world.advance("1s");
    world.expect_rows(caught_up, &["3"]);
}

#[test]
fn a_pause_gives_up_what_stands_in_line() {
    let mut world = world(7, 1, 100);
    job(&mut world, "a", "0 13 * * *", CatchUp::Latest, "main: ok", 1);
    job(&mut world, "b", "0 13 * * *", CatchUp::Latest, "main: ok", 9);
    world.crash_for("2h");
    let pause = Command::Pause { job: Some("b".to_owned()), by: "test".to_owned(), note: None, until: None };
    world.command(pause).expect("it can be paused");
    world.advance("5m");
    world.expect_rows(STARTS, &["a 14:00:00"]);
    world.expect_rows(SPANS, &["b paused 1"]);
}
