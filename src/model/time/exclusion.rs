//! Which instants are closed to a schedule: by the dates of calendars, and by times of blackout, on the clocks of its zone.
//!
//! An instant is *excluded* if its date is one of `exclude`, or none of `only`, or if it falls into a blackout. A daily
//! blackout is read on the clock's face: what the clock shows twice is closed twice, and what it leaves out is left out. One
//! that passes midnight belongs to the day on which it begins.
//!
//! # Algorithm
//!
//! `judge` tells of an instant not only what it is but for how long that holds, before and after. So a search leaps over what
//! is closed instead of asking of each due time, and a year of blackout costs as much as a minute. Within a stretch of
//! constant offset the clock's face and the instant differ by a constant; every answer about the face is cut to that stretch,
//! so no rule about the fold or the gap is needed. Of what is closed for several reasons the union holds, of what is open the
//! intersection; either way the answer contains the instant that was asked about.

use jiff::tz::TimeZone;

use crate::model::definition::Schedule;
use crate::model::definition::closed::{Blackout, Dates};
use crate::model::timestamp::Timestamp;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;
const EVER: Stretch = (i64::MIN / 4, i64::MAX / 4);

/// Microseconds from the first and before the second.
type Stretch = (i64, i64);

/// What closes instants to a schedule.
#[derive(Clone, Debug)]
pub(super) struct Exclusion {
    zone: TimeZone,
    /// Stretches on the clock's face, in order and apart from each other.
    exclude: Vec<Stretch>,
    /// The same; all else is closed.
    only: Option<Vec<Stretch>>,
    daily: Vec<Daily>,
    /// Stretches of instants, in order and apart from each other.
    once: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Daily {
    /// Since midnight.
    from: i64,
    /// The same; before `from` it is on the day after.
    until: i64,
    days: u8,
}

/// What an instant is, and from when until when that holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Judged {
    pub(super) is_excluded: bool,
    pub(super) since: Timestamp,
    /// Not within.
    pub(super) until: Timestamp,
}

impl Exclusion {
    /// What closes instants to `schedule`, if anything does.
    pub(super) fn new(schedule: &Schedule, zone: &TimeZone) -> Option<Self> {
        if !schedule.excludes() {
            return None;
        }
        let mut exclusion = Exclusion {
            zone: zone.clone(),
            exclude: days(&schedule.exclude),
            only: (!schedule.only.is_empty()).then(|| days(&schedule.only)),
            daily: Vec::new(),
            once: Vec::new(),
        };
        for blackout in &schedule.blackout {
            match *blackout {
                Blackout::Daily { from, until, days } => {
                    let [from, until] = [from, until].map(|time| i64::from(time.seconds()) * SECOND_US);
                    exclusion.daily.push(Daily { from, until, days });
                }
                Blackout::Once { from, until } => exclusion.once.push((from.as_micros(), until.as_micros())),
            }
        }
        exclusion.once = joined(exclusion.once);
        Some(exclusion)
    }

    /// Whether `at` is closed, and around it what is so too.
    pub(super) fn judge(&self, at: Timestamp) -> Judged {
        let at = at.as_micros();
        let mut parts = vec![within(&self.once, at)];
        if self.only.is_some() || !self.exclude.is_empty() || !self.daily.is_empty() {
            let (offset, constant) = self.offset(at);
            let face = at + offset;
            let on_face = |(is_excluded, (since, until)): (bool, Stretch)| {
                (is_excluded, both((since - offset, until - offset), constant))
            };
            parts.push(on_face(within(&self.exclude, face)));
            if let Some(only) = &self.only {
                let (is_open, stretch) = within(only, face);
                parts.push(on_face((!is_open, stretch)));
            }
            parts.extend(self.daily.iter().map(|daily| on_face(daily.judge(face))));
        }
        let closed = parts.iter().filter(|(is_excluded, _)| *is_excluded).map(|(_, stretch)| *stretch);
        let union = closed.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let (since, until) = union.unwrap_or_else(|| parts.iter().fold(EVER, |all, (_, stretch)| both(all, *stretch)));
        let [since, until] = [since, until].map(Timestamp::from_micros);
        Judged { is_excluded: union.is_some(), since, until }
    }

