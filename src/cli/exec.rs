//! `campanile exec`: what a process is before it becomes a task's program, where more has to be set than a start can.
//! Nobody types it, so it is shown nowhere; what it does stands in `runner::shim`.

use crate::runner::shim;
use crate::wire::code;

/// The words of `campanile exec`.
#[derive(clap::Args, Debug)]
pub struct Words {
    /// The descriptor to read the orders from
    orders: u32,
    /// The descriptor to say on why they cannot be followed
    report: u32,
}

/// Does not come back if it goes well.
pub fn main(words: &Words) -> u8 {
    shim::main(words.orders, words.report);
    code::FAILED
}
