//! What a queued task waits for, told as small worlds: pools, the order of the queue, its length, and for how long at most.

use campanile::engine::{Answer, Command, Start, Submission};
use campanile::model::definition::{Action, CatchUp, Overlap, Priority, Task};
use campanile::model::outcome::Reason;
use campanile::model::refused::Refused;
use campanile::sim::World;

const POOLS: &str = "SELECT name, size, used FROM pool ORDER BY name";

/// A task of that priority which takes these pools, and a minute.
fn submit(world: &mut World, name: &str, priority: i64, pools: &str) -> Result<Answer, Refused> {
    let action = Action::Command(["pretend", "takes=60000000"].map(str::to_owned).to_vec());
    let mut task = Task::new(name, action);
    task.pools = pools.parse().expect("because the case is valid");
    let priority = Priority::new(priority).expect("because the case is valid");
    world.command(Command::Submit(vec![Submission { task, priority, not_before: None }]))
}

#[test]
fn attempts_take_no_more_of_a_pool_than_there_is() {
    let mut world = World::new(1);
    world.pools("db=2");
    let tasks =
        "a: ok, takes 1m, pools db=1\nb: ok, takes 2m, pools db=1\nc: ok, takes 1m, pools db=1\nd: ok, takes 1m";
    let run = world.start(tasks);
    world.expect(run, "a running, b running, c queued, d running");
    world.expect_rows(POOLS, &["db 2 2"]);
    world.advance("1m");
    world.expect(run, "a completed, b running, c running, d completed");
    world.advance("1m");
    world.expect(run, "a completed, b completed, c completed, d completed");
    world.expect_rows(POOLS, &["db 2 0"]);
}

#[test]
fn who_takes_much_is_not_overtaken_and_who_takes_other_pools_is_not_held_up() {
    let mut world = World::new(2);
    world.pools("db=2 gpu=1");
    let run = world.start(
        "a: ok, takes 1m, pools db=1\nb: ok, takes 1m, pools db=2\nc: ok, takes 1m, pools db=1\nd: ok, takes 1m, pools gpu=1",
    );
    world.expect(run, "a running, b queued, c queued, d running");
    world.advance("1m");
    world.expect(run, "a completed, b running, c queued, d completed");
    world.advance("1m");
    world.expect(run, "a completed, b completed, c running, d completed");
}

#[test]
fn a_task_that_waits_for_its_next_attempt_holds_nothing() {
    let mut world = World::new(3);
    world.pools("db=1");
    let run = world.start("a: fails once, takes 1s, tries 2, pause 1m, pools db=1\nb: ok, takes 2h, pools db=1");
    world.expect(run, "a running, b queued");
    world.advance("1s");
    world.expect(run, "a retrying, b running");
    world.advance("2m1s");
    world.expect(run, "a queued, b running");
    world.advance("2h");
    world.expect(run, "a completed, b completed");
}

#[test]
fn what_is_taken_is_given_back_however_an_attempt_ends() {
    let mut world = World::new(4);
    world.pools("db=1");
    for script in [
        "main: ok, pools db=1",
        "main: fails, pools db=1",
        "main: hangs, timeout 1m, pools db=1",
        "main: hangs, stubborn, grace 1s, timeout 1m, pools db=1",
    ] {
        world.start(script);
        world.advance("2m");
        world.expect_rows(POOLS, &["db 1 0"]);
    }
    let run = world.start("main: hangs, never again, pools db=1");
    world.expect_rows(POOLS, &["db 1 1"]);
    world.crash_for("1m");
    world.expect(run, "main failed");
    world.expect_rows(POOLS, &["db 1 0"]);
    let run = world.start("main: hangs, never again, pools db=1");
    world.reboot_for("1m");
    world.expect(run, "main failed");
    let run = world.start("main: hangs, never again, pools db=1");
    world.restore();
    world.expect(run, "main failed");
    world.expect_rows(POOLS, &["db 1 0"]);
    let run = world.start("main: hangs, pools db=1");
    world.command(Command::CancelRun { run, by: "test".to_owned() }).expect("because it is live");
    world.advance("1m");
    world.expect(run, "main cancelled");
    world.expect_rows(POOLS, &["db 1 0"]);
}

#[test]
fn what_lives_through_a_restart_keeps_what_it_has_taken() {
    let mut world = World::new(5);
    world.pools("db=1");
    let run = world.start("a: ok, takes 10m, pools db=1\nb: ok, takes 1m, pools db=1");
    world.stop_for("1m");
    world.advance("2m");
    world.expect(run, "a running, b queued");
    world.expect_rows(POOLS, &["db 1 1"]);
    world.advance("8m");
    world.expect(run, "a completed, b running");
}

