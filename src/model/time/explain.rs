//! What an expression means, for people: its normal form, one sentence, its fields in words, what daylight saving does to
//! it, and what is worth a second look. Owns the wording only; every answer comes from what evaluates the expression.

mod lint;
mod normal;
mod sentence;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::time::cron::Cron;
use crate::model::time::dst::{CivilTimes, Shift};
use crate::model::time::expression::Expression;
use crate::model::time::fields::{Field, Special};
use crate::model::time::kind::{self, Kind};
use crate::model::time::quartz::{self, Quartz};
use crate::model::time::step::Step;
pub use lint::Lint;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const NTH: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// What daylight saving does to the times of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// It names times of the day: each happens once.
    FixedTime,
    /// It names every so often: it follows real time.
    Wildcard,
}

impl Class {
    fn of(times: &impl CivilTimes) -> Self {
        if times.is_fixed_time() { Class::FixedTime } else { Class::Wildcard }
    }

    /// As surfaces call it.
    pub fn name(self) -> &'static str {
        match self {
            Class::FixedTime => "fixed-time",
            Class::Wildcard => "wildcard",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Class::FixedTime => {
                "each time happens once; after the gap if the clock leaves it out, on the first pass if the clock shows \
                 it twice"
            }
            Class::Wildcard => {
                "follows real time; not due while the clock leaves a time out, due on both passes if it shows it twice"
            }
        }
    }
}

/// An expression, explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The canonical spelling, which means the same.
    pub normal: String,
    /// In English.
    pub sentence: String,
    /// Its fields, each with its values in words; none if it has none.
    pub fields: Vec<(&'static str, String)>,
    /// None if no clock that is set forward or back concerns it.
    pub class: Option<Class>,
    /// What is worth a second look.
    pub lints: Vec<Lint>,
}

/// Where and from when an expression is explained: a zone by its name, and the instant after which gaps are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// As people call it.
    pub name: &'a str,
    /// Its clock.
    pub zone: &'a TimeZone,
    /// The instant.
    pub after: Timestamp,
}

/// Explains five or six fields of cron, or an `@` name that stands for five; `job` is what `H` hashes.
pub fn cron(expression: &str, job: &str, scene: Scene<'_>) -> Result<Explanation, Vec<Fault>> {
    let times = Cron::parse(expression, job)?;
    let read = Expression::read(expression, job)?;
    let lints = lint::uneven(&read, steps(&read)).chain(lint::both_days(&read)).chain(lint::gap(&read, &times, scene));
    Ok(Explanation {
        normal: normal::cron(&read),
        sentence: format!("{}, {}", sentence::of(&read), scene.name),
        fields: fields_in_words(&read, read.with_seconds),
        class: Some(Class::of(&times)),
        lints: lints.collect(),
    })
}

fn steps(read: &Expression) -> impl Iterator<Item = &Step> {
    let all = [&read.seconds, &read.minutes, &read.hours, &read.days, &read.months, &read.weekdays];
    all.into_iter().flat_map(|field| &field.steps)
}

/// Explains a Quartz expression.
pub fn quartz(expression: &str, scene: Scene<'_>) -> Result<Explanation, Vec<Fault>> {
    let times = Quartz::parse(expression)?;
    let fields = quartz::Fields::read(expression)?;
    let read = in_cron(&fields);
    let years = years_in_words(&fields.values[6]);
    let when = match years.as_str() {
        "every" => sentence::of(&read),
        _ => format!("{}, only in {years}", sentence::of(&read)),
    };
    let mut in_words = fields_in_words(&read, true);
    in_words.push(("year", years));
    Ok(Explanation {
        normal: normal::quartz(&fields),
        sentence: format!("{when}, {}", scene.name),
        fields: in_words,
        class: Some(Class::of(&times)),
        lints: lint::uneven(&read, &fields.steps).chain(lint::gap(&read, &times, scene)).collect(),
    })
}

/// Explains an interval that is counted from the Unix epoch.
pub fn every(period: Duration) -> Explanation {
    const DAY: Duration = Duration::from_secs(86_400);
    let is_days = period.as_micros() % DAY.as_micros() == 0;
    Explanation {
        normal: format!("every {period}"),
        sentence: format!("every {period} from 1970-01-01T00:00:00Z, whatever the clock of the zone does"),
        fields: Vec::new(),
        class: None,
        lints: lint::length_of_day(is_days).into_iter().collect(),
    }
}

