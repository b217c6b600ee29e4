//! A length of time as people write it (`250ms`, `90s`, `1h30m`, `2d`, `1w`) and as the store keeps it: whole
//! microseconds, never negative. A day is 24 hours and a week seven days; months have no fixed length and are refused.
//! Source of the written form: the "friendly" duration format of the jiff crate, which reads it for us.

use std::fmt;
use std::str::FromStr;

use jiff::{SpanRelativeTo, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in microseconds, zero or more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Duration(i64);

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(0);
    /// The longest that a definition may ask for: 100 years of 365 days.
    pub const MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

    /// That many microseconds; a negative number is none.
    pub const fn from_micros(micros: i64) -> Self {
        Duration(if micros < 0 { 0 } else { micros })
    }

    /// That many milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// That many seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(1_000_000))
    }

    /// Whole microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0 / 1_000
    }

    /// The same length as the standard library's type.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0.unsigned_abs())
    }

    /// This length times `factor`, at most `MAX`.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let scaled = self.0 as f64 * factor.max(0.0);
        if scaled >= Self::MAX.0 as f64 { Self::MAX } else { Duration(scaled as i64) }
    }
}

impl From<std::time::Duration> for Duration {
    fn from(length: std::time::Duration) -> Self {
        Duration(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
    }
}

const UNITS: [(i64, &str); 7] = [
    (604_800_000_000, "w"),
    (86_400_000_000, "d"),
    (3_600_000_000, "h"),
    (60_000_000, "m"),
    (1_000_000, "s"),
    (1_000, "ms"),
    (1, "us"),
];

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (size, unit) in UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADuration {
    /// It cannot be read.
    #[error("`{0}` is not a duration as in `250ms`, `90s`, `1h30m` or `2d`")]
    Unreadable(String),
    /// It is before zero.
    #[error("`{0}` is negative; a duration is zero or more")]
    Negative(String),
    /// It is beyond every use.
    #[error("`{0}` is longer than 100 years")]
    TooLong(String),
}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let unreadable = || NotADuration::Unreadable(text.to_owned());
        let span: jiff::Span = text.trim().parse().map_err(|_| unreadable())?;
        if span.get_years() != 0 || span.get_months() != 0 {
            return Err(unreadable());
        }
        if span.is_negative() {
            return Err(NotADuration::Negative(text.to_owned()));
        }
        let micros = span
            .total((Unit::Microsecond, SpanRelativeTo::days_are_24_hours()))
            .map_err(|_| NotADuration::TooLong(text.to_owned()))?;
        if micros > Self::MAX.0 as f64 {
            return Err(NotADuration::TooLong(text.to_owned()));
        }
        Ok(Duration(micros as i64))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_written_back() {
        for (text, micros, shown) in [
            ("250ms", 250_000, "250ms"),
            ("90s", 90_000_000, "1m30s"),
            ("1h30m", 5_400_000_000, "1h30m"),
            ("1h 30m", 5_400_000_000, "1h30m"),
            ("2d", 172_800_000_000, "2d"),
            ("1w", 604_800_000_000, "1w"),
            ("0s", 0, "0s"),
        ] {
            let read: Duration = text.parse().expect("because the case is valid");
            assert_eq!(read.as_micros(), micros, "{text}");
            assert_eq!(read.to_string(), shown);
            assert_eq!(shown.parse(), Ok(read));
        }
    }

    #[test]
    fn what_has_no_length_is_refused() {
        assert_eq!("-5s".parse::<Duration>(), Err(NotADuration::Negative("-5s".into())));
        assert_eq!("200y".parse::<Duration>(), Err(NotADuration::Unreadable("200y".into())));
        assert_eq!("40000d".parse::<Duration>(), Err(NotADuration::TooLong("40000d".into())));
        for text in ["", "5", "soon", "1 fortnight", "99999999999999999999s"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
