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
    /// What its last attempt has used, all its processes together; nothing while that runs, and where nobody counted.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// For people: what it waits for; nothing while it runs and when it has ended.
    #[serde(default)]
    pub waits_for: Option<String>,
}

/// What an attempt has used, as its cgroup has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, JsonSchema, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time, in microseconds.
    pub cpu_us: Option<u64>,
    /// The most bytes of memory at one moment.
    pub peak_memory_bytes: Option<u64>,
    /// The most processes and threads at one moment.
    pub peak_pids: Option<u64>,
}

impl Task {
    /// Whether it will never change again.
    pub fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }
}
