//! Which due times a backfill runs: the admitted ones of some schedules in `[from, to)`, less those that somebody skipped.
//!
//! Pure: calendars, what was skipped and three instants in; due times and counts out. What is shown before a backfill is
//! asked for and what it then runs is the same, because both are counted and ordered here. Counting stops at `MAX_DUE` over all
//! schedules, excluded due times among them, and no backfill is larger.

use std::fmt;
use std::sync::Arc;

use crate::model::time::{Calendar, MICROSECOND};
use crate::model::timestamp::Timestamp;

/// The most due times that one backfill runs.
pub const MAX_DUE: u64 = 100_000;
/// The same of those that are counted from an anchor, each of which costs as much as a thousand others.
pub const MAX_COUNTED_DUE: u64 = 200;
/// The most backfills of one job that have not ended.
pub const MAX_OPEN: u32 = 16;
/// The most of its runs that may be live at once.
pub const MAX_RUNS: u32 = 1_000;

/// Why there can be no such backfill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It would end where it begins, or before.
    Empty,
    /// It would end later than now.
    Ahead,
    /// The schedules have no due times that a clock tells.
    NoTimes,
    /// None of them starts in that stretch, and so many are excluded.
    NothingDue {
        /// How many.
        n_excluded: u64,
    },
    /// There are more than one backfill runs.
    TooMany {
        /// How many it runs.
        most: u64,
    },
    /// Its bound is none.
    MaxRuns,
    /// As many of the job as may be have not ended.
    TooManyOpen,
}

impl Unfit {
    /// The next thing to do.
    pub fn hint(self) -> String {
        match self {
            Unfit::Empty => "`from` is the first instant that counts, `to` the first that does not".to_owned(),
            Unfit::Ahead => "what lies ahead starts by itself; end it at `now`".to_owned(),
            Unfit::NoTimes => "start it with `campanile ctl start JOB --at TIME`".to_owned(),
            Unfit::NothingDue { .. } => "`campanile ctl why JOB@TIME` names the due times beside a time".to_owned(),
            Unfit::TooMany { .. } => "ask for a shorter stretch, and for the rest afterwards".to_owned(),
            Unfit::MaxRuns => "leave it out to run one at a time".to_owned(),
            Unfit::TooManyOpen => "wait for one to end, or cancel one: `campanile ctl backfills --job JOB`".to_owned(),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Empty => f.write_str("`from` is not before `to`"),
            Unfit::Ahead => f.write_str("`to` is later than now"),
            Unfit::NoTimes => f.write_str("no clock says when it is due"),
            Unfit::NothingDue { n_excluded: 0 } => f.write_str("it was not due in that time"),
            Unfit::NothingDue { n_excluded } => {
                write!(f, "all {n_excluded} due times in that time are excluded or were skipped")
            }
            Unfit::TooMany { most } => write!(f, "it has more than {most} due times in that time"),
            Unfit::MaxRuns => write!(f, "`max_runs` is 1 to {MAX_RUNS}"),
            Unfit::TooManyOpen => write!(f, "{MAX_OPEN} backfills of it have not ended"),
        }
    }
}

/// Whether there may be a backfill of that stretch, asked for now beside so many of the job that have not ended, as far as
/// that can be told without a calendar.
pub fn check(from: Timestamp, to: Timestamp, now: Timestamp, max_runs: u32, n_open: u32) -> Result<(), Unfit> {
    match () {
        () if from >= to => Err(Unfit::Empty),
        () if to > now => Err(Unfit::Ahead),
        () if !(1..=MAX_RUNS).contains(&max_runs) => Err(Unfit::MaxRuns),
        () if n_open >= MAX_OPEN => Err(Unfit::TooManyOpen),
        () => Ok(()),
    }
}

/// Where the cursor of a backfill stands before its first due time, which may be at `from` itself.
pub fn before(from: Timestamp) -> Timestamp {
    from.minus(MICROSECOND)
}

/// The due times of one schedule.
#[derive(Clone, Debug)]
pub struct Source {
    /// When it is due.
    pub calendar: Arc<Calendar>,
    /// Stretches, ends included, that somebody skipped, oldest first.
    pub skipped: Vec<(Timestamp, Timestamp)>,
}

