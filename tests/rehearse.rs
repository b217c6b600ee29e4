//! `campanile rehearse`, from outside: what it prints and how it exits; and the rehearsal itself, where a number of runs is
//! not to be waited for.
#![expect(clippy::disallowed_methods, reason = "a black-box test starts the program")]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use campanile::model::definition::{Action, Job, PoolSizes, Schedule, Task, Timing};
use campanile::model::duration::Duration;
use campanile::model::timestamp::Timestamp;
use campanile::sim::{Plan, Rehearsal, Takes, What, rehearse};
use campanile::tzdb::Tzdb;

#[path = "world/once.rs"]
mod once;

use once::{Said, folder, said};

fn say(folder: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campanile"));
    command.arg("rehearse").args(words).current_dir(folder).env("XDG_CONFIG_HOME", folder).env("TZ", "UTC");
    said(command)
}

const BERLIN: &str = "timezone = 'Europe/Berlin'\njobs_dirs = ['d']\nmax_tasks = 4\n[pools]\ndb = 1\n";

/// What is printed of these files from noon before the clocks change, for so long.
#[track_caller]
fn check(files: &[(&str, &str)], words: &[&str], expected: &str) {
    let folder = folder(&[files, &[("campanile.toml", BERLIN)]].concat());
    let words = [&["--config", "campanile.toml", "--from", "2027-03-27T12:00:00Z"], words].concat();
    let said = say(folder.path(), &words);
    assert_eq!((said.code, said.data.as_str()), (0, expected), "{}", said.talk);
}

#[test]
fn runs_start_when_they_are_due_and_say_for_what_they_wait() {
    check(
        &[
            ("d/backup.toml", "cron = '30 2 * * *'\nshell = 'x'\npools = ['db']\n"),
            ("d/report.toml", "cron = '30 2 * * *'\nshell = 'x'\npools = ['db']\n"),
        ],
        &["--until", "1d", "--takes", "5m", "--takes", "backup=90s"],
        "2027-03-28T03:00:00+02:00  start   backup#1 (occurrence)\n\
         2027-03-28T03:01:30+02:00  start   report#1 (occurrence), waited 1m30s for pool `db` 1/1\n\
         \n\
         JOB\tRUNS\tFAILED\tCANCELLED\tSKIPPED\tAT ONCE\tLONGEST WAIT\n\
         backup\t1\t0\t0\t-\t1\t-\n\
         report\t1\t0\t0\t-\t1\t1m30s\n",
    );
}

#[test]
fn due_times_that_do_not_start_are_one_line_with_their_reason() {
    check(
        &[
            ("d/beat.toml", "every = '10m'\nshell = 'x'\n"),
            ("d/off.toml", "every = '1h'\nenabled = false\nshell = 'x'\n"),
        ],
        &["--until", "1h", "--takes", "35m"],
        "2027-03-27T13:10:00+01:00  start   beat#1 (occurrence)\n\
         2027-03-27T13:20:00+01:00  skip    beat: 3 due times until 2027-03-27T13:40:00+01:00, overlap: as many runs as may be were live\n\
         2027-03-27T13:50:00+01:00  start   beat#2 (occurrence)\n\
         2027-03-27T14:00:00+01:00  skip    beat: overlap: as many runs as may be were live\n\
         2027-03-27T14:00:00+01:00  skip    off: paused: the job, or everything, was paused\n\
         \n\
         JOB\tRUNS\tFAILED\tCANCELLED\tSKIPPED\tAT ONCE\tLONGEST WAIT\n\
         beat\t2\t0\t0\t4 overlap\t1\t-\n\
         off\t0\t0\t0\t1 paused\t0\t-\n",
    );
}

#[test]
fn what_is_excluded_is_told_even_where_nothing_comes_after_it() {
    check(
        &[("d/a.toml", "shell = 'x'\n[[schedules]]\nblackout = [{ from = '13:30', until = '23:00' }]\nevery = '1h'\n")],
        &["--until", "3h"],
        "2027-03-27T14:00:00+01:00  skip    a: 3 due times until 2027-03-27T16:00:00+01:00, excluded: its schedule excludes that time\n\n\
         JOB\tRUNS\tFAILED\tCANCELLED\tSKIPPED\tAT ONCE\tLONGEST WAIT\na\t0\t0\t0\t3 excluded\t0\t-\n",
    );
}

