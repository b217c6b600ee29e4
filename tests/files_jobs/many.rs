//! Files of many jobs: `[jobs.NAME]`.

use std::path::{Path, PathBuf};

use campanile::files::{self, Found, Zones};
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;

pub(crate) fn load(dirs: &[PathBuf]) -> Found {
    let tzdb = Tzdb::bundled();
    files::load(dirs, Zones { tzdb: &tzdb, default: "UTC" }, Timestamp::from_micros(super::NOW_US))
}

pub(crate) fn folder(root: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let dir = root.join(name);
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

pub(crate) fn names(found: &Found) -> Vec<&str> {
    found.jobs.iter().map(|job| job.name.as_str()).collect()
}

/// Each problem, after the job it leaves without a new definition; paths below `root`.
pub(crate) fn problems(root: &Path, found: &Found) -> Vec<String> {
    let root = format!("{}/", root.display());
    let mut shown: Vec<String> = found
        .invalid
        .iter()
        .flat_map(|file| {
            let job = file.job.as_ref().map_or("-", |job| job.as_str());
            file.problems.iter().map(move |problem| format!("{job}: {problem}"))
        })
        .map(|line| line.replace(&root, ""))
        .collect();
    shown.sort();
    shown
}

fn check(text: &str, expected_names: &[&str], expected: &[&str]) {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(root.path(), "d", &[("all.toml", text)]);
    let found = load(&[dir]);
    assert_eq!(names(&found), expected_names, "in\n{text}");
    assert_eq!(problems(root.path(), &found), expected, "in\n{text}");
}

#[test]
fn the_top_level_lies_under_each_job() {
    let root = tempfile::tempdir().unwrap();
    let text = r#"
timezone = "Europe/Berlin"
overlap = "allow"
env = { A = "1", B = "2" }
retry = { max_attempts = 3 }
cron = "@daily"
[jobs.one]
shell = "echo one"
[jobs.two]
every = "1h"
overlap = "skip"
env = { B = "3" }
[jobs.two.tasks.x]
command = ["x"]
[jobs.two.tasks.y]
after = ["x"]
noop = true
"#;
    let found = load(&[folder(root.path(), "d", &[("all.toml", text)])]);
    assert_eq!(problems(root.path(), &found), [""; 0]);
    assert_eq!(names(&found), ["all.one", "all.two"]);
    let expected = [
        "cron = '@daily'\ntimezone = 'Europe/Berlin'\noverlap = 'allow'\nenv = { A = '1', B = '2' }\nretry = { max_attempts = 3 }\nshell = 'echo one'\n",
        "every = '1h'\ntimezone = 'Europe/Berlin'\nenv = { A = '1', B = '3' }\nretry = { max_attempts = 3 }\n[tasks.x]\ncommand = ['x']\n[tasks.y]\nafter = ['x']\nnoop = true\n",
    ];
    for (job, expected) in found.jobs.iter().zip(expected) {
        assert_eq!(job.definition, super::job(expected), "{}", job.name);
    }
}

#[test]
fn one_bad_job_leaves_its_siblings_alone() {
    check(
        "[jobs.a]\nshell = 'x'\n[jobs.b]\nshel = 'x'\n[jobs.c]\nshell = 'x'\ntimeout = 5\n[jobs.d]\nshell = 'x'\n",
        &["all.a", "all.d"],
        &[
            "all.b: d/all.toml:4:1: unknown key `shel` in a job (hint: did you mean `shell`?)",
            "all.c: d/all.toml:7:11: `timeout` must be a duration as in \"90s\", found an integer (hint: write \"5s\" for seconds)",
        ],
    );
    check(
        "[jobs]\nb = 3\nshell = 'y'\nc = { shell = 'x' }\n'A b' = { shell = 'x' }\n",
        &["all.c"],
        &[
            "-: d/all.toml:2:1: a job must be a table, found an integer (hint: write `[jobs.NAME]`)",
            "-: d/all.toml:3:1: `shell` is a key of a job, and `[jobs]` holds jobs (hint: write it below a `[jobs.NAME]`, or at the top level for all of them)",
            "-: d/all.toml:5:1: `all.A b` is not a job's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-` (hint: rename the table)",
        ],
    );
}

#[test]
fn what_is_wrong_with_the_file_is_wrong_with_all_its_jobs() {
    check(
        "[[schedules]]\ncron = '@daily'\n[jobs.a]\nshell = 'x'\n[jobs.b]\nshel = 'x'\n",
        &[],
        &[
            "all: d/all.toml:1:3: `schedules` and `[jobs]` cannot both be at the top level (hint: write it below a `[jobs.NAME]`)",
            "all: d/all.toml:6:1: unknown key `shel` in a job (hint: did you mean `shell`?)",
        ],
    );
    check(
        "[jobs.a]\nshell = 'x\n[jobs.b]\nshel = 'x'\n",
        &[],
        &[
            "all: d/all.toml:2:11: the string is not closed",
            "all: d/all.toml:4:1: unknown key `shel` in a job (hint: did you mean `shell`?)",
        ],
    );
    check(
        "jobs = 3\n",
        &[],
        &["all: d/all.toml:1:8: `jobs` must be a table, found an integer (hint: write `[jobs.NAME]` for each job)"],
    );
    check("[jobs]\n", &[], &["all: d/all.toml:1:1: `jobs` is empty, so the file defines no job"]);
    check(
        "[jobs.a]\nshell = 'x'\n[jobs.a.jobs.b]\nshell = 'x'\n",
        &[],
        &[
            "all.a: d/all.toml:3:9: unknown key `jobs` in a job (hint: `[jobs.NAME]` stands at the top level of a file, and not within another)",
        ],
    );
}

#[test]
fn a_small_file_cannot_become_much() {
    let mut text = format!("stdin = '{}'\n", "x".repeat(100_000));
    for n in 0..2_000 {
        text.push_str(&format!("[jobs.j{n}]\nshell = 'x'\n"));
    }
    check(&text, &[], &["all: d/all.toml:1:1: the top level is repeated in every job, and comes to more than 64 MiB"]);
}

#[test]
fn one_name_from_two_files_is_refused_in_the_words_of_both() {
    let root = tempfile::tempdir().unwrap();
    let good = "shell = 'x'\n";
    let first = folder(
        root.path(),
        "d",
        &[
            ("a.toml", "[jobs.b]\nshell = 'x'\n[jobs.c]\nshell = 'x'\n"),
            ("a.b.toml", good),
            ("two.toml", good),
            ("two.yaml", "shell: x\n"),
            ("three.json", "{}"),
            ("three.yml", "{}"),
        ],
    );
    let second = folder(root.path(), "e", &[("three.toml", good)]);
    let found = load(&[first, second]);
    assert_eq!(names(&found), ["a.c", "three"], "a later folder settles what an earlier one leaves open");
    assert_eq!(
        problems(root.path(), &found),
        [
            "a.b: d/a.b.toml:1:1: the job `a.b` is defined by `d/a.toml` too (hint: keep one of them)",
            "a.b: d/a.toml:1:7: the job `a.b` is defined by `d/a.b.toml` too (hint: keep one of them)",
            "two: d/two.toml:1:1: the job `two` is defined by `d/two.yaml` too (hint: keep one of them)",
            "two: d/two.yaml:1:1: the job `two` is defined by `d/two.toml` too (hint: keep one of them)",
        ]
    );
}

#[test]
fn one_of_many_is_asked_for_by_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            ("all.toml", "[jobs.a]\nshell = 'x'\n[jobs.b]\nshell = 'y'\n[jobs.c]\nshel = 'y'\n"),
            ("one.toml", "[jobs.a]\nshell = 'x'\n"),
        ],
    );
    let tzdb = Tzdb::bundled();
    let zones = Zones { tzdb: &tzdb, default: "UTC" };
    let read = |name: &str| {
        let read = files::load_file(&dir.join(name), zones, Timestamp::from_micros(super::NOW_US));
        let dir = format!("{}/", dir.display());
        read.map(|job| job.name.to_string()).map_err(|file| file.problems[0].to_string().replace(&dir, ""))
    };
    assert_eq!(read("all.toml:b"), Ok("all.b".to_owned()));
    assert_eq!(read("all.toml:all.b"), Ok("all.b".to_owned()));
    assert_eq!(read("one.toml"), Ok("one.a".to_owned()));
    let several = "the file defines several jobs (hint: name one of them, as in FILE:NAME: `all.a` or `all.b`)";
    assert_eq!(read("all.toml"), Err(format!("all.toml:1:1: {several}")));
    assert_eq!(
        read("all.toml:c").unwrap_err(),
        "all.toml:6:1: unknown key `shel` in a job (hint: did you mean `shell`?)"
    );
    assert!(read("all.toml:x").unwrap_err().contains("there is no job `x` in this file"));
}
