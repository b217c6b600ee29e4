//! What was seen of an attempt's end: facts only. What they mean is decided by `policy::judge`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::duration::Duration;
use super::timestamp::Timestamp;

/// How an attempt was seen to end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exit {
    /// What ended it.
    pub kind: ExitKind,
    /// When its process existed first; nothing if it never did, or nobody knows.
    pub started_at: Option<Timestamp>,
    /// When its end was seen.
    pub ended_at: Timestamp,
    /// What it wrote to stdout: at most 64 KiB, head and tail of more; invalid UTF-8 replaced.
    pub output: String,
    /// The named values that it left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// For people: why what it left as named values is none, if it left something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_error: Option<String>,
    /// Whom it called asks to be left alone so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// Its log, if it wrote anything.
    pub log: Option<LogFile>,
    /// The most that all its processes used together, where that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How many processes it left behind that were killed.
    pub n_leftovers: u32,
    /// For people: why it could not be started, or is not known.
    pub error: Option<String>,
}

impl Exit {
    /// An end of that kind, seen at `ended_at`, of something that left no trace.
    pub fn bare(kind: ExitKind, ended_at: Timestamp) -> Self {
        Exit {
            kind,
            started_at: None,
            ended_at,
            output: String::new(),
            outputs: BTreeMap::new(),
            outputs_error: None,
            retry_after: None,
            log: None,
            usage: None,
            n_leftovers: 0,
            error: None,
        }
    }
}

/// What an attempt used, all its processes together, as its cgroup has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// The most bytes of memory at one moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The most processes and threads at one moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_pids: Option<u64>,
}

/// What ended an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitKind {
    /// It ended by itself with this code.
    Code(i32),
    /// This signal, not sent by us, ended it.
    Signal(i32),
    /// We stopped it because it took too long.
    Timeout,
    /// We stopped it because we were asked to.
    Stopped(StopReason),
    /// It is gone, and nobody saw how.
    Lost,
    /// It could not be started.
    NotStarted,
    /// Its request was answered with this status.
    Status(u16),
    /// Its request reached nobody: nothing of it was sent.
    Unreached,
    /// Its request was sent, wholly or in part, and there is no answer that could be used.
    Unanswered,
    /// It cannot be done as it is written; trying again would not help.
    Invalid,
}

/// Why we were asked to stop an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Somebody cancelled the run or task.
    Cancel,
    /// The daemon is stopping; the work is to go on later.
    Drain,
}

/// Where an attempt's log is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogFile {
    /// Below the state folder.
    pub path: String,
    /// How many bytes it holds.
    pub n_bytes: u64,
    /// How many bytes were dropped from its middle.
    pub n_dropped: u64,
}
