//! No expression hangs, panics or allocates without bound, however hostile; and every fault has a place that exists.

use campanile::model::definition::{Schedule, Timing};
use campanile::model::duration::Duration;
use campanile::model::invalid::Fault;
use campanile::model::time::Calendar;
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;
use jiff::tz::TimeZone;

fn calendar(expression: &str, zone: &TimeZone) -> Result<Calendar, Vec<Fault>> {
    timed(Timing::Cron { expression: expression.to_owned() }, zone)
}

fn quartz(expression: &str, zone: &TimeZone) -> Result<Calendar, Vec<Fault>> {
    timed(Timing::Quartz { expression: expression.to_owned() }, zone)
}

fn timed(timing: Timing, zone: &TimeZone) -> Result<Calendar, Vec<Fault>> {
    let schedule = Schedule::new(timing, "");
    Calendar::new(&schedule, "job", zone)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("because the case is valid")
}

fn check_faults(expression: &str, faults: &[Fault]) {
    assert!(!faults.is_empty(), "{expression}");
    for Fault { at: (from, to), message, .. } in faults {
        assert!(from < to && *from <= expression.len(), "`{expression}` {from}..{to}: {message}");
        assert!(expression.is_char_boundary(*from), "`{expression}` {from}..{to}: {message}");
        assert!(*to == from + 1 || expression.get(*from..*to).is_some(), "`{expression}` {from}..{to}: {message}");
    }
}

#[test]
fn random_text_is_read_or_refused_with_places() {
    const PARTS: [&str; 40] = [
        "*", "*", "*", " ", " ", " ", " ", " ", ",", "-", "/", "#", "L", "W", "H", "(", ")", "?", "@", "0", "1", "2",
        "5", "7", "9", "15", "31", "59", "60", "999", "sun", "FRI", "jan", "dec", "é", "\t", "~", "%", "H(1-5)",
        "@daily",
    ];
    const ITEMS: [&str; 18] = [
        "*", "*/5", "1-5", "1-10/3", "1", "2", "3", "4", "5", "6", "7", "H", "H(1-5)/2", "L", "5L", "5#2", "15W", "LW",
    ];
    let zone = TimeZone::UTC;
    let mut state = 1_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut n_read = 0;
    for round in 0..60_000 {
        let expression: String = match round % 3 {
            0 => (0..below(24)).map(|_| PARTS[below(PARTS.len())]).collect(),
            1 => (0..5).map(|_| format!("{}{} ", PARTS[below(PARTS.len())], PARTS[below(PARTS.len())])).collect(),
            _ => (0..5 + below(2))
                .map(|_| format!("{},{} ", ITEMS[below(ITEMS.len())], ITEMS[below(ITEMS.len())]))
                .collect(),
        };
        match calendar(&expression, &zone) {
            Ok(calendar) => {
                n_read += 1;
                let first = calendar.next_after(at("2027-01-01T00:00:00Z"));
                assert!(first.is_some(), "`{expression}` was read and never fires");
            }
            Err(faults) => check_faults(&expression, &faults),
        }
    }
    assert!(n_read > 500, "{n_read}");
}

#[test]
fn random_quartz_is_read_or_refused_with_places_and_its_times_only_grow() {
    const PARTS: [&str; 30] = [
        "*", "*", "?", " ", " ", " ", ",", "-", "/", "#", "L", "W", "C", "0", "1", "2", "5", "7", "15", "59", "60",
        "999", "2027", "sun", "FRI-MON", "jan", "é", "\t", "@daily", "22-3",
    ];
    const ITEMS: [&str; 12] = ["*", "0/5", "*/7", "1-5", "5-1", "1-10/3", "1", "2", "3", "7", "6-2/2", "4"];
    let zone = Tzdb::bundled().get("Australia/Lord_Howe").expect("because it is bundled");
    let mut state = 7_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut n_read = 0;
    for round in 0..30_000 {
        let expression: String = match round % 3 {
            0 => (0..below(24)).map(|_| PARTS[below(PARTS.len())]).collect(),
            1 => (0..6).map(|_| format!("{}{} ", PARTS[below(PARTS.len())], PARTS[below(PARTS.len())])).collect(),
            _ => {
                let mut fields: Vec<&str> = (0..6).map(|_| ITEMS[below(ITEMS.len())]).collect();
                fields[3 + 2 * below(2)] = "?";
                fields.extend(["*", "2027-2031/2", "2028"].get(below(4)));
                fields.join(" ")
            }
        };
        match quartz(&expression, &zone) {
            Ok(calendar) => {
                n_read += 1;
                assert!(calendar.next_after(Timestamp::MIN).is_some(), "`{expression}` was read and never fires");
                let mut last = at("2027-04-03T12:00:00Z");
                for _ in 0..4 {
                    let Some(next) = calendar.next_after(last) else { break };
                    assert!(next > last, "`{expression}`: {next} after {last}");
                    let between = last.plus(Duration::from_micros(next.since(last).as_micros() / 2));
                    assert_eq!(calendar.next_after(between), Some(next), "`{expression}` from any start");
                    assert!(calendar.is_due_at(next), "`{expression}` at {next}");
                    last = next;
                }
            }
            Err(faults) => check_faults(&expression, &faults),
        }
    }
    assert!(n_read > 500, "{n_read}");
}

