//! One field of a cron expression, read by our own hands so that every fault has its place.
//!
//! Owns the grammar below a comma: values and names, ranges, steps, `H`, and the day extensions `L`, `LW`, `15W`, `5L`,
//! `5#2`. Refuses what the engines behind us let through (`*/61`, `1,,2`, `L` without a day as day of week) and what
//! dialects read differently (`5/15`). Invariant: a `Field` that was returned holds at least one value or extension,
//! all of them within the field's range, and Sunday is always 0.

use crate::model::invalid::Fault;
use crate::model::time::kind::{DAY, Kind, WEEKDAY};
use crate::model::time::spread;
use crate::model::time::step::Step;

/// A day that only the calendar of its month can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Special {
    /// `L`: the last day of the month.
    LastDay,
    /// `LW`: the last Monday to Friday of the month.
    LastWorkday,
    /// `15W`: the Monday to Friday nearest to that day, within the month.
    Nearest(u8),
    /// `5L`: the last such weekday of the month.
    Last(u8),
    /// `5#2`: the second such weekday of the month.
    Nth(u8, u8),
}

/// What one field says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Field {
    /// Bit `n` is set if the value `n` is named.
    pub bits: u64,
    /// It begins with `*` (or is `?`): what the rules for days and for daylight saving ask.
    pub star: bool,
    /// Days beyond plain values.
    pub special: Vec<Special>,
    /// The steps that it was written with.
    pub steps: Vec<Step>,
}

/// Reads a field that stands at byte `at` of its expression; `job` is what `H` hashes.
pub fn read(kind: Kind, text: &str, at: usize, job: &str) -> Result<Field, Vec<Fault>> {
    let mut field = Field { star: text.starts_with(['*', '?']), ..Field::default() };
    let mut faults = Vec::new();
    let mut from = at;
    for item in text.split(',') {
        let reader = Reader { kind, item, at: from, job };
        if let Err(fault) = reader.read_into(&mut field) {
            faults.push(fault);
        }
        from += item.len() + 1;
    }
    if kind == WEEKDAY && field.bits & (1 << 7) != 0 {
        field.bits = field.bits & !(1 << 7) | 1;
    }
    let alone = |special: &Special| matches!(special, Special::LastWorkday | Special::Nearest(_));
    if text.contains(',') && field.special.iter().any(alone) {
        let message = format!("`W` stands alone in a field, not in a list as `{text}`");
        faults.push(Fault::new((at, at + text.len()), message).hint("write two schedules"));
    }
    if faults.is_empty() { Ok(field) } else { Err(faults) }
}

/// One item of a field's list.
struct Reader<'a> {
    kind: Kind,
    item: &'a str,
    at: usize,
    job: &'a str,
}

