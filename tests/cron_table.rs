//! Due times against a table that another program made, in another language, from Debian cron's rules and its own zone
//! data: `tests/cron_table/generate.py` says how its rows were drawn and what they hold.
//!
//! Where the table and we disagree, the first rows are named. The zones are the bundled ones and the years are past, so
//! that neither the machine nor a new law changes the answer.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use campanile::model::definition::{Schedule, Timing};
use campanile::model::duration::Duration;
use campanile::model::time::Calendar;
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;

const TABLE: &str = include_str!("cron_table/due.txt");
/// As in `generate.py`.
const N_DUE: usize = 5;
const WINDOW: Duration = Duration::from_secs(14 * 86_400);
/// Disagreeing rows that are shown; the others are counted.
const N_SHOWN: usize = 5;

/// A row: in `zone`, `expression` is due at `expected` after `from`, all of them in minutes after it.
struct Row<'a> {
    zone: &'a str,
    expression: &'a str,
    from: Timestamp,
    expected: Vec<i64>,
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    let mut zone = "";
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        if let Some(name) = line.strip_prefix("= ") {
            zone = name;
            return None;
        }
        let mut parts = line.split('|');
        let [Some(expression), Some(from), Some(minutes), None] = [(); 4].map(|()| parts.next()) else {
            panic!("`{line}` is no row")
        };
        let from = format!("{from}:00Z").parse().expect("because it is an instant");
        let expected = minutes.split(' ').filter(|text| !text.is_empty());
        let expected = expected.map(|minute| minute.parse().expect("because it is a number of minutes")).collect();
        Some(Row { zone, expression, from, expected })
    })
}

impl Row<'_> {
    fn calendar(&self, tzdb: &Tzdb) -> Result<Calendar, String> {
        let timing = Timing::Cron { expression: self.expression.to_owned() };
        let schedule = Schedule::new(timing, self.zone);
        let zone = tzdb.get(self.zone).ok_or_else(|| format!("no zone `{}`", self.zone))?;
        Calendar::new(&schedule, "job", &zone).map_err(|faults| format!("{faults:?}"))
    }

    fn found(&self, calendar: &Calendar) -> Vec<i64> {
        let end = self.from.plus(WINDOW);
        std::iter::successors(calendar.next_after(self.from), |last| calendar.next_after(*last))
            .take_while(|at| *at <= end)
            .take(N_DUE)
            .map(|at| (at.as_micros() - self.from.as_micros()) / 60_000_000)
            .collect()
    }
}

#[test]
fn due_times_agree_with_every_row_of_the_table() {
    let tzdb = Tzdb::bundled();
    let (mut n_rows, mut n_wrong, mut shown) = (0, 0, String::new());
    for row in rows() {
        n_rows += 1;
        let Row { zone, expression, from, expected } = &row;
        let found = match row.calendar(&tzdb) {
            Ok(calendar) => row.found(&calendar),
            // What never comes is refused when it is read; the table has no due time for it either.
            Err(faults) if faults.contains("never fires") => Vec::new(),
            Err(faults) => panic!("`{expression}` in {zone}: {faults}"),
        };
        if found != *expected {
            n_wrong += 1;
            if n_wrong <= N_SHOWN {
                writeln!(shown, "`{expression}` in {zone} after {from}: minutes {found:?}, the table has {expected:?}")
                    .expect("because a String takes everything");
            }
        }
    }
    assert!(n_wrong == 0, "{n_wrong} of {n_rows} rows disagree, among them:\n{shown}");
}

/// A table of few zones, or without the days that matter, would agree with anything.
#[test]
fn the_table_covers_what_it_says() {
    let zones: BTreeSet<&str> = rows().map(|row| row.zone).collect();
    let tzdb = Tzdb::bundled();
    let (first, last) = ("2000-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    let [first, last] = [first, last].map(|at| at.parse::<jiff::Timestamp>().expect("because it is an instant"));
    let (mut n_rows, mut n_crossing, mut n_due) = (0, 0, 0);
    for row in rows() {
        let zone = tzdb.get(row.zone).expect(row.zone);
        let from = jiff::Timestamp::from_microsecond(row.from.as_micros()).expect("because it is in range");
        let end = from + jiff::SignedDuration::from_mins(row.expected.last().copied().unwrap_or(14 * 1_440));
        let offset = zone.to_offset(from);
        n_rows += 1;
        n_due += row.expected.len();
        n_crossing += usize::from(
            zone.following(from).take_while(|change| change.timestamp() <= end).any(|change| change.offset() != offset),
        );
    }
    assert!(n_rows >= 20_000 && n_due >= 60_000 && n_crossing >= 10_000, "{n_rows} rows, {n_due}, {n_crossing}");
    let page = include_str!("../docs/reference/cron.md");
    let said = format!("{},{:03} rows in all {} zones", n_rows / 1_000, n_rows % 1_000, zones.len());
    assert!(page.contains(&said), "docs/reference/cron.md does not say `{said}`");
    // Links to one zone have the same transitions: of each such family, the table has a name.
    let changes = |name: &str| -> Vec<(jiff::Timestamp, i32)> {
        let zone = tzdb.get(name).expect(name);
        let mut offset = zone.to_offset(first);
        let all = zone.following(first).take_while(|change| change.timestamp() < last);
        all.map(|change| (change.timestamp(), change.offset()))
            .filter(|(_, next)| std::mem::replace(&mut offset, *next) != *next)
            .map(|(at, offset)| (at, offset.seconds()))
            .collect()
    };
    let covered: BTreeSet<_> = zones.iter().map(|name| changes(name)).collect();
    for name in chrono_tz::TZ_VARIANTS.map(|zone| zone.name()) {
        let changes = changes(name);
        assert!(changes.is_empty() || covered.contains(&changes), "{name} changes its clock and is not in the table");
    }
}
