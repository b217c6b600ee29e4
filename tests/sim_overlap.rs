//! What becomes of one run more than may be live, told as small worlds: the six policies, what is held, and what goes past.

use campanile::engine::{Answer, Command, Start};
use campanile::model::definition::{CatchUp, Overlap};
use campanile::model::id::RunId;
use campanile::model::outcome::Reason;
use campanile::model::refused::Refused;
use campanile::sim::World;

const RUNS: &str = "
SELECT number, state, coalesce(outcome, '-'), iif(held, 'held', '-'), coalesce(cancelled_by, '-') FROM run ORDER BY number";
const STARTS: &str = "
SELECT number, strftime('%H:%M:%S', started_at / 1000000, 'unixepoch') FROM run WHERE started_at IS NOT NULL ORDER BY number";
const SPANS: &str = "
SELECT reason, strftime('%H:%M', first_due_at / 1000000, 'unixepoch'), n FROM span ORDER BY first_due_at";
const COUNTS: &str = "SELECT n_live, n_held FROM job WHERE name = 'often'";

/// A job that is due every minute and takes two and a half.
fn world(seed: u64, overlap: Overlap) -> World {
    let mut world = World::new(seed);
    let script = "main: ok, takes 2m30s, grace 20s, stubborn";
    world.job_but("often", Some(("every 1m", CatchUp::Latest)), script, |job| job.overlap = overlap);
    world
}

fn start(world: &mut World, force: bool) -> Result<RunId, Refused> {
    let answer = world.command(Command::Start(Start { job: "often".to_owned(), force, ..Start::default() }))?;
    let Answer::Started { run, .. } = answer else { panic!("a start was answered {answer:?}") };
    Ok(run)
}

#[test]
fn skip_starts_nothing_beside_a_live_run() {
    let mut world = world(1, Overlap::Skip);
    world.advance("4m30s");
    world.expect_rows(RUNS, &["1 completed success - -", "2 running - - -"]);
    world.expect_rows(SPANS, &["overlap 12:02 2"]);
}

#[test]
fn buffer_one_holds_the_first_that_has_to_wait_and_skips_the_others() {
    let mut world = world(2, Overlap::BufferOne);
    world.advance("3m20s");
    world.expect_rows(RUNS, &["1 running - - -", "2 queued - held -"]);
    world.expect_rows(SPANS, &["overlap 12:03 1"]);
    world.expect_rows(COUNTS, &["1 1"]);
    world.advance("10s");
    world.expect_rows(RUNS, &["1 completed success - -", "2 running - - -"]);
    world.expect_rows(STARTS, &["1 12:01:00", "2 12:03:30"]);
    world.advance("4m");
    world.expect_rows(SPANS, &["overlap 12:03 1", "overlap 12:05 1", "overlap 12:07 1"]);
    world.expect_rows("SELECT count(*) FROM run", &["4"]);
}

#[test]
fn buffer_all_does_them_all_one_after_another() {
    let mut world = world(3, Overlap::BufferAll);
    world.advance("4m");
    world.expect_rows(COUNTS, &["1 2"]);
    world.remove_schedule("often");
    world.advance("10m");
    world.expect_rows(STARTS, &["1 12:01:00", "2 12:03:30", "3 12:06:00", "4 12:08:30"]);
    world.expect_rows(SPANS, &[]);
    world.expect_rows(COUNTS, &["0 0"]);
}

#[test]
fn cancel_other_waits_until_the_live_run_has_ended_and_takes_the_place_of_what_is_held() {
    let mut world = world(4, Overlap::CancelOther);
    world.advance("2m19s");
    world.expect_rows(RUNS, &["1 running - - `overlap = \"cancel_other\"`", "2 queued - held -"]);
    assert!(start(&mut world, false).is_ok(), "a start by hand is one more");
    world.advance("1s");
    let by = "`overlap = \"cancel_other\"`";
    let cancelled = |number| format!("{number} cancelled cancelled - {by}");
    // What was held and given up keeps the mark that it was: it was never live.
    let given_up = format!("2 cancelled cancelled held {by}");
    world.expect_rows(RUNS, &[&cancelled(1), &given_up, "3 running - - -"]);
    world.expect_rows(STARTS, &["1 12:01:00", "3 12:02:20"]);
    world.expect_rows(COUNTS, &["1 0"]);
}

