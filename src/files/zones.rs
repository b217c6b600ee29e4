//! The zones that schedules are read in: a database of them and the one that counts where a file names none.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::invalid::Fault;
use crate::model::time::dst;
use crate::model::timestamp::Timestamp;
use crate::tzdb::Tzdb;

/// Zones by name.
#[derive(Clone, Copy, Debug)]
pub struct Zones<'a> {
    /// The database.
    pub tzdb: &'a Tzdb,
    /// The zone of the configuration, or else the system's.
    pub default: &'a str,
}

impl Zones<'_> {
    /// The zone of that name, or a fault at `at` that names the nearest.
    pub(crate) fn get(&self, name: &str, at: (usize, usize)) -> Result<TimeZone, Fault> {
        if let Some(zone) = self.tzdb.get(name) {
            return Ok(zone);
        }
        let fault = Fault::new(at, format!("unknown time zone `{name}`"));
        Err(match self.tzdb.suggest(name) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("write an IANA name as in `Europe/Berlin`"),
        })
    }
}

/// The instant that `text` names: RFC 3339, where a time without an offset is read in `zone`.
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_micros(at.as_microsecond()));
    }
    // A bracketed zone or an odd offset must not be read as a local time with something behind it.
    let local = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 't' | ' ');
    let n_dashes = text.matches('-').count();
    let civil = if text.chars().all(local) && n_dashes == 2 { text.parse::<DateTime>().ok() } else { None };
    match civil {
        Some(_) if !text.contains(':') => Err(format!("`{text}` is a date without a time")),
        // As schedules of fixed times are read: on the first pass of a fold, after a gap at its end.
        Some(civil) => match dst::first_pass(zone, civil) {
            Some(at) => Ok(Timestamp::from_micros(at.as_microsecond())),
            None => Err(format!("`{text}` is beyond the times that can be told")),
        },
        None => Err(format!("`{text}` is not a time as in `2027-01-31T09:00:00+01:00`, the offset optional")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(at: Timestamp, zone: &TimeZone) -> String {
        let instant = jiff::Timestamp::from_microsecond(at.as_micros()).expect("because every Timestamp is one");
        instant.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    #[test]
    fn a_time_without_an_offset_is_read_in_the_zone() {
        let zone = Tzdb::bundled().get("Europe/Berlin").expect("because the zone exists");
        for (text, expected) in [
            ("2027-01-01T09:00:00+01:00", "2027-01-01T09:00:00+01:00"),
            ("2027-01-01T08:00:00Z", "2027-01-01T09:00:00+01:00"),
            ("2027-07-01T09:00:00", "2027-07-01T09:00:00+02:00"),
            ("2027-07-01 09:00", "2027-07-01T09:00:00+02:00"),
            ("2027-03-28T02:30:00", "2027-03-28T03:00:00+02:00"),
            ("2027-10-31T02:30:00", "2027-10-31T02:30:00+02:00"),
        ] {
            assert_eq!(instant(text, &zone).map(|at| shown(at, &zone)), Ok(expected.to_owned()), "{text}");
        }
        for text in ["", "tomorrow", "2027-01-01", "09:00", "2027-13-01T00:00:00", "2027-01-01T00:00:00[Mars/X]"] {
            assert!(instant(text, &zone).is_err(), "{text}");
        }
    }
}
