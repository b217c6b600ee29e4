//! Tasks: what they do, what they wait for, and what a process can be given.

use campanile::model::definition::{Action, Leftovers, OnInterrupt, Value};
use campanile::model::duration::Duration;

use super::{check, job, warned};

#[test]
fn tasks_are_tables_with_names_that_do_something() {
    check(
        r#"shell = "true"
[tasks.a]
noop = true
[tasks.b]
noop = false
[tasks.c]
[tasks.Big]
noop = true
"#,
        &[
            "1:1: `shell` at the top level and `[tasks]` cannot both be given (hint: give it a `[tasks.NAME]` of its own)",
            "5:8: `noop` must be `true`",
            "6:1: a task needs something to do (hint: give one of `shell`, `command`, `http` or `noop`)",
            "7:8: `Big` is not a task's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`",
        ],
    );
    check(
        r#"[tasks]
shell = "true"
"#,
        &["2:1: `shell` is a key of a task, and `[tasks]` holds tasks (hint: write it below a `[tasks.NAME]`)"],
    );
    check(
        r#"tasks = 3
schedules = 4
hooks = "x"
"#,
        &[
            "1:9: `tasks` must be a table, found an integer",
            "2:13: `schedules` must be a list of tables, found an integer (hint: write `[[schedules]]`)",
            "3:9: `hooks` must be a list of tables, found a string (hint: write `[[hooks]]`)",
        ],
    );
}

#[test]
fn tasks_wait_for_tasks_that_exist_and_never_for_each_other() {
    check(
        r#"[tasks.extract]
noop = true
[tasks.check]
after = ["extrct", "extract", "extract"]
noop = true
[tasks.x]
after = "check"
noop = true
"#,
        &[
            "4:10: there is no task `extrct` (hint: did you mean `extract`?)",
            "4:31: `extract` is in `after` twice",
            "7:9: `after` must be a list, found a string (hint: write [\"check\"])",
        ],
    );
    check(
        r#"[tasks.a]
after = ["b"]
noop = true
[tasks.b]
after = ["c"]
noop = true
[tasks.c]
after = ["a"]
noop = true
"#,
        &["2:10: the tasks wait for each other: `a` after `b` after `c` after `a`"],
    );
    check(
        r#"[tasks.a]
after = ["a"]
noop = true
"#,
        &["2:10: the tasks wait for each other: `a` after `a`"],
    );
}

#[test]
fn values_never_reach_a_shell_as_text() {
    check(
        r#"shell = "echo {{ params.day }}"
[[hooks]]
on = ["task.failed"]
shell = "echo '{{run.id}}'"
"#,
        &[
            "1:15: values never reach a shell as text, so `{{ params` has no meaning in `shell` (hint: put the value into `env` and write \"$NAME\" here)",
            "4:16: values never reach a shell as text, so `{{ run` has no meaning in `shell` (hint: the event is on stdin, as JSON, and in `$CAMPANILE_EVENT_*`)",
        ],
    );
}

#[test]
fn a_template_is_never_passed_on_literally() {
    check(
        r#"command = ["echo", "{{ tasks.a.output }}"]
env = { A = "{{ params.x }}" }
"#,
        &["1:24: there is no task `a`", "2:17: the job has no parameter `x` (hint: declare it as `[params.x]`)"],
    );
    check(
        r#"command = ["a{{b}}", "{{ item }}"]
stdin = "{{ params.x }}"
tasks = {}
"#,
        &[
            "1:1: `command` at the top level and `[tasks]` cannot both be given (hint: give it a `[tasks.NAME]` of its own)",
            "3:9: `tasks` is empty, so the job does nothing",
        ],
    );
}

#[test]
fn what_no_process_can_be_given_is_refused() {
    check(
        r#"command = []
env = { "A-B" = "x", CAMPANILE_RUN_ID = "1", N = 5, "1" = "x" }
working_dir = "data"
"#,
        &[
            "1:11: `command` names no program (hint: write the program and its arguments, as in [\"echo\", \"hello\"])",
            "2:9: `A-B` is not a variable's name: letters, digits and `_`, no digit first",
            "2:22: `CAMPANILE_RUN_ID` is set by Campanile itself",
            "2:50: `N` must be a string, found an integer (hint: write \"5\")",
            "2:53: `1` is not a variable's name: letters, digits and `_`, no digit first",
            "3:15: `working_dir` must be an absolute path, found `data` (hint: a daemon has no current folder that would mean anything to you)",
        ],
    );
    check(
        r#"command = ["", "x"]
"#,
        &["1:12: the first element of `command` names no program"],
    );
    check(
        r#"command = "echo hello"
"#,
        &[
            "1:11: `command` must be a list, found a string (hint: for a command line use `shell`; a list is a program and its arguments: [\"echo\", \"hello\"])",
        ],
    );
    check(
        r#"command = ["a\u0000b"]
env = { A = "x\u0000" }
"#,
        &[
            "1:12: `command` holds a NUL byte, which no process can be given",
            "2:13: `A` holds a NUL byte, which no process can be given",
        ],
    );
}

