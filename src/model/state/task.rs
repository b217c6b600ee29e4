//! The states of a task.

use crate::model::id::Launch;
use crate::model::outcome::Outcome;
use crate::model::policy::judge::Verdict;
use crate::model::refused::Refused;
use crate::model::timestamp::{Steady, Until};

/// Where a task is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskState {
    /// It comes after a task that has not completed.
    Blocked,
    /// It may start as soon as the limits let it.
    Queued,
    /// An attempt is live.
    Running {
        /// The attempt's fence.
        launch: Launch,
    },
    /// An attempt ended; another will be made.
    Retrying {
        /// Not before.
        until: Steady,
    },
    /// Its time has not come.
    Waiting {
        /// Not before.
        until: Until,
    },
    /// It did what it was to do.
    Completed,
    /// It did not.
    Failed(Outcome),
    /// Somebody did not want it any more, or it was too late for it.
    Cancelled(Outcome),
    /// It was not needed.
    Skipped(Outcome),
}

/// What may happen to a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskEvent {
    /// All it comes after have completed.
    Unblocked,
    /// An attempt was made for it.
    Claimed {
        /// The attempt's fence.
        launch: Launch,
    },
    /// Its attempt ended.
    Judged {
        /// The attempt that ended.
        of: Launch,
        /// What that means.
        verdict: Verdict,
    },
    /// What it waited for has come.
    Woken,
    /// Something it comes after did not complete.
    UpstreamEnded,
    /// The precondition of its run did not hold.
    ConditionFalse,
    /// Somebody cancelled it.
    Cancelled,
    /// Nothing of its run has begun, and it is too late now.
    Expired,
    /// Campanile itself failed at it.
    Broken,
}

impl TaskState {
    /// The state a task enters when `event` happens to it.
    pub fn step(self, event: TaskEvent) -> Result<TaskState, Refused> {
        use {TaskEvent as E, TaskState as S};
        match (self, event) {
            // table
            (S::Blocked, E::Unblocked) => Ok(S::Queued),
            (S::Blocked, E::UpstreamEnded) => Ok(S::Skipped(Outcome::UpstreamFailed)),
            (S::Blocked, E::ConditionFalse) => Ok(S::Skipped(Outcome::ConditionFalse)),
            (S::Queued, E::Claimed { launch }) => Ok(S::Running { launch }),
            (S::Running { launch }, E::Judged { of, verdict }) if of == launch => Ok(verdict.state()),
            (S::Retrying { .. } | S::Waiting { .. }, E::Woken) => Ok(S::Queued),
            (S::Blocked | S::Queued | S::Retrying { .. } | S::Waiting { .. }, E::Cancelled) => {
                Ok(S::Cancelled(Outcome::Cancelled))
            }
            (S::Blocked | S::Queued | S::Waiting { .. }, E::Expired) => Ok(S::Cancelled(Outcome::Expired)),
            (S::Blocked | S::Queued | S::Running { .. } | S::Retrying { .. } | S::Waiting { .. }, E::Broken) => {
                Ok(S::Failed(Outcome::Internal))
            }
            (state, event) => Err(refused(state, event)),
        }
    }

    /// The public word.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Blocked => "blocked",
            TaskState::Queued => "queued",
            TaskState::Running { .. } => "running",
            TaskState::Retrying { .. } => "retrying",
            TaskState::Waiting { .. } => "waiting",
            TaskState::Completed => "completed",
            TaskState::Failed(_) => "failed",
            TaskState::Cancelled(_) => "cancelled",
            TaskState::Skipped(_) => "skipped",
        }
    }

    /// Why it ended as it did; nothing while it has not.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            TaskState::Completed => Some(Outcome::Success),
            TaskState::Failed(outcome) | TaskState::Cancelled(outcome) | TaskState::Skipped(outcome) => Some(outcome),
            TaskState::Blocked
            | TaskState::Queued
            | TaskState::Running { .. }
            | TaskState::Retrying { .. }
            | TaskState::Waiting { .. } => None,
        }
    }

    /// Whether it will never change again.
    pub fn has_ended(self) -> bool {
        self.outcome().is_some()
    }
}

impl TaskEvent {
    /// The word in messages and in the matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskEvent::Unblocked => "unblocked",
            TaskEvent::Claimed { .. } => "claimed",
            TaskEvent::Judged { .. } => "judged",
            TaskEvent::Woken => "woken",
            TaskEvent::UpstreamEnded => "upstream_ended",
            TaskEvent::ConditionFalse => "condition_false",
            TaskEvent::Cancelled => "cancelled",
            TaskEvent::Expired => "expired",
            TaskEvent::Broken => "broken",
        }
    }
}

fn refused(state: TaskState, event: TaskEvent) -> Refused {
    Refused::Transition { machine: "task", state: state.as_str().to_owned(), event: event.as_str().to_owned() }
}
