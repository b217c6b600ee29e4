//! A cron expression as a whole: its fields in their order, or the `@` name that stands for them.
//!
//! Owns what concerns more than one field: how many there are, the `@` names, the length limit. Collects the faults of
//! all fields. Refuses to evaluate anything; `Cron` does that with what is read here.

use crate::model::invalid::Fault;
use crate::model::time::fields::{self, Field};
use crate::model::time::kind::{self, Kind};

/// Longer expressions are refused before anything reads them.
pub const MAX_BYTES: usize = 1_024;

/// The fields of an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expression {
    /// Only second 0 where there are five fields.
    pub seconds: Field,
    /// Of the hour.
    pub minutes: Field,
    /// Of the day.
    pub hours: Field,
    /// Of the month.
    pub days: Field,
    /// Of the year.
    pub months: Field,
    /// Sunday is 0.
    pub weekdays: Field,
    /// There were six fields: it follows real time.
    pub with_seconds: bool,
}

const FIVE: [Kind; 5] = [kind::MINUTE, kind::HOUR, kind::DAY, kind::MONTH, kind::WEEKDAY];

/// `@` names and the five fields that they stand for.
const NAMED: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl Expression {
    /// Reads five fields, six with seconds first, or an `@` name; `job` is what `H` hashes.
    pub fn read(text: &str, job: &str) -> Result<Self, Vec<Fault>> {
        if text.len() > MAX_BYTES {
            let message = format!("an expression of {} bytes; at most {MAX_BYTES} are read", text.len());
            return Err(vec![Fault::new((MAX_BYTES, text.len()), message).hint("write several schedules")]);
        }
        let words = words(text);
        if let [(at, name)] = words[..]
            && name.starts_with('@')
        {
            return match NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, meaning)) => Expression::read(meaning, job),
                None => Err(vec![unknown_name(at, name)]),
            };
        }
        let seconds_first: Vec<Kind> = [kind::SECOND].into_iter().chain(FIVE).collect();
        let kinds: &[Kind] = match words.len() {
            5 => &FIVE,
            6 => &seconds_first,
            _ => return Err(vec![wrong_count(text, &words)]),
        };
        let mut faults = Vec::new();
        let mut read = Vec::with_capacity(7);
        for (kind, (at, word)) in kinds.iter().zip(&words) {
            match fields::read(*kind, word, *at, job) {
                Ok(field) => read.push(field),
                Err(found) => faults.extend(found),
            }
        }
        let with_seconds = words.len() == 6;
        if !with_seconds {
            read.insert(0, Field { bits: 1, ..Field::default() });
        }
        match <[Field; 6]>::try_from(read) {
            Ok([seconds, minutes, hours, days, months, weekdays]) if faults.is_empty() => {
                Ok(Expression { seconds, minutes, hours, days, months, weekdays, with_seconds })
            }
            Ok(_) | Err(_) => Err(faults),
        }
    }

    /// The day must match by month and by week, because either field begins with `*`; else one of them is enough.
    pub fn needs_both_days(&self) -> bool {
        self.days.star || self.weekdays.star
    }

    /// It names times of the day, as against every so often: each happens once a day, whatever the clock does.
    pub fn is_fixed_time(&self) -> bool {
        !self.with_seconds && !self.minutes.star && !self.hours.star
    }
}

/// The bytes of `text` that name its days: day of month, month and day of week.
pub fn days_place(text: &str) -> (usize, usize) {
    let words = words(text);
    match (words.len().checked_sub(3).map(|first| words[first].0), words.last()) {
        (Some(from), Some((at, word))) => (from, at + word.len()),
        _ => (0, text.len()),
    }
}

/// The words of `text`, each with the byte it starts at.
fn words(text: &str) -> Vec<(usize, &str)> {
    let place = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_ascii_whitespace().map(|word| (place(word), word)).collect()
}

fn unknown_name(at: usize, name: &str) -> Fault {
    let lower = name.to_ascii_lowercase();
    let place = (at, at + name.len());
    if lower == "@reboot" || lower == "@start" {
        return Fault::new(place, format!("`{lower}` has no due times")).hint("it is for a schedule of a job");
    }
    let fault = Fault::new(place, format!("`{name}` is no schedule"));
    let known = NAMED.iter().map(|(known, _)| *known).chain(["@reboot", "@start"]);
    let distance = |known: &str| strsim::damerau_levenshtein(known, &lower);
    match known.min_by_key(|known| distance(known)) {
        _ if lower == "@every" => fault.hint("write `every = \"15m\"`"),
        Some(near) if distance(near) <= 3 => fault.hint(format!("did you mean `{near}`?")),
        Some(_) | None => fault.hint("there are @hourly, @daily, @weekly, @monthly, @yearly, @reboot and @start"),
    }
}

