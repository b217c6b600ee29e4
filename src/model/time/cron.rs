//! The civil times that a cron expression names, on a clock that knows no zones; `dst` puts them into one.
//!
//! Plain values are searched in bit sets: the days of one month as one number, then hour, minute and second by counting
//! zeros. Calendar days (`L`, `LW`, `15W`, `5L`, `5#2`) are croner's, on civil time only: on zoned types it adds runs at
//! the end of a gap. The split is for memory: croner's pattern takes 6 KiB, ours 40 bytes, and there may be 100,000
//! schedules. Tests hold the two to the same answers. What croner is given is our own reading of the expression, in
//! numbers, so that no second parser can differ.
//!
//! Invariant: a `Cron` names at least one time in the 400 years after 2000, so that no search runs for ever.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};

use crate::model::invalid::Fault;
use crate::model::time::dst::CivilTimes;
use crate::model::time::expression::{self, Expression};
use crate::model::time::fields::{Field, Special};

/// A cron expression, ready to be asked.
#[derive(Clone, Debug)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u32,
    days: u32,
    months: u16,
    weekdays: u8,
    both_days: bool,
    fixed_time: bool,
    calendar_days: Option<Box<croner::Cron>>,
}

impl Cron {
    /// Reads `expression`; `job` is what `H` hashes. An expression that names no time at all is a fault too.
    pub fn parse(expression: &str, job: &str) -> Result<Self, Vec<Fault>> {
        let read = Expression::read(expression, job)?;
        let cron = Cron::of(&read);
        if cron.names_a_day() {
            return Ok(cron);
        }
        let message = format!("`{}` never fires: there is no such day", expression.trim());
        Err(vec![Fault::new(expression::days_place(expression), message).hint("check the days against the months")])
    }

    fn of(read: &Expression) -> Self {
        let extended = !read.days.special.is_empty() || !read.weekdays.special.is_empty();
        Cron {
            seconds: read.seconds.bits,
            minutes: read.minutes.bits,
            hours: low_bits(&read.hours),
            days: low_bits(&read.days),
            months: u16::try_from(low_bits(&read.months)).expect("because months end at 12"),
            weekdays: u8::try_from(low_bits(&read.weekdays)).expect("because weekdays end at 6"),
            both_days: read.needs_both_days(),
            fixed_time: read.is_fixed_time(),
            calendar_days: extended.then(|| Box::new(days_in_croner(read))),
        }
    }

    /// Whether there is any day that it names. Years are of 14 kinds, and the 28 from 2000 on have them all; croner would
    /// search centuries for what never comes, which takes it 20 ms.
    fn names_a_day(&self) -> bool {
        if self.calendar_days.is_none() {
            return self.day_after(Date::constant(1999, 12, 31)).is_some();
        }
        let mut days = Date::constant(2000, 1, 1).series(1.day()).take_while(|date| date.year() < 2_028);
        days.any(|date| self.months & (1 << date.month()) != 0 && self.is_on(date))
    }

    fn is_on(&self, date: Date) -> bool {
        match &self.calendar_days {
            Some(croner) => {
                let midnight = in_years(date, -ages(date)).map(|date| date.at(0, 0, 0, 0));
                midnight.is_some_and(|midnight| croner.is_time_matching(&midnight).is_ok_and(|matches| matches))
            }
            None => self.days_of(date.year(), date.month()) & (1 << date.day()) != 0,
        }
    }

    /// The first of its days after `date`. The days repeat every 400 years: what is not found by then never comes.
    fn day_after(&self, date: Date) -> Option<Date> {
        let (mut year, mut month) = (date.year(), date.month());
        let mut days = self.days_of(year, month) & !(u32::MAX >> (31 - date.day()));
        let last_year = year.saturating_add(400).min(9_999);
        while days == 0 {
            (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            if year > last_year {
                return None;
            }
            days = self.days_of(year, month);
        }
        Date::new(year, month, low(u64::from(days))).ok()
    }

    /// Its days in that month, as bits 1 to 31.
    fn days_of(&self, year: i16, month: i8) -> u32 {
        if self.months & (1 << month) == 0 {
            return 0;
        }
        let first = Date::constant(year, month, 1);
        let in_month = u32::MAX >> (31 - first.days_in_month()) & !1;
        // Five weeks of the weekday set, shifted so that bit 1 is the weekday of the 1st.
        let week = u64::from(self.weekdays);
        let weeks = (0..6).fold(0, |weeks, n| weeks | week << (7 * n));
        let by_week = u32::try_from((weeks >> first.weekday().to_sunday_zero_offset()) << 1 & u64::from(in_month))
            .expect("because a month has 31 days");
        let by_month = self.days & in_month;
        if self.both_days { by_month & by_week } else { by_month | by_week }
    }

    /// The first of its times of day after `time`.
    fn time_after(&self, time: Time) -> Option<Time> {
        let (hour, minute) = (time.hour(), time.minute());
        let (first_minute, first_second) = (low(self.minutes), low(self.seconds));
        if u64::from(self.hours) & 1 << hour != 0 {
            if self.minutes & 1 << minute != 0
                && let Some(second) = above(self.seconds, time.second())
            {
                return Some(Time::constant(hour, minute, second, 0));
            }
            if let Some(minute) = above(self.minutes, minute) {
                return Some(Time::constant(hour, minute, first_second, 0));
            }
        }
        above(u64::from(self.hours), hour).map(|hour| Time::constant(hour, first_minute, first_second, 0))
    }
}

impl CivilTimes for Cron {
    fn is_fixed_time(&self) -> bool {
        self.fixed_time
    }

