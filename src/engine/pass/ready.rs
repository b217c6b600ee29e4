//! When a task has ended: what comes after it is unblocked or skipped, and a run whose tasks have all ended ends.

use crate::engine::work::{Run, Work};
use crate::engine::{change, precondition, step, values};
use crate::model::definition::PRECONDITION;
use crate::model::graph;
use crate::model::id::RunId;
use crate::model::outcome::Outcome;
use crate::model::state::{RunEvent, TaskState};
use crate::store::task::{Seen, TaskRow};
use crate::store::{StoreError, run as runs, task};

/// Looks at every run of which a task has ended in this step.
pub(crate) fn ready(work: &mut Work<'_>) -> Result<(), StoreError> {
    while let Some(id) = work.dirty.pop_first() {
        step::guarded(work, step::Culprit::Run(id), |work| ready_one(work, id))?;
        // What was skipped just now has been looked at already.
        work.dirty.remove(&id);
    }
    Ok(())
}

fn ready_one(work: &mut Work<'_>, id: RunId) -> Result<(), StoreError> {
    let run = work.run(id)?;
    if run.row.state.has_ended() {
        return Ok(());
    }
    let mut rows = task::of_run(work.tx, id)?;
    let states: Vec<TaskState> = rows.iter().map(|row| row.state).collect();
    let advances = if run.row.is_held { Vec::new() } else { graph::advance(&run.defined.job.tasks, &states) };
    for (index, event) in advances {
        change::task(work, &mut rows[index], &[event], &Seen::default())?;
    }
    let states: Vec<TaskState> = rows.iter().map(|row| row.state).collect();
    if let Some(event) = graph::conclusion(&run.defined.job.tasks, &states) {
        let failed = rows.iter().find(|row| matches!(row.state, TaskState::Failed(_)));
        let error = match event {
            RunEvent::TasksExpired => Some("nothing of it had begun when it was too late".to_owned()),
            RunEvent::ConditionFalse => precondition_error(work, &rows)?,
            RunEvent::Claimed | RunEvent::TasksCompleted | RunEvent::TasksFailed(_) | RunEvent::TasksCancelled => {
                failed.map(|row| explain(work, row)).transpose()?
            }
        };
        let (event, error) = leave(work, &run, &rows, event, error)?;
        let has_ended = change::run(work, id, event, error.as_deref())?;
        if has_ended && event == RunEvent::ConditionFalse {
            precondition::said_no(work, &run)?;
        }
    }
    Ok(())
}

/// What people are told of a run whose precondition said no: how.
fn precondition_error(work: &Work<'_>, rows: &[TaskRow]) -> Result<Option<String>, StoreError> {
    let Some(asked) = rows.iter().find(|row| row.name == PRECONDITION) else { return Ok(None) };
    Ok(task::error(work.tx, asked.id)?.map(|why| format!("its precondition {why}")))
}

/// What people are told of a run that a task has failed: which, and why.
fn explain(work: &Work<'_>, row: &TaskRow) -> Result<String, StoreError> {
    Ok(match task::error(work.tx, row.id)? {
        Some(why) => format!("task `{}` failed: {why}", row.name),
        None => format!("task `{}` failed", row.name),
    })
}

/// Records what the run leaves. One whose outputs cannot be had has not done what it was to do.
fn leave(
    work: &mut Work<'_>,
    run: &Run,
    rows: &[TaskRow],
    event: RunEvent,
    error: Option<String>,
) -> Result<(RunEvent, Option<String>), StoreError> {
    let job = &run.defined.job;
    // The output of an only task is not kept twice.
    let last = if rows.len() > 1 { values::last_task(job).and_then(|at| rows.get(at)) } else { None };
    let output = last.map(|row| task::output(work.tx, row.id)).transpose()?.flatten();
    let outputs = match event == RunEvent::TasksCompleted && !job.outputs.is_empty() {
        true => Some(values::outputs(work, run)?),
        false => None,
    };
    let (outputs, failure) = match outputs {
        Some(Ok(outputs)) => (Some(outputs), None),
        Some(Err(why)) => (None, Some(why)),
        None => (None, None),
    };
    if output.is_some() || outputs.is_some() {
        runs::leave(work.tx, run.row.id, output.as_deref(), outputs.as_deref())?;
    }
    Ok(match failure {
        Some(why) => (RunEvent::TasksFailed(Outcome::InvalidRequest), Some(why)),
        None => (event, error),
    })
}
