//! The one file that reads the machine's clocks. Everything below it takes time as an argument.

use nix::time::{ClockId, clock_gettime};

use crate::model::timestamp::Timestamp;

fn read(clock: ClockId) -> i64 {
    let now = clock_gettime(clock).expect("because Linux has this clock since 2.6.39");
    now.tv_sec() * 1_000_000 + now.tv_nsec() / 1_000
}

/// Wall time, as the machine believes it to be.
pub fn wall() -> Timestamp {
    Timestamp::from_micros(read(ClockId::CLOCK_REALTIME))
}

/// Microseconds since the machine booted, suspend included; never set by anybody.
pub fn boot_us() -> i64 {
    read(ClockId::CLOCK_BOOTTIME)
}
