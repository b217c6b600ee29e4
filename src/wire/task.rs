//! A task as the surfaces show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::shape;
use crate::model::id::{RunId, TaskId};
use crate::model::timestamp::Timestamp;

/// One task of one run.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    #[schemars(with = "shape::Id")]
    pub id: TaskId,
    /// The run that it is part of.
    #[schemars(with = "shape::Id")]
    pub run_id: RunId,
    /// The job; nothing for what was submitted ad hoc.
    pub job: Option<String>,
    /// Its name within the run.
    pub name: String,
    /// Where it is.
    pub state: String,
    /// Why it ended as it did.
    pub outcome: Option<String>,
    /// The number of its latest attempt; 0 before the first.
    pub attempt: u64,
    /// How often it is tried.
    pub max_attempts: u64,
    /// Since when it may start.
    #[schemars(with = "Option<shape::Instant>")]
    pub queued_at: Option<Timestamp>,
    /// When its first attempt began.
    #[schemars(with = "Option<shape::Instant>")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schemars(with = "Option<shape::Instant>")]
    pub ended_at: Option<Timestamp>,
    /// The exit code of its last attempt.
    pub exit_code: Option<i64>,
    /// What it wrote to stdout.
    pub output: Option<String>,
    /// Named values that it leaves.
    pub outputs: Map<String, Value>,
    /// For people: what went wrong.
    pub error: Option<String>,
}

impl Task {
    /// Whether it will never change again.
    pub fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }
}
