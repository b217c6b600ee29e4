//! An expression as one English sentence, as `at 02:30 on Monday to Friday`. Owns the wording only.

use crate::model::time::explain::normal::{every_day, is_full};
use crate::model::time::explain::{WEEKDAYS, words};
use crate::model::time::expression::Expression;
use crate::model::time::fields::{Field, Special};
use crate::model::time::kind::{self, Kind};

/// More times of a day than this are not listed.
const N_LISTED: u32 = 6;

/// When `read` is due: the time of the day, and the days.
pub(super) fn of(read: &Expression) -> String {
    let days = days(read);
    let clock = clock(read);
    match (days.as_str(), clock.starts_with("at ")) {
        ("", true) if is_listed(read) => clock + " every day",
        ("", _) => clock,
        _ => format!("{clock} {days}"),
    }
}

fn is_listed(read: &Expression) -> bool {
    [&read.seconds, &read.minutes, &read.hours].map(|field| field.bits.count_ones()).iter().product::<u32>() <= N_LISTED
}

fn clock(read: &Expression) -> String {
    if is_listed(read) {
        let values = |field: &Field| (0..60).filter(|value| field.bits & (1 << value) != 0).collect::<Vec<u8>>();
        let (seconds, minutes) = (values(&read.seconds), values(&read.minutes));
        let mut times = Vec::new();
        for hour in values(&read.hours) {
            for minute in &minutes {
                times.extend(seconds.iter().map(|second| match (*second, &seconds[..]) {
                    (0, [0]) => format!("{hour:02}:{minute:02}"),
                    _ => format!("{hour:02}:{minute:02}:{second:02}"),
                }));
            }
        }
        return format!("at {}", and(&times));
    }
    let hours = run(kind::HOUR, &read.hours);
    let of_hours = match (is_full(kind::HOUR, &read.hours), hours) {
        (true, _) => String::new(),
        (false, Some((first, last))) if first == last => format!(" from {first:02}:00 to {last:02}:59"),
        (false, Some((first, last))) => format!(" from {first:02}:00 to {last:02}:59"),
        (false, None) => format!(" in the hours {}", words(kind::HOUR, &read.hours)),
    };
    let minutes = (!is_full(kind::MINUTE, &read.minutes)).then(|| every(kind::MINUTE, &read.minutes));
    if read.seconds.bits == 1 {
        return match minutes {
            None => format!("every minute{of_hours}"),
            Some(Ok(every)) => format!("{every}{of_hours}"),
            Some(Err(at)) if of_hours.is_empty() => format!("{at} of every hour"),
            Some(Err(at)) => at + &of_hours,
        };
    }
    let seconds = if is_full(kind::SECOND, &read.seconds) {
        "every second".to_owned()
    } else {
        match every(kind::SECOND, &read.seconds) {
            Ok(every) => every,
            Err(at) if minutes.is_none() => format!("{at} of every minute"),
            Err(at) => at,
        }
    };
    let of_minutes = match minutes {
        None => String::new(),
        Some(Ok(every)) => format!(" of {}", every.replacen("every ", "each of every ", 1)),
        Some(Err(at)) if of_hours.is_empty() => format!(" {at} of every hour").replacen(" at ", " of ", 1),
        Some(Err(at)) => format!(" {at}").replacen(" at ", " of ", 1),
    };
    seconds + &of_minutes + &of_hours
}

/// `every 15 minutes` where that is what the field says, else `at minute 5`.
fn every(kind: Kind, field: &Field) -> Result<String, String> {
    let values: Vec<u8> = (0..60).filter(|value| field.bits & (1 << value) != 0).collect();
    if let [0, by, ..] = values[..]
        && 60 % by == 0
        && values.iter().copied().eq((0..60).step_by(usize::from(by)))
    {
        return Ok(format!("every {by} {}s", kind.name));
    }
    let plural = if values.len() == 1 { "" } else { "s" };
    Err(format!("at {}{plural} {}", kind.name, words(kind, field)))
}

/// The first and the last value, if all between them are named.
fn run(kind: Kind, field: &Field) -> Option<(u8, u8)> {
    let values: Vec<u8> = (kind.low..=kind.high).filter(|value| field.bits & (1 << value) != 0).collect();
    let (first, last) = (*values.first()?, *values.last()?);
    (usize::from(last - first) + 1 == values.len()).then_some((first, last))
}

