//! What Campanile promises, told as small worlds: a script of tasks, time that passes, and what is then to be seen.

use campanile::engine::{Answer, Command, NotBefore, Submission};
use campanile::model::definition::{Action, CatchUp, Priority, Task};
use campanile::model::duration::Duration;
use campanile::model::outcome::Reason;
use campanile::model::policy::retention::{Keep, Retention};
use campanile::model::refused::Refused;
use campanile::sim::World;

const RUNS: &str = "SELECT state, count(*) FROM run GROUP BY state ORDER BY state";
const SPANS: &str = "SELECT reason, n FROM span ORDER BY first_due_at";
const STARTS: &str = "SELECT strftime('%H:%M', due_at / 1000000, 'unixepoch') FROM occurrence ORDER BY due_at";

fn pause(job: Option<&str>) -> Command {
    Command::Pause { job: job.map(str::to_owned), by: "test".to_owned(), note: None, until: None }
}

fn resume(job: Option<&str>) -> Command {
    Command::Resume { job: job.map(str::to_owned), by: "test".to_owned(), catch_up: CatchUp::None }
}

#[test]
fn a_task_waits_for_the_one_it_is_after() {
    let mut world = World::new(1);
    let run = world.start("a: ok, takes 10m\nb: ok, takes 1m, after a");
    world.advance("9m59s");
    world.expect(run, "a running, b blocked");
    world.advance("1s");
    world.expect(run, "a completed, b running");
    world.advance("1m");
    world.expect(run, "a completed, b completed");
    world.expect_rows(RUNS, &["completed 1"]);
}

#[test]
fn a_failure_is_retried_with_growing_pauses() {
    let mut world = World::new(2);
    let run = world.start("a: fails twice, takes 1s, tries 3, pause 10s");
    world.advance("10s999ms");
    world.expect(run, "a retrying");
    world.advance("2ms");
    world.expect(run, "a running");
    world.advance("20s998ms");
    world.expect(run, "a retrying");
    world.advance("1s");
    world.expect(run, "a running");
    world.advance("1s");
    world.expect(run, "a completed");
}

#[test]
fn a_failure_for_good_skips_what_comes_after() {
    let mut world = World::new(3);
    let run = world.start("a: fails, tries 2, pause 1s\nb: ok, after a\nc: ok, takes 1s");
    world.advance("1m");
    world.expect(run, "a failed, b skipped, c completed");
    world.expect_rows(
        "SELECT state, outcome, error FROM run",
        &["failed exit_code task `a` failed: exited with code 1"],
    );
}

#[test]
fn missed_occurrences_run_once_when_catch_up_is_latest() {
    let mut world = World::new(4);
    world.job("hourly", Some(("0 * * * *", CatchUp::Latest)), "main: ok");
    world.crash_for("5h30m");
    world.advance("1m");
    world.expect_rows(SPANS, &["coalesced 4"]);
    world.expect_rows(STARTS, &["17:00"]);
}

#[test]
fn all_that_was_missed_runs_one_by_one_when_overlap_is_skip() {
    let mut world = World::new(5);
    world.job("hourly", Some(("0 * * * *", CatchUp::All)), "main: ok, takes 10m");
    world.crash_for("3h30m");
    world.expect_rows(RUNS, &["running 1"]);
    world.advance("10m");
    world.expect_rows(RUNS, &["completed 1", "running 1"]);
    world.advance("20m");
    world.expect_rows(RUNS, &["completed 3", "running 1"]);
    world.expect_rows(STARTS, &["13:00", "14:00", "15:00", "16:00"]);
}

#[test]
fn nothing_missed_starts_when_catch_up_is_none() {
    let mut world = World::new(6);
    world.job("hourly", Some(("0 * * * *", CatchUp::None)), "main: ok");
    world.crash_for("3h30m");
    world.advance("30m");
    world.expect_rows(SPANS, &["missed_window 3"]);
    world.expect_rows(STARTS, &["16:00"]);
}

