//! The civil times that a Quartz expression names, on a clock that knows no zones; `dst` puts them into one.
//!
//! The `cron` crate evaluates, on UTC standing in for civil time: on zoned types it loses runs in the gap and goes back
//! in time in the fold. What it is given is our own reading of the expression (`reading`), in numbers, so that no second
//! parser can differ; it knows no calendar days (`L`, `W`, `#`), and its calendar ends with the year 2100.
//!
//! Invariants: a `Quartz` names at least one time; a search looks at no more than the months until 2100, and so ends.

mod reading;

use chrono::{DateTime as ChronoDateTime, Datelike, NaiveDate, Timelike, Utc};
use jiff::civil::{Date, DateTime, Time};

use crate::model::invalid::Fault;
use crate::model::time::dst::CivilTimes;
pub use reading::{FIRST_YEAR, Fields, LAST_YEAR};

/// The last second before the calendar of the crate begins.
const EVE: DateTime = DateTime::constant(1969, 12, 31, 23, 59, 59, 0);

/// A Quartz expression, ready to be asked.
#[derive(Clone, Debug)]
pub struct Quartz {
    schedule: cron::Schedule,
    fixed_time: bool,
}

impl Quartz {
    /// Reads `expression`. One that names no time at all is a fault too.
    pub fn parse(expression: &str) -> Result<Self, Vec<Fault>> {
        let fields = Fields::read(expression)?;
        let unreadable = |error: cron::error::Error| {
            // Our reading and the crate's differ: say what it says, and fire nothing.
            vec![Fault::new((0, expression.len()), error.to_string())]
        };
        let schedule = fields.in_numbers().parse::<cron::Schedule>().map_err(unreadable)?;
        let quartz = Quartz { schedule, fixed_time: fields.fixed_time };
        if quartz.next(EVE).is_some() {
            return Ok(quartz);
        }
        let message = format!("`{}` never fires: there is no such day", expression.trim());
        Err(vec![Fault::new(fields.days_place, message).hint("check the days against the months and years")])
    }
}

impl CivilTimes for Quartz {
    fn is_fixed_time(&self) -> bool {
        self.fixed_time
    }

    fn next(&self, after: DateTime) -> Option<DateTime> {
        let next = self.schedule.after(&in_chrono(after.max(EVE))?).next()?;
        let part = |number: u32| i8::try_from(number).ok();
        let date = Date::new(i16::try_from(next.year()).ok()?, part(next.month())?, part(next.day())?).ok()?;
        let time = Time::new(part(next.hour())?, part(next.minute())?, part(next.second())?, 0).ok()?;
        Some(date.to_datetime(time))
    }
}

