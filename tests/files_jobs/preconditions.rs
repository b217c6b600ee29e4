//! What is asked before a run does anything: how it is written, and what comes of it.

use campanile::files::FoundJob;
use campanile::model::definition::{Action, Retry, Task, Value};
use campanile::model::duration::Duration;

use super::many::{folder, load, problems};
use super::{check, job};

fn shape(tasks: &[Task]) -> Vec<(&str, String)> {
    tasks.iter().map(|task| (task.name.as_str(), task.after.join(" "))).collect()
}

#[test]
fn a_command_is_the_first_task_and_runs_as_the_top_level_says() {
    let read = job(r#"
command = ["import"]
user = "daemon"
working_dir = "/srv"
env = { A = "1", B = "1" }
timeout = "2h"
retry = { max_attempts = 5 }
pools = ["db"]
on_interrupt = "fail"
exit_codes = { ok = [0, 1] }
stdin = "x"

[precondition]
command = ["test", "-e", "{{ params.file }}"]
env = { B = "2" }

[params.file]
default = "/srv/ready"
"#);
    assert_eq!(shape(&read.tasks), [("precondition", String::new()), ("main", "precondition".to_owned())]);
    let asks = &read.tasks[0];
    let plain = |text: &str| Value::Plain(text.to_owned());
    assert_eq!(asks.env, [("A".to_owned(), plain("1")), ("B".to_owned(), plain("2"))].into());
    assert_eq!((asks.user.as_deref(), asks.working_dir.as_deref()), (Some("daemon"), Some("/srv")));
    assert!(asks.is_precondition && asks.pools.is_empty() && asks.stdin.is_none());
    assert_eq!((asks.timeout, asks.retry), (Some(Duration::from_secs(60)), Retry::default()));
    assert_eq!(asks.exit_codes.ok, [0]);
    let expected = ["test", "-e", "{{ params.file }}"].map(str::to_owned);
    assert_eq!(asks.action, Action::Command(expected.to_vec()));
    let many = job("precondition = { shell = 'x', timeout = '5s', working_dir = '/' }\n\
                    tasks = { a = { noop = true }, b = { noop = true, after = ['a'] }, c = { noop = true } }\n");
    let waits = [("precondition", ""), ("a", "precondition"), ("b", "a"), ("c", "precondition")];
    assert_eq!(shape(&many.tasks), waits.map(|(name, after)| (name, after.to_owned())));
    assert_eq!(many.tasks[0].timeout, Some(Duration::from_secs(5)));
}

#[test]
fn an_expression_is_kept_as_it_is_written_and_makes_no_task() {
    let expression = "run.cause == 'manual' or scheduled_at | datetime('%d') | int <= 7";
    let read = job(&format!("shell = 'x'\nprecondition = {{ expression = \"{expression}\" }}\n"));
    assert_eq!(read.precondition.as_deref(), Some(expression));
    assert_eq!(shape(&read.tasks), [("main", String::new())]);
}

#[test]
fn all_that_is_wrong_with_a_precondition_is_told() {
    check(
        r#"shell = "x"
precondition = "test -e /srv/ready"
"#,
        &[
            r#"2:16: `precondition` must be a table (hint: write precondition = { command = ["test", "-e", "/srv/ready"] })"#,
        ],
    );
    check(
        r#"shell = "x"
[precondition]
command = ["x"]
expression = "true"
timeout = "0s"
comand = "x"
http = "x"
cron = "@daily"
"#,
        &[
            "4:1: `command` and `expression` cannot both be given",
            "5:11: `timeout` must be longer than zero, found `0s`",
            "6:1: unknown key `comand` in `precondition` (hint: did you mean `command`?)",
            "7:1: `http` is not supported by this version",
            "8:1: `cron` is a key of the job, not of `precondition` (hint: move it above the first `[`-table)",
        ],
    );
    check(
        "shell = 'x'\nprecondition = { timeout = '5s' }\n",
        &["2:16: `precondition` needs something to ask (hint: give one of `command`, `shell` or `expression`)"],
    );
    check(
        "shell = 'x'\nprecondition = { expression = 'true', timeout = '5s', env = {}, working_dir = '/' }\n",
        &[
            "2:39: `timeout` is for a command, and `expression` starts none",
            "2:55: `env` is for a command, and `expression` starts none",
            "2:65: `working_dir` is for a command, and `expression` starts none",
        ],
    );
    check(
        r#"[precondition]
command = ["x", "{{ tasks.a.output }}", "{{ params.n }}"]
[tasks.precondition]
shell = "x"
[tasks.a]
shell = "x"
"#,
        &[
            "2:21: there is no task `a`",
            "2:45: the job has no parameter `n` (hint: declare it as `[params.n]`)",
            "3:8: a job with a `precondition` has a task of that name already: the one that asks (hint: give this task another name)",
        ],
    );
    assert_eq!(shape(&job("tasks = { precondition = { noop = true } }\n").tasks), [("precondition", String::new())]);
}

#[test]
fn an_expression_names_only_what_is_known_before_a_run_is_made() {
    for (expression, expected) in [
        ("params.n > 3", &[][..]),
        ("run.id == run.job and run.number > 0", &[]),
        ("params.m > 3", &["the job has no parameter `m` (hint: did you mean `n`?)"]),
        (
            "tasks.main.output == 'x'",
            &["`tasks` has no value in `precondition.expression` (hint: it knows `params`, `run`, `scheduled_at`)"],
        ),
        (
            "run.attempt == 1",
            &[
                "`run.attempt` has no value in `precondition.expression` (hint: it knows `params`, `run`, `scheduled_at`)",
            ],
        ),
        ("{{ params.n > 3 }}", &["`precondition.expression` cannot be read"]),
        ("params.n >", &["`precondition.expression` cannot be read"]),
        ("params.n > 3 params.n", &["`precondition.expression` cannot be read"]),
        ("params.n | shell", &["there is no filter `shell`"]),
    ] {
        let text = format!(
            "shell = 'x'\nprecondition = {{ expression = \"{expression}\" }}\n[params.n]\ntype = 'integer'\ndefault = 1\n"
        );
        let found = super::read(text.as_bytes()).err().unwrap_or_default();
        let found = super::shown(&found);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} of {expression}");
        }
    }
}

