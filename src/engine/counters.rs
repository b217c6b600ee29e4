//! The numbers of the whole store that are kept in memory: the last event, the last launch, and how many ended runs are
//! kept of each terminal state. They are written once a step, and only from the values that were read.

use crate::model::state::RunState;
use crate::store::{StoreError, Tx, counter};

/// The terminal states of a run, as kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Completed,
    Failed,
    Cancelled,
}

impl Ended {
    pub(crate) const ALL: [Ended; 3] = [Ended::Completed, Ended::Failed, Ended::Cancelled];

    /// The public word of the state, and the name of its counter.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Ended::Completed => "completed",
            Ended::Failed => "failed",
            Ended::Cancelled => "cancelled",
        }
    }

    /// The kind of an ended state; nothing for a live one.
    pub(crate) fn of(state: RunState) -> Option<Self> {
        match state {
            RunState::Completed => Some(Ended::Completed),
            RunState::Failed(_) => Some(Ended::Failed),
            RunState::Cancelled(_) => Some(Ended::Cancelled),
            RunState::Queued | RunState::Waiting | RunState::Running | RunState::Compensating => None,
        }
    }
}

/// The numbers that the counters hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) event: u64,
    pub(crate) launch: u64,
    /// By `Ended`.
    pub(super) ended: [u64; 3],
}

impl Counters {
    pub(super) fn read(tx: &Tx<'_>) -> Result<Self, StoreError> {
        let mut counters =
            Counters { event: counter::get(tx, "event")?, launch: counter::get(tx, "launch")?, ended: [0; 3] };
        for kind in Ended::ALL {
            counters.ended[kind as usize] = counter::get(tx, kind.as_str())?;
        }
        Ok(counters)
    }

    /// Writes what has changed since `before`; the event counter last, so that number order is commit order.
    pub(crate) fn write(&self, tx: &Tx<'_>, before: &Counters) -> Result<(), StoreError> {
        for kind in Ended::ALL {
            counter::advance(tx, kind.as_str(), before.ended[kind as usize], self.ended[kind as usize])?;
        }
        counter::advance(tx, "launch", before.launch, self.launch)?;
        counter::advance(tx, "event", before.event, self.event)
    }
}
