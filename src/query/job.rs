//! Jobs: one, and pages of those in force, by name.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::{Map, Value};

use super::column::{maybe_at, unsigned};
use super::failure::Failure;
use super::find::not_found;
use super::reader::Reader;
use super::run;
use crate::model::definition::{self, Param, ParamType, Timing};
use crate::model::refused::Refused;
use crate::wire::{Effective, Job, Page, Schedule};

const ROW_ID: &str = "SELECT id FROM job WHERE name = ?1";

/// The row of the job of that name, retired or not.
pub(crate) fn row_id(tx: &Transaction<'_>, name: &str) -> Result<i64, Failure> {
    let found = tx.prepare_cached(ROW_ID)?.query_row([name], |row| row.get(0)).optional()?;
    found.ok_or_else(|| not_found("job", name))
}

/// The job of that name, retired or not.
pub fn one(reader: &Reader, name: &str) -> Result<Job, Refused> {
    reader.read(|tx| {
        let id = row_id(tx, name)?;
        by_id(tx, id)
    })
}

const ORIGINS: &str = "SELECT origins FROM job WHERE id = ?1";

/// The definition of a job key by key, each with the place where it is written; empty for one that no file defines.
pub fn effective(reader: &Reader, name: &str) -> Result<Effective, Refused> {
    reader.read(|tx| {
        let id = row_id(tx, name)?;
        let origins: Option<String> = tx.prepare_cached(ORIGINS)?.query_row([id], |row| row.get(0))?;
        let Some(origins) = origins.filter(|text| !text.is_empty()) else { return Ok(Effective::default()) };
        let items = serde_json::from_str(&origins)
            .map_err(|error| Failure::Unreadable(format!("the origins of `{name}`: {error}")))?;
        Ok(Effective { items })
    })
}

const TAGGED: &str = "
SELECT j.id FROM job j
  JOIN definition d ON d.id = j.definition_id
 WHERE EXISTS (SELECT 1 FROM json_each(d.body, '$.definition.tags') AS tag WHERE tag.value = ?1)";

