//! The one that reads the store for people: what is true now, and what became of what. It writes nothing, decides nothing
//! and knows no clock; where an answer depends on the time of asking, that time is an argument.
//!
//! Each answer is read in one transaction, so that it is true of one moment. Connections are few and reused: a slow
//! reader waits for another reader, never for the engine, and the engine never waits for a reader.

pub mod backfill;
mod column;
pub mod delivery;
pub mod event;
mod failure;
pub mod find;
pub mod hook;
pub mod job;
pub mod log;
pub mod next;
pub mod read_file;
mod reader;
pub mod run;
pub mod scrape;
pub mod status;
pub mod task;
mod waits;
pub mod why;

pub use reader::Reader;
pub use waits::Here;
