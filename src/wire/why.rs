//! What became of a due time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape;
use crate::model::id::{BackfillId, RunId};
use crate::model::timestamp::Timestamp;

/// The answer to "why did, or did not, this job start then".
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Why {
    /// The job.
    pub job: String,
    /// The instant asked about.
    #[schemars(with = "shape::Instant")]
    pub at: Timestamp,
    /// What each schedule that was due then has to say; empty if none was.
    pub answers: Vec<WhyAnswer>,
    /// The runs that backfills have started for it since, oldest first.
    #[serde(default)]
    pub backfilled: Vec<WhyBackfilled>,
    /// The nearest due time before it.
    #[schemars(with = "Option<shape::Instant>")]
    pub previous_due_at: Option<Timestamp>,
    /// The nearest due time after it.
    #[schemars(with = "Option<shape::Instant>")]
    pub next_due_at: Option<Timestamp>,
    /// The schedules that cannot be evaluated, and why; only what is recorded of them is known.
    pub problems: Vec<String>,
    /// All of it in one sentence, for people.
    pub text: String,
}

/// What one schedule says of one due time.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct WhyAnswer {
    /// What identifies the schedule within its job.
    pub schedule: String,
    /// What became of it.
    pub answer: WhyKind,
    /// The run that it started, or that asked its precondition and came to nothing.
    #[schemars(with = "Option<shape::Id>")]
    pub run_id: Option<RunId>,
    /// Where that run is.
    pub run_state: Option<String>,
    /// Why it did not start.
    pub reason: Option<String>,
    /// The first of the neighbouring due times that share the reason.
    #[schemars(with = "Option<shape::Instant>")]
    pub first_due_at: Option<Timestamp>,
    /// The last of them.
    #[schemars(with = "Option<shape::Instant>")]
    pub last_due_at: Option<Timestamp>,
    /// How many they are.
    pub n: Option<u64>,
}

/// A run that a backfill has started for a due time. The answer that the due time had before stays.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct WhyBackfilled {
    /// The run.
    #[schemars(with = "shape::Id")]
    pub run_id: RunId,
    /// Where that run is.
    pub run_state: String,
    /// The backfill.
    #[schemars(with = "shape::Id")]
    pub backfill_id: BackfillId,
}

/// What may become of a due time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyKind {
    /// A run was started for it.
    Run,
    /// It did not start, for a reason.
    Skipped,
    /// It was missed and waits to be caught up.
    Backlog,
    /// It lies ahead.
    Pending,
    /// It was due before the schedule was first loaded, or its record is no longer kept.
    Unrecorded,
}
