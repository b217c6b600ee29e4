//! What has waited long enough goes on: tasks that are to be tried again, or were to start later, become queued; pauses
//! that end by themselves end. What has waited too long ends: runs of which nothing has begun.

use crate::engine::work::Work;
use crate::engine::{change, command, step};
use crate::model::id::RunId;
use crate::model::state::{RunState, TaskEvent};
use crate::store::task::Seen;
use crate::store::{StoreError, task};

/// How many pauses and runs one step ends, and how many rows it wakes.
const LIMIT: usize = 512;

/// Wakes the tasks whose time has come, and ends the pauses and runs whose time is over.
pub(crate) fn expire(work: &mut Work<'_>) -> Result<(), StoreError> {
    end_pauses(work)?;
    end_runs(work)?;
    wake(work)
}

fn end_pauses(work: &mut Work<'_>) -> Result<(), StoreError> {
    for _ in 0..LIMIT {
        let Some(job) = work.cache.next_pause_end(work.now.wall) else { return Ok(()) };
        step::guarded(work, step::Culprit::Command, |work| command::end_pause(work, job))?;
    }
    // There may be more.
    work.again = true;
    Ok(())
}

fn end_runs(work: &mut Work<'_>) -> Result<(), StoreError> {
    for _ in 0..LIMIT {
        let Some(id) = work.cache.next_expired(work.now) else { return Ok(()) };
        step::guarded(work, step::Culprit::Run(id), |work| end(work, id))?;
    }
    // There may be more.
    work.again = true;
    Ok(())
}

fn wake(work: &mut Work<'_>) -> Result<(), StoreError> {
    for _ in 0..LIMIT {
        let Some(id) = work.cache.next_woken(work.now) else { return Ok(()) };
        step::guarded(work, step::Culprit::Task(id), |work| {
            let mut row = task::get(work.tx, id)?;
            change::task(work, &mut row, &[TaskEvent::Woken], &Seen::default()).map(drop)
        })?;
    }
    // There may be more.
    work.again = true;
    Ok(())
}

/// Ends a run that is queued or held.
fn end(work: &mut Work<'_>, id: RunId) -> Result<(), StoreError> {
    if !matches!(work.run(id)?.row.state, RunState::Queued | RunState::Waiting) {
        return Ok(());
    }
    for mut row in task::of_run(work.tx, id)? {
        let seen = Seen { error: Some("it had not begun when it was too late"), ..Seen::default() };
        change::task(work, &mut row, &[TaskEvent::Expired], &seen)?;
    }
    Ok(())
}
