//! Backfills: one, pages of them, newest first, and what one would run.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::column::{at, maybe_at, unsigned};
use super::failure::Failure;
use super::find::{self, not_found};
use super::job::{self, readable};
use super::next::calendar;
use super::reader::Reader;
use super::run::{AFTER_ALL, cursor};
use super::task::next_cursor;
use crate::model::definition::{Job, Schedule};
use crate::model::id::BackfillId;
use crate::model::refused::Refused;
use crate::model::time::backfill::{Ahead, Source, before, check, count};
use crate::model::timestamp::Timestamp;
use crate::store::backfill::{N_OPEN, SKIPPED};
use crate::tzdb::Tzdb;
use crate::wire::backfill::{Backfill, Backfilled, BackfilledDue};
use crate::wire::list::Page;

/// So many due times of one that is only looked at are named.
const MAX_NAMED: usize = 100;

const ONE: &str = "
SELECT b.id, j.name, b.state, b.from_at, b.to_at, b.max_runs, b.asked_at, b.asked_by, b.ended_at, b.cancelled_by, b.n_due,
       b.n_excluded, b.n_live, b.n_completed, b.n_failed, b.n_cancelled, b.n_skipped, b.reason
  FROM backfill b
  JOIN job j ON j.id = b.job_id
 WHERE b.id = ?1";

const KEYS: &str = "SELECT key FROM backfill_schedule WHERE backfill_id = ?1 ORDER BY key";

/// The backfill that `name` means.
pub fn one(reader: &Reader, name: &str) -> Result<Backfill, Refused> {
    reader.read(|tx| {
        let id = found(tx, name)?;
        by_id(tx, id)
    })
}

/// The id of the backfill that `name` means: a whole id, or its end.
pub fn id(reader: &Reader, name: &str) -> Result<BackfillId, Refused> {
    reader.read(|tx| found(tx, name).map(BackfillId::from_bytes))
}

const EXISTS: &str = "SELECT 1 FROM backfill WHERE id = ?1";

const ENDING: &str = "SELECT id FROM backfill WHERE substr(hex(id), -length(?1)) = ?1 LIMIT 100";

/// The id of the backfill that `name` means.
pub(crate) fn found(tx: &Transaction<'_>, name: &str) -> Result<[u8; 16], Failure> {
    find::by_end(tx, "backfill", name, (EXISTS, ENDING))
}

