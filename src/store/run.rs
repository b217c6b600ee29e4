//! Runs: one execution of a job revision each.

use rusqlite::Row;

use super::{StoreError, Tx};
use crate::model::id::{BackfillId, DefinitionId, JobId, RunId};
use crate::model::outcome::Cause;
use crate::model::state::RunState;
use crate::model::timestamp::{Steady, Timestamp};

/// A run's row.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct RunRow {
    pub(crate) id: RunId,
    pub(crate) job_id: Option<JobId>,
    pub(crate) revision: Option<i64>,
    pub(crate) definition_id: DefinitionId,
    pub(crate) number: Option<i64>,
    pub(crate) cause: Cause,
    pub(crate) scheduled_at: Option<Timestamp>,
    /// The zone of the schedule that it is due by.
    pub(crate) timezone: Option<String>,
    pub(crate) state: RunState,
    pub(crate) is_cancelled: bool,
    /// It was cancelled without grace.
    pub(crate) is_killed: bool,
    /// It exists and is not let in yet: nothing of it may start, and it is not live.
    pub(crate) is_held: bool,
    /// It was let in past the gate.
    pub(crate) is_forced: bool,
    /// Its due time was missed.
    pub(crate) is_caught_up: bool,
    /// The backfill that it is of.
    pub(crate) backfill: Option<BackfillId>,
    pub(crate) priority: u8,
    pub(crate) queued_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    /// JSON: the values of its parameters.
    pub(crate) params: Option<String>,
    /// When it ends if nothing of it has begun.
    pub(crate) expires: Option<Steady>,
}

fn read(row: &Row<'_>) -> Result<RunRow, StoreError> {
    let id: RunId = row.get(0)?;
    let unreadable = |why: &dyn std::fmt::Display| StoreError::unreadable(format!("run {id}"), why);
    let cause: String = row.get(5)?;
    let state: String = row.get(8)?;
    let outcome: Option<String> = row.get(9)?;
    Ok(RunRow {
        id,
        job_id: row.get(1)?,
        revision: row.get(2)?,
        definition_id: row.get(3)?,
        number: row.get(4)?,
        cause: cause.parse().map_err(|error| unreadable(&error))?,
        scheduled_at: row.get(6)?,
        timezone: row.get(7)?,
        state: read_state(&state, outcome.as_deref()).ok_or_else(|| unreadable(&format!("its state is `{state}`")))?,
        is_cancelled: row.get(10)?,
        is_killed: row.get(15)?,
        is_held: row.get(16)?,
        is_forced: row.get(17)?,
        is_caught_up: row.get(19)?,
        backfill: row.get(20)?,
        priority: row.get(11)?,
        queued_at: row.get(12)?,
        started_at: row.get(13)?,
        params: row.get(14)?,
        expires: row.get(18)?,
    })
}

fn read_state(state: &str, outcome: Option<&str>) -> Option<RunState> {
    let outcome = || outcome?.parse().ok();
    match state {
        "queued" => Some(RunState::Queued),
        "waiting" => Some(RunState::Waiting),
        "running" => Some(RunState::Running),
        "compensating" => Some(RunState::Compensating),
        "completed" => Some(RunState::Completed),
        "failed" => outcome().map(RunState::Failed),
        "cancelled" => outcome().map(RunState::Cancelled),
        _ => None,
    }
}

const GET: &str = "
SELECT id, job_id, revision, definition_id, number, cause, scheduled_at, timezone, state, outcome,
       cancelled_by IS NOT NULL, priority, queued_at, started_at, params, killed, held, forced, expires_steady,
       caught_up, backfill_id
  FROM run WHERE id = ?1";
