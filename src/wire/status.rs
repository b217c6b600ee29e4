//! What is true of the daemon now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::next::Next;
use super::shape;
use crate::model::invalid::Problem;
use crate::model::timestamp::Timestamp;

/// The daemon in one object.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Status {
    /// The version of the daemon's binary.
    pub version: String,
    /// Since when it runs.
    #[schemars(with = "shape::Instant")]
    pub started_at: Timestamp,
    /// Everything is paused.
    pub paused: bool,
    /// Who did that.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// Since when.
    #[serde(default)]
    #[schemars(with = "Option<shape::Instant>")]
    pub paused_at: Option<Timestamp>,
    /// Why, in their words.
    #[serde(default)]
    pub paused_note: Option<String>,
    /// When it ends by itself.
    #[serde(default)]
    #[schemars(with = "Option<shape::Instant>")]
    pub paused_until: Option<Timestamp>,
    /// Whether processes can be started.
    #[serde(default)]
    pub runner: RunnerStatus,
    /// How many jobs are defined.
    pub jobs: u64,
    /// Files that cannot be read as jobs.
    pub invalid: Vec<InvalidFile>,
    /// Live tasks.
    pub tasks: TaskCounts,
    /// What is due next, soonest first.
    pub next: Vec<Next>,
    /// The agents.
    pub agents: Vec<serde_json::Value>,
    /// What the operator has scheduled for the store itself.
    #[serde(default)]
    pub housekeeping: Vec<Chore>,
}

/// Whether there is a runner, which starts processes. Without one nothing is started.
#[derive(Clone, PartialEq, Eq, Debug, Default, JsonSchema, Serialize, Deserialize)]
pub struct RunnerStatus {
    /// There is.
    pub connected: bool,
    /// Why there is not.
    pub error: Option<String>,
}

impl RunnerStatus {
    /// That of a daemon which has this to say of why there is none.
    pub fn new(why_none: Option<String>) -> Self {
        RunnerStatus { connected: why_none.is_none(), error: why_none }
    }
}

/// A backup or a check that is done at times.
#[derive(Clone, PartialEq, Eq, Debug, Default, JsonSchema, Serialize, Deserialize)]
pub struct Chore {
    /// `backup` or `integrity_check`.
    pub name: String,
    /// When it is done: six cron fields in UTC.
    pub cron: String,
    /// When it last went well, since the daemon started.
    #[schemars(with = "Option<shape::Instant>")]
    pub succeeded_at: Option<Timestamp>,
    /// When it last failed, since the daemon started.
    #[schemars(with = "Option<shape::Instant>")]
    pub failed_at: Option<Timestamp>,
    /// Why it failed, if that was the last that happened.
    pub error: Option<String>,
}

/// How many tasks are live; together, all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, JsonSchema, Serialize, Deserialize)]
pub struct TaskCounts {
    /// They may start as soon as the limits let them.
    pub queued: u64,
    /// An attempt is live.
    pub running: u64,
    /// They wait: for another task, for their next attempt, or for something that is not a process.
    pub waiting: u64,
}

/// A file that cannot be read as a job; its last good revision stays in force.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct InvalidFile {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    #[schemars(with = "Vec<shape::Problem>")]
    pub problems: Vec<Problem>,
}
