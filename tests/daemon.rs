//! The real daemon, from outside: its files, its socket, its signals, and the processes that it starts.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[path = "daemon/answers.rs"]
mod answers;
#[path = "daemon/backfill.rs"]
mod backfill;
#[path = "daemon/control.rs"]
mod control;
#[path = "daemon/harm.rs"]
mod harm;
#[path = "daemon/hooks.rs"]
mod hooks;
#[path = "daemon/layers.rs"]
mod layers;
#[path = "daemon/opening.rs"]
mod opening;
#[path = "daemon/outliving.rs"]
mod outliving;
#[path = "daemon/owners.rs"]
mod owners;
#[path = "daemon/preconditions.rs"]
mod preconditions;
#[path = "daemon/put.rs"]
mod put;
#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "receiver/server.rs"]
mod receiver;
#[path = "daemon/reload.rs"]
mod reload;
#[path = "daemon/restarting.rs"]
mod restarting;
#[path = "daemon/schedules.rs"]
mod schedules;
#[path = "daemon/stopping.rs"]
mod stopping;
#[path = "daemon/tasks.rs"]
mod tasks;
#[path = "daemon/watching.rs"]
mod watching;
#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;
