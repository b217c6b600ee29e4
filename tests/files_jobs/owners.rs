//! Who owns a file decides what it may ask for. These tests give files away, so they run as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use campanile::files::{self, Found, Holder, Known, Text, Zones, settings};
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{Uid, User, chown, fchownat};

use super::many::{folder, names};

/// A user who is there everywhere, and is nobody's administrator.
fn alice() -> User {
    User::from_name("daemon").unwrap().unwrap()
}

/// Another.
fn bob() -> User {
    User::from_name("bin").unwrap().unwrap()
}

fn give(path: &Path, uid: Uid) {
    chown(path, Some(uid), None).unwrap();
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn now() -> Timestamp {
    Timestamp::from_micros(super::NOW_US)
}

/// What was found, as a daemon takes it, and what is wrong with it.
fn held(root: &Path, mut found: Found) -> (Vec<String>, Vec<String>) {
    found.hold_to_owners();
    let names = names(&found).into_iter().map(str::to_owned).collect();
    let lines = found.invalid.iter().flat_map(|file| &file.problems).map(ToString::to_string);
    (names, lines.map(|line| line.replace(&format!("{}/", root.display()), "")).collect())
}

fn loaded(root: &Path, dir: &Path) -> (Vec<String>, Vec<String>) {
    let tzdb = Tzdb::bundled();
    held(root, files::load(&[dir.to_owned()], Zones { tzdb: &tzdb, default: "UTC" }, now()))
}

/// A file of `owner` that says `text` defines its jobs, or is told to be wrong as expected.
#[track_caller]
fn check(owner: Uid, text: &str, expected: &[&str]) {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(root.path(), "d", &[("a.toml", text)]);
    give(&dir.join("a.toml"), owner);
    let (names, problems) = loaded(root.path(), &dir);
    assert_eq!(problems, expected, "of {owner} in\n{text}");
    assert_eq!(names.is_empty(), !expected.is_empty());
}

#[test]
fn root_asks_for_anything_and_everybody_else_for_themselves() {
    let (root, alice, bob) = (Uid::from_raw(0), alice(), bob());
    let all = "shell = 'x'\nuser = 'bin'\ngroup = 'sys'\nnice = -20\n";
    check(root, all, &[]);
    check(root, "shell = 'x'\nuser = 'nobody-here'\n", &[]);
    check(alice.uid, "shell = 'x'\nnice = 19\nlimits = { pids = 3 }\n", &[]);
    check(alice.uid, "shell = 'x'\nuser = 'daemon'\ngroup = 'sys'\n", &[]);
    check(alice.uid, &format!("shell = 'x'\nuser = '{}'\n", alice.uid), &[]);
    check(
        alice.uid,
        all,
        &[
            "d/a.toml:2:1: `user = \"bin\"` counts only in a file that belongs to root or to `bin`, and this one belongs to `daemon` (hint: chown root d/a.toml)",
            "d/a.toml:3:1: `group` counts only in a file that belongs to root, or to the `user` beside it, and this one belongs to `daemon` (hint: chown root d/a.toml)",
            "d/a.toml:4:1: `nice` below 0 counts only in a file that belongs to root, and this one belongs to `daemon` (hint: chown root d/a.toml)",
        ],
    );
    let refused = |user: &str| {
        format!(
            "d/a.toml:2:1: `user = \"{user}\"` counts only in a file that belongs to root or to `{user}`, and this one belongs to `daemon` (hint: chown root d/a.toml)"
        )
    };
    for user in ["0", "nobody-here", &bob.uid.to_string()] {
        check(alice.uid, &format!("shell = 'x'\nuser = '{user}'\n"), &[&refused(user)]);
    }
    let group = "d/a.toml:2:1: `group` counts only in a file that belongs to root, or to the `user` beside it, and this one belongs to `daemon` (hint: chown root d/a.toml)";
    check(alice.uid, "shell = 'x'\ngroup = 'daemon'\n", &[group]);
    let nameless = Uid::from_raw(3_999_999_999);
    let by_number = refused("bin").replace("to `daemon`", "to `3999999999`");
    check(nameless, "shell = 'x'\nuser = 'bin'\n", &[&by_number]);
    check(nameless, "shell = 'x'\nuser = '3999999999'\n", &[]);
}

#[test]
fn each_task_asks_for_itself() {
    let text = "user = 'root'\n[tasks.a]\nshell = 'x'\nuser = 'daemon'\n[tasks.b]\nshell = 'x'\nuser = 'daemon'\ngroup = 'sys'\n";
    check(alice().uid, text, &[]);
    let told = "d/a.toml:1:1: `user = \"root\"` counts only in a file that belongs to root, and this one belongs to `daemon` (hint: chown root d/a.toml)";
    check(alice().uid, &format!("{text}[tasks.c]\nshell = 'x'\n[tasks.d]\nshell = 'x'\n"), &[told]);
    let asked = format!("precondition = {{ command = ['x'] }}\n{text}");
    check(alice().uid, &asked, &[&told.replace("toml:1", "toml:2")]);
    check(alice().uid, "nice = -1\n[jobs.a]\nshell = 'x'\nnice = 0\n[jobs.b]\nshell = 'x'\nnice = 1\n", &[]);
}

#[test]
fn a_file_that_others_may_write_is_nobodys() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(root.path(), "d", &[("a.toml", "shell = 'x'\nuser = 'bin'\n")]);
    let file = dir.join("a.toml");
    let needs = "d/a.toml:2:1: `user = \"bin\"` counts only in a file that belongs to root or to `bin`, and";
    let expect = |what: &str| {
        let expected: Vec<String> = if what.is_empty() { Vec::new() } else { vec![format!("{needs} {what}")] };
        assert_eq!(loaded(root.path(), &dir).1, expected);
    };
    for (mode, is_nobodys) in [(0o644, false), (0o600, false), (0o664, true), (0o646, true), (0o755, false)] {
        allow(&file, mode);
        let what = "others than its owner may write this one (hint: chmod go-w d/a.toml)";
        expect(if is_nobodys { what } else { "" });
    }
    for (mode, is_nobodys) in [(0o755, false), (0o775, true), (0o757, true), (0o1777, false), (0o700, false)] {
        allow(&dir, mode);
        expect(if is_nobodys { "others may write the folder of this one (hint: chmod go-w d)" } else { "" });
    }
    give(&dir, alice().uid);
    expect("somebody else owns the folder of this one (hint: chown root d)");
    give(&dir, bob().uid);
    expect("somebody else owns the folder of this one (hint: chown root d)");
    give(&file, bob().uid);
    expect("");
    // A name says as much as who has put it there. (In a folder of everybody's, the kernel may refuse to follow it.)
    give(&dir, Uid::from_raw(0));
    allow(&dir, 0o755);
    let other = root.path().join("other.toml");
    fs::rename(&file, &other).unwrap();
    give(&other, Uid::from_raw(0));
    symlink(&other, &file).unwrap();
    expect("");
    fchownat(AT_FDCWD, &file, Some(alice().uid), None, AtFlags::AT_SYMLINK_NOFOLLOW).unwrap();
    expect("somebody else owns the link to this one (hint: chown -h root d/a.toml)");
}