#[test]
fn the_due_times_of_a_paused_job_are_one_span() {
    let mut world = World::new(7);
    world.job("often", Some(("every 1m", CatchUp::Latest)), "main: ok");
    world.command(pause(Some("often"))).expect("it can be paused");
    let refused = world.start_job("often").err();
    assert_eq!(refused, Some(Refused::NotAdmitted { job: "often".to_owned(), reason: Reason::Paused }));
    world.advance("10m30s");
    world.command(resume(Some("often"))).expect("it can be resumed");
    world.advance("1m");
    world.expect_rows(SPANS, &["paused 10"]);
    world.expect_rows(STARTS, &["12:11"]);
}

#[test]
fn a_pause_that_outlasts_the_daemon_is_never_caught_up() {
    let mut world = World::new(8);
    world.job("hourly", Some(("0 * * * *", CatchUp::All)), "main: ok");
    world.command(pause(None)).expect("it can be paused");
    world.crash_for("5h30m");
    world.command(resume(None)).expect("it can be resumed");
    world.advance("1h");
    world.expect_rows(SPANS, &["paused 5"]);
    world.expect_rows(STARTS, &["18:00"]);
}

#[test]
fn a_clock_set_back_fires_nothing_twice() {
    let mut world = World::new(9);
    world.job("hourly", Some(("0 * * * *", CatchUp::All)), "main: ok");
    world.advance("2h30m");
    world.clock("-2h");
    world.expect_rows(STARTS, &["13:00", "14:00"]);
    world.advance("2h45m");
    world.expect_rows(STARTS, &["13:00", "14:00", "15:00"]);
    world.expect_rows(RUNS, &["completed 3"]);
}

#[test]
fn a_clock_set_back_while_no_daemon_runs_silences_nothing() {
    let mut world = World::new(10);
    world.job("hourly", Some(("0 * * * *", CatchUp::Latest)), "main: ok");
    world.advance("30m");
    world.stop_for("1m");
    world.clock("-24h");
    world.advance("1h");
    world.expect_rows("SELECT count(*) FROM occurrence", &["1"]);
}

#[test]
fn two_starts_of_the_daemon_at_one_instant_are_one_due_time() {
    let mut world = World::new(19);
    world.job("first", Some(("@start", CatchUp::Latest)), "main: ok");
    world.crash_for("0s");
    world.crash_for("0s");
    world.expect_rows("SELECT count(*) FROM occurrence", &["1"]);
    world.crash_for("1s");
    world.expect_rows("SELECT count(*) FROM occurrence", &["2"]);
}

#[test]
fn a_job_that_comes_back_after_the_clock_went_back_starts_at_now() {
    let mut world = World::new(11);
    world.job("hourly", Some(("0 * * * *", CatchUp::Latest)), "main: ok");
    world.advance("90m");
    world.remove_job("hourly");
    world.clock("-24h");
    world.job("hourly", Some(("0 * * * *", CatchUp::Latest)), "main: ok");
    world.advance("1h");
    world.expect_rows("SELECT count(*) FROM occurrence", &["2"]);
}

#[test]
fn a_retry_is_as_long_as_it_says_when_the_clock_is_set() {
    for by in ["3h", "-3h"] {
        let mut world = World::new(12);
        let run = world.start("a: fails once, tries 2, pause 4m");
        world.advance("2m");
        world.clock(by);
        world.advance("1m59s");
        world.expect(run, "a retrying");
        world.advance("2s");
        world.expect(run, "a completed");
    }
}

#[test]
fn a_cancel_of_a_queued_run_needs_no_process() {
    let mut world = World::new(13);
    world.command(pause(None)).expect("it can be paused");
    let run = world.submit("main: ok");
    world.command(Command::CancelRun { run, by: "test".to_owned() }).expect("it can be cancelled");
    world.expect(run, "main cancelled");
    world.expect_rows("SELECT count(*) FROM attempt", &["0"]);
}

#[test]
fn a_cancel_of_a_running_run_ends_it_when_its_process_has_gone() {
    let mut world = World::new(14);
    let run = world.start("a: hangs\nb: ok, after a");
    world.command(Command::CancelRun { run, by: "test".to_owned() }).expect("it can be cancelled");
    world.expect(run, "a running, b cancelled");
    world.advance("1s");
    world.expect(run, "a cancelled, b cancelled");
    let again = world.command(Command::CancelRun { run, by: "test".to_owned() });
    assert_eq!(again, Err(Refused::RunAlreadyEnded { run, state: "cancelled" }));
}

