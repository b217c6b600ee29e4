//! What is sent to the daemon, and what commands are answered. Unknown fields are refused: a word that we do not know
//! may have been the important one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape;
use crate::model::duration::Duration;
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

/// Run these tasks, each as a run of its own.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// At least one.
    #[schemars(length(min = 1, max = 10_000))]
    pub tasks: Vec<SubmittedTask>,
}

/// A task that belongs to no job: exactly one of `command`, `shell` and `noop`.
#[derive(Clone, PartialEq, Debug, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [
    { "required": ["command"], "properties": { "command": { "type": "array" } } },
    { "required": ["shell"], "properties": { "shell": { "type": "string" } } },
    { "required": ["noop"], "properties": { "noop": { "const": true } } },
]))]
pub struct SubmittedTask {
    /// `main` unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Name>")]
    pub name: Option<String>,
    /// A program and its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Argv>")]
    pub command: Option<Vec<String>>,
    /// A text for `/bin/sh -c`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Text>")]
    pub shell: Option<String>,
    /// Nothing: it completes when it is claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noop: Option<bool>,
    /// 1 goes first, 9 last; otherwise 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "whole")]
    #[schemars(with = "Option<i64>", range(min = 1, max = 9))]
    pub priority: Option<i64>,
    /// When it may start; with `delay` it is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Instant>")]
    pub at: Option<Timestamp>,
    /// How long it waits before it may start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Length>")]
    pub delay: Option<Duration>,
    /// How long it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Length>")]
    pub timeout: Option<Duration>,
    /// Added to the environment that every task has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "shape::Environment")]
    pub env: BTreeMap<String, String>,
    /// Where it starts; otherwise HOME.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::Text>")]
    pub working_dir: Option<String>,
}

/// A whole number, however it is written: to JSON, `9.0` is one too.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let rounded = || number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15).map(|n| n as i64);
    let whole = number.as_i64().or_else(rounded);
    whole.map(Some).ok_or_else(|| serde::de::Error::custom(format!("`{number}` is not a whole number")))
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