#[test]
fn whoever_has_a_part_in_a_job_must_be_one_who_might_ask_for_what_it_asks_for() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            ("a.toml", "shell = 'x'\nuser = 'bin'\n"),
            ("a.d/1.toml", "# nothing\n"),
            ("a.d/2.toml", "env = { A = '1' }\nshell = 'evil'\n"),
            ("b.toml", "shell = 'x'\n"),
            ("b.d/1.toml", "user = 'bin'\n"),
            ("c.toml", "shell = 'x'\n"),
            ("c.d/1.toml", "user = 'daemon'\n"),
            ("d.toml", "shell = 'x'\nnice = -5\nuser = 'daemon'\n"),
            ("d.d/1.toml", "timeout = '1s'\n"),
            ("e.toml", "shell = 'x'\nnice = -5\nuser = 'bin'\n"),
            ("e.d/1.toml", "nice = 5\nuser = 'daemon'\nshell = 'y'\n"),
        ],
    );
    for name in ["a.d/1.toml", "a.d/2.toml", "b.toml", "c.toml", "c.d/1.toml", "d.d/1.toml", "e.d/1.toml"] {
        give(&dir.join(name), alice().uid);
    }
    for name in ["a.d", "c.d", "d.d", "e.d"] {
        give(&dir.join(name), alice().uid);
    }
    let (names, problems) = loaded(root.path(), &dir);
    assert_eq!(names, ["c", "e"], "what is laid over is not asked for any more");
    assert_eq!(
        problems,
        [
            "d/a.d/2.toml:1:1: `user = \"bin\"` in `d/a.toml` counts only if each file of the job is one that belongs to root or to `bin`, and this one belongs to `daemon` (hint: chown root d/a.d/2.toml)",
            "d/b.toml:1:1: `user = \"bin\"` in `d/b.d/1.toml` counts only if each file of the job is one that belongs to root or to `bin`, and this one belongs to `daemon` (hint: chown root d/b.toml)",
            "d/d.d/1.toml:1:1: `nice` below 0 in `d/d.toml` counts only if each file of the job is one that belongs to root, and this one belongs to `daemon` (hint: chown root d/d.d/1.toml)",
        ]
    );
}

