//! What becomes of due times that passed while nobody was there: which start, and which go into the ledger as missed.
//!
//! Pure: a calendar, a policy, three instants in; stretches that are skipped and a backlog out. Invariant: every
//! admitted due time in `(after, until]` is in exactly one of these. Work is bounded: counts stop at `MAX_COUNTED`, and
//! nothing is listed one by one. Refuses to start or to write anything: the engine does both.

use crate::model::definition::{CatchUp, Schedule};
use crate::model::outcome::Reason;
use crate::model::time::rule::Rule;
use crate::model::time::{Calendar, MICROSECOND};
use crate::model::timestamp::Timestamp;

/// A span's `n` is exact up to this many due times, and this where there are more. No `all` starts more than this.
pub const MAX_COUNTED: u64 = 100_000;

/// Neighbouring due times that do not start, for one reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The oldest of them.
    pub first: Timestamp,
    /// The newest of them.
    pub last: Timestamp,
    /// How many they are; at most `MAX_COUNTED`.
    pub n: u64,
    /// Why they do not start.
    pub reason: Reason,
}

/// What becomes of the due times in `(after, until]` that nobody was there for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Missed {
    /// Those that do not start, oldest first: the due times up to each of these instants, for that reason.
    pub skipped: Vec<(Timestamp, Reason)>,
    /// Those that start, oldest first: the due times after the first and up to the second instant. Under `latest` it is one.
    pub backlog: Option<(Timestamp, Timestamp)>,
}

/// Decides about the due times of `schedule`, whose calendar this is, in `(after, until]`, at `now`. Those older than its
/// window are missed whatever its policy, and those past its deadline are too late; of the others, `latest` starts the newest
/// and `all` the newest `catch_up_max`. Excluded ones are not counted and never start; where they lie among those that are
/// skipped, their own reason holds.
pub fn missed(calendar: &Calendar, schedule: &Schedule, after: Timestamp, until: Timestamp, now: Timestamp) -> Missed {
    let mut missed = Missed::default();
    let policy = schedule.catch_up;
    if policy == CatchUp::None {
        missed.skipped.push((until, Reason::MissedWindow));
        return missed;
    }
    let until = until.max(after);
    // A due time exactly that long ago is still within it.
    let mut opens = now.minus(schedule.catch_up_window).minus(MICROSECOND).clamp(after, until);
    missed.skipped.push((opens, Reason::MissedWindow));
    if let Some(deadline) = schedule.deadline {
        opens = now.minus(deadline).minus(MICROSECOND).clamp(opens, until);
        missed.skipped.push((opens, Reason::Deadline));
    }
    let Some(newest) = calendar.newest(opens, until) else {
        return missed;
    };
    let oldest = match policy {
        CatchUp::None | CatchUp::Latest => Some(newest),
        CatchUp::All => oldest_of_newest(calendar, opens, newest, u64::from(schedule.catch_up_max).min(MAX_COUNTED)),
    };
    let rest = oldest.map_or(newest, |oldest| oldest.minus(MICROSECOND));
    missed.skipped.push((rest, Reason::Coalesced));
    missed.backlog = oldest.map(|oldest| (oldest.minus(MICROSECOND), newest));
    missed
}

/// The span of all due times in `(after, until]`, admitted or not, if there are any.
pub fn span(rule: &Rule, after: Timestamp, until: Timestamp, reason: Reason) -> Option<Span> {
    let last = rule.newest(after, until)?;
    let first = rule.next_after(after)?;
    Some(Span { first, last, n: rule.count(after, until, MAX_COUNTED), reason })
}