#[test]
fn held_and_displaced_runs_and_later_tasks_say_what_becomes_of_them() {
    check(
        &[
            ("d/a.toml", "every = '1h'\noverlap = 'buffer_one'\nshell = 'x'\n"),
            ("d/b.toml", "every = '1h'\noverlap = 'cancel_other'\nshell = 'x'\n"),
            (
                "d/c.toml",
                "at = 2027-03-27T13:00:00Z\n[tasks.one]\nnoop = true\n\
                 [tasks.two]\nshell = 'x'\npools = ['db']\n[tasks.three]\nshell = 'x'\npools = ['db']\n",
            ),
        ],
        &["--until", "2h1m", "--takes", "90m", "--takes", "c=1m"],
        "2027-03-27T14:00:00+01:00  start   a#1 (occurrence)\n\
         2027-03-27T14:00:00+01:00  start   b#1 (occurrence)\n\
         2027-03-27T14:00:00+01:00  start   c#1 (occurrence)\n\
         2027-03-27T14:01:00+01:00  task    c#1 `three`, waited 1m for pool `db` 1/1\n\
         2027-03-27T15:00:00+01:00  cancel  b#1: by `overlap = \"cancel_other\"`\n\
         2027-03-27T15:00:00+01:00  start   b#2 (occurrence), waited 20ms for `overlap = \"cancel_other\"`\n\
         2027-03-27T15:01:00+01:00  waits   a#2 since 2027-03-27T15:00:00+01:00 for `overlap = \"buffer_one\"`\n\
         \n\
         JOB\tRUNS\tFAILED\tCANCELLED\tSKIPPED\tAT ONCE\tLONGEST WAIT\n\
         a\t1, 1 waiting\t0\t0\t-\t1\t1m\n\
         b\t2\t0\t1\t-\t1\t20ms\n\
         c\t1\t0\t0\t-\t1\t1m\n",
    );
}

#[test]
fn everything_succeeds_whatever_it_would_have_to_say_and_nothing_is_done() {
    let job = "every = '6h'\nretry = { max_attempts = 3 }\nexit_codes = { ok = [7] }\n\
               [tasks.one]\nshell = 'touch ran'\nsuccess = { required_regex = ['[0-9]{9}'] }\n\
               [tasks.two]\nafter = ['one']\nhttp = { url = 'http://127.0.0.1:1/{{ tasks.one.outputs.id }}' }\n\
               [outputs]\nid = '{{ tasks.one.outputs.id }}'\n\
               [[hooks]]\non = ['workflow.completed']\nshell = 'touch told'\n";
    let files = [("d/work.toml", job), ("d/slow.toml", "every = '12h'\nshell = 'x'\ntimeout = '10m'\n")];
    let folder = folder(&files);
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let words = ["--jobs", "d", "--from", "2027-01-01T01:00:00Z", "--takes", "slow=20m"];
    let said = say(folder.path(), &words);
    assert_eq!(
        said.data.rsplit_once("\n\n").unwrap().1,
        "JOB\tRUNS\tFAILED\tCANCELLED\tSKIPPED\tAT ONCE\tLONGEST WAIT\n\
         slow\t2\t2\t0\t-\t1\t-\nwork\t4\t0\t0\t-\t1\t-\n"
    );
    assert!(said.data.contains("fail    slow#1: task `main` failed: took longer than its timeout\n"), "{}", said.data);
    assert_eq!(names(), before);
    assert_eq!(say(folder.path(), &words), said, "the same files have the same rehearsal");
}

#[test]
fn programs_get_one_object_a_line() {
    let folder = folder(&[
        ("campanile.toml", BERLIN),
        ("d/a.toml", "cron = '30 2 * * *'\nshell = 'x'\npools = ['db']\n"),
        ("d/b.toml", "cron = '30 2 * * *'\nshell = 'x'\npools = ['db']\n"),
        ("d/c.toml", "cron = '@start'\nnoop = true\n"),
    ]);
    let words = ["--config", "campanile.toml", "--from", "2027-01-01T00:00:00Z", "--takes", "1m", "--json"];
    let said = say(folder.path(), &words);
    let lines: Vec<serde_json::Value> = said.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let due = "2027-01-01T02:30:00+01:00";
    let summary = |job: &str, runs: u64, wait: u64| {
        serde_json::json!({
            "type": "job", "job": job, "runs": runs, "failed": 0, "cancelled": 0, "waiting": 0, "skipped": {},
            "most_at_once": runs, "longest_wait_ms": wait,
        })
    };
    assert_eq!(
        lines,
        [
            serde_json::json!({ "type": "not_due", "job": "c", "rule": "@start" }),
            serde_json::json!({
                "type": "start", "at": due, "job": "a", "number": 1, "cause": "occurrence", "due_at": due,
                "waited_ms": 0, "waited_for": [],
            }),
            serde_json::json!({
                "type": "start", "at": "2027-01-01T02:31:00+01:00", "job": "b", "number": 1, "cause": "occurrence",
                "due_at": due, "waited_ms": 60_000,
                "waited_for": [{ "kind": "pool", "name": "db", "used": 1, "size": 1 }],
            }),
            summary("a", 1, 0),
            summary("b", 1, 60_000),
            summary("c", 0, 0),
        ]
    );
}

