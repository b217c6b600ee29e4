//! `campanile check`, from outside: what it prints, where, and how it exits.
#![expect(clippy::disallowed_methods, reason = "a black-box test starts the program")]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::Path;
use std::process::Command;

struct Said {
    code: i32,
    data: String,
    talk: String,
}

fn check(folder: &Path, paths: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_campanile"))
        .arg("check")
        .args(paths)
        .current_dir(folder)
        .env("XDG_CONFIG_HOME", folder)
        .env_remove("TZ")
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        data: String::from_utf8(output.stdout).unwrap(),
        talk: String::from_utf8(output.stderr).unwrap(),
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
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
    let expected = "a.conf:1:1: a job file's name ends in `.toml` (hint: rename it)\n\
                    b.yaml:1:1: `.yaml` files are not supported by this version (hint: write the job as TOML)\n";
    assert_eq!(said.data, expected);
}
