//! Events: committed facts, numbered without gaps, past tense, append-only. Their names are a public promise.

use std::fmt;
use std::str::FromStr;

use super::id::{EventSeq, RunId, TaskId};
use super::timestamp::Timestamp;

/// One event as it was committed.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its number; there are no gaps.
    pub seq: EventSeq,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventType,
    /// To which job.
    pub job: Option<String>,
    /// To which run.
    pub run: Option<RunId>,
    /// To which task.
    pub task: Option<TaskId>,
    /// Whatever else there is to say: an object.
    pub data: serde_json::Value,
}

macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What happened.
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        pub enum EventType {
            $($(#[$doc])* $variant,)*
            /// A user's own event; the text is its whole name, `custom.` included.
            Custom(String),
        }

        impl EventType {
            /// Every type that Campanile itself speaks of.
            pub const ALL: &'static [EventType] = &[$(EventType::$variant,)*];

            /// The public name.
            pub fn as_str(&self) -> &str {
                match self {
                    $(EventType::$variant => $name,)*
                    EventType::Custom(name) => name,
                }
            }
        }

        impl FromStr for EventType {
            type Err = NotAnEventType;

            fn from_str(name: &str) -> Result<Self, NotAnEventType> {
                match name {
                    $($name => Ok(EventType::$variant),)*
                    _ if name.len() > 7 && name.starts_with("custom.") => Ok(EventType::Custom(name.to_owned())),
                    _ => Err(NotAnEventType(name.to_owned())),
                }
            }
        }
    };
}

event_types! {
    /// A task may start as soon as the limits let it.
    TaskQueued = "task.queued",
    /// A task's attempt was started.
    TaskStarted = "task.started",
    /// A task waits for something that is not a process.
    TaskWaiting = "task.waiting",
    /// An attempt ended and another will be made.
    TaskRetrying = "task.retrying",
    /// A task completed.
    TaskCompleted = "task.completed",
    /// A task failed for good.
    TaskFailed = "task.failed",
    /// A task was cancelled.
    TaskCancelled = "task.cancelled",
    /// A task was not done, and need not be.
    TaskSkipped = "task.skipped",
    /// A run exists.
    WorkflowQueued = "workflow.queued",
    /// The first task of a run was claimed.
    WorkflowStarted = "workflow.started",
    /// Every task of a run completed or was skipped.
    WorkflowCompleted = "workflow.completed",
    /// A run failed.
    WorkflowFailed = "workflow.failed",
    /// A run was cancelled.
    WorkflowCancelled = "workflow.cancelled",
    /// A job or a new revision of it is in force.
    JobLoaded = "job.loaded",
    /// A file could not be read as a job; its last good revision stays in force.
    JobInvalid = "job.invalid",
    /// A job's file is gone.
    JobRetired = "job.retired",
    /// A job, or everything, was paused.
    JobPaused = "job.paused",
    /// A job, or everything, was resumed.
    JobResumed = "job.resumed",
    /// A due time, or a span of them, did not start.
    OccurrenceSkipped = "occurrence.skipped",
    /// Due times of the past are to be run.
    BackfillStarted = "backfill.started",
    /// Each of these due times has had its run, and all of the runs have ended.
    BackfillCompleted = "backfill.completed",
    /// No more of these due times are run.
    BackfillCancelled = "backfill.cancelled",
    /// A daemon opened the store.
    DaemonStarted = "daemon.started",
    /// A daemon began to stop.
    DaemonStopping = "daemon.stopping",
    /// The wall clock was set.
    ClockStepped = "clock.stepped",
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no event's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event")]
pub struct NotAnEventType(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in EventType::ALL {
            assert_eq!(kind.as_str().parse().as_ref(), Ok(kind));
        }
        assert_eq!("custom.x".parse(), Ok(EventType::Custom("custom.x".into())));
        assert!("custom.".parse::<EventType>().is_err());
        assert!("task.exploded".parse::<EventType>().is_err());
    }
}
