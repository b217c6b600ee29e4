//! The runner, from outside: real processes, seen only through reports, logs and `/proc`. Nothing here waits for a
//! duration: tests and scripts wait for each other on named pipes, and for reports.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that panics has failed, and says so")]

#[path = "runner/asked.rs"]
mod asked;
#[path = "runner/ends.rs"]
mod ends;
#[path = "runner/foreign.rs"]
mod foreign;
#[path = "runner/groups.rs"]
mod groups;
#[path = "runner/leftovers.rs"]
mod leftovers;
#[path = "runner/masking.rs"]
mod masking;
#[path = "runner/output.rs"]
mod output;
#[path = "runner/recovery.rs"]
mod recovery;
#[path = "runner/settings.rs"]
mod settings;
#[path = "runner/starts.rs"]
mod starts;
#[path = "runner/users.rs"]
mod users;
#[path = "runner/values.rs"]
mod values;
#[path = "runner/world.rs"]
mod world;
