//! What is said of requests, which the daemon makes itself and which end with it: that one is being made, that one has
//! ended, and, when a daemon opens the store, that all of the one before are gone. None is ever made again under its
//! number, since nobody knows how far it came.

use super::runner;
use crate::engine::step;
use crate::engine::work::Work;
use crate::model::exit::{Exit, ExitKind, LogFile};
use crate::model::id::Launch;
use crate::model::process::log_path;
use crate::model::timestamp::Timestamp;
use crate::store::{StoreError, run, task};

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
    launches.into_iter().try_for_each(|launch| {
        step::guarded(work, step::Culprit::Report(Some(launch)), |work| {
            let log = begun_log(work, launch)?;
            let exit = Exit { log, ..Exit::bare(ExitKind::Lost, work.now.wall) };
            runner::attempt_ended(work, launch, &exit)
        })
    })
}

/// Where the daemon that is gone has begun a log, if it came so far: to be read, and to be deleted with its run. It may
/// not be asked of the definition, which need not be readable for the attempt to be over.
fn begun_log(work: &mut Work<'_>, launch: Launch) -> Result<Option<LogFile>, StoreError> {
    let Some(live) = work.cache.live.get(&launch).copied() else { return Ok(None) };
    let row = task::get(work.tx, live.task)?;
    let job = run::get(work.tx, live.run)?.job_id.and_then(|id| work.cache.job_names.get(&id).cloned());
    let path = log_path(job.as_deref(), live.run, &row.name, u64::from(row.tries.n_attempts));
    Ok(Some(LogFile { path, n_bytes: 0, n_dropped: 0 }))
}
