//! Jobs whose schedules have started all that they may: nothing of them is due any more.

use crate::engine::work::Work;
use crate::engine::{command, step};
use crate::store::StoreError;

/// Ends their schedules. It comes after all passes that start runs for due times.
pub(crate) fn finish(work: &mut Work<'_>) -> Result<(), StoreError> {
    while let Some(id) = work.finished.pop_first() {
        step::guarded(work, step::Culprit::Command, |work| command::end_schedules(work, id))?;
    }
    Ok(())
}
