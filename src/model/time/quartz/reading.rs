//! Reads a Quartz expression, so that every fault has its place: second, minute, hour, day of month, month, day of week,
//! and a year that may be left out.
//!
//! Owns the grammar as Quartz documents it: `*`, `?`, values and names, lists, ranges that may wrap (`22-2`, `FRI-MON`)
//! and steps from a value (`0/15`); weekdays count from 1, Sunday. Refuses `L`, `W` and `#`, which the crate behind us
//! does not know and `cron` does, and the calendars of Quartz (`C`). Invariant: fields that were returned hold at least
//! one value each, within their range.

use std::collections::BTreeSet;

use jiff::civil::DateTime;

use crate::model::invalid::Fault;
use crate::model::time::expression::MAX_BYTES;
use crate::model::time::kind::{self, Kind};
use crate::model::time::step::Step;

/// The first year that an expression may name.
pub const FIRST_YEAR: u16 = 1970;
/// The last one; an expression without years ends with the calendar of the crate, a year later.
pub const LAST_YEAR: u16 = 2099;
const N_FIELDS: usize = 7;
const DAY: usize = 3;
const WEEKDAY: usize = 5;

/// What one field may hold.
#[derive(Clone, Copy)]
struct Part {
    name: &'static str,
    low: u16,
    high: u16,
    /// Of values, from `low` on.
    names: &'static [&'static str],
    /// Ranges of these may begin late and end early; a year is of no kind.
    kind: Option<Kind>,
}

const fn part(kind: Kind) -> Part {
    Part { name: kind.name, low: kind.low as u16, high: kind.high as u16, names: kind.names, kind: Some(kind) }
}

const PARTS: [Part; N_FIELDS] = [
    part(kind::SECOND),
    part(kind::MINUTE),
    part(kind::HOUR),
    part(kind::DAY),
    part(kind::MONTH),
    part(Kind { low: 1, ..kind::WEEKDAY }),
    Part { name: "year", low: FIRST_YEAR, high: LAST_YEAR, names: &[], kind: None },
];

/// What an expression says.
#[derive(Clone, Debug)]
pub struct Fields {
    /// In the order of the expression; `*` and `?` hold every value. Sunday is 1.
    pub values: [BTreeSet<u16>; N_FIELDS],
    /// It names times of the day, as against every so often: each happens once a day, whatever the clock does.
    pub fixed_time: bool,
    /// Which of second, minute and hour say every so often.
    pub intervals: [bool; 3],
    /// The steps that it was written with, but for those of years.
    pub steps: Vec<Step>,
    /// The bytes that name days: from the day of month to the end.
    pub days_place: (usize, usize),
}