#[test]
fn what_was_broken_holds_its_share_until_its_process_is_gone() {
    let mut world = World::new(6);
    world.pools("db=1");
    world.submit("main: hangs, stubborn, grace 1m, pools db=1");
    world
        .poison("UPDATE definition SET body = 'mould' WHERE id = (SELECT definition_id FROM run WHERE job_id IS NULL)");
    let other = world.start("main: ok, takes 1s, pools db=1");
    world.advance("59s");
    world.expect_rows("SELECT state FROM run ORDER BY id", &["failed", "queued"]);
    world.expect_rows(POOLS, &["db 1 1"]);
    world.advance("2m");
    world.expect(other, "main completed");
    world.expect_rows(POOLS, &["db 1 0"]);
}

#[test]
fn a_pool_that_is_gone_is_waited_for_and_one_that_shrinks_interrupts_nothing() {
    let mut world = World::new(7);
    world.pools("db=2");
    let run = world.start("a: ok, takes 10m, pools db=2\nb: ok, takes 1m, pools db=1\nc: ok, takes 1m, pools db=2");
    world.pools("db=1");
    world.expect(run, "a running, b queued, c queued");
    world.expect_rows(POOLS, &["db 1 2"]);
    world.advance("10m");
    world.expect(run, "a completed, b running, c queued");
    world.pools("");
    world.expect_rows(POOLS, &["db 0 1"]);
    world.advance("1h");
    world.expect(run, "a completed, b completed, c queued");
    world.pools("db=3");
    world.expect(run, "a completed, b completed, c running");
}

#[test]
fn a_submission_that_could_never_start_is_refused() {
    let mut world = World::new(8);
    world.pools("db=2");
    for (pools, problem) in [
        ("db=3", "`db` is a pool of 2, and 3 of it are asked for"),
        ("db=1 gpu=1", "there is no pool `gpu` in the configuration"),
    ] {
        let refused = submit(&mut world, "main", 5, pools);
        assert_eq!(refused, Err(Refused::BadRequest { problem: problem.to_owned() }));
    }
    world.expect_rows("SELECT count(*) FROM run", &["0"]);
    assert!(submit(&mut world, "main", 5, "db=2").is_ok());
}

#[test]
fn priority_goes_first_until_who_is_behind_has_waited_an_hour_longer_for_each() {
    let mut world = World::new(9);
    world.pools("db=1");
    let holder = world.start("main: ok, takes 20h, pools db=1");
    for (wait, name, priority) in [("1s", "old", 9), ("7h", "young", 1), ("1h", "younger", 1), ("1m", "youngest", 2)] {
        world.advance(wait);
        submit(&mut world, name, priority, "db=1").expect("because there is such a pool");
    }
    world.advance("12h");
    world.expect(holder, "main completed");
    world.advance("1h");
    world.expect_rows(
        "SELECT name FROM task WHERE run_id IN (SELECT id FROM run WHERE job_id IS NULL) ORDER BY started_at",
        &["young", "old", "younger", "youngest"],
    );
}

/// A job of that limit, whose runs all wait for a pool that somebody holds.
fn crowded(seed: u64, rule: Option<(&str, CatchUp)>, limit: u32) -> World {
    let mut world = World::new(seed);
    world.pools("db=1");
    submit(&mut world, "holder", 5, "db=1").expect("because there is such a pool");
    world.job("crowd", rule, "main: ok, takes 1s, pools db=1");
    world.edit_job("crowd", |job| {
        job.overlap = Overlap::Allow;
        job.queue_limit = limit;
    });
    world
}

#[test]
fn a_job_has_so_many_queued_runs_and_no_more() {
    let mut world = crowded(10, None, 2);
    let refused = Err(Refused::NotAdmitted { job: "crowd".to_owned(), reason: Reason::QueueFull });
    assert!(world.start_job("crowd").is_ok());
    assert!(world.start_job("crowd").is_ok());
    assert_eq!(world.start_job("crowd"), refused);
    world.expect_rows("SELECT n_live, n_queued FROM job", &["2 2"]);
    let force = Start { job: "crowd".to_owned(), force: true, ..Start::default() };
    assert!(world.command(Command::Start(force)).is_ok(), "who insists is let in");
    world.advance("1m1s");
    world.expect_rows("SELECT n_live, n_queued FROM job", &["2 1"]);
    assert!(world.start_job("crowd").is_ok(), "one was claimed");
    assert_eq!(world.start_job("crowd"), refused);
    world.advance("1m");
    world.expect_rows("SELECT n_live, n_queued FROM job", &["0 0"]);
}

#[test]
fn due_times_say_that_the_queue_was_full() {
    let mut world = crowded(11, Some(("every 10s", CatchUp::Latest)), 2);
    world.advance("55s");
    world.expect_rows("SELECT reason, n FROM span", &["queue_full 3"]);
    world.expect_rows("SELECT count(*) FROM occurrence", &["2"]);
}

