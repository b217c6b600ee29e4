//! Backfills: what somebody wants run of the past, and how far that is. A run of one, the move of its cursor and the count
//! are one transaction, so no due time is run twice or left out.

use rusqlite::Row;

use super::{StoreError, Tx};
use crate::model::id::{BackfillId, JobId, RunId};
use crate::model::state::BackfillState;
use crate::model::timestamp::Timestamp;

/// A backfill's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BackfillRow {
    pub(crate) id: BackfillId,
    pub(crate) job_id: JobId,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// So many of its runs may be live at once.
    pub(crate) max_runs: u32,
    pub(crate) state: BackfillState,
    pub(crate) asked_at: Timestamp,
    pub(crate) asked_by: String,
    pub(crate) n_due: u64,
    pub(crate) n_excluded: u64,
    pub(crate) n_live: u32,
    pub(crate) n_completed: u32,
    pub(crate) n_failed: u32,
    pub(crate) n_cancelled: u32,
    /// So many due times its job's precondition was false of.
    pub(crate) n_skipped: u32,
}

/// How far a backfill is with one schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    /// What identifies the schedule within its job.
    pub(crate) key: String,
    /// Every due time at or before it has had its run.
    pub(crate) at: Timestamp,
}

const GET: &str = "
SELECT id, job_id, from_at, to_at, max_runs, state, asked_at, asked_by, n_due, n_excluded, n_live, n_completed, n_failed,
       n_cancelled, n_skipped
  FROM backfill WHERE id = ?1";
const INSERT: &str = "
INSERT INTO backfill (id, job_id, from_at, to_at, max_runs, state, asked_at, asked_by, n_due, n_excluded)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const INSERT_CURSOR: &str = "INSERT INTO backfill_schedule (backfill_id, key, cursor_at) VALUES (?1, ?2, ?3)";
const CURSORS: &str = "SELECT key, cursor_at FROM backfill_schedule WHERE backfill_id = ?1 ORDER BY key";
const MOVE: &str = "
UPDATE backfill_schedule SET cursor_at = ?4 WHERE backfill_id = ?1 AND key = ?2 AND cursor_at = ?3";
const BEGIN_RUN: &str = "UPDATE backfill SET n_live = n_live + 1 WHERE id = ?1 AND state = 'running'";
const SKIP: &str = "UPDATE backfill SET n_skipped = n_skipped + 1 WHERE id = ?1 AND state = 'running'";
const END_RUN: &str = "
UPDATE backfill
   SET n_live = n_live - 1, n_completed = n_completed + (?2 = 'completed'), n_failed = n_failed + (?2 = 'failed'),
       n_cancelled = n_cancelled + (?2 = 'cancelled')
 WHERE id = ?1 AND n_live > 0";
const STEP: &str = "
UPDATE backfill SET state = ?3, ended_at = ?4, cancelled_by = ?5, reason = ?6 WHERE id = ?1 AND state = ?2";
const OPEN: &str = "SELECT job_id, id FROM backfill WHERE ended_at IS NULL";
/// How many of a job have not ended.
pub(crate) const N_OPEN: &str = "SELECT count(*) FROM backfill WHERE job_id = ?1 AND ended_at IS NULL";
const LIVE_RUNS: &str = "SELECT id FROM run WHERE backfill_id = ?1 AND ended_at IS NULL ORDER BY id";
/// What somebody skipped of a schedule in a stretch of time, oldest first.
pub(crate) const SKIPPED: &str = "
SELECT first_due_at, last_due_at FROM span
 WHERE reason = 'by_user' AND schedule_id = (SELECT id FROM schedule WHERE job_id = ?1 AND key = ?2)
   AND last_due_at >= ?3 AND first_due_at < ?4
 ORDER BY last_due_at";
const OLDER: &str = "
SELECT id FROM backfill WHERE ended_at IS NOT NULL AND ended_at < ?1 AND n_live = 0 ORDER BY ended_at LIMIT ?2";
const DELETE_CURSORS: &str = "DELETE FROM backfill_schedule WHERE backfill_id = ?1";
const DELETE: &str = "DELETE FROM backfill WHERE id = ?1 AND ended_at IS NOT NULL";

fn read(row: &Row<'_>) -> Result<BackfillRow, StoreError> {
    let id: BackfillId = row.get(0)?;
    let state: String = row.get(5)?;
    let unreadable = || StoreError::unreadable(format!("backfill {id}"), format!("its state is `{state}`"));
    Ok(BackfillRow {
        id,
        job_id: row.get(1)?,
        from: row.get(2)?,
        to: row.get(3)?,
        max_runs: row.get(4)?,
        state: BackfillState::named(&state).ok_or_else(unreadable)?,
        asked_at: row.get(6)?,
        asked_by: row.get(7)?,
        n_due: row.get::<_, i64>(8)?.cast_unsigned(),
        n_excluded: row.get::<_, i64>(9)?.cast_unsigned(),
        n_live: row.get(10)?,
        n_completed: row.get(11)?,
        n_failed: row.get(12)?,
        n_cancelled: row.get(13)?,
        n_skipped: row.get(14)?,
    })
}

