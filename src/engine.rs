//! The one that writes the store: a pure function of its inputs, a clock value and a seed.
//!
//! It knows no clock, no network, no waiting and no chance: `now` and the seed are arguments, what it wants done in the
//! world is returned as effects, and when it wants to be called again is a value. `step` is one transaction; nothing it
//! returns may be acted on before that transaction has committed, and it returns only after that.
//!
//! Its memory (`cache`) is made from the tables when it opens and after any step that fails, so a crash at any moment is
//! just a step that did not happen: there is no recovery code, only `report::opened` and what a runner says when it
//! connects.

pub mod effect;
pub mod handle;
pub mod input;

mod after_end;
mod answer;
mod backfill;
mod begin;
mod cache;
mod change;
mod command;
mod counters;
mod gate;
mod ids;
mod launch;
mod live;
pub mod observed;
mod pass;
mod precondition;
mod queue;
mod report;
mod session;
mod step;
mod values;
mod work;

pub use effect::{Delivery, Effect};
pub use handle::{Handle, Message};
pub use input::{
    Answer, Backfill, Command, DeliveryResult, Input, InvalidFile, Keyed, Limits, Load, Loaded, LoadedJob, NotBefore,
    Report, RunnerReport, Start, Submission,
};
pub use observed::Observed;
pub use step::{Engine, Settings, Step};
