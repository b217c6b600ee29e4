//! Which files of which folders define jobs.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use campanile::files::{self, Found, Zones};
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;

fn load(dirs: &[PathBuf]) -> Found {
    let tzdb = Tzdb::bundled();
    files::load(dirs, Zones { tzdb: &tzdb, default: "UTC" }, Timestamp::from_micros(super::NOW_US))
}

fn folder(root: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let dir = root.join(name);
    std::fs::create_dir_all(&dir).unwrap();
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
    dir
}

fn names(found: &Found) -> Vec<&str> {
    found.jobs.iter().map(|job| job.name.as_str()).collect()
}

#[test]
fn a_later_folder_overrides_and_a_link_to_dev_null_masks() {
    let root = tempfile::tempdir().unwrap();
    let good = "shell = 'first'";
    let first =
        folder(root.path(), "a", &[("kept.toml", good), ("over.toml", good), ("gone.toml", good), ("back.toml", good)]);
    let second = folder(root.path(), "b", &[("over.toml", "shell = 'second'")]);
    let third = folder(root.path(), "c", &[("back.toml", good)]);
    symlink("/dev/null", second.join("gone.toml")).unwrap();
    symlink("/dev/null", second.join("back.toml")).unwrap();
    symlink("/dev/null", second.join("never.toml")).unwrap();
    let found = load(&[first, second.clone(), third, root.path().join("absent")]);
    assert_eq!(names(&found), ["back", "kept", "over"]);
    assert_eq!(found.jobs[2].source, second.join("over.toml").display().to_string());
    assert!(found.invalid.is_empty() && !found.incomplete);
}

#[test]
fn one_bad_file_never_affects_another() {
    let root = tempfile::tempdir().unwrap();
    let good = "shell = 'x'";
    let dir = folder(
        root.path(),
        "jobs.d",
        &[
            ("good.toml", good),
            ("bad.toml", "shel = 'x'"),
            ("empty.toml", ""),
            ("Name.toml", good),
            ("other.yaml", "shell: x"),
            ("good.toml~", "="),
            (".hidden.toml", "="),
            ("old.toml.dpkg-old", "="),
            ("README.md", "="),
        ],
    );
    folder(&dir, "good.d", &[("drop.toml", "=")]);
    folder(&dir, "folder.toml", &[]);
    symlink(dir.join("nowhere"), dir.join("broken.toml")).unwrap();
    symlink(dir.join("good.toml"), dir.join("linked.toml")).unwrap();
    nix::unistd::mkfifo(&dir.join("pipe.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let found = load(std::slice::from_ref(&dir));
    assert_eq!(names(&found), ["linked", "other"]);
    let mut invalid: Vec<_> = found
        .invalid
        .iter()
        .map(|file| {
            let name = file.path.rsplit('/').next().unwrap();
            let job = file.job.as_ref().map_or("-", |job| job.as_str());
            format!("{name} {job}: {}", file.problems[0].message)
        })
        .collect();
    invalid.sort();
    assert_eq!(
        invalid,
        [
            "Name.toml -: the file's stem is the job's name, and `Name` is not a name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`, beginning with a letter or digit",
            "bad.toml bad: unknown key `shel` in a job",
            "broken.toml broken: the file cannot be read: there is no such file or folder",
            "empty.toml empty: the file is empty",
            "good.toml good: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`",
            "pipe.toml pipe: this is not a regular file",
        ]
    );
    assert!(!found.incomplete);
}

#[test]
fn a_folder_that_cannot_be_read_makes_the_picture_incomplete() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let found = load(&[file]);
    assert!(found.incomplete);
    assert_eq!((found.invalid.len(), found.jobs.len()), (1, 0));
}

#[test]
fn a_calendar_is_found_like_a_job_and_a_broken_one_breaks_only_the_jobs_that_name_it() {
    let root = tempfile::tempdir().unwrap();
    let job = |name: &str| format!("shell = 'x'\ncron = '@daily'\nexclude = ['{name}']\n");
    let first = folder(
        root.path(),
        "a",
        &[
            ("over.dates", "2027-01-01"),
            ("gone.dates", "2027-01-01"),
            ("broken.dates", "2027-01-01\n1 May\n"),
            ("one.toml", &job("over")),
            ("two.toml", &job("gone")),
            ("three.toml", &job("broken")),
            ("four.toml", &job("ovre")),
            ("five.toml", "shell = 'x'"),
        ],
    );
    let second = folder(root.path(), "b", &[("over.dates", "2027-12-25")]);
    symlink("/dev/null", second.join("gone.dates")).unwrap();
    let found = load(&[first.clone(), second]);
    assert_eq!(names(&found), ["five", "one"]);
    assert_eq!(found.jobs[1].definition.schedules[0].exclude[0].dates[0].to_string(), "2027-12-25");
    let problems: Vec<String> = found.invalid.iter().flat_map(|file| &file.problems).map(ToString::to_string).collect();
    let shown = |name: &str| first.join(name).display().to_string();
    let broken = shown("broken.dates");
    assert_eq!(
        problems,
        [
            format!("{}:3:12: there is no calendar `ovre` (hint: did you mean `over`?)", shown("four.toml")),
            format!(
                "{}:3:12: the calendar `broken` cannot be read (hint: see what is wrong with `{broken}`)",
                shown("three.toml")
            ),
            format!(
                "{}:3:12: there is no calendar `gone` (hint: write its dates into a file `gone.dates` beside the jobs)",
                shown("two.toml")
            ),
            format!(
                "{broken}:2:1: `1 May` is not a date as in `2027-12-25`, nor a range as in `2027-12-24..2027-12-31`"
            ),
        ]
    );
}
