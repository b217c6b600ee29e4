//! Backfills, told as small worlds: which due times they run, what they wait for, and how they end.

use campanile::engine::{Answer, Backfill, Command};
use campanile::model::definition::{Blackout, CatchUp, Overlap, Schedule, Timing};
use campanile::model::id::BackfillId;
use campanile::model::policy::governor::Pace;
use campanile::model::refused::Refused;
use campanile::model::time::backfill::Unfit;
use campanile::model::timestamp::Timestamp;
use campanile::sim::World;

/// Nominal times of backfilled runs, in the order in which they were made, and when that was.
const RUNS: &str = "
SELECT strftime('%H:%M', scheduled_at / 1000000, 'unixepoch'), strftime('%H:%M', queued_at / 1000000, 'unixepoch')
  FROM run WHERE cause = 'backfill' ORDER BY id";
const TIMES: &str = "
SELECT strftime('%d %H:%M', scheduled_at / 1000000, 'unixepoch') FROM run WHERE cause = 'backfill' ORDER BY id";
const STATES: &str = "
SELECT state, n_due, n_excluded, n_live, n_completed, n_failed, n_cancelled FROM backfill ORDER BY id";
const EVENTS: &str = "
SELECT type, json_extract(data, '$.n_due'), coalesce(json_extract(data, '$.by'), json_extract(data, '$.reason'), '-') FROM event
 WHERE type LIKE 'backfill.%' ORDER BY seq";
const STARTS: &str = "
SELECT strftime('%H:%M', due_at / 1000000, 'unixepoch') FROM occurrence ORDER BY due_at";

fn at(text: &str) -> Timestamp {
    text.parse().expect("because the test says a time")
}

fn asked(job: &str, from: &str, to: &str) -> Backfill {
    let day = |time: &str| at(&format!("2027-03-01T{time}:00Z"));
    let by = "ann".to_owned();
    Backfill { job: job.to_owned(), schedule: None, from: day(from), to: day(to), max_runs: 1, by }
}

fn ask(world: &mut World, asked: Backfill) -> Result<BackfillId, Refused> {
    match world.command(Command::Backfill(asked))? {
        Answer::Backfilled(id) => Ok(id),
        other @ (Answer::Done
        | Answer::Loaded(_)
        | Answer::Started { .. }
        | Answer::Submitted(_)
        | Answer::Again(_)) => panic!("a backfill was answered {other:?}"),
    }
}

#[track_caller]
fn backfill(world: &mut World, job: &str, from: &str, to: &str) -> BackfillId {
    ask(world, asked(job, from, to)).expect("it can be asked for")
}

/// Hourly, its runs take ten minutes.
fn hourly(seed: u64) -> World {
    let mut world = World::new(seed);
    world.job("hourly", Some(("every 1h", CatchUp::Latest)), "main: ok, takes 10m");
    world
}

#[test]
fn each_due_time_from_the_first_instant_to_before_the_last_runs_once_oldest_first_one_at_a_time() {
    let mut world = hourly(1);
    backfill(&mut world, "hourly", "08:00", "11:00");
    world.advance("29m");
    world.expect_rows(RUNS, &["08:00 12:00", "09:00 12:10", "10:00 12:20"]);
    world.expect_rows(STATES, &["running 3 0 1 2 0 0"]);
    world.advance("2m");
    world.expect_rows(STATES, &["completed 3 0 0 3 0 0"]);
    world.expect_rows(EVENTS, &["backfill.started 3 ann", "backfill.completed 3 -"]);
}

#[test]
fn as_many_run_at_once_as_were_asked_for_and_the_job_lets_in() {
    for (max_runs, of_job, n_live) in [(2, 3, "2"), (3, 2, "2"), (5, 1, "1")] {
        let mut world = World::new(2);
        world.job_but("hourly", Some(("every 1h", CatchUp::Latest)), "main: ok, takes 10m", |job| {
            job.max_runs = of_job;
        });
        ask(&mut world, Backfill { max_runs, ..asked("hourly", "02:00", "11:30") }).expect("it can be asked for");
        world.advance("5m");
        world.expect_rows("SELECT n_live FROM job", &[n_live]);
        world.expect_rows("SELECT n_live FROM backfill", &[n_live]);
    }
}

