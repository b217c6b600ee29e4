//! The keys of a schedule, in `[[schedules]]` and at the top level of a job.

use super::{Key, Kind, Table, key};
use crate::files::keys;

/// A schedule of its own.
pub(super) static SCHEDULE: Table = Table {
    intro: "Exactly one of `cron`, `quartz`, `every`, `after_end` and `at` says when. Two schedules of a job may not be the same.",
    keys: &[&keys::SCHEDULE],
    one_of: &[keys::TIMINGS],
    ..Table::new("schedule", "Schedules", &[NAMED, KEYS])
};

const NAMED: &[Key] = &[key(
    "name",
    Kind::Name,
    "Keeps the schedule's place when its rule is edited; without a name an edited rule is a new schedule, which starts at \
     now. Unique within the job.",
    r#"name = "nightly""#,
)];

/// What a schedule and the top level of a job may say alike.
pub(super) const KEYS: &[Key] = &[
    key(
        "cron",
        Kind::Cron,
        "Five fields (minute, hour, day of month, month, day of week) as Debian's cron reads them, or six with seconds \
         first; or `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`; or `@reboot` (the first daemon \
         start after the machine has booted) and `@start` (every daemon start). `H` stands for a value that depends on \
         the job's name. Read in `timezone`. An expression that never fires is an error.",
        r#"cron = "0 9-17 * * MON-FRI""#,
    )
    .must(),
    key(
        "quartz",
        Kind::Quartz,
        "Second, minute, hour, day of month, month, day of week (1 is Sunday), and a year from 1970 to 2099 that may be left \
         out. Read in `timezone`. `L`, `W` and `#` are errors; `cron` knows them. An expression that never fires is an error, \
         one whose years have passed is warned about; see [schedules](../concepts/schedules.md#quartz).",
        r#"quartz = "0 30 2 ? * MON-FRI""#,
    )
    .must(),
    key(
        "every",
        Kind::SomeDuration,
        "From one due time to the next, counted from `anchor`. Not moved by a restart.",
        r#"every = "15m""#,
    )
    .must()
    .limit("at least `10ms`"),
    key(
        "after_end",
        Kind::SomeDuration,
        "So long after the last run of the job has ended, whatever that run was started by; at first, so long after the \
         schedule was loaded. While a run of the job is live it is not due. Not moved by a restart; see \
         [schedules](../concepts/schedules.md#after_end).",
        r#"after_end = "10m""#,
    )
    .must()
    .limit("at least `10ms`")
    .interacts("`catch_up`, which cannot be `all`"),
    key(
        "at",
        Kind::Instant,
        "Due once, for ever. Without an offset it is read in `timezone`: on the first pass where clocks show it twice, at \
         the first instant after the gap where they never do. An `at` that has passed is warned about.",
        "at = 2027-01-01T09:00:00+01:00",
    )
    .must(),
    key(
        "anchor",
        Kind::Instant,
        "As for `at`: one due time of `every`, from which the others are counted, both ways. Beside `cron` and `quartz` it is \
         where `nth` begins to count: the first due time that is not before it is the first that is kept, and before it there \
         are none. An error beside `after_end` and `at`, and beside an expression without `nth`.",
        "anchor = 2027-01-01T06:00:00",
    )
    .or("`1970-01-01T00:00:00Z` for `every`; none for `nth` of an expression, which needs one"),
    key(
        "phase",
        Kind::Duration,
        "So much later than its `anchor` has it `every` is due. Shorter than the period. An error without `every`.",
        r#"phase = "5m""#,
    )
    .default(r#""0s""#)
    .interacts("`anchor`"),
    key(
        "nth",
        Kind::Integer(1, 100),
        "Only every so-manieth due time is one: `2` is every other. Counted from `anchor`, which `cron` and `quartz` must \
         have here, and never by a stored counter, so that neither a restart nor a pause shifts it. An expression that is due \
         more than 24 times a day is an error: `every` with a longer period says the same. An error beside `after_end`, `at`, `@reboot` \
         and `@start`.",
        "nth = 2",
    )
    .default("1")
    .interacts("`anchor`"),
    key(
        "timezone",
        Kind::Zone,
        "Whose clocks `cron`, `quartz`, and instants without an offset, are read by.",
        r#"timezone = "America/New_York""#,
    )
    .or("`timezone` of the configuration, or else the system's")
    .no_effect("on `every` without an instant that has no offset"),
    key(
        "jitter",
        Kind::SomeDuration,
        "Every due time is later by one part of this, in whole seconds: a hash of the job's name and the schedule, the same \
         after every restart, reload and edit of other keys; see [schedules](../concepts/schedules.md#jitter). An error \
         beside `after_end`, `at`, `@reboot` and `@start`.",
        r#"jitter = "10m""#,
    )
    .limit("at most `31d`"),
    key(
        "from",
        Kind::Instant,
        "As for `at`: before this instant there are no due times. An error beside `after_end`, `at`, `@reboot` and `@start`.",
        "from = 2027-03-01T00:00:00",
    )
    .or("none: since ever"),
    key(
        "until",
        Kind::Instant,
        "As for `at`: at this instant and after it there are no due times. Later than `from`. Where nothing is still to come, \
         that is warned about. An error beside `after_end`, `at`, `@reboot` and `@start`.",
        "until = 2027-10-01T00:00:00",
    )
    .or("none: for ever"),
    key(
        "exclude",
        Kind::List(&Kind::Name, 1, 64),
        "Calendars on whose dates, in `timezone`, nothing starts: due times there are recorded as `excluded`. `holidays` is the \
         file `holidays.dates` beside the jobs; see [schedules](../concepts/schedules.md#calendars). An unknown or broken one is \
         an error. An error beside `after_end`, `at`, `@reboot` and `@start`.",
        r#"exclude = ["holidays"]"#,
    )
    .or("none")
    .interacts("`only`, `blackout`"),
    key(
        "only",
        Kind::List(&Kind::Name, 1, 64),
        "Calendars outside of whose dates, in `timezone`, nothing starts: as for `exclude`, the other way round.",
        r#"only = ["business"]"#,
    )
    .or("none: any date")
    .interacts("`exclude`, `blackout`"),
    key(
        "blackout",
        Kind::Tables(&BLACKOUT, 64),
        "Times in which nothing starts: due times there are recorded as `excluded`. An error beside `after_end`, `at`, `@reboot` and `@start`.",
        r#"blackout = [{ from = "22:00", until = "06:00", days = "mon-fri" }]"#,
    )
    .or("none")
    .interacts("`exclude`, `only`"),
    key(
        "catch_up",
        Kind::Word(&["none", "latest", "all"]),
        "What to do with due times that passed while the daemon was not running, within `catch_up_window`. `latest` starts \
         one run, for the newest; `all` starts one run per due time, oldest first, at most `catch_up_max`. The others are \
         recorded as `coalesced` or `missed_window`.",
        r#"catch_up = "all""#,
    )
    .default(r#""latest""#)
    .interacts("`overlap`")
    .no_effect("before the schedule was first loaded or resumed"),
    key("catch_up_window", Kind::SomeDuration, "How far catching up looks back.", r#"catch_up_window = "3h""#)
        .default(r#""24h""#)
        .no_effect("with `catch_up = \"none\"`"),
    key("catch_up_max", Kind::Integer(1, 10_000), "How many due times `all` starts at most.", "catch_up_max = 7")
        .default("24")
        .no_effect("unless `catch_up = \"all\"`, but on `campanile ctl resume --catch-up all`"),
    key(
        "deadline",
        Kind::SomeDuration,
        "The latest useful start: a due time that is looked at so long after it (missed and caught up, or delayed) does not \
         start, and is recorded as `deadline`. An error beside `@reboot` and `@start`.",
        r#"deadline = "30m""#,
    )
    .or("none: however late")
    .interacts("`catch_up_window`: what is older than that is `missed_window`"),
];

/// A time in which nothing starts.
pub(super) static BLACKOUT: Table = Table {
    intro: "From a time of the day until another, which may be on the day after; or, once, from a date with its time until \
            another. On the clocks of the schedule's `timezone`.",
    keys: &[&keys::BLACKOUT],
    must: &["from", "until"],
    ..Table::new("blackout", "Blackouts", &[CLOSED])
};

const CLOSED: &[Key] = &[
    key(
        "from",
        Kind::Either(&[Kind::TimeOfDay, Kind::Instant]),
        "When it begins; this instant is within.",
        r#"from = "22:00""#,
    )
    .must(),
    key(
        "until",
        Kind::Either(&[Kind::TimeOfDay, Kind::Instant]),
        "When it ends; this instant is not within. `24:00` is the end of the day.",
        r#"until = "06:00""#,
    )
    .must(),
    key(
        "days",
        Kind::Full,
        "Days of the week on which it begins, as in `mon-fri` or `sat,sun`. An error beside dates.",
        r#"days = "mon-fri""#,
    )
    .or("every day"),
];
