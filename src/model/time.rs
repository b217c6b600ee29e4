//! When a schedule is due: a `Calendar` is a schedule's rule made ready, in its zone.
//!
//! Owns the answers about due times: the next, the newest, how many, whether this is one. Refuses to know what time it
//! is and which zone data is in use; both are arguments. Invariants: `next_after` is strictly increasing and a pure
//! function of the rule, the zone and its argument; no rule makes any of these run longer as a span grows, but for
//! counting, which the caller limits.

pub mod backfill;
pub mod catch_up;
pub mod cron;
pub mod dst;
pub mod every;
mod exclusion;
pub mod explain;
pub mod expression;
pub mod fields;
pub mod kind;
pub mod nth;
pub mod quartz;
pub mod rule;
pub mod spread;
pub mod step;

use jiff::tz::TimeZone;

use crate::model::definition::Schedule;
use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::timestamp::Timestamp;
use exclusion::Exclusion;
use rule::Rule;

pub(crate) const MICROSECOND: Duration = Duration::from_micros(1);

/// How many stretches a search passes over before it gives up: a schedule that excludes all that it names must come to an
/// end. A closed stretch each day makes this eleven years.
const MAX_LEAPS: usize = 4_096;
/// The same where each look counts from an anchor, and so costs as much as a thousand others.
const MAX_COUNTED_LEAPS: usize = 64;

/// The due times of one schedule. Some of them may be *excluded*: they are due times and get their answer, but they start
/// nothing. Whoever asks the calendar asks about those that are admitted, and `rule` knows all of them.
#[derive(Clone, Debug)]
pub struct Calendar {
    rule: Rule,
    exclusion: Option<Box<Exclusion>>,
}

/// Neighbouring due times that are all admitted, or all excluded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// It ends here, at a due time or after one.
    pub until: Timestamp,
    /// None of them may start a run.
    pub is_excluded: bool,
}

impl Calendar {
    /// The due times of `schedule` of that job in that zone, or all that is wrong with its rule. The places of faults
    /// are bytes of the cron expression.
    pub fn new(schedule: &Schedule, job: &str, zone: &TimeZone) -> Result<Self, Vec<Fault>> {
        let exclusion = Exclusion::new(schedule, zone).map(Box::new);
        Ok(Calendar { rule: Rule::new(schedule, job, zone)?, exclusion })
    }

    /// All due times, the excluded ones too.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whether it may exclude due times at all.
    pub fn excludes(&self) -> bool {
        self.exclusion.is_some()
    }

    /// Whether a due time at this instant is excluded.
    pub fn is_excluded(&self, at: Timestamp) -> bool {
        self.exclusion.as_ref().is_some_and(|exclusion| exclusion.judge(at).is_excluded)
    }