#[test]
fn its_runs_have_nominal_times_and_the_ledger_knows_nothing_of_them() {
    let mut world = World::new(3);
    world.job_but("hourly", Some(("every 1h", CatchUp::Latest)), "main: ok", |job| job.ends_after = Some(2));
    world.advance("61m");
    world.expect_rows(STARTS, &["13:00"]);
    backfill(&mut world, "hourly", "12:00", "13:01");
    world.expect_rows(RUNS, &["12:00 13:01", "13:00 13:01"]);
    world.expect_rows(STARTS, &["13:00"]);
    let of_schedule = "SELECT strftime('%H:%M', last_at / 1000000, 'unixepoch'), n_scheduled FROM schedule, job";
    world.expect_rows(of_schedule, &["13:00 1"]);
    world.expect_rows("SELECT count(*) FROM span", &["0"]);
    world.expect_rows(
        "SELECT count(*) FROM event WHERE type = 'workflow.queued' AND json_extract(data, '$.backfill') IS NOT NULL",
        &["2"],
    );
    world.advance("2h");
    world.expect_rows(STARTS, &["13:00", "14:00"]);
    // Its schedules have started all that they may; what is past may be run still.
    backfill(&mut world, "hourly", "14:00", "15:01");
    world.expect_rows(STARTS, &["13:00", "14:00"]);
    world.expect_rows("SELECT count(*) FROM run WHERE cause = 'backfill' AND state = 'completed'", &["4"]);
}

#[test]
fn what_is_due_goes_first_and_the_backfill_displaces_nobody() {
    for overlap in Overlap::ALL {
        let mut world = World::new(4);
        world.job_but("hourly", Some(("every 1h", CatchUp::Latest)), "main: ok, takes 25m", |job| {
            job.overlap = overlap;
            job.max_runs = 1;
        });
        world.advance("61m");
        backfill(&mut world, "hourly", "10:00", "12:00");
        world.advance("20m");
        let n_runs = if overlap == Overlap::Allow { "1" } else { "0" };
        world.expect_rows("SELECT count(*) FROM run WHERE cause = 'backfill'", &[n_runs]);
        world.expect_rows("SELECT count(*) FROM run WHERE cause = 'occurrence' AND ended_at IS NULL", &["1"]);
        world.advance("34m");
        // The run of 13:00 took its time, and that of 10:00 had the room then; a due time meets it as any other run.
        world.advance("3h");
        world.expect_rows("SELECT DISTINCT state FROM backfill", &["completed"]);
        world.expect_rows("SELECT count(*) FROM run WHERE cause = 'backfill'", &["2"]);
    }
}

#[test]
fn while_its_job_is_paused_it_waits() {
    for job in [Some("hourly"), None] {
        let mut world = hourly(5);
        let job = job.map(str::to_owned);
        let pause = Command::Pause { job: job.clone(), by: "ann".to_owned(), note: None, until: None };
        world.command(pause).expect("it can be paused");
        backfill(&mut world, "hourly", "10:00", "11:30");
        world.advance("30m");
        world.expect_rows(RUNS, &[]);
        let resume = Command::Resume { job, by: "ann".to_owned(), catch_up: CatchUp::None };
        world.command(resume).expect("it is paused");
        world.advance("1m");
        world.expect_rows(RUNS, &["10:00 12:30"]);
        world.edit_job("hourly", |job| job.enabled = false);
        world.advance("30m");
        world.expect_rows(RUNS, &["10:00 12:30"]);
        world.edit_job("hourly", |job| job.enabled = true);
        world.advance("30m");
        world.expect_rows(RUNS, &["10:00 12:30", "11:00 13:01"]);
    }
}

#[test]
fn a_crash_at_any_moment_runs_none_twice_and_leaves_none_out() {
    for minute in 0..35 {
        let mut world = hourly(6);
        backfill(&mut world, "hourly", "08:00", "11:00");
        world.advance(&format!("{}s", minute * 60 + 1));
        world.stop_for("20s");
        world.advance("30s");
        world.crash_for("20s");
        world.advance("2h");
        world.expect_rows(TIMES, &["01 08:00", "01 09:00", "01 10:00"]);
        world.expect_rows("SELECT DISTINCT state FROM backfill", &["completed"]);
    }
}

#[test]
fn it_is_cancelled_as_one() {
    let mut world = World::new(7);
    world.job_but("hourly", Some(("every 1h", CatchUp::Latest)), "main: ok, takes 10m", |job| job.max_runs = 3);
    let by_hand = world.start_job("hourly").expect("it may start");
    let id =
        ask(&mut world, Backfill { max_runs: 2, ..asked("hourly", "02:00", "11:30") }).expect("it can be asked for");
    world.advance("15m");
    world.expect_rows(STATES, &["running 10 0 2 2 0 0"]);
    let cancel = Command::CancelBackfill { backfill: id, by: "bob".to_owned() };
    world.command(cancel.clone()).expect("it has not ended");
    world.advance("2h");
    world.expect_rows(STATES, &["cancelled 10 0 0 2 0 2"]);
    world.expect_rows("SELECT count(*) FROM run WHERE cause = 'backfill' AND state = 'cancelled'", &["2"]);
    world.expect_rows("SELECT cancelled_by FROM backfill", &["bob"]);
    world.expect(by_hand, "main completed");
    world.expect_rows(EVENTS, &["backfill.started 10 ann", "backfill.cancelled 10 bob"]);
    let again = Refused::BackfillAlreadyEnded { backfill: id.short(), state: "cancelled" };
    assert_eq!(world.command(cancel), Err(again));
}

