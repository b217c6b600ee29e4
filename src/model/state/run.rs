//! The states of a run. A run ends when all its tasks have; how is read off them by `graph`.

use crate::model::outcome::Outcome;
use crate::model::refused::Refused;

/// Where a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// None of its tasks was claimed.
    Queued,
    /// It waits for an approval.
    Waiting,
    /// A task of it was claimed.
    Running,
    /// What it did is being undone.
    Compensating,
    /// Every task completed or was skipped.
    Completed,
    /// A task failed.
    Failed(Outcome),
    /// Somebody did not want it any more, it was too late for it, or its precondition did not hold.
    Cancelled(Outcome),
}

/// What may happen to a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunEvent {
    /// Its first task was claimed.
    Claimed,
    /// All its tasks have ended, none failed, none was cancelled.
    TasksCompleted,
    /// All its tasks have ended, and one failed first for this reason.
    TasksFailed(Outcome),
    /// All its tasks have ended, and one was cancelled.
    TasksCancelled,
    /// It was too late for the first of them, so all have ended.
    TasksExpired,
    /// Its precondition did not hold, so none of the others was needed.
    ConditionFalse,
}

impl RunState {
    /// The state a run enters when `event` happens to it.
    pub fn step(self, event: RunEvent) -> Result<RunState, Refused> {
        use {RunEvent as E, RunState as S};
        match (self, event) {
            // table
            (S::Queued, E::Claimed) => Ok(S::Running),
            (S::Queued | S::Running, E::TasksCompleted) => Ok(S::Completed),
            (S::Queued | S::Running | S::Compensating, E::TasksFailed(outcome)) => Ok(S::Failed(outcome)),
            (S::Queued | S::Waiting | S::Running | S::Compensating, E::TasksCancelled) => {
                Ok(S::Cancelled(Outcome::Cancelled))
            }
            (S::Queued | S::Waiting, E::TasksExpired) => Ok(S::Cancelled(Outcome::Expired)),
            (S::Running, E::ConditionFalse) => Ok(S::Cancelled(Outcome::ConditionFalse)),
            (state, event) => Err(refused(state, event)),
        }
    }

    /// The public word.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Queued => "queued",
            RunState::Waiting => "waiting",
            RunState::Running => "running",
            RunState::Compensating => "compensating",
            RunState::Completed => "completed",
            RunState::Failed(_) => "failed",
            RunState::Cancelled(_) => "cancelled",
        }
    }

    /// Why it ended as it did; nothing while it has not.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            RunState::Completed => Some(Outcome::Success),
            RunState::Failed(outcome) | RunState::Cancelled(outcome) => Some(outcome),
            RunState::Queued | RunState::Waiting | RunState::Running | RunState::Compensating => None,
        }
    }

    /// Whether it will never change again.
    pub fn has_ended(self) -> bool {
        self.outcome().is_some()
    }
}

impl RunEvent {
    /// The word in messages and in the matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            RunEvent::Claimed => "claimed",
            RunEvent::TasksCompleted => "tasks_completed",
            RunEvent::TasksFailed(_) => "tasks_failed",
            RunEvent::TasksCancelled => "tasks_cancelled",
            RunEvent::TasksExpired => "tasks_expired",
            RunEvent::ConditionFalse => "condition_false",
        }
    }
}

fn refused(state: RunState, event: RunEvent) -> Refused {
    Refused::Transition { machine: "run", state: state.as_str().to_owned(), event: event.as_str().to_owned() }
}
