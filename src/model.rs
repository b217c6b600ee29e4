//! The words of Campanile and every rule that needs nothing but its arguments: no clock, no IO, no async, no SQL.
//! What is decided here is decided alike by the daemon, by `campanile run` and by the simulation.

pub mod call;
pub mod definition;
pub mod duration;
pub mod event;
pub mod exit;
pub mod expression;
pub mod graph;
pub mod id;
pub mod invalid;
pub mod nearest;
pub mod outcome;
pub mod policy;
pub mod process;
pub mod refused;
pub mod state;
pub mod template;
pub mod time;
pub mod timestamp;