#[test]
fn long_expressions_are_refused_before_they_are_read() {
    for expression in ["*".repeat(1_000_000), "1,".repeat(500_000), " ".repeat(1_000_000), "é".repeat(600)] {
        let faults = calendar(&expression, &TimeZone::UTC).expect_err("because it is too long");
        assert_eq!(faults.len(), 1);
        assert!(faults[0].message.len() < 200);
    }
    let commas = ",".repeat(1_000) + " * * * *";
    check_faults(&commas, &calendar(&commas, &TimeZone::UTC).expect_err("because nothing is in it"));
}

#[test]
fn every_way_of_never_firing_is_refused() {
    for days in
        ["30 2 *", "31 2,4,6,9,11 *", "30-31 feb *", "30W 2 *", "31W 4,6 *", "*/30 * 5#2", "*/30 2 5L", "? 2 5#6"]
    {
        let expression = format!("0 0 {days}");
        check_faults(&expression, &calendar(&expression, &TimeZone::UTC).expect_err(&expression));
    }
}

#[test]
fn far_years_are_answered_without_walking_there() {
    let zone = Tzdb::bundled().get("America/New_York").expect("because it is bundled");
    for expression in ["* * * * * ?", "0 0 0 29 2 ?", "59 59 23 ? 12 SAT", "0 30 2 * * ?"] {
        let calendar = quartz(expression, &zone).expect(expression);
        let newest = calendar.newest(at("0000-01-01T00:00:00Z"), at("9998-01-01T00:00:00Z")).expect(expression);
        assert_eq!(calendar.next_after(newest), None, "{expression} ends at {newest}");
        assert_eq!(calendar.next_after(Timestamp::MAX), None, "{expression}");
    }
    let spans = [("0000-01-01T00:00:00Z", "9998-01-01T00:00:00Z"), ("1969-12-31T00:00:00Z", "2027-01-01T00:00:00Z")];
    for expression in ["* * * * * *", "* * * * *", "0 0 29 2 *", "59 23 31 12 *", "* 3 29 2 */5"] {
        let calendar = calendar(expression, &zone).expect(expression);
        for (after, until) in spans {
            let newest = calendar.newest(at(after), at(until)).expect(expression);
            assert!(
                newest <= at(until) && calendar.next_after(newest).is_none_or(|next| next > at(until)),
                "{expression}"
            );
            assert!(calendar.count(at(after), at(until), 1_000) <= 1_000);
        }
        assert_eq!(calendar.next_after(Timestamp::MAX), None, "{expression}");
        assert!(calendar.next_after(Timestamp::MIN).is_some(), "{expression}");
    }
}

#[test]
fn six_fields_follow_real_time_through_both_changes() {
    let zone = Tzdb::bundled().get("Europe/Berlin").expect("because it is bundled");
    for change in ["2027-03-28T01:00:00Z", "2027-10-31T01:00:00Z"] {
        let from = at(change).minus(Duration::from_secs(7_200));
        let calendar = calendar("*/20 */7 * * * *", &zone).expect("because it is valid");
        let mut last = from;
        for _ in 0..100 {
            // Every seventh minute of the hour three times, whatever the hour is called.
            let next = calendar.next_after(last).expect("because it is due for ever");
            let second = next.as_micros() / 1_000_000 % 3_600;
            assert!(second / 60 % 7 == 0 && second % 20 == 0, "{next}");
            assert!(next.since(last) <= Duration::from_secs(380), "{next} after {last}");
            last = next;
        }
    }
}
