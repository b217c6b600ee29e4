//! What the engine wants done in the world, once its step has committed. Every effect is derived from rows, again when
//! the store is opened and when a runner connects; losing one loses nothing.

use crate::model::call::Call;
use crate::model::definition::Hook;
use crate::model::duration::Duration;
use crate::model::event::Event;
use crate::model::exit::StopReason;
use crate::model::id::{DeliveryId, Launch};
use crate::model::process::Process;

/// One thing to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Start a process, in the order of launch numbers.
    Start(Box<Process>),
    /// Make an HTTP request.
    Call(Box<Call>),
    /// The picture that opened this connection to the runner is committed; what follows goes out on it.
    Welcome(u64),
    /// Stop a process and all it started.
    Stop {
        /// Which.
        launch: Launch,
        /// Why.
        reason: StopReason,
        /// How long between TERM and KILL, instead of the process's own grace.
        grace: Option<Duration>,
    },
    /// The exits of these launches are committed; the runner may forget them.
    Acknowledge(Vec<Launch>),
    /// Call a hook.
    Deliver(Box<Delivery>),
    /// Delete these logs, below the state folder.
    RemoveLogs(Vec<String>),
}

/// One call of one hook.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivery {
    /// The number of this try; its result must carry it.
    pub launch: Launch,
    /// The receiver's idempotency key, the same for every try.
    pub id: DeliveryId,
    /// Whom to call.
    pub hook: Hook,
    /// What about.
    pub event: Event,
    /// The log of the attempt that the event is about, for its last lines.
    pub log_path: Option<String>,
}
