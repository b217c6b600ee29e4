//! What a file may say of the process of a task, and of what its output must be like.

use campanile::model::definition::value::{Place, Reference};
use campanile::model::definition::{Limits, Stop, Success, Value};
use campanile::model::duration::Duration;

use super::{check, job, warned};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_key_of_a_process_is_read() {
    let job = job(r#"
shell = "make"
env_file = ["/etc/app.env", "-/etc/app.local.env"]
env_inherit = ["SSH_AUTH_SOCK"]
interpreter = ["bash", "-euc"]
umask = "027"
stop = { command = ["docker", "stop", "app"], timeout = "5s" }
env = { TOKEN = { file = "/etc/token", prefix = "x " } }
[success]
required_substrings = ["done"]
required_regex = ['^\d+ rows$']
forbidden_regex = ["panic"]
min_word_count = 3
case_insensitive = true
"#);
    let task = &job.tasks[0];
    assert_eq!(task.env_files, ["/etc/app.env", "-/etc/app.local.env"]);
    assert_eq!(task.env_inherit, ["SSH_AUTH_SOCK"]);
    assert_eq!(task.interpreter, ["bash", "-euc"]);
    assert_eq!(task.umask, Some(0o027));
    let stop = Stop { command: texts(&["docker", "stop", "app"]), timeout: Duration::from_secs(5) };
    assert_eq!(task.stop, Some(stop));
    let token = Reference { place: Place::File("/etc/token".to_owned()), prefix: "x ".to_owned() };
    assert_eq!(task.env["TOKEN"], Value::Secret(token));
    let expected = Success {
        required_substrings: texts(&["done"]),
        required_regex: texts(&[r"^\d+ rows$"]),
        forbidden_regex: texts(&["panic"]),
        min_word_count: Some(3),
        case_insensitive: true,
    };
    assert_eq!(task.success, expected);
}

#[test]
fn the_top_level_is_the_default_of_every_task() {
    let job = job(r#"
env_file = "/etc/app.env"
umask = "0077"
interpreter = "fish"
stop = { command = ["true"] }
success = { min_word_count = 1 }
[tasks.a]
command = ["a"]
[tasks.b]
shell = "b"
env_file = []
umask = "022"
interpreter = "bash"
"#);
    let [a, b] = &job.tasks[..] else { panic!("two tasks") };
    assert_eq!((a.env_files.as_slice(), a.umask), (&texts(&["/etc/app.env"])[..], Some(0o077)));
    assert_eq!((b.env_files.as_slice(), b.umask), (&[][..], Some(0o022)));
    assert_eq!((a.interpreter.as_slice(), b.interpreter.as_slice()), (&texts(&["fish"])[..], &texts(&["bash"])[..]));
    assert_eq!(a.stop.as_ref().map(|stop| stop.timeout), Some(Duration::from_secs(30)));
    assert_eq!((b.stop.is_some(), b.success.min_word_count), (true, Some(1)));
}

#[test]
fn whom_a_task_runs_as_and_what_it_may_use_is_read_limit_by_limit() {
    let job = job(r#"
user = "backup"
group = "www-data"
nice = -5
limits = { open_files = 1024, cpu_time = "10m", file_size = "1GiB", core = "0", pids = 64 }
[tasks.a]
shell = "a"
[tasks.b]
shell = "b"
user = "_apt"
group = "65534"
nice = 19
limits = { address_space = "2GiB", core = 7, memory = 536870912, cpu = 1.5, pids = 8 }
"#);
    let [a, b] = &job.tasks[..] else { panic!("two tasks") };
    assert_eq!((a.user.as_deref(), a.group.as_deref(), a.nice), (Some("backup"), Some("www-data"), Some(-5)));
    assert_eq!((b.user.as_deref(), b.group.as_deref(), b.nice), (Some("_apt"), Some("65534"), Some(19)));
    let above = Limits {
        open_files: Some(1024),
        cpu_time: Some(Duration::from_secs(600)),
        file_size: Some(1 << 30),
        core: Some(0),
        pids: Some(64),
        ..Limits::default()
    };
    assert_eq!(a.limits, above);
    let below = Limits {
        address_space: Some(2 << 30),
        core: Some(7),
        memory: Some(512 << 20),
        cpu_millis: Some(1_500),
        pids: Some(8),
        ..above
    };
    assert_eq!(b.limits, below);
    let plain = &super::job("shell = 'x'").tasks[0];
    assert_eq!((&plain.user, &plain.group, plain.nice, plain.limits.is_empty()), (&None, &None, None, true));
}

#[test]
fn what_is_wrong_with_users_and_limits_is_told_with_its_place() {
    check(
        r#"shell = "x"
user = 1000
group = "www data"
nice = 20
limits = { open_files = 0, cpu_time = "500ms", file_size = 0, address_space = "2TiB", core = "-1", memory = "0", cpu = 0, pids = 0, opne_files = 1, nofile = 2, swap = 1 }
"#,
        &[
            "2:8: `user` must be a string, found an integer (hint: write \"1000\")",
            "3:9: `group` must be a name or a number, found `www data` (hint: a name is 1 to 32 of a-z, 0-9, `_`, `-`, beginning with a letter or `_`; it is no template)",
            "4:8: `nice` must be -20 to 19, found 20",
            "5:25: `open_files` must be 1 to 1073741824, found 0",
            "5:39: `cpu_time` must be at least 1s, found `500ms`",
            "5:60: `file_size` must be 1 to 1099511627776, found 0",
            "5:79: `address_space`: `2TiB` is not a size as in `16MiB`",
            "5:94: `core`: `-1` is not a size as in `16MiB`",
            "5:109: `memory` must be 1 byte to 1024GiB, found `0`",
            "5:120: `cpu` must be 0.01 to 4096, found 0",
            "5:130: `pids` must be 1 to 4194304, found 0",
            "5:133: unknown key `opne_files` in `limits` (hint: did you mean `open_files`?)",
            "5:149: unknown key `nofile` in `limits` (hint: did you mean `open_files`?)",
            "5:161: `swap` is not supported by this version",
        ],
    );
    let hint = "(hint: a name is 1 to 32 of a-z, 0-9, `_`, `-`, beginning with a letter or `_`; it is no template)";
    let name = |name: &str| format!("1:8: `user` must be a name or a number, found `{name}` {hint}");
    let long = "a".repeat(33);
    for wrong in ["Root", "1a", "-a", "a$b", "$", "a b", "4294967295", "99999999999", "", "{{ params.who }}", &long] {
        check(&format!("user = '{wrong}'\nshell = 'x'\n"), &[&name(wrong)]);
    }
    for right in ["root", "0", "4294967294", "_a", "a-b_c9", "machine$", &long[1..]] {
        assert_eq!(job(&format!("user = '{right}'\nshell = 'x'\n")).tasks[0].user.as_deref(), Some(right));
    }
    check("user_ = 'x'\nshell = 'x'\n", &["1:1: unknown key `user_` in a job (hint: did you mean `user`?)"]);
    check("run_as = 'x'\nshell = 'x'\n", &["1:1: unknown key `run_as` in a job (hint: did you mean `user`?)"]);
}

#[test]
fn what_is_wrong_with_a_process_is_told_with_its_place() {
    check(
        r#"command = ["x"]
env_file = ["app.env", "-b", 5]
env_inherit = ["A B", "NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC", "CREDENTIALS_DIRECTORY", "CAMPANILE_JOB", "OK"]
interpreter = "bash -c"
umask = 27
stop = { comand = ["x"], timeout = "0s" }
"#,
        &[
            "2:13: `env_file` must be an absolute path, found `app.env` (hint: a `-` before the path lets the file be absent)",
            "2:24: `env_file` must be an absolute path, found `-b` (hint: a `-` before the path lets the file be absent)",
            "2:30: an item of `env_file` must be a string, found an integer (hint: write \"5\")",
            "3:16: `A B` is not a variable's name: letters, digits and `_`, no digit first",
            "3:23: `NOTIFY_SOCKET` is between the daemon and its service manager, and is never inherited (hint: refer to a credential as `{ credential = NAME }`)",
            "3:40: `LISTEN_FDS` is between the daemon and its service manager, and is never inherited (hint: refer to a credential as `{ credential = NAME }`)",
            "3:54: `WATCHDOG_USEC` is between the daemon and its service manager, and is never inherited (hint: refer to a credential as `{ credential = NAME }`)",
            "3:71: `CREDENTIALS_DIRECTORY` is between the daemon and its service manager, and is never inherited (hint: refer to a credential as `{ credential = NAME }`)",
            "3:96: `CAMPANILE_JOB` is set by Campanile itself",
            "4:1: `interpreter` runs the text of `shell`, and this task is a `command`",
            "4:15: `interpreter` is one program, or a list of a program and its arguments (hint: write [\"bash\", \"-c\"])",
            "5:9: `umask` is three octal digits in quotes, or four of which the first is 0, found `27` (hint: write \"027\": the group may not write, others nothing)",
            "6:8: `stop` needs a `command` (hint: write stop = { command = [\"docker\", \"stop\", \"NAME\"] })",
            "6:10: unknown key `comand` in `stop` (hint: did you mean `command`?)",
            "6:36: `timeout` must be longer than zero, found `0s`",
        ],
    );
    check(
        r#"shell = "x"
umask = "089"
interpreter = []
stop = { command = [] }
env_flie = "/x"
"#,
        &[
            "2:9: `umask` is three octal digits in quotes, or four of which the first is 0, found `089` (hint: write \"027\": the group may not write, others nothing)",
            "3:15: `interpreter` names no program (hint: write a program that takes the text as its last argument, as in [\"bash\", \"-c\"])",
            "4:20: `command` names no program (hint: write the program and its arguments, as in [\"echo\", \"hello\"])",
            "5:1: unknown key `env_flie` in a job (hint: did you mean `env_file`?)",
        ],
    );
}

#[test]
fn what_is_wrong_with_success_is_told_with_its_place() {
    check(
        r#"shell = "x"
[success]
required_substrings = [""]
required_regex = ['(a', '\w{5000}']
forbidden_regex = "x"
min_word_count = 0
min_words = 3
"#,
        &[
            "3:24: an item of `required_substrings` is empty",
            "4:19: `required_regex`: unclosed group",
            "4:25: `required_regex`: `\\w{5000}` is too large when it is compiled",
            "5:19: `forbidden_regex` must be a list, found a string (hint: write [\"x\"])",
            "6:18: `min_word_count` must be 1 to 65536, found 0",
            "7:1: unknown key `min_words` in `success` (hint: it knows `required_substrings`, `required_regex`, `forbidden_regex`, `min_word_count` or `case_insensitive`)",
        ],
    );
}

#[test]
fn what_has_no_effect_is_warned_about() {
    warned(
        "shell = \"#!/bin/sh\\ntrue\"\ninterpreter = 'bash'\nsuccess = { case_insensitive = true }\n",
        &[
            "3:11: `success` asks for nothing, so it has no effect (hint: give `required_substrings`, `required_regex`, `forbidden_regex` or `min_word_count`)",
            "2:1: `interpreter` has no effect on a text that begins with `#!`, which names its own",
        ],
    );
}
