//! The rule of a schedule, made ready in its zone: which instants it names, whether or not anything then keeps them from
//! starting a run.
//!
//! A rule has a *rhythm* (an expression, an interval, one instant) and, rarely, *bounds*: every Nth of the rhythm, all of it
//! later by one offset, and only from here until there. They apply in this order: what is counted is the rhythm, and what is
//! within the range is the due time as it is, offset included. Invariant: one constant offset keeps what increases increasing.

use jiff::tz::TimeZone;

use super::cron::Cron;
use super::every::Every;
use super::nth::{self, Nth};
use super::quartz::Quartz;
use super::{MICROSECOND, dst, spread};
use crate::model::definition::{Schedule, Timing};
use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::timestamp::Timestamp;

const SECOND_US: i64 = 1_000_000;

/// The due times of a rule.
#[derive(Clone, Debug)]
pub struct Rule {
    rhythm: Rhythm,
    /// Most rules have none.
    bounds: Option<Box<Bounds>>,
}

#[derive(Clone, Debug)]
enum Rhythm {
    Cron(Cron, TimeZone),
    Quartz(Box<Quartz>, TimeZone),
    Every(Every),
    At(Timestamp),
    /// Due by what happens to the machine or the job, and not by the clock.
    Started,
}

#[derive(Clone, Debug)]
struct Bounds {
    /// Of an expression; an interval is longer instead.
    nth: Option<Nth>,
    offset: Duration,
    from: Timestamp,
    /// The last instant within.
    last: Timestamp,
}

impl Rule {
    /// The rule of `schedule`, or all that is wrong with it. The places of faults are bytes of its expression.
    pub(super) fn new(schedule: &Schedule, job: &str, zone: &TimeZone) -> Result<Self, Vec<Fault>> {
        let n = schedule.nth.unwrap_or(1);
        let (rhythm, nth) = match &schedule.timing {
            Timing::Cron { expression } => {
                let cron = Cron::parse(expression, job)?;
                let nth = counted(&cron, schedule, zone, expression)?;
                (Rhythm::Cron(cron, zone.clone()), nth)
            }
            Timing::Quartz { expression } => {
                let quartz = Quartz::parse(expression)?;
                let nth = counted(&quartz, schedule, zone, expression)?;
                (Rhythm::Quartz(Box::new(quartz), zone.clone()), nth)
            }
            Timing::Every { period, anchor } => {
                let period = Duration::from_micros(period.as_micros().saturating_mul(i64::from(n)));
                match Every::new(period, anchor.plus(schedule.phase.unwrap_or_default())) {
                    Some(every) => (Rhythm::Every(every), None),
                    None => {
                        let fault = Fault::new((0, 0), "`every` has no length").hint("write a period as `15m`");
                        return Err(vec![fault]);
                    }
                }
            }
            Timing::At { at } => (Rhythm::At(*at), None),
            Timing::AfterEnd { .. } | Timing::Reboot | Timing::Start => (Rhythm::Started, None),
        };
        let offset = schedule.jitter.map_or(Duration::ZERO, |jitter| spread::offset(job, &schedule.key(), jitter));
        let is_bounded = schedule.from.is_some() || schedule.until.is_some();
        let bounds = (nth.is_some() || offset > Duration::ZERO || is_bounded).then(|| {
            let from = schedule.from.unwrap_or(Timestamp::MIN);
            let last = schedule.until.map_or(Timestamp::MAX, |until| until.minus(MICROSECOND));
            Box::new(Bounds { nth, offset, from, last })
        });
        Ok(Rule { rhythm, bounds })
    }

