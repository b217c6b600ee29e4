//! The one gate. Scheduled, caught-up and manual runs of a job all come through here: the job's row says how many are
//! live, the definition says how many may be, and only an admitted run is made.

use serde_json::{Map, Value};

use super::begin::{self, Birth};
use super::work::Work;
use crate::model::id::RunId;
use crate::model::outcome::{Cause, Reason};
use crate::model::policy::overlap::{self, Standing};
use crate::model::timestamp::Timestamp;
use crate::store::job::JobRow;
use crate::store::{StoreError, job};

/// A run that wants to start.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) cause: Cause,
    pub(crate) scheduled_at: Option<Timestamp>,
    pub(crate) timezone: Option<String>,
    pub(crate) force: bool,
    /// The values of its parameters that are given, as they were accepted.
    pub(crate) params: Map<String, Value>,
}

/// Starts a run of `job`, or says why not. The job's row is brought up to date.
pub(crate) fn admit(
    work: &mut Work<'_>,
    job: &mut JobRow,
    wanted: Wanted,
) -> Result<Result<(RunId, u64), Reason>, StoreError> {
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    let standing = Standing { n_live: job.n_live, paused: job.is_paused || work.cache.is_paused, force: wanted.force };
    if let Some(reason) = overlap::refusal(&defined.job, standing) {
        return Ok(Err(reason));
    }
    let priority = defined.job.priority.number();
    let birth = Birth {
        job: Some(job),
        defined,
        cause: wanted.cause,
        scheduled_at: wanted.scheduled_at,
        timezone: wanted.timezone,
        priority,
        params: wanted.params,
        not_before: None,
    };
    let begun = begin::run(work, birth)?;
    *job = job::get(work.tx, job.id)?;
    Ok(Ok(begun))
}
