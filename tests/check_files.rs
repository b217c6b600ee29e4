//! `campanile check`, from outside: what it prints, where, and how it exits.
#![expect(clippy::disallowed_methods, reason = "a black-box test starts the program")]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "world/once.rs"]
mod once;

use once::{Said, folder, said};

fn campanile(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campanile"));
    command.arg("check").args(words).current_dir(folder).env("XDG_CONFIG_HOME", folder).env_remove("TZ");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn check(folder: &Path, words: &[&str]) -> Said {
    said(campanile(folder, words))
}

#[test]
fn every_problem_of_every_file_is_printed_and_the_exit_says_so() {
    let folder = folder(&[
        ("d/a.toml", "shel = 'x'\ntimeout = 5\n"),
        ("d/b.toml", "shell = 'x'\n"),
        ("d/c.toml", "cron = '0 25 * * *'\nshell = 'x'\n"),
    ]);
    let said = check(folder.path(), &["d"]);
    assert_eq!(
        said.data,
        "d/a.toml:1:1: unknown key `shel` in a job (hint: did you mean `shell`?)\n\
         d/a.toml:2:11: `timeout` must be a duration as in \"90s\", found an integer (hint: write \"5s\" for seconds)\n\
         d/c.toml:1:11: 25 is no hour (hint: write a number from 0 to 23)\n"
    );
    assert_eq!((said.code, said.talk.as_str()), (7, "1 job in 3 files, 3 problems\n"));
}

#[test]
fn good_files_exit_0_and_warnings_are_talk() {
    let folder = folder(&[("a.toml", "at = 2020-01-01T00:00:00Z\nshell = 'x'\n"), ("b.toml", "noop = true\n")]);
    let said = check(folder.path(), &["a.toml", "b.toml"]);
    assert_eq!((said.code, said.data.as_str()), (0, ""));
    assert_eq!(
        said.talk,
        "warning: a.toml:1:6: `at` has passed: unless this schedule was loaded before, it never starts the job\n\
         2 jobs in 2 files, no problems\n"
    );
}

#[test]
fn a_path_that_does_not_exist_is_not_found() {
    let folder = folder(&[("b.toml", "oops")]);
    let said = check(folder.path(), &["absent.toml", "b.toml"]);
    assert_eq!(said.code, 3);
    assert!(said.talk.starts_with("error: `absent.toml` does not exist\n"), "{}", said.talk);
    assert_eq!(said.data, "b.toml:1:5: key with no value, expected `=`\n", "the others are still checked");
}

#[test]
fn a_configuration_is_checked_with_the_jobs_that_it_names() {
    let folder = folder(&[
        ("etc/campanile.toml", "jobs_dirs = ['mine']\ntimezone = 'Asia/Tokyo'\n"),
        ("etc/mine/a.toml", "noop = 1\n"),
        ("bad/campanile.toml", "max_tasks = 0\n"),
    ]);
    let said = check(folder.path(), &["etc"]);
    assert_eq!((said.code, said.data.as_str()), (7, "etc/mine/a.toml:1:8: `noop` must be `true`\n"));
    let said = check(folder.path(), &["etc/campanile.toml"]);
    assert_eq!((said.code, said.talk.as_str()), (0, "0 jobs in 1 file, no problems\n"));
    let said = check(folder.path(), &["bad/campanile.toml"]);
    let expected = "bad/campanile.toml:1:13: `max_tasks` must be 1 to 100000, found 0\n";
    assert_eq!((said.code, said.data.as_str()), (7, expected));
}

#[test]
fn a_file_that_is_no_job_file_is_a_problem() {
    let folder = folder(&[("a.conf", "noop = true"), ("b.yaml", "noop: true")]);
    let said = check(folder.path(), &["a.conf", "b.yaml"]);
    assert_eq!(said.code, 7);
    let expected = "a.conf:1:1: a job file's name ends in `.toml`, `.yaml`, `.yml` or `.json` (hint: rename it)\n";
    assert_eq!(said.data, expected);
    assert_eq!(said.talk, "1 job in 2 files, 1 problem\n");
}

#[test]
fn programs_get_problems_and_warnings_as_json_lines() {
    let folder = folder(&[("d/a.yaml", "shel: x\n"), ("d/b.toml", "at = 2020-01-01T00:00:00Z\nshell = 'x'\n")]);
    let said = check(folder.path(), &["--json", "d"]);
    let lines: Vec<serde_json::Value> = said.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            serde_json::json!({
                "file": "d/b.toml", "line": 1, "column": 6, "end_line": 1, "end_column": 26, "severity": "warning",
                "message": "`at` has passed: unless this schedule was loaded before, it never starts the job",
                "hint": null,
            }),
            serde_json::json!({
                "file": "d/a.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 5, "severity": "error",
                "message": "unknown key `shel` in a job", "hint": "did you mean `shell`?",
            }),
        ]
    );
    assert_eq!(said.code, 7);
}

