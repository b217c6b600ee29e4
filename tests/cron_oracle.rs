//! Due times against an oracle: Debian cron's rules acted out minute by minute, by code that shares nothing with ours.
//!
//! The oracle has no search. It lists what the clock of a zone shows at every minute of a window, from two days before
//! the start, and acts:
//!
//! - an expression whose minute or hour begins with `*` is due at every minute at which the clock shows a time it names;
//! - any other is due at the first minute at which the clock has reached or passed a time it names. What the clock leaps
//!   over is thus due at once, together, and what it shows a second time is not due again.
//!
//! Expressions are drawn as sets of values together with their text, so that the oracle reads no cron either. Every
//! draw comes from one seed.

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/chance.rs"]
mod chance;

use campanile::model::definition::{Schedule, Timing};
use campanile::model::time::Calendar;
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;
use chance::Chance;
use jiff::tz::TimeZone;

const ZONES: [&str; 15] = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/St_Johns",
    "Antarctica/Troll",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Santiago",
    "Europe/Dublin",
    "Asia/Kolkata",
    "UTC",
    "Pacific/Apia",
    "America/Havana",
    "Pacific/Auckland",
];

/// A drawn field: its text and the values it names.
#[derive(Clone)]
struct Drawn {
    text: String,
    values: Vec<u64>,
}

fn plain(chance: &mut Chance, low: u64, high: u64, names: &[&str]) -> Drawn {
    let named = |chance: &mut Chance, value: u64| match names.get((value - low) as usize) {
        Some(name) if chance.below(2) == 0 => name.to_uppercase(),
        Some(name) if chance.below(2) == 0 => (*name).to_owned(),
        _ => value.to_string(),
    };
    let size = high - low + 1;
    let (text, values) = match chance.below(10) {
        0..3 => ("*".to_owned(), (low..=high).collect()),
        3 => {
            let step = chance.within(1, size.min(30));
            (format!("*/{step}"), (low..=high).step_by(step as usize).collect())
        }
        4 | 5 => {
            let value = chance.within(low, high);
            (named(chance, value), vec![value])
        }
        6 | 7 => {
            let values: Vec<u64> = (0..chance.within(2, 4)).map(|_| chance.within(low, high)).collect();
            (values.iter().map(|value| named(chance, *value)).collect::<Vec<_>>().join(","), values)
        }
        8 => {
            let first = chance.within(low, high);
            let last = chance.within(first, high);
            (format!("{}-{}", named(chance, first), named(chance, last)), (first..=last).collect())
        }
        _ => {
            let first = chance.within(low, high);
            let last = chance.within(first, high);
            let step = chance.within(1, size.min(12));
            (format!("{first}-{last}/{step}"), (first..=last).step_by(step as usize).collect())
        }
    };
    Drawn { text, values }
}

/// A day extension, as the oracle understands it.
#[derive(Clone, Copy)]
enum Extra {
    None,
    LastDay,
    LastWorkday,
    Nearest(u64),
    Last(u64),
    Nth(u64, u64),
}

struct Expression {
    text: String,
    minutes: Vec<bool>,
    hours: Vec<bool>,
    days: Vec<bool>,
    months: Vec<bool>,
    weekdays: Vec<bool>,
    day_extra: Extra,
    weekday_extra: Extra,
    both: bool,
    fixed: bool,
}