fn in_chrono(civil: DateTime) -> Option<ChronoDateTime<Utc>> {
    let part = |number: i8| u32::try_from(number).ok();
    let date = NaiveDate::from_ymd_opt(i32::from(civil.year()), part(civil.month())?, part(civil.day())?)?;
    let time = date.and_hms_opt(part(civil.hour())?, part(civil.minute())?, part(civil.second())?)?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(expression: &str, after: &str, n: usize) -> Vec<String> {
        let quartz = Quartz::parse(expression).unwrap_or_else(|faults| panic!("{expression}: {faults:?}"));
        let after: DateTime = after.parse().expect("because the case is valid");
        std::iter::successors(quartz.next(after), |at| quartz.next(*at)).take(n).map(|at| at.to_string()).collect()
    }

    /// From the tutorial of Quartz, and from what people ask about it.
    #[test]
    fn known_expressions_name_these_times() {
        for (expression, after, expected) in [
            ("0 0 12 * * ?", "2027-01-01T12:00", &["2027-01-02T12:00:00", "2027-01-03T12:00:00"][..]),
            ("0 15 10 ? * *", "2027-01-01T00:00", &["2027-01-01T10:15:00", "2027-01-02T10:15:00"]),
            ("0 15 10 * * ? *", "2027-01-01T00:00", &["2027-01-01T10:15:00"]),
            ("0 15 10 * * ? 2028", "2027-01-01T00:00", &["2028-01-01T10:15:00", "2028-01-02T10:15:00"]),
            ("0 * 14 * * ?", "2027-01-01T14:58:30", &["2027-01-01T14:59:00", "2027-01-02T14:00:00"]),
            ("0 0/5 14,18 * * ?", "2027-01-01T14:52", &["2027-01-01T14:55:00", "2027-01-01T18:00:00"]),
            ("0 0-5 14 * * ?", "2027-01-01T14:04", &["2027-01-01T14:05:00", "2027-01-02T14:00:00"]),
            ("0 10,44 14 ? 3 WED", "2027-01-01T00:00", &["2027-03-03T14:10:00", "2027-03-03T14:44:00"]),
            ("0 15 10 ? * MON-FRI", "2027-01-01T11:00", &["2027-01-04T10:15:00"]),
            ("0 15 10 15 * ?", "2027-01-16T00:00", &["2027-02-15T10:15:00"]),
            ("0 0 12 1/5 * ?", "2027-01-26T13:00", &["2027-01-31T12:00:00", "2027-02-01T12:00:00"]),
            ("0 11 11 11 11 ?", "2027-01-01T00:00", &["2027-11-11T11:11:00", "2028-11-11T11:11:00"]),
            ("*/20 * * * * ?", "2027-01-01T00:00:20", &["2027-01-01T00:00:40", "2027-01-01T00:01:00"]),
            ("0 0 8 ? * 1", "2027-01-01T00:00", &["2027-01-03T08:00:00", "2027-01-10T08:00:00"]),
            ("0 0 8 ? * 7", "2027-01-01T00:00", &["2027-01-02T08:00:00"]),
            ("0 0 8 ? * fri-mon", "2027-01-05T00:00", &["2027-01-08T08:00:00", "2027-01-09T08:00:00"]),
            (
                "0 0 22-2/2 * * ?",
                "2027-01-01T20:00",
                &["2027-01-01T22:00:00", "2027-01-02T00:00:00", "2027-01-02T02:00:00"],
            ),
            ("0 0 0 29 2 ?", "2027-01-01T00:00", &["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
            ("0 0 0 1 1 ? 2030-2034/2", "2027-01-01T00:00", &["2030-01-01T00:00:00", "2032-01-01T00:00:00"]),
            ("0 0 0 31 NOV-FEB ?", "2027-01-31T00:00", &["2027-12-31T00:00:00", "2028-01-31T00:00:00"]),
        ] {
            assert_eq!(times(expression, after, expected.len()), expected, "{expression}");
        }
    }

    #[test]
    fn what_never_fires_is_refused_at_its_days() {
        for (expression, at) in [
            ("0 0 0 30 2 ?", (6, 12)),
            ("0 0 0 31 4,6 ?", (6, 14)),
            ("0 0 0 29 2 ? 2027,2100", (6, 22)),
            ("0 0 0 29 FEB ? 2029-2031", (6, 24)),
        ] {
            let Err(faults) = Quartz::parse(expression) else { panic!("{expression} is taken") };
            if expression.ends_with("2100") {
                assert_eq!(faults[0].at, (18, 22), "{faults:?}");
                continue;
            }
            assert!(faults[0].message.contains("never fires"), "{faults:?}");
            assert_eq!(faults[0].at, at, "{expression}");
        }
    }

    #[test]
    fn the_calendar_begins_and_ends_without_a_panic() {
        let all = Quartz::parse("* * * * * ?").expect("because it is valid");
        assert_eq!(all.next(DateTime::MIN), Some(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)));
        assert_eq!(
            all.next(DateTime::constant(2099, 12, 31, 23, 59, 58, 0)),
            Some(DateTime::constant(2099, 12, 31, 23, 59, 59, 0))
        );
        assert_eq!(all.next(DateTime::MAX), None);
        let rare = Quartz::parse("0 0 0 29 2 SUN");
        assert!(rare.is_err(), "two kinds of days at once");
        assert_eq!(times("59 59 23 31 12 ? 2099", "2027-01-01T00:00", 3), ["2099-12-31T23:59:59"]);
    }

    /// Walks second by second, hour by hour and day by day over what the fields say, and finds the same times.
    #[test]
    fn the_crate_finds_what_the_numbers_say_from_any_start() {
        for (expression, start) in [
            ("7,30 15/20 3 ? JAN,MAR MON", "2027-01-01T00:00:00"),
            ("0 59 23 28-31 * ?", "2027-01-30T23:59:00"),
            ("0/30 0 0 1 * ? 2027-2028", "2027-11-30T00:00:00"),
            ("0 0 0/7 ? * SAT-SUN", "2027-02-26T00:00:00"),
        ] {
            let (quartz, fields) = (Quartz::parse(expression).unwrap(), Fields::read(expression).unwrap());
            let start: DateTime = start.parse().unwrap();
            let span = jiff::SignedDuration::from_hours(24 * 75);
            let end = start.checked_add(span).unwrap();
            let mut expected = Vec::new();
            let mut at = start;
            while at < end {
                at = at.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
                if fields.holds(at) {
                    expected.push(at);
                }
            }
            let walk =
                |from| std::iter::successors(quartz.next(from), |at| quartz.next(*at)).take_while(|at| *at <= end);
            assert_eq!(walk(start).collect::<Vec<_>>(), expected, "{expression}");
            for (index, at) in expected.iter().enumerate() {
                let before = at.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
                assert_eq!(quartz.next(before), Some(*at), "{expression}");
                assert_eq!(quartz.next(*at).filter(|at| *at <= end), expected.get(index + 1).copied(), "{expression}");
            }
        }
    }
}
