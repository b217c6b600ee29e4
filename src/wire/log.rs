//! A line of an attempt's log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape;
use crate::model::timestamp::Timestamp;

/// One line that a task wrote.
#[derive(Clone, PartialEq, Eq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct LogLine {
    /// The task's name.
    pub task: String,
    /// The number of the attempt.
    pub attempt: u64,
    /// When it was read; nothing for a line that does not say.
    #[schemars(with = "Option<shape::Instant>")]
    pub at: Option<Timestamp>,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The line ends here. A long line comes in parts, of which only the last is whole.
    pub whole: bool,
    /// What it says, without the line end.
    pub text: String,
}
