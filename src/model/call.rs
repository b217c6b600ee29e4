//! An HTTP request to make: a task's attempt that is no process. Its description is complete but for secrets.

use super::definition::Http;
use super::duration::Duration;
use super::id::Launch;

/// One request, rendered.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// Its number; everything said about it carries this number.
    pub launch: Launch,
    /// For people, as in `job nightly, run 3f2a…, task main, attempt 1`.
    pub label: String,
    /// What is sent, and what is expected.
    pub request: Http,
    /// The same for every attempt of the task; sent as `Idempotency-Key`.
    pub idempotency_key: String,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Bytes of log that it may keep.
    pub max_output: u64,
    /// Its log, below the state folder.
    pub log_path: String,
}
