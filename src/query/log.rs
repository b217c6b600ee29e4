//! Where the logs of attempts are: their order, their files, and whether more may come.

use rusqlite::{Transaction, params};

use super::column::unsigned;
use super::failure::Failure;
use super::find;
use super::find::not_found;
use super::reader::Reader;
use crate::model::id::{RunId, TaskId};
use crate::model::process;
use crate::model::refused::Refused;

/// Whose logs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Of {
    /// Those of a run's tasks.
    Run {
        /// As people name runs.
        name: String,
        /// Of this task only.
        task: Option<String>,
    },
    /// Those of a task.
    Task(String),
}

/// The logs of a run or task, as far as there are any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logs {
    /// Oldest attempt first within each task, tasks in the order of the file.
    pub attempts: Vec<Attempt>,
    /// No further attempt will come.
    pub ended: bool,
}

/// One attempt that may have a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Its number for ever.
    pub launch: i64,
    /// The task's name.
    pub task: String,
    /// Which try it is.
    pub number: u64,
    /// Its log, below the state folder; there may be no such file.
    pub path: String,
    /// It is over.
    pub ended: bool,
}

const TASKS_OF_RUN: &str = "
SELECT t.id, t.name, t.ended_at IS NOT NULL, r.id, j.name
  FROM task t
  JOIN run r ON r.id = t.run_id
  LEFT JOIN job j ON j.id = r.job_id
 WHERE t.run_id = ?1 AND (?2 IS NULL OR t.name = ?2)
 ORDER BY t.ordinal";

const TASK: &str = "
SELECT t.id, t.name, t.ended_at IS NOT NULL, r.id, j.name
  FROM task t
  JOIN run r ON r.id = t.run_id
  LEFT JOIN job j ON j.id = r.job_id
 WHERE t.id = ?1 AND (?2 IS NULL OR t.name = ?2)";

const ATTEMPTS: &str = "
SELECT launch, number, state = 'ended', log_path FROM attempt
 WHERE task_id = ?1 AND (?2 IS NULL OR number = ?2)
 ORDER BY number";

/// The logs there are now; of one attempt only, where its number is given.
pub fn logs(reader: &Reader, of: &Of, number: Option<u64>) -> Result<Logs, Refused> {
    reader.read(|tx| {
        let (statement, id, task) = match of {
            Of::Run { name, task } => (TASKS_OF_RUN, *find::run(tx, name)?.as_bytes(), task.as_deref()),
            Of::Task(name) => (TASK, *find::task(tx, name)?.as_bytes(), None),
        };
        let mut statement = tx.prepare_cached(statement)?;
        let mut rows = statement.query(params![id, task])?;
        let mut logs = Logs { attempts: Vec::new(), ended: true };
        let mut n_tasks = 0;
        while let Some(row) = rows.next()? {
            n_tasks += 1;
            logs.ended &= row.get::<_, bool>(2)?;
            let of_task = OfTask {
                id: TaskId::from_bytes(row.get(0)?),
                name: row.get(1)?,
                run: RunId::from_bytes(row.get(3)?),
                job: row.get(4)?,
            };
            attempts(tx, &of_task, number, &mut logs.attempts)?;
        }
        match task {
            Some(task) if n_tasks == 0 => Err(not_found("task", task)),
            Some(_) | None => Ok(logs),
        }
    })
}

struct OfTask {
    id: TaskId,
    name: String,
    run: RunId,
    job: Option<String>,
}

fn attempts(tx: &Transaction<'_>, task: &OfTask, number: Option<u64>, found: &mut Vec<Attempt>) -> Result<(), Failure> {
    let mut statement = tx.prepare_cached(ATTEMPTS)?;
    let mut rows = statement.query(params![task.id.as_bytes(), number.map(|n| i64::try_from(n).unwrap_or(-1))])?;
    while let Some(row) = rows.next()? {
        let number = unsigned(row, 1)?;
        let by_rule = || process::log_path(task.job.as_deref(), task.run, &task.name, number);
        found.push(Attempt {
            launch: row.get(0)?,
            task: task.name.clone(),
            number,
            path: row.get::<_, Option<String>>(3)?.unwrap_or_else(by_rule),
            ended: row.get(2)?,
        });
    }
    Ok(())
}
