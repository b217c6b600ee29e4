//! A backfill as the surfaces show it, and what one would run or will.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape;
use crate::model::id::BackfillId;
use crate::model::timestamp::Timestamp;

/// Due times of the past that somebody wants run.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Backfill {
    /// Its id.
    #[schemars(with = "shape::Id")]
    pub id: BackfillId,
    /// Its job.
    pub job: String,
    /// Where it is: `running`, `completed` or `cancelled`.
    pub state: String,
    /// What identifies its schedules within the job.
    pub schedules: Vec<String>,
    /// The first instant that counts.
    #[schemars(with = "shape::Instant")]
    pub from: Timestamp,
    /// The first that does not.
    #[schemars(with = "shape::Instant")]
    pub to: Timestamp,
    /// So many of its runs may be live at once.
    pub max_runs: u64,
    /// When it was asked for.
    #[schemars(with = "shape::Instant")]
    pub asked_at: Timestamp,
    /// Who asked for it.
    pub asked_by: String,
    /// When it was completed or cancelled.
    #[schemars(with = "Option<shape::Instant>")]
    pub ended_at: Option<Timestamp>,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// Why it was cancelled, if nobody did.
    pub reason: Option<String>,
    /// How many due times it runs, as they were when it was asked for.
    pub n_due: u64,
    /// How many due times of that stretch are excluded, or were skipped by somebody.
    pub n_excluded: u64,
    /// How many runs of it were started.
    pub n_started: u64,
    /// How many of them have not ended.
    pub n_live: u64,
    /// How many completed.
    pub n_completed: u64,
    /// How many failed.
    pub n_failed: u64,
    /// How many were cancelled.
    pub n_cancelled: u64,
    /// Of how many due times no run was made, because the job's precondition was false of them.
    pub n_skipped: u64,
}

/// What a backfill runs, or would run.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Backfilled {
    /// The backfill; nothing if it was only looked at what one would run.
    #[schemars(with = "Option<shape::Id>")]
    pub id: Option<BackfillId>,
    /// Its job.
    pub job: String,
    /// What identifies its schedules within the job.
    pub schedules: Vec<String>,
    /// The first instant that counts.
    #[schemars(with = "shape::Instant")]
    pub from: Timestamp,
    /// The first that does not.
    #[schemars(with = "shape::Instant")]
    pub to: Timestamp,
    /// So many of its runs may be live at once.
    pub max_runs: u64,
    /// How many due times it runs.
    pub n_due: u64,
    /// How many due times of that stretch are excluded, or were skipped by somebody.
    pub n_excluded: u64,
    /// The first 100 of those that would be run, oldest first; none if they will be.
    pub due: Vec<BackfilledDue>,
}

/// One due time that a backfill would run.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct BackfilledDue {
    /// The due time, in the zone of its schedule.
    #[schemars(with = "shape::Instant")]
    pub due_at: String,
    /// What identifies the schedule within its job.
    pub schedule: String,
}