#[test]
fn what_is_wrong_is_said_as_elsewhere_and_nothing_is_rehearsed() {
    let folder =
        folder(&[("good/a.toml", "shell = 'x'\n"), ("bad/a.toml", "shel = 'x'\n"), ("bad.toml", "max_tasks = 0\n")]);
    for (words, code, data, talk) in [
        (&["--jobs", "bad"][..], 7, "bad/a.toml:1:1: unknown key `shel` in a job (hint: did you mean `shell`?)\n", ""),
        (&["--config", "bad.toml"], 7, "bad.toml:1:13: `max_tasks` must be 1 to 100000, found 0\n", ""),
        (&["--jobs", "nowhere"], 3, "", "error: there is no folder `nowhere`\n"),
        (&["--jobs", "good", "--takes", "b=1m"], 3, "", "error: no job `b` is rehearsed\n"),
        (&["--jobs", "good", "--takes", "soon"], 2, "", "error: invalid value 'soon' for '--takes <LENGTH>'"),
        (
            &["--jobs", "good", "--until", "2020-01-01T00:00:00Z"],
            2,
            "",
            "error: the end, 2020-01-01T00:00:00+00:00, is not after",
        ),
        (&["--jobs", "good", "--from", "soon"], 2, "", "error: `soon` is not a time\n"),
    ] {
        let said = say(folder.path(), words);
        assert_eq!((said.code, said.data.as_str()), (code, data), "{words:?}");
        assert!(said.talk.starts_with(talk), "{words:?}: {}", said.talk);
    }
}

fn minutely(max_tasks: usize, takes: i64, max_runs: usize) -> Rehearsal {
    let every = Timing::Every { period: Duration::from_secs(60), anchor: Timestamp::default() };
    let task = Task::new("main", Action::Shell("x".to_owned()));
    let job = Job { schedules: vec![Schedule::new(every, "UTC")], tasks: vec![task], ..Job::default() };
    let from: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let plan = Plan {
        jobs: ["a", "b", "c"].map(|name| (name.parse().unwrap(), job.clone())).to_vec(),
        pools: PoolSizes::new(),
        max_tasks,
        zones: Arc::new(Tzdb::bundled()),
        from,
        until: from.plus(Duration::from_secs(3_600)),
        takes: Takes { usual: Duration::from_secs(takes), of_jobs: BTreeMap::new() },
        max_runs,
    };
    rehearse(plan).unwrap()
}

#[test]
fn a_rehearsal_of_too_much_stops_and_says_when() {
    let all = minutely(8, 1, 1_000);
    assert_eq!((all.cut_at, all.moments.len()), (None, 180));
    let cut = minutely(8, 1, 50);
    assert_eq!(cut.cut_at.map(|at| at.to_string()).as_deref(), Some("2027-01-01T00:17:00.000000Z"));
    assert_eq!(cut.moments, all.moments[..51]);
}

#[test]
fn one_task_at_a_time_makes_the_others_wait_for_it() {
    let one = minutely(1, 10, 1_000);
    let waited: Vec<_> = one.moments[..3]
        .iter()
        .filter_map(|moment| match &moment.what {
            What::Started { waited, obstacles, .. } => {
                Some((moment.job.as_str(), waited.to_string(), format!("{obstacles:?}")))
            }
            What::TaskWaited { .. } | What::Ended { .. } | What::Skipped { .. } | What::Waits { .. } => None,
        })
        .collect();
    let expected = [("a", "0s", "[]"), ("b", "10s", "[MaxTasks(1)]"), ("c", "20s", "[MaxTasks(1)]")];
    assert_eq!(waited, expected.map(|(job, waited, obstacles)| (job, waited.to_owned(), obstacles.to_owned())));
}

#[test]
fn an_expression_is_evaluated_and_a_command_says_yes() {
    let folder = folder(&[
        ("campanile.toml", BERLIN),
        (
            "d/a.toml",
            "every = '6h'\nshell = 'x'\nprecondition = { expression = \"scheduled_at | datetime('%H') == '13'\" }\n",
        ),
        ("d/b.toml", "cron = '30 2 * * *'\nshell = 'x'\nprecondition = { command = ['false'] }\n"),
    ]);
    let said = say(folder.path(), &["--config", "campanile.toml", "--from", "2027-01-01T00:00:00Z"]);
    let note = "note: the precondition of `b` is a command; in a rehearsal it says yes at once\n";
    assert_eq!((said.code, said.talk.as_str()), (0, note));
    let lines: Vec<&str> = said.data.lines().take(4).collect();
    assert_eq!(
        lines,
        [
            "2027-01-01T02:30:00+01:00  start   b#1 (occurrence)",
            "2027-01-01T07:00:00+01:00  skip    a: condition: its precondition did not hold",
            "2027-01-01T13:00:00+01:00  start   a#1 (occurrence)",
            "2027-01-01T19:00:00+01:00  skip    a: 2 due times until 2027-01-02T01:00:00+01:00, condition: its precondition did not hold",
        ]
    );
    let words = ["--config", "campanile.toml", "--from", "2027-01-01T00:00:00Z", "--json"];
    let first = say(folder.path(), &words).data.lines().next().map(str::to_owned);
    assert_eq!(first.as_deref(), Some(r#"{"type":"not_asked","job":"b"}"#));
}
