//! Tasks of runs.

use rusqlite::Row;

use super::{StoreError, Tx};
use crate::model::definition::Pools;
use crate::model::id::{Launch, RunId, TaskId};
use crate::model::policy::judge::Tries;
use crate::model::state::TaskState;
use crate::model::timestamp::{Steady, Timestamp, Until};

/// A task's row.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TaskRow {
    pub(crate) id: TaskId,
    pub(crate) run_id: RunId,
    /// Its place in the definition.
    pub(crate) ordinal: usize,
    pub(crate) name: String,
    pub(crate) state: TaskState,
    pub(crate) priority: u8,
    pub(crate) queued_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) tries: Tries,
    pub(crate) max_attempts: u32,
    /// Somebody wants it ended.
    pub(crate) is_cancelled: bool,
    /// What an attempt of it takes.
    pub(crate) pools: Pools,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, run_id, ordinal, name, state, outcome, launch, until_steady, priority, queued_at, started_at, \
             n_attempts, n_interrupted, n_drained, max_attempts, cancelled, until_wall, pools FROM task ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<TaskRow, StoreError> {
    let id: TaskId = row.get(0)?;
    let state: String = row.get(4)?;
    let outcome: Option<String> = row.get(5)?;
    let places = Places { launch: row.get(6)?, until_steady: row.get(7)?, until_wall: row.get(16)? };
    let state = read_state(&state, outcome.as_deref(), places)
        .ok_or_else(|| StoreError::unreadable(format!("task {id}"), format!("its state is `{state}`")))?;
    Ok(TaskRow {
        id,
        run_id: row.get(1)?,
        ordinal: row.get::<_, u32>(2)? as usize,
        name: row.get(3)?,
        state,
        priority: row.get(8)?,
        queued_at: row.get(9)?,
        started_at: row.get(10)?,
        tries: Tries { n_attempts: row.get(11)?, n_interrupted: row.get(12)?, n_drained: row.get(13)? },
        max_attempts: row.get(14)?,
        is_cancelled: row.get(15)?,
        pools: read_pools(row, 17, id)?,
    })
}

/// The pools in that column.
pub(super) fn read_pools(row: &Row<'_>, column: usize, id: TaskId) -> Result<Pools, StoreError> {
    let text: Option<String> = row.get(column)?;
    let unreadable = |error| StoreError::unreadable(format!("task {id}"), error);
    text.map_or(Ok(Pools::default()), |text| text.parse().map_err(unreadable))
}

/// What the columns of a state's own data hold.
#[derive(Clone, Copy, Default)]
struct Places {
    launch: Option<Launch>,
    until_steady: Option<Steady>,
    until_wall: Option<Timestamp>,
}

impl Places {
    fn of(state: TaskState) -> Places {
        let none = Places::default();
        match state {
            TaskState::Running { launch } => Places { launch: Some(launch), ..none },
            TaskState::Retrying { until } | TaskState::Waiting { until: Until::Steady(until) } => {
                Places { until_steady: Some(until), ..none }
            }
            TaskState::Waiting { until: Until::Wall(until) } => Places { until_wall: Some(until), ..none },
            TaskState::Blocked
            | TaskState::Queued
            | TaskState::Completed
            | TaskState::Failed(_)
            | TaskState::Cancelled(_)
            | TaskState::Skipped(_) => none,
        }
    }

    fn until(self) -> Option<Until> {
        self.until_wall.map(Until::Wall).or(self.until_steady.map(Until::Steady))
    }
}

fn read_state(state: &str, outcome: Option<&str>, places: Places) -> Option<TaskState> {
    let outcome = || outcome?.parse().ok();
    match state {
        "blocked" => Some(TaskState::Blocked),
        "queued" => Some(TaskState::Queued),
        "running" => places.launch.map(|launch| TaskState::Running { launch }),
        "retrying" => places.until_steady.map(|until| TaskState::Retrying { until }),
        "waiting" => places.until().map(|until| TaskState::Waiting { until }),
        "completed" => Some(TaskState::Completed),
        "failed" => outcome().map(TaskState::Failed),
        "cancelled" => outcome().map(TaskState::Cancelled),
        "skipped" => outcome().map(TaskState::Skipped),
        _ => None,
    }
}

