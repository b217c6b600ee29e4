//! The states of an attempt: one try at a task, immutable once ended.

use crate::model::refused::Refused;

/// Where an attempt is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptState {
    /// It was claimed; nobody has said yet that it runs.
    Starting,
    /// Its process exists.
    Running,
    /// It is over.
    Ended,
}

/// What may happen to an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptEvent {
    /// Its process exists.
    Started,
    /// Its end was seen, or proven.
    Ended,
}

impl AttemptState {
    /// The state an attempt enters when `event` happens to it.
    pub fn step(self, event: AttemptEvent) -> Result<AttemptState, Refused> {
        use {AttemptEvent as E, AttemptState as S};
        match (self, event) {
            // table
            (S::Starting, E::Started) => Ok(S::Running),
            (S::Starting | S::Running, E::Ended) => Ok(S::Ended),
            (state, event) => Err(Refused::Transition {
                machine: "attempt",
                state: state.as_str().to_owned(),
                event: event.as_str().to_owned(),
            }),
        }
    }

    /// The public word.
    pub fn as_str(self) -> &'static str {
        match self {
            AttemptState::Starting => "starting",
            AttemptState::Running => "running",
            AttemptState::Ended => "ended",
        }
    }
}

impl AttemptEvent {
    /// The word in messages and in the matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            AttemptEvent::Started => "started",
            AttemptEvent::Ended => "ended",
        }
    }
}
