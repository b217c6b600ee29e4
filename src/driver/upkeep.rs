//! Tends the files of the store, on the engine's thread because that is the one writer, and between two steps because it
//! is none: empties the log once it is large, and keeps the statistics fresh.
//!
//! It is done only when nobody waits and nothing is due soon, and only after something was written, so an idle daemon
//! stays idle. Under load that never ends it is not done at all; SQLite then moves the log into the database at every
//! 4000 pages by itself, and only the file stays as large as that.

use crate::model::duration::Duration;
use crate::store::{Store, StoreError};

/// How large the log may stay, in bytes.
const MAX_LOG: u64 = 4 << 20;
/// What is due sooner is not put at risk.
pub(super) const LEISURE: Duration = Duration::from_millis(500);
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
