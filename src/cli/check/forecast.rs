//! What a change of job files does to due times: two sets of rules, old and new, walked side by side. It takes what it
//! compares as arguments; how far ahead it looks is bounded by time and by number.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::iter::Peekable;

use jiff::tz::TimeZone;

use crate::model::definition::{Schedule, Timing};
use crate::model::time::Calendar;
use crate::model::timestamp::Timestamp;
use crate::tzdb::Tzdb;

/// So many due times of a job are compared at most, old and new together.
const MAX_COMPARED: u64 = 2_000_000;
/// So many differences are kept to be shown; the others are counted.
const MAX_KEPT: usize = 1_000;

/// When a job is due, before a change or after it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    calendars: Vec<(Calendar, TimeZone)>,
    /// Rules that have no due times of their own: `@start`, `@reboot` and those that follow the runs of the job.
    starts: BTreeSet<String>,
    /// The rules themselves, by which two sets are known to be the same.
    written: BTreeMap<String, usize>,
    /// So many due times are left before the schedules end.
    left: Option<u64>,
}

impl Rules {
    /// The rules of `schedules`, of a job that is started by its first `left` due times only; or why one cannot be read.
    pub(super) fn new(job: &str, schedules: &[Schedule], left: Option<u64>, zones: &Tzdb) -> Result<Self, String> {
        let mut rules = Rules { left, ..Rules::default() };
        for schedule in schedules {
            // Its name decides when it is due only where chance is drawn from it.
            let name = schedule.name.clone().filter(|_| schedule.jitter.is_some());
            *rules.written.entry(format!("{:?}", Schedule { name, ..schedule.rule() })).or_default() += 1;
            match schedule.timing {
                Timing::Start => drop(rules.starts.insert("@start".to_owned())),
                Timing::Reboot => drop(rules.starts.insert("@reboot".to_owned())),
                Timing::AfterEnd { delay } => drop(rules.starts.insert(format!("after_end {delay}"))),
                Timing::Cron { .. } | Timing::Quartz { .. } | Timing::Every { .. } | Timing::At { .. } => {
                    let unknown = || format!("`{job}`: the zone data in use has no `{}`", schedule.timezone);
                    let zone = zones.get(&schedule.timezone).ok_or_else(unknown)?;
                    let faulty = |faults: Vec<crate::model::invalid::Fault>| {
                        let messages: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
                        format!("`{job}`: {}", messages.join("; "))
                    };
                    rules.calendars.push((Calendar::new(schedule, job, &zone).map_err(faulty)?, zone));
                }
            }
        }
        Ok(rules)
    }

    /// Whether both are due at the same times, for ever.
    pub(super) fn is_same(&self, other: &Rules) -> bool {
        self.written == other.written && self.left == other.left
    }

    /// The due times in `(from, until]`, oldest first; several at one instant where several rules have it.
    pub(super) fn due_times(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = (Timestamp, usize)> + '_ {
        let next = move |index: usize, after: Timestamp| {
            self.calendars[index].0.next_after(after).filter(|at| *at <= until).map(|at| Reverse((at, index)))
        };
        let mut ahead: BinaryHeap<_> = (0..self.calendars.len()).filter_map(|index| next(index, from)).collect();
        let left = usize::try_from(self.left.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let due = move || {
            let Reverse((at, index)) = ahead.pop()?;
            ahead.extend(next(index, at));
            Some((at, index))
        };
        std::iter::from_fn(due).take(left)
    }

    fn due(&self, (at, index): (Timestamp, usize)) -> Due {
        let (calendar, zone) = &self.calendars[index];
        let shown = match jiff::Timestamp::from_microsecond(at.as_micros()) {
            Ok(instant) => instant.display_with_offset(zone.to_offset(instant)).to_string(),
            Err(_) => at.to_string(),
        };
        Due { at, shown, note: calendar.shift(at).map(|shift| shift.to_string()) }
    }
}

/// One due time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    /// In the zone of its rule.
    pub(super) shown: String,
    /// What daylight saving does to it.
    pub(super) note: Option<String>,
}

/// Due times that are there on one side only.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Times {
    pub(super) n: u64,
    /// The first of them.
    pub(super) first: Vec<Due>,
    /// The last of all.
    pub(super) last: Option<Due>,
}

impl Times {
    fn add(&mut self, rules: &Rules, due: (Timestamp, usize)) {
        self.n += 1;
        if self.first.len() < MAX_KEPT {
            self.first.push(rules.due(due));
        } else {
            self.last = Some(rules.due(due));
        }
    }

    /// The last of all.
    pub(super) fn last(&self) -> Option<&Due> {
        self.last.as_ref().or(self.first.last())
    }
}

/// What a change does to one job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Difference {
    pub(super) added: Times,
    pub(super) removed: Times,
    /// Rules without due times of their own.
    pub(super) starts_added: Vec<String>,
    pub(super) starts_removed: Vec<String>,
    /// It was compared up to there only, because there was too much.
    pub(super) cut_at: Option<Timestamp>,
}

impl Difference {
    pub(super) fn is_none(&self) -> bool {
        *self == Difference { cut_at: self.cut_at, ..Difference::default() }
    }
}

