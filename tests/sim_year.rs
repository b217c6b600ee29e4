//! A job that is blocked for long leaves a handful of rows, however often it is due. A day here; `just year` has a year.

use campanile::model::definition::{Schedule, Timing};
use campanile::model::timestamp::Timestamp;
use campanile::sim::World;

#[expect(dead_code, reason = "others draw chances")]
#[path = "world/chance.rs"]
mod chance;

#[test]
fn a_job_that_is_due_every_second_and_blocked_leaves_one_run_and_one_span() {
    let days = chance::told("CAMPANILE_SIM_DAYS").unwrap_or(1);
    let period = "1s".parse().expect("because it is a length of time");
    let every_second = Timing::Every { period, anchor: Timestamp::default() };
    let mut world = World::new(1);
    world.due_job("job", Some(Schedule::new(every_second, "UTC")), "main: hangs");
    world.advance(&format!("{days}d"));
    world.expect_rows("SELECT count(*) FROM run", &["1"]);
    let n_skipped = days * 86_400 - 1;
    world.expect_rows("SELECT reason, n FROM span", &[&format!("overlap {n_skipped}")]);
    // Events are kept for a while only.
    world.expect_rows("SELECT count(*) <= 1 FROM event WHERE type = 'occurrence.skipped'", &["1"]);
    world.expect_rows("SELECT count(*) < 20 FROM event", &["1"]);
}
