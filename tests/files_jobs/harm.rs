//! Files that nobody means well with, or that are not whole: a clear error each, and nothing else suffers.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use campanile::files::read_submission;
use campanile::model::definition::{Action, Priority};
use campanile::model::duration::Duration;

use super::many::{folder, load, names, problems};

#[test]
fn what_cannot_be_read_as_text_is_told_and_leaves_the_others_alone() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(root.path(), "d", &[("good.toml", "shell = 'x'\n"), ("empty.yaml", ""), ("blank.json", " \n")]);
    std::fs::write(dir.join("binary.toml"), b"\x7fELF\x02\x01\x00\x00").unwrap();
    std::fs::write(dir.join("latin.yaml"), b"shell: caf\xe9\n").unwrap();
    std::fs::write(dir.join("big.json"), vec![b' '; 10 << 20]).unwrap();
    symlink(dir.join("loop.toml"), dir.join("loop.toml")).unwrap();
    let _socket = UnixListener::bind(dir.join("socket.yaml")).unwrap();
    nix::unistd::mkfifo(&dir.join("pipe.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", dir.join("device.toml")).unwrap();
    std::fs::write(dir.join("a b.toml"), "").unwrap();
    std::fs::write(dir.join("..toml"), "").unwrap();
    // A Cyrillic letter that looks like ours.
    std::fs::write(dir.join("b\u{430}ckup.toml"), "").unwrap();
    let found = load(&[dir]);
    assert_eq!(names(&found), ["good"]);
    let expected = [
        "-: d/a b.toml:1:1: the file's stem is the job's name, and `a b` is not a name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`, beginning with a letter or digit (hint: rename the file)",
        "-: d/b\u{430}ckup.toml:1:1: the file's stem is the job's name, and `b\u{430}ckup` is not a name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`, beginning with a letter or digit (hint: rename the file)",
        "big: d/big.json:1:1: the file is longer than 1048576 bytes (1 MiB) (hint: keep what a task reads in a file of its own)",
        "binary: d/binary.toml:1:7: the file holds a NUL byte, so it is not text",
        "blank: d/blank.json:1:1: the file is empty (hint: to hide a job of an earlier folder, link its name to /dev/null)",
        "device: d/device.toml:1:1: this is not a regular file",
        "empty: d/empty.yaml:1:1: the file is empty (hint: to hide a job of an earlier folder, link its name to /dev/null)",
        "latin: d/latin.yaml:1:11: the file is not UTF-8 from here on (hint: save it as UTF-8)",
        "loop: d/loop.toml:1:1: the file cannot be read: too many levels of symbolic links (os error 40)",
        "pipe: d/pipe.json:1:1: this is not a regular file",
        "socket: d/socket.yaml:1:1: this is not a regular file",
    ];
    assert_eq!(problems(root.path(), &found), expected);
}

#[test]
fn a_file_that_is_half_written_is_no_smaller_job() {
    let root = tempfile::tempdir().unwrap();
    let whole = "[tasks.a]\nshell = 'rsync /srv'\n\n[tasks.b]\nafter = ['a']\nshell = 'rm -r /tmp/x'\n";
    let json = "{\"tasks\": {\"a\": {\"shell\": \"x\"}, \"b\": {\"after\": [\"a\"], \"shell\": \"y\"}}}";
    for end in ["[tasks.a", "[tasks.a]\nshel", "[tasks.a]\nshell = 'rs", &whole[..whole.len() - 2]] {
        let dir = folder(root.path(), "d", &[("a.toml", end)]);
        assert_eq!(load(&[dir]).invalid.len(), 1, "{end:?}");
    }
    for length in 1..json.len() {
        let dir = folder(root.path(), "e", &[("a.json", &json[..length])]);
        assert_eq!(load(&[dir]).invalid.len(), 1, "{:?}", &json[..length]);
    }
}

#[test]
fn names_and_numbers_beyond_their_bounds_are_told() {
    super::check(
        "[tasks.a]\nshell = 'x'\nafter = ['b', 'c']\ntimeout = '-5s'\nkill_grace = '99999999999999999999s'\n[tasks.b]\nshell = 'x'\nafter = ['a']\n[tasks.'../x']\nshell = 'x'\n[tasks.'b\u{430}']\nshell = 'x'\n",
        &[
            "3:10: the tasks wait for each other: `a` after `b` after `a`",
            "3:15: there is no task `c` (hint: did you mean `a`?)",
            "4:11: `timeout`: `-5s` is negative; a duration is zero or more",
            "5:14: `kill_grace`: `99999999999999999999s` is not a duration as in `250ms`, `90s`, `1h30m` or `2d`",
            "9:8: `../x` is not a task's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`",
            "11:8: `b\u{430}` is not a task's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`",
        ],
    );
    super::check(
        "command = ['a\\u0000b', \"a\\u0000b\"]\nenv = { A = \"x\\u0000\" }\n",
        &[
            "1:24: `command` holds a NUL byte, which no process can be given",
            "2:13: `A` holds a NUL byte, which no process can be given",
        ],
    );
}

