//! Campanile: a scheduler daemon with a persistent job store.
//!
//! The floors, from the ground up: `model` decides; `store`, `files`, `wire`, `logs`, `outbound` are one technology
//! each; `engine` writes and `query` reads; `runner`, `request`, `hooks` and `api` touch the world; `driver` and `sim` turn the
//! wheel, on a real and on a virtual clock; `daemon`, `local` and `ctl` are what a user starts; `cli` is how they say so.
//! Arrows go down only. ARCHITECTURE.md has the picture.

// L1
pub mod metrics;
pub mod model;
// L2
mod account;
pub mod clock;
pub mod environment;
mod failpoint;
pub mod files;
pub mod logs;
pub mod outbound;
pub mod plain_file;
pub mod print;
pub mod secret;
pub mod store;
pub mod tzdb;
pub mod wire;
// L3
pub mod engine;
pub mod query;
// L4
pub mod api;
pub mod hooks;
pub mod request;
pub mod runner;
// L5
pub mod driver;
pub mod sim;
// L6
pub mod ctl;
pub mod daemon;
pub mod local;
// L7
pub mod cli;

#[cfg(test)]
mod pages;
