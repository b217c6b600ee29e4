//! Every so-manieth time of an expression, by counting from an anchor: a `CivilTimes` within another.
//!
//! What is counted is what the expression names on the clock's face, so daylight saving moves no count: a time in the gap is
//! one, a time in the fold is one although the clock shows it twice. The first time at or after the anchor is the first of
//! those that are kept; before the anchor there are none. No counter is stored: the count is found anew from the anchor.
//!
//! Algorithm: an expression names equally many times on each of its days, so days are counted, with one search each, and only
//! on the first and the last day times. This is why `MAX_PER_DAY` and `MAX_YEARS` are refused when a file is read: within
//! them a count takes some microseconds a year of a `cron`, and about a millisecond a year of a `quartz`.

use jiff::civil::{Date, DateTime, Time};

use super::dst::CivilTimes;

/// Expressions with more times than these on one day are not counted.
pub const MAX_PER_DAY: u32 = 24;
/// An anchor that is further back than so many years is not counted from.
pub const MAX_YEARS: i16 = 10;
/// The most that `nth` may be.
pub const MAX_NTH: u32 = 100;

const END_OF_DAY: Time = Time::constant(23, 59, 59, 0);

/// Which of the times of an expression are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nth {
    n: u32,
    /// The last second before the count begins.
    eve: DateTime,
    per_day: u32,
}

impl Nth {
    /// Every `n`th of `times`, the first of which that is not before `anchor` is kept. Nothing if they are too many to be
    /// counted.
    pub fn new(times: &impl CivilTimes, n: u32, anchor: DateTime) -> Option<Self> {
        let eve = before(anchor)?;
        let per_day = match times.next(eve).and_then(|first| before(first.date().at(0, 0, 0, 0))) {
            Some(midnight) => on_day(times, midnight),
            None => 1,
        };
        (per_day <= MAX_PER_DAY).then_some(Nth { n: n.max(1), eve, per_day })
    }

    /// The times of `times` that are kept.
    pub fn of<'a, T: CivilTimes>(&'a self, times: &'a T) -> Kept<'a, T> {
        Kept { nth: self, times }
    }

    /// How many of `times` are after the eve and not after `until`.
    fn count(&self, times: &impl CivilTimes, until: DateTime) -> u64 {
        let mut n = 0;
        let mut at = self.eve;
        while let Some(next) = times.next(at).filter(|next| *next <= until) {
            let is_whole_day = next.date() > self.eve.date() && next.date() < until.date();
            (n, at) = match is_whole_day {
                true => (n + u64::from(self.per_day), end_of(next.date())),
                false => (n + 1, next),
            };
        }
        n
    }
}

/// The times of an expression that `Nth` keeps.
#[derive(Debug)]
pub struct Kept<'a, T> {
    nth: &'a Nth,
    times: &'a T,
}

impl<T: CivilTimes> CivilTimes for Kept<'_, T> {
    fn is_fixed_time(&self) -> bool {
        self.times.is_fixed_time()
    }

    fn next(&self, after: DateTime) -> Option<DateTime> {
        let Nth { n, eve, .. } = *self.nth;
        let after = after.max(eve);
        // The next one has as many before it as were counted.
        let n_passed = self.nth.count(self.times, after) % u64::from(n);
        let n_skipped = (u64::from(n) - n_passed) % u64::from(n);
        let mut next = self.times.next(after)?;
        for _ in 0..n_skipped {
            next = self.times.next(next)?;
        }
        Some(next)
    }
}

/// How many times there are on the day after `eve`, as far as `MAX_PER_DAY` matters.
fn on_day(times: &impl CivilTimes, eve: DateTime) -> u32 {
    let mut n = 0;
    let mut at = eve;
    let mut day = None;
    while n <= MAX_PER_DAY
        && let Some(next) = times.next(at).filter(|next| day.is_none_or(|day| next.date() == day))
    {
        (n, at, day) = (n + 1, next, Some(next.date()));
    }
    n.max(1)
}

fn before(at: DateTime) -> Option<DateTime> {
    at.checked_sub(jiff::SignedDuration::from_nanos(1)).ok().map(|at| at.date().to_datetime(whole(at.time())))
}

fn whole(time: Time) -> Time {
    Time::constant(time.hour(), time.minute(), time.second(), 0)
}

fn end_of(day: Date) -> DateTime {
    day.to_datetime(END_OF_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::cron::Cron;
    use crate::model::time::quartz::Quartz;

    fn civil(text: &str) -> DateTime {
        text.parse().expect("because the case is valid")
    }

    /// From any starting point, the same times as by walking all of them.
    fn check(times: &impl CivilTimes, n: u32, anchor: &str, what: &str) {
        let anchor = civil(anchor);
        let nth = Nth::new(times, n, anchor).expect(what);
        let eve = before(anchor).expect("because it is not the beginning of time");
        let all: Vec<DateTime> = std::iter::successors(times.next(eve), |at| times.next(*at)).take(300).collect();
        let kept: Vec<DateTime> = all.iter().copied().step_by(n as usize).collect();
        let last = *kept.last().expect("because it names times");
        for after in all.iter().flat_map(|at| [*at, at.saturating_sub(jiff::SignedDuration::from_secs(1))]) {
            let expected = kept.iter().copied().find(|at| *at > after);
            if after < last {
                assert_eq!(nth.of(times).next(after), expected, "{what} {n} after {after}");
            }
        }
        assert_eq!(nth.of(times).next(civil("2000-01-01T00:00:00")), kept.first().copied(), "{what}: none before");
    }

    #[test]
    fn the_same_ones_are_kept_from_wherever_one_looks() {
        for (expression, anchor) in [
            ("0 9 * * mon", "2027-01-04T00:00:00"),
            ("0 9 * * mon", "2027-01-04T09:00:00"),
            ("0 9 * * mon", "2027-01-04T09:00:01"),
            ("0 * * * *", "2027-01-04T05:30:00"),
            ("0,30 9,17 * * *", "2027-01-04T09:30:00"),
            ("15 3 1,15 * *", "2027-01-04T00:00:00"),
            ("0 0 L * *", "2027-01-04T00:00:00"),
        ] {
            let cron = Cron::parse(expression, "job").expect(expression);
            for n in [1, 2, 3, 7, 24, 100] {
                check(&cron, n, anchor, expression);
            }
        }
        let quartz = Quartz::parse("0 0 9,17 ? * MON-FRI").expect("because it is valid");
        check(&quartz, 3, "2027-01-04T12:00:00", "quartz");
    }

    #[test]
    fn what_is_due_too_often_is_not_counted() {
        let nth = |expression: &str| {
            let cron = Cron::parse(expression, "job").expect(expression);
            Nth::new(&cron, 2, civil("2027-01-01T00:00:00"))
        };
        assert!(nth("0 * * * *").is_some());
        assert!(nth("0,30 8-19 * * *").is_some());
        assert_eq!(nth("0,30 8-20 * * *"), None);
        assert_eq!(nth("* * * * * *"), None);
    }
}
