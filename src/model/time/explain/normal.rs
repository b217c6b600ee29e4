//! The canonical spelling of an expression: numbers for names, lists sorted and merged into ranges and steps, `@` names
//! and `H` resolved. A text that means the same due times, and whose own normal form is itself.
//!
//! A leading `*` is not only a value: it decides about daylight saving and about how days combine. It is kept where it
//! decides, and taken where a field names everything and it decides nothing.

use std::collections::BTreeSet;

use crate::model::time::expression::Expression;
use crate::model::time::fields::{Field, Special};
use crate::model::time::kind::{self, Kind};
use crate::model::time::quartz::{self, FIRST_YEAR, LAST_YEAR};

/// How a field has to begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// With `*`, because that decides something.
    Star,
    /// Not with `*`, because that would.
    Plain,
    /// As is shorter.
    Either,
}

/// The canonical five or six fields of cron.
pub(super) fn cron(read: &Expression) -> String {
    let wildcard = !read.is_fixed_time();
    let clock = |field: &Field| match (read.with_seconds, field.star) {
        (true, _) => Begins::Either,
        (false, true) => Begins::Star,
        (false, false) if wildcard => Begins::Either,
        (false, false) => Begins::Plain,
    };
    let mut fields = Vec::new();
    if read.with_seconds {
        fields.push(spelled(kind::SECOND, &read.seconds, Begins::Either));
    }
    fields.push(spelled(kind::MINUTE, &read.minutes, clock(&read.minutes)));
    fields.push(spelled(kind::HOUR, &read.hours, clock(&read.hours)));
    let [days, weekdays] = if every_day(read) {
        ["*".to_owned(), "*".to_owned()]
    } else {
        let begins = |field: &Field| if field.star { Begins::Star } else { Begins::Plain };
        [(kind::DAY, &read.days), (kind::WEEKDAY, &read.weekdays)]
            .map(|(kind, field)| spelled(kind, field, begins(field)))
    };
    fields.extend([days, spelled(kind::MONTH, &read.months, Begins::Either), weekdays]);
    fields.join(" ")
}

/// The canonical six or seven fields of Quartz.
pub(super) fn quartz(fields: &quartz::Fields) -> String {
    let [seconds, minutes, hours, days, months, weekdays, years] = &fields.values;
    let clock = [(kind::SECOND, seconds), (kind::MINUTE, minutes), (kind::HOUR, hours)];
    let mut words: Vec<String> = clock
        .into_iter()
        .zip(fields.intervals)
        .map(|((kind, values), is_interval)| {
            let all = values.len() == usize::from(kind.high - kind.low + 1);
            match (is_interval, fields.fixed_time) {
                (_, false) if all => "*".to_owned(),
                (true, _) => interval(kind, values),
                (false, _) => listed(values),
            }
        })
        .collect();
    let day = |values: &BTreeSet<u16>, n: usize| (values.len() < n).then(|| listed(values));
    let [days, weekdays] = match (day(days, 31), day(weekdays, 7)) {
        (None, None) => ["*".to_owned(), "?".to_owned()],
        (days, weekdays) => [days, weekdays].map(|day| day.unwrap_or_else(|| "?".to_owned())),
    };
    let months = if months.len() == 12 { "*".to_owned() } else { listed(months) };
    words.extend([days, months, weekdays]);
    if years.len() < usize::from(LAST_YEAR - FIRST_YEAR + 1) {
        words.push(listed(years));
    }
    words.join(" ")
}

/// Whether the day never decides: one field names every day, and it is enough to match that one.
pub(super) fn every_day(read: &Expression) -> bool {
    let [days, weekdays] = [is_full(kind::DAY, &read.days), is_full(kind::WEEKDAY, &read.weekdays)];
    if read.needs_both_days() { days && weekdays } else { days || weekdays }
}

/// Whether the field names every value.
pub(super) fn is_full(kind: Kind, field: &Field) -> bool {
    (kind.low..=highest(kind)).all(|value| field.bits & (1 << value) != 0)
}

/// The highest value that differs from all others: 7 is Sunday again.
pub(super) fn highest(kind: Kind) -> u8 {
    if kind == kind::WEEKDAY { 6 } else { kind.high }
}

fn spelled(kind: Kind, field: &Field, begins: Begins) -> String {
    if is_full(kind, field) {
        return match begins {
            Begins::Star | Begins::Either => "*".to_owned(),
            Begins::Plain => format!("{}-{}", kind.low, highest(kind)),
        };
    }
    let values = values(field);
    let (step, covered) = first_step(kind, field.bits);
    let mut items = Vec::new();
    let rest = if begins == Begins::Star || begins == Begins::Either && covered == values && values.len() > 1 {
        items.push(format!("*/{step}"));
        values.difference(&covered).copied().collect()
    } else {
        values
    };
    items.extend((!rest.is_empty()).then(|| listed(&rest)));
    items.extend(specials(&field.special));
    items.join(",")
}

fn values(field: &Field) -> BTreeSet<u16> {
    (0..64).filter(|value| field.bits & (1 << value) != 0).collect()
}

