//! The fields that a cron expression has: what each is called, what it may hold and in which words. A table, no rules.

/// Which field it is: its name, its range and its words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// As messages call it.
    pub name: &'static str,
    /// The smallest value.
    pub low: u8,
    /// The largest value.
    pub high: u8,
    /// Names of values, from `low` on.
    pub names: &'static [&'static str],
    /// How a number of these is written after `every`, where that works.
    pub unit: Option<&'static str>,
}

/// Seconds, the first of six fields.
pub const SECOND: Kind = Kind { name: "second", low: 0, high: 59, names: &[], unit: Some("s") };
/// Minutes.
pub const MINUTE: Kind = Kind { name: "minute", low: 0, high: 59, names: &[], unit: Some("m") };
/// Hours.
pub const HOUR: Kind = Kind { name: "hour", low: 0, high: 23, names: &[], unit: Some("h") };
/// Days of the month.
pub const DAY: Kind = Kind { name: "day of month", low: 1, high: 31, names: &[], unit: Some("d") };
/// Months.
pub const MONTH: Kind = Kind {
    name: "month",
    low: 1,
    high: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    unit: None,
};
/// Days of the week; 7 is Sunday too.
pub const WEEKDAY: Kind = Kind {
    name: "day of week",
    low: 0,
    high: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    unit: None,
};
