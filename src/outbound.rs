//! The one HTTP client, and the guard that decides which addresses it may speak to.
//!
//! Everything that leaves over HTTP leaves here: hooks, `http` tasks, model providers. It knows requests and answers,
//! no hooks and no jobs. It never follows a redirect, never asks the environment for a proxy, never reads more of an
//! answer than it was told to, and never connects to an address that `guard` has not seen.

pub mod client;
pub mod guard;
mod retry_after;

pub use client::{Answer, Client, Request, SendError};
pub use guard::{Blocked, Trust};
pub use retry_after::retry_after;
