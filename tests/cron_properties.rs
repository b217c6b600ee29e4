//! What holds of every expression, in every zone: next times grow, the answer does not depend on where one asks from, an
//! explanation's normal form means the same, and no answer takes long.

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/chance.rs"]
mod chance;

use std::time::Instant;

use campanile::model::definition::{Schedule, Timing};
use campanile::model::duration::Duration;
use campanile::model::time::Calendar;
use campanile::model::time::explain::{self, Scene};
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;
use chance::Chance;
use jiff::tz::TimeZone;

const MINUTES: [&str; 14] =
    ["*", "0", "30", "15,45", "*/7", "*/15", "*/35", "0-59", "5-50/9", "H", "H/20", "*/60", "*/2,3", "59,1,2,3"];
const HOURS: [&str; 12] = ["*", "0", "1", "2", "3", "2,14", "1-3", "*/5", "0-23", "23", "H(0-5)", "*/24"];
const DAYS: [&str; 13] = ["*", "*", "*", "1", "13", "29-31", "*/2", "1-31", "?", "L", "LW", "15W", "*/10,L"];
const MONTHS: [&str; 7] = ["*", "*", "*", "3,10,11", "mar-apr", "*/3", "jan-dec"];
const WEEKDAYS: [&str; 12] = ["*", "*", "*", "0", "7", "sun", "fri-sun", "mon-fri", "*/2", "5L", "1#2", "?"];
const QUARTZ_CLOCK: [&str; 9] = ["*", "0", "30", "0/15", "5/7", "1-10/3", "*/9", "59/30", "3,2,1,20"];

fn drawn(chance: &mut Chance) -> Timing {
    let [minute, hour] = [chance.pick(&MINUTES), chance.pick(&HOURS)];
    let [day, month, weekday] = [chance.pick(&DAYS), chance.pick(&MONTHS), chance.pick(&WEEKDAYS)];
    match chance.below(5) {
        0 => Timing::Cron { expression: format!("{} {minute} {hour} {day} {month} {weekday}", chance.pick(&MINUTES)) },
        1 => {
            let [second, minute] = [chance.pick(&QUARTZ_CLOCK), chance.pick(&QUARTZ_CLOCK)];
            let hour = chance.pick(&["*", "2", "1-3", "22-2", "0/5", "*/7", "0-23"]);
            let days = chance.pick(&["* * ?", "? * SUN", "13 * ?", "1/5 NOV-FEB ?", "? 3,10 FRI-MON", "29 2 ?"]);
            let year = chance.pick(&["", "", "*", "2027-2040", "2028,2030,2032"]);
            Timing::Quartz { expression: format!("{second} {minute} {hour} {days} {year}") }
        }
        _ => Timing::Cron { expression: format!("{minute} {hour} {day} {month} {weekday}") },
    }
}

fn calendar(timing: &Timing, zone: &TimeZone) -> Option<Calendar> {
    let schedule = Schedule::new(timing.clone(), "");
    Calendar::new(&schedule, "job", zone).ok()
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("because the case is valid")
}

/// Every zone that has a name, with the instants around which its clock changed or will.
fn zones() -> Vec<(&'static str, TimeZone, Vec<Timestamp>)> {
    let tzdb = Tzdb::bundled();
    let from: jiff::Timestamp = "1890-01-01T00:00:00Z".parse().expect("because it is valid");
    let edges = |zone: &TimeZone| {
        let changes = zone.following(from).take(400).map(|change| change.timestamp().as_microsecond());
        let mut edges: Vec<Timestamp> = changes.map(|micros| Timestamp::from_micros(micros - 3_600_000_001)).collect();
        edges.push(at("2027-01-01T00:00:00Z"));
        edges
    };
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    names.map(|name| (name, tzdb.get(name).expect(name), edges(&tzdb.get(name).expect(name)))).collect()
}

#[test]
fn next_times_grow_and_are_the_same_from_any_start_in_between() {
    let mut chance = Chance::new(5);
    let mut n_times = 0;
    for (name, zone, edges) in zones() {
        for _ in 0..24 {
            let timing = drawn(&mut chance);
            let Some(calendar) = calendar(&timing, &zone) else { continue };
            let mut last = edges[chance.below(edges.len() as u64) as usize];
            for _ in 0..12 {
                let Some(next) = calendar.next_after(last) else { break };
                assert!(next > last, "{timing:?} in {name}: {next} after {last}");
                let gap = u64::try_from(next.since(last).as_micros()).expect("because it is later");
                let between = [1.min(gap - 1), gap / 2, gap - 1, chance.below(gap)];
                for between in between.map(|micros| last.plus(Duration::from_micros(micros as i64))) {
                    assert_eq!(calendar.next_after(between), Some(next), "{timing:?} in {name} after {between}");
                }
                n_times += 1;
                last = next;
            }
        }
    }
    assert!(n_times > 100_000, "{n_times}");
}

