//! Tends the files of the store, on the engine's thread because that is the one writer, and between two steps because it
//! is none: empties the log once it is large, and keeps the statistics fresh.
//!
//! It is done only when nobody waits and nothing is due soon, and only after something was written, so an idle daemon
//! stays idle. Under load that never ends it is not done at all; SQLite then moves the log into the database at every
//! 4000 pages by itself, and only the file stays as large as that.

use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;
use crate::store::{Store, StoreError};

/// How large the log may stay, in bytes.
const MAX_LOG: u64 = 4 << 20;
/// What is due sooner is not put at risk.
const LEISURE: Duration = Duration::from_millis(500);
/// After how many changed rows the statistics are looked at again.
const MANY_CHANGES: u64 = 100_000;

/// What was tended, and when.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The statistics were looked at when so many rows were changed.
    optimized_at: Option<u64>,
    /// The log was looked at when so many rows were changed.
    looked_at: Option<u64>,
}

impl Upkeep {
    /// Somebody says that what could not be done may be possible now.
    pub(super) fn again(&mut self) {
        self.looked_at = None;
    }

    /// Does what is to be done. An error is a disk that failed; of one that is full the store has lost nothing.
    pub(super) fn tend(&mut self, store: &Store) -> Result<(), StoreError> {
        let n_changes = store.n_changes();
        let is_due = self.optimized_at.is_none_or(|at| n_changes - at >= MANY_CHANGES);
        if is_due {
            let is_first = self.optimized_at.is_none();
            self.optimized_at = Some(n_changes);
            bearable(store.optimize(is_first), "the statistics are as they were")?;
        }
        if self.looked_at.replace(n_changes) != Some(n_changes) && store.log_bytes() > MAX_LOG {
            bearable(store.truncate_log().map(drop), "the log stays as long as it is")?;
        }
        Ok(())
    }
}

/// Whether the engine, which wants to step at `wake_at` and has nothing before that, can do without its thread at `now`.
pub(super) fn has_leisure(wake_at: Option<Timestamp>, now: Timestamp) -> bool {
    wake_at.is_none_or(|at| at.since(now) > LEISURE)
}

fn bearable(result: Result<(), StoreError>, so: &str) -> Result<(), StoreError> {
    match result {
        Err(error @ StoreError::Io(_)) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "{so}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_leisure_when_something_is_due_or_will_be_soon() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let ahead = |ms: i64| Some(Timestamp::from_micros(now.as_micros() + ms * 1_000));
        for (wake_at, expected) in [
            (None, true),
            (ahead(-60_000), false),
            (ahead(0), false),
            (ahead(499), false),
            (ahead(500), false),
            (ahead(501), true),
            (ahead(86_400_000), true),
        ] {
            assert_eq!(has_leisure(wake_at, now), expected, "{wake_at:?}");
        }
    }
}
