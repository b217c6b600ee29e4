//! How long ended runs are kept: per terminal state, by age and by count, whichever is reached first.

use serde::{Deserialize, Serialize};

use crate::model::duration::Duration;

/// What is kept of each terminal state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Retention {
    /// Runs that completed.
    pub completed: Keep,
    /// Runs that failed.
    pub failed: Keep,
    /// Runs that were cancelled.
    pub cancelled: Keep,
}

/// How much of one kind is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Keep {
    /// At most this long after the end.
    pub max_age: Duration,
    /// At most this many, the newest.
    pub max_count: u64,
}

impl Retention {
    /// How long anything is kept at most.
    pub fn longest(&self) -> Duration {
        self.completed.max_age.max(self.failed.max_age).max(self.cancelled.max_age)
    }
}

impl Default for Retention {
    fn default() -> Self {
        let days = |n: i64| Duration::from_secs(n * 86_400);
        Retention {
            completed: Keep { max_age: days(30), max_count: 1_000_000 },
            failed: Keep { max_age: days(90), max_count: 1_000_000 },
            cancelled: Keep { max_age: days(30), max_count: 1_000_000 },
        }
    }
}