/// Explains `@reboot`, or else `@start`.
pub fn started(is_reboot: bool) -> Explanation {
    let (normal, sentence) = if is_reboot {
        ("@reboot", "at the first start of the daemon after the machine has booted, at no time of its own")
    } else {
        ("@start", "at every start of the daemon, at no time of its own")
    };
    let (normal, sentence) = (normal.to_owned(), sentence.to_owned());
    Explanation { normal, sentence, fields: Vec::new(), class: None, lints: Vec::new() }
}

fn fields_in_words(read: &Expression, with_seconds: bool) -> Vec<(&'static str, String)> {
    [
        (kind::SECOND, &read.seconds),
        (kind::MINUTE, &read.minutes),
        (kind::HOUR, &read.hours),
        (kind::DAY, &read.days),
        (kind::MONTH, &read.months),
        (kind::WEEKDAY, &read.weekdays),
    ]
    .into_iter()
    .skip(usize::from(!with_seconds))
    .map(|(kind, field)| (kind.name, words(kind, field)))
    .collect()
}

/// What a Quartz expression says of a year, as cron would: weekdays from 0, and both days must match.
fn in_cron(fields: &quartz::Fields) -> Expression {
    let field = |index: usize, less: u16| {
        let bits = fields.values[index].iter().fold(0, |bits, value| bits | 1 << (value - less));
        Field { bits, star: true, ..Field::default() }
    };
    Expression {
        seconds: field(0, 0),
        minutes: field(1, 0),
        hours: field(2, 0),
        days: field(3, 0),
        months: field(4, 0),
        weekdays: field(5, 1),
        with_seconds: true,
    }
}

fn years_in_words(years: &BTreeSet<u16>) -> String {
    if years.len() == usize::from(quartz::LAST_YEAR - quartz::FIRST_YEAR + 1) {
        return "every".to_owned();
    }
    let years: Vec<u16> = years.iter().copied().collect();
    let runs = years.chunk_by(|year, next| next - year == 1);
    let said = runs.map(|run| match run {
        [first, _, .., last] => format!("{first} to {last}"),
        few => few.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
    });
    said.collect::<Vec<_>>().join(", ")
}