#[test]
fn retries_exit_codes_and_sizes_are_checked() {
    check(
        r#"shell = "true"
retry = { max_attempts = 0, delay = "10s", max_delay = "5s", factor = 0.5, jitter = 2, tries = 3 }
exit_codes = { ok = [0, 24], retry = [24, 300], skip = [99, 99] }
leftovers = "keep"
on_interrupt = "retri"
max_output = "16 MiBs"
"#,
        &[
            "2:26: `max_attempts` must be 1 to 1000000, found 0",
            "2:56: `max_delay` is shorter than `delay`, which is 10s",
            "2:71: `factor` must be 1 to 1000, found 0.5",
            "2:85: `jitter` must be 0 to 1, found 2",
            "2:88: unknown key `tries` in `retry` (hint: it knows `max_attempts`, `delay`, `factor`, `max_delay` or `jitter`)",
            "3:39: exit code 24 is in `ok` and in `retry`",
            "3:43: an item of `retry` must be 0 to 255, found 300",
            "3:61: exit code 99 is in `skip` twice",
            "4:13: `leftovers` must be `kill`, `wait` or `leave`, found `keep`",
            "5:16: `on_interrupt` must be `retry` or `fail`, found `retri` (hint: did you mean `retry`?)",
            "6:14: `max_output`: `16 MiBs` is not a size as in `16MiB`",
        ],
    );
    check(
        r#"shell = "true"
max_output = 0
retry = 3
exit_codes = [0]
env = ["A=1"]
"#,
        &[
            "2:14: `max_output` must be 1 to 1099511627776, found 0",
            "3:9: `retry` must be a table, found an integer",
            "4:14: `exit_codes` must be a table, found a list",
            "5:7: `env` must be a table, found a list",
        ],
    );
}

#[test]
fn task_keys_at_the_top_are_the_defaults_of_every_task() {
    let job = job(r#"
timeout = "5m"
env = { A = "top", B = "top" }
retry = { max_attempts = 3, delay = "7s" }
exit_codes = { skip = [99] }
leftovers = "wait"

[tasks.second]
after = ["first"]
command = ["true", ""]
env = { B = "own" }
retry = { max_attempts = 5 }
exit_codes = { ok = [0, 24] }
timeout = "1s"

[tasks.first]
noop = true
on_interrupt = "fail"
max_output = "2KiB"
"#);
    let [second, first] = job.tasks.as_slice() else { panic!("two tasks") };
    assert_eq!((second.name.as_str(), first.name.as_str()), ("second", "first"), "in the order of the file");
    assert_eq!(first.timeout, Some(Duration::from_secs(300)));
    assert_eq!((first.retry.max_attempts, first.retry.delay), (3, Duration::from_secs(7)));
    assert_eq!((first.leftovers, first.on_interrupt, first.max_output), (Leftovers::Wait, OnInterrupt::Fail, 2048));
    assert_eq!(first.action, Action::Noop);
    assert_eq!(second.timeout, Some(Duration::from_secs(1)));
    assert_eq!((second.retry.max_attempts, second.retry.delay), (5, Duration::from_secs(7)));
    assert_eq!(
        (second.exit_codes.ok.as_slice(), second.exit_codes.skip.as_slice()),
        ([0, 24].as_slice(), [99].as_slice())
    );
    assert_eq!(second.action, Action::Command(vec!["true".into(), String::new()]));
    let shown: Vec<_> = second.env.values().map(Value::shown).collect();
    assert_eq!(shown, ["top", "own"]);
}

#[test]
fn a_long_delay_is_not_shortened_by_the_default_of_max_delay() {
    let retry = job("shell = 'x'\nretry = { max_attempts = 2, delay = '1h' }").tasks[0].retry;
    assert_eq!((retry.delay, retry.max_delay), (Duration::from_secs(3_600), Duration::from_secs(3_600)));
}

#[test]
fn braces_of_other_tools_are_the_commands_own() {
    warned("shell = \"docker ps --format '{{.State}}' && echo ${x} {{ }} {{runs}}\"", &[]);
}

#[test]
fn a_retry_that_never_retries_is_warned_about() {
    let warning = "2:9: `retry` has no effect without `max_attempts`, which is 1 unless given";
    warned("shell = 'x'\nretry = { delay = '5s' }", &[warning]);
}

#[test]
fn an_argument_longer_than_the_kernel_takes_is_refused() {
    let hint = "(hint: keep it in a file, or give it on `stdin`)";
    let message = format!("1:9: `shell` is longer than the 131071 bytes that the kernel takes at once {hint}");
    check(&format!("shell = '{}'", "x".repeat(131_072)), &[&message]);
    check(&format!("shell = '{}'", "x".repeat(131_071)), &[]);
    let message = format!("1:14: `A` is longer than the 131071 bytes that the kernel takes at once {hint}");
    check(&format!("env = {{ 'A' = '{}' }}\nshell = 'x'", "x".repeat(131_070)), &[&message.replace("1:14", "1:15")]);
}

#[test]
fn a_small_file_cannot_become_a_large_job() {
    let mut text = format!("stdin = '{}'\n", "x".repeat(100_000));
    (0..1_000).for_each(|n| text.push_str(&format!("[tasks.t{n}]\nnoop = true\n")));
    let message = "2:2: what the top level says of tasks is repeated in every task, and comes to more than 64 MiB \
                   (hint: keep them in a file that the tasks read)";
    check(&text, &[message]);
}

#[test]
fn a_long_chain_is_a_job_and_a_longer_one_is_refused() {
    let chain = |n: usize| {
        let mut text = String::from("[tasks.t0]\nnoop = true\n");
        (1..n).for_each(|at| text.push_str(&format!("[tasks.t{at}]\nafter = ['t{}']\nnoop = true\n", at - 1)));
        text
    };
    assert_eq!(job(&chain(4_096)).tasks.len(), 4_096);
    check(&chain(4_097), &["1:2: a job has at most 4096 tasks"]);
}
