//! A delivery as the surfaces show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape;
use crate::model::id::{DeliveryId, RunId};
use crate::model::timestamp::Timestamp;

/// One hook owed one event.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id; also the receiver's idempotency key.
    #[schemars(with = "shape::Id")]
    pub id: DeliveryId,
    /// The hook's name, or else what it calls.
    pub hook: String,
    /// The event.
    pub event_seq: u64,
    /// What happened; nothing once the event is no longer kept.
    pub event_type: Option<String>,
    /// To which job.
    pub job: Option<String>,
    /// To which run.
    #[schemars(with = "Option<shape::Id>")]
    pub run_id: Option<RunId>,
    /// Where the delivery is.
    pub state: String,
    /// How often it was tried.
    pub attempt: u64,
    /// Since when it is owed.
    #[schemars(with = "shape::Instant")]
    pub queued_at: Timestamp,
    /// When it arrived or was given up.
    #[schemars(with = "Option<shape::Instant>")]
    pub ended_at: Option<Timestamp>,
    /// The HTTP status of the last try.
    pub status: Option<u16>,
    /// For people: why the last try failed.
    pub error: Option<String>,
}
