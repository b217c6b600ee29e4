//! The HTTP surface: one router, served on a Unix socket that is given from outside. It owns addresses, who may ask,
//! limits and how refusals travel; it decides nothing. Questions go to `query`, wishes to the engine's handle.
//!
//! Invariants: every answer that is not a success is problem details; every body is bounded in size and in time; a
//! question never runs on the threads that carry connections; when the given future ends, so does every stream.

mod access;
mod backfills;
mod body;
mod commands;
mod context;
mod events;
mod health;
mod hooks;
mod jobs;
mod logs;
mod openapi;
mod parameters;
mod patient;
pub mod peer;
mod problem;
mod put;
mod route;
mod routes;
mod runs;
mod server;
mod status;
mod stream;
mod submit;
mod tasks;

pub use access::{Access, Scope, Token};
pub use context::{Context, Put, PutJob, Reload, WhyNoRunner};
pub use health::Readiness;
pub use routes::{ROUTES, Route};
pub use server::{Listening, serve};
