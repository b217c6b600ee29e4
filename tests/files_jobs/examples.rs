//! The examples in `jobs.d` are good, and each shows what it is there for.

use std::path::Path;

use campanile::files::{self, Zones};
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;

#[test]
fn every_example_loads_without_problem_or_warning() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs.d");
    let tzdb = Tzdb::bundled();
    let zones = Zones { tzdb: &tzdb, default: "UTC" };
    let found = files::load(&[dir], zones, Timestamp::from_micros(super::NOW_US));
    assert_eq!(found.invalid, []);
    let shown: Vec<_> = found
        .jobs
        .iter()
        .map(|job| {
            assert_eq!(job.warnings, [], "{}", job.name);
            let of = &job.definition;
            format!(
                "{}: {} schedules, {} tasks, {} hooks",
                job.name,
                of.schedules.len(),
                of.tasks.len(),
                of.hooks.len()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "failing: 0 schedules, 1 tasks, 1 hooks",
            "flaky: 0 schedules, 1 tasks, 0 hooks",
            "health: 0 schedules, 1 tasks, 0 hooks",
            "heartbeat: 1 schedules, 1 tasks, 0 hooks",
            "monthly: 1 schedules, 1 tasks, 0 hooks",
            "morning: 1 schedules, 1 tasks, 0 hooks",
            "once: 1 schedules, 1 tasks, 0 hooks",
            "pipeline: 1 schedules, 3 tasks, 0 hooks",
        ]
    );
}