/// The smallest step from the start of the field that names nothing else, and what it names.
fn first_step(kind: Kind, bits: u64) -> (u8, BTreeSet<u16>) {
    let n_values = kind.high - kind.low + 1;
    let named = |step: u8| {
        (kind.low..=kind.high).step_by(usize::from(step)).map(|value| if value > highest(kind) { 0 } else { value })
    };
    let step = (1..n_values).find(|step| named(*step).all(|value| bits & (1 << value) != 0)).unwrap_or(n_values);
    (step, named(step).map(u16::from).collect())
}

/// The field of a Quartz expression that says every so often: from some value by some step to the end, and the rest.
fn interval(kind: Kind, values: &BTreeSet<u16>) -> String {
    let high = u16::from(kind.high);
    let steps = values.iter().flat_map(|first| (1..=high - u16::from(kind.low)).map(move |by| (*first, by)));
    let named = |first: u16, by: u16| (first..=high).step_by(usize::from(by)).collect::<BTreeSet<u16>>();
    let found = steps.map(|(first, by)| (first, by, named(first, by))).find(|(.., named)| named.is_subset(values));
    let (first, by, named) = found.expect("because an interval runs from one of its values to the end of the field");
    let rest: BTreeSet<u16> = values.difference(&named).copied().collect();
    if rest.is_empty() { format!("{first}/{by}") } else { format!("{first}/{by},{}", listed(&rest)) }
}

/// Sorted, three and more at one distance as a range.
fn listed(values: &BTreeSet<u16>) -> String {
    let values: Vec<u16> = values.iter().copied().collect();
    let (mut items, mut rest) = (Vec::new(), &values[..]);
    while let [first, others @ ..] = rest {
        let by = others.first().map_or(1, |second| second - first);
        let length = 1 + rest.windows(2).take_while(|pair| pair[1] - pair[0] == by).count();
        let (run, after) = if length < 3 { (1, others) } else { (length, &rest[length..]) };
        items.push(match (run, by) {
            (1, _) => first.to_string(),
            (_, 1) => format!("{first}-{}", rest[run - 1]),
            _ => format!("{first}-{}/{by}", rest[run - 1]),
        });
        rest = after;
    }
    items.join(",")
}

fn specials(special: &[Special]) -> Vec<String> {
    let spelled: BTreeSet<String> = special
        .iter()
        .map(|special| match special {
            Special::LastDay => "L".to_owned(),
            Special::LastWorkday => "LW".to_owned(),
            Special::Nearest(day) => format!("{day}W"),
            Special::Last(weekday) => format!("{weekday}L"),
            Special::Nth(weekday, nth) => format!("{weekday}#{nth}"),
        })
        .collect();
    spelled.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_has_one_spelling() {
        let check = |text: &str, expected: &str| {
            let read = |text: &str| Expression::read(text, "nightly-report").expect(text);
            let normal = cron(&read(text));
            assert_eq!(normal, expected, "{text}");
            assert_eq!(cron(&read(&normal)), normal, "{text}: its own normal form");
        };
        check("30 2 * * mon-FRI", "30 2 * * 1-5");
        check("@daily", "0 0 * * *");
        check("@Hourly", "0 * * * *");
        check("H H * * *", "4 23 * * *");
        check("5,4,3,10 2 * * *", "3-5,10 2 * * *");
        check("0,20,40 * * * *", "*/20 * * * *");
        check("0,20,40 2 * * *", "0-40/20 2 * * *");
        check("0-59/35 * * * *", "*/35 * * * *");
        check("0-59 2 * * *", "0-59 2 * * *");
        check("0-59 * * * *", "* * * * *");
        check("*/2,3 2 * * *", "*/2,3 2 * * *");
        check("*/60 */24 * * *", "*/60 */24 * * *");
        check("0 0 1-31 * 1", "0 0 * * *");
        check("0 0 */2 * Mon", "0 0 */2 * 1");
        check("0 0 1,3 * */2", "0 0 1,3 * */2");
        check("0 0 ? jan-dec 7", "0 0 * * 0");
        check("0 0 15,L * *", "0 0 15,L * *");
        check("0 0 * * fri#L,1#2", "0 0 * * 1#2,5L");
        check("0-59 0-59 0-23 * * *", "* * * * * *");
        check("*/35 0 2 * * sun-sat", "*/35 0 2 * * *");
        check("0 0 1 */3 *", "0 0 1 */3 *");
    }

    #[test]
    fn a_quartz_expression_has_one_spelling_too() {
        let check = |text: &str, expected: &str| {
            let read = |text: &str| quartz::Fields::read(text).expect(text);
            let normal = quartz(&read(text));
            assert_eq!(normal, expected, "{text}");
            assert_eq!(quartz(&read(&normal)), normal, "{text}: its own normal form");
            assert_eq!(read(&normal).fixed_time, read(text).fixed_time, "{text}");
        };
        check("0 30 2 ? * MON-FRI", "0 30 2 ? * 2-6");
        check("0 30 2 * * ? *", "0 30 2 * * ?");
        check("0 */15 2 ? JAN,FEB,MAR *", "0 0/15 2 * 1-3 ?");
        check("0 0/15,59 2 * * ?", "0 0/15,59 2 * * ?");
        check("0 0-59 2 * * ?", "0 0-59 2 * * ?");
        check("* 0-59 0-23 * * ?", "* * * * * ?");
        check("0 0 22-2 1/5 * ? 2027,2028,2029,2035", "0 0 0-2,22,23 1-31/5 * ? 2027-2029,2035");
        check("0 59/30 2 * * ?", "0 59/1 2 * * ?");
    }
}