    /// What the clock's face is ahead of the instant, and in which stretch of instants.
    fn offset(&self, at: i64) -> (i64, Stretch) {
        // A `Timestamp` is within what jiff can tell, and so is its neighbour.
        let instant = |micros: i64| jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
        let offset = i64::from(self.zone.to_offset(instant(at)).seconds()) * SECOND_US;
        let since = self.zone.preceding(instant(at + 1)).next();
        let until = self.zone.following(instant(at)).next();
        let since = since.map_or(EVER.0, |change| change.timestamp().as_microsecond());
        (offset, (since, until.map_or(EVER.1, |change| change.timestamp().as_microsecond())))
    }
}

impl Daily {
    fn judge(&self, face: i64) -> (bool, Stretch) {
        let (day, time) = (face.div_euclid(DAY_US), face.rem_euclid(DAY_US));
        let midnight = day * DAY_US;
        let Daily { from, until, .. } = *self;
        let parts: [(bool, Stretch); 2] = match from < until {
            true => [(self.begins_on(day), (from, until)), (false, (from, until))],
            // The end of the one that began yesterday, and the beginning of today's.
            false => [(self.begins_on(day - 1), (0, until)), (self.begins_on(day), (from, DAY_US))],
        };
        let closed = parts.iter().find(|(is_closed, (since, until))| *is_closed && *since <= time && time < *until);
        if let Some((_, (since, until))) = closed {
            return (true, (midnight + since, midnight + until));
        }
        let edges = [0, from, until, DAY_US];
        let since = edges.into_iter().filter(|edge| *edge <= time).max().unwrap_or(0);
        let until = edges.into_iter().filter(|edge| *edge > time).min().unwrap_or(DAY_US);
        (false, (midnight + since, midnight + until))
    }

    fn begins_on(&self, day: i64) -> bool {
        // The epoch was a Thursday.
        self.days & (1 << (day + 4).rem_euclid(7)) != 0
    }
}

fn days(calendars: &[Dates]) -> Vec<Stretch> {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    let number = |date: jiff::civil::Date| date.duration_since(epoch).as_secs() / 86_400;
    let ranges = calendars.iter().flat_map(|calendar| &calendar.dates);
    joined(ranges.map(|range| (number(range.first) * DAY_US, (number(range.last) + 1) * DAY_US)).collect())
}

/// The same stretches in order, those that touch made one.
fn joined(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort_unstable();
    let mut joined: Vec<Stretch> = Vec::with_capacity(stretches.len());
    for (since, until) in stretches {
        match joined.last_mut().filter(|before| before.1 >= since) {
            Some(before) => before.1 = before.1.max(until),
            None => joined.push((since, until)),
        }
    }
    joined
}

/// Whether one of these stretches contains `at`: that one, or else what lies between its neighbours.
fn within(stretches: &[Stretch], at: i64) -> (bool, Stretch) {
    let n_before = stretches.partition_point(|(since, _)| *since <= at);
    let before = n_before.checked_sub(1).and_then(|n| stretches.get(n));
    match before {
        Some(stretch) if at < stretch.1 => (true, *stretch),
        Some(_) | None => {
            let until = stretches.get(n_before).map_or(EVER.1, |(since, _)| *since);
            (false, (before.map_or(EVER.0, |(_, until)| *until), until))
        }
    }
}