const GET: &str = select!("WHERE id = ?1");
const OF_RUN: &str = select!("WHERE run_id = ?1 ORDER BY ordinal");
const LIVE: &str = "
SELECT id, state, launch, until_steady, until_wall, priority, queued_at, pools FROM task
 WHERE ended_at IS NULL
   AND (state = 'queued' OR state = 'running' AND launch IS NOT NULL OR state = 'retrying' AND until_steady IS NOT NULL
        OR state = 'waiting' AND coalesce(until_wall, until_steady) IS NOT NULL)";
const LEFT: &str = "
SELECT name, state, exit_code, output, outputs FROM task WHERE run_id = ?1 AND ordinal = ?2 AND ended_at IS NOT NULL";
const ERROR: &str = "SELECT error FROM task WHERE id = ?1";
const OUTPUT: &str = "SELECT output FROM task WHERE id = ?1";
const INSERT: &str = "
INSERT INTO task (id, run_id, ordinal, name, state, priority, queued_at, max_attempts, until_steady, until_wall, pools)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const STEP: &str = "
UPDATE task
   SET state = ?3, outcome = ?4, launch = ?5, until_steady = ?6, queued_at = coalesce(queued_at, ?7),
       started_at = coalesce(started_at, ?8), ended_at = ?9, n_attempts = ?10, n_interrupted = ?11, n_drained = ?12,
       exit_code = ?13, output = ?14, error = ?15, outputs = ?16, until_wall = ?17
 WHERE id = ?1 AND state = ?2";
const START: &str = "UPDATE task SET started_at = ?2 WHERE id = ?1 AND started_at IS NULL";
const CANCEL: &str = "UPDATE task SET cancelled = 1 WHERE id = ?1 AND ended_at IS NULL";
const RUN_OF: &str = "SELECT run_id FROM task WHERE id = ?1";
const BREAK: &str = "
UPDATE task SET state = 'failed', outcome = 'internal', ended_at = ?2, error = ?3 WHERE run_id = ?1 AND ended_at IS NULL";
const DELETE_OF_RUN: &str = "DELETE FROM task WHERE run_id = ?1";

/// The task of that id, if there is one.
pub(crate) fn find(tx: &Tx<'_>, id: TaskId) -> Result<Option<TaskRow>, StoreError> {
    tx.one(GET, &[&id], read)
}

/// The task of that id.
pub(crate) fn get(tx: &Tx<'_>, id: TaskId) -> Result<TaskRow, StoreError> {
    find(tx, id)?.ok_or_else(|| StoreError::unreadable(format!("task {id}"), "it is missing"))
}

/// The run's tasks, in the order of the definition.
pub(crate) fn of_run(tx: &Tx<'_>, run: RunId) -> Result<Vec<TaskRow>, StoreError> {
    tx.all(OF_RUN, &[&run], read)
}

/// What a task left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) output: Option<String>,
    /// JSON.
    pub(crate) outputs: Option<String>,
}

/// What those of the run's tasks left that stand at these places of the definition and have ended.
pub(crate) fn left(tx: &Tx<'_>, run: RunId, ordinals: &[usize]) -> Result<Vec<Left>, StoreError> {
    let mut found = Vec::with_capacity(ordinals.len());
    for ordinal in ordinals {
        let ordinal = i64::try_from(*ordinal).unwrap_or(i64::MAX);
        found.extend(tx.one(LEFT, &[&run, &ordinal], |row| {
            Ok(Left {
                name: row.get(0)?,
                state: row.get(1)?,
                exit_code: row.get(2)?,
                output: row.get(3)?,
                outputs: row.get(4)?,
            })
        })?);
    }
    Ok(found)
}

/// What is told of a task that failed.
pub(crate) fn error(tx: &Tx<'_>, id: TaskId) -> Result<Option<String>, StoreError> {
    Ok(tx.one(ERROR, &[&id], |row| Ok(row.get(0)?))?.flatten())
}

/// What a task wrote.
pub(crate) fn output(tx: &Tx<'_>, id: TaskId) -> Result<Option<String>, StoreError> {
    Ok(tx.one(OUTPUT, &[&id], |row| Ok(row.get(0)?))?.flatten())
}

/// What the indexes of live tasks are made of.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) id: TaskId,
    pub(crate) state: TaskState,
    pub(crate) priority: u8,
    pub(crate) queued_at: Timestamp,
    pub(crate) pools: Pools,
}

