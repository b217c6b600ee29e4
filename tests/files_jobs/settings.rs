//! `campanile.toml`: the same diagnostics as jobs.

use std::path::{Path, PathBuf};

use campanile::files::settings::{
    self, Backup, Clockwork, Configuration, Log, LogFormat, LogLevel, Reload, Synchronous,
};
use campanile::files::{InvalidFile, Settings};
use campanile::model::duration::Duration;
use campanile::tzdb::Choice;

fn load(text: &str) -> (PathBuf, Result<Configuration, InvalidFile>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("campanile.toml");
    std::fs::write(&path, text).unwrap();
    let found = settings::load(&path, true);
    (folder.path().to_owned(), found)
}

fn check(text: &str, expected: &[&str]) {
    let problems = load(text).1.err().map(|invalid| invalid.problems).unwrap_or_default();
    let found: Vec<_> = problems.iter().map(|p| p.to_string().replacen(&format!("{}:", p.path), "", 1)).collect();
    assert_eq!(found, expected, "in\n{text}");
}

#[test]
fn a_configuration_that_says_nothing_is_the_default() {
    let (_, configuration) = load("");
    assert_eq!(configuration.unwrap().settings, Settings::default());
    let absent = Path::new("/nonexistent/campanile.toml");
    assert_eq!(settings::load(absent, false).unwrap().settings, Settings::default());
    let problem = settings::load(absent, true).unwrap_err().problems.remove(0);
    let expected = "/nonexistent/campanile.toml:1:1: the file cannot be read: there is no such file or folder";
    assert_eq!(problem.to_string(), expected);
}

#[test]
fn every_setting_is_read() {
    let (folder, configuration) = load(
        r#"
jobs_dirs = ["jobs.d", "/srv/jobs"]
state_dir = "state"
socket = "/run/x.sock"
timezone = "Asia/Tokyo"
tzdb = "bundled"
max_tasks = 4
drain_timeout = "0s"
synchronous = "normal"
retention.completed = { max_age = "1d", max_count = 10 }
log = { format = "json", level = "debug" }
reload = "manual"
backup = { cron = "0 3 * * *", dir = "copies", keep = 3 }
integrity_check.cron = "@weekly"
pools = { db = 4, "gpu.0" = 1 }
[retention.failed]
max_count = 0
[[hooks]]
on = ["*.failed"]
jobs = ["nightly-*"]
shell = "true"
"#,
    );
    let settings = configuration.unwrap().settings;
    assert_eq!(settings.folders(Path::new("/x")), [folder.join("jobs.d"), PathBuf::from("/srv/jobs")]);
    assert_eq!(settings.state_dir, Some(folder.join("state")));
    assert_eq!(settings.socket, Some(PathBuf::from("/run/x.sock")));
    assert_eq!((settings.timezone.as_deref(), &settings.tzdb), (Some("Asia/Tokyo"), &Choice::Bundled));
    assert_eq!((settings.max_tasks, settings.drain_timeout), (4, Duration::ZERO));
    assert_eq!(settings.pools, [("db", 4), ("gpu.0", 1)].map(|(name, size)| (name.to_owned(), size)).into());
    assert_eq!(settings.synchronous, Synchronous::Normal);
    assert_eq!((settings.retention.completed.max_count, settings.retention.failed.max_count), (10, 0));
    assert_eq!(settings.retention.failed.max_age, Settings::default().retention.failed.max_age);
    assert_eq!(settings.log, Log { format: LogFormat::Json, level: LogLevel::Debug });
    assert_eq!(settings.hooks[0].jobs, ["nightly-*"]);
    assert_eq!(settings.reload, Reload::Manual);
    let cron = Clockwork("0 0 3 * * *".to_owned());
    assert_eq!(settings.backup, Some(Backup { cron, dir: folder.join("copies"), keep: 3 }));
    assert_eq!(settings.integrity_check, Some(Clockwork("0 0 0 * * 0".to_owned())));
}

#[test]
fn every_fault_of_a_configuration_is_told() {
    check(
        r#"max_task = 3
jobs_dirs = ["", 5]
timezone = "Europe/Berln"
tzdb = "bundle"
synchronous = "off"
tls = "on"
state_dir = "~/x"
[log]
level = "loud"
max_tasks = 0
[retention.done]
max_age = "1d"
[retention.failed]
max_age = 7
[[hooks]]
on = ["*"]
jobs = ["Nightly"]
shell = "true"
"#,
        &[
            "1:1: unknown key `max_task` in the configuration (hint: did you mean `max_tasks`?)",
            "2:14: an item of `jobs_dirs` must be a path, found `` (hint: write it out; a relative path lies beside this file)",
            "2:18: an item of `jobs_dirs` must be a string, found an integer (hint: write \"5\")",
            "3:12: unknown time zone `Europe/Berln` (hint: did you mean `Europe/Berlin`?)",
            "4:8: `tzdb` must be `auto`, `system`, `bundled` or a path, found `bundle` (hint: did you mean `bundled`?)",
            "5:15: `synchronous = \"off\"` is not supported by this version (hint: use `full` or `normal`)",
            "6:1: `tls` is not supported by this version",
            "7:13: `state_dir` must be a path, found `~/x` (hint: write it out; a relative path lies beside this file)",
            "9:9: `level` must be `error`, `warn`, `info`, `debug` or `trace`, found `loud`",
            "10:1: `max_tasks` is a key of the configuration, not of `log` (hint: move it above the first `[`-table)",
            "11:12: unknown key `done` in `retention` (hint: it knows `completed`, `failed` or `cancelled`)",
            "14:11: `max_age` must be a duration as in \"90s\", found an integer (hint: write \"7s\" for seconds)",
            "17:9: `Nightly` can match no job: names are of a-z, 0-9, `_`, `.`, `-` (hint: `*` stands for any run of characters)",
        ],
    );
    check("tzdb = '/nonexistent'", &["1:8: no time zone data in `/nonexistent`"]);
}

#[test]
fn chores_are_told_what_they_lack_and_what_they_do_not_understand() {
    check(
        "[backup]\ncron = \"0 3 * * *\"\n",
        &["1:1: `backup` needs `dir`, the folder that holds the copies (hint: name one on another disk)"],
    );
    check(
        "[backup]\ndir = \"x\"\n",
        &["1:1: `cron` is missing: it says when, in UTC (hint: write `cron = \"0 3 * * *\"`)"],
    );
    check(
        "[integrity_check]\ncron = \"0 3 * * MON\"\n",
        &["2:8: `M` is for schedules of jobs; here are plain fields only (hint: write numbers, `*`, `,`, `-` and `/`)"],
    );
    check("[backup]\ncron = \"0 3 * * *\"\ndir = \"x\"\nkeep = 0\n", &["4:8: `keep` must be 1 to 10000, found 0"]);
}

#[test]
fn pools_have_names_and_sizes() {
    check(
        r#"max_tasks = 2
[pools]
db = 0
Gpu = 1
net = "4"
"#,
        &[
            "3:6: `db` must be 1 to 100000, found 0",
            "4:1: `Gpu` is not a pool's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`",
            "5:7: `net` must be an integer, found a string",
        ],
    );
    check("pools = [\"db\"]\n", &["1:9: `pools` must be a table, found a list"]);
}
