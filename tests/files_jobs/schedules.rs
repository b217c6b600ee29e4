//! Schedules: when a job is due, in which zone, and what is said about a rule that cannot be.

use campanile::model::definition::{Blackout, CatchUp, Timing};
use campanile::model::duration::Duration;
use campanile::model::timestamp::Timestamp;

use super::{check, job, warned};

#[test]
fn a_wrong_expression_is_shown_inside_the_string() {
    check(
        r#"cron = "61 * * * *"
shell = "true"
"#,
        &["1:9: 61 is no minute (hint: write a number from 0 to 59)"],
    );
    check(
        r#"cron = "0 25 * *\t*"
shell = "true"
"#,
        &["1:8: 25 is no hour (hint: write a number from 0 to 23)"],
    );
    check(
        r#"cron = '''0 25 * * 9'''
shell = "true"
timezone = "Europe/Berln"
"#,
        &[
            "1:13: 25 is no hour (hint: write a number from 0 to 23)",
            "1:20: 9 is no day of week (hint: write a number from 0 to 7)",
            "3:12: unknown time zone `Europe/Berln` (hint: did you mean `Europe/Berlin`?)",
        ],
    );
    check(
        r#"cron = "0 0 30 2 *"
shell = "true"
timezone = "berlin"
"#,
        &[
            "1:13: `0 0 30 2 *` never fires: there is no such day (hint: check the days against the months)",
            "3:12: unknown time zone `berlin` (hint: did you mean `Europe/Berlin`?)",
        ],
    );
}

#[test]
fn times_and_lengths_of_time_are_checked() {
    check(
        r#"every = "0s"
shell = "true"
timeout = "0s"
kill_grace = "-5s"
catch_up_window = "200y"
"#,
        &[
            "1:9: `every` must be at least 10ms, found `0s`",
            "3:11: `timeout` must be longer than zero, found `0s`",
            "4:14: `kill_grace`: `-5s` is negative; a duration is zero or more",
            "5:19: `catch_up_window`: `200y` is not a duration as in `250ms`, `90s`, `1h30m` or `2d`",
        ],
    );
    check(
        r#"every = "5"
shell = "true"
timeout = "40000d"
anchor = "soon"
"#,
        &[
            "1:9: `every`: `5` is not a duration as in `250ms`, `90s`, `1h30m` or `2d`",
            "3:11: `timeout`: `40000d` is longer than 100 years",
            "4:10: `anchor`: `soon` is not a time as in `2027-01-31T09:00:00+01:00`, the offset optional",
        ],
    );
    check(
        r#"at = "2027-01-01"
shell = "true"
anchor = "2027-01-01T00:00:00Z"
"#,
        &[
            "1:6: `at`: `2027-01-01` is a date without a time",
            "3:1: `anchor` has no meaning beside `at` (hint: it moves the due times of `every`)",
        ],
    );
    check(
        r#"at = 2027-01-01
shell = "true"
"#,
        &["1:6: `at`: `2027-01-01` is a date without a time"],
    );
}

#[test]
fn schedules_differ_and_say_when() {
    check(
        r#"shell = "true"
cron = "@daily"
[[schedules]]
every = "1h"
[[schedules]]
every = "60m"
[[schedules]]
name = "x"
every = "2h"
[[schedules]]
name = "x"
every = "3h"
[[schedules]]
[[schedules]]
name = "No Good"
cron = "@hourly"
[[schedules]]
calendar = "5m"
"#,
        &[
            "2:1: `cron` at the top level and `[[schedules]]` cannot both be given (hint: give it a `[[schedules]]` of its own)",
            "5:1: this schedule is the same as the one on line 3",
            "10:1: the schedule on line 7 is named `x` too",
            "13:1: a schedule needs a rule of when (hint: give one of `cron`, `quartz`, `every`, `after_end` or `at`)",
            "15:8: `No Good` is not a name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`",
            "18:1: `calendar` is not supported by this version",
        ],
    );
    check(
        r#"shell = "true"
[schedules]
every = "1h"
"#,
        &["2:1: `schedules` must be a list of tables, found a table (hint: write `[[schedules]]`)"],
    );
}

#[test]
fn what_a_later_version_brings_is_named() {
    check(
        r#"triggers = "5m"
shell = "true"
"#,
        &["1:1: `triggers` is not supported by this version"],
    );
}

