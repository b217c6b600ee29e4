//! An expression in words, field by field, and what daylight saving did to one due time. Owns the wording only.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::invalid::Fault;
use crate::model::time::dst::Shift;
use crate::model::time::expression::Expression;
use crate::model::time::fields::{Field, Special};
use crate::model::time::kind::{self, Kind};
use crate::model::time::quartz;

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

/// What `expression` means, a line for each field and for each rule that decides.
pub fn lines(expression: &str, job: &str) -> Result<Vec<String>, Vec<Fault>> {
    let read = Expression::read(expression, job)?;
    let mut lines = Vec::new();
    let mut line = |kind: Kind, field: &Field| lines.push(format!("{}: {}", kind.name, words(kind, field)));
    if read.with_seconds {
        line(kind::SECOND, &read.seconds);
    }
    line(kind::MINUTE, &read.minutes);
    line(kind::HOUR, &read.hours);
    line(kind::DAY, &read.days);
    line(kind::MONTH, &read.months);
    line(kind::WEEKDAY, &read.weekdays);
    let restricts = |kind, field: &Field| words(kind, field) != "every";
    if restricts(kind::DAY, &read.days) && restricts(kind::WEEKDAY, &read.weekdays) {
        lines.push(if read.needs_both_days() {
            "days: both day of month and day of week must match, because one of them begins with `*`".to_owned()
        } else {
            "days: day of month or day of week must match, because neither begins with `*`".to_owned()
        });
    }
    lines.push(daylight_saving(read.is_fixed_time()));
    Ok(lines)
}

/// The same of a Quartz expression.
pub fn quartz_lines(expression: &str) -> Result<Vec<String>, Vec<Fault>> {
    let fields = quartz::Fields::read(expression)?;
    let [seconds, minutes, hours, days, months, weekdays, years] = &fields.values;
    let mut lines: Vec<String> = [
        (kind::SECOND, seconds, 0),
        (kind::MINUTE, minutes, 0),
        (kind::HOUR, hours, 0),
        (kind::DAY, days, 0),
        (kind::MONTH, months, 0),
        // Quartz counts weekdays from 1.
        (kind::WEEKDAY, weekdays, 1),
    ]
    .into_iter()
    .map(|(kind, values, less)| {
        let bits = values.iter().fold(0, |bits, value| bits | 1 << (value - less));
        format!("{}: {}", kind.name, words(kind, &Field { bits, ..Field::default() }))
    })
    .collect();
    lines.push(format!("year: {}", years_in_words(years)));
    lines.push(daylight_saving(fields.fixed_time));
    Ok(lines)
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

fn daylight_saving(is_fixed_time: bool) -> String {
    if is_fixed_time {
        "daylight saving: each time happens once; after the gap if the clock leaves it out, on the first pass if the \
         clock shows it twice"
            .to_owned()
    } else {
        "daylight saving: follows real time; not due while the clock leaves a time out, due on both passes if it shows \
         it twice"
            .to_owned()
    }
}

/// The values of a field as text: `every`, numbers and ranges, names, days of the calendar.
fn words(kind: Kind, field: &Field) -> String {
    let high = if kind == kind::WEEKDAY { 6 } else { kind.high };
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

    #[test]
    fn the_rules_that_decide_are_said() {
        let check = |expression, part: &str| {
            let lines = lines(expression, "job").expect(expression);
            assert!(lines.iter().any(|line| line.starts_with(part)), "{expression}: {lines:?}");
        };
        check("0 0 13 * 5", "days: day of month or day of week");
        check("0 0 */2 * 1", "days: both");
        check("30 2 * * *", "daylight saving: each time happens once");
        check("*/5 * * * *", "daylight saving: follows real time");
        assert!(lines("0 0 * * 5", "job").expect("valid").iter().all(|line| !line.starts_with("days")));
    }
}
