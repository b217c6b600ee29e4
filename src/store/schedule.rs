//! Schedules and their cursors. A row is never deleted: its cursor, not its occurrences, forbids a second firing.

use rusqlite::Row;

use super::{StoreError, Tx};
use crate::model::definition::{Schedule, canonical, from_canonical};
use crate::model::id::{JobId, ScheduleId};
use crate::model::timestamp::Timestamp;

/// A schedule's row.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ScheduleRow {
    pub(crate) id: ScheduleId,
    pub(crate) job_id: JobId,
    pub(crate) key: String,
    pub(crate) schedule: Schedule,
    /// Every due time up to here has its answer, but for those of the backlog.
    pub(crate) cursor_at: Timestamp,
    pub(crate) next_at: Option<Timestamp>,
    /// The newest due time that started a run.
    pub(crate) last_at: Option<Timestamp>,
    /// Due times in (after, until] wait to be caught up.
    pub(crate) backlog: Option<(Timestamp, Timestamp)>,
    pub(crate) is_retired: bool,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, job_id, key, body, cursor_at, next_at, last_at, backlog_after, backlog_until, \
             retired_at IS NOT NULL FROM schedule ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<ScheduleRow, StoreError> {
    let id: ScheduleId = row.get(0)?;
    let body: String = row.get(3)?;
    let schedule = from_canonical(&body).map_err(|error| StoreError::unreadable(format!("schedule {id}"), error))?;
    let after: Option<Timestamp> = row.get(7)?;
    let until: Option<Timestamp> = row.get(8)?;
    Ok(ScheduleRow {
        id,
        job_id: row.get(1)?,
        key: row.get(2)?,
        schedule,
        cursor_at: row.get(4)?,
        next_at: row.get(5)?,
        last_at: row.get(6)?,
        backlog: after.zip(until),
        is_retired: row.get(9)?,
    })
}

const GET: &str = select!("WHERE id = ?1");
const OF_JOB: &str = select!("WHERE job_id = ?1 ORDER BY id");
const AHEAD: &str = "SELECT id FROM schedule WHERE retired_at IS NULL AND (cursor_at > ?1 OR backlog_until > ?1)";
const IDLE: &str = "
SELECT id FROM schedule WHERE job_id = ?1 AND next_at IS NULL AND retired_at IS NULL ORDER BY id";
const DUE: &str = "SELECT id, job_id, next_at, backlog_until IS NOT NULL FROM schedule WHERE retired_at IS NULL";
const INSERT: &str = "
INSERT INTO schedule (job_id, key, body, first_at, cursor_at) VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id";
const REVISE: &str = "UPDATE schedule SET body = ?2 WHERE id = ?1";
const REVIVE: &str = "
UPDATE schedule SET body = ?2, cursor_at = max(cursor_at, ?3), retired_at = NULL WHERE id = ?1";
const RETIRE: &str = "
UPDATE schedule SET retired_at = ?2, next_at = NULL, backlog_after = NULL, backlog_until = NULL WHERE id = ?1";
const MOVE: &str = "
UPDATE schedule SET cursor_at = ?3, next_at = ?4, last_at = ?5, backlog_after = ?6, backlog_until = ?7
 WHERE id = ?1 AND cursor_at = ?2";

/// The schedule of that id.
pub(crate) fn get(tx: &Tx<'_>, id: ScheduleId) -> Result<ScheduleRow, StoreError> {
    tx.one(GET, &[&id], read)?.ok_or_else(|| StoreError::unreadable(format!("schedule {id}"), "it is missing"))
}

/// The job's schedules, retired ones included.
pub(crate) fn of_job(tx: &Tx<'_>, job: JobId) -> Result<Vec<ScheduleRow>, StoreError> {
    tx.all(OF_JOB, &[&job], read)
}

/// The job's schedules in force that are due at no time.
pub(crate) fn idle_of_job(tx: &Tx<'_>, job: JobId) -> Result<Vec<ScheduleId>, StoreError> {
    tx.all(IDLE, &[&job], |row| Ok(row.get(0)?))
}

/// The schedules whose cursor or backlog is ahead of `now`.
pub(crate) fn ahead(tx: &Tx<'_>, now: Timestamp) -> Result<Vec<ScheduleId>, StoreError> {
    tx.all(AHEAD, &[&now], |row| Ok(row.get(0)?))
}

/// What the index of due times is made of.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) id: ScheduleId,
    pub(crate) job_id: JobId,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) has_backlog: bool,
}

/// Every schedule in force, as narrow as can be.
pub(crate) fn due(tx: &Tx<'_>) -> Result<Vec<Due>, StoreError> {
    tx.all(DUE, &[], |row| {
        Ok(Due { id: row.get(0)?, job_id: row.get(1)?, next_at: row.get(2)?, has_backlog: row.get(3)? })
    })
}

/// A schedule that was never there before; it starts at now.
pub(crate) fn insert(tx: &Tx<'_>, job: JobId, schedule: &Schedule, now: Timestamp) -> Result<ScheduleId, StoreError> {
    let id = tx.one(INSERT, &[&job, &schedule.key(), &canonical(schedule), &now], |row| Ok(row.get(0)?))?;
    id.ok_or_else(|| StoreError::unreadable("a new schedule", "it was not inserted"))
}

/// An edit that keeps the key and the cursor.
pub(crate) fn revise(tx: &Tx<'_>, id: ScheduleId, schedule: &Schedule) -> Result<(), StoreError> {
    tx.execute(REVISE, &[&id, &canonical(schedule)]).map(drop)
}

/// A retired schedule that is there again; it starts at now.
pub(crate) fn revive(tx: &Tx<'_>, id: ScheduleId, schedule: &Schedule, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(REVIVE, &[&id, &canonical(schedule), &now]).map(drop)
}

/// A schedule that is in force no more.
pub(crate) fn retire(tx: &Tx<'_>, id: ScheduleId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(RETIRE, &[&id, &now]).map(drop)
}

/// Moves the cursor, from the value that was read, and all that moves with it.
pub(crate) fn advance(tx: &Tx<'_>, from: Timestamp, to: &ScheduleRow) -> Result<(), StoreError> {
    let (after, until) = to.backlog.unzip();
    match tx.execute(MOVE, &[&to.id, &from, &to.cursor_at, &to.next_at, &to.last_at, &after, &until])? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("schedule {}", to.id), "somebody else has moved its cursor")),
    }
}
