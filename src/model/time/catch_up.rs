//! What becomes of due times that passed while nobody was there: which start, and which go into the ledger as missed.
//!
//! Pure: a calendar, a policy, three instants in; spans, a start and a backlog out. Invariant: every due time in
//! `(after, until]` is in exactly one of these, and no span is empty. Work is bounded: counts stop at `MAX_COUNTED`, and
//! nothing is listed one by one. Refuses to start or to write anything: the engine does both.

use crate::model::definition::CatchUp;
use crate::model::duration::Duration;
use crate::model::outcome::Reason;
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
    /// Those that do not start, oldest first.
    pub spans: Vec<Span>,
    /// The one that starts, under `latest`.
    pub start: Option<Timestamp>,
    /// Those that start oldest first, under `all`: the due times after the first and up to the second instant.
    pub backlog: Option<(Timestamp, Timestamp)>,
}

/// Decides about the due times of `calendar` in `(after, until]`, at `now`. Those older than `now - window` are missed
/// whatever the policy; of the others, `latest` starts the newest and `all` the newest `max`.
pub fn missed(
    calendar: &Calendar,
    policy: CatchUp,
    window: Duration,
    max: u32,
    after: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Missed {
    let mut missed = Missed::default();
    if policy == CatchUp::None {
        missed.spans.extend(span(calendar, after, until, Reason::MissedWindow));
        return missed;
    }
    // A due time exactly `window` ago is still within it.
    let opens = now.minus(window).minus(MICROSECOND).clamp(after, until.max(after));
    missed.spans.extend(span(calendar, after, opens, Reason::MissedWindow));
    let Some(newest) = calendar.newest(opens, until) else {
        return missed;
    };
    let oldest = match policy {
        CatchUp::None | CatchUp::Latest => Some(newest),
        CatchUp::All => oldest_of_newest(calendar, opens, newest, u64::from(max).min(MAX_COUNTED)),
    };
    let rest = oldest.map_or(newest, |oldest| oldest.minus(MICROSECOND));
    missed.spans.extend(span(calendar, opens, rest, Reason::Coalesced));
    match policy {
        CatchUp::None => {}
        CatchUp::Latest => missed.start = Some(newest),
        CatchUp::All => missed.backlog = oldest.map(|oldest| (oldest.minus(MICROSECOND), newest)),
    }
    missed
}

/// The span of all due times in `(after, until]`, if there are any.
pub fn span(calendar: &Calendar, after: Timestamp, until: Timestamp, reason: Reason) -> Option<Span> {
    let last = calendar.newest(after, until)?;
    let first = calendar.next_after(after)?;
    Some(Span { first, last, n: calendar.count(after, until, MAX_COUNTED), reason })
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
    use crate::model::definition::{Schedule, Timing};

    const MINUTE: i64 = 60_000_000;

    fn calendar(expression: &str) -> Calendar {
        let schedule = Schedule::new(Timing::Cron { expression: expression.to_owned() }, "UTC");
        Calendar::new(&schedule, "job", &jiff::tz::TimeZone::UTC).expect(expression)
    }

    fn due(calendar: &Calendar, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        std::iter::successors(calendar.next_after(after), |at| calendar.next_after(*at))
            .take_while(|at| *at <= until)
            .collect()
    }

    /// Every due time is in one span, the start or the backlog, and each of these is as it says.
    fn check(calendar: &Calendar, policy: CatchUp, window: Duration, max: u32, [after, until, now]: [Timestamp; 3]) {
        let missed = missed(calendar, policy, window, max, after, until, now);
        let case = format!("{policy:?} {window} {max} {after} {until} {now}: {missed:?}");
        let all = due(calendar, after, until);
        let mut told = Vec::new();
        for span in &missed.spans {
            let within = due(calendar, span.first.minus(MICROSECOND), span.last);
            assert_eq!((within.first(), within.last()), (Some(&span.first), Some(&span.last)), "{case}");
            assert_eq!(span.n, within.len() as u64, "{case}");
            let old = span.last < now.minus(window) || policy == CatchUp::None;
            assert_eq!(span.reason == Reason::MissedWindow, old, "{case}");
            told.extend(within);
        }
        if let Some((after, until)) = missed.backlog {
            let backlog = due(calendar, after, until);
            assert!(policy == CatchUp::All && !backlog.is_empty() && backlog.len() <= max as usize, "{case}");
            told.extend(backlog);
        }
        told.extend(missed.start);
        assert_eq!(told, all, "{case}");
        let n_fresh =
            if policy == CatchUp::None { 0 } else { all.iter().filter(|at| **at >= now.minus(window)).count() };
        let n_started = match policy {
            CatchUp::None => 0,
            CatchUp::Latest => n_fresh.min(1),
            CatchUp::All => n_fresh.min(max as usize),
        };
        let n_missed: u64 = missed.spans.iter().map(|span| span.n).sum();
        assert_eq!(all.len() as u64 - n_missed, n_started as u64, "{case}");
    }

    #[test]
    fn every_due_time_has_exactly_one_answer() {
        let at = |minute: i64| Timestamp::from_micros(minute * MINUTE);
        for expression in ["*/2 * * * *", "3,4,9 * * * *", "0 5 * * *"] {
            let calendar = calendar(expression);
            for policy in [CatchUp::None, CatchUp::Latest, CatchUp::All] {
                for (after, until) in (0..12).flat_map(|after| (after..14).map(move |until| (after, until))) {
                    for (window, max) in [(0, 1), (1, 2), (3, 1), (4, 0), (5, 2), (8, 3), (60, 9)] {
                        for now in [until, until + 3] {
                            let window = Duration::from_micros(window * MINUTE);
                            check(&calendar, policy, window, max, [at(after), at(until), at(now)]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn each_policy_starts_its_own() {
        let at = |minute: i64| Timestamp::from_micros(minute * MINUTE);
        let told = |policy| missed(&calendar("* * * * *"), policy, Duration::from_secs(300), 2, at(0), at(10), at(10));
        let span = |first, last, n, reason| Span { first: at(first), last: at(last), n, reason };
        assert_eq!(told(CatchUp::None).spans, [span(1, 10, 10, Reason::MissedWindow)]);
        let latest = told(CatchUp::Latest);
        assert_eq!(latest.spans, [span(1, 4, 4, Reason::MissedWindow), span(5, 9, 5, Reason::Coalesced)]);
        assert_eq!((latest.start, latest.backlog), (Some(at(10)), None));
        let all = told(CatchUp::All);
        assert_eq!(all.spans, [span(1, 4, 4, Reason::MissedWindow), span(5, 8, 4, Reason::Coalesced)]);
        assert_eq!((all.start, all.backlog), (None, Some((at(9).minus(MICROSECOND), at(10)))));
    }

    #[test]
    fn ten_years_of_missed_seconds_are_counted_up_to_the_limit() {
        let until = Timestamp::from_micros(315_360_000 * 1_000_000);
        let missed =
            missed(&calendar("* * * * * *"), CatchUp::All, Duration::MAX, 24, Timestamp::default(), until, until);
        assert_eq!(missed.spans.len(), 1);
        assert_eq!(missed.spans[0].n, MAX_COUNTED);
        assert_eq!(missed.backlog, Some((until.minus(Duration::from_secs(23)).minus(MICROSECOND), until)));
    }
}