impl Source {
    /// The first due time after `after` and before `to` that starts a run.
    pub fn next_after(&self, after: Timestamp, to: Timestamp) -> Option<Timestamp> {
        let mut after = after;
        loop {
            let due = self.calendar.next_after(after).filter(|due| *due < to)?;
            match self.skipped.iter().find(|(first, last)| *first <= due && due <= *last) {
                Some((_, last)) => after = *last,
                None => return Some(due),
            }
        }
    }

    /// Counts up to `limit` of each.
    fn count(&self, from: Timestamp, to: Timestamp, limit: u64) -> Counted {
        let (after, until) = (before(from), to.minus(MICROSECOND));
        let n_admitted = self.calendar.count(after, until, limit);
        let within = |(first, last): &(Timestamp, Timestamp)| {
            self.calendar.count(before(*first).max(after), (*last).min(until), limit)
        };
        let n_skipped: u64 = self.skipped.iter().map(within).sum();
        let n_due = n_admitted.saturating_sub(n_skipped);
        let n_all = if self.calendar.excludes() { self.calendar.rule().count(after, until, limit) } else { n_admitted };
        Counted { n_due, n_excluded: n_all.saturating_sub(n_due) }
    }
}

/// How many due times there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// So many start a run.
    pub n_due: u64,
    /// So many are excluded, or were skipped by somebody.
    pub n_excluded: u64,
}

/// Counts the due times of all these schedules in `[from, to)`, or says why there can be no backfill of them.
pub fn count(sources: &[Source], from: Timestamp, to: Timestamp) -> Result<Counted, Unfit> {
    if sources.is_empty() {
        return Err(Unfit::NoTimes);
    }
    let mut all = Counted::default();
    let (mut left, mut left_to_count) = (MAX_DUE, MAX_COUNTED_DUE);
    for source in sources {
        let is_counted = source.calendar.rule().is_counted();
        let (left, most) = if is_counted { (&mut left_to_count, MAX_COUNTED_DUE) } else { (&mut left, MAX_DUE) };
        let counted = source.count(from, to, *left + 1);
        let Some(rest) = left.checked_sub(counted.n_due + counted.n_excluded) else {
            return Err(Unfit::TooMany { most });
        };
        *left = rest;
        all.n_due += counted.n_due;
        all.n_excluded += counted.n_excluded;
    }
    match all.n_due {
        0 => Err(Unfit::NothingDue { n_excluded: all.n_excluded }),
        _ => Ok(all),
    }
}

/// The due times before an instant that are still to be run, of all schedules, oldest first.
#[derive(Debug)]
pub struct Ahead {
    sources: Vec<Source>,
    /// The next of each source.
    next: Vec<Option<Timestamp>>,
    to: Timestamp,
}

impl Ahead {
    /// Those before `to`, where the cursor of each schedule stands at its place in `cursors`.
    pub fn new(sources: Vec<Source>, cursors: impl IntoIterator<Item = Timestamp>, to: Timestamp) -> Self {
        let next = sources.iter().zip(cursors).map(|(source, cursor)| source.next_after(cursor, to)).collect();
        Ahead { sources, next, to }
    }

    /// The oldest, and the place of the schedule whose it is.
    pub fn oldest(&self) -> Option<(Timestamp, usize)> {
        self.next.iter().enumerate().filter_map(|(index, next)| Some(((*next)?, index))).min()
    }

