//! The live attempts: claimed, and not known to have ended. How many of them are requests is counted as they come and go,
//! because every step tells it.

use std::collections::HashMap;
use std::ops::Deref;

use crate::model::id::{Launch, RunId, TaskId};

/// A live attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveAttempt {
    pub(crate) task: TaskId,
    pub(crate) run: RunId,
    pub(crate) has_started: bool,
    /// It is a request of the daemon's, and no process of the runner.
    pub(crate) is_call: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Live {
    attempts: HashMap<Launch, LiveAttempt>,
    n_calls: usize,
}

impl Deref for Live {
    type Target = HashMap<Launch, LiveAttempt>;

    fn deref(&self) -> &Self::Target {
        &self.attempts
    }
}

impl Live {
    /// One that was not live.
    pub(crate) fn insert(&mut self, launch: Launch, attempt: LiveAttempt) {
        self.n_calls += usize::from(attempt.is_call);
        self.attempts.insert(launch, attempt);
    }

    /// It has ended.
    pub(crate) fn remove(&mut self, launch: Launch) {
        let gone = self.attempts.remove(&launch);
        self.n_calls -= usize::from(gone.is_some_and(|attempt| attempt.is_call));
    }

    /// It is known to have begun; the attempt, if that was not known.
    pub(crate) fn start(&mut self, launch: Launch) -> Option<LiveAttempt> {
        let attempt = self.attempts.get_mut(&launch).filter(|attempt| !attempt.has_started)?;
        attempt.has_started = true;
        Some(*attempt)
    }

    /// How many are requests.
    pub(crate) fn n_calls(&self) -> usize {
        self.n_calls
    }
}