#[test]
fn what_is_excluded_or_was_skipped_is_not_run_and_is_counted() {
    let mut world = World::new(8);
    let timing = Timing::Every { period: "1h".parse().expect("because it is a length"), anchor: Timestamp::default() };
    let closed = Blackout::Once { from: at("2027-03-01T09:00:00Z"), until: at("2027-03-01T11:00:00Z") };
    let until = Some(at("2027-03-01T18:00:00Z"));
    let schedule = Schedule { blackout: vec![closed], until, ..Schedule::new(timing, "UTC") };
    world.due_job("hourly", Some(schedule), "main: ok");
    let skip = Command::SkipDue { job: "hourly".to_owned(), at: at("2027-03-01T14:00:00Z"), by: "ann".to_owned() };
    world.command(skip).expect("it lies ahead");
    world.advance("10h");
    backfill(&mut world, "hourly", "08:00", "20:00");
    let expected = ["01 08:00", "01 11:00", "01 12:00", "01 13:00", "01 15:00", "01 16:00", "01 17:00"];
    world.expect_rows(TIMES, &expected);
    world.expect_rows(STATES, &["completed 7 3 0 7 0 0"]);
}

#[test]
fn what_cannot_be_backfilled_is_refused_and_writes_nothing() {
    let mut world = hourly(9);
    world.job("by_hand", None, "main: ok");
    world.job("at_start", Some(("@start", CatchUp::None)), "main: ok");
    world.job("gone", Some(("every 1h", CatchUp::Latest)), "main: ok");
    world.remove_job("gone");
    let unfit = |job: &str, why| Refused::NotBackfilled { job: job.to_owned(), why };
    let missing = |what, name: &str| Refused::NotFound { what, name: name.to_owned() };
    let some = |schedule: &str| Backfill { schedule: Some(schedule.to_owned()), ..asked("hourly", "08:00", "10:00") };
    for (asked, expected) in [
        (asked("hourly", "10:00", "10:00"), unfit("hourly", Unfit::Empty)),
        (asked("hourly", "10:00", "09:00"), unfit("hourly", Unfit::Empty)),
        (asked("hourly", "10:00", "12:01"), unfit("hourly", Unfit::Ahead)),
        (asked("hourly", "10:01", "11:00"), unfit("hourly", Unfit::NothingDue { n_excluded: 0 })),
        (Backfill { max_runs: 0, ..asked("hourly", "10:00", "11:00") }, unfit("hourly", Unfit::MaxRuns)),
        (asked("by_hand", "10:00", "11:00"), unfit("by_hand", Unfit::NoTimes)),
        (asked("at_start", "10:00", "11:00"), unfit("at_start", Unfit::NoTimes)),
        (asked("gone", "10:00", "11:00"), Refused::JobRetired { job: "gone".to_owned() }),
        (asked("nobody", "10:00", "11:00"), missing("job", "nobody")),
        (some("name:x"), missing("schedule", "name:x")),
    ] {
        assert_eq!(ask(&mut world, asked.clone()), Err(expected), "{asked:?}");
    }
    world.expect_rows(STATES, &[]);
    world.expect_rows(EVENTS, &[]);
}

#[test]
fn of_several_schedules_all_that_have_times_are_run_or_the_one_that_is_named() {
    let named = |name: &str, rule: &str| Schedule {
        name: Some(name.to_owned()),
        ..Schedule::new(Timing::Cron { expression: rule.to_owned() }, "UTC")
    };
    for (schedule, expected) in [
        (None, &["01 08:00", "01 08:30", "01 09:00", "01 09:00"][..]),
        (Some("half"), &["01 08:30"]),
        (Some("name:full"), &["01 08:00", "01 09:00"]),
    ] {
        let mut world = World::new(10);
        world.job_but("often", None, "main: ok", |job| {
            job.schedules = vec![named("full", "0 * * * *"), named("half", "30 8 * * *"), named("nine", "0 9 * * *")];
            job.schedules.push(Schedule::new(Timing::Start, "UTC"));
        });
        let schedule = schedule.map(str::to_owned);
        ask(&mut world, Backfill { schedule, ..asked("often", "08:00", "09:30") }).expect("it can be asked for");
        world.expect_rows(TIMES, expected);
    }
}

