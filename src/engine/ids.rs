//! Ids and chance, both from the step's seed: the same inputs, clock and seed make the same rows.
//!
//! Ids are UUIDv7 (RFC 9562): 48 bits of milliseconds, then a counter in the 12 bits of `rand_a` and the first 14 of
//! `rand_b` that grows within a step, so that ids sort by birth even when the clock stands still, then 48 bits of chance.
//! Chance is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).

use crate::model::id::{BackfillId, DeliveryId, RunId, TaskId};
use crate::model::timestamp::Timestamp;

/// What one step draws its ids and chances from.
#[derive(Debug)]
pub(crate) struct Ids {
    state: u64,
    millis: u64,
    n_made: u32,
}

impl Ids {
    /// `floor` is the millisecond of the last id ever made: ids never sort before it, whatever the clock says.
    pub(crate) fn new(seed: u64, now: Timestamp, floor: u64) -> Self {
        let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0).max(floor);
        Ids { state: seed, millis, n_made: 0 }
    }

    /// The millisecond below which the next step must not go.
    pub(crate) fn floor(&self) -> u64 {
        if self.n_made == 0 { self.millis } else { self.millis + 1 }
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in [0, 1).
    pub(crate) fn chance(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn bytes(&mut self) -> [u8; 16] {
        let counter = u64::from(self.n_made);
        self.n_made += 1;
        let high = (self.millis << 16) | 0x7000 | ((counter >> 14) & 0x0FFF);
        let low = (0b10 << 62) | ((counter & 0x3FFF) << 48) | (self.draw() & 0xFFFF_FFFF_FFFF);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        bytes
    }

    pub(crate) fn run(&mut self) -> RunId {
        RunId::from_bytes(self.bytes())
    }

    pub(crate) fn task(&mut self) -> TaskId {
        TaskId::from_bytes(self.bytes())
    }

    pub(crate) fn backfill(&mut self) -> BackfillId {
        BackfillId::from_bytes(self.bytes())
    }

    pub(crate) fn delivery(&mut self) -> DeliveryId {
        DeliveryId::from_bytes(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_birth_and_repeat_with_their_seed() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let make = |seed| {
            let mut ids = Ids::new(seed, now, 0);
            (0..40_000).map(|_| ids.run()).collect::<Vec<_>>()
        };
        let ids = make(1);
        assert!(ids.is_sorted(), "later ids sort later");
        assert_eq!(ids, make(1));
        assert_ne!(ids, make(2));
        assert_eq!(ids[0].to_string().as_bytes()[14], b'7', "the version is 7");
    }

    #[test]
    fn ids_sort_by_birth_when_the_clock_goes_back() {
        let mut first = Ids::new(1, Timestamp::from_micros(5_000_000), 0);
        let before = first.run();
        let mut second = Ids::new(2, Timestamp::from_micros(1_000_000), first.floor());
        assert!(second.run() > before);
    }
}