#[test]
fn a_quartz_expression_is_judged_where_it_stands() {
    check(
        r#"quartz = "0 0 24 L * ?"
shell = "true"
"#,
        &[
            "1:15: `24` is no hour (hint: write a number from 0 to 23)",
            "1:18: `L` is not supported in `quartz`: days of the calendar (`L`, `W`, `#`) are not (hint: `cron` knows them: write `cron` with six fields, where 0 is Sunday)",
        ],
    );
    check(
        r#"shell = "true"
[[schedules]]
quartz = "0 0 0 30 2 ?"
[[schedules]]
quartz = "30 2 * * *"
"#,
        &[
            "3:17: `0 0 0 30 2 ?` never fires: there is no such day (hint: check the days against the months and years)",
            "5:11: 5 fields where Quartz has six, or seven with years (hint: five fields are `cron = \"…\"`; Quartz begins with the second)",
        ],
    );
    warned("quartz = '0 0 0 * * ? 2026'\nshell = 'x'", &["1:10: `quartz` names no time that is still to come"]);
    let timing = job("shell = 'x'\nquartz = '0 30 2 ? * MON-FRI 2027'").schedules.remove(0).timing;
    assert_eq!(timing, Timing::Quartz { expression: "0 30 2 ? * MON-FRI 2027".to_owned() });
}

#[test]
fn a_schedule_at_the_top_level_is_one_of_a_list() {
    let short = job("cron = '30 2 * * *'\ntimezone = 'america/new_york'\ncatch_up = 'all'\nshell = 'x'");
    let long = job("shell = 'x'\n[[schedules]]\ncron = '30 2 * * *'\ntimezone = 'America/New_York'\ncatch_up = 'all'");
    assert_eq!(short, long);
    assert_eq!(short.schedules[0].timezone, "America/New_York");
    assert_eq!(short.schedules[0].catch_up, CatchUp::All);
}

#[test]
fn schedule_options_at_the_top_are_the_defaults_of_every_schedule() {
    let text = "shell = 'x'\ncatch_up_window = '1h'\n[[schedules]]\nevery = '1h'\n[[schedules]]\ncron = '@start'\ncatch_up_window = '2h'";
    let windows: Vec<_> = job(text).schedules.iter().map(|schedule| schedule.catch_up_window).collect();
    assert_eq!(windows, [Duration::from_secs(3_600), Duration::from_secs(7_200)]);
}

#[test]
fn instants_are_read_in_the_zone_of_their_schedule() {
    for (text, expected) in [
        ("at = 2027-07-01T09:00:00", "2027-07-01T07:00:00Z"),
        ("at = '2027-07-01T09:00:00'", "2027-07-01T07:00:00Z"),
        ("at = '2027-07-01 09:00'\ntimezone = 'UTC'", "2027-07-01T09:00:00Z"),
        ("at = 2027-07-01T09:00:00+01:00\ntimezone = 'UTC'", "2027-07-01T08:00:00Z"),
    ] {
        let at: Timestamp = expected.parse().unwrap();
        assert_eq!(job(&format!("shell = 'x'\n{text}")).schedules[0].timing, Timing::At { at }, "{text}");
    }
    let anchor: Timestamp = "2027-01-01T05:00:00Z".parse().unwrap();
    let timing = job("shell = 'x'\nevery = '1d'\nanchor = 2027-01-01T06:00:00").schedules.remove(0).timing;
    assert_eq!(timing, Timing::Every { period: Duration::from_secs(86_400), anchor });
}

#[test]
fn words_for_moments_of_the_machine_are_no_expressions() {
    for (text, expected) in [("@reboot", Timing::Reboot), ("@start", Timing::Start), (" @Reboot", Timing::Reboot)] {
        assert_eq!(job(&format!("shell = 'x'\ncron = '{text}'")).schedules[0].timing, expected);
    }
    let daily = Timing::Cron { expression: "@daily".to_owned() };
    assert_eq!(job("shell = 'x'\ncron = '@daily'").schedules[0].timing, daily);
}

#[test]
fn what_has_no_effect_is_warned_about() {
    let past = "1:6: `at` has passed: unless this schedule was loaded before, it never starts the job";
    warned("at = 2026-01-01T00:00:00Z\nshell = 'x'", &[past]);
    warned("timezone = 'UTC'\nshell = 'x'", &["1:1: `timezone` has no effect: the job has no schedule"]);
    let most = "2:1: `catch_up_max` has no effect without `catch_up = \"all\"`, but on `ctl resume --catch-up all`";
    warned("every = '1h'\ncatch_up_max = 3\nshell = 'x'", &[most]);
}

#[test]
fn what_moves_thins_and_bounds_a_rule_is_read() {
    let text = "shell = 'x'\nevery = '1h'\nanchor = 2027-01-01T00:00:00Z\nphase = '5m'\nnth = 3\njitter = '10m'\n\
                from = 2027-03-01T00:00:00Z\nuntil = '2027-10-01 00:00'";
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let schedule = job(text).schedules.remove(0);
    assert_eq!(
        schedule.timing,
        Timing::Every { period: Duration::from_secs(3_600), anchor: at("2027-01-01T00:00:00Z") }
    );
    assert_eq!((schedule.phase, schedule.nth, schedule.anchor), (Some(Duration::from_secs(300)), Some(3), None));
    assert_eq!(schedule.jitter, Some(Duration::from_secs(600)));
    assert_eq!(schedule.from, Some(at("2027-03-01T00:00:00Z")));
    assert_eq!(schedule.until, Some(at("2027-09-30T22:00:00Z")), "on the clocks of its zone");
    let schedule = job("shell = 'x'\ncron = '0 9 * * mon'\nnth = 2\nanchor = 2027-01-04T00:00:00").schedules.remove(0);
    assert_eq!((schedule.nth, schedule.anchor), (Some(2), Some(at("2027-01-03T23:00:00Z"))));
}

