//! What definition files may say, and what is said about those that are wrong: every fault, with its place.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod examples;
mod folders;
mod harm;
mod hooks;
mod http;
mod languages;
mod layers;
mod many;
mod owners;
mod pages;
mod pools;
mod preconditions;
mod processes;
mod schedules;
mod settings;
mod tasks;
mod values;

use std::path::Path;

use campanile::files::{Zones, read_job};
use campanile::model::definition::Job;
use campanile::model::invalid::Problem;
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;

/// 2027-01-15T08:00:00Z: what these files believe to be now.
const NOW_US: i64 = 1_800_000_000_000_000;

fn read(bytes: &[u8]) -> Result<(Job, Vec<Problem>), Vec<Problem>> {
    let tzdb = Tzdb::bundled();
    let zones = Zones { tzdb: &tzdb, default: "Europe/Berlin" };
    read_job("j", Path::new("j"), bytes, zones, Timestamp::from_micros(NOW_US))
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| problem.to_string().replacen("j:", "", 1)).collect()
}

/// The file says `text`, and every fault in it is told as expected.
fn check(text: &str, expected: &[&str]) {
    let problems = read(text.as_bytes()).err().unwrap_or_default();
    assert_eq!(shown(&problems), expected, "in\n{text}");
}

/// The file is good, and is warned about as expected.
fn warned(text: &str, expected: &[&str]) {
    let (_, warnings) = read(text.as_bytes()).unwrap_or_else(|problems| panic!("{:?} in\n{text}", shown(&problems)));
    assert_eq!(shown(&warnings), expected, "in\n{text}");
}

/// The job that a good file defines.
fn job(text: &str) -> Job {
    read(text.as_bytes()).unwrap_or_else(|problems| panic!("{:?} in\n{text}", shown(&problems))).0
}

#[test]
fn unknown_keys_are_told_with_what_was_probably_meant() {
    check(
        r#"descripton = "x"
shell = "true"
colour = 1
agent = "x"
"#,
        &[
            "1:1: unknown key `descripton` in a job (hint: did you mean `description`?)",
            "3:1: unknown key `colour` in a job",
            "4:1: `agent` is not supported by this version",
        ],
    );
    check(
        r#"needs = ["a"]
script = "x"
schedule = "x"
"#,
        &[
            "1:1: unknown key `needs` in a job",
            "2:1: unknown key `script` in a job (hint: did you mean `shell`?)",
            "3:1: unknown key `schedule` in a job (hint: did you mean `schedules`?)",
        ],
    );
    check(
        r#"shell = "true"
after = ["x"]
name = "x"
"#,
        &[
            "2:1: unknown key `after` in a job (hint: it belongs below the `[tasks.NAME]` that waits)",
            "3:1: unknown key `name` in a job (hint: a job is named by its file)",
        ],
    );
}

#[test]
fn a_file_that_says_nothing_is_a_problem() {
    check(r"", &["1:1: the file is empty (hint: to hide a job of an earlier folder, link its name to /dev/null)"]);
    check(
        r"# only a comment
",
        &[
            "1:1: a job needs something to do, at the top level or in `[tasks.NAME]` (hint: give one of `shell`, `command`, `http` or `noop`)",
        ],
    );
}

#[test]
fn wrong_types_and_ranges_are_told_all_at_once() {
    check(
        r#"shell = 5
enabled = "yes"
max_runs = "2"
priority = 12
tags = "nightly"
timeout = 30
description = true
overlap = "skpi"
"#,
        &[
            "1:9: `shell` must be a string, found an integer (hint: write \"5\")",
            "2:11: `enabled` must be `true` or `false`, found a string",
            "3:12: `max_runs` must be an integer, found a string",
            "4:12: `priority` must be 1 to 9, found 12",
            "5:8: `tags` must be a list, found a string (hint: write [\"nightly\"])",
            "6:11: `timeout` must be a duration as in \"90s\", found an integer (hint: write \"30s\" for seconds)",
            "7:15: `description` must be a string, found a boolean (hint: write \"true\")",
            "8:11: `overlap` must be `skip`, `buffer_one`, `buffer_all`, `cancel_other`, `terminate_other` or `allow`, \
             found `skpi` (hint: did you mean `skip`?)",
        ],
    );
    check(
        r#"pause_after = 0
shell = ""
max_runs = 0
tags = ["a", 1, "a", ""]
"#,
        &[
            "1:15: `pause_after` must be 1 to 1000000, found 0",
            "2:9: `shell` is empty",
            "3:12: `max_runs` must be 1 to 1000000, found 0",
            "4:14: an item of `tags` must be a string, found an integer (hint: write \"1\")",
            "4:17: `a` is in `tags` twice",
            "4:22: a tag is a word or more, on one line",
        ],
    );
}

