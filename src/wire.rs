//! What travels between the daemon and its surfaces: the JSON shapes, the one table of codes, problem details, and where
//! the socket is. It owns names and fields, which are a public promise; it does not own how anything is found (`query`)
//! or carried (`api`, `ctl`).
//!
//! Every field is always present, `null` when there is nothing to say, so that programs need not ask twice.

pub mod backfill;
pub mod code;
pub mod delivery;
pub mod effective;
pub mod event;
pub mod hook;
pub mod job;
pub mod list;
pub mod log;
pub mod next;
pub mod problem;
pub mod request;
pub mod run;
pub(crate) mod shape;
pub mod status;
pub mod task;
pub mod why;

pub use delivery::Delivery;
pub use effective::{Effective, EffectiveKey};
pub use event::Event;
pub use hook::Hook;
pub use job::{Job, Schedule};
pub use list::Page;
pub use log::LogLine;
pub use next::Next;
pub use problem::ProblemDetails;
pub use run::Run;
pub use status::Status;
pub use task::Task;
pub use why::Why;
