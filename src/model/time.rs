//! When a schedule is due: a `Calendar` is a schedule's rule made ready, in its zone.
//!
//! Owns the answers about due times: the next, the newest, how many, whether this is one. Refuses to know what time it
//! is and which zone data is in use; both are arguments. Invariants: `next_after` is strictly increasing and a pure
//! function of the rule, the zone and its argument; no rule makes any of these run longer as a span grows, but for
//! counting, which the caller limits.

pub mod catch_up;
pub mod cron;
pub mod dst;
pub mod every;
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
use rule::Rule;

const MICROSECOND: Duration = Duration::from_micros(1);

/// The due times of one schedule.
#[derive(Clone, Debug)]
pub struct Calendar {
    rule: Rule,
}

impl Calendar {
    /// The due times of `schedule` of that job in that zone, or all that is wrong with its rule. The places of faults
    /// are bytes of the cron expression.
    pub fn new(schedule: &Schedule, job: &str, zone: &TimeZone) -> Result<Self, Vec<Fault>> {
        Ok(Calendar { rule: Rule::new(schedule, job, zone)? })
    }

    /// The first due time after `after`; nothing if there is none before the end of year 9999, and for what is due when
    /// the machine or the daemon starts.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.rule.next_after(after)
    }

    /// The newest due time in `(after, until]`.
    pub fn newest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        self.rule.newest(after, until)
    }

    /// How many due times are in `(after, until]`, counted up to `limit`.
    pub fn count(&self, after: Timestamp, until: Timestamp, limit: u64) -> u64 {
        self.rule.count(after, until, limit)
    }

    /// Whether this very instant is a due time.
    pub fn is_due_at(&self, at: Timestamp) -> bool {
        self.rule.is_due_at(at)
    }

    /// What daylight saving did to the due time `at`, if anything.
    pub fn shift(&self, at: Timestamp) -> Option<dst::Shift> {
        self.rule.shift(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::Timing;

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

    #[test]
    fn a_calendar_is_small() {
        assert!(size_of::<Calendar>() <= 64, "{}", size_of::<Calendar>());
    }
}
