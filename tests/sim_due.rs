//! What the words of a schedule promise, told as small worlds that begin on Monday, 2027-03-01 at 12:00 UTC.

use campanile::model::definition::{CatchUp, Schedule, Timing};
use campanile::model::duration::Duration;
use campanile::model::timestamp::Timestamp;
use campanile::sim::World;

const STARTS: &str = "SELECT strftime('%d %H:%M:%S', due_at / 1000000, 'unixepoch') FROM occurrence ORDER BY due_at";

fn at(text: &str) -> Timestamp {
    text.parse().expect("because the case is valid")
}

fn length(text: &str) -> Duration {
    text.parse().expect("because the case is valid")
}

/// `every 15m` or a cron expression.
fn rule(text: &str) -> Schedule {
    let timing = match text.strip_prefix("every ") {
        Some(period) => Timing::Every { period: length(period), anchor: Timestamp::default() },
        None => Timing::Cron { expression: text.to_owned() },
    };
    Schedule::new(timing, "UTC")
}

#[test]
fn jitter_is_the_same_after_restarts_and_edits_of_other_keys() {
    let mut world = World::new(1);
    let jittered = Schedule { jitter: Some(length("10m")), ..rule("0 * * * *") };
    world.due_job("nightly", Some(jittered.clone()), "main: ok");
    world.advance("1h59m");
    world.crash_for("30m");
    world.advance("30m");
    world.due_job("nightly", Some(Schedule { catch_up: CatchUp::All, ..jittered }), "main: ok, takes 1s");
    world.advance("1h");
    let starts = world.rows(STARTS);
    let minutes: Vec<&str> = starts.iter().map(|start| &start[6..]).collect();
    assert!(starts.len() == 4 && minutes.iter().all(|minute| *minute == minutes[0]), "{starts:?}");
    assert!(minutes[0] > "00:00" && minutes[0] < "10:00", "{starts:?}");
    world.expect_rows("SELECT count(*) FROM span", &["0"]);
}

#[test]
fn every_third_hour_stays_every_third_hour_whatever_is_missed() {
    let mut world = World::new(2);
    let thinned = Schedule { nth: Some(3), anchor: Some(at("2027-02-27T01:00:00Z")), ..rule("0 * * * *") };
    world.due_job("thinned", Some(thinned), "main: ok");
    world.advance("4h");
    world.crash_for("7h");
    world.advance("3h");
    world.expect_rows(STARTS, &["01 13:00:00", "01 16:00:00", "01 22:00:00", "02 01:00:00"]);
    world.expect_rows("SELECT reason, n FROM span", &["coalesced 1"]);
}

#[test]
fn a_phase_keeps_two_jobs_of_one_period_apart() {
    let mut world = World::new(3);
    world.due_job("early", Some(rule("every 1h")), "main: ok");
    world.due_job("late", Some(Schedule { phase: Some(length("20m")), ..rule("every 1h") }), "main: ok");
    world.advance("1h30m");
    world.expect_rows(STARTS, &["01 12:20:00", "01 13:00:00", "01 13:20:00"]);
}

#[test]
fn outside_its_range_a_schedule_is_silent_and_wakes_nobody() {
    let mut world = World::new(4);
    let (from, until) = (Some(at("2027-03-01T14:00:00Z")), Some(at("2027-03-01T16:00:00Z")));
    world.due_job("ranged", Some(Schedule { from, until, ..rule("0 * * * *") }), "main: ok");
    world.expect_rows("SELECT next_at = 1803909600 * 1000000 FROM schedule", &["1"]);
    world.advance("24h");
    world.expect_rows(STARTS, &["01 14:00:00", "01 15:00:00"]);
    world.expect_rows("SELECT count(*) FROM span", &["0"]);
    world.expect_rows("SELECT next_at FROM schedule", &["-"]);
}