fn days(read: &Expression) -> String {
    let months = (!is_full(kind::MONTH, &read.months)).then(|| words(kind::MONTH, &read.months));
    if every_day(read) {
        return months.map_or_else(String::new, |months| format!("every day in {months}"));
    }
    let month = months.as_deref().map_or_else(|| "the month".to_owned(), str::to_owned);
    let by_month = (!is_full(kind::DAY, &read.days)).then(|| format!("{} of {month}", days_of_month(&read.days)));
    let by_week = (!is_full(kind::WEEKDAY, &read.weekdays)).then(|| weekdays(&read.weekdays, &month));
    let within = months.map_or_else(String::new, |months| format!(" in {months}"));
    match (by_month, by_week) {
        (Some(by_month), None) => format!("on {by_month}"),
        (None, Some(by_week)) if by_week.ends_with(&format!("of {month}")) => format!("on {by_week}"),
        (None, Some(by_week)) => format!("on {by_week}{within}"),
        (Some(by_month), Some(by_week)) if read.needs_both_days() => {
            format!("on {by_week} if that is also {by_month}")
        }
        (Some(by_month), Some(by_week)) => format!("on {by_month}, and also on {by_week}{within}"),
        (None, None) => String::new(),
    }
}

fn days_of_month(field: &Field) -> String {
    let plain = words(kind::DAY, &Field { bits: field.bits, ..Field::default() });
    let plain = match field.bits.count_ones() {
        0 => None,
        1 => Some(format!("day {plain}")),
        _ => Some(format!("days {plain}")),
    };
    let special = field.special.iter().map(|special| match special {
        Special::LastDay => "the last day".to_owned(),
        Special::Nearest(day) => format!("the Monday to Friday nearest to day {day}"),
        Special::LastWorkday | Special::Last(_) | Special::Nth(..) => special.to_string(),
    });
    and(&plain.into_iter().chain(special).collect::<Vec<_>>())
}

fn weekdays(field: &Field, month: &str) -> String {
    let first = (0..7).find(|day| field.bits & (1 << day) != 0);
    let plain = match (field.bits.count_ones(), first) {
        (0, _) => None,
        // A run that goes on over the end of the week is said as one.
        (n @ 3.., Some(0)) if field.bits & (1 << 6) != 0 => wrapped(field.bits, n),
        _ => Some(words(kind::WEEKDAY, &Field { bits: field.bits, ..Field::default() })),
    };
    let special = field.special.iter().map(|special| format!("{special} of {month}"));
    and(&plain.into_iter().chain(special).collect::<Vec<_>>())
}

fn wrapped(bits: u64, n: u32) -> Option<String> {
    let first = (1..7).find(|day| (0..n).all(|after| bits & (1 << ((day + after) % 7)) != 0));
    let name = |day: u32| WEEKDAYS[usize::try_from(day % 7).unwrap_or_default()];
    Some(match first {
        Some(first) => format!("{} to {}", name(first), name(first + n - 1)),
        None => words(kind::WEEKDAY, &Field { bits, ..Field::default() }),
    })
}

fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_a_sentence() {
        let check = |text: &str, expected: &str| {
            assert_eq!(of(&Expression::read(text, "nightly-report").expect(text)), expected, "{text}");
        };
        check("30 2 * * mon-fri", "at 02:30 on Monday to Friday");
        check("30 2 * * *", "at 02:30 every day");
        check("30 2,14 * * *", "at 02:30 and 14:30 every day");
        check("H H * * *", "at 23:04 every day");
        check("@hourly", "at minute 0 of every hour");
        check("@yearly", "at 00:00 on day 1 of January");
        check("* * * * *", "every minute");
        check("*/15 * * * *", "every 15 minutes");
        check("*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:59 on Monday to Friday");
        check("* 2 * * *", "every minute from 02:00 to 02:59");
        check("*/35 * * * *", "at minutes 0, 35 of every hour");
        check("5 9-17 * * *", "at minute 5 from 09:00 to 17:59");
        check("5,7 */4 * * *", "at minutes 5, 7 in the hours 0, 4, 8, 12, 16, 20");
        check("*/20 * * * * *", "every 20 seconds");
        check("7 * * * * *", "at second 7 of every minute");
        check("15 30 2 * * *", "at 02:30:15 every day");
        check("* 30 2 * * *", "every second of minute 30 from 02:00 to 02:59");
        check("0 0 13 * 5", "at 00:00 on day 13 of the month, and also on Friday");
        check(
            "0 0 */2 * 1",
            "at 00:00 on Monday if that is also days 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31 of the month",
        );
        check("0 0 15,L * *", "at 00:00 on day 15 and the last day of the month");
        check("0 0 15W 3 *", "at 00:00 on the Monday to Friday nearest to day 15 of March");
        check(
            "0 0 * mar-may 5L,1#2",
            "at 00:00 on the last Friday of March to May and the second Monday of March to May",
        );
        check("0 0 * * fri-sun", "at 00:00 on Friday to Sunday");
        check("0 0 * 3 sun,sat", "at 00:00 on Sunday, Saturday in March");
        check("0 0 * 12 *", "at 00:00 every day in December");
        check("0 0 1-31 * 1", "at 00:00 every day");
    }
}
