//! The wall clock was set. Durations go on as if nothing had happened (the step is added up and taken off steady time);
//! a step forward is time that nobody was there for; a step back takes the cursors with it.
//! What waits for a time of day compares it with the clock as it now is, so nothing of it need be changed.

use serde_json::json;

use crate::engine::work::{Subject, Work};
use crate::engine::{answer, step};
use crate::model::event::EventType;
use crate::store::{StoreError, fact, schedule};

/// Records the step. The clock value of this engine step already contains it.
pub(super) fn stepped(work: &mut Work<'_>, by_us: i64) -> Result<(), StoreError> {
    fact::set(work.tx, "stepped_us", &work.cache.stepped_us.to_string())?;
    let now = work.now.wall;
    if by_us > step::STALL.as_micros() {
        work.session.alive_since = now;
    }
    work.session.alive_since = work.session.alive_since.min(now);
    work.session.prune_at = now;
    rewind(work)?;
    work.record(EventType::ClockStepped, Subject::default(), json!({ "by_us": by_us }))
}

/// Brings back the cursors that are ahead of now: since the clock went back under a daemon, or while there was none.
pub(super) fn rewind(work: &mut Work<'_>) -> Result<(), StoreError> {
    for id in schedule::ahead(work.tx, work.now.wall)? {
        step::guarded(work, step::Culprit::Schedule(id), |work| answer::return_to_now(work, id))?;
    }
    Ok(())
}