#[test]
fn a_drain_interrupts_and_the_next_daemon_goes_on() {
    let mut world = World::new(15);
    let run = world.start("a: ok, takes 10m");
    for _ in 0..6 {
        world.advance("1m");
        world.command(Command::Drain).expect("it can be drained");
        world.command(Command::Interrupt { grace: None }).expect("it can be interrupted");
        world.advance("1s");
        world.expect(run, "a queued");
        world.crash_for("1m");
        world.expect(run, "a running");
    }
    world.advance("10m");
    world.expect(run, "a completed");
}

#[test]
fn the_fourth_crash_fails_a_task_and_the_first_one_that_may_not_be_repeated() {
    let mut world = World::new(16);
    let run = world.start("a: ok, takes 10m\nb: ok, takes 10m, never again");
    for _ in 0..3 {
        world.crash_for("1m");
        world.expect(run, "a running, b failed");
    }
    world.crash_for("1m");
    world.expect(run, "a failed, b failed");
    world.expect_rows("SELECT outcome FROM run", &["interrupted"]);
}

#[test]
fn a_definition_that_cannot_be_read_fails_only_its_own_run() {
    let mut world = World::new(17);
    let (bad, good) = (world.submit("main: ok, takes 5m, exit 7"), world.submit("main: ok, takes 5m"));
    world.poison("UPDATE definition SET body = 'mould' WHERE body LIKE '%exit=7%'");
    world.advance("10m");
    world.expect(bad, "main failed");
    world.expect(good, "main completed");
    world.expect_rows("SELECT outcome FROM run ORDER BY state", &["success", "internal"]);
    world.expect_rows("SELECT count(*) FROM attempt WHERE state <> 'ended'", &["0"]);
}

#[test]
fn a_full_disk_changes_nothing_and_everything_goes_on_afterwards() {
    let mut world = World::new(18);
    world.job("often", Some(("every 1s", CatchUp::All)), "main: ok");
    world.advance("5s");
    world.full_disk_for("10m");
    world.advance("9m");
    let n_before: usize = world.rows("SELECT count(*) FROM occurrence")[0].parse().expect("it is a number");
    assert!(n_before < 200, "{n_before} starts found room");
    world.advance("2m");
    let n_after: usize = world.rows("SELECT count(*) FROM occurrence")[0].parse().expect("it is a number");
    assert!(n_after >= n_before + 24, "{n_before} and then {n_after}");
}

#[test]
fn at_start_fires_at_each_start_of_the_daemon_and_at_reboot_once_per_boot() {
    let mut world = World::new(20);
    world.job("started", Some(("@start", CatchUp::Latest)), "main: ok");
    world.job("booted", Some(("@reboot", CatchUp::Latest)), "main: ok");
    let fired = "SELECT (SELECT name FROM job WHERE id = run.job_id), count(*) FROM run GROUP BY 1 ORDER BY 1";
    world.expect_rows(fired, &[]);
    world.crash_for("1m");
    world.crash_for("1m");
    world.expect_rows(fired, &["started 2"]);
    world.reboot_for("1m");
    world.expect_rows(fired, &["booted 1", "started 3"]);
    world.crash_for("1m");
    world.expect_rows(fired, &["booted 1", "started 4"]);
    world.reboot_for("1m");
    world.advance("1h");
    world.expect_rows(fired, &["booted 2", "started 5"]);
}

/// Keeps so many of each kind, for so long.
fn keep(completed: (u64, i64), failed: (u64, i64)) -> Retention {
    let keep = |(max_count, minutes)| Keep { max_age: Duration::from_secs(minutes * 60), max_count };
    Retention { completed: keep(completed), failed: keep(failed), cancelled: keep(completed) }
}

const KEPT: &str = "SELECT state, number FROM run ORDER BY state, number";

