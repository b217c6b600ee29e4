//! The state machines. Each is one total function, a flat match from state and event to state; what is not listed is
//! refused. Data lives in the state that owns it. `docs/reference/states.md` is printed from these tables by a test.

pub mod attempt;
pub mod backfill;
pub mod delivery;
pub mod run;
pub mod task;

#[cfg(test)]
mod matrix;

pub use attempt::{AttemptEvent, AttemptState};
pub use backfill::{BackfillEvent, BackfillState};
pub use delivery::{DeliveryEvent, DeliveryState};
pub use run::{RunEvent, RunState};
pub use task::{TaskEvent, TaskState};
