//! A job: a named definition with its schedules, its graph of tasks and its hooks.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Action, Hook, Param, Schedule, Target, Task};
use crate::model::duration::Duration;

/// A job as its file defines it, defaults filled in. The name is the file's stem and no part of the definition.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Job {
    /// For people.
    pub description: String,
    /// `false` pauses the job by file.
    pub enabled: bool,
    /// What happens to one run more than `max_runs`.
    pub overlap: Overlap,
    /// How many runs may be live at once.
    pub max_runs: u32,
    /// So many runs that fail one after another pause the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_after: Option<u32>,
    /// So many runs are started by its schedules, and then they end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_after: Option<u32>,
    /// How many runs may be queued at once.
    #[serde(default = "queue_limit", skip_serializing_if = "is_queue_limit")]
    pub queue_limit: u32,
    /// How long after it was queued a run ends of which nothing has begun; otherwise never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<Duration>,
    /// 1 goes first, 9 last.
    pub priority: Priority,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// An expression that must be true before a run of it is made. A command that is asked is its first task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precondition: Option<String>,
    /// When it is due. A job without schedules is started by hand.
    pub schedules: Vec<Schedule>,
    /// What it does; never empty, names unique, `after` without cycles.
    pub tasks: Vec<Task>,
    /// What whoever starts it may say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
    /// Named values that a completed run leaves, each a template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Whom it tells.
    pub hooks: Vec<Hook>,
}

fn queue_limit() -> u32 {
    1_000
}

fn is_queue_limit(limit: &u32) -> bool {
    *limit == queue_limit()
}

impl Default for Job {
    /// What a file that says nothing else stands for; it has no tasks yet.
    fn default() -> Self {
        Job {
            description: String::new(),
            enabled: true,
            overlap: Overlap::default(),
            max_runs: 1,
            pause_after: None,
            ends_after: None,
            queue_limit: queue_limit(),
            expires_after: None,
            priority: Priority::default(),
            tags: Vec::new(),
            precondition: None,
            schedules: Vec::new(),
            tasks: Vec::new(),
            params: Vec::new(),
            outputs: BTreeMap::new(),
            hooks: Vec::new(),
        }
    }
}

impl Job {
    /// Makes it a job that came over the API: whoever sent it may be further away than whoever writes files here, and what
    /// only this machine can reach is not theirs to call.
    pub fn call_public_only(&mut self) {
        for task in &mut self.tasks {
            if let Action::Http(request) = &mut task.action {
                request.public_only = true;
            }
        }
        for hook in &mut self.hooks {
            if let Target::Webhook(webhook) = &mut hook.target {
                webhook.public_only = true;
            }
        }
    }

    /// The task of that name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

/// What happens to one run more than `max_runs`: the policies of Temporal's schedules, with their meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It does not start; the due time is answered by `overlap`.
    #[default]
    Skip,
    /// It is held until there is room; one more while it is held is skipped.
    BufferOne,
    /// It is held until there is room, and so is each after it, in order.
    BufferAll,
    /// What is live is cancelled, and it starts once that has ended; it takes the place of what is held.
    CancelOther,
    /// The same, but what is live is killed without grace.
    TerminateOther,
    /// It starts: the bound is lifted.
    Allow,
}

impl Overlap {
    /// Every policy.
    pub const ALL: [Overlap; 6] = [
        Overlap::Skip,
        Overlap::BufferOne,
        Overlap::BufferAll,
        Overlap::CancelOther,
        Overlap::TerminateOther,
        Overlap::Allow,
    ];

    /// The word in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Overlap::Skip => "skip",
            Overlap::BufferOne => "buffer_one",
            Overlap::BufferAll => "buffer_all",
            Overlap::CancelOther => "cancel_other",
            Overlap::TerminateOther => "terminate_other",
            Overlap::Allow => "allow",
        }
    }
}

/// 1 (first) to 9 (last).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(u8);

impl Priority {
    /// The priority of that number, if it is 1 to 9.
    pub fn new(number: i64) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| (1..=9).contains(n)).map(Priority)
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Priority(5)
    }
}

/// A job's name: `[a-z0-9][a-z0-9_.-]{0,63}`, safe as a file name, in a URL and on a command line.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobName(String);

impl JobName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`, beginning with a letter or digit")]
pub struct NotAName(pub String);

/// Whether `text` is `[a-z0-9][a-z0-9_.-]{0,63}`; jobs, tasks and schedules are all named so.
pub fn is_name(text: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
    let first = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 64 && text.as_bytes().first().is_some_and(first) && text.bytes().all(rest)
}

impl FromStr for JobName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        if is_name(text) { Ok(JobName(text.to_owned())) } else { Err(NotAName(text.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere_or_refused() {
        for good in ["a", "0", "nightly-report", "db.vacuum_1", &"x".repeat(64)] {
            assert!(good.parse::<JobName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "_a", "A", "a b", "a/b", "..", "ä", "а", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<JobName>().is_err(), "{bad:?}");
        }
    }
}