#[test]
fn what_has_no_meaning_beside_a_rule_is_refused() {
    check(
        r#"at = 2027-06-01T00:00:00Z
shell = "true"
jitter = "5m"
nth = 2
until = 2027-05-01T00:00:00Z
"#,
        &[
            "3:1: `jitter` has no meaning beside `at` (hint: it moves due times that come again and again)",
            "4:1: `nth` has no meaning beside `at` (hint: it thins out due times that come again and again)",
            "5:1: `until` has no meaning beside `at` (hint: it bounds due times that come again and again)",
        ],
    );
    check(
        r#"shell = "true"
[[schedules]]
cron = "@start"
phase = "5m"
from = 2027-05-01T00:00:00Z
[[schedules]]
every = "5m"
phase = "5m"
[[schedules]]
cron = "0 9 * * *"
anchor = 2027-05-01T00:00:00Z
[[schedules]]
cron = "0 9 * * *"
nth = 2
[[schedules]]
cron = "*/15 * * * *"
nth = 2
anchor = 2027-05-01T00:00:00Z
[[schedules]]
every = "1h"
nth = 101
from = 2027-05-02T00:00:00Z
until = 2027-05-02T00:00:00Z
jitter = "32d"
"#,
        &[
            "4:1: `phase` has no meaning beside `@start` (hint: it moves the due times of `every`)",
            "5:1: `from` has no meaning beside `@start` (hint: it bounds due times that come again and again)",
            "8:9: `phase` must be shorter than the 5m of `every`, found `5m`",
            "11:1: `anchor` has no meaning beside `cron` without `nth` (hint: it moves the due times of `every`, and is where `nth` begins to count)",
            "14:1: `nth` counts from an `anchor`, and there is none (hint: give an `anchor`: the first due time from there on is the first that counts)",
            "16:9: `nth` counts what is due at most 24 times a day (hint: for what is due more often write `every` with a longer period)",
            "21:7: `nth` must be 1 to 100, found 101",
            "23:1: `until` must be later than `from` (hint: between them lie all due times of the schedule)",
            "24:10: `jitter` must be at most 4w3d, found `4w4d`",
        ],
    );
}

#[test]
fn a_schedule_takes_of_what_it_inherits_only_what_its_rule_takes() {
    let text = "shell = 'x'\njitter = '5m'\nuntil = 2027-05-01T00:00:00Z\n[[schedules]]\nevery = '1h'\n[[schedules]]\n\
                cron = '@start'\n[[schedules]]\nat = 2027-06-01T00:00:00Z";
    let schedules = job(text).schedules;
    let jitters: Vec<_> = schedules.iter().map(|schedule| schedule.jitter.is_some()).collect();
    assert_eq!(jitters, [true, false, false]);
    assert_eq!(schedules.iter().filter(|schedule| schedule.until.is_some()).count(), 1);
}

#[test]
fn a_schedule_with_nothing_still_to_come_is_warned_about() {
    let ended = "2:9: `every` names no time before `until` that is still to come";
    warned("every = '1h'\nuntil = 2026-05-01T00:00:00Z\nshell = 'x'", &[ended]);
    let above = "1:1: `phase` has no effect above `[[schedules]]`: it belongs beside a rule of when";
    warned("phase = '5m'\nshell = 'x'\n[[schedules]]\nevery = '1h'", &[above]);
    let slow =
        "3:10: counting from an `anchor` that is more than 10 years back is slow; a later due time counts as well";
    warned("cron = '0 9 * * mon'\nnth = 2\nanchor = 2010-01-04T00:00:00Z\nshell = 'x'", &[slow]);
}

#[test]
fn what_closes_times_is_read_with_its_dates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.toml");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("holidays.dates", "# of one year\n2027-12-25..2027-12-26\n2027-12-24\n");
    write("business.dates", "2027-01-01..2027-12-31\n");
    let text = r#"shell = "x"
