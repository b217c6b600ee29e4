//! Decisions that are pure functions of facts: how an exit is judged, when a hook is tried again, whether a run is
//! admitted, which queued task goes first, what is kept.

pub mod deliver;
pub mod governor;
pub mod judge;
pub mod overlap;
pub mod param;
pub mod queue;
pub mod retention;
pub mod verify;
