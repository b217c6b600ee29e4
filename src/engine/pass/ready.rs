//! When a task has ended: what comes after it is unblocked or skipped, and a run whose tasks have all ended ends.

use crate::engine::work::Work;
use crate::engine::{change, step};
use crate::model::graph;
use crate::model::id::RunId;
use crate::model::state::TaskState;
use crate::store::task::Seen;
use crate::store::{StoreError, task};

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
    for (index, event) in graph::advance(&run.defined.job.tasks, &states) {
        change::task(work, &mut rows[index], &[event], &Seen::default())?;
    }
    let states: Vec<TaskState> = rows.iter().map(|row| row.state).collect();
    if let Some(event) = graph::conclusion(&states) {
        let failed = rows.iter().find(|row| matches!(row.state, TaskState::Failed(_)));
        let error = failed.map(|row| format!("task `{}` failed", row.name));
        change::run(work, id, event, error.as_deref())?;
        // A job that has room again may go on catching up.
        work.again |= run.row.job_id.is_some_and(|job| work.cache.stir(Some(job)));
    }
    Ok(())
}
