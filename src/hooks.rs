//! Hooks: turns an event into a message, signs it, sends it.
//!
//! Formats and sending only. Which hook is owed which event, how often a delivery is tried and when it is given up is
//! decided by the engine from rows (`model::policy::deliver`); here one try is made and its result is reported. A
//! webhook is sent by `Sender`; a shell hook becomes a process for the runner (`shell::process`).

#[cfg(test)]
mod example;
pub mod message;
#[cfg(test)]
mod page;
pub mod sender;
pub mod shell;
pub mod sign;
pub mod webhook;

pub use sender::Sender;
