//! Makes the HTTP requests of tasks: attempts that are no processes.
//!
//! Each is a future of the daemon's and ends with it; what the next daemon makes of that is the engine's business. Here
//! one request is made, once: references to secrets are resolved for it, its answer is read as far as it may be long, its
//! log is written, and what was seen is reported. Whether that was a success, and whether it is tried again, is decided
//! by `model::policy::judge`. Nothing that a reference was resolved to leaves here but to the receiver.

pub mod attempt;
pub mod caller;
mod masks;
mod record;

pub use caller::Caller;
