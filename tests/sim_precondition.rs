//! Preconditions, told as small worlds.

use campanile::engine::{Answer, Command, Start};
use campanile::model::definition::{Action, CatchUp, Job, Overlap, PRECONDITION_TIMEOUT, Schedule, Task, Timing};
use campanile::model::duration::Duration;
use campanile::model::id::RunId;
use campanile::model::refused::Refused;
use campanile::sim::World;

const RUNS: &str = "SELECT number, cause, state, coalesce(outcome, '-') FROM run ORDER BY number";
const TASKS: &str = "
SELECT run.number, task.name, task.state, coalesce(task.outcome, '-'), task.n_attempts
  FROM task JOIN run ON run.id = run_id ORDER BY run.number, ordinal";
const SPANS: &str = "
SELECT reason, strftime('%H:%M', first_due_at / 1000000, 'unixepoch'), n FROM span ORDER BY first_due_at";
const SKIPPED: &str = "
SELECT json_extract(data, '$.reason'), substr(json_extract(data, '$.first_due_at'), 12, 5), coalesce(length(run_id), 0)
  FROM event WHERE type = 'occurrence.skipped' ORDER BY seq";
const ENDS: &str = "
SELECT type, coalesce(json_extract(data, '$.outcome'), '-'), coalesce(json_extract(data, '$.error'), '-') FROM event
 WHERE type IN ('workflow.completed', 'workflow.failed', 'workflow.cancelled', 'task.failed', 'job.paused') ORDER BY seq";

/// A pretended command: `fails=1` exits with 1, `takes=N` microseconds.
fn command(words: &[&str]) -> Task {
    let argv = ["pretend"].iter().chain(words).map(|word| (*word).to_owned()).collect();
    Task { timeout: Some(PRECONDITION_TIMEOUT), ..Task::new("asks", Action::Command(argv)) }
}

fn every_ten_minutes(seed: u64, change: impl FnOnce(&mut Job)) -> World {
    let mut world = World::new(seed);
    world.job_but("often", Some(("every 10m", CatchUp::Latest)), "main: ok, takes 1m", change);
    world
}

fn start(world: &mut World, force: bool) -> Result<RunId, Refused> {
    match world.command(Command::Start(Start { job: "often".to_owned(), force, ..Start::default() }))? {
        Answer::Started { run, .. } => Ok(run),
        other
        @ (Answer::Done | Answer::Loaded(_) | Answer::Submitted(_) | Answer::Backfilled(_) | Answer::Again(_)) => {
            panic!("a start was answered {other:?}")
        }
    }
}

#[test]
fn a_command_that_says_no_ends_the_run_before_it_does_anything_and_its_due_time_is_condition() {
    let mut world = every_ten_minutes(1, |job| job.ask_first(command(&["fails=1", "exit=3"])));
    world.advance("15m");
    world.expect_rows(RUNS, &["1 occurrence cancelled condition_false"]);
    world.expect_rows(TASKS, &["1 precondition skipped condition_false 1", "1 main skipped condition_false 0"]);
    world.expect_rows(SKIPPED, &["condition 12:10 16"]);
    world.expect_rows("SELECT reason FROM occurrence", &["condition"]);
    world.expect_rows(ENDS, &["workflow.cancelled condition_false its precondition exited with code 3"]);
    world.expect_rows(SPANS, &[]);
}

#[test]
fn a_command_that_says_yes_is_waited_for_and_its_run_is_live_meanwhile() {
    let mut world = every_ten_minutes(2, |job| job.ask_first(command(&["takes=30000000"])));
    world.advance("10m10s");
    world.expect_rows(TASKS, &["1 precondition running - 1", "1 main blocked - 0"]);
    let refused = start(&mut world, false).expect_err("as many runs as may be are live");
    assert_eq!(refused.to_string(), "job `often` may not start now (overlap)");
    world.advance("25s");
    world.expect_rows(TASKS, &["1 precondition completed success 1", "1 main running - 1"]);
    world.advance("1m");
    world.expect_rows(ENDS, &["workflow.completed success -"]);
}