#[test]
fn what_is_caught_up_waits_for_room_in_the_queue() {
    let mut world = crowded(12, Some(("every 1h", CatchUp::All)), 2);
    submit(&mut world, "second", 1, "db=1").expect("because there is such a pool");
    world.stop_for("5h30m");
    world.advance("5h30m");
    world.expect_rows("SELECT count(*) FROM occurrence", &["2"]);
    world.advance("5m");
    world.expect_rows("SELECT count(*) FROM occurrence", &["5"]);
    world.expect_rows("SELECT count(*) FROM span", &["0"]);
}

#[test]
fn a_queued_run_that_was_broken_leaves_the_queue() {
    let mut world = crowded(13, None, 1);
    assert!(world.start_job("crowd").is_ok());
    world.poison("UPDATE run SET cause = 'mould' WHERE job_id IS NOT NULL");
    world.expect_rows("SELECT n_live, n_queued FROM job", &["1 1"]);
    world.advance("2m");
    world.expect_rows("SELECT state, outcome FROM run WHERE job_id IS NOT NULL", &["failed internal"]);
    world.expect_rows("SELECT n_live, n_queued FROM job", &["0 0"]);
}

const CROWD: &str = "SELECT state, outcome FROM run WHERE job_id IS NOT NULL ORDER BY id";
const EVENTS: &str =
    "SELECT type, json_extract(data, '$.outcome') FROM event WHERE type LIKE '%.cancelled' ORDER BY seq";

/// The same, whose runs end when nothing of them has begun for so long.
fn impatient(seed: u64, expires_after: &str) -> World {
    let mut world = crowded(seed, None, 10);
    world.edit_job("crowd", |job| job.expires_after = expires_after.parse().ok());
    world
}

#[test]
fn a_run_of_which_nothing_has_begun_in_time_ends_as_expired() {
    let mut world = impatient(14, "50s");
    let run = world.start_job("crowd").expect("because there is room");
    world.advance("49s");
    world.expect(run, "main queued");
    world.advance("1s");
    world.expect(run, "main cancelled");
    world.expect_rows(CROWD, &["cancelled expired"]);
    world.expect_rows(EVENTS, &["task.cancelled expired", "workflow.cancelled expired"]);
    world.expect_rows("SELECT n_live, n_queued FROM job", &["0 0"]);
    world.expect_rows(
        "SELECT error FROM run WHERE job_id IS NOT NULL UNION ALL SELECT error FROM task WHERE outcome = 'expired'",
        &["nothing of it had begun when it was too late", "it had not begun when it was too late"],
    );
}

#[test]
fn a_run_that_has_begun_does_not_expire() {
    let mut world = impatient(15, "61s");
    world.edit_job("crowd", |job| job.tasks[0].retry.max_attempts = 2);
    let run = world.start_job("crowd").expect("because there is room");
    world.advance("10m");
    world.expect(run, "main completed");
    let run = world.start("a: fails once, tries 2, pause 2m\nb: ok, after a");
    world.advance("10m");
    world.expect(run, "a completed, b completed");
}

#[test]
fn it_expires_by_steady_time_also_while_nobody_is_there_or_all_is_paused() {
    let mut world = impatient(16, "30m");
    submit(&mut world, "second", 1, "db=1").expect("because there is such a pool");
    world
        .command(Command::Pause { job: None, by: "test".to_owned(), note: None, until: None })
        .expect("because it goes on");
    world
        .command(Command::Resume { job: None, by: "test".to_owned(), catch_up: CatchUp::None })
        .expect("because it is paused");
    world.start_job("crowd").expect("because there is room");
    world
        .command(Command::Pause { job: None, by: "test".to_owned(), note: None, until: None })
        .expect("because it goes on");
    world.clock("2h");
    world.advance("29m59s");
    world.expect_rows(CROWD, &["queued -"]);
    world.clock("-1h");
    world.advance("1s");
    world.expect_rows(CROWD, &["cancelled expired"]);
    let mut world = impatient(17, "30m");
    world.start_job("crowd").expect("because there is room");
    world.crash_for("31m");
    world.expect_rows(CROWD, &["cancelled expired"]);
}

#[test]
fn a_run_that_expires_makes_room_for_what_is_due_in_the_same_step() {
    let mut world = crowded(18, Some(("every 10s", CatchUp::Latest)), 1);
    world.edit_job("crowd", |job| job.expires_after = "10s".parse().ok());
    world.advance("35s");
    world.expect_rows(CROWD, &["cancelled expired", "cancelled expired", "queued -"]);
    world.expect_rows("SELECT count(*) FROM span", &["0"]);
}
