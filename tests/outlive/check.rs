//! Holds the store to what the tasks wrote themselves, attempt by attempt.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OpenFlags};

use crate::world::World;

/// How long after the end of a process its runner has surely seen it, in seconds.
const SEEN_WITHIN: f64 = 1.0;

/// What one process wrote.
#[derive(Debug, Default)]
struct Record {
    runner: String,
    started_at: f64,
    /// When it last said anything.
    last_at: f64,
    /// With which code it was about to exit.
    code: Option<i64>,
}

/// An attempt as the store has it: its number, how it ended and with which code.
type Stored = (u64, String, Option<i64>);

/// What it came to, in words; panics where the two do not agree.
pub(crate) fn agree(world: &World, acknowledged: &[String]) -> String {
    let records = records(&std::fs::read_to_string(world.path("truth")).unwrap());
    let stored = stored(world);
    let mut alive: BTreeMap<&str, f64> = BTreeMap::new();
    for record in records.values().flat_map(BTreeMap::values) {
        let last = alive.entry(&record.runner).or_default();
        *last = last.max(record.started_at);
    }
    for run in acknowledged {
        assert!(stored.contains_key(run), "run {run} was acknowledged and is lost");
    }
    for run in records.keys() {
        assert!(stored.contains_key(run), "a process of run {run}, which the store does not know");
    }
    let (mut n_attempts, mut n_known, mut n_unseen) = (0, 0, 0);
    for (run, attempts) in &stored {
        let nothing = BTreeMap::new();
        let records = records.get(run).unwrap_or(&nothing);
        never_two_at_once(run, records);
        for (number, exit, code) in attempts {
            n_attempts += 1;
            let record = records.get(number);
            match (exit.as_str(), record) {
                ("code", Some(record)) => {
                    assert_eq!(record.code, *code, "run {run}, attempt {number}: {record:?}");
                    n_known += 1;
                }
                // It was killed, or nobody was there to see it end: whoever started it was killed about then.
                ("lost", Some(record)) if record.code.is_some() => {
                    let last = alive[record.runner.as_str()];
                    assert!(
                        last < record.last_at + SEEN_WITHIN,
                        "run {run}, attempt {number}: its exit was there to be seen by a runner that lived until {last}: {record:?}"
                    );
                    n_unseen += 1;
                }
                ("lost", _) => {}
                _ => panic!("run {run}, attempt {number} ended by {exit} ({code:?}), and its process says {record:?}"),
            }
        }
        let numbers: BTreeSet<u64> = attempts.iter().map(|(number, _, _)| *number).collect();
        assert!(records.keys().all(|number| numbers.contains(number)), "run {run}: {records:?}, stored {attempts:?}");
        ends(run, attempts);
    }
    let n_runners = alive.len();
    format!(
        "{} runs, {n_attempts} attempts, {n_known} real exits, {n_unseen} that nobody could see, {n_runners} runners",
        stored.len()
    )
}

/// The run has ended as its last attempt did; only what was interrupted was tried again, at most three times.
fn ends(run: &str, attempts: &[Stored]) {
    let (last, before) = attempts.split_last().unwrap_or_else(|| panic!("run {run} has ended without an attempt"));
    assert!(before.iter().all(|(_, exit, _)| exit == "lost"), "run {run}: {attempts:?}");
    assert!(last.1 == "code" || attempts.len() == 4, "run {run}: {attempts:?}");
}

/// No process says anything after the next attempt has started.
fn never_two_at_once(run: &str, records: &BTreeMap<u64, Record>) {
    for (before, after) in records.values().zip(records.values().skip(1)) {
        assert!(before.last_at < after.started_at, "run {run}: two attempts at once: {records:?}");
    }
}

fn records(truth: &str) -> BTreeMap<String, BTreeMap<u64, Record>> {
    let mut records: BTreeMap<String, BTreeMap<u64, Record>> = BTreeMap::new();
    for line in truth.lines() {
        let [at, what, run, attempt, launch, value]: [&str; 6] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{line:?}"));
        let (at, number): (f64, u64) = (at.parse().unwrap(), attempt.parse().unwrap());
        let of_run = records.entry(run.to_owned()).or_default();
        let record = of_run.entry(number).or_default();
        record.last_at = at;
        match what {
            "start" => {
                assert!(record.runner.is_empty(), "attempt {number} of run {run} was started twice");
                record.runner = launch.split_once('/').unwrap().0.to_owned();
                record.started_at = at;
            }
            "end" => record.code = Some(value.parse().unwrap()),
            _ => {}
        }
    }
    records
}

/// Every run of the store with its attempts; all have ended.
fn stored(world: &World) -> BTreeMap<String, Vec<Stored>> {
    let path = world.path("state/campanile.db");
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut select = store
        .prepare(
            "SELECT hex(run.id), attempt.number, attempt.exit, attempt.exit_code, run.ended_at, attempt.state
               FROM run JOIN task ON task.run_id = run.id LEFT JOIN attempt ON attempt.task_id = task.id
              ORDER BY run.id, attempt.number",
        )
        .unwrap();
    let mut rows = select.query([]).unwrap();
    let mut runs: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let hex: String = row.get::<_, String>(0).unwrap().to_lowercase();
        let id = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        assert!(row.get::<_, Option<i64>>(4).unwrap().is_some(), "run {id} has not ended");
        assert_eq!(row.get::<_, Option<String>>(5).unwrap().as_deref(), Some("ended"), "run {id}");
        let attempt = (u64::from(row.get::<_, u32>(1).unwrap()), row.get(2).unwrap(), row.get(3).unwrap());
        runs.entry(id).or_default().push(attempt);
    }
    runs
}