fn set(values: &[u64]) -> Vec<bool> {
    (0..64).map(|value| values.contains(&value)).collect()
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Expression {
    fn drawn(chance: &mut Chance, extended: bool) -> Self {
        let minutes = plain(chance, 0, 59, &[]);
        let hours = plain(chance, 0, 23, &[]);
        let mut days = plain(chance, 1, 31, &[]);
        let months = if chance.below(2) == 0 {
            Drawn { text: "*".to_owned(), values: (1..=12).collect() }
        } else {
            plain(chance, 1, 12, &MONTHS)
        };
        let mut weekdays = plain(chance, 0, 6, &WEEKDAYS);
        // `*` is 0 to 7 there, and 7 is Sunday.
        if let Some(step) = weekdays.text.strip_prefix("*/").and_then(|step| step.parse().ok()) {
            weekdays.values = (0..=7).step_by(step).map(|value| value % 7).collect();
        }
        let (mut day_extra, mut weekday_extra) = (Extra::None, Extra::None);
        if extended {
            let weekday = chance.below(7);
            let (extra, text) = match chance.below(5) {
                0 => (Extra::LastDay, "L".to_owned()),
                1 => (Extra::LastWorkday, "LW".to_owned()),
                2 => {
                    let day = chance.within(1, 31);
                    (Extra::Nearest(day), format!("{day}W"))
                }
                3 => (Extra::Last(weekday), format!("{}L", if weekday == 0 { 7 } else { weekday })),
                _ => {
                    let nth = chance.within(1, 5);
                    (Extra::Nth(weekday, nth), format!("{}#{nth}", WEEKDAYS[weekday as usize]))
                }
            };
            let only = Drawn { text, values: Vec::new() };
            match extra {
                Extra::Last(_) | Extra::Nth(..) => (weekdays, weekday_extra) = (only, extra),
                Extra::None | Extra::LastDay | Extra::LastWorkday | Extra::Nearest(_) => {
                    (days, day_extra) = (only, extra);
                }
            }
        }
        let star = |field: &Drawn| field.text.starts_with('*');
        Expression {
            both: star(&days) || star(&weekdays),
            fixed: !star(&minutes) && !star(&hours),
            text: [&minutes, &hours, &days, &months, &weekdays].map(|field| field.text.clone()).join(" "),
            minutes: set(&minutes.values),
            hours: set(&hours.values),
            days: set(&days.values),
            months: set(&months.values),
            weekdays: set(&weekdays.values),
            day_extra,
            weekday_extra,
        }
    }

    fn names_day(&self, day: &Day) -> bool {
        let in_month = match self.day_extra {
            Extra::LastDay => day.of_month == day.n_in_month,
            Extra::LastWorkday => {
                // The one that is a workday and has none after it in the month.
                let is_workday = |n: u64| !matches!(day.weekday_of(n), 0 | 6);
                is_workday(day.of_month) && (day.of_month + 1..=day.n_in_month).all(|n| !is_workday(n))
            }
            Extra::Nearest(wanted) => wanted <= day.n_in_month && day.of_month == day.workday_nearest_to(wanted),
            Extra::None | Extra::Last(_) | Extra::Nth(..) => self.days[day.of_month as usize],
        };
        let in_week = match self.weekday_extra {
            Extra::Last(weekday) => day.weekday == weekday && day.of_month + 7 > day.n_in_month,
            Extra::Nth(weekday, nth) => day.weekday == weekday && day.of_month.div_ceil(7) == nth,
            Extra::None | Extra::LastDay | Extra::LastWorkday | Extra::Nearest(_) => {
                self.weekdays[day.weekday as usize]
            }
        };
        self.months[day.month as usize] && if self.both { in_month && in_week } else { in_month || in_week }
    }
}

/// A day of the civil calendar.
struct Day {
    month: u64,
    of_month: u64,
    n_in_month: u64,
    weekday: u64,
}

impl Day {
    fn of(days_since_epoch: i64) -> Self {
        let mut year = 1970;
        let mut rest = days_since_epoch;
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        while rest >= 365 + i64::from(leap(year)) {
            rest -= 365 + i64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while rest >= lengths[month] {
            rest -= lengths[month];
            month += 1;
        }
        Day {
            month: month as u64 + 1,
            of_month: rest as u64 + 1,
            n_in_month: lengths[month] as u64,
            weekday: ((days_since_epoch + 4) % 7) as u64,
        }
    }

    fn weekday_of(&self, of_month: u64) -> u64 {
        (self.weekday + 70 + of_month - self.of_month) % 7
    }

    fn workday_nearest_to(&self, wanted: u64) -> u64 {
        match self.weekday_of(wanted) {
            6 if wanted > 1 => wanted - 1,
            6 => wanted + 2,
            0 if wanted < self.n_in_month => wanted + 1,
            0 => wanted - 2,
            _ => wanted,
        }
    }
}

/// What a zone's clock shows at each minute of a window, as minutes since 1970 of its own reading.
struct Window {
    first: i64,
    start: i64,
    shown: Vec<i64>,
}

impl Window {
    fn new(zone: &TimeZone, start: i64, n_minutes: i64) -> Self {
        let first = start - 2 * 1_440;
        let shown = (first..=start + n_minutes)
            .map(|minute| {
                let at = jiff::Timestamp::from_second(minute * 60).expect("because it is in range");
                minute + i64::from(zone.to_offset(at).seconds()) / 60
            })
            .collect();
        Window { first, start, shown }
    }

    fn end(&self) -> i64 {
        self.first + self.shown.len() as i64 - 1
    }

    /// The minutes after the start at which `expression` is due.
    fn due(&self, expression: &Expression) -> Vec<i64> {
        let low = self.shown.iter().min().expect("because a window has minutes") / 1_440;
        let high = self.shown.iter().max().expect("because a window has minutes") / 1_440;
        let days: Vec<bool> = (low..=high).map(|day| expression.names_day(&Day::of(day))).collect();
        let names = |civil: i64| {
            days[(civil / 1_440 - low) as usize]
                && expression.hours[(civil / 60 % 24) as usize]
                && expression.minutes[(civil % 60) as usize]
        };
        let mut due = Vec::new();
        let mut reached = self.shown[0];
        for (index, civil) in self.shown.iter().enumerate().skip(1) {
            let is_due = if expression.fixed { (reached + 1..=*civil).any(names) } else { names(*civil) };
            reached = reached.max(*civil);
            let minute = self.first + index as i64;
            if is_due && minute > self.start {
                due.push(minute);
            }
        }
        due
    }
}

fn calendar(expression: &str, zone: &TimeZone) -> Option<Calendar> {
    let schedule = Schedule::new(Timing::Cron { expression: expression.to_owned() }, "");
    match Calendar::new(&schedule, "job", zone) {
        Ok(calendar) => Some(calendar),
        Err(faults) => {
            assert!(faults[0].message.contains("never fires"), "{expression}: {faults:?}");
            None
        }
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(minute * 60_000_000)
}

/// Windows of `zone`: around its changes of the clock since 2000, within them, and anywhere.
fn windows(chance: &mut Chance, zone: &TimeZone) -> Vec<Window> {
    let from = jiff::Timestamp::from_second(946_684_800).expect("because it is in range");
    let changes: Vec<i64> = zone.following(from).take(140).map(|change| change.timestamp().as_second() / 60).collect();
    let mut windows = Vec::new();
    for _ in 0..12 {
        if !changes.is_empty() {
            let change = changes[chance.below(changes.len() as u64) as usize];
            windows.push(Window::new(zone, change - chance.within(1, 2_000) as i64, 4 * 1_440));
            // Within what may be the repeated stretch, and at its very edges.
            windows.push(Window::new(zone, change + chance.within(0, 122) as i64 - 1, 2_880));
        }
        let anywhere = 17_000_000 + chance.below(15_000_000) as i64;
        windows.push(Window::new(zone, anywhere, 20 * 1_440));
    }
    windows
}

#[test]
fn due_times_agree_with_debians_rules_in_every_zone() {
    let mut chance = Chance::new(20_270_328);
    let tzdb = Tzdb::bundled();
    let zones: Vec<(&str, TimeZone)> = ZONES.map(|name| (name, tzdb.get(name).expect(name))).to_vec();
    let windows: Vec<Vec<Window>> = zones.iter().map(|(_, zone)| windows(&mut chance, zone)).collect();
    let (mut n_cases, mut n_due) = (0, 0);
    for round in 0..2_600 {
        let expression = Expression::drawn(&mut chance, round % 5 == 4);
        for turn in 0..4 {
            let which = (round + turn * 4) % zones.len();
            let (name, zone) = &zones[which];
            let Some(calendar) = calendar(&expression.text, zone) else { break };
            let window = &windows[which][chance.below(windows[which].len() as u64) as usize];
            let expected: Vec<Timestamp> = window.due(&expression).into_iter().map(at).collect();
            let found: Vec<Timestamp> =
                std::iter::successors(calendar.next_after(at(window.start)), |last| calendar.next_after(*last))
                    .take_while(|due| *due <= at(window.end()))
                    .collect();
            assert_eq!(found, expected, "`{}` in {name} after {}", expression.text, at(window.start));
            n_cases += 1;
            n_due += expected.len();
        }
    }
    assert!(n_cases > 8_000 && n_due > 100_000, "{n_cases} cases with {n_due} due times");
}

#[test]
fn a_skipped_day_is_one_gap() {
    // Apia's clock went from 29 to 31 December 2011.
    let zone = Tzdb::bundled().get("Pacific/Apia").expect("because it is bundled");
    let change = 1_325_239_200 / 60;
    let mut chance = Chance::new(30);
    for start in [change - 1_500, change - 700, change - 1, change, change + 1] {
        let window = Window::new(&zone, start, 2_880);
        for _ in 0..200 {
            let expression = Expression::drawn(&mut chance, false);
            let Some(calendar) = calendar(&expression.text, &zone) else { continue };
            let found: Vec<Timestamp> =
                std::iter::successors(calendar.next_after(at(start)), |at| calendar.next_after(*at))
                    .take_while(|due| *due <= at(window.end()))
                    .collect();
            let expected: Vec<Timestamp> = window.due(&expression).into_iter().map(at).collect();
            assert_eq!(found, expected, "`{}` after {}", expression.text, at(start));
        }
    }
}

#[test]
fn next_times_strictly_increase_in_every_zone_there_is() {
    let tzdb = Tzdb::bundled();
    let mut chance = Chance::new(7);
    for name in chrono_tz::TZ_VARIANTS.map(|zone| zone.name()) {
        let zone = tzdb.get(name).expect(name);
        for round in 0..8 {
            let expression = Expression::drawn(&mut chance, round == 7);
            let Some(calendar) = calendar(&expression.text, &zone) else { continue };
            let mut last =
                Timestamp::from_micros((chance.below(8_000_000_000) as i64 - 4_000_000_000) * 1_000_000 + 17);
            for _ in 0..60 {
                let Some(next) = calendar.next_after(last) else { break };
                assert!(next > last, "`{}` in {name}: {next} after {last}", expression.text);
                assert!(calendar.is_due_at(next), "`{}` in {name} at {next}", expression.text);
                last = next;
            }
        }
    }
}
