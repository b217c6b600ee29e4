//! An event as the surfaces show it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::id::{RunId, TaskId};
use crate::model::timestamp::Timestamp;

/// One committed fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its number; there are no gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// To which job.
    pub job: Option<String>,
    /// To which run.
    pub run_id: Option<RunId>,
    /// To which task.
    pub task_id: Option<TaskId>,
    /// Whatever else there is to say: an object.
    pub data: Value,
}
