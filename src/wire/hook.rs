//! A hook as the surfaces show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule of whom to tell.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Hook {
    /// Its name, or else what it calls; the path of a URL is not shown.
    pub name: String,
    /// The job whose file has it; nothing for one of the configuration.
    pub job: Option<String>,
    /// The events it waits for, in which `*` stands for any run of characters.
    pub on: Vec<String>,
    /// The jobs it waits for; empty is every job.
    pub jobs: Vec<String>,
    /// `shell`, `command` or `webhook`.
    pub kind: String,
    /// How long one delivery may take.
    pub timeout: String,
    /// How often a delivery is tried.
    pub max_attempts: u32,
}