#[test]
fn a_key_of_the_job_that_slipped_below_a_table_says_so() {
    check(
        r#"shell = "true"
[[schedules]]
cron = "0 * * * *"
overlap = "skip"
timeout = "5s"
"#,
        &[
            "4:1: `overlap` is a key of the job, not of a schedule (hint: move it above the first `[`-table)",
            "5:1: `timeout` is a key of the job, not of a schedule (hint: move it above the first `[`-table)",
        ],
    );
    check(
        r#"[tasks.a]
shell = "true"
description = "x"
cron = "* * * * *"
"#,
        &[
            "3:1: `description` is a key of the job, not of a task (hint: move it above the first `[`-table)",
            "4:1: `cron` is a key of the job, not of a task (hint: move it above the first `[`-table)",
        ],
    );
}

#[test]
fn of_two_ways_to_say_it_one_is_allowed() {
    check(
        r#"shell = "true"
command = ["true"]
cron = "@daily"
every = "1h"
"#,
        &["2:1: `shell` and `command` cannot both be given", "4:1: `cron` and `every` cannot both be given"],
    );
}

#[test]
fn broken_writing_is_told_in_full_and_hides_no_other_mistake() {
    check(
        r#"shell = "true
timeout = 10m
timout = "10m"
"#,
        &[
            "1:14: the string is not closed",
            "2:11: a string must be in quotes",
            "3:1: unknown key `timout` in a job (hint: did you mean `timeout`?)",
        ],
    );
    check(
        r#"shell = true
shell = "true"
"#,
        &["1:9: `shell` must be a string, found a boolean (hint: write \"true\")", "2:1: duplicate key `shell`"],
    );
    check(
        r#"[tasks.a]
shell = "x"
[tasks.a]
shell = "y"
"#,
        &["3:8: duplicate key `a`", "4:1: duplicate key `shell`"],
    );
    check(
        r#"cron = */5 * * * *
shell = 'x
timeout = """abc
"#,
        &["1:8: a string must be in quotes", "2:11: the string is not closed", "4:1: the string is not closed"],
    );
}

#[test]
fn the_smallest_job_has_every_default() {
    let small = job("shell = 'true'");
    assert_eq!((small.enabled, small.max_runs, small.priority.number()), (true, 1, 5));
    assert_eq!((small.schedules.len(), small.hooks.len(), small.tasks.len()), (0, 0, 1));
    let full =
        job("enabled = true\nmax_runs = 1\noverlap = 'skip'\npriority = 5\ntags = []\n[tasks.main]\nshell = 'true'");
    assert_eq!(small, full);
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let seeds: [&[u8]; 3] = [
        include_bytes!("../../jobs.d/pipeline.toml"),
        include_bytes!("../../jobs.d/failing.toml"),
        b"cron = '0 0 * * 1-5'\nat = 2027-01-01T00:00:00\n[tasks]\na.b.c = [[{ x = 0x1F }]]\ns = '''x'''\n\"\\u0000\" = inf\n",
    ];
    // A small generator (xorshift) in place of chance, so that a failure is found again.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let pieces: &[&[u8]] = &[
        b"[", b"]", b"{", b"}", b"\"", b"'", b"'''", b"=", b".", b"\n", b",", b"#", b"\\", b"\xff", b"\0", b"1e9",
        b"[[",
    ];
    for _ in 0..3_000 {
        let mut bytes = seeds[draw(seeds.len())].to_vec();
        for _ in 0..=draw(6) {
            let at = draw(bytes.len().max(1)).min(bytes.len());
            match draw(3) {
                0 => drop(bytes.splice(at..at, pieces[draw(pieces.len())].iter().copied())),
                1 => bytes.truncate(at),
                _ => {
                    let end = (at + draw(20)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        if let Err(problems) = read(&bytes) {
            assert!(!problems.is_empty(), "a refusal says why: {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn a_file_made_to_take_long_does_not() {
    let many = |piece: &str, n: usize| piece.repeat(n);
    for text in [
        format!("{} = 1", "k".repeat(1_000_000)),
        format!("shell = 'x'\ntags = [{}]", many("'a',", 200_000)),
        format!("[tasks.a]\nnoop = true\nafter = [{}]", many("'b',", 200_000)),
        (0..100_000).map(|n| format!("k{n}=1\n")).collect(),
        many("= \n", 300_000),
        format!("shell = '{}'", many("{{", 500_000)),
    ] {
        let problems = read(text.as_bytes()).unwrap_err();
        assert!(!problems.is_empty() && problems.len() <= 201, "{} problems", problems.len());
    }
}
