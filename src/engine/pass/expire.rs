//! What has waited long enough goes on: tasks that are to be tried again, or were to start later, become queued; pauses
//! that end by themselves end.

use crate::engine::work::Work;
use crate::engine::{change, command, step};
use crate::model::state::TaskEvent;
use crate::store::task::Seen;
use crate::store::{StoreError, task};

/// How many rows one step wakes.
const LIMIT: usize = 512;

/// Wakes the tasks whose time has come.
pub(crate) fn expire(work: &mut Work<'_>) -> Result<(), StoreError> {
    while let Some(job) = work.cache.next_pause_end(work.now.wall) {
        step::guarded(work, step::Culprit::Command, |work| command::end_pause(work, job))?;
    }
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