    /// Whether its due times are counted from an anchor, one by one.
    pub(super) fn is_counted(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| bounds.nth.is_some())
    }

    /// The first due time after `after`.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let Some(bounds) = &self.bounds else { return self.rhythm.next_after(after, None) };
        // What is due exactly at `from` is due after the instant before it.
        let after = after.max(bounds.from.minus(MICROSECOND)).minus(bounds.offset);
        let next = self.rhythm.next_after(after, bounds.nth.as_ref())?;
        Some(next.plus(bounds.offset)).filter(|at| *at <= bounds.last)
    }

    /// The newest due time in `(after, until]`.
    pub fn newest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let Some(bounds) = &self.bounds else { return self.newest_of_rhythm(after, until, None) };
        let (after, until) = bounds.within(after, until);
        self.newest_of_rhythm(after, until, bounds.nth.as_ref()).map(|at| at.plus(bounds.offset))
    }

    /// How many due times are in `(after, until]`, counted up to `limit`.
    pub fn count(&self, after: Timestamp, until: Timestamp, limit: u64) -> u64 {
        match (&self.rhythm, &self.bounds) {
            (Rhythm::Every(every), None) => every.count(after, until).min(limit),
            (Rhythm::Every(every), Some(bounds)) => {
                let (after, until) = bounds.within(after, until);
                every.count(after, until).min(limit)
            }
            (Rhythm::Cron(..) | Rhythm::Quartz(..) | Rhythm::At(_) | Rhythm::Started, _) => {
                let mut n = 0;
                let mut at = after;
                while n < limit
                    && let Some(next) = self.next_after(at).filter(|next| *next <= until)
                {
                    n += 1;
                    at = next;
                }
                n
            }
        }
    }

    /// Whether this very instant is a due time.
    pub fn is_due_at(&self, at: Timestamp) -> bool {
        match &self.rhythm {
            Rhythm::At(due) => *due == at,
            Rhythm::Cron(..) | Rhythm::Quartz(..) | Rhythm::Every(_) | Rhythm::Started => {
                self.next_after(at.minus(MICROSECOND)) == Some(at)
            }
        }
    }

    /// Whether the clock tells when it is due.
    pub fn has_times(&self) -> bool {
        !matches!(self.rhythm, Rhythm::Started)
    }

    /// What daylight saving did to the due time `at`, if anything.
    pub(super) fn shift(&self, at: Timestamp) -> Option<dst::Shift> {
        let at = self.bounds.as_ref().map_or(at, |bounds| at.minus(bounds.offset));
        let second = jiff::Timestamp::from_second(at.as_micros().div_euclid(SECOND_US)).ok()?;
        match &self.rhythm {
            Rhythm::Cron(cron, zone) => dst::shift(cron, zone, second),
            Rhythm::Quartz(quartz, zone) => dst::shift(&**quartz, zone, second),
            Rhythm::Every(_) | Rhythm::At(_) | Rhythm::Started => None,
        }
    }

    fn newest_of_rhythm(&self, after: Timestamp, until: Timestamp, nth: Option<&Nth>) -> Option<Timestamp> {
        match &self.rhythm {
            Rhythm::Cron(..) | Rhythm::Quartz(..) => {
                let mut newest = self.rhythm.newest_by_halving(after, until)?;
                // Of those that are counted one is kept among the last few; whether it is this one takes one count.
                while nth.is_some() && self.rhythm.next_after(newest.minus(MICROSECOND), nth) != Some(newest) {
                    newest = self.rhythm.newest_by_halving(after, newest.minus(MICROSECOND))?;
                }
                Some(newest)
            }
            Rhythm::Every(every) => every.newest(after, until),
            Rhythm::At(at) => Some(*at).filter(|at| after < *at && *at <= until),
            Rhythm::Started => None,
        }
    }
}

impl Bounds {
    /// The part of `(after, until]` that is in the range, as the rhythm has it.
    fn within(&self, after: Timestamp, until: Timestamp) -> (Timestamp, Timestamp) {
        let after = after.max(self.from.minus(MICROSECOND)).minus(self.offset);
        (after, until.min(self.last).minus(self.offset).max(after))
    }
}

impl Rhythm {
    fn next_after(&self, after: Timestamp, nth: Option<&Nth>) -> Option<Timestamp> {
        match (self, nth) {
            (Rhythm::Cron(cron, zone), None) => named_after(cron, zone, after),
            (Rhythm::Cron(cron, zone), Some(nth)) => named_after(&nth.of(cron), zone, after),
            (Rhythm::Quartz(quartz, zone), None) => named_after(&**quartz, zone, after),
            (Rhythm::Quartz(quartz, zone), Some(nth)) => named_after(&nth.of(&**quartz), zone, after),
            (Rhythm::Every(every), _) => every.next_after(after),
            (Rhythm::At(at), _) => Some(*at).filter(|at| *at > after),
            (Rhythm::Started, _) => None,
        }
    }

