//! What the words of a schedule promise, told as small worlds that begin on Monday, 2027-03-01 at 12:00 UTC.

use campanile::engine::Command;
use campanile::model::definition::{Blackout, CatchUp, Schedule, Timing};
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

const SPANS: &str = "SELECT reason, strftime('%d %H:%M', first_due_at / 1000000, 'unixepoch'),
                            strftime('%d %H:%M', last_due_at / 1000000, 'unixepoch'), n FROM span ORDER BY first_due_at";

fn daily(from: &str, until: &str) -> Blackout {
    let [from, until] = [from, until].map(|text| text.parse().expect("because the case is valid"));
    Blackout::Daily { from, until, days: 0x7f }
}

fn pause(is_pause: bool) -> Command {
    let (job, by) = (Some("job".to_owned()), "test".to_owned());
    match is_pause {
        true => Command::Pause { job, by, note: None, until: None },
        false => Command::Resume { job, by, catch_up: CatchUp::None },
    }
}

#[test]
fn what_falls_into_a_blackout_is_one_span_and_wakes_nobody() {
    let mut world = World::new(5);
    let until = at("2028-03-01T12:00:00Z");
    let year = Blackout::Once { from: at("2027-03-01T12:00:03Z"), until };
    world.due_job("job", Some(Schedule { blackout: vec![year], ..rule("every 1s") }), "main: ok");
    world.advance("3s");
    world.expect_rows("SELECT count(*) FROM occurrence", &["2"]);
    world.expect_rows("SELECT next_at / 1000000 FROM schedule", &[&(until.as_micros() / 1_000_000).to_string()]);
    let n_events = world.rows("SELECT max(seq) FROM event");
    world.advance("300d");
    world.expect_rows("SELECT count(*) FROM span", &["0"]);
    assert_eq!(world.rows("SELECT max(seq) FROM event"), n_events);
    world.advance("66d");
    world.expect_rows(SPANS, &["excluded 01 12:00 01 11:59 100000"]);
}

#[test]
fn a_night_of_blackout_is_counted_and_the_morning_starts() {
    let mut world = World::new(6);
    world.due_job("job", Some(Schedule { blackout: vec![daily("22:00", "06:00")], ..rule("0 * * * *") }), "main: ok");
    world.advance("24h");
    world.expect_rows(SPANS, &["excluded 01 22:00 02 05:00 8"]);
    world.expect_rows("SELECT count(*) FROM occurrence", &["16"]);
    world.expect_rows("SELECT count(*) FROM event WHERE type = 'occurrence.skipped'", &["1"]);
}

#[test]
fn catching_up_passes_over_what_is_excluded_and_counts_the_others() {
    for (catch_up, starts, spans) in [
        (
            CatchUp::Latest,
            &["02 08:00:00"][..],
            &["coalesced 01 21:00 01 21:00 1", "coalesced 02 06:00 02 07:00 2"][..],
        ),
        (CatchUp::All, &["01 21:00:00", "02 06:00:00", "02 07:00:00", "02 08:00:00"], &[]),
    ] {
        let mut world = World::new(7);
        let blackout = vec![daily("22:00", "06:00")];
        world.due_job("job", Some(Schedule { blackout, catch_up, ..rule("0 * * * *") }), "main: ok");
        world.advance("8h30m");
        world.crash_for("12h");
        world.advance("10m");
        let before: Vec<String> = (13..=20).map(|hour| format!("01 {hour}:00:00")).collect();
        let all: Vec<&str> = before.iter().map(String::as_str).chain(starts.iter().copied()).collect();
        world.expect_rows(STARTS, &all);
        let mut expected = spans.to_vec();
        expected.insert(expected.len().min(1), "excluded 01 22:00 02 05:00 8");
        world.expect_rows(SPANS, &expected);
    }
}

#[test]
fn a_pause_and_a_blackout_each_answer_for_their_own() {
    let mut world = World::new(8);
    world.due_job("job", Some(Schedule { blackout: vec![daily("14:00", "16:00")], ..rule("0 * * * *") }), "main: ok");
    world.command(pause(true)).expect("it can be paused");
    world.advance("6h30m");
    world.command(pause(false)).expect("it can be resumed");
    world.expect_rows(
        SPANS,
        &["paused 01 13:00 01 13:00 1", "excluded 01 14:00 01 15:00 2", "paused 01 16:00 01 18:00 3"],
    );
}

#[test]
fn what_was_excluded_keeps_its_answer_when_the_rule_changes_or_goes() {
    for is_removed in [false, true] {
        let mut world = World::new(9);
        let closed = Schedule { blackout: vec![daily("13:30", "20:00")], ..rule("0 * * * *") };
        world.due_job("job", Some(closed), "main: ok");
        world.advance("4h30m");
        world.expect_rows(SPANS, &[]);
        match is_removed {
            true => world.remove_job("job"),
            false => world.due_job("job", Some(rule("0 * * * *")), "main: ok"),
        }
        world.expect_rows(SPANS, &["excluded 01 14:00 01 16:00 3"]);
        world.advance("1h");
        world.expect_rows("SELECT count(*) FROM occurrence", &[if is_removed { "1" } else { "2" }]);
    }
}

