//! Runs: one, and pages of them, newest first.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::column::{at, maybe_at, maybe_named, maybe_unsigned};
use super::failure::Failure;
use super::reader::Reader;
use super::task::next_cursor;
use super::waits::{self, Here, Waits};
use super::{backfill, find, job, task};
use crate::model::id::{BackfillId, RunId};
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;
use crate::wire::{Page, Run};

/// Which runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Those of this job.
    pub job: Option<String>,
    /// Those in this state; `pending` is queued.
    pub state: Option<String>,
    /// Those queued at or after this instant.
    pub since: Option<Timestamp>,
    /// Those queued before this instant.
    pub until: Option<Timestamp>,
    /// Those of jobs that have this tag.
    pub tag: Option<String>,
    /// Those of this backfill.
    pub backfill: Option<String>,
    /// Those after this place in the list.
    pub cursor: Option<String>,
    /// So many at most.
    pub limit: usize,
}

/// Sorts behind every id.
pub(crate) const AFTER_ALL: &[u8] = &[0xff; 17];

const ONE: &str = "
SELECT r.id, j.name, r.number, r.revision, r.state, r.outcome, r.cause, r.rerun_of, r.scheduled_at, r.queued_at,
       r.started_at, r.ended_at, r.priority, r.cancelled_by, r.error,
       r.params, r.output, r.outputs, r.backfill_id, r.forced
  FROM run r
  LEFT JOIN job j ON j.id = r.job_id
 WHERE r.id = ?1";

/// The run that `name` means. What it waits for is told to who says where he is.
pub fn one(reader: &Reader, name: &str, here: Option<&Here>) -> Result<Run, Refused> {
    reader.read(|tx| {
        let id = find::run(tx, name)?;
        by_id(tx, id, &mut Waits::new(here))
    })
}

/// The id of the run that `name` means.
pub fn id(reader: &Reader, name: &str) -> Result<RunId, Refused> {
    reader.read(|tx| find::run(tx, name))
}

fn by_id(tx: &Transaction<'_>, id: RunId, waits: &mut Waits<'_>) -> Result<Run, Failure> {
    let mut run = tx.prepare_cached(ONE)?.query_row([id.as_bytes()], read)?;
    run.tasks = task::of_run(tx, id, waits)?;
    run.waits_for = waits::run(&run);
    if let [only] = run.tasks.as_slice() {
        run.output.clone_from(&only.output);
    }
    Ok(run)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: RunId::from_bytes(row.get(0)?),
        job: row.get(1)?,
        number: maybe_unsigned(row, 2)?,
        revision: maybe_unsigned(row, 3)?,
        state: row.get(4)?,
        outcome: row.get(5)?,
        cause: row.get(6)?,
        rerun_of: row.get::<_, Option<[u8; 16]>>(7)?.map(RunId::from_bytes),
        scheduled_at: maybe_at(row, 8)?,
        backfill_id: row.get::<_, Option<[u8; 16]>>(18)?.map(BackfillId::from_bytes),
        forced: row.get(19)?,
        queued_at: at(row, 9)?,
        started_at: maybe_at(row, 10)?,
        ended_at: maybe_at(row, 11)?,
        priority: row.get(12)?,
        cancelled_by: row.get(13)?,
        rollback: None,
        error: row.get(14)?,
        params: maybe_named(row, 15)?,
        output: row.get(16)?,
        outputs: maybe_named(row, 17)?,
        tasks: Vec::new(),
        waits_for: None,
    })
}

const LATEST: &str = "SELECT id FROM run WHERE job_id = ?1 ORDER BY id DESC LIMIT 1";

/// The latest run of the job of that row.
pub(crate) fn latest(tx: &Transaction<'_>, job_id: i64) -> Result<Option<Run>, Failure> {
    let id = tx.prepare_cached(LATEST)?.query_row([job_id], |row| row.get(0)).optional()?;
    id.map(|id| by_id(tx, RunId::from_bytes(id), &mut Waits::new(None))).transpose()
}

// An id begins with the millisecond of its run, or with a later one if the clock went back since: nothing that was queued
// at or after `since` has a smaller id than `since` itself would, and the search ends there.
const PAGE: &str = "
SELECT id FROM run
 WHERE id < ?1 AND id >= ?7 AND queued_at >= ?2 AND queued_at < ?3 AND (?4 IS NULL OR state = ?4) AND ?6 IS NULL
 ORDER BY id DESC LIMIT ?5";

// Most runs complete, so those that did not have indexes of their own.
const AMISS_PAGE: &str = "
SELECT id FROM run INDEXED BY run_amiss
 WHERE ended_at IS NOT NULL AND state <> 'completed' AND state = ?4
   AND id < ?1 AND id >= ?7 AND queued_at >= ?2 AND queued_at < ?3 AND ?6 IS NULL
 ORDER BY id DESC LIMIT ?5";
const AMISS_PAGE_OF_JOB: &str = "
SELECT id FROM run INDEXED BY run_amiss_of_job
 WHERE ended_at IS NOT NULL AND state <> 'completed' AND job_id = ?6 AND state = ?4
   AND id < ?1 AND id >= ?7 AND queued_at >= ?2 AND queued_at < ?3
 ORDER BY id DESC LIMIT ?5";