    /// Looks back from `until`, twice as far each time, for an instant that has a due time after it, then halves the
    /// stretch in between: the cost follows the distance to the newest due time and not the length of the span.
    fn newest_by_halving(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let due_from = |from: Timestamp| self.next_after(from, None).filter(|at| *at <= until);
        let mut empty = until;
        let mut back = Duration::from_micros(SECOND_US);
        let mut found = loop {
            let from = until.minus(back).max(after);
            if let Some(at) = due_from(from) {
                break at;
            }
            if from <= after {
                return None;
            }
            empty = from;
            back = Duration::from_micros(back.as_micros().saturating_mul(2));
        };
        while let Some(at) = due_from(found) {
            let half = found.plus(Duration::from_micros(empty.since(found).as_micros() / 2));
            match due_from(half) {
                Some(later) => found = later,
                None => {
                    empty = half;
                    found = at;
                }
            }
        }
        Some(found)
    }
}

/// Which times of an expression are kept, if not all of them are.
fn counted(
    times: &impl dst::CivilTimes,
    schedule: &Schedule,
    zone: &TimeZone,
    expression: &str,
) -> Result<Option<Nth>, Vec<Fault>> {
    let Some(n) = schedule.nth else { return Ok(None) };
    let refused = |message: String, hint: &str| Err(vec![Fault::new((0, expression.len()), message).hint(hint)]);
    let anchor = schedule.anchor.and_then(|anchor| jiff::Timestamp::from_microsecond(anchor.as_micros()).ok());
    let Some(anchor) = anchor else {
        return refused("`nth` counts from an `anchor`, and there is none".to_owned(), "give an `anchor`");
    };
    match Nth::new(times, n, zone.to_datetime(anchor)) {
        Some(nth) => Ok(Some(nth)),
        None => {
            let most = nth::MAX_PER_DAY;
            refused(
                format!("`nth` counts what is due at most {most} times a day"),
                "for what is due more often write `every` with a longer period",
            )
        }
    }
}