#[test]
fn the_normal_form_is_due_at_the_same_times_and_is_its_own() {
    let mut chance = Chance::new(11);
    let zones = zones();
    let mut n_cases = 0;
    for _ in 0..6_000 {
        let timing = drawn(&mut chance);
        let (name, zone, edges) = &zones[chance.below(zones.len() as u64) as usize];
        let after = edges[chance.below(edges.len() as u64) as usize];
        let scene = Scene { name, zone, after: jiff::Timestamp::UNIX_EPOCH };
        let explain = |timing: &Timing| match timing {
            Timing::Quartz { expression } => explain::quartz(expression, scene),
            Timing::Cron { expression } => explain::cron(expression, "job", scene),
            Timing::Every { .. } | Timing::AfterEnd { .. } | Timing::At { .. } | Timing::Reboot | Timing::Start => {
                panic!("no expression")
            }
        };
        let Ok(explained) = explain(&timing) else { continue };
        let normal = match &timing {
            Timing::Quartz { .. } => Timing::Quartz { expression: explained.normal.clone() },
            Timing::Cron { .. }
            | Timing::Every { .. }
            | Timing::AfterEnd { .. }
            | Timing::At { .. }
            | Timing::Reboot
            | Timing::Start => Timing::Cron { expression: explained.normal.clone() },
        };
        let again = explain(&normal).unwrap_or_else(|faults| panic!("{timing:?} as {normal:?}: {faults:?}"));
        assert_eq!(again.normal, explained.normal, "{timing:?}");
        assert_eq!((again.class, &again.sentence), (explained.class, &explained.sentence), "{timing:?} as {normal:?}");
        let due = |timing: &Timing| {
            let calendar = calendar(timing, zone).expect("because it was read");
            let times = std::iter::successors(calendar.next_after(after), |last| calendar.next_after(*last));
            times.take(40).collect::<Vec<_>>()
        };
        assert_eq!(due(&timing), due(&normal), "{timing:?} as {normal:?} in {name}");
        n_cases += 1;
    }
    assert!(n_cases > 4_000, "{n_cases}");
}

#[expect(clippy::disallowed_methods, reason = "a limit on time is measured")]
fn took(what: impl Fn() -> bool) -> std::time::Duration {
    let begun = Instant::now();
    std::hint::black_box(what());
    begun.elapsed()
}

/// The limit is for one answer on a quiet machine, so the best of several counts: a busy one makes some slow, not all.
#[test]
fn no_expression_takes_longer_than_ten_milliseconds() {
    const LIMIT: std::time::Duration = std::time::Duration::from_millis(10);
    let cron = |text: &str| Timing::Cron { expression: text.to_owned() };
    let quartz = |text: &str| Timing::Quartz { expression: text.to_owned() };
    let long = format!("0 0 {} 2 *", vec!["29"; 300].join(","));
    let timings: Vec<Timing> =
        ["0 0 29 2 *", "* * * * *", "* * 29 2 *", "* 0 29 2 */5", "59 23 31 12 *", "0 0 29 2 */7"]
            .into_iter()
            .chain([
                "0 0 29W 2 *",
                "0 0 */28 2 1#5",
                "0 0 */29 2 5#5",
                "59 59 23 */31 12 6L",
                "0 0 L 2 *",
                "0-59 0-23 29 2 *",
                &long,
            ])
            .map(cron)
            .chain(
                ["0 0 0 29 2 ? 2096", "59 59 23 31 12 ? 2099", "* * * * * ?", "0 0-59 2 29 2 ?", "0 0 0 29 2 ?"]
                    .map(quartz),
            )
            .collect();
    let starts = ["0000-01-01T00:00:00Z", "1896-03-01T00:00:00Z", "1969-12-31T23:59:59Z", "2096-03-01T00:00:00Z"];
    let starts = starts.into_iter().chain(["2099-12-31T23:00:00Z", "9990-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]);
    let starts: Vec<Timestamp> = starts.map(at).collect();
    for (name, zone, edges) in zones() {
        let calendars: Vec<_> = timings.iter().filter_map(|timing| Some((timing, calendar(timing, &zone)?))).collect();
        assert!(calendars.len() >= timings.len() - 3, "{} of {} are read", calendars.len(), timings.len());
        for (timing, calendar) in &calendars {
            for after in starts.iter().chain(edges.iter().step_by(150)) {
                let answers = || calendar.next_after(*after).is_some();
                let best = (0..5).map(|_| took(answers)).find(|took| *took <= LIMIT);
                assert!(best.is_some(), "{timing:?} in {name} after {after} took longer than {LIMIT:?} five times");
            }
        }
    }
    for timing in &timings {
        let reads = || calendar(timing, &TimeZone::UTC).is_some();
        let best = (0..5).map(|_| took(reads)).find(|took| *took <= LIMIT);
        assert!(best.is_some(), "reading {timing:?} took longer than {LIMIT:?} five times");
    }
}
