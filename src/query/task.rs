//! Tasks: one, those of a run, and pages of all of them.

use rusqlite::{Row, Transaction, params};

use super::column::{maybe_at, maybe_named, maybe_unsigned, unsigned};
use super::failure::Failure;
use super::find;
use super::reader::Reader;
use super::run::{AFTER_ALL, cursor};
use super::waits::{self, Here, Waits};
use crate::model::id::{RunId, TaskId};
use crate::model::refused::Refused;
use crate::wire::task::Usage;
use crate::wire::{Page, Task};

/// Which tasks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Those of this run, as people name runs; in the order of the file.
    pub run: Option<String>,
    /// Those in this state; `pending` is blocked or queued.
    pub state: Option<String>,
    /// Those after this place in the list.
    pub cursor: Option<String>,
    /// So many at most.
    pub limit: usize,
}

const ONE: &str = "
SELECT t.id, t.run_id, j.name, t.name, t.state, t.outcome,
       coalesce(a.number, t.n_attempts),
       t.max_attempts, t.queued_at, t.started_at, t.ended_at, t.exit_code, t.output, t.error,
       t.outputs, a.cpu_us, a.peak_memory_bytes, a.peak_pids,
       t.ordinal, r.definition_id, t.until_steady, t.until_wall, t.pools
  FROM task t
  JOIN run r ON r.id = t.run_id
  LEFT JOIN job j ON j.id = r.job_id
  LEFT JOIN attempt a
    ON a.launch = (SELECT launch FROM attempt WHERE task_id = t.id ORDER BY number DESC, launch DESC LIMIT 1)
 WHERE t.id = ?1";

/// The task that `name` means. What it waits for is told to who says where he is.
pub fn one(reader: &Reader, name: &str, here: Option<&Here>) -> Result<Task, Refused> {
    reader.read(|tx| {
        let id = find::task(tx, name)?;
        by_id(tx, id, &mut Waits::new(here))
    })
}

/// The id of the task that `name` means.
pub fn id(reader: &Reader, name: &str) -> Result<TaskId, Refused> {
    reader.read(|tx| find::task(tx, name))
}

fn by_id(tx: &Transaction<'_>, id: TaskId, waits: &mut Waits<'_>) -> Result<Task, Failure> {
    let mut statement = tx.prepare_cached(ONE)?;
    let (mut task, row) = statement.query_row([id.as_bytes()], |row| Ok((read(row)?, read_waiting(row)?)))?;
    task.waits_for = waits.task(tx, &task, &row)?;
    Ok(task)
}

fn read_waiting(row: &Row<'_>) -> rusqlite::Result<waits::Row> {
    Ok(waits::Row {
        ordinal: row.get::<_, u32>(18)? as usize,
        definition_id: row.get(19)?,
        until_steady: row.get(20)?,
        until_wall: row.get(21)?,
        pools: row.get(22)?,
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        id: TaskId::from_bytes(row.get(0)?),
        run_id: RunId::from_bytes(row.get(1)?),
        job: row.get(2)?,
        name: row.get(3)?,
        state: row.get(4)?,
        outcome: row.get(5)?,
        attempt: unsigned(row, 6)?,
        max_attempts: unsigned(row, 7)?,
        queued_at: maybe_at(row, 8)?,
        started_at: maybe_at(row, 9)?,
        ended_at: maybe_at(row, 10)?,
        exit_code: row.get(11)?,
        output: row.get(12)?,
        outputs: maybe_named(row, 14)?,
        error: row.get(13)?,
        usage: usage(row)?,
        waits_for: None,
    })
}

/// What the last attempt has used, if anybody has counted.
fn usage(row: &Row<'_>) -> rusqlite::Result<Option<Usage>> {
    let usage = Usage {
        cpu_us: maybe_unsigned(row, 15)?,
        peak_memory_bytes: maybe_unsigned(row, 16)?,
        peak_pids: maybe_unsigned(row, 17)?,
    };
    Ok(Some(usage).filter(|usage| *usage != Usage::default()))
}