impl Reader<'_> {
    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new((self.at, self.at + self.item.len().max(1)), message)
    }

    fn read_into(&self, field: &mut Field) -> Result<(), Fault> {
        if self.item.is_empty() {
            let message = format!("an item is missing in the {} field", self.kind.name);
            return Err(self.fault(message).hint("remove the comma, or write a value beside it"));
        }
        if let Some(special) = self.special()? {
            field.special.push(special);
            return Ok(());
        }
        let (base, step) = match self.item.split_once('/') {
            Some((base, step)) => (base, Some(self.step(base, step)?)),
            None => (self.item, None),
        };
        let spread = base.strip_prefix(['H', 'h']).filter(|rest| rest.is_empty() || rest.starts_with('('));
        let (first, last) = match (spread, step) {
            (Some(range), step) => self.spread(range, step)?,
            (None, step) => self.range(base, step)?,
        };
        if let Some(by) = step {
            field.steps.push(Step { kind: self.kind, item: self.item.to_owned(), first, last, by });
        }
        let step = usize::from(step.unwrap_or(1));
        field.bits |= (first..=last).step_by(step).fold(0, |bits, value| bits | 1 << value);
        Ok(())
    }

    fn range(&self, base: &str, step: Option<u8>) -> Result<(u8, u8), Fault> {
        let Kind { name, low, high, .. } = self.kind;
        if base == "?" {
            return if (self.kind == DAY || self.kind == WEEKDAY) && self.item == "?" {
                Ok((low, high))
            } else {
                let hint = "write `*`; `?` is for the day of month and the day of week";
                Err(self.fault(format!("`?` says nothing in the {name} field")).hint(hint))
            };
        }
        if base == "*" {
            return Ok((low, high));
        }
        let Some((first, last)) = base.split_once('-') else {
            let value = self.value(base)?;
            return match step {
                None => Ok((value, value)),
                Some(step) => {
                    let message = format!("`{}` means different things to different crons", self.item);
                    Err(self.fault(message).hint(format!("write `{base}-{high}/{step}`, or `{base}` alone")))
                }
            };
        };
        let (first_value, mut last_value) = (self.value(first)?, self.value(last)?);
        // As cronie does it: `fri-sun` ends on the Sunday after Friday.
        if self.kind == WEEKDAY && last_value == 0 && first_value > 0 {
            last_value = 7;
        }
        if first_value > last_value {
            let hint = format!("a range does not wrap: write `{first}-{high},{low}-{last}`");
            return Err(self.fault(format!("range `{base}` runs backwards in the {name} field")).hint(hint));
        }
        Ok((first_value, last_value))
    }

    /// The first and the last value of an `H` item: one value, or the start of a stepped range.
    fn spread(&self, range: &str, step: Option<u8>) -> Result<(u8, u8), Fault> {
        let Kind { name, low, high, .. } = self.kind;
        let (low, high) = match range {
            // Days 29 to 31 are missing in some months, and 7 would be Sunday twice.
            "" if self.kind == DAY => (low, 28),
            "" if self.kind == WEEKDAY => (low, 6),
            "" => (low, high),
            _ => {
                let inner = range.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
                let Some((first, last)) = inner.and_then(|inner| inner.split_once('-')) else {
                    let message = format!("`{}` is not `H`, `H(0-29)`, `H/15` or `H(0-29)/10`", self.item);
                    return Err(self.fault(message));
                };
                (self.value(first)?, self.value(last)?)
            }
        };
        if low > high {
            return Err(self.fault(format!("range of `{}` runs backwards in the {name} field", self.item)));
        }
        let size = high - low + 1;
        let within = step.unwrap_or(size);
        if within > size {
            let message = format!("step {within} is larger than the {size} values it steps over");
            return Err(self.fault(message));
        }
        let first = low + spread::place(self.job, name, within);
        Ok((first, if step.is_some() { high } else { first }))
    }

    fn step(&self, base: &str, text: &str) -> Result<u8, Fault> {
        let Kind { name, low, high, unit, .. } = self.kind;
        let size = high - low + 1;
        let Some(step) = number(text) else {
            return Err(self.fault(format!("`{text}` is not a step: a number from 1 to {size}")));
        };
        if step == 0 {
            return Err(self.fault(format!("step 0 in the {name} field never moves")).hint("write 1 or more"));
        }
        match u8::try_from(step) {
            Ok(step) if step <= size => Ok(step),
            Ok(_) | Err(_) => {
                let message = format!("step {step} is larger than the {name} field, {low} to {high}");
                let fault = self.fault(message);
                Err(match unit {
                    Some(unit) if base == "*" => {
                        fault.hint(format!("for this interval write `every = \"{step}{unit}\"`"))
                    }
                    Some(_) | None => fault.hint(format!("a step is at most {size} here")),
                })
            }
        }
    }

    fn value(&self, text: &str) -> Result<u8, Fault> {
        let Kind { name, low, high, names, .. } = self.kind;
        if let Some(index) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(low + u8::try_from(index).expect("because a field has at most 12 names"));
        }
        let place = text.as_ptr() as usize - self.item.as_ptr() as usize + self.at;
        let fault = |message: String| Fault::new((place, place + text.len().max(1)), message);
        if let Some(value) = number(text) {
            return match u8::try_from(value) {
                Ok(value) if (low..=high).contains(&value) => Ok(value),
                Ok(_) | Err(_) => {
                    Err(fault(format!("{value} is no {name}")).hint(format!("write a number from {low} to {high}")))
                }
            };
        }
        if text.is_empty() {
            return Err(self.fault(format!("`{}` lacks a value in the {name} field", self.item)));
        }
        let fault = fault(format!("`{text}` is no {name}"));
        let near = names.iter().max_by(|a, b| nearness(a, text).total_cmp(&nearness(b, text)));
        Err(match near.filter(|near| nearness(near, text) > 0.6) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None if text.contains('~') => fault.hint("a random time is said with `H`, or `H(0-29)`"),
            None if text.contains(['L', 'W', '#', 'l', 'w']) => {
                fault.hint("`L` and `W` are for days, `#` for weekdays")
            }
            None => fault.hint(format!("write a number from {low} to {high}")),
        })
    }

    /// The day extension that this item is, if it is one.
    fn special(&self) -> Result<Option<Special>, Fault> {
        let upper = self.item.to_ascii_uppercase();
        if self.kind == DAY {
            return match upper.as_str() {
                "L" => Ok(Some(Special::LastDay)),
                "LW" | "WL" => Ok(Some(Special::LastWorkday)),
                _ if upper.starts_with("L-") => {
                    let hint = "`L` is the last day, `LW` the last working day";
                    Err(self.fault(format!("`{}` counts back from the end, which cron cannot", self.item)).hint(hint))
                }
                _ => match self.item.strip_suffix(['W', 'w']).filter(|day| number(day).is_some()) {
                    Some(day) => Ok(Some(Special::Nearest(self.value(day)?))),
                    None => Ok(None),
                },
            };
        }
        if self.kind != WEEKDAY {
            return Ok(None);
        }
        if upper == "L" {
            let hint = "`5L` is the last Friday; the last day of the month is `L` in the day of month field";
            return Err(self.fault("`L` needs its day in the day of week field").hint(hint));
        }
        if let Some((day, nth)) = self.item.split_once('#') {
            let day = self.value(day)? % 7;
            return match number(nth) {
                Some(nth @ 1..=5) => Ok(Some(Special::Nth(day, u8::try_from(nth).expect("because it is at most 5")))),
                None if nth.eq_ignore_ascii_case("L") => Ok(Some(Special::Last(day))),
                Some(_) | None => Err(self
                    .fault(format!("`#{nth}` is no week of a month"))
                    .hint("`5#1` to `5#5`, or `5L` for the last")),
            };
        }
        match self.item.strip_suffix(['L', 'l']) {
            Some(day) => Ok(Some(Special::Last(self.value(day)? % 7))),
            None => Ok(None),
        }
    }
}

