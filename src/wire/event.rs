//! An event as the surfaces show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shape;
use crate::model::id::{RunId, TaskId};
use crate::model::timestamp::Timestamp;

/// One committed fact.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Event {
    /// Its number; there are no gaps.
    pub seq: u64,
    /// When.
    #[schemars(with = "shape::Instant")]
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// To which job.
    pub job: Option<String>,
    /// To which run.
    #[schemars(with = "Option<shape::Id>")]
    pub run_id: Option<RunId>,
    /// To which task.
    #[schemars(with = "Option<shape::Id>")]
    pub task_id: Option<TaskId>,
    /// Whatever else there is to say: an object.
    pub data: Value,
}
