//! A job as it counts: key by key, each with the place where it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The definition of a job in force.
#[derive(Clone, PartialEq, Debug, Default, JsonSchema, Serialize, Deserialize)]
pub struct Effective {
    /// Every key, in the order of the definition.
    pub items: Vec<EffectiveKey>,
}

/// One key.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct EffectiveKey {
    /// Its path, as in `tasks.main.retry.delay`.
    pub key: String,
    /// What counts. A secret is its reference.
    pub value: Value,
    /// The file that says so; `null` for a default.
    pub file: Option<String>,
    /// The line, counted from 1.
    pub line: Option<u64>,
}