/// What the jobs of `dir` come to over the defaults in a configuration of `owner`.
fn under(root: &Path, owner: Uid, defaults: &str, dir: &Path, put: Option<&Path>) -> (Vec<String>, Vec<String>) {
    let config: PathBuf = root.join("campanile.toml");
    fs::write(&config, format!("[defaults]\n{defaults}")).unwrap();
    give(&config, owner);
    let settings::Configuration { settings, tzdb, .. } = settings::load(&config, true).unwrap();
    let zones = Zones { tzdb: &tzdb, default: "UTC" };
    let dirs = [dir.to_owned()];
    held(root, files::load_changed(&settings.defaults, &dirs, put, zones, now(), &mut Known::default()))
}

#[test]
fn defaults_are_for_the_files_of_others() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path();
    let dir = folder(path, "d", &[("a.toml", "shell = 'x'\n"), ("b.toml", "shell = 'x'\nuser = 'daemon'\n")]);
    for name in ["a.toml", "b.toml"] {
        give(&dir.join(name), alice().uid);
    }
    let of_root = under(path, Uid::from_raw(0), "user = 'bin'\nnice = -1\n", &dir, None);
    assert_eq!(of_root, (vec!["a".to_owned(), "b".to_owned()], vec![]));
    let (names, problems) = under(path, bob().uid, "user = 'sys'\ntimeout = '1s'\n", &dir, None);
    assert_eq!(names, [""; 0]);
    assert_eq!(
        problems,
        [
            "campanile.toml:2:1: `user = \"sys\"` counts only in a file that belongs to root or to `sys`, and this one belongs to `bin` (hint: chown root campanile.toml)",
            "campanile.toml:3:1: `user = \"daemon\"` in `d/b.toml` counts only if each file of the job is one that belongs to root or to `daemon`, and this one belongs to `bin` (hint: chown root campanile.toml)",
        ]
    );
}

