//! Pauses, skips, and jobs that stop by themselves, told as small worlds.

use campanile::engine::{Answer, Backfill, Command};
use campanile::model::definition::{Blackout, CatchUp};
use campanile::model::refused::Refused;
use campanile::sim::World;

const SPANS: &str = "
SELECT reason, strftime('%H:%M', first_due_at / 1000000, 'unixepoch'), n FROM span ORDER BY first_due_at";
const STARTS: &str = "
SELECT strftime('%H:%M', due_at / 1000000, 'unixepoch') FROM occurrence ORDER BY due_at";
const PAUSES: &str = "
SELECT type, json_extract(data, '$.by'), coalesce(json_extract(data, '$.note'), '-') FROM event
 WHERE type IN ('job.paused', 'job.resumed') ORDER BY seq";

fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.job("often", Some(("every 10m", CatchUp::Latest)), "main: ok");
    world
}

fn pause(world: &mut World, job: Option<&str>, until: Option<&str>) -> Result<Answer, Refused> {
    let until = until.map(|until| until.parse().expect("because the test says a time"));
    let note = Some("the disk is full".to_owned());
    world.command(Command::Pause { job: job.map(str::to_owned), by: "ann".to_owned(), note, until })
}

fn resume(world: &mut World, job: Option<&str>, catch_up: CatchUp) -> Result<Answer, Refused> {
    world.command(Command::Resume { job: job.map(str::to_owned), by: "bob".to_owned(), catch_up })
}

fn skip(world: &mut World, at: &str) -> Result<Answer, Refused> {
    let at = at.parse().expect("because the test says a time");
    world.command(Command::SkipDue { job: "often".to_owned(), at, by: "ann".to_owned() })
}

#[test]
fn a_pause_ends_by_itself_and_starts_at_then() {
    for job in [Some("often"), None] {
        let mut world = world(1);
        pause(&mut world, job, Some("2027-03-01T12:25:00Z")).expect("it can be paused");
        world.advance("24m59s");
        world.expect_rows(STARTS, &[]);
        world.advance("6m");
        world.expect_rows(STARTS, &["12:30"]);
        world.expect_rows(SPANS, &["paused 12:10 2"]);
        world.expect_rows(PAUSES, &["job.paused ann the disk is full", "job.resumed the end of the pause -"]);
    }
}

#[test]
fn a_pause_ends_in_time_though_the_daemon_was_away_and_not_when_it_was_taken_back() {
    let mut world = world(2);
    pause(&mut world, Some("often"), Some("2027-03-01T12:25:00Z")).expect("it can be paused");
    world.crash_for("1h");
    world.expect_rows("SELECT count(*) FROM job WHERE paused_at IS NOT NULL", &["0"]);
    pause(&mut world, Some("often"), Some("2027-03-01T14:00:00Z")).expect("it can be paused");
    resume(&mut world, Some("often"), CatchUp::None).expect("it is paused");
    pause(&mut world, Some("often"), None).expect("it can be paused");
    world.advance("2h");
    world.expect_rows("SELECT count(*) FROM job WHERE paused_at IS NOT NULL", &["1"]);
}

#[test]
fn a_pause_may_be_told_more_of_and_one_that_has_passed_is_refused() {
    let mut world = world(3);
    let passed = pause(&mut world, Some("often"), Some("2027-03-01T11:00:00Z"));
    assert_eq!(passed, Err(Refused::BadRequest { problem: "`until` has passed".to_owned() }));
    pause(&mut world, Some("often"), None).expect("it can be paused");
    pause(&mut world, Some("often"), Some("2027-03-01T12:15:00Z")).expect("its end can be set");
    world.advance("21m");
    world.expect_rows(STARTS, &["12:20"]);
}

