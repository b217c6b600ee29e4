//! Jobs: the name, the revision in force, and the counters that the gate reads.

use rusqlite::Row;

use super::{StoreError, Tx};
use crate::model::id::{DefinitionId, JobId};
use crate::model::timestamp::Timestamp;

/// A job's row.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) name: String,
    pub(crate) revision: i64,
    pub(crate) definition_id: DefinitionId,
    pub(crate) source: String,
    pub(crate) is_retired: bool,
    /// Since when it is paused.
    pub(crate) paused_at: Option<Timestamp>,
    pub(crate) n_live: u32,
    /// Runs that exist and wait to be let in.
    pub(crate) n_held: u32,
    /// How many runs are queued, held ones among them.
    pub(crate) n_queued: u32,
    pub(crate) last_success_at: Option<Timestamp>,
    /// Runs that its schedules have started.
    pub(crate) n_scheduled: u32,
    /// Its last attempt ended with the daemon.
    pub(crate) has_died: bool,
    /// So often it was caught up since an attempt of it ended in any other way.
    pub(crate) n_deaths: u32,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, revision, definition_id, source, retired_at IS NOT NULL, paused_at, n_live, \
             last_success_at, n_held, n_scheduled, n_queued, has_died, n_deaths FROM job ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<JobRow, StoreError> {
    Ok(JobRow {
        id: row.get(0)?,
        name: row.get(1)?,
        revision: row.get(2)?,
        definition_id: row.get(3)?,
        source: row.get(4)?,
        is_retired: row.get(5)?,
        paused_at: row.get(6)?,
        n_live: row.get(7)?,
        last_success_at: row.get(8)?,
        n_held: row.get(9)?,
        n_scheduled: row.get(10)?,
        n_queued: row.get(11)?,
        has_died: row.get(12)?,
        n_deaths: row.get(13)?,
    })
}

const GET: &str = select!("WHERE id = ?1");
const BY_NAME: &str = select!("WHERE name = ?1");
const ALL: &str = select!("ORDER BY id");
const INSERT: &str = "
INSERT INTO job (name, revision, definition_id, source, loaded_at) VALUES (?1, 1, ?2, ?3, ?4) RETURNING id";
const REVISE: &str = "
UPDATE job SET revision = revision + 1, definition_id = ?3, source = ?4, loaded_at = ?5, retired_at = NULL
 WHERE id = ?1 AND revision = ?2";
const MOVE: &str = "UPDATE job SET source = ?2 WHERE id = ?1";
const TRACE: &str = "UPDATE job SET origins = ?2 WHERE id = ?1 AND origins IS NOT ?2";
const RETIRE: &str = "UPDATE job SET retired_at = ?2 WHERE id = ?1 AND retired_at IS NULL";
const PAUSE: &str = "
UPDATE job SET paused_at = coalesce(paused_at, ?2), paused_by = ?3, paused_note = ?4, paused_until = ?5 WHERE id = ?1";
const RESUME: &str = "
UPDATE job SET paused_at = NULL, paused_by = NULL, paused_note = NULL, paused_until = NULL, n_failed = 0
 WHERE id = ?1 AND paused_at IS NOT NULL";
const PAUSE_ENDS: &str = "SELECT id, paused_until FROM job WHERE paused_at IS NOT NULL AND paused_until IS NOT NULL";
const BEGIN_RUN: &str = "
UPDATE job
   SET last_number = last_number + 1, n_live = n_live + 1 - ?2, n_held = n_held + ?2, n_queued = n_queued + 1,
       n_scheduled = n_scheduled + ?3
 WHERE id = ?1 RETURNING last_number";
const LET_IN: &str = "UPDATE job SET n_live = n_live + 1, n_held = n_held - 1 WHERE id = ?1";
const NEXT_NUMBER: &str = "SELECT last_number + 1 FROM job WHERE id = ?1";
const DEQUEUE_RUN: &str = "UPDATE job SET n_queued = n_queued - 1 WHERE id = ?1";
const END_RUN: &str = "
UPDATE job
   SET n_live = n_live - 1 + ?2, n_held = n_held - ?2, last_success_at = coalesce(?3, last_success_at),
       n_failed = CASE WHEN ?3 IS NOT NULL THEN 0 ELSE n_failed + ?4 END
 WHERE id = ?1 RETURNING n_failed";
const DIED: &str = "UPDATE job SET has_died = 1 WHERE id = ?1";
const COUNT_DEATH: &str = "UPDATE job SET n_deaths = n_deaths + 1 WHERE id = ?1";
const RECOVERED: &str = "UPDATE job SET has_died = 0, n_deaths = 0 WHERE id = ?1";
const MORTAL: &str = "SELECT id FROM job WHERE has_died = 1";
const WITH_HELD: &str = "SELECT id, n_held FROM job WHERE n_held > 0";

/// The job of that id.
pub(crate) fn get(tx: &Tx<'_>, id: JobId) -> Result<JobRow, StoreError> {
    tx.one(GET, &[&id], read)?.ok_or_else(|| StoreError::unreadable(format!("job {id}"), "it is missing"))
}

/// The job of that name, retired or not.
pub(crate) fn by_name(tx: &Tx<'_>, name: &str) -> Result<Option<JobRow>, StoreError> {
    tx.one(BY_NAME, &[&name], read)
}

/// Every job, retired ones included.
pub(crate) fn all(tx: &Tx<'_>) -> Result<Vec<JobRow>, StoreError> {
    tx.all(ALL, &[], read)
}

