//! How long the next due time takes: random expressions of each kind, in zones with and without daylight saving, each
//! walked over many due times. Prints nanoseconds per due time and fails if the mean is above the bar of 2 µs.

use std::time::Instant;

use campanile::model::definition::{Schedule, Timing};
use campanile::model::time::Calendar;
use campanile::model::timestamp::Timestamp;
use campanile::print;
use campanile::tzdb::Tzdb;
use jiff::tz::TimeZone;

const BAR_NS: f64 = 2_000.0;
const N_EXPRESSIONS: usize = 400;
const N_STEPS: u32 = 100;
const ZONES: [&str; 3] = ["America/New_York", "Australia/Lord_Howe", "UTC"];

/// A linear congruential generator: the same expressions in every run.
struct Chance(u64);

impl Chance {
    fn within(&mut self, low: u64, high: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (self.0 >> 33) % (high - low + 1)
    }

    fn value(&mut self, low: u64, high: u64) -> String {
        self.within(low, high).to_string()
    }

    fn field(&mut self, low: u64, high: u64) -> String {
        match self.within(0, 4) {
            0 | 1 => "*".to_owned(),
            2 => format!("*/{}", self.within(2, 12)),
            3 => format!("{},{}", self.value(low, high), self.value(low, high)),
            _ => self.value(low, high),
        }
    }
}

type Draw = fn(&mut Chance) -> String;

const KINDS: [(&str, Draw); 5] = [
    ("fixed time", |c| format!("{} {} * * {}", c.value(0, 59), c.value(0, 23), c.field(0, 6))),
    ("real time", |c| format!("*/{} {} * * {}", c.within(2, 30), c.field(0, 23), c.field(0, 6))),
    ("any", |c| [c.field(0, 59), c.field(0, 23), c.field(1, 28), c.field(1, 12), c.field(0, 6)].join(" ")),
    ("seconds", |c| format!("{} {} {} * * *", c.field(0, 59), c.field(0, 59), c.field(0, 23))),
    ("L W #", |c| match c.within(0, 3) {
        0 => format!("{} {} L * *", c.value(0, 59), c.value(0, 23)),
        1 => format!("{} {} {}W * *", c.value(0, 59), c.value(0, 23), c.value(1, 28)),
        2 => format!("{} {} * * {}L", c.value(0, 59), c.field(0, 23), c.value(0, 6)),
        _ => format!("{} {} * * {}#{}", c.value(0, 59), c.field(0, 23), c.value(0, 6), c.value(1, 4)),
    }),
];

fn calendar(expression: String, zone: &TimeZone) -> Option<Calendar> {
    let schedule = Schedule::new(Timing::Cron { expression }, "");
    Calendar::new(&schedule, "job", zone).ok()
}

/// Nanoseconds and due times of walking `calendars` from `from`.
#[expect(clippy::disallowed_methods, reason = "a bench measures the clock's time")]
fn walk(calendars: &[Calendar], from: Timestamp) -> (f64, u32) {
    let start = Instant::now();
    let mut n = 0;
    for calendar in calendars {
        let mut at = from;
        for _ in 0..N_STEPS {
            let Some(next) = calendar.next_after(std::hint::black_box(at)) else { break };
            n += 1;
            at = next;
        }
    }
    (start.elapsed().as_nanos() as f64, n)
}

fn main() {
    let tzdb = Tzdb::bundled();
    let mut chance = Chance(20_270_101);
    let from: Timestamp = "2027-01-01T00:00:00Z".parse().expect("because it is valid");
    let (mut total_ns, mut total) = (0.0, 0);
    for (kind, draw) in KINDS {
        for name in ZONES {
            let zone = tzdb.get(name).expect(name);
            let calendars: Vec<Calendar> =
                (0..N_EXPRESSIONS).filter_map(|_| calendar(draw(&mut chance), &zone)).collect();
            let (ns, n) = walk(&calendars, from);
            print::data(&format!("{kind:<12} {name:<20} {:>7.0} ns per due time, {n} of them\n", ns / f64::from(n)));
            total_ns += ns;
            total += n;
        }
    }
    let mean = total_ns / f64::from(total);
    print::data(&format!("mean {mean:.0} ns over {total} due times; the bar is {BAR_NS:.0} ns\n"));
    if mean > BAR_NS {
        std::process::exit(1);
    }
}
