//! The engine on a virtual clock: the whole engine on real SQLite, in a world in which everything else is pretended.
//!
//! `World` is that world: a clock, a runner and the way to it, processes, receivers of webhooks, people, files, and the
//! ways in which all of them fail. `history` draws one history from a seed; `checks` holds after every step what must always hold,
//! and at rest that nothing is stuck. One seed is one history, on every machine: nothing here reads a clock, draws chance
//! from anywhere else, or lets the order of a hash map decide.
//!
//! A crash is a step whose effects are lost, in part or all: a step is one transaction, so there is nothing in between. A
//! step that fails half-way is made by a trigger that refuses a write.
//!
//! `rehearsal` gives that world to users: calm, unchecked, with their jobs in it.

mod calls;
mod chance;
mod checks;
mod history;
mod jobs;
mod keys;
mod link;
mod people;
mod post;
mod processes;
mod rehearsal;
mod release;
mod runner;
mod script;
mod trouble;
mod world;

pub use history::{Ran, run};
pub use rehearsal::{Moment, Obstacle, Plan, Rehearsal, RehearsalError, Takes, Tally, What, rehearse};
pub use world::World;
