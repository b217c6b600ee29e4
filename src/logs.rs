//! The logs of attempts: one file each, made when it first writes something, one stamped line for each line of output.
//!
//! This floor owns the format, the cap, reading from the end and deletion. It does not know what a process is and it
//! never waits. A log that cannot be written costs its lines and nothing else: no function here makes an attempt fail.

pub mod append;
pub mod capture;
pub mod format;
pub mod mask;
mod pieces;
pub mod retention;
pub mod tail;

pub use append::{LogWriter, Written};
pub use capture::Capture;
pub use format::{Line, Stream};
pub use mask::{Masker, Masking};
pub use tail::Follower;