impl Fields {
    /// Reads six or seven fields.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        if text.len() > MAX_BYTES {
            let message = format!("an expression of {} bytes; at most {MAX_BYTES} are read", text.len());
            return Err(vec![Fault::new((MAX_BYTES, text.len()), message)]);
        }
        let words: Vec<(usize, &str)> =
            text.split_ascii_whitespace().map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word)).collect();
        if !(N_FIELDS - 1..=N_FIELDS).contains(&words.len()) {
            return Err(vec![wrong_count(text, &words)]);
        }
        let (mut faults, mut steps) = (Vec::new(), Vec::new());
        let mut values: [BTreeSet<u16>; N_FIELDS] = Default::default();
        for (index, part) in PARTS.into_iter().enumerate() {
            let (at, word) = words.get(index).copied().unwrap_or((text.len(), "*"));
            for (item, from) in items(word, at) {
                match read_item(part, index, word, item, from, &mut values[index]) {
                    Ok(step) => steps.extend(step),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        faults.extend(two_kinds_of_days(&words));
        if !faults.is_empty() {
            return Err(faults);
        }
        let intervals = [0, 1, 2].map(|index| is_interval(words[index].1));
        let end = words.last().map_or(text.len(), |(at, word)| at + word.len());
        let fixed_time = intervals == [false; 3];
        Ok(Fields { values, fixed_time, intervals, steps, days_place: (words[DAY].0, end) })
    }

    /// The same in numbers, as the crate reads it.
    pub(super) fn in_numbers(&self) -> String {
        let field = |(values, part): (&BTreeSet<u16>, Part)| {
            if values.len() == usize::from(part.high - part.low + 1) {
                return "*".to_owned();
            }
            values.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
        };
        self.values.iter().zip(PARTS).map(field).collect::<Vec<_>>().join(" ")
    }

    /// Whether they name this time.
    pub fn holds(&self, at: DateTime) -> bool {
        let weekday = at.date().weekday().to_sunday_one_offset();
        let parts = [at.second(), at.minute(), at.hour(), at.day(), at.month(), weekday];
        let year = u16::try_from(at.year()).unwrap_or(0);
        let parts = parts.into_iter().map(|part| u16::try_from(part).unwrap_or(0)).chain([year]);
        self.values.iter().zip(parts).all(|(values, part)| values.contains(&part))
    }
}

/// Whether a field says every so often: `*`, `*/15` and, as Quartz writes the same, `0/15`.
fn is_interval(word: &str) -> bool {
    word.starts_with('*') || word.split(',').any(|item| item.contains('/') && !item.contains('-'))
}

/// The items of a list, each with the byte it begins at.
fn items(word: &str, at: usize) -> impl Iterator<Item = (&str, usize)> {
    word.split(',').map(move |item| (item, at + (item.as_ptr() as usize - word.as_ptr() as usize)))
}

fn wrong_count(text: &str, words: &[(usize, &str)]) -> Fault {
    let place = match (words.first(), words.last()) {
        (Some((from, _)), Some((at, word))) => (*from, at + word.len()),
        _ => (0, text.len().max(1)),
    };
    let message = match words.len() {
        0 => "the expression is empty".to_owned(),
        1 => "1 field where Quartz has six, or seven with years".to_owned(),
        n => format!("{n} fields where Quartz has six, or seven with years"),
    };
    Fault::new(place, message).hint(match words.len() {
        5 => "five fields are `cron = \"…\"`; Quartz begins with the second",
        _ => "they are: second, minute, hour, day of month, month, day of week, year",
    })
}

/// Quartz leaves one of the two days open with `?`. `*` says the same; both restricting is refused as Quartz does.
fn two_kinds_of_days(words: &[(usize, &str)]) -> Option<Fault> {
    let ((day_at, day), (weekday_at, weekday)) = (words[DAY], words[WEEKDAY]);
    if day == "?" && weekday == "?" {
        let fault = Fault::new((weekday_at, weekday_at + 1), "`?` leaves both days open");
        return Some(fault.hint("write `*` for every day in one of them"));
    }
    let restricts = |word: &str| word != "?" && word != "*";
    (restricts(day) && restricts(weekday)).then(|| {
        let message = "day of month and day of week are both given, of which Quartz takes one";
        let fault = Fault::new((day_at, weekday_at + weekday.len()), message);
        fault.hint("write `?` for one of them; `cron` takes both, and fires on either")
    })
}

fn read_item(
    part: Part,
    index: usize,
    word: &str,
    item: &str,
    at: usize,
    values: &mut BTreeSet<u16>,
) -> Result<Option<Step>, Fault> {
    let Part { name, low, high, .. } = part;
    let place = (at, at + item.len().max(1));
    let fault = |message: String| Fault::new(place, message);
    let is_day = index == DAY || index == WEEKDAY;
    if item.is_empty() {
        let message = format!("an item is missing in the {name} field");
        return Err(fault(message).hint("remove the comma, or write a value beside it"));
    }
    if item.contains('?') {
        if is_day && word == "?" {
            values.extend(low..=high);
            return Ok(None);
        }
        let hint = "write `*`; `?` stands alone, for the day of month or the day of week";
        return Err(fault(format!("`?` says nothing in the {name} field")).hint(hint));
    }
    if is_day && is_calendar_day(part, item) {
        let message = format!("`{item}` is not supported in `quartz`: days of the calendar (`L`, `W`, `#`) are not");
        return Err(fault(message).hint("`cron` knows them: write `cron` with six fields, where 0 is Sunday"));
    }
    let (base, step) = match item.split_once('/') {
        Some((base, step)) => (base, Some(read_step(part, step).map_err(fault)?)),
        None => (item, None),
    };
    let value = |text: &str| read_value(part, text).map_err(|message| fault(message).hint(allowed(part)));
    let (first, last) = match base.split_once('-') {
        _ if base == "*" => (low, high),
        // `/15` is `0/15`.
        _ if base.is_empty() && step.is_some() => (low, high),
        Some((first, last)) => (value(first)?, value(last)?),
        None if step.is_some() => (value(base)?, high),
        None => (value(base)?, value(base)?),
    };
    if first > last && part.kind.is_none() {
        return Err(fault(format!("range `{base}` runs backwards in the {name} field")));
    }
    let size = high - low + 1;
    let length = if first <= last { last - first } else { size - (first - last) };
    let steps = (0..=length).step_by(usize::from(step.unwrap_or(1)));
    values.extend(steps.map(|offset| low + (first - low + offset) % size));
    Ok(match (part.kind, step) {
        (Some(kind), Some(by)) if first <= last => {
            let [first, last, by] = [first, last, by].map(|value| u8::try_from(value).unwrap_or(u8::MAX));
            Some(Step { kind, item: item.to_owned(), first, last, by })
        }
        (Some(_) | None, _) => None,
    })
}

/// Whether `item` is one of the forms that need a calendar, or a calendar of Quartz.
fn is_calendar_day(part: Part, item: &str) -> bool {
    let upper = item.to_ascii_uppercase();
    let is_name = |text: &str| part.names.iter().any(|name| name.eq_ignore_ascii_case(text));
    let ends = upper.ends_with(['L', 'W', 'C']) && !is_name(upper.rsplit('-').next().unwrap_or_default());
    ends || upper.contains('#') || upper.starts_with("L-")
}

fn read_step(part: Part, text: &str) -> Result<u16, String> {
    let Part { name, low, high, .. } = part;
    let most = high - low;
    match text.parse::<u16>() {
        Ok(0) => Err(format!("step 0 in the {name} field never moves")),
        Ok(step) if step <= most => Ok(step),
        Ok(step) => Err(format!("step {step} is larger than the {name} field, {low} to {high}")),
        Err(_) => Err(format!("`{text}` is not a step: a number from 1 to {most}")),
    }
}

fn read_value(part: Part, text: &str) -> Result<u16, String> {
    let Part { name, low, high, names, .. } = part;
    if let Some(index) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(low + u16::try_from(index).unwrap_or_default());
    }
    match text.parse::<u16>() {
        Ok(value) if (low..=high).contains(&value) && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(value),
        Ok(_) | Err(_) => Err(format!("`{text}` is no {name}")),
    }
}

