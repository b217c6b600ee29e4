//! Due times at a fixed distance from an absolute instant: pure arithmetic, exact over any span, in constant time.
//!
//! The anchor is data and not the daemon's start, so that a restart does not shift the rhythm; there are due times
//! before the anchor as after it. An interval knows no zone and no daylight saving.

use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// A rhythm: a period and one of its beats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Every {
    period_us: i64,
    anchor_us: i64,
}

impl Every {
    /// Nothing if the period is zero.
    pub fn new(period: Duration, anchor: Timestamp) -> Option<Self> {
        let period_us = period.as_micros();
        (period_us > 0).then_some(Every { period_us, anchor_us: anchor.as_micros() })
    }

    /// The first due time after `after`, before the end of time.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.due(self.beats(after) + 1)
    }

    /// The newest due time in `(after, until]`.
    pub fn newest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        self.due(self.beats(until)).filter(|at| *at > after)
    }

    /// How many due times are in `(after, until]`.
    pub fn count(&self, after: Timestamp, until: Timestamp) -> u64 {
        u64::try_from(self.beats(until) - self.beats(after)).unwrap_or(0)
    }

    /// The number of the newest beat at or before `at`; the anchor is number 0.
    fn beats(&self, at: Timestamp) -> i128 {
        (i128::from(at.as_micros()) - i128::from(self.anchor_us)).div_euclid(i128::from(self.period_us))
    }

    fn due(&self, beat: i128) -> Option<Timestamp> {
        let micros = i64::try_from(i128::from(self.anchor_us) + beat * i128::from(self.period_us)).ok()?;
        let at = Timestamp::from_micros(micros);
        (at.as_micros() == micros).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("because the case is valid")
    }

    #[test]
    fn beats_keep_their_distance_from_the_anchor() {
        let check = |period: &str, anchor, after, expected| {
            let period = period.parse().expect("because the case is valid");
            let every = Every::new(period, at(anchor)).expect("because the period is not zero");
            assert_eq!(every.next_after(at(after)), Some(at(expected)));
        };
        check("15m", "1970-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-01-01T00:15:00Z");
        check("15m", "1970-01-01T00:00:00Z", "2027-01-01T00:14:59.999999Z", "2027-01-01T00:15:00Z");
        check("35m", "2027-01-01T00:05:00Z", "2026-12-31T23:00:00Z", "2026-12-31T23:30:00Z");
        check("1d", "2030-01-01T08:00:00Z", "2027-01-01T09:00:00Z", "2027-01-02T08:00:00Z");
        check("7us", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000007Z");
    }

    #[test]
    fn counting_is_exact_over_any_span() {
        let every = Every::new(Duration::from_secs(1), Timestamp::default()).expect("because it is not zero");
        assert_eq!(every.count(at("0000-01-01T00:00:00Z"), at("9999-12-31T23:59:59Z")), 315_569_519_999);
        assert_eq!(every.count(at("2027-01-01T00:00:01Z"), at("2027-01-01T00:00:00Z")), 0);
        assert_eq!(every.newest(at("2027-01-01T00:00:00.5Z"), at("2027-01-01T00:00:00.9Z")), None);
    }

    #[test]
    fn there_is_no_beat_beyond_the_end_of_time_and_none_without_a_period() {
        let every = Every::new(Duration::MAX, Timestamp::MAX).expect("because it is not zero");
        assert_eq!(every.next_after(Timestamp::MAX), None);
        assert_eq!(every.newest(Timestamp::MAX, Timestamp::MAX), None);
        assert_eq!(Every::new(Duration::ZERO, Timestamp::MIN), None);
    }
}
