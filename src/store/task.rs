//! Tasks of runs.

use rusqlite::Row;

use super::{StoreError, Tx};
use crate::model::id::{Launch, RunId, TaskId};
use crate::model::policy::judge::Tries;
use crate::model::state::TaskState;
use crate::model::timestamp::{Steady, Timestamp};

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
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, run_id, ordinal, name, state, outcome, launch, until_steady, priority, queued_at, started_at, \
             n_attempts, n_interrupted, n_drained, max_attempts, cancelled FROM task ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<TaskRow, StoreError> {
    let id: TaskId = row.get(0)?;
    let state: String = row.get(4)?;
    let outcome: Option<String> = row.get(5)?;
    let (launch, until): (Option<Launch>, Option<Steady>) = (row.get(6)?, row.get(7)?);
    let state = read_state(&state, outcome.as_deref(), launch, until)
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
    })
}

fn read_state(state: &str, outcome: Option<&str>, launch: Option<Launch>, until: Option<Steady>) -> Option<TaskState> {
    let outcome = || outcome?.parse().ok();
    match state {
        "blocked" => Some(TaskState::Blocked),
        "queued" => Some(TaskState::Queued),
        "running" => launch.map(|launch| TaskState::Running { launch }),
        "retrying" => until.map(|until| TaskState::Retrying { until }),
        "waiting" => until.map(|until| TaskState::Waiting { until }),
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
SELECT id, state, launch, until_steady, priority, queued_at FROM task
 WHERE ended_at IS NULL
   AND (state = 'queued' OR state = 'running' AND launch IS NOT NULL OR state = 'retrying' AND until_steady IS NOT NULL
        OR state = 'waiting' AND until_steady IS NOT NULL)";
const LEFT: &str = "
SELECT name, state, exit_code, output, outputs FROM task WHERE run_id = ?1 AND ordinal = ?2 AND ended_at IS NOT NULL";
const ERROR: &str = "SELECT error FROM task WHERE id = ?1";
const OUTPUT: &str = "SELECT output FROM task WHERE id = ?1";
const WAITING_FOR_WALL: &str = "
SELECT task.id, task.until_steady FROM task JOIN run ON run.id = task.run_id
 WHERE task.ended_at IS NULL AND task.state = 'waiting' AND task.until_steady IS NOT NULL
   AND run.scheduled_at IS NOT NULL";
const PUT_OFF: &str = "UPDATE task SET until_steady = ?2 WHERE id = ?1 AND ended_at IS NULL AND state = 'waiting'";
const INSERT: &str = "
INSERT INTO task (id, run_id, ordinal, name, state, priority, queued_at, max_attempts, until_steady)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const STEP: &str = "
UPDATE task
   SET state = ?3, outcome = ?4, launch = ?5, until_steady = ?6, queued_at = coalesce(queued_at, ?7),
       started_at = coalesce(started_at, ?8), ended_at = ?9, n_attempts = ?10, n_interrupted = ?11, n_drained = ?12,
       exit_code = ?13, output = ?14, error = ?15, outputs = ?16
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

/// The waiting tasks whose time is one of the wall clock, and when that is on steady time.
pub(crate) fn waiting_for_wall(tx: &Tx<'_>) -> Result<Vec<(TaskId, Steady)>, StoreError> {
    tx.all(WAITING_FOR_WALL, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Lets a waiting task wait until another moment.
pub(crate) fn put_off(tx: &Tx<'_>, id: TaskId, until: Steady) -> Result<(), StoreError> {
    tx.execute(PUT_OFF, &[&id, &until]).map(drop)
}

/// What the indexes of live tasks are made of.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) id: TaskId,
    pub(crate) state: TaskState,
    pub(crate) priority: u8,
    pub(crate) queued_at: Timestamp,
}

/// Every task that is queued, running, retrying or waiting, as narrow as can be.
pub(crate) fn live(tx: &Tx<'_>) -> Result<Vec<Live>, StoreError> {
    tx.all(LIVE, &[], |row| {
        let id: TaskId = row.get(0)?;
        let state: String = row.get(1)?;
        let state = read_state(&state, None, row.get(2)?, row.get(3)?)
            .ok_or_else(|| StoreError::unreadable(format!("task {id}"), format!("its state is `{state}`")))?;
        let queued_at: Option<Timestamp> = row.get(5)?;
        Ok(Live { id, state, priority: row.get(4)?, queued_at: queued_at.unwrap_or_default() })
    })
}

/// New tasks.
pub(crate) fn insert(tx: &Tx<'_>, tasks: &[TaskRow]) -> Result<(), StoreError> {
    for task in tasks {
        let ordinal = i64::try_from(task.ordinal).unwrap_or(i64::MAX);
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
                &places(task.state).1,
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

/// What the columns of a state's own data hold.
fn places(state: TaskState) -> (Option<Launch>, Option<Steady>) {
    match state {
        TaskState::Running { launch } => (Some(launch), None),
        TaskState::Retrying { until } | TaskState::Waiting { until } => (None, Some(until)),
        TaskState::Blocked
        | TaskState::Queued
        | TaskState::Completed
        | TaskState::Failed(_)
        | TaskState::Cancelled(_)
        | TaskState::Skipped(_) => (None, None),
    }
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
    let (launch, until) = places(task.state);
    let values: &[&dyn rusqlite::ToSql] = &[
        &task.id,
        &from.as_str(),
        &task.state.as_str(),
        &outcome,
        &launch,
        &until,
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
