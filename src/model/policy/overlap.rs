//! The gate: whether one more run of a job may start. Scheduled, caught-up and manual runs all ask here, and nowhere else.

use crate::model::definition::{Job, Overlap};
use crate::model::outcome::Reason;

/// What the gate looks at besides the definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// How many runs of the job are live.
    pub n_live: u32,
    /// The job, or everything, is paused.
    pub paused: bool,
    /// Somebody insists.
    pub force: bool,
}

/// Why one more run of `job` may not start now; nothing if it may.
pub fn refusal(job: &Job, standing: Standing) -> Option<Reason> {
    if standing.force {
        return None;
    }
    if standing.paused || !job.enabled {
        return Some(Reason::Paused);
    }
    match job.overlap {
        Overlap::Allow => None,
        Overlap::Skip => (standing.n_live >= job.max_runs).then_some(Reason::Overlap),
    }
}
