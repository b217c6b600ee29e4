//! What is sent to the daemon, and what commands are answered. Unknown fields are refused: a word that we do not know
//! may have been the important one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape;
use crate::model::definition::CatchUp;
use crate::model::id::RunId;
use crate::model::timestamp::Timestamp;

/// The most tasks that one submission holds.
pub const MAX_SUBMITTED: usize = 10_000;

/// Start a job by hand.
#[derive(Clone, PartialEq, Debug, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// The nominal time that the run is to believe in.
    #[schemars(with = "Option<shape::Instant>")]
    pub at: Option<Timestamp>,
    /// Past the gate.
    pub force: bool,
    /// The values of its parameters, by name.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// Start nothing of a job, or nothing at all.
#[derive(Clone, PartialEq, Debug, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pause {
    /// Why, for people: one line of at most 1024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Instant>")]
    pub until: Option<Timestamp>,
}

/// Take back a pause.
#[derive(Clone, PartialEq, Debug, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resume {
    /// Which of the due times that passed meanwhile start after all: `none`, the `latest`, or `all`, as many as the schedule
    /// catches up at most.
    pub catch_up: ResumeCatchUp,
}

/// Which of the due times that passed during a pause start after all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, JsonSchema, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ResumeCatchUp {
    /// None of them: the schedule starts at now.
    #[default]
    None,
    /// The newest.
    Latest,
    /// The newest, up to `catch_up_max` of them, oldest first.
    All,
}

impl From<ResumeCatchUp> for CatchUp {
    fn from(said: ResumeCatchUp) -> Self {
        match said {
            ResumeCatchUp::None => CatchUp::None,
            ResumeCatchUp::Latest => CatchUp::Latest,
            ResumeCatchUp::All => CatchUp::All,
        }
    }
}

/// Skip a due time that lies ahead.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// Which.
    #[schemars(with = "shape::Instant")]
    pub at: Timestamp,
}

/// Run due times of the past: all of the job's schedules in `[from, to)`.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartBackfill {
    /// The first instant that counts.
    #[schemars(with = "shape::Instant")]
    pub from: Timestamp,
    /// The first that does not; not later than now.
    #[schemars(with = "shape::Instant")]
    pub to: Timestamp,
    /// Only the due times of this schedule, by its name or its key; without it, of all that a clock tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// How many of its runs may be live at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000))]
    pub max_runs: u32,
    /// Only say what would be run.
    #[serde(default)]
    pub dry_run: bool,
}

fn one() -> u32 {
    1
}

/// Run these tasks, each as a run of its own.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// At least one, each by the rules of a job file.
    #[schemars(length(min = 1, max = 10_000), with = "Vec<shape::Task>")]
    pub tasks: Vec<serde_json::Value>,
}

/// A run exists.
#[derive(Clone, PartialEq, Eq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Started {
    /// Its id.
    #[schemars(with = "shape::Id")]
    pub id: RunId,
    /// Its job.
    pub job: String,
    /// Its number within its job.
    pub number: u64,
}

/// Runs exist.
#[derive(Clone, PartialEq, Eq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Submitted {
    /// Their ids, in the order of the tasks.
    #[schemars(with = "Vec<shape::Id>")]
    pub ids: Vec<RunId>,
}

/// A job was put, or taken away.
#[derive(Clone, PartialEq, Eq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Put {
    /// The job.
    pub name: String,
    /// The file that defines it, or did.
    pub path: String,
    /// There was no such file before.
    pub created: bool,
    /// The job has a new revision, or is retired.
    pub changed: bool,
}

/// What a reload changed.
#[derive(Clone, PartialEq, Eq, Debug, Default, JsonSchema, Serialize, Deserialize)]
pub struct Reloaded {
    /// Jobs with a new revision, the first included.
    pub changed: Vec<String>,
    /// Jobs whose files are gone.
    pub retired: Vec<String>,
    /// How many jobs are as they were.
    pub n_unchanged: usize,
    /// How many files could not be read.
    pub n_invalid: usize,
    /// Settings that were changed and count only when the daemon starts again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_restart: Vec<String>,
}
