//! The instants that people write: RFC 3339, a date or civil time in the zone of this machine (`2026-11-20 02:30`), `now`,
//! `today`, `yesterday` and `tomorrow`, which begin at midnight here, or a length of time (`2d`), which is that long ago or
//! from now as the word asks.

use super::failure::Failure;
use super::view::View;
use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// Which way a length of time points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// `2d` is two days ago.
    Back,
    /// `2d` is in two days.
    Ahead,
}

/// The instant that `text` means.
pub(crate) fn read(text: &str, direction: Direction, view: &View) -> Result<Timestamp, Failure> {
    match text {
        "now" => return Ok(view.now),
        "yesterday" => return midnight(view, -1),
        "today" => return midnight(view, 0),
        "tomorrow" => return midnight(view, 1),
        _ => {}
    }
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    if let Ok(length) = text.parse::<Duration>() {
        return Ok(match direction {
            Direction::Back => view.now.minus(length),
            Direction::Ahead => view.now.plus(length),
        });
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok().and_then(|civil| civil.to_zoned(view.zone.clone()).ok());
    match civil {
        Some(zoned) => Ok(Timestamp::from_micros(zoned.timestamp().as_microsecond())),
        None => Err(Failure::usage(format!("`{text}` is not a time"))
            .hint("write one as `2027-01-31T09:00:00+01:00`, `2027-01-31 09:00`, `yesterday` or `2d`")),
    }
}

/// The beginning of the day that is so many days from today, in the zone of this machine.
fn midnight(view: &View, days: i64) -> Result<Timestamp, Failure> {
    let beyond = |error: jiff::Error| Failure::usage(format!("that day is beyond the calendar: {error}"));
    let now = jiff::Timestamp::from_microsecond(view.now.as_micros()).map_err(beyond)?.to_zoned(view.zone.clone());
    let day = now.checked_add(jiff::Span::new().days(days)).and_then(|day| day.start_of_day()).map_err(beyond)?;
    Ok(Timestamp::from_micros(day.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tzdb::Tzdb;

    #[test]
    fn instants_are_read_as_people_write_them() {
        let zone = Tzdb::bundled().get("Europe/Berlin").expect("because the bundle has it");
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("because the case is valid");
        let view = View::of_a_program(now, zone);
        for (text, direction, expected) in [
            ("2026-11-20T02:30:00+01:00", Direction::Back, Some("2026-11-20T01:30:00Z")),
            ("2026-11-20T02:30", Direction::Back, Some("2026-11-20T01:30:00Z")),
            ("2026-11-20 02:30:05", Direction::Ahead, Some("2026-11-20T01:30:05Z")),
            ("2026-11-20", Direction::Ahead, Some("2026-11-19T23:00:00Z")),
            ("2d", Direction::Back, Some("2026-11-18T12:00:00Z")),
            ("90m", Direction::Ahead, Some("2026-11-20T13:30:00Z")),
            ("now", Direction::Ahead, Some("2026-11-20T12:00:00Z")),
            ("today", Direction::Back, Some("2026-11-19T23:00:00Z")),
            ("yesterday", Direction::Back, Some("2026-11-18T23:00:00Z")),
            ("tomorrow", Direction::Ahead, Some("2026-11-20T23:00:00Z")),
            ("soon", Direction::Ahead, None),
            ("", Direction::Ahead, None),
        ] {
            let expected = expected.map(|text| text.parse().expect("because the case is valid"));
            assert_eq!(read(text, direction, &view).ok(), expected, "{text}");
        }
    }
}
