//! One job in three languages: equal content is an equal definition, and each language has its own way to go wrong.

use std::path::Path;

use campanile::files::{Zones, read_job};
use campanile::model::definition::Job;
use campanile::model::invalid::Problem;
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;

fn read(end: &str, text: &str) -> Result<(Job, Vec<Problem>), Vec<Problem>> {
    let tzdb = Tzdb::bundled();
    let zones = Zones { tzdb: &tzdb, default: "Europe/Berlin" };
    let path = format!("j.{end}");
    read_job("j", Path::new(&path), text.as_bytes(), zones, Timestamp::from_micros(super::NOW_US))
}

fn check(end: &str, text: &str, expected: &[&str]) {
    let problems = read(end, text).err().unwrap_or_default();
    let shown: Vec<String> =
        problems.iter().map(|problem| problem.to_string().replacen(&format!("j.{end}:"), "", 1)).collect();
    assert_eq!(shown, expected, "in\n{text}");
}

const TOML: &str = r#"
"$schema" = "https://example.org/job.schema.json"
x-owner = { team = "ops" }
description = "copy"
tags = ["a", "b"]
max_runs = 2
env = { A = "1", B = "no" }
retry = { max_attempts = 3, factor = 1.5 }
[[schedules]]
cron = "0 2 * * *"
catch_up = "all"
catch_up_max = 3
[[schedules]]
at = "2027-12-01T09:00:00+01:00"
[tasks.one]
shell = """
echo one
echo two
"""
[tasks.two]
after = ["one"]
command = ["echo", "é"]
x-note = "ours"
[[hooks]]
on = ["*.failed"]
webhook = { url = "https://example.org/", secret = { env = "KEY" } }
"#;

const YAML: &str = r#"
$schema: https://example.org/job.schema.json
x-owner: {team: ops}
description: copy
tags: [a, b]
max_runs: 2
env:
  A: "1"
  B: no
retry: {max_attempts: 3, factor: 1.5}
schedules:
  - cron: 0 2 * * *
    catch_up: all
    catch_up_max: 3
  - at: 2027-12-01T09:00:00+01:00
tasks:
  one:
    shell: |
      echo one
      echo two
  two:
    after: [one]
    command: [echo, é]
    x-note: ours
hooks:
- on: ["*.failed"]
  webhook:
    url: https://example.org/
    secret: {env: KEY}
"#;

const JSON: &str = r#"{
  "$schema": "https://example.org/job.schema.json",
  "x-owner": {"team": "ops"},
  "description": "copy", "tags": ["a", "b"], "max_runs": 2,
  "env": {"A": "1", "B": "no"},
  "retry": {"max_attempts": 3, "factor": 1.5},
  "schedules": [
    {"cron": "0 2 * * *", "catch_up": "all", "catch_up_max": 3},
    {"at": "2027-12-01T09:00:00+01:00"}
  ],
  "tasks": {
    "one": {"shell": "echo one\necho two\n"},
    "two": {"after": ["one"], "command": ["echo", "\u00e9"], "x-note": "ours"}
  },
  "hooks": [{"on": ["*.failed"], "webhook": {"url": "https://example.org/", "secret": {"env": "KEY"}}}]
}"#;

#[test]
fn equal_content_is_an_equal_definition() {
    let (first, _) = read("toml", TOML).unwrap();
    assert_eq!(read("yaml", YAML).unwrap().0, first);
    assert_eq!(read("yml", YAML).unwrap().0, first);
    assert_eq!(read("json", JSON).unwrap().0, first);
}

#[test]
fn a_key_that_slipped_below_a_table_says_so_in_every_language() {
    check(
        "yaml",
        "tasks:\n  a:\n    shell: x\n    description: y\n",
        &["4:5: `description` is a key of the job, not of a task (hint: indent it like the keys of the top level)"],
    );
    check(
        "json",
        "{\"tasks\": {\"a\": {\"shell\": \"x\", \"overlap\": \"skip\"}}}",
        &["1:32: `overlap` is a key of the job, not of a task (hint: move it out of this object, to the top level)"],
    );
    check(
        "yaml",
        "tasks:\n  a: {shell: x}\n  timeout: 5s\n",
        &["3:3: `timeout` is a key of a task, and `[tasks]` holds tasks (hint: write it below a `[tasks.NAME]`)"],
    );
}

