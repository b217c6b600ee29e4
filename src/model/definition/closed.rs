//! What keeps due times from starting anything: dates of calendars, and times of blackout. All of it is part of the
//! definition, written out, so that a run keeps what it was decided by.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::timestamp::Timestamp;

/// The dates of one calendar, as they were when the file was read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dates {
    /// What the calendar is called.
    pub calendar: String,
    /// Its dates, in order, no two of them touching.
    pub dates: Vec<DateRange>,
}

impl Dates {
    /// A calendar of these dates, in whatever order and however they overlap.
    pub fn new(calendar: &str, mut ranges: Vec<DateRange>) -> Self {
        ranges.sort_unstable_by_key(|range| (range.first, range.last));
        let mut dates: Vec<DateRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match dates.last_mut().filter(|before| before.last.tomorrow().is_ok_and(|next| next >= range.first)) {
                Some(before) => before.last = before.last.max(range.last),
                None => dates.push(range),
            }
        }
        Dates { calendar: calendar.to_owned(), dates }
    }
}

/// One date, or several in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateRange {
    /// The first of them.
    pub first: Date,
    /// The last of them, and never before the first.
    pub last: Date,
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}..{}", self.first, self.last),
        }
    }
}

/// Why a text is no date and no range of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADateRange {
    /// It cannot be read.
    #[error("`{0}` is not a date as in `2027-12-25`, nor a range as in `2027-12-24..2027-12-31`")]
    Unreadable(String),
    /// It ends before it begins.
    #[error("`{0}` ends before it begins")]
    Backwards(String),
}

impl FromStr for DateRange {
    type Err = NotADateRange;

    fn from_str(text: &str) -> Result<Self, NotADateRange> {
        let date = |part: &str| {
            let is_plain = part.len() == 10 && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            part.parse::<Date>().ok().filter(|_| is_plain)
        };
        let (first, last) = text.split_once("..").map_or((text, text), |(first, last)| (first.trim(), last.trim()));
        match (date(first), date(last)) {
            (Some(first), Some(last)) if first <= last => Ok(DateRange { first, last }),
            (Some(_), Some(_)) => Err(NotADateRange::Backwards(text.to_owned())),
            (None, _) | (_, None) => Err(NotADateRange::Unreadable(text.to_owned())),
        }
    }
}

impl Serialize for DateRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A stretch of time in which nothing starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blackout {
    /// From one time of the day until another, which may be on the day after.
    Daily {
        /// Within.
        from: TimeOfDay,
        /// Not within, and never the same as `from`.
        until: TimeOfDay,
        /// The days of the week on which it begins, Sunday as bit 0.
        days: u8,
    },
    /// Once.
    Once {
        /// Within.
        from: Timestamp,
        /// Not within.
        until: Timestamp,
    },
}

/// A time on the clock, in whole seconds; 24:00 is the end of the day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// Seconds since midnight.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 3_600, self.0 / 60 % 60)?;
        match self.0 % 60 {
            0 => Ok(()),
            seconds => write!(f, ":{seconds:02}"),
        }
    }
}

/// Why a text is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of day as in `22:00`")]
pub struct NotATimeOfDay(pub String);

impl FromStr for TimeOfDay {
    type Err = NotATimeOfDay;

    fn from_str(text: &str) -> Result<Self, NotATimeOfDay> {
        let wrong = || NotATimeOfDay(text.to_owned());
        let parts: Vec<&str> = text.trim().split(':').collect();
        let number = |part: &&str| match part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) {
            true => part.parse::<u32>().ok(),
            false => None,
        };
        let parts: Vec<u32> = parts.iter().map(number).collect::<Option<_>>().ok_or_else(wrong)?;
        let (hour, minute, second) = match parts[..] {
            [hour, minute] => (hour, minute, 0),
            [hour, minute, second] => (hour, minute, second),
            _ => return Err(wrong()),
        };
        let is_end = (hour, minute, second) == (24, 0, 0);
        match hour < 24 && minute < 60 && second < 60 || is_end {
            true => Ok(TimeOfDay(hour * 3_600 + minute * 60 + second)),
            false => Err(wrong()),
        }
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_put_in_order_and_joined_where_they_touch() {
        let ranges = ["2027-12-27..2027-12-31", "2027-05-01", "2027-12-24..2027-12-26", "2027-05-03", "2027-05-01"];
        let ranges = ranges.map(|text| text.parse().expect("because the case is valid"));
        let shown: Vec<String> =
            Dates::new("holidays", ranges.to_vec()).dates.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["2027-05-01", "2027-05-03", "2027-12-24..2027-12-31"]);
    }

    #[test]
    fn what_is_no_date_and_no_time_of_day_is_refused() {
        for text in ["", "2027-1-1", "2027-02-29", "2027-12-24..", "2027-12-24..2027", "20271224", "2027-12-24T00:00"] {
            assert_eq!(text.parse::<DateRange>(), Err(NotADateRange::Unreadable(text.to_owned())));
        }
        let text = "2027-12-24..2027-12-23";
        assert_eq!(text.parse::<DateRange>(), Err(NotADateRange::Backwards(text.to_owned())));
        for (text, shown) in [("22:00", "22:00"), ("00:00:05", "00:00:05"), ("24:00", "24:00"), ("06:30:00", "06:30")] {
            assert_eq!(text.parse::<TimeOfDay>().map(|time| time.to_string()), Ok(shown.to_owned()));
        }
        for text in ["", "22", "2:00", "24:01", "22:60", "22:00:60", "22:00:00:00", "-1:00", "22:00Z"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }
}
