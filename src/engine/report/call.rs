//! What is said of requests, which the daemon makes itself and which end with it: that one is being made, that one has
//! ended, and, when a daemon opens the store, that all of the one before are gone. None is ever made again under its
//! number, since nobody knows how far it came.

use super::runner;
use crate::engine::step;
use crate::engine::work::Work;
use crate::model::exit::{Exit, ExitKind};
use crate::model::id::Launch;
use crate::model::timestamp::Timestamp;
use crate::store::StoreError;

/// A request is being made.
pub(super) fn started(work: &mut Work<'_>, launch: Launch, at: Timestamp) -> Result<(), StoreError> {
    runner::started(work, launch, at)
}

/// A request has ended.
pub(super) fn ended(work: &mut Work<'_>, launch: Launch, exit: &Exit) -> Result<(), StoreError> {
    runner::attempt_ended(work, launch, exit)
}

/// The daemon that was making requests is gone.
pub(super) fn lose_all(work: &mut Work<'_>) -> Result<(), StoreError> {
    let calls = work.cache.live.iter().filter(|(_, live)| live.is_call);
    let mut launches: Vec<Launch> = calls.map(|(launch, _)| *launch).collect();
    launches.sort_unstable();
    let exit = Exit::bare(ExitKind::Lost, work.now.wall);
    launches.into_iter().try_for_each(|launch| {
        step::guarded(work, step::Culprit::Report(Some(launch)), |work| runner::attempt_ended(work, launch, &exit))
    })
}
