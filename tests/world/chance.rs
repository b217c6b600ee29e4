//! Moments by chance, from a seed that is said, so that a history can be had again.

use std::io::Read;

/// Numbers from a seed (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }

    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub(crate) fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[usize::try_from(self.below(of.len() as u64)).expect("because it is below a length")]
    }
}

/// What whoever runs the tests says.
#[expect(clippy::disallowed_methods, reason = "who runs the test says how long and how")]
pub(crate) fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// The seed of a history of kills: the one that is asked for, or a new one.
pub(crate) fn kills_seed() -> u64 {
    let drawn = || {
        let mut bytes = [0; 8];
        let source = std::fs::File::open("/dev/urandom");
        source.and_then(|mut source| source.read_exact(&mut bytes)).expect("because every Linux has it");
        u64::from_le_bytes(bytes)
    };
    told("CAMPANILE_KILLS_SEED").unwrap_or_else(drawn)
}
