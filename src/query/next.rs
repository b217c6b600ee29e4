//! The due times ahead. The store knows the next one of each schedule; those behind it are computed from its rule.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rusqlite::{Row, Transaction, params};

use super::column::at;
use super::failure::Failure;
use super::job::{readable, row_id};
use super::reader::Reader;
use super::status::paused;
use crate::model::definition::Schedule;
use crate::model::refused::Refused;
use crate::model::time::Calendar;
use crate::model::timestamp::Timestamp;
use crate::tzdb::Tzdb;
use crate::wire::Next;

/// Which due times.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// Those of this job.
    pub job: Option<String>,
    /// So many at most.
    pub n: usize,
    /// None after this instant.
    pub until: Option<Timestamp>,
}

/// The next due times, soonest first; where several are due at once, by job.
pub fn next(reader: &Reader, zones: &Tzdb, asked: &Asked) -> Result<Vec<Next>, Refused> {
    let until = asked.until.unwrap_or(Timestamp::MAX);
    reader.read(|tx| {
        let job_id = asked.job.as_deref().map(|name| row_id(tx, name)).transpose()?;
        // Each of the first n due times belongs to one of the n schedules that are due soonest.
        let schedules = upcoming(tx, job_id, until, asked.n)?;
        let calendars: Vec<_> = schedules
            .iter()
            .map(|(next, schedule)| calendar(&next.job, schedule.as_ref().map_err(Clone::clone)?, zones))
            .collect();
        let mut ahead: BinaryHeap<_> =
            schedules.iter().enumerate().map(|(index, (next, _))| Reverse((next.due_at, index))).collect();
        let mut found = Vec::new();
        while found.len() < asked.n
            && let Some(Reverse((due_at, index))) = ahead.pop()
        {
            let calendar = calendars[index].as_ref();
            let problem = calendar.err().cloned();
            let next = &schedules[index].0;
            let skipped = is_skipped(tx, next, due_at)?;
            found.push(Next { due_at, problem, skipped, ..next.clone() });
            let later = calendar.ok().and_then(|calendar| calendar.next_after(due_at)).filter(|at| *at <= until);
            ahead.extend(later.map(|at| Reverse((at, index))));
        }
        Ok(found)
    })
}

const SKIPPED: &str = "
SELECT 1 FROM planned_skip p JOIN schedule s ON s.id = p.schedule_id JOIN job j ON j.id = s.job_id
 WHERE p.due_at = ?1 AND s.key = ?2 AND j.name = ?3";

fn is_skipped(tx: &Transaction<'_>, next: &Next, due_at: Timestamp) -> Result<bool, Failure> {
    Ok(tx.prepare_cached(SKIPPED)?.exists(params![due_at.as_micros(), next.schedule, next.job])?)
}

/// The rule of a stored schedule, made ready, or why it cannot be.
pub(crate) fn calendar(job: &str, schedule: &Schedule, zones: &Tzdb) -> Result<Calendar, String> {
    let zone =
        zones.get(&schedule.timezone).ok_or_else(|| format!("the zone data in use has no `{}`", schedule.timezone))?;
    Calendar::new(schedule, job, &zone).map_err(|faults| {
        let messages: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
        messages.join("; ")
    })
}

/// The next due time of a schedule, and its rule or why that cannot be read.
pub(crate) type Upcoming = (Next, Result<Schedule, String>);

const UPCOMING: &str = "
SELECT j.name, s.key, s.next_at, s.body, j.paused_at IS NOT NULL
  FROM schedule s
  JOIN job j ON j.id = s.job_id
 WHERE s.next_at <= ?2 AND (?1 IS NULL OR s.job_id = ?1) AND s.retired_at IS NULL AND j.retired_at IS NULL
 ORDER BY s.next_at, j.name LIMIT ?3";

/// The next due time of each schedule, soonest first. One that cannot be read says so, and takes no other with it.
pub(crate) fn upcoming(
    tx: &Transaction<'_>,
    job_id: Option<i64>,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Upcoming>, Failure> {
    let all_paused = paused(tx)?;
    let mut statement = tx.prepare_cached(UPCOMING)?;
    let mut rows = statement.query(params![job_id, until.as_micros(), limit as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (next, schedule) = read(row, all_paused)?;
        let skipped = is_skipped(tx, &next, next.due_at)?;
        found.push((Next { skipped, ..next }, schedule));
    }
    Ok(found)
}

fn read(row: &Row<'_>, all_paused: bool) -> Result<Upcoming, Failure> {
    let job: String = row.get(0)?;
    let schedule = readable(&job, &row.get::<_, String>(3)?).map_err(|failure| failure.to_string());
    let timezone = schedule.as_ref().map(|schedule: &Schedule| schedule.timezone.clone()).unwrap_or_default();
    let paused = all_paused || row.get(4)?;
    let problem = schedule.as_ref().err().cloned();
    Ok((Next { job, schedule: row.get(1)?, due_at: at(row, 2)?, timezone, paused, skipped: false, problem }, schedule))
}
