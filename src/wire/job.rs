//! A job as the surfaces show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::run::Run;
use super::shape;
use crate::model::definition::Overlap;
use crate::model::timestamp::Timestamp;

/// One job.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Grows with every change of its file.
    pub revision: u64,
    /// For people.
    pub description: String,
    /// The file that it comes from.
    pub source: String,
    /// `false` if its file pauses it.
    pub enabled: bool,
    /// Somebody paused it.
    pub paused: bool,
    /// Who did.
    pub paused_by: Option<String>,
    /// Since when.
    #[schemars(with = "Option<shape::Instant>")]
    pub paused_at: Option<Timestamp>,
    /// Why, in their words.
    #[serde(default)]
    pub paused_note: Option<String>,
    /// When it ends by itself.
    #[serde(default)]
    #[schemars(with = "Option<shape::Instant>")]
    pub paused_until: Option<Timestamp>,
    /// Since when its file is gone.
    #[schemars(with = "Option<shape::Instant>")]
    pub retired_at: Option<Timestamp>,
    /// What happens to one run more than `max_runs`.
    #[schemars(with = "shape::Word")]
    pub overlap: Overlap,
    /// How many of its runs may be live at once.
    pub max_runs: u32,
    /// 1 goes first, 9 last.
    pub priority: u8,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The names of its tasks, in order.
    pub tasks: Vec<String>,
    /// Its parameters by name, each in the words of a job file.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// When it is due.
    pub schedules: Vec<Schedule>,
    /// How many of its runs are live.
    pub n_live: u64,
    /// How many runs wait until there is room.
    #[serde(default)]
    pub n_held: u64,
    /// How many runs its schedules have started.
    #[serde(default)]
    pub n_scheduled: u64,
    /// After how many of them they end.
    #[serde(default)]
    pub ends_after: Option<u32>,
    /// Its latest run.
    pub last_run: Option<Run>,
    /// When a run of it last completed.
    #[schemars(with = "Option<shape::Instant>")]
    pub last_success_at: Option<Timestamp>,
}

/// One rule of when a job is due.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Schedule {
    /// What identifies it within its job.
    pub key: String,
    /// The rule, as people write it.
    pub timing: String,
    /// All of it, as definitions are stored: from this its due times can be found.
    #[serde(default)]
    pub definition: Option<Value>,
    /// The zone in which the rule is read.
    pub timezone: String,
    /// When it is due next.
    #[schemars(with = "Option<shape::Instant>")]
    pub next_at: Option<Timestamp>,
    /// Its last due time that has its answer.
    #[schemars(with = "Option<shape::Instant>")]
    pub last_at: Option<Timestamp>,
}
