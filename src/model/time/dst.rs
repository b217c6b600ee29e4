//! Daylight saving: which instants the civil times of an expression are, in a zone whose clock is set forward and back.
//! This is the only file that knows both an expression and a zone.
//!
//! # The rules
//!
//! They are Debian cron's, kept for the zone of each schedule instead of for the machine's.
//!
//! - A *fixed-time* expression, in which neither minute nor hour begins with `*`, names times of the day. Each happens
//!   once. In the gap, where the clock jumps from 02:00 to 03:00, 02:30 happens at the first instant after the gap, and
//!   so do 02:15 and 02:45: the three are one due time. In the fold, where the clock returns from 03:00 to 02:00, 02:30
//!   happens on the first pass and not on the second.
//! - Any other expression follows *real time*: it is due whenever the clock shows a time that it names. What the gap
//!   leaves out is not shown and not due; what the fold shows twice is due twice. `*/15 * * * *` is due every 15 minutes
//!   through both, and so is `*/15 2 * * *` within its hour.
//! - Six fields of cron follow real time: whoever writes seconds wants intervals. Quartz has no expression without
//!   seconds, so the first two rules hold for it, and `0/15` is an interval like `*/15`.
//! - Due times are strictly increasing in UTC, always.
//!
//! # Algorithm
//!
//! Both begin with the civil time that the clock shows at `after`, and ask the expression for the next civil time.
//!
//! *Fixed time.* That civil time is put into the zone: where the clock shows it once, that instant; in the fold, the
//! first pass; in the gap, the instant of the change. This map never decreases, so the first civil time whose instant is
//! later than `after` is the answer. Civil times are rejected only while `after` is on the second pass of a fold: at
//! most one for each minute of it.
//!
//! *Real time.* We walk the stretches of constant offset. Within a stretch, instant and civil time differ by a constant,
//! so the next civil time gives an instant; if that is before the stretch's end, it is the answer. Else the next stretch
//! begins, possibly with an earlier civil time (fold) or a later one (gap). `civil` stays the right candidate as long
//! as the stretch begins between `floor`, from which we searched, and `civil` itself; only else we ask again. This is
//! what makes an expression that is due every eight years cost one search and not sixteen.
//!
//! Stretches that cannot matter are leapt over: no offset exceeds 26 hours, so that from 26 hours after `floor` until
//! 26 hours before `civil`, both read as UTC, the clock shows nothing but times between the two. This bounds the
//! work for any expression: a handful of stretches at either end.
//!
//! # Why not
//!
//! - *croner on zoned times* adds a run at the end of a gap for jobs that were not in it, and gives up on gaps above two
//!   hours (Apia skipped a whole day). *Steps of a minute or an hour* loop or lose runs where the change is 30 minutes
//!   (Lord Howe), 45 minutes past the hour (Chatham) or two hours (Troll). Stretches know no such sizes.
//! - *Asking jiff where a civil time is in a zone*: for the last change that a zone's table lists it takes the offset before
//!   it from the rule that follows, and where those differ (Winamac in March 2007) a due time in the gap is lost. Instants
//!   have offsets without such an edge, so only they are asked for.
//! - *Skipping gap times*, as many schedulers do, loses the nightly backup once a year; *running fold times twice* runs
//!   it twice. Both were reported as bugs wherever they were chosen.
//!
//! Whole seconds only: a zone's offset has no fraction, and an expression names none.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The civil times that an expression names.
pub trait CivilTimes {
    /// Whether each of its times happens once a day, whatever the clock does; else it follows real time.
    fn is_fixed_time(&self) -> bool;
    /// The first time it names after `after`, in whole seconds; nothing beyond the end of its calendar.
    fn next(&self, after: DateTime) -> Option<DateTime>;
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// No offset is as large as this.
const REACH: SignedDuration = SignedDuration::from_hours(26);

/// The first instant after `after`, a whole second, at which `times` is due in `zone`.
pub fn next(times: &impl CivilTimes, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    if times.is_fixed_time() { next_fixed(times, zone, after) } else { next_running(times, zone, after) }
}

fn next_fixed(times: &impl CivilTimes, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut civil = zone.to_datetime(after);
    loop {
        civil = times.next(civil)?;
        let at = first_pass(zone, civil)?;
        if at > after {
            return Some(at);
        }
    }
}

/// The first instant at which the clock shows `civil`, or has left it out.
pub fn first_pass(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let as_utc = Offset::UTC.to_timestamp(civil).ok()?;
    let mut from = as_utc.checked_sub(REACH).unwrap_or(Timestamp::MIN);
    loop {
        let at = zone.to_offset(from).to_timestamp(civil).ok().map(|at| at.max(from));
        let end = zone.following(from).next().map(|change| change.timestamp());
        match end.filter(|end| at.is_none_or(|at| *end <= at)) {
            Some(end) => from = end,
            None => return at,
        }
    }
}

fn next_running(times: &impl CivilTimes, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut from = after;
    let mut offset = zone.to_offset(from);
    let mut floor = offset.to_datetime(from);
    let mut civil = times.next(floor)?;
    loop {
        let end = zone.following(from).next().map(|change| change.timestamp());
        let at = offset.to_timestamp(civil).ok();
        let Some(end) = end.filter(|end| at.is_none_or(|at| *end <= at)) else {
            return at;
        };
        from = leap(floor, civil, end).unwrap_or(end);
        offset = zone.to_offset(from);
        let shown = offset.to_datetime(from);
        if shown > civil || shown <= floor {
            floor = shown.checked_sub(SECOND).ok()?;
            civil = times.next(floor)?;
        }
    }
}

/// A later place than `end` to go on from, if nothing can be due in between.
fn leap(floor: DateTime, civil: DateTime, end: Timestamp) -> Option<Timestamp> {
    let earliest = Offset::UTC.to_timestamp(floor).ok()?.checked_add(REACH).ok()?;
    let latest = Offset::UTC.to_timestamp(civil).ok()?.checked_sub(REACH).ok()?;
    (earliest < end && end < latest).then_some(latest)
}

/// What daylight saving did to one due time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shift {
    /// The clock left `named` out; due at the first instant after the gap.
    Gap {
        /// The civil time that the expression names; the first, if there were several.
        named: DateTime,
    },
    /// The clock shows this time twice, and this is the first pass; the second is not due.
    Once,
    /// The clock shows this time twice, and this is the first pass; the second is due too.
    FirstPass,
    /// The clock shows this time twice, and this is the second pass.
    SecondPass,
}

