//! A due time that lies ahead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape;
use crate::model::timestamp::Timestamp;

/// One due time of one schedule.
#[derive(Clone, PartialEq, Eq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Next {
    /// The job.
    pub job: String,
    /// What identifies the schedule within its job.
    pub schedule: String,
    /// When it is due.
    #[schemars(with = "shape::Instant")]
    pub due_at: Timestamp,
    /// The zone in which the rule is read.
    pub timezone: String,
    /// The job, or everything, is paused: as things are, it will not start.
    pub paused: bool,
    /// Somebody has skipped it: it will not start.
    #[serde(default)]
    pub skipped: bool,
    /// Why nothing is known of the due times behind this one.
    pub problem: Option<String>,
}