fn both(a: Stretch, b: Stretch) -> Stretch {
    (a.0.max(b.0), a.1.min(b.1))
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;

    use super::*;
    use crate::model::definition::Timing;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("because the case is valid")
    }

    fn zone() -> TimeZone {
        jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").expect("because it is bundled")
    }

    fn dates(ranges: &[&str]) -> Dates {
        Dates::new("dates", ranges.iter().map(|text| text.parse().expect("because the case is valid")).collect())
    }

    fn daily(from: &str, until: &str, days: u8) -> Blackout {
        let [from, until] = [from, until].map(|text| text.parse().expect("because the case is valid"));
        Blackout::Daily { from, until, days }
    }

    /// Whether a schedule is closed at this time, thought out again on the clock's face alone.
    fn is_closed(schedule: &Schedule, face: DateTime, at: Timestamp) -> bool {
        let date = face.date();
        let holds = |calendars: &[Dates], date| {
            calendars
                .iter()
                .flat_map(|calendar| &calendar.dates)
                .any(|range| (range.first..=range.last).contains(&date))
        };
        let on = |days: u8, date: jiff::civil::Date| days & (1 << date.weekday().to_sunday_zero_offset()) != 0;
        let time = face.time().duration_since(jiff::civil::Time::midnight()).as_secs();
        let black = schedule.blackout.iter().any(|blackout| match *blackout {
            Blackout::Once { from, until } => from <= at && at < until,
            Blackout::Daily { from, until, days } => {
                let (from, until) = (i64::from(from.seconds()), i64::from(until.seconds()));
                match from < until {
                    true => from <= time && time < until && on(days, date),
                    false => {
                        let yesterday = date.yesterday().expect("because it is not the first of all days");
                        time >= from && on(days, date) || time < until && on(days, yesterday)
                    }
                }
            }
        });
        let is_open = schedule.only.is_empty() || holds(&schedule.only, date);
        holds(&schedule.exclude, date) || !is_open || black
    }

    fn schedules() -> Vec<Schedule> {
        let plain = || Schedule::new(Timing::Start, "Europe/Berlin");
        let once = |from: &str, until: &str| Blackout::Once { from: at(from), until: at(until) };
        vec![
            Schedule { exclude: vec![dates(&["2027-10-30", "2027-11-01..2027-11-02"])], ..plain() },
            Schedule { only: vec![dates(&["2027-10-29", "2027-10-31"]), dates(&["2027-10-30"])], ..plain() },
            Schedule { blackout: vec![daily("22:00", "06:00", 0x7f)], ..plain() },
            Schedule { blackout: vec![daily("02:15", "02:45", 0x7f)], ..plain() },
            Schedule { blackout: vec![daily("22:00", "02:30", 0b0010_0000)], ..plain() },
            Schedule { blackout: vec![daily("00:00", "24:00", 0b0100_0001)], ..plain() },
            Schedule { blackout: vec![once("2027-10-30T22:30:00Z", "2027-10-31T00:30:00Z")], ..plain() },
            Schedule {
                exclude: vec![dates(&["2027-10-31"])],
                only: vec![dates(&["2027-10-28..2027-11-03"])],
                blackout: vec![
                    daily("12:00", "14:00", 0x3e),
                    daily("13:00", "15:00", 0x7f),
                    once("2027-10-29T00:00:00Z", "2027-10-30T00:00:00Z"),
                ],
                ..plain()
            },
        ]
    }

    #[test]
    fn what_is_told_of_an_instant_holds_for_as_long_as_is_told() {
        let zone = zone();
        for schedule in schedules() {
            let exclusion = Exclusion::new(&schedule, &zone).expect("because something is excluded");
            // Through both changes of the clock, in steps that miss no edge.
            for start in ["2027-10-28T20:00:00Z", "2027-03-26T20:00:00Z"] {
                let instants = (0..7 * 96).map(|n| Timestamp::from_micros(at(start).as_micros() + n * 900 * SECOND_US));
                let face = |at: Timestamp| {
                    let instant = jiff::Timestamp::from_microsecond(at.as_micros()).expect("because it is one");
                    zone.to_datetime(instant)
                };
                let told: Vec<_> = instants.map(|at| (at, is_closed(&schedule, face(at), at))).collect();
                for (instant, is_excluded) in &told {
                    let judged = exclusion.judge(*instant);
                    assert_eq!(judged.is_excluded, *is_excluded, "{instant} of {schedule:?}");
                    assert!(judged.since <= *instant && *instant < judged.until, "{instant}: {judged:?}");
                    let alike = told.iter().filter(|(at, _)| judged.since <= *at && *at < judged.until);
                    for (other, also) in alike {
                        assert_eq!(also, is_excluded, "{other}, which is told with {instant} of {schedule:?}");
                    }
                }
            }
        }
    }
}
