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
    for n in 0.. {
        let Some((until, id)) = work.cache.retries.first().copied() else { return Ok(()) };
        if until > work.now.steady {
            return Ok(());
        }
        if n == LIMIT {
            work.again = true;
            return Ok(());
        }
        work.cache.retries.remove(&(until, id));
        step::guarded(work, step::Culprit::Task(id), |work| {
            let mut row = task::get(work.tx, id)?;
            change::task(work, &mut row, &[TaskEvent::Woken], &Seen::default()).map(drop)
        })?;
    }
    Ok(())
}
