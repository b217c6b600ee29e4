//! The states of a backfill: due times of the past that somebody wants run.

use crate::model::refused::Refused;

/// Where a backfill is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackfillState {
    /// Due times are to be run still, or runs of it are live.
    Running,
    /// Each of its due times has had its run, and all of these have ended.
    Completed,
    /// No more of it starts. Runs of it may still end.
    Cancelled,
}

/// What may happen to a backfill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackfillEvent {
    /// The last of its runs has ended, and no due time is left.
    RunsEnded,
    /// Somebody does not want it any more, or its job or a schedule of it is gone.
    Cancelled,
}

impl BackfillState {
    /// The state a backfill enters when `event` happens to it.
    pub fn step(self, event: BackfillEvent) -> Result<BackfillState, Refused> {
        use {BackfillEvent as E, BackfillState as S};
        match (self, event) {
            // table
            (S::Running, E::RunsEnded) => Ok(S::Completed),
            (S::Running, E::Cancelled) => Ok(S::Cancelled),
            (state, event) => Err(Refused::Transition {
                machine: "backfill",
                state: state.as_str().to_owned(),
                event: event.as_str().to_owned(),
            }),
        }
    }

    /// The public word.
    pub fn as_str(self) -> &'static str {
        match self {
            BackfillState::Running => "running",
            BackfillState::Completed => "completed",
            BackfillState::Cancelled => "cancelled",
        }
    }

    /// The state of that word.
    pub fn named(word: &str) -> Option<BackfillState> {
        [BackfillState::Running, BackfillState::Completed, BackfillState::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl BackfillEvent {
    /// The word in messages and in the matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            BackfillEvent::RunsEnded => "runs_ended",
            BackfillEvent::Cancelled => "cancelled",
        }
    }
}