#[test]
fn what_was_put_by_api_may_name_nobody_but_the_daemon() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(
        root.path(),
        "state/jobs.d",
        &[
            ("a.toml", "shell = 'x'\nuser = 'root'\ngroup = 'root'\nnice = 3\n"),
            ("b.toml", "shell = 'x'\nuser = 'bin'\n"),
            ("c.toml", "shell = 'x'\nnice = -1\n"),
            ("d.toml", "shell = 'x'\n"),
        ],
    );
    assert!(nix::unistd::geteuid().is_root(), "these tests run as root");
    let (names, problems) = under(root.path(), Uid::from_raw(0), "user = 'bin'\n", &dir, Some(&dir));
    assert_eq!(names, ["a", "d"], "and what root has said of every job counts");
    assert_eq!(
        problems,
        [
            "state/jobs.d/b.toml:2:1: `user = \"bin\"` counts only in a file that belongs to root or to `bin`, and this job was put by API, so it is the daemon's own, `root` (hint: as root, write it into a folder of `jobs_dirs`)",
            "state/jobs.d/c.toml:2:1: `nice` below 0 counts only in a file that belongs to root, and this job was put by API, so it is the daemon's own, `root` (hint: as root, write it into a folder of `jobs_dirs`)",
        ]
    );
    let tzdb = Tzdb::bundled();
    let zones = Zones { tzdb: &tzdb, default: "UTC" };
    for (user, n_wrong) in [(alice(), 1), (bob(), 0)] {
        let holder = Holder::Daemon(user.uid.as_raw());
        let text = Text { bytes: b"shell = 'x'\nuser = 'bin'\n".to_vec(), holder };
        let name = "a".parse().unwrap();
        let found = files::read_text(&files::Defaults::default(), &name, Path::new("a.toml"), &text, zones, now());
        assert_eq!(held(Path::new(""), found).1.len(), n_wrong, "{holder:?}");
    }
}

#[test]
fn what_is_wrong_with_the_owner_is_told_each_time_and_healed_when_he_changes() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(root.path(), "d", &[("a.toml", "shell = 'x'\nuser = 'bin'\n"), ("b.toml", "shell = 'x'\n")]);
    let file = dir.join("a.toml");
    give(&file, alice().uid);
    let tzdb = Tzdb::bundled();
    let mut known = Known::default();
    let mut look = || {
        let zones = Zones { tzdb: &tzdb, default: "UTC" };
        let dirs = [dir.clone()];
        // Long after whatever was written.
        let now = Timestamp::from_micros(super::NOW_US.saturating_mul(2));
        let found = files::load_changed(&files::Defaults::default(), &dirs, None, zones, now, &mut known);
        let unchanged = found.unchanged.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let (names, problems) = held(root.path(), found);
        (names.join(" "), unchanged, problems.len())
    };
    let seen = |names: &str, unchanged: &str, n: usize| (names.to_owned(), unchanged.to_owned(), n);
    assert_eq!(look(), seen("b", "", 1));
    assert_eq!(look(), seen("", "b", 1));
    give(&file, Uid::from_raw(0));
    assert_eq!(look(), seen("a", "b", 0));
    assert_eq!(look(), seen("", "a b", 0));
    allow(&file, 0o666);
    assert_eq!(look(), seen("", "b", 1));
    allow(&file, 0o644);
    assert_eq!(look(), seen("a", "b", 0));
    allow(&dir, 0o777);
    assert_eq!(look(), seen("b", "", 1), "who may write the folder may write what is in it");
}

#[test]
fn of_a_file_of_many_jobs_a_bounded_number_is_told() {
    let root = tempfile::tempdir().unwrap();
    let text: String = (0..300).map(|n| format!("[jobs.j{n}]\nshell = 'x'\nuser = 'bin'\n")).collect();
    let dir = folder(root.path(), "d", &[("a.toml", &format!("{text}[jobs.fine]\nshell = 'x'\n"))]);
    give(&dir.join("a.toml"), alice().uid);
    let (names, problems) = loaded(root.path(), &dir);
    assert_eq!((names, problems.len()), (vec!["a.fine".to_owned()], 201));
    assert_eq!(problems.last().unwrap(), "d/a.toml:1:1: the same is wrong with more jobs of this file");
}