/// A job that was never there before, at revision 1.
pub(crate) fn insert(
    tx: &Tx<'_>,
    name: &str,
    definition: DefinitionId,
    source: &str,
    now: Timestamp,
) -> Result<JobId, StoreError> {
    let id = tx.one(INSERT, &[&name, &definition, &source, &now], |row| Ok(row.get(0)?))?;
    id.ok_or_else(|| StoreError::unreadable("a new job", "it was not inserted"))
}

/// The next revision of a job, which is no longer retired if it was.
pub(crate) fn revise(
    tx: &Tx<'_>,
    job: &JobRow,
    definition: DefinitionId,
    source: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(REVISE, &[&job.id, &job.revision, &definition, &source, &now]).map(drop)
}

/// The same definition, in another file.
pub(crate) fn set_source(tx: &Tx<'_>, id: JobId, source: &str) -> Result<(), StoreError> {
    tx.execute(MOVE, &[&id, &source]).map(drop)
}

/// Where each key of the definition is written, as JSON; nothing is written that is there already.
pub(crate) fn set_origins(tx: &Tx<'_>, id: JobId, origins: &str) -> Result<(), StoreError> {
    tx.execute(TRACE, &[&id, &origins]).map(drop)
}

/// The job's file is gone.
pub(crate) fn retire(tx: &Tx<'_>, id: JobId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(RETIRE, &[&id, &now]).map(drop)
}

/// A pause, of a job or of everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pause {
    pub(crate) by: String,
    /// Why, for people.
    pub(crate) note: Option<String>,
    /// When it ends by itself.
    pub(crate) until: Option<Timestamp>,
}

/// Pauses the job, or changes what its pause says.
pub(crate) fn pause(tx: &Tx<'_>, id: JobId, now: Timestamp, pause: &Pause) -> Result<(), StoreError> {
    tx.execute(PAUSE, &[&id, &now, &pause.by, &pause.note, &pause.until]).map(drop)
}

/// The pauses that end by themselves, and when.
pub(crate) fn pause_ends(tx: &Tx<'_>) -> Result<Vec<(JobId, Timestamp)>, StoreError> {
    tx.all(PAUSE_ENDS, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Takes the pause back; `false` if it was not paused.
pub(crate) fn resume(tx: &Tx<'_>, id: JobId) -> Result<bool, StoreError> {
    Ok(tx.execute(RESUME, &[&id])? == 1)
}

/// What a job counts of a new run besides its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) is_held: bool,
    /// A schedule has started it.
    pub(crate) is_scheduled: bool,
}

/// Counts one more run, live or held, and returns its number within the job.
pub(crate) fn begin_run(tx: &Tx<'_>, id: JobId, run: Begun) -> Result<u64, StoreError> {
    let number = tx.one(BEGIN_RUN, &[&id, &run.is_held, &run.is_scheduled], |row| Ok(row.get::<_, i64>(0)?))?;
    number.map(i64::cast_unsigned).ok_or_else(|| StoreError::unreadable(format!("job {id}"), "it is missing"))
}

/// The number that the next run of the job will have.
pub(crate) fn next_number(tx: &Tx<'_>, id: JobId) -> Result<u64, StoreError> {
    let number = tx.one(NEXT_NUMBER, &[&id], |row| Ok(row.get::<_, i64>(0)?))?;
    number.map(i64::cast_unsigned).ok_or_else(|| StoreError::unreadable(format!("job {id}"), "it is missing"))
}

/// A held run is live now.
pub(crate) fn let_in(tx: &Tx<'_>, id: JobId) -> Result<(), StoreError> {
    tx.execute(LET_IN, &[&id]).map(drop)
}

/// Counts one queued run less: something of it was claimed, or it has ended.
pub(crate) fn dequeue_run(tx: &Tx<'_>, id: JobId) -> Result<(), StoreError> {
    tx.execute(DEQUEUE_RUN, &[&id]).map(drop)
}

/// Counts one run less, live or held; remembers a success, and returns how many have failed since the last.
pub(crate) fn end_run(
    tx: &Tx<'_>,
    id: JobId,
    was_held: bool,
    succeeded_at: Option<Timestamp>,
    has_failed: bool,
) -> Result<u32, StoreError> {
    let n_failed = tx.one(END_RUN, &[&id, &was_held, &succeeded_at, &has_failed], |row| Ok(row.get(0)?))?;
    n_failed.ok_or_else(|| StoreError::unreadable(format!("job {id}"), "it is missing"))
}

/// An attempt of the job ended with the daemon.
pub(crate) fn died(tx: &Tx<'_>, id: JobId) -> Result<(), StoreError> {
    tx.execute(DIED, &[&id]).map(drop)
}

/// It is caught up though its last attempt ended with the daemon.
pub(crate) fn count_death(tx: &Tx<'_>, id: JobId) -> Result<(), StoreError> {
    tx.execute(COUNT_DEATH, &[&id]).map(drop)
}

/// An attempt of the job ended as attempts do.
pub(crate) fn recovered(tx: &Tx<'_>, id: JobId) -> Result<(), StoreError> {
    tx.execute(RECOVERED, &[&id]).map(drop)
}

/// The jobs whose last attempt ended with the daemon.
pub(crate) fn mortal(tx: &Tx<'_>) -> Result<Vec<JobId>, StoreError> {
    tx.all(MORTAL, &[], |row| Ok(row.get(0)?))
}

/// The jobs that have held runs, and how many.
pub(crate) fn with_held(tx: &Tx<'_>) -> Result<Vec<(JobId, u32)>, StoreError> {
    tx.all(WITH_HELD, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}