fn wrong_count(text: &str, words: &[(usize, &str)]) -> Fault {
    let first = words.first().map_or("", |(_, word)| word).to_ascii_lowercase();
    let place = match words {
        [(from, _), .., (at, word)] => (*from, at + word.len()),
        [(at, word)] => (*at, at + word.len()),
        [] => (0, text.len().max(1)),
    };
    let n = words.len();
    let message = match n {
        0 => "the expression is empty".to_owned(),
        1 => "1 field where cron has five, or six with seconds first".to_owned(),
        _ => format!("{n} fields where cron has five, or six with seconds first"),
    };
    let fault = Fault::new(place, message);
    if first.starts_with("tz=") || first.starts_with("cron_tz=") {
        fault.hint("the zone of a schedule is `timezone = \"Europe/Berlin\"`")
    } else if first == "@every" || first == "every" {
        let period = words.get(1).map_or("15m", |(_, period)| period);
        fault.hint(format!("write `every = \"{period}\"`"))
    } else if n == 7 {
        fault.hint("seven fields, with years, are the Quartz dialect: write `quartz = \"…\"`")
    } else {
        fault.hint("the five are: minute, hour, day of month, month, day of week")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_their_fields_in_any_case() {
        for (name, meaning) in NAMED.into_iter().chain([("@Daily", "0 0 * * *"), (" @hourly\t", "0 * * * *")]) {
            assert_eq!(Expression::read(name, "job"), Expression::read(meaning, "job"), "{name}");
        }
    }

    #[test]
    fn a_schedule_is_fixed_when_neither_minute_nor_hour_begins_with_a_star() {
        let check = |text, expected| assert_eq!(Expression::read(text, "job").expect(text).is_fixed_time(), expected);
        check("30 2,14 * * *", true);
        check("0-59 0-23 * * *", true);
        check("H H * * *", true);
        check("*/15 2 * * *", false);
        check("0 */2 * * *", false);
        check("0 30 2 * * *", false);
        check("@hourly", false);
        check("@daily", true);
    }

    #[test]
    fn a_fault_of_the_whole_says_what_is_expected() {
        let check = |text: &str, at, message: &str, hint: &str| {
            let faults = Expression::read(text, "job").expect_err(text);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert_eq!(faults[0].at, at, "{text}");
            assert!(faults[0].message.contains(message), "{text}: {faults:?}");
            assert!(faults[0].hint.as_deref().unwrap_or_default().contains(hint), "{text}: {faults:?}");
        };
        check("", (0, 1), "empty", "the five are");
        check("*", (0, 1), "1 field where", "the five are");
        check(" * * * *", (1, 8), "4 fields", "the five are");
        check("0 0 12 * * ? 2027", (0, 17), "7 fields", "quartz");
        check("TZ=UTC 0 0 12 * * * ", (0, 19), "7 fields", "timezone");
        check("@every 5m", (0, 9), "2 fields", "every = \"5m\"");
        check("@every", (0, 6), "no schedule", "every = ");
        check("@dayly", (0, 6), "no schedule", "@daily");
        check("@fortnightly", (0, 12), "no schedule", "there are");
        check("@reboot", (0, 7), "no due times", "schedule of a job");
        check(&"*".repeat(1_000_000), (1_024, 1_000_000), "1000000 bytes", "several");
    }

    #[test]
    fn the_faults_of_all_fields_are_reported_in_order() {
        let places = |text| Expression::read(text, "job").expect_err(text).iter().map(|f| f.at).collect::<Vec<_>>();
        assert_eq!(places("61 * 0 x L"), [(0, 2), (5, 6), (7, 8), (9, 10)]);
        assert_eq!(places("*/61  25 * * *"), [(0, 4), (6, 8)]);
        assert_eq!(places("0 60 * * * *"), [(2, 4)]);
    }

    #[test]
    fn the_days_are_the_last_three_fields() {
        assert_eq!(days_place("0 0 30 2 *"), (4, 10));
        assert_eq!(days_place(" 0 0 0 31  4 * "), (7, 14));
    }
}
