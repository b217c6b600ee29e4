//! What the engine remembers of the one daemon that it runs in, and what follows from it. Nothing of it is in a row.

use std::collections::HashSet;
use std::sync::Arc;

use super::input::Limits;
use crate::model::definition::Hook;
use crate::model::id::{BackfillId, DeliveryId, HookId, Launch, ScheduleId};
use crate::model::timestamp::Timestamp;

/// What the engine remembers that no row holds, because a new daemon begins without it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// A runner is there.
    pub(crate) has_runner: bool,
    /// What lives at the runner and is in no row; until it has ended, nothing is claimed.
    pub(crate) strangers: HashSet<Launch>,
    /// Nothing more is claimed.
    pub(crate) is_draining: bool,
    /// What ran was told to end, and nothing at all is begun any more.
    pub(crate) is_interrupted: bool,
    /// Definitions were loaded: schedules may fire.
    pub(crate) is_loaded: bool,
    /// Due times up to here were missed; those after it were met by a living engine.
    pub(crate) alive_since: Timestamp,
    /// When the last step was.
    pub(crate) last_step: Option<Timestamp>,
    /// When the last step asked to be called again.
    pub(crate) promised: Option<Timestamp>,
    /// Nothing is pruned before.
    pub(crate) prune_at: Timestamp,
    /// The millisecond of the last id.
    pub(crate) id_floor: u64,
    /// What the configuration says since it was read again.
    pub(crate) limits: Option<Limits>,
    /// The hooks of the configuration.
    pub(crate) hooks: Vec<(HookId, Arc<Hook>)>,
    /// Rows that the engine failed at; they are left alone until the next load.
    pub(crate) broken_schedules: HashSet<ScheduleId>,
    pub(crate) broken_backfills: HashSet<BackfillId>,
    pub(crate) broken_deliveries: HashSet<DeliveryId>,
}

impl Session {
    /// Whether tasks are claimed, as far as the runner is concerned: it is there, and all that lives is known.
    pub(crate) fn may_claim(&self) -> bool {
        self.has_runner && !self.is_draining && self.strangers.is_empty()
    }

    /// Whether deliveries are tried.
    pub(crate) fn may_send(&self) -> bool {
        self.has_runner && !self.is_interrupted
    }

    /// A step has ended.
    pub(crate) fn wrote(&mut self, wall: Timestamp) {
        self.last_step = Some(wall);
    }
}