#[test]
fn ended_runs_are_kept_by_count_for_each_state_apart_and_the_oldest_go_first() {
    let mut world = World::with_retention(21, keep((2, 60_000), (3, 60_000)));
    world.job("good", None, "main: ok, takes 1s");
    world.job("bad", None, "main: fails, takes 1s");
    for _ in 0..5 {
        for job in ["good", "bad"] {
            world.start_job(job).expect("nothing stands in its way");
            world.advance("1m");
        }
    }
    world.expect_rows(KEPT, &["completed 4", "completed 5", "failed 3", "failed 4", "failed 5"]);
    let removed = world.take_removed_logs();
    let of = |job: &str| removed.iter().filter(|log| log.contains(&format!("/{job}/"))).count();
    assert_eq!((of("good"), of("bad"), removed.len()), (3, 2, 5), "{removed:#?}");
    world.expect_rows("SELECT count(*) FROM task", &["5"]);
    world.expect_rows("SELECT count(*) FROM attempt", &["5"]);
}

#[test]
fn ended_runs_and_then_events_are_kept_by_age() {
    let mut world = World::with_retention(22, keep((1_000, 10), (1_000, 30)));
    world.job("good", None, "main: ok");
    world.job("bad", None, "main: fails");
    for job in ["good", "bad"] {
        world.start_job(job).expect("nothing stands in its way");
        world.advance("1s");
    }
    // It looks when a step happens anyway.
    world.job("tick", Some(("every 1m", CatchUp::Latest)), "main: ok");
    let kept = "SELECT state FROM run WHERE job_id <> (SELECT id FROM job WHERE name = 'tick') ORDER BY state";
    world.advance("9m");
    world.expect_rows(kept, &["completed", "failed"]);
    world.advance("2m");
    world.expect_rows(kept, &["failed"]);
    world.expect_rows("SELECT min(seq) FROM event", &["1"]);
    world.advance("18m");
    world.expect_rows(kept, &["failed"]);
    world.advance("3m");
    world.expect_rows(kept, &[]);
    let oldest: Vec<String> = world.rows("SELECT min(at) >= (SELECT max(at) FROM event) - 1920000000 FROM event");
    assert_eq!(oldest, ["1"], "events go when no run of their age may be kept");
    assert_eq!(world.rows("SELECT min(seq) > 1 FROM event"), ["1"]);
    assert_eq!(world.take_removed_logs().iter().filter(|log| !log.contains("/tick/")).count(), 2);
}

const ATTEMPTS: &str = "
SELECT task.name, count(*), task.state, task.outcome FROM task JOIN attempt ON attempt.task_id = task.id
 GROUP BY task.id ORDER BY task.ordinal";

#[test]
fn a_request_that_was_cut_off_is_made_again_only_where_that_does_no_harm() {
    let mut world = World::new(30);
    let run = world.start("a: asks, takes 1m\nb: orders, takes 1m\nc: ok, takes 1m");
    world.advance("30s");
    world.expect(run, "a running, b running, c running");
    world.stop_for("5s");
    world.advance("10s");
    world.expect(run, "a running, b failed, c running");
    world.advance("1m");
    world.expect(run, "a completed, b failed, c completed");
    world.expect_rows(ATTEMPTS, &["a 2 completed success", "b 1 failed interrupted", "c 1 completed success"]);
}

#[test]
fn a_request_that_crash_after_crash_cuts_off_is_given_up() {
    let mut world = World::new(31);
    let run = world.start("a: asks, hangs");
    for _ in 0..3 {
        world.stop_for("1s");
        world.advance("10s");
        world.expect(run, "a running");
    }
    world.stop_for("1s");
    world.advance("10s");
    world.expect(run, "a failed");
    world.expect_rows(ATTEMPTS, &["a 4 failed interrupted"]);
}

