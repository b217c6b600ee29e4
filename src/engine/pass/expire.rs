//! What has waited long enough goes on: tasks that are to be tried again, or were to start later, become queued; pauses
//! that end by themselves end. What has waited too long ends: runs of which nothing has begun.

use crate::engine::work::Work;
use crate::engine::{change, command, step};
use crate::model::id::RunId;
use crate::model::state::{RunState, TaskEvent};
use crate::store::task::Seen;
use crate::store::{StoreError, task};

/// How many rows one step wakes, and how many runs it ends.
const LIMIT: usize = 512;

/// Wakes the tasks whose time has come, and ends the runs whose time is over.
pub(crate) fn expire(work: &mut Work<'_>) -> Result<(), StoreError> {
    while let Some(job) = work.cache.next_pause_end(work.now.wall) {
        step::guarded(work, step::Culprit::Command, |work| command::end_pause(work, job))?;
    }
    for _ in 0..LIMIT {
        let Some(id) = work.cache.next_expired(work.now) else { return wake(work) };
        step::guarded(work, step::Culprit::Run(id), |work| end(work, id))?;
    }
    // There may be more.
    work.again = true;
    wake(work)
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