/// What daylight saving did to the due time `at`, if anything.
pub fn shift(times: &impl CivilTimes, zone: &TimeZone, at: Timestamp) -> Option<Shift> {
    let civil = zone.to_datetime(at);
    if first_pass(zone, civil)? < at {
        return Some(Shift::SecondPass);
    }
    if is_shown_again(zone, at, civil) {
        return Some(if times.is_fixed_time() { Shift::Once } else { Shift::FirstPass });
    }
    let before = zone.to_offset(at.checked_sub(SECOND).ok()?);
    let gap = before.to_datetime(at);
    let named = times.next(gap.checked_sub(SECOND).ok()?)?;
    (gap < civil && named < civil && times.is_fixed_time()).then_some(Shift::Gap { named })
}

/// Whether the clock, which shows `civil` at `at`, shows it later too.
fn is_shown_again(zone: &TimeZone, at: Timestamp, civil: DateTime) -> bool {
    let changes = zone.following(at).map(|change| change.timestamp());
    let mut near = changes.take_while(|change| change.duration_since(at) <= REACH);
    near.any(|change| zone.to_datetime(change) <= civil)
}

/// A stretch that the clock leaves out, and a time in it that an expression names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The first instant after the gap.
    pub end: Timestamp,
    /// The first civil time in it that the expression names.
    pub named: DateTime,
}

/// How many changes of the clock are looked at for a gap: 50 years of two.
const N_CHANGES: usize = 100;