const INSERT: &str = "
INSERT INTO run (id, job_id, revision, definition_id, number, cause, scheduled_at, timezone, state, priority, queued_at,
                 params, held, forced, expires_steady, caught_up, backfill_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
const STEP: &str = "
UPDATE run SET state = ?3, outcome = ?4, started_at = coalesce(started_at, ?5), ended_at = ?6, error = ?7
 WHERE id = ?1 AND state = ?2";
const LEAVE: &str = "UPDATE run SET output = ?2, outputs = ?3 WHERE id = ?1 AND ended_at IS NULL";
const CANCEL: &str = "
UPDATE run SET cancelled_by = coalesce(cancelled_by, ?2), killed = max(killed, ?3) WHERE id = ?1 AND ended_at IS NULL";
const RELEASE: &str = "UPDATE run SET held = 0 WHERE id = ?1 AND held = 1 AND ended_at IS NULL";
const N_CAUGHT_UP: &str = "SELECT count(*) FROM run WHERE caught_up = 1 AND ended_at IS NULL";
const EXPIRING: &str = "
SELECT expires_steady, id FROM run WHERE expires_steady IS NOT NULL AND started_at IS NULL AND ended_at IS NULL";
const IS_QUEUED: &str = "SELECT state = 'queued' FROM run WHERE id = ?1";
const BREAK: &str = "
UPDATE run SET state = 'failed', outcome = 'internal', ended_at = ?2, error = ?3
 WHERE id = ?1 AND ended_at IS NULL RETURNING job_id, held, caught_up, backfill_id";
const QUEUED_OF_JOB: &str = "
SELECT id FROM run WHERE job_id = ?1 AND state = 'queued' AND ended_at IS NULL ORDER BY number";
const HELD_OF_JOB: &str = "
SELECT id FROM run WHERE job_id = ?1 AND held = 1 AND ended_at IS NULL ORDER BY number LIMIT ?2";
const LIVE_OF_JOB: &str = "
SELECT id FROM run WHERE job_id = ?1 AND held = 0 AND ended_at IS NULL ORDER BY number LIMIT ?2";
const OLDER: &str = "
SELECT id FROM run WHERE state = ?1 AND ended_at IS NOT NULL AND ended_at < ?2 ORDER BY ended_at LIMIT ?3";
const DELETE: &str = "DELETE FROM run WHERE id = ?1 AND ended_at IS NOT NULL";

/// The run of that id, if there is one.
pub(crate) fn find(tx: &Tx<'_>, id: RunId) -> Result<Option<RunRow>, StoreError> {
    tx.one(GET, &[&id], read)
}

/// The run of that id.
pub(crate) fn get(tx: &Tx<'_>, id: RunId) -> Result<RunRow, StoreError> {
    find(tx, id)?.ok_or_else(|| StoreError::unreadable(format!("run {id}"), "it is missing"))
}

/// New runs.
pub(crate) fn insert(tx: &Tx<'_>, runs: &[RunRow]) -> Result<(), StoreError> {
    for run in runs {
        tx.execute(
            INSERT,
            &[
                &run.id,
                &run.job_id,
                &run.revision,
                &run.definition_id,
                &run.number,
                &run.cause.as_str(),
                &run.scheduled_at,
                &run.timezone,
                &run.state.as_str(),
                &run.priority,
                &run.queued_at,
                &run.params,
                &run.is_held,
                &run.is_forced,
                &run.expires,
                &run.is_caught_up,
                &run.backfill,
            ],
        )?;
    }
    Ok(())
}

/// A run's change of state.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) id: RunId,
    pub(crate) from: RunState,
    pub(crate) to: RunState,
    pub(crate) at: Timestamp,
    pub(crate) error: Option<&'a str>,
}

/// Changes the state of a run that is still in the state it comes from.
pub(crate) fn step(tx: &Tx<'_>, change: &Change<'_>) -> Result<(), StoreError> {
    let outcome = change.to.outcome();
    let started_at = matches!(change.to, RunState::Running).then_some(change.at);
    let ended_at = outcome.map(|_| change.at);
    let outcome = outcome.map(|outcome| outcome.as_str());
    let values: &[&dyn rusqlite::ToSql] =
        &[&change.id, &change.from.as_str(), &change.to.as_str(), &outcome, &started_at, &ended_at, &change.error];
    match tx.execute(STEP, values)? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("run {}", change.id), "its state is not what was read")),
    }
}

