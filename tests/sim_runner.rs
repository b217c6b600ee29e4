//! What Campanile promises of processes when the daemon, the runner and the connection between them come and go, told as
//! small worlds.

use campanile::sim::World;

const ATTEMPTS: &str = "
SELECT task.name, count(*), task.state, task.outcome FROM task JOIN attempt ON attempt.task_id = task.id
 GROUP BY task.id ORDER BY task.ordinal";

#[test]
fn a_process_outlives_the_daemon_and_the_connection() {
    let mut world = World::new(50);
    let run = world.start("a: ok, takes 10m");
    world.advance("1m");
    world.stop_for("2m");
    world.advance("3m");
    world.break_connection();
    world.advance("1m");
    world.expect(run, "a running");
    world.advance("5m");
    world.expect(run, "a completed");
    world.expect_rows(ATTEMPTS, &["a 1 completed success"]);
}

#[test]
fn an_exit_that_nobody_was_there_to_hear_is_the_one_that_counts() {
    let mut world = World::new(51);
    let run = world.start("a: fails, exit 3, takes 1m");
    world.stop_for("1h");
    world.advance("30m");
    world.lose_runner_for("10m");
    world.advance("29m");
    world.expect(run, "a running");
    world.advance("2m");
    world.expect(run, "a failed");
    world.expect_rows("SELECT exit, exit_code FROM attempt", &["code 3"]);
}

#[test]
fn a_runner_that_died_is_followed_by_one_that_kills_what_is_left() {
    let mut world = World::new(52);
    let run = world.start("a: ok, takes 10m, stubborn\nb: ok, takes 10m, never again");
    world.advance("1m");
    world.lose_runner_for("5m");
    world.advance("4m59s");
    world.expect(run, "a running, b running");
    world.advance("3s");
    world.expect(run, "a running, b failed");
    world.expect_rows(ATTEMPTS, &["a 2 running -", "b 1 failed interrupted"]);
}

#[test]
fn nothing_is_claimed_while_there_is_no_runner() {
    let mut world = World::new(53);
    world.lose_runner_for("1h");
    let run = world.submit("a: ok");
    world.advance("59m");
    world.expect(run, "a queued");
    world.advance("2m");
    world.expect(run, "a completed");
}

#[test]
fn a_timeout_that_passed_while_the_runner_was_stopped_is_enforced_when_it_goes_on() {
    let mut world = World::new(54);
    let run = world.start("a: hangs, stubborn, timeout 1m, grace 10s");
    world.advance("30s");
    world.stop_runner_for("1h");
    world.advance("59m59s");
    world.expect(run, "a running");
    world.advance("10s");
    world.expect(run, "a running");
    world.advance("2s");
    world.expect(run, "a failed");
    world.expect_rows("SELECT exit FROM attempt", &["timeout"]);
}

#[test]
fn what_a_restored_store_does_not_know_has_its_grace_and_nothing_is_claimed_meanwhile() {
    let mut world = World::new(55);
    let run = world.start("a: hangs, stubborn, grace 30s");
    world.restore();
    world.advance("29s");
    world.expect(run, "a queued");
    world.advance("2s");
    world.expect(run, "a running");
    world.expect_rows(ATTEMPTS, &["a 2 running -"]);
}

#[test]
fn a_start_that_is_told_after_its_run_was_broken_changes_nothing_and_its_process_is_stopped() {
    let mut world = World::new(56);
    let run = world.submit("a: hangs");
    // It lives, and nobody was told yet.
    world.expect_rows("SELECT state FROM attempt", &["starting"]);
    world.poison("UPDATE definition SET body = 'mould'");
    world.advance("2m");
    world.expect(run, "a failed");
    world.expect_rows("SELECT state, exit FROM attempt", &["ended cancelled"]);
    world.expect_rows("SELECT count(*) FROM event WHERE type = 'task.started'", &["0"]);
}