    /// The first admitted due time after `after`; nothing if there is none before the end of year 9999 or none can be found,
    /// and for what is due when the machine or the daemon starts.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.exclusion {
            None => self.rule.next_after(after),
            Some(exclusion) => self.search(exclusion, false, after, Timestamp::MAX).unwrap_or_default(),
        }
    }

    fn max_leaps(&self) -> usize {
        if self.rule.is_counted() { MAX_COUNTED_LEAPS } else { MAX_LEAPS }
    }

    /// The newest admitted due time in `(after, until]`.
    pub fn newest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let Some(exclusion) = &self.exclusion else { return self.rule.newest(after, until) };
        let mut until = until;
        for _ in 0..self.max_leaps() {
            let at = self.rule.newest(after, until)?;
            let judged = exclusion.judge(at);
            if !judged.is_excluded {
                return Some(at);
            }
            until = judged.since.min(at).minus(MICROSECOND);
        }
        None
    }

    /// How many admitted due times are in `(after, until]`, counted up to `limit`.
    pub fn count(&self, after: Timestamp, until: Timestamp, limit: u64) -> u64 {
        let (mut n, mut after) = (0, after);
        while n < limit
            && let Some(stretch) = self.stretch(after, until)
        {
            if !stretch.is_excluded {
                n += self.rule.count(after, stretch.until, limit - n);
            }
            after = stretch.until;
        }
        n
    }

    /// Whether this very instant is an admitted due time.
    pub fn is_due_at(&self, at: Timestamp) -> bool {
        self.rule.is_due_at(at) && !self.is_excluded(at)
    }

    /// The first due times in `(after, until]`, as far as they are alike; nothing if there are none.
    pub fn stretch(&self, after: Timestamp, until: Timestamp) -> Option<Stretch> {
        let first = self.rule.next_after(after).filter(|first| *first <= until)?;
        let Some(exclusion) = &self.exclusion else { return Some(Stretch { until, is_excluded: false }) };
        let is_excluded = exclusion.judge(first).is_excluded;
        let until = match self.search(exclusion, !is_excluded, after, until) {
            Ok(Some(other)) => other.minus(MICROSECOND),
            Ok(None) => until,
            Err(at) => at.min(until),
        };
        Some(Stretch { until, is_excluded })
    }

    /// What daylight saving did to the due time `at`, if anything.
    pub fn shift(&self, at: Timestamp) -> Option<dst::Shift> {
        self.rule.shift(at)
    }

    /// The first due time in `(after, until]` that is excluded, or that is not; or the instant up to which there was none
    /// when it gave up.
    fn search(
        &self,
        exclusion: &Exclusion,
        is_excluded: bool,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Timestamp> {
        let mut at = after;
        for _ in 0..self.max_leaps() {
            let Some(due) = self.rule.next_after(at).filter(|due| *due <= until) else { return Ok(None) };
            let judged = exclusion.judge(due);
            if judged.is_excluded == is_excluded {
                return Ok(Some(due));
            }
            at = judged.until.minus(MICROSECOND).max(due);
        }
        Err(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::{Blackout, Timing};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("because the case is valid")
    }

    fn calendar(timing: Timing) -> Calendar {
        let schedule = Schedule::new(timing, "Europe/Berlin");
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").expect("because it is bundled");
        Calendar::new(&schedule, "job", &zone).expect("because the case is valid")
    }

    fn cron(expression: &str) -> Calendar {
        calendar(Timing::Cron { expression: expression.to_owned() })
    }

    #[test]
    fn each_rule_has_its_next_due_time() {
        let check = |timing: Timing, after, expected: Option<&str>| {
            assert_eq!(calendar(timing.clone()).next_after(at(after)), expected.map(at), "{timing:?} after {after}");
        };
        let nightly = Timing::Cron { expression: "30 2 * * *".to_owned() };
        check(nightly.clone(), "2027-03-27T12:00:00Z", Some("2027-03-28T01:00:00Z"));
        check(nightly.clone(), "2027-03-28T00:59:59.999999Z", Some("2027-03-28T01:00:00Z"));
        check(nightly.clone(), "2027-03-28T01:00:00Z", Some("2027-03-29T00:30:00Z"));
        check(nightly, "9999-12-31T23:00:00Z", None);
        let every = Timing::Every { period: Duration::from_secs(900), anchor: Timestamp::default() };
        check(every, "2027-01-01T00:00:00Z", Some("2027-01-01T00:15:00Z"));
        let once = Timing::At { at: at("2027-01-01T09:00:00Z") };
        check(once.clone(), "2027-01-01T08:00:00Z", Some("2027-01-01T09:00:00Z"));
        check(once, "2027-01-01T09:00:00Z", None);
        check(Timing::Reboot, "2027-01-01T00:00:00Z", None);
        check(Timing::Start, "2027-01-01T00:00:00Z", None);
    }

    #[test]
    fn only_a_due_time_is_due() {
        assert!(cron("30 2 * * *").is_due_at(at("2027-03-28T01:00:00Z")));
        assert!(!cron("30 2 * * *").is_due_at(at("2027-03-28T01:00:00.000001Z")));
        let once = calendar(Timing::At { at: Timestamp::MIN });
        assert!(once.is_due_at(Timestamp::MIN), "even where nothing is before it");
    }

    #[test]
    fn the_newest_and_the_count_agree_with_walking() {
        let (from, span) = (at("2027-10-29T00:00:00Z"), Duration::from_secs(4 * 86_400));
        let quartz = |text: &str| (text.to_owned(), calendar(Timing::Quartz { expression: text.to_owned() }));
        let cases = ["*/7 * * * *", "30 2 * * *", "0-59 2 * * *", "0 0 1 11 *", "15 2 31 10 *", "*/50 * 2 * * *"]
            .map(|text| (text.to_owned(), cron(text)));
        let quartz = ["0 30 2 * * ?", "0 0/7 * ? * SUN", "0 0 2-4 31 10 ? 2027"].map(quartz);
        for (expression, calendar) in cases.into_iter().chain(quartz) {
            let due: Vec<_> = std::iter::successors(calendar.next_after(from), |at| calendar.next_after(*at))
                .take_while(|at| *at <= from.plus(span))
                .collect();
            for step in 0..200 {
                let until = from.plus(Duration::from_secs(step * 1_727));
                let seen: Vec<_> = due.iter().copied().filter(|at| *at <= until).collect();
                assert_eq!(calendar.newest(from, until), seen.last().copied(), "{expression} until {until}");
                assert_eq!(calendar.count(from, until, 10_000), seen.len() as u64, "{expression} until {until}");
                assert_eq!(calendar.count(from, until, 3), seen.len().min(3) as u64, "{expression} until {until}");
            }
        }
    }

    #[test]
    fn the_newest_of_ten_thousand_years_is_found_at_once() {
        let newest = cron("* * * * * *").newest(Timestamp::MIN, at("9990-01-01T00:00:00Z"));
        assert_eq!(newest, Some(at("9990-01-01T00:00:00Z")));
        let newest = cron("0 0 29 2 *").newest(Timestamp::MIN, at("9990-01-01T00:00:00Z"));
        assert_eq!(newest, Some(at("9988-02-28T23:00:00Z")));
        let quartz = calendar(Timing::Quartz { expression: "* * * * * ?".to_owned() });
        let newest = quartz.newest(Timestamp::MIN, at("9990-01-01T00:00:00Z"));
        assert_eq!(newest, Some(at("2100-12-31T22:59:59Z")), "its calendar ends there");
    }

    fn closed(timing: Timing, blackout: Vec<Blackout>) -> Calendar {
        let schedule = Schedule { blackout, ..Schedule::new(timing, "Europe/Berlin") };
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").expect("because it is bundled");
        Calendar::new(&schedule, "job", &zone).expect("because the case is valid")
    }

    fn daily(from: &str, until: &str) -> Blackout {
        let [from, until] = [from, until].map(|text| text.parse().expect("because the case is valid"));
        Blackout::Daily { from, until, days: 0x7f }
    }

    #[test]
    fn admitted_and_excluded_due_times_are_told_apart_from_anywhere() {
        let (from, span) = (at("2027-10-29T00:00:00Z"), Duration::from_secs(4 * 86_400));
        let once = Blackout::Once { from: at("2027-10-30T10:00:00Z"), until: at("2027-10-31T08:00:00Z") };
        let every = Timing::Every { period: Duration::from_secs(3_600), anchor: Timestamp::default() };
        for timing in [every, Timing::Cron { expression: "*/30 * * * *".to_owned() }] {
            let calendar = closed(timing, vec![daily("22:00", "02:30"), daily("12:00", "13:00"), once.clone()]);
            let all: Vec<_> =
                std::iter::successors(calendar.rule().next_after(from), |at| calendar.rule().next_after(*at))
                    .take_while(|at| *at <= from.plus(span))
                    .collect();
            let admitted: Vec<_> = all.iter().copied().filter(|at| !calendar.is_excluded(*at)).collect();
            assert!(admitted.len() > 20 && admitted.len() < all.len() - 20);
            for step in 0..200 {
                let after = from.plus(Duration::from_secs(step * 1_727));
                let next = admitted.iter().copied().find(|at| *at > after);
                assert!(next.is_none() || calendar.next_after(after) == next, "after {after}");
                let seen: Vec<_> = admitted.iter().copied().filter(|at| *at <= after).collect();
                assert_eq!(calendar.newest(from, after), seen.last().copied(), "until {after}");
                assert_eq!(calendar.count(from, after, 10_000), seen.len() as u64, "until {after}");
                assert_eq!(calendar.count(from, after, 3), seen.len().min(3) as u64, "until {after}");
            }
            let (mut at, mut found) = (from, Vec::new());
            while let Some(stretch) = calendar.stretch(at, from.plus(span)) {
                let within = all.iter().filter(|due| at < **due && **due <= stretch.until);
                found.extend(within.filter(|_| !stretch.is_excluded).copied());
                at = stretch.until;
            }
            assert_eq!(found, admitted);
        }
    }

    #[test]
    fn a_search_through_what_is_closed_comes_to_an_end() {
        let secondly = || Timing::Every { period: Duration::from_secs(1), anchor: Timestamp::default() };
        let from = at("2027-01-01T00:00:00Z");
        let year = Blackout::Once { from, until: at("2028-01-01T00:00:00Z") };
        assert_eq!(closed(secondly(), vec![year]).next_after(from), Some(at("2028-01-01T00:00:00Z")));
        let always = closed(secondly(), vec![daily("00:00", "24:00")]);
        assert_eq!((always.next_after(from), always.newest(Timestamp::MIN, from)), (None, None));
        assert_eq!(
            always.stretch(from, from.plus(Duration::from_secs(9))).map(|stretch| stretch.is_excluded),
            Some(true)
        );
    }

    #[test]
    fn a_calendar_is_small() {
        assert!(size_of::<Calendar>() <= 64, "{}", size_of::<Calendar>());
    }
}
