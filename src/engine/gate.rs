//! The one gate. Scheduled, caught-up, backfilled and manual runs of a job all come through here: the job's row says how many are
//! live and held, the definition says how many may be, and only a run that is let in or held is made.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::begin::{self, Birth, Entry};
use super::command::{Haste, cancel_run};
use super::precondition;
use super::work::Work;
use crate::model::definition::{Job, Overlap};
use crate::model::id::{BackfillId, JobId, RunId};
use crate::model::outcome::{Cause, Reason};
use crate::model::policy::overlap::{self, Admission, Standing};
use crate::model::timestamp::{Timestamp, Until};
use crate::store::job::JobRow;
use crate::store::{StoreError, job, run};

/// A run that wants to start.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) cause: Cause,
    pub(crate) scheduled_at: Option<Timestamp>,
    pub(crate) timezone: Option<String>,
    pub(crate) force: bool,
    /// Its due time was missed: the governor of catching up counts it.
    pub(crate) is_caught_up: bool,
    /// The backfill that it is of.
    pub(crate) backfill: Option<BackfillId>,
    /// The values of its parameters that are given, as they were accepted.
    pub(crate) params: Map<String, Value>,
    /// When it ends if nothing of it has begun, besides what its job says.
    pub(crate) expires: Option<Until>,
}

/// Makes a run of `job`, live or held, or says why not. The job's row is brought up to date.
pub(crate) fn admit(
    work: &mut Work<'_>,
    job: &mut JobRow,
    wanted: Wanted,
) -> Result<Result<(RunId, u64), Reason>, StoreError> {
    let mut defined = work.cache.defined(work.tx, job.definition_id)?;
    if wanted.cause == Cause::Occurrence && has_ended(&defined.job, job) {
        work.finished.insert(job.id);
        return Ok(Err(Reason::Retired));
    }
    let policy = defined.job.overlap;
    let admission = overlap::admit(&defined.job, standing(work, job, wanted.force));
    let entry = match admission {
        Admission::Refuse(reason) => return Ok(Err(reason)),
        Admission::Start if wanted.force => Entry::Forced,
        Admission::Start => Entry::Admitted,
        Admission::Hold | Admission::Displace { .. } => Entry::Held(policy),
    };
    if wanted.force && defined.job.has_precondition() {
        defined = work.cache.define(work.tx, defined.job.without_precondition())?;
    }
    let waited = defined.job.expires_after.map(|length| Until::Steady(work.now.steady.plus(length)));
    let expires = [waited, wanted.expires].into_iter().flatten().min_by_key(|until| until.steady(work.now));
    let birth = Birth {
        id: work.ids.run(),
        job: Some(job),
        defined: Arc::clone(&defined),
        cause: wanted.cause,
        scheduled_at: wanted.scheduled_at,
        timezone: wanted.timezone,
        priority: defined.job.priority.number(),
        params: wanted.params,
        not_before: None,
        entry,
        is_caught_up: wanted.is_caught_up,
        backfill: wanted.backfill,
        expires,
    };
    if !precondition::holds(work, &birth)? {
        return Ok(Err(Reason::Condition));
    }
    // Only now: what does not start ends nobody.
    if let Admission::Displace { n_live, at_once } = admission {
        displace(work, job.id, policy, n_live, Haste::of(at_once))?;
    }
    let begun = begin::run(work, &birth)?;
    *job = job::get(work.tx, job.id)?;
    if has_ended(&defined.job, job) {
        work.finished.insert(job.id);
    }
    Ok(Ok(begun))
}

fn standing(work: &Work<'_>, job: &JobRow, force: bool) -> Standing {
    let paused = job.paused_at.is_some() || work.cache.is_paused;
    Standing { n_live: job.n_live, n_held: job.n_held, n_queued: job.n_queued, paused, force }
}

/// Whether one more run of the job would be let in now, nobody displaced for it.
pub(crate) fn has_room(work: &mut Work<'_>, job: &JobRow) -> Result<bool, StoreError> {
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    Ok(overlap::admit(&defined.job, standing(work, job, false)) == Admission::Start)
}

/// Whether the job starts nothing by itself.
pub(crate) fn is_paused(work: &mut Work<'_>, job: &JobRow) -> Result<bool, StoreError> {
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    Ok(job.paused_at.is_some() || work.cache.is_paused || !defined.job.enabled)
}

/// Whether the schedules of the job have started all that they may.
pub(crate) fn has_ended(definition: &Job, job: &JobRow) -> bool {
    definition.ends_after.is_some_and(|n| job.n_scheduled >= n)
}

/// Gives up what is held of the job, and ends its oldest live runs. What has not begun ends in this step, what runs when
/// its processes are gone; until then they are live, and the newcomer waits.
fn displace(work: &mut Work<'_>, job: JobId, policy: Overlap, n_live: u32, haste: Haste) -> Result<(), StoreError> {
    let by = format!("`overlap = \"{}\"`", policy.as_str());
    let mut displaced = run::held_of_job(work.tx, job, u32::MAX)?;
    displaced.extend(run::live_of_job(work.tx, job, n_live)?);
    displaced.into_iter().try_for_each(|run| cancel_run(work, run, &by, haste))
}