const LIVE_PAGE: &str = "
SELECT id FROM run
 WHERE ended_at IS NULL AND state = ?4 AND id < ?1 AND id >= ?7 AND queued_at >= ?2 AND queued_at < ?3 AND ?6 IS NULL
 ORDER BY id DESC LIMIT ?5";

const PAGE_OF_JOB: &str = "
SELECT id FROM run
 WHERE job_id = ?6 AND id < ?1 AND id >= ?7 AND queued_at >= ?2 AND queued_at < ?3 AND (?4 IS NULL OR state = ?4)
 ORDER BY id DESC LIMIT ?5";

const PAGE_OF_BACKFILL: &str = "
SELECT id FROM run
 WHERE backfill_id = ?8 AND id < ?1 AND id >= ?7 AND queued_at >= ?2 AND queued_at < ?3 AND (?4 IS NULL OR state = ?4)
   AND (?6 IS NULL OR job_id = ?6)
 ORDER BY id DESC LIMIT ?5";

/// One page of runs, newest first.
pub fn page(reader: &Reader, filter: &Filter, here: Option<&Here>) -> Result<Page<Run>, Refused> {
    let state = state(filter.state.as_deref())?;
    let after = cursor(filter.cursor.as_deref())?;
    reader.read(|tx| {
        let ids = ids(tx, filter, state, after)?;
        let next_cursor = next_cursor(&ids, filter.limit);
        let shown = ids.into_iter().take(filter.limit);
        let mut waits = Waits::new(here);
        let items = shown.map(|id| by_id(tx, RunId::from_bytes(id), &mut waits)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    })
}

fn ids(
    tx: &Transaction<'_>,
    filter: &Filter,
    state: Option<&str>,
    after: Option<[u8; 16]>,
) -> Result<Vec<[u8; 16]>, Failure> {
    let job = filter.job.as_deref().map(|name| job::row_id(tx, name)).transpose()?;
    let Some(tag) = &filter.tag else { return ids_of(tx, filter, state, after, job) };
    // Each job's runs are in order already; the newest of all are among the newest of each.
    let mut found = Vec::new();
    for tagged in job::tagged(tx, tag)?.into_iter().filter(|tagged| job.is_none_or(|job| job == *tagged)) {
        found.extend(ids_of(tx, filter, state, after, Some(tagged))?);
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.truncate(filter.limit + 1);
    Ok(found)
}

fn ids_of(
    tx: &Transaction<'_>,
    filter: &Filter,
    state: Option<&str>,
    after: Option<[u8; 16]>,
    job: Option<i64>,
) -> Result<Vec<[u8; 16]>, Failure> {
    let after = after.as_ref().map_or(AFTER_ALL, |id| id.as_slice());
    let since = filter.since.unwrap_or(Timestamp::MIN).as_micros();
    let until = filter.until.map_or(i64::MAX, Timestamp::as_micros);
    let limit = filter.limit as i64 + 1;
    let is_live = state.is_some_and(|state| LIVE.contains(&state));
    let is_amiss = !is_live && state.is_some_and(|state| state != "completed");
    let values = params![after, since, until, state, limit, job, first_id(since)];
    if let Some(name) = &filter.backfill {
        let backfill = backfill::found(tx, name)?;
        let mut statement = tx.prepare_cached(PAGE_OF_BACKFILL)?;
        let values: Vec<&dyn rusqlite::ToSql> =
            values.iter().copied().chain([&backfill as &dyn rusqlite::ToSql]).collect();
        return Ok(statement.query_map(values.as_slice(), |row| row.get(0))?.collect::<Result<_, _>>()?);
    }
    let statement = match (job, is_live, is_amiss) {
        (Some(_), _, true) => AMISS_PAGE_OF_JOB,
        (Some(_), _, false) => PAGE_OF_JOB,
        (None, true, _) => LIVE_PAGE,
        (None, false, true) => AMISS_PAGE,
        (None, false, false) => PAGE,
    };
    let mut statement = tx.prepare_cached(statement)?;
    Ok(statement.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The smallest id of that moment.
fn first_id(at_us: i64) -> [u8; 16] {
    let mut id = [0; 16];
    let millis = u64::try_from(at_us / 1_000).unwrap_or(0);
    id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    id
}

/// The id that a cursor stands for.
pub(crate) fn cursor(text: Option<&str>) -> Result<Option<[u8; 16]>, Refused> {
    match text {
        None => Ok(None),
        Some(text) => match find::whole(text) {
            Some(id) => Ok(Some(id)),
            None => Err(Refused::BadRequest { problem: format!("`{text}` is no cursor that was given out") }),
        },
    }
}

/// Every word that `state` may be.
pub const STATES: [&str; 8] =
    ["queued", "waiting", "running", "compensating", "completed", "failed", "cancelled", "pending"];
const LIVE: [&str; 4] = ["queued", "waiting", "running", "compensating"];
const ENDED: [&str; 3] = ["completed", "failed", "cancelled"];

fn state(word: Option<&str>) -> Result<Option<&str>, Refused> {
    match word {
        None => Ok(None),
        Some("pending") => Ok(Some("queued")),
        Some(state) if LIVE.contains(&state) || ENDED.contains(&state) => Ok(Some(state)),
        Some(word) => {
            let problem =
                format!("`{word}` is no state of a run: {}, {} or pending", LIVE.join(", "), ENDED.join(", "));
            Err(Refused::BadRequest { problem })
        }
    }
}