    fn next(&self, after: DateTime) -> Option<DateTime> {
        if let Some(time) = self.time_after(after.time())
            && self.is_on(after.date())
        {
            return Some(after.date().to_datetime(time));
        }
        let first = Time::constant(low(u64::from(self.hours)), low(self.minutes), low(self.seconds), 0);
        let day = match &self.calendar_days {
            Some(croner) => calendar_day_after(croner, after.date()),
            None => self.day_after(after.date()),
        };
        day.map(|date| date.to_datetime(first))
    }
}

/// The first day after `date` that croner finds.
fn calendar_day_after(croner: &croner::Cron, date: Date) -> Option<Date> {
    let eve = in_years(date, -ages(date))?.at(23, 59, 59, 0);
    in_years(croner.find_next_occurrence(&eve, false).ok()?.date(), ages(date))
}

/// Croner's calendar is shorter than ours, but dates and weekdays repeat every 400 years: it is asked about the years
/// 2000 to 2399 for any other. This is how many years `date` is away from its like there.
fn ages(date: Date) -> i16 {
    (date.year() - 2_000).div_euclid(400) * 400
}

fn in_years(date: Date, years: i16) -> Option<Date> {
    Date::new(date.year().checked_add(years)?, date.month(), date.day()).ok()
}

fn low_bits(field: &Field) -> u32 {
    u32::try_from(field.bits).expect("because hours, days, months and weekdays end below 32")
}

fn low(bits: u64) -> i8 {
    i8::try_from(bits.trailing_zeros()).expect("because a number has at most 64 bits")
}

/// The first of `bits` above `value`.
fn above(bits: u64, value: i8) -> Option<i8> {
    let rest = bits & !(u64::MAX >> (63 - value));
    (rest != 0).then(|| low(rest))
}

/// The days of the pattern for croner, at midnight: six fields of plain numbers and day extensions.
fn days_in_croner(read: &Expression) -> croner::Cron {
    let [days, months, weekdays] = [&read.days, &read.months, &read.weekdays].map(in_numbers);
    in_croner(&format!("0 0 0 {days} {months} {weekdays}"), read.needs_both_days())
}

fn in_croner(six_fields: &str, both_days: bool) -> croner::Cron {
    croner::parser::CronParser::builder()
        .seconds(croner::parser::Seconds::Required)
        .year(croner::parser::Year::Disallowed)
        .dom_and_dow(both_days)
        .build()
        .parse(six_fields)
        .expect("because croner reads every list of numbers and day extensions within its fields")
}

fn in_numbers(field: &Field) -> String {
    let plain = (0..64).filter(|value| field.bits & (1 << value) != 0).map(|value: u8| value.to_string());
    let special = field.special.iter().map(|special| match special {
        Special::LastDay => "L".to_owned(),
        Special::LastWorkday => "LW".to_owned(),
        Special::Nearest(day) => format!("{day}W"),
        Special::Last(weekday) => format!("{weekday}L"),
        Special::Nth(weekday, nth) => format!("{weekday}#{nth}"),
    });
    plain.chain(special).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(expression: &str, after: &str, n: usize) -> Vec<String> {
        let cron = Cron::parse(expression, "job").expect(expression);
        let after: DateTime = after.parse().expect("because the case is valid");
        std::iter::successors(cron.next(after), |at| cron.next(*at)).take(n).map(|at| at.to_string()).collect()
    }

    #[test]
    fn an_expression_names_these_times_and_no_others() {
        let check = |expression, after, expected: &[&str]| {
            let full: Vec<String> = expected.iter().map(|at| format!("{at}:00")).collect();
            assert_eq!(times(expression, after, expected.len()), full, "{expression}");
        };
        check("30 2 * * *", "2027-01-01T02:29:59.9", &["2027-01-01T02:30", "2027-01-02T02:30"]);
        check("*/35 * * * *", "2027-01-01T00:00", &["2027-01-01T00:35", "2027-01-01T01:00", "2027-01-01T01:35"]);
        check("0 0 29 2 *", "2027-01-01T00:00", &["2028-02-29T00:00", "2032-02-29T00:00"]);
        check("0 0 29 2 *", "2096-03-01T00:00", &["2104-02-29T00:00"]);
        check("59 23 31 12 *", "2027-12-31T23:59", &["2028-12-31T23:59"]);
        check("0 0 13 * 5", "2027-08-12T00:00", &["2027-08-13T00:00", "2027-08-20T00:00"]);
        check("0 0 */2 * 1", "2027-08-01T00:00", &["2027-08-09T00:00", "2027-08-23T00:00"]);
        check("0 0 L * *", "2028-02-01T00:00", &["2028-02-29T00:00", "2028-03-31T00:00"]);
        check("0 0 15,L * *", "2027-02-01T00:00", &["2027-02-15T00:00", "2027-02-28T00:00"]);
        check("0 0 L * *", "9996-02-01T00:00", &["9996-02-29T00:00", "9996-03-31T00:00"]);
        check("0 0 LW * *", "2027-01-01T00:00", &["2027-01-29T00:00", "2027-02-26T00:00"]);
        check("0 0 15W * *", "2027-05-01T00:00", &["2027-05-14T00:00", "2027-06-15T00:00"]);
        check("0 0 1W * *", "2027-05-01T00:00", &["2027-05-03T00:00", "2027-06-01T00:00"]);
        check("0 0 * * 7L", "2027-05-01T00:00", &["2027-05-30T00:00", "2027-06-27T00:00"]);
        check("0 0 * * fri#2", "2027-05-01T00:00", &["2027-05-14T00:00", "2027-06-11T00:00"]);
        check("0 0 1 * 5L", "2027-05-02T00:00", &["2027-05-28T00:00", "2027-06-01T00:00"]);
        check("0 0 1-31 * 5L", "2027-05-02T00:00", &["2027-05-03T00:00", "2027-05-04T00:00"]);
    }

    #[test]
    fn seconds_come_first_of_six_fields() {
        let expected = ["2027-01-01T00:00:40", "2027-01-01T00:01:00"];
        assert_eq!(times("*/20 * * * * *", "2027-01-01T00:00:20", 2), expected);
    }

    #[test]
    fn what_never_fires_is_refused_at_its_days() {
        for expression in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30,31 2 *", "0 0 30W 2 *", "0 0 */30 * 5#2"] {
            let faults = Cron::parse(expression, "job").expect_err(expression);
            assert!(faults[0].message.contains("never fires"), "{expression}");
            assert_eq!(faults[0].at, (4, expression.len()));
        }
        assert!(Cron::parse("0 0 30 2 1", "job").is_ok(), "either day is enough, and there are Mondays");
        assert!(Cron::parse("0 0 29 2 */5", "job").is_ok(), "rare is not never");
    }