/// The oldest of the newest `max` due times in `(after, newest]`; nothing if `max` is 0.
fn oldest_of_newest(calendar: &Calendar, after: Timestamp, newest: Timestamp, max: u64) -> Option<Timestamp> {
    if max == 0 {
        return None;
    }
    let n = calendar.count(after, newest, MAX_COUNTED);
    let mut oldest = newest;
    if n < MAX_COUNTED && n.saturating_sub(max) < max {
        oldest = calendar.next_after(after)?;
        for _ in max..n {
            oldest = calendar.next_after(oldest)?;
        }
    } else {
        for _ in 1..max {
            oldest = calendar.newest(after, oldest.minus(MICROSECOND))?;
        }
    }
    Some(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::{Blackout, Timing};
    use crate::model::duration::Duration;

    const MINUTE: i64 = 60_000_000;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * MINUTE)
    }

    fn minutes(n: i64) -> Duration {
        Duration::from_micros(n * MINUTE)
    }

    fn schedule(expression: &str, catch_up: CatchUp, window: i64, max: u32) -> Schedule {
        let timing = Timing::Cron { expression: expression.to_owned() };
        Schedule { catch_up, catch_up_window: minutes(window), catch_up_max: max, ..Schedule::new(timing, "UTC") }
    }

    fn calendar(schedule: &Schedule) -> Calendar {
        Calendar::new(schedule, "job", &jiff::tz::TimeZone::UTC).expect("because the case is valid")
    }

    fn due(calendar: &Calendar, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        std::iter::successors(calendar.next_after(after), |at| calendar.next_after(*at))
            .take_while(|at| *at <= until)
            .collect()
    }

    /// Every due time is skipped or in the backlog, and each of these is as it says.
    fn check(schedule: &Schedule, [after, until, now]: [Timestamp; 3]) {
        let calendar = calendar(schedule);
        let Schedule { catch_up: policy, catch_up_window: window, catch_up_max: max, deadline, .. } = *schedule;
        let missed = missed(&calendar, schedule, after, until, now);
        let case = format!("{policy:?} {window} {max} {deadline:?} {after} {until} {now}: {missed:?}");
        let all = due(&calendar, after, until);
        let mut told = Vec::new();
        let mut from = after;
        for (to, reason) in &missed.skipped {
            let within = due(&calendar, from, *to);
            for at in &within {
                let is_late = deadline.is_some_and(|deadline| at.plus(deadline) < now);
                let expected = match () {
                    () if *at < now.minus(window) || policy == CatchUp::None => Reason::MissedWindow,
                    () if is_late => Reason::Deadline,
                    () => Reason::Coalesced,
                };
                assert_eq!(*reason, expected, "{at}: {case}");
            }
            told.extend(within);
            from = (*to).max(from);
        }
        if let Some((after, until)) = missed.backlog {
            let backlog = due(&calendar, after, until);
            let most = if policy == CatchUp::All { max as usize } else { 1 };
            assert!(policy != CatchUp::None && !backlog.is_empty() && backlog.len() <= most, "{case}");
            told.extend(backlog);
        }
        assert_eq!(told, all, "{case}");
        let earliest = now.minus(window.min(deadline.unwrap_or(window)));
        let n_fresh = if policy == CatchUp::None { 0 } else { all.iter().filter(|at| **at >= earliest).count() };
        let n_started = match policy {
            CatchUp::None => 0,
            CatchUp::Latest => n_fresh.min(1),
            CatchUp::All => n_fresh.min(max as usize),
        };
        let started = missed.backlog.map_or(0, |(after, until)| due(&calendar, after, until).len());
        assert_eq!(started, n_started, "{case}");
    }

    #[test]
    fn every_due_time_has_exactly_one_answer() {
        let closed = Blackout::Once { from: at(4), until: at(7) };
        let each = [CatchUp::None, CatchUp::Latest, CatchUp::All];
        let limits = [(0, 1), (1, 2), (3, 1), (4, 0), (5, 2), (8, 3), (60, 9)];
        for expression in ["*/2 * * * *", "3,4,9 * * * *", "0 5 * * *"] {
            for (policy, (window, max)) in each.into_iter().flat_map(|policy| limits.map(|limit| (policy, limit))) {
                for (blackout, deadline) in
                    [(vec![], None), (vec![closed.clone()], None), (vec![], Some(2)), (vec![closed.clone()], Some(4))]
                {
                    let deadline = deadline.map(minutes);
                    let schedule = Schedule { blackout, deadline, ..schedule(expression, policy, window, max) };
                    for (after, until) in (0..12).flat_map(|after| (after..14).map(move |until| (after, until))) {
                        for now in [until, until + 3] {
                            check(&schedule, [at(after), at(until), at(now)]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn each_policy_starts_its_own() {
        let told = |policy| {
            let schedule = schedule("* * * * *", policy, 5, 2);
            missed(&calendar(&schedule), &schedule, at(0), at(10), at(10))
        };
        let before = |minute| at(minute).minus(MICROSECOND);
        assert_eq!(told(CatchUp::None).skipped, [(at(10), Reason::MissedWindow)]);
        let latest = told(CatchUp::Latest);
        assert_eq!(latest.skipped, [(before(5), Reason::MissedWindow), (before(10), Reason::Coalesced)]);
        assert_eq!(latest.backlog, Some((before(10), at(10))));
        let all = told(CatchUp::All);
        assert_eq!(all.skipped, [(before(5), Reason::MissedWindow), (before(9), Reason::Coalesced)]);
        assert_eq!(all.backlog, Some((before(9), at(10))));
    }

    #[test]
    fn ten_years_of_missed_seconds_are_counted_up_to_the_limit() {
        let until = Timestamp::from_micros(315_360_000 * 1_000_000);
        let long = Duration::MAX;
        let schedule = Schedule { catch_up_window: long, ..schedule("* * * * * *", CatchUp::All, 0, 24) };
        let calendar = calendar(&schedule);
        let missed = missed(&calendar, &schedule, Timestamp::default(), until, until);
        let first = until.minus(Duration::from_secs(23)).minus(MICROSECOND);
        assert_eq!(missed.backlog, Some((first, until)));
        let span =
            span(calendar.rule(), Timestamp::default(), first, Reason::Coalesced).expect("because there are some");
        assert_eq!((span.n, span.last), (MAX_COUNTED, until.minus(Duration::from_secs(24))));
    }
}