every = "1h"
timezone = "Europe/Berlin"
exclude = ["holidays"]
only = ["business"]
blackout = [
  { from = "22:00", until = "06:00", days = "Mon-Fri, sun" },
  { from = "12:00", until = "24:00" },
  { from = "2027-12-24T00:00", until = 2027-12-27T06:00:00Z },
]
deadline = "30m"
"#;
    let tzdb = campanile::tzdb::Tzdb::bundled();
    let zones = campanile::files::Zones { tzdb: &tzdb, default: "UTC" };
    let now = Timestamp::from_micros(super::NOW_US);
    let (job, warnings) = campanile::files::read_job("j", &path, text.as_bytes(), zones, now).unwrap();
    assert_eq!(warnings, []);
    let schedule = &job.schedules[0];
    let shown = |dates: &[campanile::model::definition::Dates]| {
        dates.iter().map(|of| (of.calendar.clone(), of.dates.iter().map(ToString::to_string).collect())).collect()
    };
    let exclude: Vec<(String, Vec<String>)> = shown(&schedule.exclude);
    assert_eq!(exclude, [("holidays".to_owned(), vec!["2027-12-24..2027-12-26".to_owned()])]);
    let only: Vec<(String, Vec<String>)> = shown(&schedule.only);
    assert_eq!(only, [("business".to_owned(), vec!["2027-01-01..2027-12-31".to_owned()])]);
    let time = |text: &str| text.parse().unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(
        schedule.blackout,
        [
            Blackout::Daily { from: time("22:00"), until: time("06:00"), days: 0b0011_1111 },
            Blackout::Daily { from: time("12:00"), until: time("24:00"), days: 0b0111_1111 },
            Blackout::Once { from: at("2027-12-23T23:00:00Z"), until: at("2027-12-27T06:00:00Z") },
        ]
    );
    assert_eq!(schedule.deadline, Some(Duration::from_secs(1_800)));
}

#[test]
fn what_is_wrong_with_what_closes_times_is_told() {
    check(
        r#"shell = "x"
every = "1h"
exclude = ["holidays"]
only = []
blackout = [
  { from = "22:00", until = "22:00" },
  { from = "24:00", until = "06:00" },
  { from = "22:00", until = "2027-12-24T00:00" },
  { from = "2027-12-24T00:00", until = "2027-12-24T00:00" },
  { from = "22:00", until = "06:00", days = "mon-fir" },
  { from = "22:00" },
  { from = "2027-12-24T00:00", until = "2027-12-25T00:00", days = "mon" },
]
"#,
        &[
            "3:12: there is no calendar `holidays` (hint: write its dates into a file `holidays.dates` beside the jobs)",
            "4:8: `only` names no calendar (hint: leave it out, or write `only = [\"holidays\"]`)",
            "6:29: `from` and `until` are the same (hint: a whole day is from `00:00` until `24:00`)",
            "7:12: no day begins at `24:00` (hint: write `00:00`)",
            "8:29: `from` and `until` are both times of the day, or both dates with times (hint: write `22:00` and `06:00`, or `2027-12-24T00:00` and `2027-12-27T06:00`)",
            "9:40: `until` must be later than `from` (hint: between them nothing starts)",
            "10:45: `days` must be days of the week as in `mon-fri` or `sat,sun`, found `mon-fir`",
            "11:3: a blackout needs `from` and `until` (hint: write `{ from = \"22:00\", until = \"06:00\" }`)",
            "12:60: `days` has no meaning beside dates (hint: it is for times of the day, as `22:00`)",
        ],
    );
    let never = "2:1: every due time of this schedule is excluded: it never starts the job";
    warned("every = '1h'\nblackout = [{ from = '00:00', until = '24:00' }]\nshell = 'x'", &[never]);
}

#[test]
fn what_follows_the_runs_of_its_job_takes_no_rhythm() {
    let schedule = job("shell = 'x'\nafter_end = '10m'\ndeadline = '1h'").schedules.remove(0);
    assert_eq!(schedule.timing, Timing::AfterEnd { delay: Duration::from_secs(600) });
    assert_eq!(schedule.deadline, Some(Duration::from_secs(3_600)));
    check(
        r#"after_end = "0s"
shell = "true"
jitter = "5m"
exclude = ["holidays"]
catch_up = "all"
"#,
        &[
            "1:13: `after_end` must be at least 10ms, found `0s`",
            "3:1: `jitter` has no meaning beside `after_end` (hint: it moves due times that come again and again)",
            "4:1: `exclude` has no meaning beside `after_end` (hint: it excludes some of many due times)",
            "4:12: there is no calendar `holidays` (hint: write its dates into a file `holidays.dates` beside the jobs)",
        ],
    );
    check(
        "after_end = '10m'\nshell = 'true'\ncatch_up = 'all'\n",
        &[
            "3:12: `catch_up = \"all\"` has no meaning beside `after_end` (hint: use `latest`: what is due next depends on when that run ends)",
        ],
    );
    let text = "shell = 'x'\ncatch_up = 'all'\n[[schedules]]\nafter_end = '10m'";
    assert_eq!(job(text).schedules[0].catch_up, CatchUp::Latest);
}
