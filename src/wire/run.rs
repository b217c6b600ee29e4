//! A run as the surfaces show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::shape;
use super::task::Task;
use crate::model::id::{BackfillId, RunId};
use crate::model::timestamp::Timestamp;

/// One run, with its tasks.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    #[schemars(with = "shape::Id")]
    pub id: RunId,
    /// Its job; nothing for what was submitted ad hoc.
    pub job: Option<String>,
    /// Its number within its job.
    pub number: Option<u64>,
    /// The revision of its job when it was inserted.
    pub revision: Option<u64>,
    /// Where it is.
    pub state: String,
    /// Why it ended as it did.
    pub outcome: Option<String>,
    /// Why it exists.
    pub cause: String,
    /// The run that it repeats.
    #[schemars(with = "Option<shape::Id>")]
    pub rerun_of: Option<RunId>,
    /// The due time, or the time that a start by hand is to believe in.
    #[schemars(with = "Option<shape::Instant>")]
    pub scheduled_at: Option<Timestamp>,
    /// Since when it exists.
    #[schemars(with = "shape::Instant")]
    pub queued_at: Timestamp,
    /// When its first task was claimed.
    #[schemars(with = "Option<shape::Instant>")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schemars(with = "Option<shape::Instant>")]
    pub ended_at: Option<Timestamp>,
    /// 1 goes first, 9 last.
    pub priority: u8,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// How undoing it went.
    pub rollback: Option<String>,
    /// For people: what went wrong.
    pub error: Option<String>,
    /// The values of its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// What its last task wrote to stdout, where there is only one that nothing comes after.
    pub output: Option<String>,
    /// Named values that it leaves.
    pub outputs: Map<String, Value>,
    /// Its tasks, in the order of the file.
    pub tasks: Vec<Task>,
    /// For people: what it waits for; nothing while a task of it runs and when it has ended.
    #[serde(default)]
    pub waits_for: Option<String>,
    /// The backfill that it is of.
    #[serde(default)]
    #[schemars(with = "Option<shape::Id>")]
    pub backfill_id: Option<BackfillId>,
    /// Somebody insisted on it: the gate and a precondition were passed by.
    #[serde(default)]
    pub forced: bool,
}

impl Run {
    /// Whether it will never change again.
    pub fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// What people call it: `job#N`, or the end of its id.
    pub fn name(&self) -> String {
        match (&self.job, self.number) {
            (Some(job), Some(number)) => format!("{job}#{number}"),
            (Some(_) | None, _) => self.id.short(),
        }
    }
}