#[test]
fn a_command_that_cannot_be_asked_is_no_no() {
    let mut world = every_ten_minutes(3, |job| job.ask_first(command(&["takes=3600000000"])));
    world.advance("10m59s");
    world.expect_rows(RUNS, &["1 occurrence running -"]);
    world.advance("2m");
    world.expect_rows(RUNS, &["1 occurrence failed timeout"]);
    world.expect_rows(TASKS, &["1 precondition failed timeout 1", "1 main skipped upstream_failed 0"]);
    world.expect_rows(SKIPPED, &[]);
    let why = "took longer than its timeout";
    let ends =
        [format!("task.failed timeout {why}"), format!("workflow.failed timeout task `precondition` failed: {why}")];
    world.expect_rows(ENDS, &ends.each_ref().map(String::as_str));
}

#[test]
fn a_no_is_neither_a_failure_nor_a_success() {
    let fails = |world: &mut World, fails: bool| {
        world.edit_job("often", |job| {
            *job = job.without_precondition();
            let words: &[&str] = if fails { &["takes=3600000000"] } else { &["fails=1"] };
            job.ask_first(command(words));
        });
        world.advance("10m");
    };
    let mut world = every_ten_minutes(4, |job| job.pause_after = Some(2));
    fails(&mut world, true);
    world.advance("5m");
    for is_failure in [false, false, true] {
        fails(&mut world, is_failure);
    }
    world.expect_rows("SELECT n_failed, paused_at IS NOT NULL FROM job", &["2 1"]);
    world.expect_rows(
        "SELECT outcome, count(*) FROM run GROUP BY outcome ORDER BY outcome",
        &["condition_false 2", "timeout 2"],
    );
}

#[test]
fn a_start_by_hand_is_asked_too_and_force_goes_past_the_question() {
    let mut world = every_ten_minutes(5, |job| job.ask_first(command(&["fails=1"])));
    start(&mut world, false).expect("the question is asked by a run");
    world.advance("1s");
    start(&mut world, true).expect("it is forced");
    world.advance("2m");
    world.expect_rows(RUNS, &["1 manual cancelled condition_false", "2 manual completed success"]);
    world.expect_rows(
        TASKS,
        &["1 precondition skipped condition_false 1", "1 main skipped condition_false 0", "2 main completed success 1"],
    );
    world.expect_rows("SELECT number, forced FROM run ORDER BY number", &["1 0", "2 1"]);
    // Nobody's schedule had it due.
    world.expect_rows(SKIPPED, &[]);
}

#[test]
fn a_question_outlives_the_daemon_and_is_asked_again_if_the_machine_died() {
    let mut world = every_ten_minutes(6, |job| job.ask_first(command(&["takes=30000000"])));
    world.advance("10m10s");
    world.stop_for("1s");
    world.advance("15s");
    world.expect_rows(TASKS, &["1 precondition running - 1", "1 main blocked - 0"]);
    world.reboot_for("10s");
    world.advance("2m");
    world.expect_rows(TASKS, &["1 precondition completed success 2", "1 main completed success 1"]);
}

#[test]
fn due_times_of_which_an_expression_is_false_are_one_span_and_make_no_run() {
    let mut world = every_ten_minutes(7, |job| {
        job.precondition = Some("run.cause == 'manual' or scheduled_at | datetime('%H:%M') >= '12:40'".to_owned());
    });
    world.advance("45m");
    world.expect_rows(RUNS, &["1 occurrence completed success"]);
    world.expect_rows(SPANS, &["condition 12:10 3"]);
    world.expect_rows(SKIPPED, &["condition 12:10 0"]);
    start(&mut world, false).expect("its expression is true of starts by hand");
}