fn by_id(tx: &Transaction<'_>, id: [u8; 16]) -> Result<Backfill, Failure> {
    let mut backfill = tx.prepare_cached(ONE)?.query_row([id], read)?;
    let mut statement = tx.prepare_cached(KEYS)?;
    backfill.schedules = statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(backfill)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Backfill> {
    let [n_live, n_completed, n_failed, n_cancelled] =
        [unsigned(row, 12)?, unsigned(row, 13)?, unsigned(row, 14)?, unsigned(row, 15)?];
    Ok(Backfill {
        id: BackfillId::from_bytes(row.get(0)?),
        job: row.get(1)?,
        state: row.get(2)?,
        schedules: Vec::new(),
        from: at(row, 3)?,
        to: at(row, 4)?,
        max_runs: unsigned(row, 5)?,
        asked_at: at(row, 6)?,
        asked_by: row.get(7)?,
        ended_at: maybe_at(row, 8)?,
        cancelled_by: row.get(9)?,
        reason: row.get(17)?,
        n_due: unsigned(row, 10)?,
        n_excluded: unsigned(row, 11)?,
        n_started: n_live + n_completed + n_failed + n_cancelled,
        n_live,
        n_completed,
        n_failed,
        n_cancelled,
        n_skipped: unsigned(row, 16)?,
    })
}

const PAGE: &str = "
SELECT id FROM backfill
 WHERE id < ?1 AND (?2 IS NULL OR job_id = ?2)
 ORDER BY id DESC LIMIT ?3";

/// One page of backfills, newest first; of one job, if it is named.
pub fn page(reader: &Reader, job: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<Backfill>, Refused> {
    let after = cursor(after)?;
    reader.read(|tx| {
        let job = job.map(|name| job::row_id(tx, name)).transpose()?;
        let after = after.as_ref().map_or(AFTER_ALL, |id| id.as_slice());
        let mut statement = tx.prepare_cached(PAGE)?;
        let rows = statement.query_map(params![after, job, limit as i64 + 1], |row| row.get(0))?;
        let ids = rows.collect::<Result<Vec<[u8; 16]>, _>>()?;
        let next_cursor = next_cursor(&ids, limit);
        let items = ids.into_iter().take(limit).map(|id| by_id(tx, id)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    })
}

/// What would be backfilled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Of this job.
    pub job: String,
    /// Of this one schedule of it.
    pub schedule: Option<String>,
    /// The first instant that counts.
    pub from: Timestamp,
    /// The first that does not.
    pub to: Timestamp,
    /// So many runs may be live at once.
    pub max_runs: u32,
}

const DEFINITION: &str = "
SELECT j.id, d.body, j.retired_at IS NOT NULL FROM job j JOIN definition d ON d.id = j.definition_id WHERE j.name = ?1";

/// What a backfill would run if it was asked for now, and refused as it would be.
pub fn plan(reader: &Reader, zones: &Tzdb, asked: &Asked, now: Timestamp) -> Result<Backfilled, Refused> {
    let Asked { job: name, schedule, from, to, max_runs } = asked;
    reader.read(|tx| {
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?));
        let row = tx.prepare_cached(DEFINITION)?.query_row([name], read).optional()?;
        let (job_id, body, is_retired) = row.ok_or_else(|| not_found("job", name))?;
        if is_retired {
            return Err(Failure::Refused(Refused::JobRetired { job: name.clone() }));
        }
        let unfit = |why| Failure::Refused(Refused::NotBackfilled { job: name.clone(), why });
        let n_open = tx.prepare_cached(N_OPEN)?.query_row([job_id], |row| row.get(0))?;
        check(*from, *to, now, *max_runs, n_open).map_err(unfit)?;
        let defined: Job = readable(name, &body)?;
        let chosen = Schedule::chosen(&defined.schedules, schedule.as_deref());
        let (mut keys, mut sources, mut timezones) = (Vec::new(), Vec::new(), Vec::new());
        for schedule in chosen.map_err(|missing| not_found("schedule", &missing))? {
            let calendar = calendar(name, schedule, zones).map_err(Failure::Unreadable)?;
            if calendar.rule().has_times() {
                let skipped = skipped(tx, job_id, &schedule.key(), *from, *to)?;
                sources.push(Source { calendar: Arc::new(calendar), skipped });
                keys.push(schedule.key());
                timezones.push(schedule.timezone.as_str());
            }
        }
        let counted = count(&sources, *from, *to).map_err(unfit)?;
        let cursors = vec![before(*from); sources.len()];
        let mut ahead = Ahead::new(sources, cursors, *to);
        let mut due = Vec::new();
        while due.len() < MAX_NAMED
            && let Some((at, index)) = ahead.oldest()
        {
            ahead.pass();
            due.push(BackfilledDue { due_at: zones.shown(at, Some(timezones[index])), schedule: keys[index].clone() });
        }
        keys.sort();
        Ok(Backfilled {
            id: None,
            job: name.clone(),
            schedules: keys,
            from: *from,
            to: *to,
            max_runs: u64::from(*max_runs),
            n_due: counted.n_due,
            n_excluded: counted.n_excluded,
            due,
        })
    })
}

fn skipped(
    tx: &Transaction<'_>,
    job: i64,
    key: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>, Failure> {
    let mut statement = tx.prepare_cached(SKIPPED)?;
    let rows = statement
        .query_map(params![job, key, from.as_micros(), to.as_micros()], |row| Ok((at(row, 0)?, at(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
