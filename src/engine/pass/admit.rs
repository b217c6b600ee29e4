//! Held runs are let in when there is room for one more of their job, oldest first. What has no room is parked: only the
//! end of a run, a resume or a new revision of the job makes the pass look at it again.

use crate::engine::cache::Defined;
use crate::engine::work::Work;
use crate::engine::{after_end, gate, step};
use crate::model::id::{JobId, RunId};
use crate::model::policy::overlap;
use crate::store::{StoreError, job, run};

/// Lets in what has room.
pub(crate) fn admit(work: &mut Work<'_>) -> Result<(), StoreError> {
    while let Some(job) = work.cache.next_freed() {
        let row = job::get(work.tx, job)?;
        if gate::is_paused(work, &row)? {
            continue;
        }
        let defined = work.cache.defined(work.tx, row.definition_id)?;
        for run in run::held_of_job(work.tx, job, overlap::room(&defined.job, row.n_live))? {
            step::guarded(work, step::Culprit::Run(run), |work| let_in(work, job, run, &defined))?;
        }
    }
    Ok(())
}

fn let_in(work: &mut Work<'_>, job: JobId, id: RunId, defined: &Defined) -> Result<(), StoreError> {
    run::release(work.tx, id)?;
    job::let_in(work.tx, job)?;
    work.cache.held_left(job);
    let mut run = work.run(id)?;
    run.row.is_held = false;
    work.remember(run);
    work.dirty.insert(id);
    // The end of the run before may have had the next one counted from then.
    after_end::began(work, job, defined)
}
