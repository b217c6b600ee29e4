//! Retention: ended runs go by age and by count, per terminal state; then events, from the oldest only and never past one
//! that somebody has still to be told of. It works when a step happens anyway and never asks for one, so an idle daemon
//! writes nothing; and in bounded pieces. How many there are is always known; for their age it looks every ten seconds.

use std::collections::HashSet;

use crate::engine::Effect;
use crate::engine::counters::Ended;
use crate::engine::work::Work;
use crate::model::duration::Duration;
use crate::model::id::{EventSeq, RunId};
use crate::model::timestamp::{Steady, Timestamp};
use crate::store::{StoreError, attempt, backfill, delivery, event, request, run, task};

/// How many runs one step forgets.
const LIMIT: i64 = 200;
/// How long a request that carried a key is remembered.
const KEYS: Duration = Duration::from_secs(86_400);
/// How often it looks.
const PERIOD: Duration = Duration::from_secs(10);

/// Forgets what is too old or too many.
pub(crate) fn prune(work: &mut Work<'_>) -> Result<(), StoreError> {
    let keep = work.limits().retention;
    let kinds = [(Ended::Completed, keep.completed), (Ended::Failed, keep.failed), (Ended::Cancelled, keep.cancelled)];
    for (kind, keep) in kinds {
        let excess = work.cache.n_ended(kind).saturating_sub(keep.max_count);
        if excess > 0 {
            let limit = i64::try_from(excess).unwrap_or(LIMIT).min(LIMIT);
            forget(work, kind, Timestamp::MAX, limit)?;
        }
    }
    // The clock may have gone back since: what is further away than one period was not promised.
    if work.now.wall < work.session.prune_at && work.session.prune_at <= work.now.wall.plus(PERIOD) {
        return Ok(());
    }
    let mut n_pruned = prune_events(work)?;
    let before = Steady(work.now.steady.0.saturating_sub(KEYS.as_micros()));
    n_pruned += request::prune(work.tx, before, LIMIT)?;
    n_pruned += backfill::prune(work.tx, work.now.wall.minus(keep.longest()), LIMIT)?;
    for (kind, keep) in kinds {
        n_pruned += forget(work, kind, work.now.wall.minus(keep.max_age), LIMIT)?;
    }
    if n_pruned == 0 {
        work.session.prune_at = work.now.wall.plus(PERIOD);
    }
    Ok(())
}

/// Forgets the oldest `limit` runs that ended so before `before`.
fn forget(work: &mut Work<'_>, kind: Ended, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
    let mut ids = run::older(work.tx, kind.as_str(), before, limit)?;
    // A run that was broken has ended before its processes; they are spoken for until they are gone.
    let live: HashSet<RunId> = work.cache.live.values().map(|live| live.run).collect();
    ids.retain(|id| !live.contains(id));
    for id in &ids {
        let logs = attempt::logs_of_run(work.tx, *id)?;
        if !logs.is_empty() {
            work.effects.push(Effect::RemoveLogs(logs));
        }
    }
    attempt::delete(work.tx, &ids)?;
    task::delete(work.tx, &ids)?;
    run::delete(work.tx, &ids)?;
    work.cache.forget_ended(kind, ids.len());
    Ok(ids.len())
}

fn prune_events(work: &mut Work<'_>) -> Result<usize, StoreError> {
    let max_age = work.limits().retention.longest();
    let Some(oldest) = event::older(work.tx, work.now.wall.minus(max_age), LIMIT * 10)? else { return Ok(0) };
    let until = match delivery::oldest_owed(work.tx)? {
        Some(EventSeq(owed)) if owed <= oldest.0 => EventSeq(owed.saturating_sub(1)),
        _ => oldest,
    };
    delivery::prune(work.tx, until)?;
    event::prune(work.tx, until)
}