#[test]
fn whoever_resumes_says_which_of_the_due_times_meanwhile_start_after_all() {
    for (seed, job, catch_up, spans, starts) in [
        (4, Some("often"), CatchUp::None, &["paused 12:10 5"][..], &["13:00"][..]),
        (5, Some("often"), CatchUp::Latest, &["paused 12:10 4"], &["12:50", "13:00"]),
        (6, Some("often"), CatchUp::All, &[], &["12:10", "12:20", "12:30", "12:40", "12:50", "13:00"]),
        (7, None, CatchUp::Latest, &["paused 12:10 4"], &["12:50", "13:00"]),
    ] {
        let mut world = world(seed);
        pause(&mut world, job, None).expect("it can be paused");
        world.advance("55m");
        resume(&mut world, job, catch_up).expect("it is paused");
        world.advance("5m");
        world.expect_rows(SPANS, spans);
        world.expect_rows(STARTS, starts);
    }
}

#[test]
fn what_was_paused_before_this_pause_is_not_caught_up_with_it() {
    let mut world = world(8);
    pause(&mut world, Some("often"), None).expect("it can be paused");
    world.advance("25m");
    resume(&mut world, Some("often"), CatchUp::None).expect("it is paused");
    pause(&mut world, Some("often"), None).expect("it can be paused");
    world.advance("10m");
    resume(&mut world, Some("often"), CatchUp::All).expect("it is paused");
    // The first pause answered 12:10 and 12:20, the second 12:30.
    world.expect_rows(STARTS, &["12:30"]);
    world.expect_rows(SPANS, &["paused 12:10 2"]);
}

#[test]
fn a_due_time_that_is_skipped_is_answered_so_and_no_other() {
    let mut world = world(9);
    skip(&mut world, "2027-03-01T12:20:00Z").expect("it is due then");
    let again = skip(&mut world, "2027-03-01T12:20:00Z");
    assert!(matches!(again, Err(Refused::Already { state: "skipped", .. })), "{again:?}");
    let never = skip(&mut world, "2027-03-01T12:21:00Z");
    let next = "2027-03-01T12:30:00Z".parse().ok();
    assert!(matches!(&never, Err(Refused::NotDue { next: known, .. }) if *known == next), "{never:?}");
    assert!(skip(&mut world, "2027-03-01T11:50:00Z").is_err(), "what has passed has its answer");
    world.crash_for("1s");
    world.advance("35m");
    world.expect_rows(SPANS, &["by_user 12:20 1"]);
    world.expect_rows(STARTS, &["12:10", "12:30"]);
    world.expect_rows("SELECT count(*) FROM planned_skip", &["0"]);
}

#[test]
fn what_somebody_skipped_is_answered_so_though_nobody_was_there_and_is_not_backfilled() {
    for catch_up in [CatchUp::None, CatchUp::Latest, CatchUp::All] {
        let mut world = World::new(13);
        world.job("often", Some(("every 10m", catch_up)), "main: ok");
        skip(&mut world, "2027-03-01T12:10:00Z").expect("it is due then");
        world.advance("5m");
        world.crash_for("30m");
        world.expect_rows(
            "SELECT n FROM span WHERE reason = 'by_user' AND first_due_at % 3600000000 = 600000000",
            &["1"],
        );
        world.expect_rows("SELECT count(*) FROM planned_skip", &["0"]);
        let [from, to] = ["12:10", "12:20"].map(|at| format!("2027-03-01T{at}:00Z").parse().expect("a time"));
        let (job, by) = ("often".to_owned(), "ann".to_owned());
        let asked = world.command(Command::Backfill(Backfill { job, schedule: None, from, to, max_runs: 1, by }));
        assert!(matches!(asked, Err(Refused::NotBackfilled { .. })), "{asked:?}");
    }
}

#[test]
fn what_somebody_skipped_stays_skipped_when_the_clock_goes_back() {
    let mut world = world(14);
    skip(&mut world, "2027-03-01T12:10:00Z").expect("it is due then");
    world.advance("12m");
    world.clock("-10m");
    world.advance("20m");
    world.expect_rows(STARTS, &["12:20"]);
    world.expect_rows(SPANS, &["by_user 12:10 1"]);
}