    /// The oldest is done with.
    pub fn pass(&mut self) {
        if let Some((due, index)) = self.oldest() {
            self.next[index] = self.sources[index].next_after(due, self.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::{Blackout, Schedule, Timing};

    const MINUTE: i64 = 60_000_000;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * MINUTE)
    }

    fn source(expression: &str, blackout: Vec<Blackout>, skipped: &[(i64, i64)]) -> Source {
        let timing = Timing::Cron { expression: expression.to_owned() };
        let schedule = Schedule { blackout, ..Schedule::new(timing, "UTC") };
        let calendar = Calendar::new(&schedule, "job", &jiff::tz::TimeZone::UTC).expect("because the case is valid");
        let skipped = skipped.iter().map(|(first, last)| (at(*first), at(*last))).collect();
        Source { calendar: Arc::new(calendar), skipped }
    }

    fn all(sources: &[Source], from: Timestamp, to: Timestamp) -> Vec<(Timestamp, usize)> {
        let mut ahead = Ahead::new(sources.to_vec(), vec![before(from); sources.len()], to);
        let mut found = Vec::new();
        while let Some(oldest) = ahead.oldest() {
            ahead.pass();
            found.push(oldest);
        }
        found
    }

    #[test]
    fn each_due_time_from_the_first_instant_to_before_the_last_comes_once_and_in_order() {
        let closed = Blackout::Once { from: at(6), until: at(9) };
        let sources =
            [source("*/2 * * * *", vec![closed], &[(3, 4), (12, 13)]), source("*/3 * * * *", vec![], &[(9, 12)])];
        for (from, to) in (0..20).flat_map(|from| (from + 1..22).map(move |to| (from, to))) {
            let mut expected: Vec<_> = (from..to).filter(|n| n % 2 == 0).map(|n| (n, 0)).collect();
            expected.retain(|(n, _)| ![4, 6, 8, 12].contains(n));
            expected.extend((from..to).filter(|n| n % 3 == 0 && !(9..=12).contains(n)).map(|n| (n, 1)));
            expected.sort_unstable();
            let n_all = (from..to).map(|n| u64::from(n % 2 == 0) + u64::from(n % 3 == 0)).sum::<u64>();
            let found = all(&sources, at(from), at(to));
            assert_eq!(found, expected.iter().map(|(n, of)| (at(*n), *of)).collect::<Vec<_>>(), "[{from}, {to})");
            let n_due = expected.len() as u64;
            let counted = match n_due {
                0 => Err(Unfit::NothingDue { n_excluded: n_all }),
                _ => Ok(Counted { n_due, n_excluded: n_all - n_due }),
            };
            assert_eq!(count(&sources, at(from), at(to)), counted, "[{from}, {to})");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let minute = |n| at(n);
        for (from, to, max_runs, n_open, expected) in [
            (1, 2, 1, 0, Ok(())),
            (2, 9, 1_000, 15, Ok(())),
            (2, 2, 1, 0, Err(Unfit::Empty)),
            (3, 2, 1, 0, Err(Unfit::Empty)),
            (2, 10, 1, 0, Err(Unfit::Ahead)),
            (2, 3, 0, 0, Err(Unfit::MaxRuns)),
            (2, 3, 1_001, 0, Err(Unfit::MaxRuns)),
            (2, 3, 1, 16, Err(Unfit::TooManyOpen)),
        ] {
            let found = check(minute(from), minute(to), minute(9), max_runs, n_open);
            assert_eq!(found, expected, "{from} {to} {max_runs} {n_open}");
        }
        assert_eq!(count(&[], minute(1), minute(2)), Err(Unfit::NoTimes));
    }

    #[test]
    fn more_than_one_backfill_runs_are_refused_and_not_counted_to_the_end() {
        let secondly = [source("* * * * * *", vec![], &[])];
        assert_eq!(count(&secondly, at(0), at(20_000_000)), Err(Unfit::TooMany { most: MAX_DUE }));
        assert_eq!(count(&secondly, at(0), at(1_000)), Ok(Counted { n_due: 60_000, n_excluded: 0 }));
        let two = [secondly[0].clone(), secondly[0].clone()];
        assert_eq!(count(&two, at(0), at(1_000)), Err(Unfit::TooMany { most: MAX_DUE }));
        let timing = Timing::Cron { expression: "0 * * * *".to_owned() };
        let schedule = Schedule { nth: Some(2), anchor: Some(at(0)), ..Schedule::new(timing, "UTC") };
        let calendar = Calendar::new(&schedule, "job", &jiff::tz::TimeZone::UTC).expect("because the case is valid");
        let second = [Source { calendar: Arc::new(calendar), skipped: Vec::new() }];
        assert_eq!(count(&second, at(0), at(120 * 200)), Ok(Counted { n_due: 200, n_excluded: 0 }));
        assert_eq!(count(&second, at(0), at(120 * 201)), Err(Unfit::TooMany { most: MAX_COUNTED_DUE }));
        let two = [second[0].clone(), second[0].clone()];
        assert_eq!(count(&two, at(0), at(120 * 101)), Err(Unfit::TooMany { most: MAX_COUNTED_DUE }), "over all");
        let closed = Blackout::Once { from: at(0), until: at(20_000_000) };
        let excluded = [source("* * * * * *", vec![closed], &[])];
        assert_eq!(count(&excluded, at(0), at(20_000_000)), Err(Unfit::TooMany { most: MAX_DUE }), "excluded ones too");
    }
}
