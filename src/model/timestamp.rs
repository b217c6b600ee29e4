//! An instant as the store keeps it: whole microseconds since the Unix epoch, UTC, and its RFC 3339 text.
//!
//! `Timestamp` is wall time. `Steady` is wall time less the clock steps that were recorded, so that a retry or a wait
//! is as long as it says when somebody sets the clock; the two never mix without an explicit offset.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::duration::Duration;

/// Wall time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant that text can name: year 0.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200_000_000);
    /// The last instant that text can name: the end of year 9999.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999_999);

    /// The instant that many microseconds after the epoch, held within `MIN..=MAX`.
    pub fn from_micros(micros: i64) -> Self {
        Timestamp(micros.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// The instant `by` later, or the end of time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self::from_micros(self.0.saturating_add(by.as_micros()))
    }

    /// The instant `by` earlier, or the beginning of time.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self::from_micros(self.0.saturating_sub(by.as_micros()))
    }

    /// How long after `earlier` this is; nothing if it is not after.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This instant as the type that public interfaces speak.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).expect("because a Timestamp is held within year 0 to 9999")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// Why a text names no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time as in `2027-01-31T09:00:00+01:00` (RFC 3339, with an offset)")]
pub struct NotATimestamp(pub String);

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        DateTime::parse_from_rfc3339(text)
            .map(|at| Timestamp::from_micros(at.timestamp_micros()))
            .map_err(|_| NotATimestamp(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Wall time less the recorded clock steps, in microseconds. Only durations are measured on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Steady(pub i64);

impl Steady {
    /// The steady instant `by` later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Steady(self.0.saturating_add(by.as_micros()))
    }
}

/// A moment that is waited for, on the clock that it follows when the clock is set meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Until {
    /// The end of a length of time, however the clock is set.
    Steady(Steady),
    /// A time of day, wherever the clock is set to.
    Wall(Timestamp),
}

impl Until {
    /// Whether it is still ahead.
    pub fn is_ahead(self, now: Now) -> bool {
        match self {
            Until::Steady(at) => at > now.steady,
            Until::Wall(at) => at > now.wall,
        }
    }

    /// The steady time at which it comes, if the clock is not stepped before.
    pub fn steady(self, now: Now) -> Steady {
        match self {
            Until::Steady(at) => at,
            Until::Wall(at) => Steady(now.steady.0.saturating_add(at.as_micros().saturating_sub(now.wall.as_micros()))),
        }
    }

    /// The wall time at which it comes, if the clock is not stepped before.
    pub fn wall(self, now: Now) -> Timestamp {
        match self {
            Until::Steady(at) => now.wall_of(at),
            Until::Wall(at) => at,
        }
    }
}

/// The fixed time of one step: both clocks, read once by the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Wall time: what due times follow.
    pub wall: Timestamp,
    /// Steady time: what durations follow.
    pub steady: Steady,
}

impl Now {
    /// `wall` on a clock whose recorded steps add up to `stepped_us`.
    pub fn new(wall: Timestamp, stepped_us: i64) -> Self {
        Now { wall, steady: Steady(wall.as_micros().saturating_sub(stepped_us)) }
    }

    /// The wall time at which steady time will be `at`, if the clock is not stepped before.
    pub fn wall_of(&self, at: Steady) -> Timestamp {
        let offset = self.wall.as_micros().saturating_sub(self.steady.0);
        Timestamp::from_micros(at.0.saturating_add(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_instant_agree_both_ways() {
        for (text, expected) in [
            ("2027-01-01T09:00:00+01:00", "2027-01-01T08:00:00.000000Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
        ] {
            let at: Timestamp = text.parse().expect("because the case is valid");
            assert_eq!(at.to_string(), expected);
            assert_eq!(at.to_string().parse(), Ok(at));
        }
        assert!("2027-01-01T09:00:00".parse::<Timestamp>().is_err(), "a time without an offset names no instant");
    }

    #[test]
    fn steady_time_is_unmoved_by_a_recorded_step() {
        let before = Now::new(Timestamp::from_micros(1_000_000), 0);
        let after = Now::new(Timestamp::from_micros(3_601_000_000), 3_600_000_000);
        assert_eq!(before.steady, after.steady);
        assert_eq!(after.wall_of(after.steady), after.wall);
    }
}