fn named_after(times: &impl dst::CivilTimes, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let after = jiff::Timestamp::from_second(after.as_micros().div_euclid(SECOND_US)).ok()?;
    let at = dst::next(times, zone, after)?;
    Some(Timestamp::from_micros(at.as_second().saturating_mul(SECOND_US)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("because the case is valid")
    }

    fn length(text: &str) -> Duration {
        text.parse().expect("because the case is valid")
    }

    fn rule(timing: Timing, change: impl Fn(&mut Schedule)) -> Rule {
        let mut schedule = Schedule::new(timing, "Europe/Berlin");
        change(&mut schedule);
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").expect("because it is bundled");
        Rule::new(&schedule, "job", &zone).expect("because the case is valid")
    }

    fn cron(expression: &str, change: impl Fn(&mut Schedule)) -> Rule {
        rule(Timing::Cron { expression: expression.to_owned() }, change)
    }

    fn every(period: &str, change: impl Fn(&mut Schedule)) -> Rule {
        rule(Timing::Every { period: length(period), anchor: at("2027-01-01T00:00:00Z") }, change)
    }

    fn due(rule: &Rule, after: &str, n: usize) -> Vec<String> {
        let times = std::iter::successors(rule.next_after(at(after)), |at| rule.next_after(*at)).take(n);
        times.map(|at| at.to_chrono().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).collect()
    }

    #[test]
    fn jitter_is_one_shift_of_all_due_times() {
        let plain = cron("*/5 * * * *", |_| {});
        let later = cron("*/5 * * * *", |schedule| schedule.jitter = Some(length("1h")));
        let offset = spread::offset("job", "cron:*/5 * * * * Europe/Berlin", length("1h"));
        assert!(offset > Duration::ZERO && offset < length("1h"), "{offset}");
        let (mut from, mut shifted) = (at("2027-03-28T00:00:00Z"), at("2027-03-28T00:00:00Z").plus(offset));
        for _ in 0..500 {
            from = plain.next_after(from).expect("because it goes on");
            shifted = later.next_after(shifted).expect("because it goes on");
            assert_eq!(from.plus(offset), shifted);
            assert!(later.is_due_at(shifted));
        }
        assert_eq!(later.newest(shifted.minus(length("1d")), shifted), Some(shifted));
        assert_eq!(later.count(shifted.minus(length("1h")), shifted, 100), 12);
    }

    #[test]
    fn a_phase_moves_the_beats_of_an_interval() {
        let rule = every("15m", |schedule| schedule.phase = Some(length("5m")));
        assert_eq!(due(&rule, "2027-01-01T00:00:00Z", 2), ["2027-01-01T00:05:00Z", "2027-01-01T00:20:00Z"]);
        let rule = every("15m", |schedule| {
            (schedule.phase, schedule.nth) = (Some(length("5m")), Some(4));
        });
        assert_eq!(due(&rule, "2027-01-01T00:05:00Z", 2), ["2027-01-01T01:05:00Z", "2027-01-01T02:05:00Z"]);
        assert_eq!(rule.count(at("2027-01-01T00:00:00Z"), at("2027-01-02T00:00:00Z"), 100), 24);
    }

    #[test]
    fn every_second_monday_stays_every_second_monday_through_daylight_saving() {
        let rule = cron("30 2 * * sun", |schedule| {
            (schedule.nth, schedule.anchor) = (Some(2), Some(at("2027-03-14T00:00:00Z")));
        });
        let all = ["2027-03-14T01:30:00Z", "2027-03-28T01:00:00Z", "2027-04-11T00:30:00Z"];
        assert_eq!(due(&rule, "2026-01-01T00:00:00Z", 3), all, "none before the anchor, and the gap is counted");
        assert_eq!(due(&rule, "2027-03-21T01:30:00Z", 2), all[1..]);
        assert_eq!(rule.newest(at(all[0]), at("2027-04-10T00:00:00Z")), Some(at(all[1])));
        assert_eq!(rule.newest(at(all[1]), at("2027-04-10T00:00:00Z")), None);
        assert_eq!(rule.count(Timestamp::MIN, at(all[2]), 100), 3);
    }

    #[test]
    fn there_are_no_due_times_outside_the_range() {
        let range = |schedule: &mut Schedule| {
            schedule.from = Some(at("2027-01-01T01:00:00Z"));
            schedule.until = Some(at("2027-01-01T03:00:00Z"));
        };
        let within = ["2027-01-01T01:00:00Z", "2027-01-01T02:00:00Z"];
        for rule in [cron("0 * * * *", range), every("1h", range)] {
            assert_eq!(due(&rule, "2026-01-01T00:00:00Z", 9), within);
            assert_eq!(due(&rule, within[0], 9), within[1..]);
            assert_eq!(rule.newest(Timestamp::MIN, Timestamp::MAX), Some(at(within[1])));
            assert_eq!(rule.newest(at(within[1]), Timestamp::MAX), None);
            assert_eq!(rule.newest(Timestamp::MIN, at("2027-01-01T00:30:00Z")), None);
            assert_eq!(rule.count(Timestamp::MIN, Timestamp::MAX, 100), 2);
            assert_eq!(rule.count(at("2027-01-01T04:00:00Z"), Timestamp::MAX, 100), 0);
            assert!(rule.is_due_at(at(within[0])) && !rule.is_due_at(at("2027-01-01T03:00:00Z")));
        }
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let zone = TimeZone::UTC;
        let refused = |anchor: Option<Timestamp>, expression: &str| {
            let timing = Timing::Cron { expression: expression.to_owned() };
            let schedule = Schedule { nth: Some(2), anchor, ..Schedule::new(timing, "UTC") };
            Rule::new(&schedule, "job", &zone).map(|_| ()).map_err(|faults| faults[0].message.clone())
        };
        assert_eq!(refused(None, "0 9 * * *"), Err("`nth` counts from an `anchor`, and there is none".to_owned()));
        let often = Err("`nth` counts what is due at most 24 times a day".to_owned());
        assert_eq!(refused(Some(Timestamp::default()), "* * * * *"), often);
        assert_eq!(refused(Some(Timestamp::default()), "0 * * * *"), Ok(()));
    }
}
