//! The states of a delivery: one hook owed one event.

use crate::model::id::Launch;
use crate::model::refused::Refused;
use crate::model::timestamp::Steady;

/// Where a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// It is to be tried.
    Pending {
        /// Not before.
        until: Steady,
    },
    /// It is being tried.
    Sending {
        /// The try's fence.
        launch: Launch,
    },
    /// The receiver has it.
    Delivered,
    /// It was given up; `ctl deliveries retry` tries again.
    Dead,
}

/// What may happen to a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryEvent {
    /// A try begins.
    Claimed {
        /// The try's fence.
        launch: Launch,
    },
    /// The receiver took it.
    Accepted {
        /// The try that ended.
        of: Launch,
    },
    /// The try failed, and another is due.
    Failed {
        /// The try that ended.
        of: Launch,
        /// Not before.
        until: Steady,
    },
    /// The try failed, and it was the last.
    GivenUp {
        /// The try that ended.
        of: Launch,
    },
    /// Somebody wants it tried again.
    Replayed {
        /// Not before.
        until: Steady,
    },
}

impl DeliveryState {
    /// The state a delivery enters when `event` happens to it.
    pub fn step(self, event: DeliveryEvent) -> Result<DeliveryState, Refused> {
        use {DeliveryEvent as E, DeliveryState as S};
        match (self, event) {
            // table
            (S::Pending { .. }, E::Claimed { launch }) => Ok(S::Sending { launch }),
            (S::Sending { launch }, E::Accepted { of }) if of == launch => Ok(S::Delivered),
            (S::Sending { launch }, E::Failed { of, until }) if of == launch => Ok(S::Pending { until }),
            (S::Sending { launch }, E::GivenUp { of }) if of == launch => Ok(S::Dead),
            (S::Delivered | S::Dead, E::Replayed { until }) => Ok(S::Pending { until }),
            (state, event) => Err(Refused::Transition {
                machine: "delivery",
                state: state.as_str().to_owned(),
                event: event.as_str().to_owned(),
            }),
        }
    }

    /// The public word.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending { .. } => "pending",
            DeliveryState::Sending { .. } => "sending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        }
    }
}

impl DeliveryEvent {
    /// The word in messages and in the matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryEvent::Claimed { .. } => "claimed",
            DeliveryEvent::Accepted { .. } => "accepted",
            DeliveryEvent::Failed { .. } => "failed",
            DeliveryEvent::GivenUp { .. } => "given_up",
            DeliveryEvent::Replayed { .. } => "replayed",
        }
    }
}