/// The backfill of that id, if there is one.
pub(crate) fn find(tx: &Tx<'_>, id: BackfillId) -> Result<Option<BackfillRow>, StoreError> {
    tx.one(GET, &[&id], read)
}

/// The backfill of that id.
pub(crate) fn get(tx: &Tx<'_>, id: BackfillId) -> Result<BackfillRow, StoreError> {
    find(tx, id)?.ok_or_else(|| StoreError::unreadable(format!("backfill {id}"), "it is missing"))
}

/// A backfill of which nothing was run yet.
pub(crate) fn insert(tx: &Tx<'_>, row: &BackfillRow, cursors: &[Cursor]) -> Result<(), StoreError> {
    tx.execute(
        INSERT,
        &[
            &row.id,
            &row.job_id,
            &row.from,
            &row.to,
            &row.max_runs,
            &row.state.as_str(),
            &row.asked_at,
            &row.asked_by,
            &row.n_due.cast_signed(),
            &row.n_excluded.cast_signed(),
        ],
    )?;
    cursors.iter().try_for_each(|cursor| tx.execute(INSERT_CURSOR, &[&row.id, &cursor.key, &cursor.at]).map(drop))
}

/// How far it is with each of its schedules.
pub(crate) fn cursors(tx: &Tx<'_>, id: BackfillId) -> Result<Vec<Cursor>, StoreError> {
    tx.all(CURSORS, &[&id], |row| Ok(Cursor { key: row.get(0)?, at: row.get(1)? }))
}

/// One more run of it is live: that of the due time `to`. The cursor moves there from the value that was read.
pub(crate) fn begin_run(tx: &Tx<'_>, id: BackfillId, from: &Cursor, to: Timestamp) -> Result<(), StoreError> {
    pass(tx, id, from, to, BEGIN_RUN)
}

/// The due time `to` has no run. The cursor moves there all the same.
pub(crate) fn skip(tx: &Tx<'_>, id: BackfillId, from: &Cursor, to: Timestamp) -> Result<(), StoreError> {
    pass(tx, id, from, to, SKIP)
}

fn pass(tx: &Tx<'_>, id: BackfillId, from: &Cursor, to: Timestamp, count: &str) -> Result<(), StoreError> {
    let n_moved = tx.execute(MOVE, &[&id, &from.key, &from.at, &to])?;
    match (n_moved, tx.execute(count, &[&id])?) {
        (1, 1) => Ok(()),
        _ => Err(StoreError::unreadable(format!("backfill {id}"), "somebody else has moved its cursor")),
    }
}

/// A run of it has ended so.
pub(crate) fn end_run(tx: &Tx<'_>, id: BackfillId, state: &str) -> Result<(), StoreError> {
    match tx.execute(END_RUN, &[&id, &state])? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("backfill {id}"), "a run of it has ended that it did not count")),
    }
}

/// How many backfills of the job have not ended.
pub(crate) fn n_open(tx: &Tx<'_>, job: JobId) -> Result<u32, StoreError> {
    Ok(tx.one(N_OPEN, &[&job], |row| Ok(row.get(0)?))?.unwrap_or(0))
}

/// Ends a backfill that is still in the state it comes from; by whom, if it was cancelled.
pub(crate) fn step(
    tx: &Tx<'_>,
    from: BackfillState,
    row: &BackfillRow,
    now: Timestamp,
    (cancelled_by, reason): (Option<&str>, Option<&str>),
) -> Result<(), StoreError> {
    match tx.execute(STEP, &[&row.id, &from.as_str(), &row.state.as_str(), &now, &cancelled_by, &reason])? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("backfill {}", row.id), "its state is not what was read")),
    }
}

/// Every backfill that has not ended, and its job.
pub(crate) fn open(tx: &Tx<'_>) -> Result<Vec<(JobId, BackfillId)>, StoreError> {
    tx.all(OPEN, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Its runs that have not ended, oldest first.
pub(crate) fn live_runs(tx: &Tx<'_>, id: BackfillId) -> Result<Vec<RunId>, StoreError> {
    tx.all(LIVE_RUNS, &[&id], |row| Ok(row.get(0)?))
}

/// The stretches of the schedule's due times in [from, to), ends included, that somebody skipped, oldest first.
pub(crate) fn skipped(
    tx: &Tx<'_>,
    job: JobId,
    key: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
    tx.all(SKIPPED, &[&job, &key, &from, &to], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Forgets at most `limit` backfills that ended before `before`, and says how many.
pub(crate) fn prune(tx: &Tx<'_>, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
    let ids: Vec<BackfillId> = tx.all(OLDER, &[&before, &limit], |row| Ok(row.get(0)?))?;
    for id in &ids {
        tx.execute(DELETE_CURSORS, &[id])?;
        tx.execute(DELETE, &[id])?;
    }
    Ok(ids.len())
}
