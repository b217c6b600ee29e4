//! The service: the order in which it starts, what it holds while it runs, and how it ends.
//!
//! Start: settings, state folder, lock, log, store, runner, engine, *then* definitions and the socket: what was pending
//! goes on before a single job file is read. End: claims stop, what runs may end within `drain_timeout`, the rest is
//! interrupted and goes on with the next daemon.

mod backup;
mod failure;
mod heap;
mod housekeeping;
mod life;
mod listener;
mod lock;
mod log;
mod put;
mod reload;
mod settings;
mod signals;
mod tcp;
mod watch;

pub use backup::{back_up, restore};
pub use failure::Failure;
pub use life::serve;
pub use settings::{Given, Resolved};
