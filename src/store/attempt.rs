//! Attempts: one try at a task each, named by its launch number, immutable once ended.

use super::task::read_pools;
use super::{StoreError, Tx};
use crate::model::definition::Pools;
use crate::model::exit::{Exit, ExitKind, StopReason, Usage};
use crate::model::id::{Launch, RunId, TaskId};
use crate::model::state::AttemptState;
use crate::model::timestamp::Timestamp;

const INSERT: &str = "
INSERT INTO attempt (launch, task_id, number, state, claimed_at, is_call) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_DONE: &str = "
INSERT INTO attempt (launch, task_id, number, state, claimed_at, started_at, ended_at, exit, exit_code)
VALUES (?1, ?2, ?3, 'ended', ?4, ?4, ?4, 'code', 0)";
const START: &str = "UPDATE attempt SET state = 'running', started_at = ?2 WHERE launch = ?1 AND state = 'starting'";
const END: &str = "
UPDATE attempt
   SET state = 'ended', started_at = coalesce(?2, started_at), ended_at = ?3, exit = ?4, exit_code = ?5, log_path = ?6,
       n_log_bytes = ?7, n_dropped = ?8, n_leftovers = ?9, error = ?10, cpu_us = ?11, peak_memory_bytes = ?12, peak_pids = ?13
 WHERE launch = ?1 AND state <> 'ended'";
const LIVE: &str = "
SELECT attempt.launch, attempt.task_id, task.run_id, attempt.state, attempt.is_call, task.pools
  FROM attempt JOIN task ON task.id = attempt.task_id WHERE attempt.state <> 'ended'";
const LOGS_OF_RUN: &str = "
SELECT attempt.log_path FROM task JOIN attempt ON attempt.task_id = task.id
 WHERE task.run_id = ?1 AND attempt.log_path IS NOT NULL";
const DELETE_OF_RUN: &str = "DELETE FROM attempt WHERE task_id IN (SELECT id FROM task WHERE run_id = ?1)";

/// A new attempt.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) launch: Launch,
    pub(crate) task: TaskId,
    pub(crate) number: u32,
    /// It is a request that the daemon makes, and no process of the runner.
    pub(crate) is_call: bool,
}

/// Records claims. That no task has two live attempts is an index of the table.
pub(crate) fn claim(tx: &Tx<'_>, claims: &[Claim], now: Timestamp) -> Result<(), StoreError> {
    claims.iter().try_for_each(|claim| {
        let starting = AttemptState::Starting.as_str();
        tx.execute(INSERT, &[&claim.launch, &claim.task, &claim.number, &starting, &now, &claim.is_call]).map(drop)
    })
}

/// Records attempts that needed no process: claimed, started and ended with success at once.
pub(crate) fn done(tx: &Tx<'_>, claims: &[Claim], now: Timestamp) -> Result<(), StoreError> {
    claims
        .iter()
        .try_for_each(|claim| tx.execute(INSERT_DONE, &[&claim.launch, &claim.task, &claim.number, &now]).map(drop))
}

/// The attempt's process exists; `false` if it was known, or has ended.
pub(crate) fn start(tx: &Tx<'_>, launch: Launch, at: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(START, &[&launch, &at])? == 1)
}

/// How an end is written: its word, and its code if it has one.
pub(crate) fn written(kind: ExitKind) -> (&'static str, Option<i32>) {
    match kind {
        ExitKind::Code(code) => ("code", Some(code)),
        ExitKind::Signal(signal) => ("signal", Some(signal)),
        ExitKind::Timeout => ("timeout", None),
        ExitKind::Stopped(StopReason::Cancel) => ("cancelled", None),
        ExitKind::Stopped(StopReason::Drain) => ("drained", None),
        ExitKind::Lost => ("lost", None),
        ExitKind::NotStarted => ("not_started", None),
        ExitKind::Status(status) => ("status", Some(i32::from(status))),
        ExitKind::Unreached => ("unreached", None),
        ExitKind::Unanswered => ("unanswered", None),
        ExitKind::Invalid => ("invalid", None),
    }
}