/// A plain decimal number; what has more digits than any field is as wrong as what is no number.
fn number(text: &str) -> Option<u16> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn nearness(name: &str, text: &str) -> f64 {
    let text: String = text.chars().take(16).collect();
    strsim::jaro_winkler(name, &text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::kind::{HOUR, MINUTE, MONTH};

    fn values(kind: Kind, text: &str) -> Vec<u8> {
        let field = read(kind, text, 0, "job").expect(text);
        (0..64).filter(|value| field.bits & (1 << value) != 0).collect()
    }

    #[test]
    fn a_field_holds_the_values_it_names() {
        let check = |kind, text, expected: &[u8]| assert_eq!(values(kind, text), expected, "{text}");
        check(MINUTE, "*/20", &[0, 20, 40]);
        check(MINUTE, "*/35", &[0, 35]);
        check(MINUTE, "*/60", &[0]);
        check(MINUTE, "5-59/15", &[5, 20, 35, 50]);
        check(MINUTE, "1,2,10-12", &[1, 2, 10, 11, 12]);
        check(HOUR, "*/23", &[0, 23]);
        check(MONTH, "JAN,mar-MAY,11", &[1, 3, 4, 5, 11]);
        check(MONTH, "10-DEC", &[10, 11, 12]);
        check(WEEKDAY, "0", &[0]);
        check(WEEKDAY, "7", &[0]);
        check(WEEKDAY, "Sun", &[0]);
        check(WEEKDAY, "fri-sun", &[0, 5, 6]);
        check(WEEKDAY, "5-7", &[0, 5, 6]);
        check(WEEKDAY, "0-7", &[0, 1, 2, 3, 4, 5, 6]);
        check(WEEKDAY, "0-0", &[0]);
        check(WEEKDAY, "*/2", &[0, 2, 4, 6]);
        check(WEEKDAY, "?", &[0, 1, 2, 3, 4, 5, 6]);
        check(DAY, "1-10/3,L", &[1, 4, 7, 10]);
    }

    #[test]
    fn day_extensions_are_read_with_numbers_and_names() {
        let check = |kind, text, expected: &[Special]| {
            assert_eq!(read(kind, text, 0, "job").expect(text).special, expected, "{text}");
        };
        check(DAY, "L", &[Special::LastDay]);
        check(DAY, "lw", &[Special::LastWorkday]);
        check(DAY, "15W", &[Special::Nearest(15)]);
        check(WEEKDAY, "5L", &[Special::Last(5)]);
        check(WEEKDAY, "7L,friL", &[Special::Last(0), Special::Last(5)]);
        check(WEEKDAY, "FRI#L", &[Special::Last(5)]);
        check(WEEKDAY, "mon#1,3#5", &[Special::Nth(1, 1), Special::Nth(3, 5)]);
    }

    #[test]
    fn h_stays_in_its_range_and_keeps_its_step() {
        for job in ["a", "backup", "nightly-report"] {
            let within = |kind, text, low, high| {
                let field = read(kind, text, 0, job).expect(text);
                assert!((low..=high).contains(&field.bits.trailing_zeros()) && field.bits.count_ones() == 1, "{text}");
            };
            within(MINUTE, "H", 0, 59);
            within(MINUTE, "H(10-19)", 10, 19);
            within(DAY, "H", 1, 28);
            within(WEEKDAY, "H", 0, 6);
            let quarter = read(MINUTE, "H/15", 0, job).expect("H/15").bits;
            assert_eq!((quarter.count_ones(), quarter & (quarter >> 15) != 0), (4, true));
            let tens = read(MINUTE, "H(0-29)/10", 0, job).expect("H(0-29)/10").bits;
            assert_eq!((tens.count_ones(), tens >> 30), (3, 0));
        }
    }

    #[test]
    fn a_fault_names_its_bytes() {
        let check = |kind, text, at, part: &str| {
            let faults = read(kind, text, 10, "job").expect_err(text);
            assert_eq!(faults[0].at, at, "{text}: {faults:?}");
            assert!(faults[0].message.contains(part), "{text}: {faults:?}");
        };
        check(MINUTE, "*/0", (10, 13), "never moves");
        check(MINUTE, "*/61", (10, 14), "larger than the minute field");
        check(MINUTE, "*/", (10, 12), "not a step");
        check(MINUTE, "*/+5", (10, 14), "not a step");
        check(MINUTE, "1,,2", (12, 13), "missing");
        check(MINUTE, "1,", (12, 13), "missing");
        check(MINUTE, "60", (10, 12), "60 is no minute");
        check(MINUTE, "1,75-80", (12, 14), "75 is no minute");
        check(MINUTE, "-5", (10, 12), "lacks a value");
        check(MINUTE, "5/15", (10, 14), "different things");
        check(MINUTE, "9-3", (10, 13), "backwards");
        check(MINUTE, "?", (10, 11), "says nothing");
        check(MINUTE, "L", (10, 11), "no minute");
        check(MINUTE, "é", (10, 12), "no minute");
        check(MINUTE, "H(9-3)", (10, 16), "backwards");
        check(MINUTE, "H(0-9)/20", (10, 19), "larger than the 10 values");
        check(DAY, "0", (10, 11), "0 is no day of month");
        check(DAY, "32W", (10, 12), "32 is no day of month");
        check(DAY, "1,15W", (10, 15), "stands alone");
        check(DAY, "L-3", (10, 13), "counts back");
        check(WEEKDAY, "L", (10, 11), "needs its day");
        check(WEEKDAY, "8", (10, 11), "8 is no day of week");
        check(WEEKDAY, "5#6", (10, 13), "no week");
        check(WEEKDAY, "sat-mon", (10, 17), "backwards");
        check(WEEKDAY, "monday", (10, 16), "`monday` is no day of week");
        check(MONTH, "99999", (10, 15), "no month");
    }

    #[test]
    fn every_faulty_item_is_reported_and_a_near_name_is_offered() {
        assert_eq!(read(MINUTE, "61,5,x,", 0, "job").expect_err("faulty").len(), 3);
        let hint = |text| read(WEEKDAY, text, 0, "job").expect_err(text)[0].hint.clone();
        assert_eq!(hint("thr"), Some("did you mean `thu`?".to_owned()));
    }
}