const OF_RUN: &str = "SELECT id FROM task WHERE run_id = ?1 ORDER BY ordinal";

/// The tasks of a run, in the order of the file.
pub(crate) fn of_run(tx: &Transaction<'_>, run: RunId, waits: &mut Waits<'_>) -> Result<Vec<Task>, Failure> {
    let mut statement = tx.prepare_cached(OF_RUN)?;
    let ids = statement.query_map([run.as_bytes()], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
    ids.into_iter().map(|id| by_id(tx, TaskId::from_bytes(id), waits)).collect()
}

const LIVE_PAGE: &str = "
SELECT id FROM task
 WHERE ended_at IS NULL AND state IN (?2, ?3) AND id < ?1
 ORDER BY id DESC LIMIT ?4";

// Most tasks complete, so those that did not have an index of their own.
const AMISS_PAGE: &str = "
SELECT id FROM task INDEXED BY task_amiss
 WHERE ended_at IS NOT NULL AND state <> 'completed' AND state IN (?2, ?3) AND id < ?1
 ORDER BY id DESC LIMIT ?4";

const PAGE: &str = "
SELECT id FROM task
 WHERE id < ?1 AND (?2 IS NULL OR state IN (?2, ?3))
 ORDER BY id DESC LIMIT ?4";

/// One page of tasks, newest first; those of one run in the order of the file, on one page.
pub fn page(reader: &Reader, filter: &Filter, here: Option<&Here>) -> Result<Page<Task>, Refused> {
    let states = states(filter.state.as_deref())?;
    let after = cursor(filter.cursor.as_deref())?;
    reader.read(|tx| {
        let mut waits = Waits::new(here);
        if let Some(run) = &filter.run {
            let mut items = of_run(tx, find::run(tx, run)?, &mut waits)?;
            if let Some((one, other)) = states {
                items.retain(|task| task.state == one || task.state == other);
            }
            return Ok(Page::whole(items));
        }
        let statement = match states {
            Some((state, _)) if is_live(state) => LIVE_PAGE,
            Some(("completed", _)) | None => PAGE,
            Some(_) => AMISS_PAGE,
        };
        let (one, other) = states.unzip();
        let after = after.as_ref().map_or(AFTER_ALL, |id| id.as_slice());
        let mut statement = tx.prepare_cached(statement)?;
        let ids = statement
            .query_map(params![after, one, other, filter.limit as i64 + 1], |row| row.get::<_, [u8; 16]>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        let next_cursor = next_cursor(&ids, filter.limit);
        let shown = ids.into_iter().take(filter.limit);
        let items = shown.map(|id| by_id(tx, TaskId::from_bytes(id), &mut waits)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    })
}

fn hex(id: &[u8; 16]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The place behind the last of `limit` ids, if there are more.
pub(crate) fn next_cursor(ids: &[[u8; 16]], limit: usize) -> Option<String> {
    let last = ids.get(..limit)?.last()?;
    (ids.len() > limit).then(|| hex(last))
}

/// Every word that `state` may be.
pub const STATES: [&str; 10] =
    ["blocked", "queued", "running", "retrying", "waiting", "completed", "failed", "cancelled", "skipped", "pending"];
const LIVE: [&str; 5] = ["blocked", "queued", "running", "retrying", "waiting"];
const ENDED: [&str; 4] = ["completed", "failed", "cancelled", "skipped"];

fn is_live(state: &str) -> bool {
    LIVE.contains(&state)
}

fn states(word: Option<&str>) -> Result<Option<(&str, &str)>, Refused> {
    match word {
        None => Ok(None),
        Some("pending") => Ok(Some(("blocked", "queued"))),
        Some(state) if LIVE.contains(&state) || ENDED.contains(&state) => Ok(Some((state, state))),
        Some(word) => {
            let problem =
                format!("`{word}` is no state of a task: {}, {} or pending", LIVE.join(", "), ENDED.join(", "));
            Err(Refused::BadRequest { problem })
        }
    }
}
