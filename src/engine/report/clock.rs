//! The wall clock was set. Durations go on as if nothing had happened (the step is added up and taken off steady time);
//! a step forward is time that nobody was there for; a step back takes the cursors with it.

use serde_json::json;

use crate::engine::work::{Subject, Work};
use crate::engine::{answer, step};
use crate::model::event::EventType;
use crate::model::timestamp::Steady;
use crate::store::{StoreError, fact, schedule, task};

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
    follow_wall(work, by_us)?;
    work.record(EventType::ClockStepped, Subject::default(), json!({ "by_us": by_us }))
}

/// Tasks that wait for a time of day wait for it on the clock as it now is.
fn follow_wall(work: &mut Work<'_>, by_us: i64) -> Result<(), StoreError> {
    for (id, before) in task::waiting_for_wall(work.tx)? {
        let until = Steady(before.0.saturating_sub(by_us));
        task::put_off(work.tx, id, until)?;
        work.cache.retries.remove(&(before, id));
        work.cache.retries.insert((until, id));
    }
    Ok(())
}

/// Brings back the cursors that are ahead of now: since the clock went back under a daemon, or while there was none.
pub(super) fn rewind(work: &mut Work<'_>) -> Result<(), StoreError> {
    for id in schedule::ahead(work.tx, work.now.wall)? {
        step::guarded(work, step::Culprit::Schedule(id), |work| answer::return_to_now(work, id))?;
    }
    Ok(())
}