    #[test]
    fn the_calendar_ends_without_a_panic() {
        for expression in ["* * * * *", "0 0 29 2 *", "0 0 L * *", "* * * * * *"] {
            let cron = Cron::parse(expression, "job").expect(expression);
            assert_eq!(cron.next(DateTime::MAX), None, "{expression}");
            assert!(cron.next(DateTime::MIN).is_some(), "{expression}");
        }
    }

    #[test]
    fn a_plain_schedule_is_small() {
        assert!(size_of::<Cron>() <= 48, "{}", size_of::<Cron>());
    }

    #[test]
    fn our_search_and_croner_name_the_same_times() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut chance = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for _ in 0..1_500 {
            let mut field = |low: u64, high: u64| match chance(5) {
                0 | 1 => "*".to_owned(),
                2 => format!("*/{}", 1 + chance(high - low)),
                3 => format!("{},{}", low + chance(high - low + 1), low + chance(high - low + 1)),
                _ => {
                    let first = low + chance(high - low + 1);
                    format!("{first}-{}", first + chance(high - first + 1))
                }
            };
            let fields = [field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)];
            let expression = fields.join(" ");
            let Ok(ours) = Cron::parse(&expression, "job") else { continue };
            let read = Expression::read(&expression, "job").expect("because it was read before");
            let all = [&read.seconds, &read.minutes, &read.hours, &read.days, &read.months, &read.weekdays];
            let croner = in_croner(&all.map(in_numbers).join(" "), read.needs_both_days());
            let mut at = DateTime::constant(2027, 2, 27, 0, 0, 0, 0);
            for _ in 0..20 {
                let next = ours.next(at);
                assert_eq!(next, croner.find_next_occurrence(&at, false).ok(), "{expression} after {at}");
                let Some(next) = next else { break };
                at = next;
            }
        }
    }
}