/// Records what a run leaves, right before it ends: what it wrote, and JSON of its named values.
pub(crate) fn leave(tx: &Tx<'_>, id: RunId, output: Option<&str>, outputs: Option<&str>) -> Result<(), StoreError> {
    tx.execute(LEAVE, &[&id, &output, &outputs]).map(drop)
}

/// Remembers who was the first to want the run ended, and whether anybody wants it without grace.
pub(crate) fn cancel(tx: &Tx<'_>, id: RunId, by: &str, at_once: bool) -> Result<(), StoreError> {
    tx.execute(CANCEL, &[&id, &by, &at_once]).map(drop)
}

/// How many runs of missed due times have not ended.
pub(crate) fn n_caught_up(tx: &Tx<'_>) -> Result<u32, StoreError> {
    Ok(tx.one(N_CAUGHT_UP, &[], |row| Ok(row.get(0)?))?.unwrap_or(0))
}

/// Every run that ends if nothing of it begins, and when.
pub(crate) fn expiring(tx: &Tx<'_>) -> Result<Vec<(Steady, RunId)>, StoreError> {
    tx.all(EXPIRING, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Whether nothing of the run was claimed, even if nothing else of it can be read.
pub(crate) fn is_queued(tx: &Tx<'_>, id: RunId) -> Result<bool, StoreError> {
    Ok(tx.one(IS_QUEUED, &[&id], |row| Ok(row.get(0)?))?.unwrap_or(false))
}

/// Lets in a run that is held.
pub(crate) fn release(tx: &Tx<'_>, id: RunId) -> Result<(), StoreError> {
    match tx.execute(RELEASE, &[&id])? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("run {id}"), "it is not held")),
    }
}

/// What is known of a run that was broken, whatever else of it can be read.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) job: Option<JobId>,
    pub(crate) was_held: bool,
    pub(crate) was_caught_up: bool,
    pub(crate) backfill: Option<BackfillId>,
}

/// Fails a run that has not ended, whatever its state; nothing if it had ended.
pub(crate) fn break_one(tx: &Tx<'_>, id: RunId, at: Timestamp, why: &str) -> Result<Option<Broken>, StoreError> {
    tx.one(BREAK, &[&id, &at, &why], |row| {
        Ok(Broken { job: row.get(0)?, was_held: row.get(1)?, was_caught_up: row.get(2)?, backfill: row.get(3)? })
    })
}

/// The job's runs that nothing was claimed of.
pub(crate) fn queued_of_job(tx: &Tx<'_>, job: JobId) -> Result<Vec<RunId>, StoreError> {
    tx.all(QUEUED_OF_JOB, &[&job], |row| Ok(row.get(0)?))
}

/// The first `limit` of the job's runs that are held.
pub(crate) fn held_of_job(tx: &Tx<'_>, job: JobId, limit: u32) -> Result<Vec<RunId>, StoreError> {
    tx.all(HELD_OF_JOB, &[&job, &limit], |row| Ok(row.get(0)?))
}

/// The first `limit` of the job's runs that are live.
pub(crate) fn live_of_job(tx: &Tx<'_>, job: JobId, limit: u32) -> Result<Vec<RunId>, StoreError> {
    tx.all(LIVE_OF_JOB, &[&job, &limit], |row| Ok(row.get(0)?))
}

/// The oldest `limit` runs that ended in `state` before `before`.
pub(crate) fn older(tx: &Tx<'_>, state: &str, before: Timestamp, limit: i64) -> Result<Vec<RunId>, StoreError> {
    tx.all(OLDER, &[&state, &before, &limit], |row| Ok(row.get(0)?))
}

/// Forgets ended runs; their tasks are deleted by `task::delete`.
pub(crate) fn delete(tx: &Tx<'_>, ids: &[RunId]) -> Result<(), StoreError> {
    ids.iter().try_for_each(|id| tx.execute(DELETE, &[id]).map(drop))
}