/// The first gap after `after` into which a time of `times` falls, within the next hundred changes of the clock.
pub fn next_gap(times: &impl CivilTimes, zone: &TimeZone, after: Timestamp) -> Option<Gap> {
    zone.following(after).take(N_CHANGES).find_map(|change| {
        let end = change.timestamp();
        let before = zone.to_offset(end.checked_sub(SECOND).ok()?);
        let (left_out, shown) = (before.to_datetime(end), zone.to_datetime(end));
        let named = times.next(left_out.checked_sub(SECOND).ok()?).filter(|named| *named < shown)?;
        Some(Gap { end, named })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::cron::Cron;
    use crate::model::time::quartz::Quartz;

    fn zone(name: &str) -> TimeZone {
        jiff::tz::TimeZoneDatabase::bundled().get(name).expect(name)
    }

    fn check(expression: &str, name: &str, after: &str, expected: &[&str]) {
        let (cron, zone) = (Cron::parse(expression, "job").expect(expression), zone(name));
        let after: Timestamp = after.parse().expect("because the case is valid");
        let found: Vec<String> = std::iter::successors(next(&cron, &zone, after), |at| next(&cron, &zone, *at))
            .take(expected.len())
            .map(|at| at.display_with_offset(zone.to_offset(at)).to_string())
            .collect();
        let full: Vec<String> = expected.iter().map(|at| format!("{}:00{}", &at[..16], &at[16..])).collect();
        assert_eq!(found, full, "{expression} in {name} after {after}");
    }

    #[test]
    fn a_fixed_time_in_the_gap_is_due_once_at_its_end() {
        let eve = "2027-03-27T12:00:00+01:00";
        check("30 2 * * *", "Europe/Berlin", eve, &["2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"]);
        check("15,30,45 2 * * *", "Europe/Berlin", eve, &["2027-03-28T03:00+02:00", "2027-03-29T02:15+02:00"]);
        check("30 2,3 * * *", "Europe/Berlin", eve, &["2027-03-28T03:00+02:00", "2027-03-28T03:30+02:00"]);
        check("0 2,3 * * *", "Europe/Berlin", eve, &["2027-03-28T03:00+02:00", "2027-03-29T02:00+02:00"]);
        check(
            "19 1 * * *",
            "America/New_York",
            "2027-03-13T12:00:00Z",
            &["2027-03-14T01:19-05:00", "2027-03-15T01:19-04:00"],
        );
        check(
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2027-10-02T02:30:00Z",
            &["2027-10-03T02:30+11:00", "2027-10-04T02:15+11:00"],
        );
        check(
            "0 0 * * *",
            "Africa/Cairo",
            "2027-04-29T12:00:00Z",
            &["2027-04-30T01:00+03:00", "2027-05-01T00:00+03:00"],
        );
        check("0 2 * * *", "Antarctica/Troll", "2027-03-28T00:00:00Z", &["2027-03-28T03:00+02:00"]);
    }

    #[test]
    fn a_fixed_time_in_the_fold_is_due_on_the_first_pass_only() {
        let expected = ["2027-10-31T02:30+02:00", "2027-11-01T02:30+01:00"];
        check("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", &expected);
        check("30 2 * * *", "Europe/Berlin", "2027-10-31T00:30:00Z", &expected[1..]);
        check("30 2 * * *", "Europe/Berlin", "2027-10-31T01:05:00Z", &expected[1..]);
        check("0-59 2 * * *", "Europe/Berlin", "2027-10-31T01:05:00Z", &["2027-11-01T02:00+01:00"]);
    }

    #[test]
    fn other_expressions_follow_real_time() {
        check(
            "*/30 * * * *",
            "Europe/Berlin",
            "2027-03-28T00:00:00Z",
            &["2027-03-28T01:30+01:00", "2027-03-28T03:00+02:00", "2027-03-28T03:30+02:00"],
        );
        check("*/30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", &["2027-03-29T02:00+02:00"]);
        check(
            "*/30 2 * * *",
            "Europe/Berlin",
            "2027-10-30T12:00:00Z",
            &[
                "2027-10-31T02:00+02:00",
                "2027-10-31T02:30+02:00",
                "2027-10-31T02:00+01:00",
                "2027-10-31T02:30+01:00",
                "2027-11-01T02:00+01:00",
            ],
        );
        check(
            "0 30 2 * * *",
            "Europe/Berlin",
            "2027-10-31T00:00:00Z",
            &["2027-10-31T02:30+02:00", "2027-10-31T02:30+01:00"],
        );
    }

    #[test]
    fn a_day_that_a_zone_skipped_is_one_long_gap() {
        let eve = "2011-12-29T22:00:00Z";
        check("30 12 * * *", "Pacific/Apia", eve, &["2011-12-29T12:30-10:00", "2011-12-31T00:00+14:00"]);
        check("*/30 12 30 12 *", "Pacific/Apia", eve, &["2012-12-30T12:00+14:00"]);
    }

    #[test]
    fn a_gap_at_the_end_of_the_table_of_a_zone_is_one_too() {
        // From 02:00 at -06 to 04:00 at -04, though the rule from then on is one of -05 and -04.
        let (zone, eve) = ("America/Indiana/Winamac", "2007-03-11T07:46:00Z");
        check("51 2 11 3 *", zone, eve, &["2007-03-11T04:00-04:00", "2008-03-11T02:51-04:00"]);
        check(
            "51 1-4 11 3 *",
            zone,
            eve,
            &["2007-03-11T01:51-06:00", "2007-03-11T04:00-04:00", "2007-03-11T04:51-04:00"],
        );
    }

    #[test]
    fn rare_expressions_are_found_over_many_changes_of_the_clock() {
        check("* 0 29 2 *", "America/Santiago", "2096-03-01T12:00:00Z", &["2104-02-29T00:00-03:00"]);
        check("* 0 29 2 */5", "Europe/Berlin", "2027-01-01T00:00:00Z", &["2032-02-29T00:00+01:00"]);
    }

    #[test]
    fn what_daylight_saving_did_can_be_told() {
        let check = |expression, at: &str, expected| {
            let cron = Cron::parse(expression, "job").expect(expression);
            let at = at.parse().expect("because the case is valid");
            assert_eq!(shift(&cron, &zone("Europe/Berlin"), at), expected, "{expression} at {at}");
        };
        let named = DateTime::constant(2027, 3, 28, 2, 30, 0, 0);
        check("30 2 * * *", "2027-03-28T01:00:00Z", Some(Shift::Gap { named }));
        check("0 3 * * *", "2027-03-28T01:00:00Z", None);
        check("*/30 * * * *", "2027-03-28T01:00:00Z", None);
        check("30 2 * * *", "2027-10-31T00:30:00Z", Some(Shift::Once));
        check("*/30 2 * * *", "2027-10-31T00:30:00Z", Some(Shift::FirstPass));
        check("*/30 2 * * *", "2027-10-31T01:30:00Z", Some(Shift::SecondPass));
        check("30 2 * * *", "2027-06-01T00:30:00Z", None);
    }

    #[test]
    fn quartz_expressions_are_put_into_zones_by_the_same_rules() {
        let check = |expression, after: &str, expected: &[&str]| {
            let (quartz, zone) = (Quartz::parse(expression).expect(expression), zone("Europe/Berlin"));
            let after: Timestamp = after.parse().expect("because the case is valid");
            let found: Vec<String> = std::iter::successors(next(&quartz, &zone, after), |at| next(&quartz, &zone, *at))
                .take(expected.len())
                .map(|at| at.display_with_offset(zone.to_offset(at)).to_string())
                .collect();
            assert_eq!(found, expected, "{expression} after {after}");
        };
        let gap = ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"];
        check("0 30 2 * * ?", "2027-03-27T12:00:00Z", &gap);
        let fold = ["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"];
        check("0 30 2 * * ?", "2027-10-30T12:00:00Z", &fold);
        check("0 30 2 * * ?", "2027-10-31T01:05:00Z", &fold[1..]);
        check("0-59 0-59 2 * * ?", "2027-10-31T01:05:00Z", &["2027-11-01T02:00:00+01:00"]);
        check("0 0/30 2 * * ?", "2027-03-27T12:00:00Z", &["2027-03-29T02:00:00+02:00"]);
        check(
            "0 0/30 2 * * ?",
            "2027-10-30T12:00:00Z",
            &[
                "2027-10-31T02:00:00+02:00",
                "2027-10-31T02:30:00+02:00",
                "2027-10-31T02:00:00+01:00",
                "2027-10-31T02:30:00+01:00",
                "2027-11-01T02:00:00+01:00",
            ],
        );
        check("0 30 2 28 3 ? 2027", "2027-01-01T00:00:00Z", &gap[..1]);
        check("0 0 0 1 1 ? 2027", "2027-01-01T00:00:00Z", &[]);
    }
}