/// The values of a field as text: `every`, numbers and ranges, names, days of the calendar.
fn words(kind: Kind, field: &Field) -> String {
    let high = normal::highest(kind);
    let holds = |value: u8| field.bits & (1 << value) != 0;
    if (kind.low..=high).all(holds) {
        return "every".to_owned();
    }
    let name = |value: u8| match kind {
        kind::MONTH => MONTHS[usize::from(value) - 1].to_owned(),
        kind::WEEKDAY => WEEKDAYS[usize::from(value)].to_owned(),
        _ => value.to_string(),
    };
    let mut parts = Vec::new();
    let mut value = kind.low;
    while value <= high {
        let first = value;
        while value <= high && holds(value) {
            value += 1;
        }
        match value - first {
            0 => value += 1,
            1 => parts.push(name(first)),
            2 => parts.extend([name(first), name(first + 1)]),
            _ => parts.push(format!("{} to {}", name(first), name(value - 1))),
        }
    }
    parts.extend(field.special.iter().map(ToString::to_string));
    parts.join(", ")
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Special::LastDay => f.write_str("the last"),
            Special::LastWorkday => f.write_str("the last Monday to Friday"),
            Special::Nearest(day) => write!(f, "the Monday to Friday nearest to {day}"),
            Special::Last(weekday) => write!(f, "the last {}", WEEKDAYS[usize::from(*weekday)]),
            Special::Nth(weekday, nth) => {
                write!(f, "the {} {}", NTH[usize::from(*nth) - 1], WEEKDAYS[usize::from(*weekday)])
            }
        }
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shift::Gap { named } => {
                write!(f, "{} does not exist in this zone; due after the gap", named.strftime("%F %T"))
            }
            Shift::Once => f.write_str("the clock shows this time twice; due on the first pass only"),
            Shift::FirstPass => f.write_str("the clock shows this time twice; this is the first pass"),
            Shift::SecondPass => f.write_str("the clock shows this time twice; this is the second pass"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::fields;

    #[test]
    fn a_field_is_said_in_words() {
        let check = |kind, text, expected| {
            let field = fields::read(kind, text, 0, "job").expect(text);
            assert_eq!(words(kind, &field), expected, "{text}");
        };
        check(kind::MINUTE, "*", "every");
        check(kind::MINUTE, "*/20", "0, 20, 40");
        check(kind::MINUTE, "1,2,10-15", "1, 2, 10 to 15");
        check(kind::MONTH, "jan,mar-may", "January, March to May");
        check(kind::WEEKDAY, "fri-sun", "Sunday, Friday, Saturday");
        check(kind::WEEKDAY, "5L,1#2", "the last Friday, the second Monday");
        check(kind::DAY, "15,L", "15, the last");
        check(kind::DAY, "LW", "the last Monday to Friday");
    }

    fn scene(zone: &TimeZone) -> Scene<'_> {
        Scene { name: "Europe/Berlin", zone, after: "2027-01-01T00:00:00Z".parse().expect("because it is valid") }
    }

    #[test]
    fn what_is_worth_a_second_look_is_said_and_nothing_else() {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").expect("because it is bundled");
        let check = |text: &str, expected: &[(&str, &str, &str)]| {
            let explained = match text.strip_prefix("quartz ") {
                Some(text) => quartz(text, scene(&zone)),
                None => cron(text, "job", scene(&zone)),
            };
            let lints = explained.expect(text).lints;
            assert_eq!(lints.len(), expected.len(), "{text}: {lints:?}");
            for (lint, (code, message, hint)) in lints.iter().zip(expected) {
                assert_eq!(lint.code, *code, "{text}");
                assert!(lint.message.contains(message), "{text}: {lint:?}");
                assert!(lint.hint.as_deref().unwrap_or_default().contains(hint), "{text}: {lint:?}");
            }
        };
        check("*/15 * * * *", &[]);
        check("30 4 * * *", &[]);
        check("*/35 * * * *", &[("uneven_step", "after 35 comes 0 again", "every = \"35m\"")]);
        check("*/35 4 * * *", &[]);
        check("0 */7 * * *", &[("uneven_step", "after 21 comes 0 again", "every = \"7h\"")]);
        check("0 5 1 */5 *", &[("uneven_step", "12 values of the month field", "")]);
        check("0 5 13 * 5", &[("both_days", "one of them is enough", "two schedules")]);
        check("0 5 */31 * 5", &[("both_days", "both must match", "without `*`")]);
        let due = "02:30 does not exist on 2027-03-28 in Europe/Berlin: due once at 2027-03-28T03:00:00+02:00";
        check("30 2 * * *", &[("gap", due, "")]);
        check("30 2 29 3 *", &[("gap", "does not exist on 2037-03-29 in Europe/Berlin", "")]);
        check("*/30 2 * * *", &[("gap", "not due then", "without `*`")]);
        check("0 30 2 * * *", &[("gap", "not due then", "")]);
        check("*/30 * * * *", &[]);
        check("quartz 0 30 2 ? * SUN", &[("gap", "due once at 2027-03-28T03:00:00+02:00", "")]);
        check("quartz 0 0/35 4-6 * * ?", &[("uneven_step", "`0/35`", "every = \"35m\"")]);
        check("quartz 0 30 2 * * ? 2027", &[("gap", "2027-03-28", "")]);
        check("quartz 0 30 2 1 1 ? 2027", &[]);
        assert_eq!(every(Duration::from_secs(172_800)).lints[0].code, "length_of_day");
        assert_eq!(every(Duration::from_secs(900)).lints, []);
    }

    #[test]
    fn the_class_is_named() {
        let check = |text, expected: Class| {
            assert_eq!(cron(text, "job", scene(&TimeZone::UTC)).expect(text).class, Some(expected), "{text}");
        };
        check("30 2 * * *", Class::FixedTime);
        check("*/5 2 * * *", Class::Wildcard);
        check("@hourly", Class::Wildcard);
        check("0 30 2 * * *", Class::Wildcard);
        assert_eq!(quartz("0 30 2 * * ?", scene(&TimeZone::UTC)).expect("valid").class, Some(Class::FixedTime));
        assert_eq!((every(Duration::from_secs(1)).class, started(true).class), (None, None));
    }

    #[test]
    fn a_quartz_expression_is_said_with_its_years() {
        let said = |text| quartz(text, scene(&TimeZone::UTC)).expect(text).sentence;
        assert_eq!(
            said("0 30 2 ? * MON-FRI 2027-2029"),
            "at 02:30 on Monday to Friday, only in 2027 to 2029, Europe/Berlin"
        );
        assert_eq!(said("0 0/15 * 1 * ?"), "every 15 minutes on day 1 of the month, Europe/Berlin");
    }
}