#[test]
fn terminate_other_leaves_no_grace() {
    let mut world = world(5, Overlap::TerminateOther);
    world.advance("2m1s");
    let by = "1 cancelled cancelled - `overlap = \"terminate_other\"`";
    world.expect_rows(RUNS, &[by, "2 running - - -"]);
    world.expect_rows(STARTS, &["1 12:01:00", "2 12:02:00"]);
}

#[test]
fn a_run_that_is_to_be_terminated_gets_no_grace_from_the_next_daemon_either() {
    let mut world = world(6, Overlap::TerminateOther);
    world.advance("1m30s");
    world.stop_runner_for("1m10s");
    world.advance("45s");
    world.stop_for("1s");
    world.advance("27s");
    world.expect_rows(
        "SELECT number, state FROM run WHERE state = 'running' OR number = 1",
        &["1 cancelled", "2 running"],
    );
}

#[test]
fn allow_lifts_the_bound() {
    let mut world = world(7, Overlap::Allow);
    world.advance("3m20s");
    world.expect_rows(COUNTS, &["3 0"]);
}

#[test]
fn max_runs_is_how_many_may_be_live_under_every_policy() {
    for (seed, overlap, expected) in [
        (8, Overlap::Skip, "2 0"),
        (9, Overlap::BufferOne, "2 1"),
        (10, Overlap::BufferAll, "2 2"),
        (11, Overlap::CancelOther, "2 1"),
    ] {
        let mut world = World::new(seed);
        world.job_but("often", Some(("every 1m", CatchUp::Latest)), "main: ok, takes 1h, stubborn, grace 1h", |job| {
            (job.overlap, job.max_runs) = (overlap, 2);
        });
        world.advance("4m30s");
        world.expect_rows(COUNTS, &[expected]);
    }
}

#[test]
fn force_goes_past_the_gate_and_is_recorded() {
    let mut world = world(12, Overlap::Skip);
    world.advance("1m10s");
    let refused = start(&mut world, false);
    assert_eq!(refused, Err(Refused::NotAdmitted { job: "often".to_owned(), reason: Reason::Overlap }));
    assert!(start(&mut world, true).is_ok());
    world.expect_rows(COUNTS, &["2 0"]);
    world.expect_rows("SELECT number, forced FROM run ORDER BY number", &["1 0", "2 1"]);
    let told = "SELECT json_extract(data, '$.number'), json_extract(data, '$.forced') FROM event
                 WHERE type = 'workflow.queued' ORDER BY seq";
    world.expect_rows(told, &["1 -", "2 1"]);
    let refusals = "SELECT json_extract(data, '$.cause'), json_extract(data, '$.reason') FROM event
                     WHERE type = 'occurrence.skipped'";
    world.expect_rows(refusals, &["manual overlap"]);
}

#[test]
fn what_is_held_is_let_in_after_a_crash_a_pause_and_an_edit() {
    let mut world = world(13, Overlap::BufferOne);
    world.advance("2m10s");
    world.crash_for("1s");
    world.expect_rows(COUNTS, &["1 1"]);
    let pause = Command::Pause { job: Some("often".to_owned()), by: "test".to_owned(), note: None, until: None };
    world.command(pause).expect("it can be paused");
    world.advance("10m");
    world.expect_rows(COUNTS, &["0 1"]);
    let resume = Command::Resume { job: Some("often".to_owned()), by: "test".to_owned(), catch_up: CatchUp::None };
    world.command(resume).expect("it can be resumed");
    world.expect_rows(COUNTS, &["1 0"]);
}

#[test]
fn when_a_job_is_retired_what_is_held_is_cancelled() {
    let mut world = world(14, Overlap::BufferAll);
    world.advance("3m20s");
    world.remove_job("often");
    world.expect_rows(COUNTS, &["1 0"]);
    world.expect_rows("SELECT state, count(*) FROM run GROUP BY state ORDER BY state", &["cancelled 2", "running 1"]);
}

#[test]
fn what_is_held_can_be_cancelled_and_does_not_count_as_live() {
    let mut world = world(15, Overlap::BufferOne);
    world.advance("2m10s");
    let held = start(&mut world, false);
    assert!(held.is_err(), "one is held already");
    let run = world.held_run("often");
    world.command(Command::CancelRun { run, by: "test".to_owned() }).expect("it has not ended");
    world.expect_rows(COUNTS, &["1 0"]);
    assert!(start(&mut world, false).is_ok(), "and another may be held");
    world.expect_rows(COUNTS, &["1 1"]);
}