#[test]
fn standard_input_is_a_file_of_the_name_that_is_given() {
    let folder = folder(&[]);
    for (words, text, code, expected) in [
        (&["-"][..], "shell = 'x'\n", 0, ""),
        (&["-"], "shel = 'x'\n", 7, "stdin.toml:1:1: unknown key `shel` in a job (hint: did you mean `shell`?)\n"),
        (&["-", "--name", "d/n.yaml"], "shell: x\n", 0, ""),
        (
            &["-", "--name", "n.json"],
            "shell: x\n",
            7,
            "n.json:1:1: the file must be an object, as in {\"shell\": \"echo hello\"}\n",
        ),
        (
            &["-", "--name", "N.toml"],
            "shell = 'x'",
            7,
            "N.toml:1:1: `N` is not a name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`, beginning with a letter or digit (hint: give another `--name`)\n",
        ),
    ] {
        let mut child = campanile(folder.path(), words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{words:?} {text}");
        assert_eq!(output.status.code(), Some(code), "{words:?} {text}");
    }
}

/// What a terminal shows.
fn on_terminal(folder: &Path, no_color: &str, path: &str) -> String {
    let ends = nix::pty::openpty(None, None).unwrap();
    let mut command = campanile(folder, &[path]);
    command.env("TERM", "xterm").env("NO_COLOR", no_color).stdout(ends.slave).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut shown = Vec::new();
    let mut master = std::fs::File::from(ends.master);
    let mut bytes = [0; 4_096];
    // Linux says EIO at the end.
    while let Ok(n @ 1..) = master.read(&mut bytes) {
        shown.extend_from_slice(&bytes[..n]);
    }
    assert_eq!(child.wait().unwrap().code(), Some(7));
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}

#[test]
fn a_terminal_is_shown_the_line_underlined_and_colour_only_if_wanted() {
    let folder = folder(&[("a.toml", "noop = true\ntimeot = '5s'\n")]);
    let plain =
        "a.toml:2:1: unknown key `timeot` in a job\n2 | timeot = '5s'\n  | ^^^^^^\nhint: did you mean `timeout`?\n";
    assert_eq!(on_terminal(folder.path(), "1", "a.toml"), plain);
    let coloured = on_terminal(folder.path(), "", "a.toml");
    assert!(coloured.contains("\u{1b}["), "{coloured:?}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn a_mistake_above_many_jobs_is_told_once() {
    let folder = folder(&[("d/all.toml", "timeot = '5s'\n[jobs.a]\nshell = 'x'\n[jobs.b]\nshell = 'y'\n")]);
    let said = check(folder.path(), &["d"]);
    assert_eq!(said.data, "d/all.toml:1:1: unknown key `timeot` in a job (hint: did you mean `timeout`?)\n");
}

#[test]
fn what_the_owner_of_a_file_may_not_ask_for_is_a_warning_because_here_is_not_there() {
    let folder = folder(&[("d/a.toml", "shell = 'x'\nuser = 'root'\n"), ("d/b.toml", "shell = 'x'\nuser = 'bin'\n")]);
    let bin = nix::unistd::User::from_name("bin").unwrap().unwrap();
    for name in ["d/a.toml", "d/b.toml"] {
        nix::unistd::chown(&folder.path().join(name), Some(bin.uid), None).unwrap();
    }
    let said = check(folder.path(), &["d"]);
    assert_eq!((said.code, said.data.as_str()), (0, ""));
    assert_eq!(
        said.talk,
        "warning: d/a.toml:2:1: `user = \"root\"` counts only in a file that belongs to root, and this one belongs to `bin` (hint: chown root d/a.toml)\n\
         2 jobs in 2 files, no problems\n"
    );
    let said = check(folder.path(), &["--json", "d/a.toml"]);
    let warning: serde_json::Value = serde_json::from_str(&said.data).unwrap();
    assert_eq!((said.code, &warning["severity"], &warning["line"]), (0, &"warning".into(), &2.into()));
}

#[test]
fn pools_are_those_of_the_configuration_where_one_is_read() {
    let folder = folder(&[
        ("c/campanile.toml", "[pools]\ndatabase = 1\n"),
        ("c/jobs.d/a.toml", "shell = 'x'\npools = ['databse']\n"),
    ]);
    let said = check(folder.path(), &["c"]);
    let problem = "c/jobs.d/a.toml:2:10: there is no pool `databse` (hint: did you mean `database`?)\n";
    assert_eq!((said.code, said.data.as_str()), (7, problem));
    let said = check(folder.path(), &["c/jobs.d"]);
    assert_eq!((said.code, said.data.as_str()), (0, ""), "nothing is known of the machine that they are for");
}