/// Records how the attempt ended; `false` if it had ended before.
pub(crate) fn end(tx: &Tx<'_>, launch: Launch, exit: &Exit) -> Result<bool, StoreError> {
    let (kind, code) = written(exit.kind);
    let log = exit.log.as_ref();
    let bytes = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let used = |part: fn(&Usage) -> Option<u64>| exit.usage.as_ref().and_then(part).map(bytes);
    let values: &[&dyn rusqlite::ToSql] = &[
        &launch,
        &exit.started_at,
        &exit.ended_at,
        &kind,
        &code,
        &log.map(|log| log.path.as_str()),
        &log.map(|log| bytes(log.n_bytes)),
        &log.map(|log| bytes(log.n_dropped)),
        &exit.n_leftovers,
        &exit.error,
        &used(|usage| usage.cpu_us),
        &used(|usage| usage.peak_memory_bytes),
        &used(|usage| usage.peak_pids),
    ];
    Ok(tx.execute(END, values)? == 1)
}

/// A live attempt.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) launch: Launch,
    pub(crate) task: TaskId,
    pub(crate) run: RunId,
    pub(crate) has_started: bool,
    pub(crate) is_call: bool,
    /// What it has taken.
    pub(crate) pools: Pools,
}

/// Every live attempt.
pub(crate) fn live(tx: &Tx<'_>) -> Result<Vec<Live>, StoreError> {
    tx.all(LIVE, &[], |row| {
        let state: String = row.get(3)?;
        let task: TaskId = row.get(1)?;
        Ok(Live {
            launch: row.get(0)?,
            task,
            run: row.get(2)?,
            has_started: state == AttemptState::Running.as_str(),
            is_call: row.get(4)?,
            pools: read_pools(row, 5, task)?,
        })
    })
}

/// The logs of a run's attempts.
pub(crate) fn logs_of_run(tx: &Tx<'_>, run: RunId) -> Result<Vec<String>, StoreError> {
    tx.all(LOGS_OF_RUN, &[&run], |row| Ok(row.get(0)?))
}

/// Forgets the attempts of runs; before their tasks.
pub(crate) fn delete(tx: &Tx<'_>, runs: &[RunId]) -> Result<(), StoreError> {
    runs.iter().try_for_each(|run| tx.execute(DELETE_OF_RUN, &[run]).map(drop))
}

#[cfg(test)]
mod tests {
    use super::super::{Store, Synchronous};
    use super::*;

    const USED: &str = "SELECT cpu_us, peak_memory_bytes, peak_pids FROM attempt WHERE launch = ?1";

    #[test]
    fn what_an_attempt_has_used_is_kept_with_it_as_far_as_it_was_counted() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut store = Store::open(&folder.path().join("campanile.db"), Synchronous::Full).expect("it opens");
        let tx = store.begin().expect("it begins");
        let now = Timestamp::from_micros(0);
        for (launch, usage, expected) in [
            (1, None, [None; 3]),
            (2, Some(Usage::default()), [None; 3]),
            (
                3,
                Some(Usage { cpu_us: Some(5), peak_memory_bytes: Some(1 << 40), peak_pids: Some(2) }),
                [Some(5), Some(1 << 40), Some(2)],
            ),
            (4, Some(Usage { peak_memory_bytes: Some(u64::MAX), ..Usage::default() }), [None, Some(i64::MAX), None]),
        ] {
            let launch = Launch(launch);
            let task = TaskId::from_bytes([u8::try_from(launch.0).expect("because it is small"); 16]);
            claim(&tx, &[Claim { launch, task, number: 1, is_call: false }], now).expect("it is claimed");
            let exit = Exit { usage, ..Exit::bare(ExitKind::Code(0), now) };
            assert!(end(&tx, launch, &exit).expect("it ends"));
            let again = Exit { usage: Some(Usage { cpu_us: Some(9), ..Usage::default() }), ..exit };
            assert!(!end(&tx, launch, &again).expect("it has ended"), "and what it has used does not change");
            let read = tx.one(USED, &[&launch], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]));
            assert_eq!(read.expect("it is read"), Some(expected));
        }
    }
}