#[test]
fn whoever_resumes_has_what_was_paused_around_what_was_excluded_skipped_or_edited() {
    for (catch_up, starts) in [
        (CatchUp::All, &["13:00", "14:00", "17:00", "19:00"][..]),
        (CatchUp::Latest, &["19:00"][..]),
        (CatchUp::None, &[][..]),
    ] {
        let mut world = World::new(15);
        let [from, until] = ["15:00", "17:00"].map(|at| format!("2027-03-01T{at}:00Z").parse().expect("a time"));
        world.job_but("often", Some(("every 1h", CatchUp::Latest)), "main: ok", |job| {
            job.schedules[0].blackout = vec![Blackout::Once { from, until }];
        });
        pause(&mut world, Some("often"), None).expect("it can be paused");
        for skipped in ["18", "20"] {
            skip(&mut world, &format!("2027-03-01T{skipped}:00:00Z")).expect("it is due then");
        }
        world.advance("90m");
        world.edit_job("often", |job| job.description = "another".to_owned());
        world.advance("7h");
        resume(&mut world, Some("often"), catch_up).expect("it is paused");
        world.advance("10m");
        world.expect_rows(STARTS, starts);
        world.expect_rows("SELECT sum(n) FROM span WHERE reason = 'by_user'", &["2"]);
        world.expect_rows("SELECT sum(n) FROM span WHERE reason = 'excluded'", &["2"]);
    }
}

#[test]
fn a_job_that_fails_so_often_in_a_row_is_paused_and_says_why() {
    let mut world = World::new(10);
    world.job_but("often", Some(("every 10m", CatchUp::Latest)), "main: fails", |job| job.pause_after = Some(3));
    world.advance("1h");
    world.expect_rows(STARTS, &["12:10", "12:20", "12:30"]);
    world.expect_rows(PAUSES, &["job.paused `pause_after = 3` 3 runs in a row failed"]);
    resume(&mut world, Some("often"), CatchUp::None).expect("it is paused");
    world.advance("20m");
    world.expect_rows("SELECT n_failed, paused_at IS NULL FROM job", &["2 1"]);
}

#[test]
fn a_run_that_completes_or_is_cancelled_does_not_pause_its_job() {
    let mut world = World::new(11);
    world.job_but("odd", None, "main: fails", |job| job.pause_after = Some(2));
    world.start_job("odd").expect("it may start");
    world.job_but("odd", None, "main: ok", |job| job.pause_after = Some(2));
    world.start_job("odd").expect("it may start");
    world.job_but("odd", None, "main: fails", |job| job.pause_after = Some(2));
    world.start_job("odd").expect("it may start");
    world.expect_rows("SELECT n_failed, paused_at IS NULL FROM job", &["1 1"]);
    world.start_job("odd").expect("it may start");
    world.expect_rows("SELECT n_failed, paused_at IS NULL FROM job", &["2 0"]);
}

#[test]
fn the_schedules_of_a_job_end_after_so_many_runs_and_go_on_when_it_may_have_more() {
    let mut world = World::new(12);
    world.job_but("often", Some(("every 10m", CatchUp::Latest)), "main: ok", |job| job.ends_after = Some(2));
    world.advance("1h");
    world.expect_rows(STARTS, &["12:10", "12:20"]);
    world.expect_rows(SPANS, &[]);
    world.start_job("often").expect("by hand it may start still");
    world.crash_for("1h");
    world.expect_rows(STARTS, &["12:10", "12:20"]);
    world.job_but("often", Some(("every 10m", CatchUp::Latest)), "main: ok", |job| job.ends_after = Some(3));
    world.advance("1h");
    world.expect_rows(STARTS, &["12:10", "12:20", "14:10"]);
}

#[test]
fn they_end_also_when_the_last_of_them_was_caught_up() {
    for catch_up in [CatchUp::Latest, CatchUp::All] {
        let mut world = World::new(16);
        world.job_but("often", Some(("every 10m", catch_up)), "main: ok", |job| job.ends_after = Some(1));
        world.crash_for("35m");
        world.expect_rows("SELECT retired_at IS NOT NULL, next_at IS NULL FROM schedule", &["1 1"]);
        world.expect_rows("SELECT count(*) FROM occurrence", &["1"]);
    }
}