/// The rows of the jobs that have this tag now, retired ones too.
pub(crate) fn tagged(tx: &Transaction<'_>, tag: &str) -> Result<Vec<i64>, Failure> {
    Ok(tx.prepare_cached(TAGGED)?.query_map([tag], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

const PAGE: &str = "
SELECT id, name FROM job
 WHERE retired_at IS NULL AND name > ?1
 ORDER BY name LIMIT ?2";

/// One page of the jobs in force, by name.
pub fn page(reader: &Reader, cursor: Option<&str>, limit: usize) -> Result<Page<Job>, Refused> {
    reader.read(|tx| {
        let mut statement = tx.prepare_cached(PAGE)?;
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let found = statement
            .query_map(params![cursor.unwrap_or_default(), limit as i64 + 1], read)?
            .collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > limit;
        let shown = &found[..limit.min(found.len())];
        let items = shown.iter().map(|(id, _)| by_id(tx, *id)).collect::<Result<_, _>>()?;
        let next_cursor = shown.last().filter(|_| more).map(|(_, name)| name.clone());
        Ok(Page { items, next_cursor })
    })
}

const ONE: &str = "
SELECT j.name, j.revision, j.source, j.retired_at, j.paused_at, j.paused_by, j.n_live, j.last_success_at, d.body,
       j.paused_note, j.paused_until, j.n_held, j.n_scheduled
  FROM job j
  JOIN definition d ON d.id = j.definition_id
 WHERE j.id = ?1";

fn by_id(tx: &Transaction<'_>, id: i64) -> Result<Job, Failure> {
    let (mut job, body) = tx.prepare_cached(ONE)?.query_row([id], read)?;
    let defined: definition::Job = readable(&job.name, &body)?;
    job.description = defined.description;
    job.enabled = defined.enabled;
    job.overlap = defined.overlap;
    job.max_runs = defined.max_runs;
    job.ends_after = defined.ends_after;
    job.priority = defined.priority.number();
    job.tags = defined.tags;
    job.tasks = defined.tasks.into_iter().map(|task| task.name).collect();
    job.params = defined.params.iter().map(|param| (param.name.clone(), written(param))).collect();
    job.schedules = schedules(tx, id, &job.name)?;
    job.last_run = run::latest(tx, id)?;
    Ok(job)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Job, String)> {
    let job = Job {
        name: row.get(0)?,
        revision: unsigned(row, 1)?,
        description: String::new(),
        source: row.get(2)?,
        enabled: true,
        paused: maybe_at(row, 4)?.is_some(),
        paused_by: row.get(5)?,
        paused_at: maybe_at(row, 4)?,
        paused_note: row.get(9)?,
        paused_until: maybe_at(row, 10)?,
        retired_at: maybe_at(row, 3)?,
        overlap: definition::Overlap::default(),
        max_runs: 1,
        priority: definition::Priority::default().number(),
        tags: Vec::new(),
        tasks: Vec::new(),
        params: Map::new(),
        schedules: Vec::new(),
        n_live: unsigned(row, 6)?,
        n_held: unsigned(row, 11)?,
        n_scheduled: unsigned(row, 12)?,
        ends_after: None,
        last_run: None,
        last_success_at: maybe_at(row, 7)?,
    };
    Ok((job, row.get(8)?))
}

/// The parameter as a job file writes it.
fn written(param: &Param) -> Value {
    let (least, most) = match param.kind {
        ParamType::Integer | ParamType::Number => ("minimum", "maximum"),
        ParamType::String | ParamType::Boolean | ParamType::Array | ParamType::Object => ("min_length", "max_length"),
    };
    let choices = (!param.choices.is_empty()).then(|| Value::Array(param.choices.clone()));
    let fields = [
        ("type", Some(param.kind.as_str().into())),
        ("description", Some(param.description.as_str().into()).filter(|_| !param.description.is_empty())),
        ("default", param.default.clone()),
        ("enum", choices),
        ("pattern", param.pattern.as_deref().map(Value::from)),
        (least, param.minimum.map(Value::from)),
        (most, param.maximum.map(Value::from)),
    ];
    let given = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(given.collect())
}

/// What canonical text of the store says.
pub(crate) fn readable<T: serde::de::DeserializeOwned>(of: &str, body: &str) -> Result<T, Failure> {
    definition::from_canonical(body).map_err(|error| Failure::Unreadable(format!("the definition of `{of}`: {error}")))
}

const SCHEDULES: &str = "
SELECT key, body, next_at, last_at FROM schedule
 WHERE job_id = ?1 AND retired_at IS NULL
 ORDER BY id";

fn schedules(tx: &Transaction<'_>, job_id: i64, job: &str) -> Result<Vec<Schedule>, Failure> {
    let mut statement = tx.prepare_cached(SCHEDULES)?;
    let mut rows = statement.query([job_id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(1)?.as_str().unwrap_or_default();
        let defined: definition::Schedule = readable(job, body)?;
        found.push(Schedule {
            key: row.get(0)?,
            timing: timing(&defined.timing),
            definition: serde_json::from_str(body).ok(),
            timezone: defined.timezone,
            next_at: maybe_at(row, 2)?,
            last_at: maybe_at(row, 3)?,
        });
    }
    Ok(found)
}

/// The rule as people write it.
fn timing(timing: &Timing) -> String {
    match timing {
        Timing::Cron { expression } => format!("cron {expression}"),
        Timing::Quartz { expression } => format!("quartz {expression}"),
        Timing::Every { period, .. } => format!("every {period}"),
        Timing::AfterEnd { delay } => format!("after_end {delay}"),
        Timing::At { at } => format!("at {at}"),
        Timing::Reboot => "@reboot".to_owned(),
        Timing::Start => "@start".to_owned(),
    }
}
