//! What is true of the store now: the part of `wire::Status` that is read and not remembered.

use rusqlite::{OptionalExtension, Row, Transaction};

use super::column::{at, maybe_at, unsigned};
use super::failure::Failure;
use super::next::upcoming;
use super::reader::Reader;
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;
use crate::wire::Next;
use crate::wire::status::{InvalidFile, TaskCounts};

/// How many due times a status shows.
const N_NEXT: usize = 5;

/// What the store says of itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// Everything is paused, if it is.
    pub paused: Option<Paused>,
    /// How many jobs are in force.
    pub n_jobs: u64,
    /// Files that cannot be read as jobs.
    pub invalid: Vec<InvalidFile>,
    /// Live tasks.
    pub tasks: TaskCounts,
    /// What is due next, soonest first.
    pub next: Vec<Next>,
}

/// Everything is paused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paused {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub note: Option<String>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

const N_JOBS: &str = "SELECT count(*) FROM job WHERE retired_at IS NULL";

/// What is true now.
pub fn standing(reader: &Reader) -> Result<Standing, Refused> {
    reader.read(|tx| {
        Ok(Standing {
            paused: paused_since(tx)?,
            n_jobs: tx.prepare_cached(N_JOBS)?.query_row([], |row| unsigned(row, 0))?,
            invalid: invalid(tx)?,
            tasks: live_tasks(tx)?,
            next: upcoming(tx, None, Timestamp::MAX, N_NEXT)?.into_iter().map(|(next, _)| next).collect(),
        })
    })
}

const PAUSED: &str = "SELECT value FROM fact WHERE name = 'paused_at' AND value <> ''";

const PAUSED_SINCE: &str = "
SELECT CAST(at.value AS INTEGER), who.value, note.value, CAST(until.value AS INTEGER)
  FROM fact AS at LEFT JOIN fact AS who ON who.name = 'paused_by' LEFT JOIN fact AS note ON note.name = 'paused_note'
  LEFT JOIN fact AS until ON until.name = 'paused_until'
 WHERE at.name = 'paused_at' AND at.value <> ''";

/// Since when and by whom everything is paused, if it is.
pub(crate) fn paused_since(tx: &Transaction<'_>) -> Result<Option<Paused>, Failure> {
    let read =
        |row: &Row<'_>| Ok(Paused { at: at(row, 0)?, by: row.get(1)?, note: row.get(2)?, until: maybe_at(row, 3)? });
    Ok(tx.prepare_cached(PAUSED_SINCE)?.query_row([], read).optional()?)
}

/// Whether everything is paused.
pub(crate) fn paused(tx: &Transaction<'_>) -> Result<bool, Failure> {
    Ok(tx.prepare_cached(PAUSED)?.query_row([], |_| Ok(())).optional()?.is_some())
}

const INVALID: &str = "SELECT path, problems FROM invalid_file ORDER BY path";

fn invalid(tx: &Transaction<'_>) -> Result<Vec<InvalidFile>, Failure> {
    let mut statement = tx.prepare_cached(INVALID)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (path, problems): (String, String) = (row.get(0)?, row.get(1)?);
        let problems = serde_json::from_str(&problems)
            .map_err(|error| Failure::Unreadable(format!("the problems of `{path}`: {error}")))?;
        found.push(InvalidFile { path, problems });
    }
    Ok(found)
}

// Reads the partial index of live tasks and no row of the table.
const LIVE_TASKS: &str = "SELECT state, count(*) FROM task WHERE ended_at IS NULL GROUP BY state";

fn live_tasks(tx: &Transaction<'_>) -> Result<TaskCounts, Failure> {
    let mut statement = tx.prepare_cached(LIVE_TASKS)?;
    let mut rows = statement.query([])?;
    let mut counts = TaskCounts::default();
    while let Some(row) = rows.next()? {
        let (state, n) = (row.get::<_, String>(0)?, unsigned(row, 1)?);
        match state.as_str() {
            "queued" => counts.queued += n,
            "running" => counts.running += n,
            _ => counts.waiting += n,
        }
    }
    Ok(counts)
}
