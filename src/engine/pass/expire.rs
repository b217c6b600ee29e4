//! What has waited long enough goes on: tasks that are to be tried again, or were to start later, become queued.

use crate::engine::work::Work;
use crate::engine::{change, step};
use crate::model::state::TaskEvent;
use crate::store::task::Seen;
use crate::store::{StoreError, task};

/// How many rows one step wakes.
const LIMIT: usize = 512;

/// Wakes the tasks whose time has come.
pub(crate) fn expire(work: &mut Work<'_>) -> Result<(), StoreError> {
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