#[test]
fn a_clock_set_back_into_a_blackout_takes_its_span_back() {
    let mut world = World::new(10);
    world.due_job("job", Some(Schedule { blackout: vec![daily("14:00", "18:00")], ..rule("0 * * * *") }), "main: ok");
    world.advance("6h30m");
    world.expect_rows(SPANS, &["excluded 01 14:00 01 17:00 4"]);
    world.clock("-3h");
    world.expect_rows(SPANS, &["excluded 01 14:00 01 15:00 2"]);
    world.advance("4h");
    world.expect_rows(SPANS, &["excluded 01 14:00 01 17:00 4"]);
    world.expect_rows(STARTS, &["01 13:00:00", "01 18:00:00", "01 19:00:00"]);
}

#[test]
fn a_due_time_past_its_deadline_is_not_caught_up() {
    for (catch_up, starts, spans) in [
        (CatchUp::Latest, &["01 20:00:00"][..], &["missed_window 3", "deadline 3", "coalesced 1"][..]),
        (CatchUp::All, &["01 19:00:00", "01 20:00:00"], &["missed_window 3", "deadline 3"]),
        (CatchUp::None, &[], &["missed_window 8"]),
    ] {
        let mut world = World::new(11);
        let (window, deadline) = (length("5h"), Some(length("2h")));
        let late = Schedule { catch_up, catch_up_window: window, deadline, ..rule("0 * * * *") };
        world.due_job("job", Some(late), "main: ok");
        world.crash_for("8h30m");
        world.advance("10m");
        world.expect_rows(STARTS, starts);
        world.expect_rows("SELECT reason, n FROM span ORDER BY first_due_at", spans);
    }
}

#[test]
fn what_waits_to_be_caught_up_past_its_deadline_never_starts() {
    let mut world = World::new(12);
    let late = Schedule { catch_up: CatchUp::All, deadline: Some(length("6h")), ..rule("0 * * * *") };
    world.due_job("job", Some(late), "main: ok, takes 5h");
    world.crash_for("4h30m");
    // The run of 13:00 ends at 21:30, five and a half hours after 16:00 and more than six after the others.
    world.advance("5h");
    world.expect_rows(STARTS, &["01 13:00:00", "01 16:00:00"]);
    world.expect_rows("SELECT reason, n FROM span WHERE reason = 'deadline'", &["deadline 2"]);
}

/// Due ten minutes after the end of a run.
fn following() -> Schedule {
    Schedule::new(Timing::AfterEnd { delay: length("10m") }, "UTC")
}

#[test]
fn what_is_due_after_the_end_of_a_run_follows_every_run_of_its_job() {
    let mut world = World::new(13);
    world.due_job("job", Some(following()), "main: ok, takes 5m");
    world.advance("12m");
    world.expect_rows("SELECT next_at FROM schedule", &["-"]);
    world.advance("14m");
    world.expect_rows(STARTS, &["01 12:10:00", "01 12:25:00"]);
    world.advance("9m");
    // By hand at 12:35, until 12:40: what was due at 12:40 is due at 12:50.
    world.start_job("job").expect("it can be started");
    world.advance("20m");
    world.expect_rows(STARTS, &["01 12:10:00", "01 12:25:00", "01 12:50:00"]);
    world.expect_rows("SELECT count(*) FROM span", &["0"]);
}

#[test]
fn a_restart_shifts_nothing_that_is_due_after_an_end() {
    let mut world = World::new(14);
    world.due_job("job", Some(following()), "main: ok, takes 5m");
    world.advance("17m");
    world.crash_for("3m");
    world.due_job("job", Some(following()), "main: ok, takes 1m");
    world.advance("6m");
    world.expect_rows(STARTS, &["01 12:10:00", "01 12:25:00"]);
    // An end that the daemon was not there for is counted from when it hears of it.
    world.stop_for("5m");
    world.advance("20m");
    let starts = world.rows(STARTS);
    assert_eq!(starts.len(), 3, "{starts:?}");
}

#[test]
fn what_was_due_after_an_end_while_nobody_was_there_is_caught_up_once() {
    for (catch_up, starts, spans) in [
        (CatchUp::Latest, &["01 12:10:00", "01 15:00:00", "01 15:12:00"][..], &["coalesced 16"][..]),
        (CatchUp::None, &["01 12:10:00", "01 15:12:00"], &["missed_window 17"]),
    ] {
        let mut world = World::new(15);
        world.due_job("job", Some(Schedule { catch_up, ..following() }), "main: ok");
        world.advance("12m");
        world.crash_for("2h50m");
        world.advance("11m");
        world.expect_rows(STARTS, starts);
        world.expect_rows("SELECT reason, n FROM span", spans);
    }
}

#[test]
fn a_paused_job_answers_and_goes_on_after_it_is_resumed() {
    let mut world = World::new(16);
    world.due_job("job", Some(following()), "main: ok");
    world.command(pause(true)).expect("it can be paused");
    world.advance("35m");
    world.command(pause(false)).expect("it can be resumed");
    world.advance("6m");
    world.expect_rows("SELECT reason, n FROM span", &["paused 3"]);
    world.expect_rows(STARTS, &["01 12:40:00"]);
}