#[test]
fn values_of_the_wrong_kind_are_told_in_the_words_of_the_language() {
    check(
        "yaml",
        "shell: 5\nenabled: yes\ntimeout: 30\ntags: nightly\nschedules:\n  cron: 0 2 * * *\n",
        &[
            "1:8: `shell` must be a string, found an integer (hint: write \"5\")",
            "2:10: `enabled` must be `true` or `false`, found a string (hint: write true)",
            "3:10: `timeout` must be a duration as in \"90s\", found an integer (hint: write \"30s\" for seconds)",
            "4:7: `tags` must be a list, found a string (hint: write [nightly])",
            "6:3: `schedules` must be a list of tables, found a table (hint: begin each table with `- `)",
        ],
    );
    check(
        "yaml",
        "cron: '0 25 * * *'\nshell: |\n  echo {{ params.x }}\n",
        &[
            "1:10: 25 is no hour (hint: write a number from 0 to 23)",
            "3:8: values never reach a shell as text, so `{{ params` has no meaning in `shell` (hint: put the value into `env` and write \"$NAME\" here)",
        ],
    );
    check(
        "json",
        "{\"shell\": 5, \"cron\": \"0 25 * * *\"}",
        &[
            "1:11: `shell` must be a string, found an integer (hint: write \"5\")",
            "1:25: 25 is no hour (hint: write a number from 0 to 23)",
        ],
    );
    check("json", "[]", &["1:1: the file must be an object, as in {\"shell\": \"echo hello\"}"]);
    check(
        "yaml",
        "# nothing\n",
        &[
            "1:1: a job needs something to do, at the top level or in `[tasks.NAME]` (hint: give one of `shell`, `command`, `http` or `noop`)",
        ],
    );
}

#[test]
fn a_place_in_a_text_of_many_lines_is_the_line_it_is_on() {
    check(
        "yaml",
        "tasks:\n  a:\n    shell: |\n      echo one\n      echo {{ params.x }}\n      echo two\n",
        &[
            "5:12: values never reach a shell as text, so `{{ params` has no meaning in `shell` (hint: put the value into `env` and write \"$NAME\" here)",
        ],
    );
}

#[test]
fn a_bomb_is_refused_for_what_it_is_made_of() {
    let mut bomb = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (before, this) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        bomb.push_str(&format!("{this}: &{this} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"));
    }
    let problems = read("yaml", &bomb).unwrap_err();
    assert_eq!(problems[0].message, "anchors are not supported, found `&a`");
    assert!(problems.iter().all(|problem| problem.message.contains("not supported")), "{problems:?}");
    let long = format!("a: &a x\nb: [{}]\n", "*a,".repeat(300_000));
    assert!(read("yaml", &long).unwrap_err().len() <= 201);
}

#[test]
fn no_bytes_make_any_language_panic() {
    let seeds = [
        ("yaml", "shell: x\ntasks:\n  a:\n    - {b: [1, 'c', \"d\\n\"]}\n    - |\n      text\n? k\n: &v !t *w\n"),
        ("json", "{\"shell\": \"x\\u00e9\", \"tasks\": {\"a\": [1, -2.5e3, true, null, {}]}}"),
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let pieces =
        ["[", "]", "{", "}", "\"", "'", ": ", "- ", "\n", ",", "#", "\\", "&a", "*a", "é", "\t", "  ", "---\n", "|"];
    for _ in 0..4_000 {
        let (end, seed) = seeds[draw(seeds.len())];
        let mut text: Vec<char> = seed.chars().collect();
        for _ in 0..=draw(6) {
            let at = draw(text.len().max(1)).min(text.len());
            match draw(3) {
                0 => drop(text.splice(at..at, pieces[draw(pieces.len())].chars())),
                1 => text.truncate(at),
                _ => drop(text.drain(at..(at + draw(20)).min(text.len()))),
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(problems) = read(end, &text) {
            assert!(!problems.is_empty(), "a refusal says why: {text:?}");
        }
    }
}