/// What is due in `(from, until]` by `new` and not by `old`, and the other way round.
pub(super) fn compare(old: &Rules, new: &Rules, from: Timestamp, until: Timestamp) -> Difference {
    let only = |one: &Rules, other: &Rules| one.starts.difference(&other.starts).cloned().collect();
    let (starts_added, starts_removed) = (only(new, old), only(old, new));
    let mut difference = Difference { starts_added, starts_removed, ..Difference::default() };
    if old.is_same(new) {
        return difference;
    }
    let (mut before, mut after) = (old.due_times(from, until).peekable(), new.due_times(from, until).peekable());
    for _ in 0..MAX_COMPARED {
        match order(&mut before, &mut after) {
            None => return difference,
            Some(Ordering::Less) => before.next().into_iter().for_each(|due| difference.removed.add(old, due)),
            Some(Ordering::Greater) => after.next().into_iter().for_each(|due| difference.added.add(new, due)),
            Some(Ordering::Equal) => drop((before.next(), after.next())),
        }
    }
    difference.cut_at = [before.peek(), after.peek()].into_iter().flatten().map(|(at, _)| *at).min();
    difference
}

/// Which of the two is due first; nothing if neither is any more.
fn order<I: Iterator<Item = (Timestamp, usize)>, J: Iterator<Item = (Timestamp, usize)>>(
    before: &mut Peekable<I>,
    after: &mut Peekable<J>,
) -> Option<Ordering> {
    match (before.peek(), after.peek()) {
        (None, None) => None,
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some((before, _)), Some((after, _))) => Some(before.cmp(after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("because the case is valid")
    }

    fn rules(expressions: &[&str], left: Option<u64>) -> Rules {
        let schedule = |text: &&str| match *text {
            "@start" => Schedule::new(Timing::Start, "Europe/Berlin"),
            text => Schedule::new(Timing::Cron { expression: text.to_owned() }, "Europe/Berlin"),
        };
        let schedules: Vec<Schedule> = expressions.iter().map(schedule).collect();
        Rules::new("job", &schedules, left, &Tzdb::bundled()).expect("because the case is valid")
    }

    #[track_caller]
    fn check(old: &[&str], new: &[&str], days: i64, added: &[&str], removed: &[&str]) {
        let from = at("2027-03-26T12:00:00Z");
        let until = from.plus(crate::model::duration::Duration::from_secs(days * 86_400));
        let found = compare(&rules(old, None), &rules(new, None), from, until);
        let shown = |times: &Times| times.first.iter().map(|due| due.shown.clone()).collect::<Vec<_>>();
        assert_eq!((shown(&found.added), shown(&found.removed)), (owned(added), owned(removed)), "{old:?} {new:?}");
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_is_due_on_one_side_only_is_found() {
        check(&["0 3 * * *"], &["0 3 * * *"], 3, &[], &[]);
        check(&["0 3 * * *"], &["0 3,4 * * *"], 1, &["2027-03-27T04:00:00+01:00"], &[]);
        check(&["0 3 * * *"], &["30 3 * * *"], 1, &["2027-03-27T03:30:00+01:00"], &["2027-03-27T03:00:00+01:00"]);
        check(&[], &["0 3 * * *"], 2, &["2027-03-27T03:00:00+01:00", "2027-03-28T03:00:00+02:00"], &[]);
        check(&["0 3 * * *"], &[], 1, &[], &["2027-03-27T03:00:00+01:00"]);
        // Twice at one instant is once more than once.
        check(&["0 3 * * *"], &["0 3 * * *", "0 3 27 * *"], 1, &["2027-03-27T03:00:00+01:00"], &[]);
    }

    #[test]
    fn a_due_time_that_daylight_saving_moves_says_so() {
        let (from, until) = (at("2027-03-27T12:00:00Z"), at("2027-03-28T12:00:00Z"));
        let found = compare(&rules(&[], None), &rules(&["30 2 * * *"], None), from, until);
        let note = found.added.first.first().and_then(|due| due.note.clone());
        assert_eq!(note.as_deref(), Some("2027-03-28 02:30:00 does not exist in this zone; due after the gap"));
    }

    #[test]
    fn what_ends_after_so_many_runs_is_due_no_more_often() {
        let (from, until) = (at("2027-03-26T12:00:00Z"), at("2027-04-26T12:00:00Z"));
        let found = compare(&rules(&["0 3 * * *"], Some(0)), &rules(&["0 3 * * *"], Some(2)), from, until);
        assert_eq!((found.added.n, found.removed.n), (2, 0));
    }

    #[test]
    fn more_than_can_be_shown_is_counted() {
        let (from, until) = (at("2027-03-26T12:00:00Z"), at("2027-03-27T12:00:00Z"));
        let found = compare(&rules(&[], None), &rules(&["* * * * *", "@start"], None), from, until);
        assert_eq!(
            (found.added.n, found.added.first.len(), found.starts_added.as_slice()),
            (1_440, 1_000, &["@start".to_owned()][..])
        );
        assert_eq!(found.added.last().map(|due| due.at), Some(until));
    }
}