fn allowed(part: Part) -> String {
    let Part { low, high, names, .. } = part;
    match (names.first(), names.last()) {
        (Some(first), Some(last)) => {
            let (first, last) = (first.to_ascii_uppercase(), last.to_ascii_uppercase());
            format!("write a number from {low} to {high}, or a name from {first} to {last}")
        }
        _ => format!("write a number from {low} to {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_place() {
        for (text, expected) in [
            ("", &["0..1: the expression is empty"][..]),
            ("0 12 * * ?", &["0..10: 5 fields where Quartz has six, or seven with years"]),
            ("0 0 0 12 * ? * *", &["0..16: 8 fields where Quartz has six, or seven with years"]),
            ("60 0 24 ? * MON", &["0..2: `60` is no second", "5..7: `24` is no hour"]),
            ("0 0 0 ? * 0", &["10..11: `0` is no day of week"]),
            ("0 0 0 ? * 8", &["10..11: `8` is no day of week"]),
            ("0 0 0 ? * MOM", &["10..13: `MOM` is no day of week"]),
            ("0 0 0 ? 1,,2 *", &["10..11: an item is missing in the month field"]),
            ("0 ? 0 * * ?", &["2..3: `?` says nothing in the minute field"]),
            ("0 0 0 ? * ?", &["10..11: `?` leaves both days open"]),
            ("0 0 0 1 * MON", &["6..13: day of month and day of week are both given, of which Quartz takes one"]),
            ("0 0/0 0 * * ?", &["2..5: step 0 in the minute field never moves"]),
            ("0 0/60 0 * * ?", &["2..6: step 60 is larger than the minute field, 0 to 59"]),
            ("0 0/x 0 * * ?", &["2..5: `x` is not a step: a number from 1 to 59"]),
            ("0 0 0 * * ? 1969", &["12..16: `1969` is no year"]),
            ("0 0 0 * * ? 2030-2028", &["12..21: range `2030-2028` runs backwards in the year field"]),
        ] {
            let faults = Fields::read(text).expect_err(text);
            let found: Vec<_> =
                faults.iter().map(|fault| format!("{}..{}: {}", fault.at.0, fault.at.1, fault.message)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn days_of_the_calendar_are_refused_by_name() {
        for (text, at) in [
            ("0 0 0 L * ?", (6, 7)),
            ("0 0 0 LW * ?", (6, 8)),
            ("0 0 0 L-3 * ?", (6, 9)),
            ("0 0 0 15W * ?", (6, 9)),
            ("0 0 0 ? * 6L", (10, 12)),
            ("0 0 0 ? * FRIL", (10, 14)),
            ("0 0 0 ? * 6#3", (10, 13)),
            ("0 0 0 5C * ?", (6, 8)),
        ] {
            let faults = Fields::read(text).expect_err(text);
            assert!(faults[0].message.contains("not supported in `quartz`"), "{faults:?}");
            assert_eq!((faults.len(), faults[0].at), (1, at), "{text}");
        }
    }

    #[test]
    fn what_steps_to_the_end_of_the_hour_or_day_is_an_interval_and_the_rest_are_times_of_the_day() {
        for (text, fixed) in [
            ("0 30 2 * * ?", true),
            ("0 0,30 2-4 ? * MON", true),
            ("0 0-30/10 2 * * ?", true),
            ("0 0/15 2 * * ?", false),
            ("0 0 */2 * * ?", false),
            ("* 30 2 * * ?", false),
            ("0 0/15,59 2 * * ?", false),
        ] {
            assert_eq!(Fields::read(text).expect(text).fixed_time, fixed, "{text}");
        }
    }
}
