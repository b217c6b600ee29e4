//! When, where and on what somebody looks: times in the zone of this machine, columns as wide as the terminal has them,
//! colours only where it takes them.

use jiff::tz::TimeZone;

use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;
use crate::print;
use crate::tzdb::{Choice, Tzdb};

const SECOND: Duration = Duration::from_secs(1);

/// When, where and on what somebody looks.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
    /// How many columns there are; nothing off a terminal, where nothing is cut.
    pub(crate) columns: Option<usize>,
    /// Words may be coloured.
    pub(crate) colours: bool,
}

impl View {
    /// The view from this machine.
    pub(crate) fn here(now: Timestamp) -> Self {
        let zones = Tzdb::open(&Choice::Auto).unwrap_or_else(|_| Tzdb::bundled());
        let zone = zones.get(&zones.system_zone()).unwrap_or(TimeZone::UTC);
        View { now, zone, columns: print::columns(), colours: print::colours_data() }
    }

    /// The view of a program, which sees neither columns nor colours.
    #[cfg(test)]
    pub(crate) fn of_a_program(now: Timestamp, zone: TimeZone) -> Self {
        View { now, zone, columns: None, colours: false }
    }

    /// The same place, later; the window may have another size by then.
    pub(crate) fn at(&self, now: Timestamp) -> Self {
        View { now, zone: self.zone.clone(), columns: print::columns(), colours: self.colours }
    }

    /// `3m ago`, `in 2h`, or nothing.
    pub(crate) fn relative(&self, at: Option<Timestamp>) -> String {
        let Some(at) = at else { return "-".to_owned() };
        let (ahead, behind) = (at.since(self.now), self.now.since(at));
        if ahead < SECOND && behind < SECOND {
            "now".to_owned()
        } else if ahead > behind {
            format!("in {}", rough(ahead))
        } else {
            format!("{} ago", rough(behind))
        }
    }

    /// RFC 3339 in the zone of this machine, with its offset.
    pub(crate) fn local(&self, at: Timestamp) -> String {
        match jiff::Timestamp::from_microsecond(at.as_micros()) {
            Ok(instant) => instant.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            Err(_) => at.to_string(),
        }
    }

    /// Both.
    pub(crate) fn full(&self, at: Option<Timestamp>) -> String {
        match at {
            None => "-".to_owned(),
            Some(instant) => format!("{} ({})", self.local(instant), self.relative(at)),
        }
    }
}

/// How long it took, or takes so far.
pub(crate) fn took(view: &View, from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match from {
        None => "-".to_owned(),
        Some(from) => rough(to.unwrap_or(view.now).since(from)),
    }
}

/// The one or two largest units.
fn rough(length: Duration) -> String {
    let micros = length.as_micros();
    let seconds = micros / 1_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        0 => format!("{}ms", micros / 1_000),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m{:02}s", seconds % 60),
        3_600..86_400 => format!("{}h{minutes:02}m", seconds / 3_600),
        _ => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn instants_are_told_from_now() {
        let view = View::of_a_program(at(1_000_000), TimeZone::UTC);
        for (offset, expected) in
            [(0, "now"), (-5, "5s ago"), (5, "in 5s"), (-185, "3m05s ago"), (7_260, "in 2h01m"), (-90_000, "1d01h ago")]
        {
            assert_eq!(view.relative(Some(at(1_000_000 + offset))), expected);
        }
        assert_eq!(view.relative(None), "-");
    }

    #[test]
    fn local_times_carry_their_offset() {
        let zone = Tzdb::bundled().get("Europe/Berlin").expect("because the bundle has it");
        let view = View::of_a_program(at(0), zone);
        assert_eq!(view.local(at(1_767_225_600)), "2026-01-01T01:00:00+01:00");
    }
}