#[test]
fn an_edit_that_keeps_the_schedule_goes_on_and_one_that_removes_it_ends_the_backfill() {
    let mut world = hourly(11);
    backfill(&mut world, "hourly", "06:00", "11:00");
    world.advance("1m");
    world.edit_job("hourly", |job| {
        let closed = Blackout::Once { from: at("2027-03-01T08:00:00Z"), until: at("2027-03-01T10:00:00Z") };
        job.schedules[0].blackout = vec![closed];
    });
    world.advance("15m");
    world.expect_rows(TIMES, &["01 06:00", "01 07:00"]);
    world.advance("10m");
    world.expect_rows(TIMES, &["01 06:00", "01 07:00", "01 10:00"]);
    backfill(&mut world, "hourly", "05:00", "08:00");
    world.remove_schedule("hourly");
    world.advance("2h");
    world.expect_rows("SELECT state, n_completed, n_cancelled FROM backfill", &["cancelled 3 0", "cancelled 0 0"]);
    let why = "its schedule `every:1h 1970-01-01T00:00:00.000000Z` was removed";
    world.expect_rows("SELECT DISTINCT reason FROM backfill", &[why]);
}

#[test]
fn a_job_whose_file_is_gone_is_backfilled_no_more() {
    let mut world = hourly(12);
    backfill(&mut world, "hourly", "06:00", "11:00");
    world.advance("1m");
    world.remove_job("hourly");
    world.advance("1h");
    world.expect_rows(STATES, &["cancelled 5 0 0 1 0 0"]);
    world.expect_rows(EVENTS, &["backfill.started 5 ann", "backfill.cancelled 5 its file was removed"]);
}

#[test]
fn it_stands_behind_what_is_to_be_caught_up_and_the_governor_does_not_count_it() {
    let mut world = World::new(13);
    world.catch_up_at(Pace { starts_per_minute: 1, max_runs: 1 });
    world.job("hourly", Some(("every 1h", CatchUp::All)), "main: ok");
    world.job("other", Some(("every 1h", CatchUp::All)), "main: ok");
    world.crash_for("2h30m");
    backfill(&mut world, "other", "08:00", "11:00");
    // Two of `hourly` go first, then two of `other`, one a minute.
    world.advance("2m30s");
    world.expect_rows(TIMES, &[]);
    world.advance("1m");
    world.expect_rows(RUNS, &["08:00 14:33", "09:00 14:33", "10:00 14:33"]);
    world.expect_rows("SELECT DISTINCT caught_up FROM run WHERE cause = 'backfill'", &["0"]);
}

#[test]
fn of_two_backfills_of_a_job_the_older_goes_first() {
    let mut world = hourly(14);
    backfill(&mut world, "hourly", "08:00", "10:00");
    backfill(&mut world, "hourly", "02:00", "03:00");
    world.advance("29m");
    world.expect_rows(TIMES, &["01 08:00", "01 09:00", "01 02:00"]);
}

#[test]
fn what_fails_is_counted_and_what_waits_too_long_ends() {
    let mut world = World::new(15);
    world.job("hourly", Some(("every 1h", CatchUp::Latest)), "main: fails");
    backfill(&mut world, "hourly", "08:00", "10:00");
    world.expect_rows(STATES, &["completed 2 0 0 0 2 0"]);
    world.job_but("late", Some(("every 1h", CatchUp::Latest)), "main: ok, pools db=1", |job| {
        job.expires_after = Some("5m".parse().expect("because it is a length"));
    });
    backfill(&mut world, "late", "08:00", "10:00");
    world.advance("11m");
    world.expect_rows("SELECT state, n_cancelled FROM backfill ORDER BY id DESC LIMIT 1", &["completed 2"]);
}

#[test]
fn what_its_precondition_is_false_of_is_skipped_and_holds_nothing_up() {
    let mut world = World::new(16);
    world.job_but("hourly", Some(("every 1h", CatchUp::Latest)), "main: ok", |job| {
        job.precondition = Some("scheduled_at | datetime('%H') not in ['08', '09']".to_owned());
    });
    backfill(&mut world, "hourly", "07:00", "11:00");
    world.expect_rows(TIMES, &["01 07:00", "01 10:00"]);
    world.expect_rows("SELECT state, n_completed, n_skipped, n_live FROM backfill", &["completed 2 2 0"]);
}