/// Every task that is queued, running, retrying or waiting, as narrow as can be.
pub(crate) fn live(tx: &Tx<'_>) -> Result<Vec<Live>, StoreError> {
    tx.all(LIVE, &[], |row| {
        let id: TaskId = row.get(0)?;
        let state: String = row.get(1)?;
        let places = Places { launch: row.get(2)?, until_steady: row.get(3)?, until_wall: row.get(4)? };
        let state = read_state(&state, None, places)
            .ok_or_else(|| StoreError::unreadable(format!("task {id}"), format!("its state is `{state}`")))?;
        let queued_at: Option<Timestamp> = row.get(6)?;
        let pools = read_pools(row, 7, id)?;
        Ok(Live { id, state, priority: row.get(5)?, queued_at: queued_at.unwrap_or_default(), pools })
    })
}

/// New tasks.
pub(crate) fn insert(tx: &Tx<'_>, tasks: &[TaskRow]) -> Result<(), StoreError> {
    for task in tasks {
        let ordinal = i64::try_from(task.ordinal).unwrap_or(i64::MAX);
        let places = Places::of(task.state);
        let pools = (!task.pools.is_empty()).then(|| task.pools.to_string());
        tx.execute(
            INSERT,
            &[
                &task.id,
                &task.run_id,
                &ordinal,
                &task.name,
                &task.state.as_str(),
                &task.priority,
                &task.queued_at,
                &task.max_attempts,
                &places.until_steady,
                &places.until_wall,
                &pools,
            ],
        )?;
    }
    Ok(())
}

/// A task's change of state, and what is known of its last attempt.
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    /// Of these the row keeps nothing; the event tells.
    pub(crate) n_leftovers: u32,
    pub(crate) exit_code: Option<i32>,
    pub(crate) output: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    /// JSON: the named values that it left.
    pub(crate) outputs: Option<&'a str>,
}

/// Changes the state of a task that is still in the state `from`; `task` is as it is to be.
pub(crate) fn step(
    tx: &Tx<'_>,
    from: TaskState,
    task: &TaskRow,
    at: Timestamp,
    seen: &Seen<'_>,
) -> Result<(), StoreError> {
    let outcome = task.state.outcome().map(|outcome| outcome.as_str());
    let ended_at = outcome.map(|_| at);
    let places = Places::of(task.state);
    let values: &[&dyn rusqlite::ToSql] = &[
        &task.id,
        &from.as_str(),
        &task.state.as_str(),
        &outcome,
        &places.launch,
        &places.until_steady,
        &task.queued_at,
        &task.started_at,
        &ended_at,
        &task.tries.n_attempts,
        &task.tries.n_interrupted,
        &task.tries.n_drained,
        &seen.exit_code,
        &seen.output,
        &seen.error,
        &seen.outputs,
        &places.until_wall,
    ];
    match tx.execute(STEP, values)? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("task {}", task.id), "its state is not what was read")),
    }
}

/// The task's first process exists.
pub(crate) fn start(tx: &Tx<'_>, id: TaskId, at: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(START, &[&id, &at])? == 1)
}

/// Remembers that somebody wants the task ended.
pub(crate) fn cancel(tx: &Tx<'_>, id: TaskId) -> Result<(), StoreError> {
    tx.execute(CANCEL, &[&id]).map(drop)
}

/// The run that a task belongs to, even if nothing else of the task can be read.
pub(crate) fn run_of(tx: &Tx<'_>, id: TaskId) -> Result<Option<RunId>, StoreError> {
    tx.one(RUN_OF, &[&id], |row| Ok(row.get(0)?))
}

/// Fails every task of the run that has not ended, whatever its state.
pub(crate) fn break_of_run(tx: &Tx<'_>, run: RunId, at: Timestamp, why: &str) -> Result<(), StoreError> {
    tx.execute(BREAK, &[&run, &at, &why]).map(drop)
}

/// Forgets the tasks of runs.
pub(crate) fn delete(tx: &Tx<'_>, runs: &[RunId]) -> Result<(), StoreError> {
    runs.iter().try_for_each(|run| tx.execute(DELETE_OF_RUN, &[run]).map(drop))
}