#[test]
fn what_lies_above_asks_something_else_and_each_key_has_its_place() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            (
                "a.toml",
                "shell = 'x'\numask = '027'\nprecondition = { command = ['x'], env = { A = '1' }, timeout = '5s' }\n",
            ),
            ("a.d/1.toml", "[precondition]\nshell = 'y'\n"),
            ("b.toml", "shell = 'x'\nprecondition = { command = ['x'] }\n"),
            ("b.d/1.toml", "[precondition]\nexpression = 'true'\n"),
        ],
    );
    let found = load(&[dir]);
    assert_eq!(problems(root.path(), &found), [""; 0]);
    let keys = |job: &FoundJob| -> Vec<String> {
        let of_it = job.origins.iter().filter(|origin| origin.key.starts_with("precondition"));
        let place = |origin: &campanile::files::Origin| {
            let file = origin.file.as_ref().map(|file| file.replace(&root.path().display().to_string(), ""));
            format!("{} {} {}:{}", origin.key, origin.value, file.unwrap_or_default(), origin.line.unwrap_or_default())
        };
        of_it.filter(|origin| origin.file.is_some()).map(place).collect()
    };
    let job = |name: &str| found.jobs.iter().find(|job| job.name.as_str() == name).unwrap();
    assert_eq!(
        keys(job("a")),
        [
            r#"precondition.shell "y" /d/a.d/1.toml:2"#,
            r#"precondition.env.A "1" /d/a.toml:3"#,
            r#"precondition.umask "027" /d/a.toml:2"#,
            r#"precondition.timeout "5s" /d/a.toml:3"#,
        ]
    );
    assert_eq!(keys(job("b")), [r#"precondition.expression "true" /d/b.d/1.toml:2"#]);
}