#[test]
fn a_task_alone_is_read_by_the_rules_of_a_job_file() {
    let read = |text: &str| read_submission(text.as_bytes());
    let sent = read(r#"{"name": "x", "command": ["echo", "{{ hi }}"], "timeout": "5s", "env": {"A": "1"}}"#).unwrap();
    assert_eq!((sent.task.name.as_str(), sent.task.raw), ("x", true));
    assert_eq!(sent.task.action, Action::Command(vec!["echo".into(), "{{ hi }}".into()]));
    let sent = read(r#"{"shell": "true", "priority": 2, "delay": "2h", "x-from": "us"}"#).unwrap();
    assert_eq!((sent.task.name.as_str(), Some(sent.priority)), ("main", Priority::new(2)));
    assert_eq!((sent.at, sent.delay), (None, Some(Duration::from_secs(7_200))));
    let sent = read(r#"{"command": ["x", "{{ run.id }}"], "raw": false, "at": "2027-01-01T01:00:00+01:00"}"#).unwrap();
    assert_eq!((sent.task.raw, sent.at), (false, Some("2027-01-01T00:00:00Z".parse().unwrap())));
    for (text, expected) in [
        ("", "task:1:1: a task needs something to do (hint: give one of `shell`, `command`, `http` or `noop`)"),
        ("[1]", "task:1:1: the file must be an object, as in {\"shell\": \"echo hello\"}"),
        (
            "{\"shell\": \"x\",\n \"after\": [\"y\"]}",
            "task:2:2: unknown key `after` in a task (hint: a task that belongs to no job waits for no other)",
        ),
        ("{\"noop\": true, \"priority\": 10}", "task:1:28: `priority` must be 1 to 9, found 10"),
        (
            "{\"noop\": true,\n \"at\": \"2027-01-01T00:00:00Z\", \"delay\": \"1s\"}",
            "task:2:32: `at` and `delay` cannot both be given",
        ),
        (
            "{\"noop\": true, \"at\": \"2027-01-01T09:00:00\"}",
            "task:1:22: `at`: `2027-01-01T09:00:00` is not a time as in `2027-01-31T09:00:00+01:00` (RFC 3339, with an \
             offset)",
        ),
        (
            "{\"command\": [\"{{ params.day }}\"], \"raw\": false}",
            "task:1:18: the job has no parameter `day` (hint: declare it as `[params.day]`)",
        ),
        (
            "{\"shell\": \"x\", \"name\": \"A b\"}",
            "task:1:24: `A b` is not a task's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`",
        ),
        ("{\"comand\": [\"x\"]}", "task:1:2: unknown key `comand` in a task (hint: did you mean `command`?)"),
    ] {
        let shown: Vec<String> = read(text).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(shown, [expected], "{text}");
    }
}

/// What is said of a file that is wrong all over: how much, and the last of it. Reading it is bounded by what is said.
fn amount(name: &str, text: &str) -> (usize, usize, String) {
    let root = tempfile::tempdir().unwrap();
    let found = load(&[folder(root.path(), "d", &[(name, text)])]);
    let problems: Vec<_> = found.invalid.iter().flat_map(|file| &file.problems).collect();
    (found.jobs.len(), problems.len(), problems.last().unwrap().message.clone())
}

#[test]
fn a_bare_word_in_each_of_9_000_jobs_is_told_200_times() {
    let jobs: Vec<String> = (0..9_000).map(|n| format!("\"j{n}\":{{\"shell\":x}}")).collect();
    let text = format!("{{\"jobs\":{{\n{}}}}}", jobs.join(",\n"));
    assert_eq!(amount("all.json", &text), (0, 201, "8800 more problems are not listed".to_owned()));
    assert_eq!(amount("all.json", &text.replace('\n', "")), (0, 201, "8800 more problems are not listed".to_owned()));
}

#[test]
fn a_file_with_54_001_problems_is_told_200_of_them() {
    let text: String = (0..54_001).map(|n| format!("unknown{n}: x\n")).collect();
    assert_eq!(amount("all.yaml", &text), (0, 201, "53802 more problems are not listed".to_owned()));
    let jobs: String = (0..9_000).map(|n| format!("  j{n}:\n    shel: x\n    tiemout: 1\n    timeout: 1\n")).collect();
    assert_eq!(amount("all.yaml", &format!("jobs:\n{jobs}")).1, 201);
}

#[test]
fn a_toml_of_nothing_but_errors_is_told_200_of_them() {
    let jobs: String = (0..9_000).map(|n| format!("[jobs.j{n}]\nshell = soon\ntimeout = 5m\nb\n")).collect();
    assert_eq!(amount("all.toml", &jobs), (0, 201, "8802 more problems are not listed".to_owned()));
    let all = "timeout = 5\nkill_grace = 5\n".to_owned() + &jobs.replace("soon", "'x'").replace("5m\nb\n", "'5m'\n");
    assert_eq!(amount("all.toml", &all), (0, 201, "the same is wrong with more jobs of this file".to_owned()));
}
