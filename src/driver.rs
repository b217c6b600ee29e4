//! Turns the wheel on the real clock: waits for something to happen or to be due, reads the clock, steps the engine, and
//! releases what the step wants done, in that order and nowhere else.
//!
//! The engine has a thread of its own, and that thread waits only here: on its inbox, until the deadline that the last
//! step named. Everything that has arrived meanwhile goes into one step and one commit.

mod clock_watch;
mod count;
mod effects;
mod end;
mod env_file;
mod launches;
mod line;
mod open;
mod resolve;
mod turn;
mod upkeep;

pub use effects::Executors;
pub use open::{DriverError, Live, Place, Running, Setup, database, start};