#[test]
fn a_start_by_hand_of_which_the_expression_is_false_is_refused_and_told_the_expression() {
    let mut world = every_ten_minutes(8, |job| job.precondition = Some("run.cause == 'occurrence'".to_owned()));
    let refused = start(&mut world, false).expect_err("it is false");
    let expression = "run.cause == 'occurrence'".to_owned();
    assert_eq!(refused, Refused::ConditionFalse { job: "often".to_owned(), expression });
    world.expect_rows(RUNS, &[]);
    start(&mut world, true).expect("it is forced");
    world.advance("2m");
    world.expect_rows(RUNS, &["1 manual completed success"]);
    world.advance("10m");
    world.expect_rows(RUNS, &["1 manual completed success", "2 occurrence completed success"]);
}

#[test]
fn an_expression_that_cannot_be_evaluated_fails_the_run_before_anything_starts() {
    for (expression, why) in [
        ("params.gone", "`params.gone` has no value"),
        ("run.job", "it comes to a string, and must come to true or false"),
        ("run.job | int > 1", "invalid float literal, at `int`"),
    ] {
        let mut world = every_ten_minutes(9, |job| job.precondition = Some(expression.to_owned()));
        world.advance("11m");
        world.expect_rows(RUNS, &["1 occurrence failed invalid_request"]);
        world.expect_rows("SELECT count(*) FROM attempt WHERE started_at IS NOT NULL", &["0"]);
        let error = &world.rows("SELECT error FROM run")[0];
        let expected = format!("task `main` failed: cannot be done as it is written: `precondition.expression`: {why}");
        assert_eq!(error, &expected);
    }
}

#[test]
fn what_does_not_start_ends_nobody() {
    let mut world = World::new(10);
    world.job_but("often", Some(("every 10m", CatchUp::Latest)), "main: hangs", |job| {
        job.overlap = Overlap::CancelOther;
        job.precondition = Some("run.number == 1".to_owned());
    });
    world.advance("35m");
    world.expect_rows(RUNS, &["1 occurrence running -"]);
    world.expect_rows(SPANS, &["condition 12:20 2"]);
}

#[test]
fn a_due_time_that_is_caught_up_is_asked_as_well() {
    let mut world = every_ten_minutes(11, |job| job.ask_first(command(&["fails=1"])));
    world.crash_for("35m");
    world.advance("1m");
    world.expect_rows(SPANS, &["coalesced 12:10 2"]);
    world.expect_rows(SKIPPED, &["coalesced 12:10 0", "condition 12:30 16"]);
}

#[test]
fn what_follows_the_end_of_runs_goes_on_after_a_no() {
    for (seed, is_command) in [(12, true), (13, false)] {
        let mut world = World::new(seed);
        let delay = Duration::from_secs(600);
        world.job_but("often", None, "main: ok", |job| {
            job.schedules.push(Schedule::new(Timing::AfterEnd { delay }, "UTC"));
            match is_command {
                true => job.ask_first(command(&["fails=1"])),
                false => job.precondition = Some("false".to_owned()),
            }
        });
        world.advance("31m");
        let spans: &[&str] = if is_command { &[] } else { &["condition 12:10 3"] };
        world.expect_rows(SPANS, spans);
        let n_runs = if is_command { "3" } else { "0" };
        world.expect_rows("SELECT count(*) FROM run WHERE outcome = 'condition_false'", &[n_runs]);
    }
}

#[test]
fn a_precondition_of_a_held_run_is_asked_when_it_is_let_in() {
    let mut world = World::new(14);
    world.job_but("often", None, "main: ok, takes 1m", |job| {
        job.overlap = Overlap::BufferAll;
        job.ask_first(command(&[]));
    });
    start(&mut world, false).expect("there is room");
    start(&mut world, false).expect("it is held");
    world.advance("30s");
    world.expect_rows(
        TASKS,
        &[
            "1 precondition completed success 1",
            "1 main running - 1",
            "2 precondition blocked - 0",
            "2 main blocked - 0",
        ],
    );
    world.advance("2m");
    world.expect_rows(RUNS, &["1 manual completed success", "2 manual completed success"]);
}
