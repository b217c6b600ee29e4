//! Events: pages of them, oldest first, and how far back they go.

use rusqlite::{Row, Transaction, params};

use super::column::{at, unsigned};
use super::failure::Failure;
use super::find;
use super::job::row_id;
use super::reader::Reader;
use crate::model::id::{RunId, TaskId};
use crate::model::refused::Refused;
use crate::wire::Event;

/// Which events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Those about this run.
    pub run: Option<RunId>,
    /// Those about this job.
    pub job: Option<String>,
    /// Those of this type, in which `*` stands for any run of characters.
    pub kind: Option<String>,
}

/// Some events in a row.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// These, and every event up to and including `upto` has been looked at.
    Events {
        /// Those that fit.
        items: Vec<Event>,
        /// The number of the last event that was looked at.
        upto: u64,
        /// There may be more behind it.
        more: bool,
    },
    /// Some of what was asked for is no longer kept.
    Pruned {
        /// The oldest that is.
        oldest: u64,
    },
}

const OLDEST: &str = "SELECT seq FROM event ORDER BY seq LIMIT 1";

const LAST: &str = "SELECT value FROM counter WHERE name = 'event'";

// Types hold none of the characters but `*` that GLOB reads.
const AFTER: &str = "
SELECT seq, at, type, job, run_id, task_id, data FROM event
 WHERE seq > ?1 AND (?2 IS NULL OR run_id = ?2) AND (?3 IS NULL OR job = ?3) AND (?4 IS NULL OR type GLOB ?4)
 ORDER BY seq LIMIT ?5";

/// The filter of those words; a run is named as people name runs.
pub fn filter(
    reader: &Reader,
    run: Option<&str>,
    job: Option<String>,
    kind: Option<String>,
) -> Result<Filter, Refused> {
    let run = run.map(|name| reader.read(|tx| find::run(tx, name))).transpose()?;
    if let Some(name) = &job {
        reader.read(|tx| row_id(tx, name))?;
    }
    if let Some(kind) = kind.as_deref().filter(|kind| kind.contains(['?', '['])) {
        return Err(Refused::BadRequest { problem: format!("`{kind}` is no pattern of event types: only `*` is") });
    }
    Ok(Filter { run, job, kind })
}

/// At most `limit` events after the one numbered `after`; from the oldest that is kept without one.
pub fn after(reader: &Reader, filter: &Filter, after: Option<u64>, limit: usize) -> Result<Part, Refused> {
    if let Some(number) = after.filter(|number| i64::try_from(*number).is_err()) {
        return Err(Refused::BadRequest { problem: format!("`{number}` is beyond the number of any event") });
    }
    reader.read(|tx| {
        let last: u64 = tx.prepare_cached(LAST)?.query_row([], |row| unsigned(row, 0))?;
        let oldest = oldest(tx)?.unwrap_or(last + 1);
        let from = after.unwrap_or(oldest.saturating_sub(1));
        if from + 1 < oldest {
            return Ok(Part::Pruned { oldest });
        }
        let items = events(tx, filter, from, limit)?;
        let more = items.len() == limit;
        let upto = if more { items.last().map_or(last, |event| event.seq) } else { last.max(from) };
        Ok(Part::Events { items, upto, more })
    })
}

fn oldest(tx: &Transaction<'_>) -> Result<Option<u64>, Failure> {
    let mut statement = tx.prepare_cached(OLDEST)?;
    let mut rows = statement.query([])?;
    Ok(rows.next()?.map(|row| unsigned(row, 0)).transpose()?)
}

fn events(tx: &Transaction<'_>, filter: &Filter, from: u64, limit: usize) -> Result<Vec<Event>, Failure> {
    let run = filter.run.map(|run| *run.as_bytes());
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let mut statement = tx.prepare_cached(AFTER)?;
    let rows = statement.query_map(params![from, run, filter.job, filter.kind, limit as i64], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    let data: Option<String> = row.get(6)?;
    Ok(Event {
        seq: unsigned(row, 0)?,
        at: at(row, 1)?,
        kind: row.get(2)?,
        job: row.get(3)?,
        run_id: row.get::<_, Option<[u8; 16]>>(4)?.map(RunId::from_bytes),
        task_id: row.get::<_, Option<[u8; 16]>>(5)?.map(TaskId::from_bytes),
        data: match data {
            None => serde_json::json!({}),
            Some(text) => serde_json::from_str(&text).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(6, rusqlite::types::Type::Text, error.into())
            })?,
        },
    })
}