#[test]
fn a_request_is_tried_again_by_its_status() {
    let mut world = World::new(32);
    let words = "tries 3, pause 10s";
    let run = world.start(&format!(
        "a: asks, fails twice, {words}\nb: orders, fails once, exit 503, {words}\nc: orders, fails once, {words}\n\
         d: asks, fails, exit 404, {words}"
    ));
    world.advance("20m");
    world.expect(run, "a completed, b completed, c failed, d failed");
    let expected =
        ["a 3 completed success", "b 2 completed success", "c 1 failed provider_error", "d 1 failed provider_error"];
    world.expect_rows(ATTEMPTS, &expected);
}

#[test]
fn a_request_is_given_up_when_its_run_is_cancelled_or_the_daemon_stops() {
    let mut world = World::new(33);
    let run = world.start("a: asks, hangs\nb: ok, after a");
    world.command(Command::CancelRun { run, by: "test".to_owned() }).unwrap();
    world.expect(run, "a cancelled, b cancelled");

    let run = world.submit("a: asks, hangs");
    let order = world.submit("a: orders, hangs");
    world.command(Command::Drain).unwrap();
    world.command(Command::Interrupt { grace: None }).unwrap();
    world.expect(run, "a queued");
    world.expect(order, "a failed");
}

#[test]
fn a_task_for_a_time_of_day_follows_the_clock_and_one_with_a_delay_does_not() {
    let mut world = World::new(40);
    let task = |not_before| Submission {
        task: Task::new("main", Action::Noop),
        priority: Priority::default(),
        not_before: Some(not_before),
    };
    let hour = Duration::from_secs(3_600);
    let at = "2027-03-01T13:00:00Z".parse().expect("because this is an instant");
    let batch = vec![task(NotBefore::At(at)), task(NotBefore::In(hour)), task(NotBefore::In(Duration::ZERO))];
    let Ok(Answer::Submitted(runs)) = world.command(Command::Submit(batch)) else { panic!("a submission was refused") };
    let [by_clock, by_delay, at_once] = runs[..] else { panic!("three tasks make three runs") };
    world.expect(at_once, "main completed");
    world.advance("10m");
    world.clock("30m");
    world.advance("19m");
    world.crash_for("30s");
    world.expect(by_clock, "main waiting");
    world.expect(by_delay, "main waiting");
    world.advance("31s");
    world.expect(by_clock, "main completed");
    world.expect(by_delay, "main waiting");
    world.clock("-2h");
    world.advance("29m58s");
    world.expect(by_delay, "main waiting");
    world.advance("2s");
    world.expect(by_delay, "main completed");
    world.expect_rows("SELECT count(*) FROM event WHERE type = 'task.waiting'", &["2"]);
    world.expect_rows(RUNS, &["completed 3"]);
}

#[test]
fn a_wait_says_which_clock_it_follows_whatever_else_the_run_knows_of_time() {
    const WAITS: &str = "SELECT until_wall IS NOT NULL, until_steady IS NOT NULL, state FROM task ORDER BY id";
    const UNTOUCHED: &str = "
CREATE TRIGGER untouched BEFORE UPDATE ON task WHEN OLD.state = NEW.state
BEGIN SELECT RAISE(ABORT, 'a clock step wrote a task'); END";
    let mut world = World::new(41);
    let hour = Duration::from_secs(3_600);
    let at = world.now().plus(hour);
    let batch = [NotBefore::At(at), NotBefore::In(hour)].map(|not_before| Submission {
        task: Task::new("main", Action::Noop),
        priority: Priority::default(),
        not_before: Some(not_before),
    });
    let answer = world.command(Command::Submit(batch.to_vec()));
    let Ok(Answer::Submitted(runs)) = answer else { panic!("a submission was refused") };
    world.expect_rows(WAITS, &["1 0 waiting", "0 1 waiting"]);
    // A run may have a nominal time and yet hold a task that waits for so long, as for an approval.
    world.expect_rows("UPDATE run SET scheduled_at = queued_at RETURNING 1", &["1", "1"]);
    world.expect_rows(UNTOUCHED, &[]);
    world.clock("2h");
    world.advance("1s");
    world.expect(runs[0], "main completed");
    world.expect(runs[1], "main waiting");
    world.clock("-3h");
    world.advance("59m58s");
    world.expect(runs[1], "main waiting");
    world.advance("1s");
    world.expect(runs[1], "main completed");
}
