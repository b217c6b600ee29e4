//! What lies over and under a job's file: drop-ins, masks, defaults; and where each key of what comes out is written.

use std::os::unix::fs::symlink;
use std::path::Path;

use campanile::files::{self, Found, FoundJob, Zones, settings};
use campanile::model::timestamp::Timestamp;

use super::many::{folder, load, names, problems};

fn job<'f>(found: &'f Found, name: &str) -> &'f FoundJob {
    found.jobs.iter().find(|job| job.name.as_str() == name).unwrap()
}

#[test]
fn drop_ins_lie_over_the_file_in_the_order_of_their_names() {
    let root = tempfile::tempdir().unwrap();
    let base = "shell = 'x'\ntimeout = '5s'\ntags = ['a', 'b']\nenv = { A = '1', B = '1', S = { env = 'X', prefix = 'p' } }\ncron = '@daily'\n";
    let first = folder(
        root.path(),
        "a",
        &[
            ("j.toml", base),
            ("j.d/20-b.toml", "timeout = '7s'\ntags = ['c']\nenv = { B = '3' }\n"),
            ("j.d/30-gone.toml", "timeout = '9s'\n"),
            ("j.d/40-replaced.toml", "timeout = '9s'\n"),
            ("j.d/.hidden.toml", "="),
            ("j.d/50-old.toml~", "="),
            ("j.d/README", "="),
            ("m.toml", "shell = 'x'\n"),
            ("m.d/x.toml", "timeout = '1s'\n"),
        ],
    );
    let second = folder(
        root.path(),
        "b",
        &[
            ("j.d/10-a.yaml", "timeout: 6s\nenv: {B: '2', C: '2'}\nevery: 1h\n"),
            ("j.d/40-replaced.toml", "command = ['y']\n"),
            ("j.d/60-empty.json", ""),
            ("none.d/x.toml", "timeout = '1s'\n"),
        ],
    );
    symlink("/dev/null", second.join("j.d/30-gone.toml")).unwrap();
    symlink("/dev/null", second.join("m.toml")).unwrap();
    let found = load(&[first, second]);
    // A secret in `env` may be refused; then the rest of the file must not suffer from how it is written here.
    let text = "env = { A = '1', B = '3', S = { env = 'X', prefix = 'p' }, C = '2' }\ncommand = ['y']\ntimeout = '7s'\ntags = ['c']\nevery = '1h'\n";
    match super::read(text.as_bytes()) {
        Ok((expected, _)) => {
            assert_eq!(problems(root.path(), &found), [""; 0]);
            let mut given = job(&found, "j").definition.clone();
            given.schedules.iter_mut().for_each(|schedule| "Europe/Berlin".clone_into(&mut schedule.timezone));
            assert_eq!(given, expected);
        }
        Err(expected) => assert_eq!(found.invalid[0].problems.len(), expected.len()),
    }
    let warnings: Vec<_> = found.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["there is no job `none` for this drop-in"], "and none for what is masked");
}

#[test]
fn a_fault_in_a_drop_in_has_its_place_there() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            ("a.toml", "shell = 'x'\n"),
            ("a.d/1.toml", "# one\ntimeot = '5s'\n"),
            ("a.d/2.yaml", "env:\n  X: 5\n"),
            ("b.toml", "shell = 'x'\n"),
            ("b.d/1.toml", "a = \n"),
            ("c.toml", "shell = 'x'\n"),
            ("c.d/1.toml", "\u{1}\0"),
            ("all.toml", "[jobs.x]\nshell = 'x'\n[jobs.y]\nshell = 'y'\n"),
            ("all.d/1.toml", "timeout = '3s'\n[jobs.z]\nshell = 'z'\n"),
            ("all.x.d/1.toml", "timeout = 5\n"),
        ],
    );
    symlink("nowhere", dir.join("c.d/2.toml")).unwrap();
    let found = load(&[dir]);
    assert_eq!(names(&found), ["all.y", "all.z"]);
    assert_eq!(job(&found, "all.z").definition, super::job("shell = 'z'\ntimeout = '3s'"));
    assert_eq!(
        problems(root.path(), &found),
        [
            "a: d/a.d/1.toml:2:1: unknown key `timeot` in a job (hint: did you mean `timeout`?)",
            "a: d/a.d/2.yaml:2:6: `X` must be a string, found an integer (hint: write \"5\")",
            "all.x: d/all.x.d/1.toml:1:11: `timeout` must be a duration as in \"90s\", found an integer (hint: write \"5s\" for seconds)",
            "b: d/b.d/1.toml:1:5: a string must be in quotes",
            "c: d/c.d/1.toml:1:2: the file holds a NUL byte, so it is not text",
            "c: d/c.d/2.toml:1:1: the file cannot be read: there is no such file or folder",
        ]
    );
}

#[test]
fn a_link_to_dev_null_hides_one_of_many() {
    let root = tempfile::tempdir().unwrap();
    let dir = folder(root.path(), "d", &[("all.toml", "[jobs.x]\nshell = 'x'\n[jobs.y]\nshell = 'y'\n")]);
    symlink("/dev/null", dir.join("all.x.toml")).unwrap();
    assert_eq!(names(&load(&[dir])), ["all.y"]);
}

fn configured(root: &Path, text: &str) -> Result<settings::Configuration, Vec<String>> {
    let path = root.join("campanile.toml");
    std::fs::write(&path, text).unwrap();
    settings::load(&path, true).map_err(|file| {
        let lines = file.problems.iter().map(ToString::to_string);
        lines.map(|line| line.replace(&format!("{}/", root.display()), "")).collect()
    })
}

const DEFAULTS: &str = r#"# what we all do
[defaults]
timeout = "1h"
overlap = "allow"
timezone = "Asia/Tokyo"
catch_up = "none"
env = { A = "1", B = "1" }
retry = { max_attempts = 3, delay = "5s" }
"#;

#[test]
fn defaults_lie_under_every_job() {
    let root = tempfile::tempdir().unwrap();
    let configuration = configured(root.path(), DEFAULTS).unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            ("a.toml", "shell = 'x'\n"),
            (
                "b.yaml",
                "cron: '@daily'\ntimeout: 2h\nenv: {B: '2'}\ntasks:\n  t:\n    noop: true\n    retry: {delay: 9s}\n",
            ),
            ("bad.toml", "shell = 'x'\nretry = { max_delay = '1s' }\n"),
        ],
    );
    let zones = Zones { tzdb: &configuration.tzdb, default: "UTC" };
    let now = Timestamp::from_micros(super::NOW_US);
    let found = files::load_over(&configuration.settings.defaults, &[dir], zones, now);
    let a = job(&found, "a");
    assert_eq!(a.warnings, [], "that a default has no effect is nobody's mistake");
    let text = "shell = 'x'\ntimeout = '1h'\noverlap = 'allow'\nenv = { A = '1', B = '1' }\nretry = { max_attempts = 3, delay = '5s' }\n";
    assert_eq!(a.definition, super::job(text));
    let text = "cron = '@daily'\ntimezone = 'Asia/Tokyo'\ncatch_up = 'none'\noverlap = 'allow'\nenv = { A = '1', B = '2' }\n[tasks.t]\nnoop = true\ntimeout = '2h'\nretry = { max_attempts = 3, delay = '9s' }\n";
    assert_eq!(job(&found, "b").definition, super::job(text));
    assert_eq!(
        problems(root.path(), &found),
        ["bad: d/bad.toml:2:23: `max_delay` is shorter than `delay`, which is 5s"]
    );
}

#[test]
fn defaults_are_judged_where_they_are_written() {
    let root = tempfile::tempdir().unwrap();
    let text = "[defaults]\ntimeout = 5\nshell = 'x'\nmax_tasks = 3\nretry = { max_atempts = 3 }\ntimezone = 'Mars/X'\nenv = ['A']\nx-note = 'ours'\n";
    assert_eq!(
        configured(root.path(), text).unwrap_err(),
        [
            "campanile.toml:2:11: `timeout` must be a duration as in \"90s\", found an integer (hint: write \"5s\" for seconds)",
            "campanile.toml:3:1: unknown key `shell` in `defaults`",
            "campanile.toml:4:1: `max_tasks` is a key of the configuration, not of `defaults` (hint: move it above the first `[`-table)",
            "campanile.toml:5:11: unknown key `max_atempts` in `retry` (hint: did you mean `max_attempts`?)",
            "campanile.toml:6:12: unknown time zone `Mars/X` (hint: write an IANA name as in `Europe/Berlin`)",
            "campanile.toml:7:7: `env` must be a table, found a list",
        ]
        .map(str::to_owned)
        .to_vec()
        .as_slice()
    );
}

#[test]
fn defaults_about_processes_are_for_processes() {
    let root = tempfile::tempdir().unwrap();
    let text = "[defaults]\nenv = { A = '1' }\nenv_file = '-/etc/all.env'\ninterpreter = ['bash', '-euc']\numask = '027'\nnice = 5\n\
                limits = { pids = 9, core = '0' }\nkill_grace = '3s'\non_interrupt = 'retry'\nstop = { command = ['bye'], timeout = '2s' }\n\
                success = { forbidden_regex = ['Traceback'] }\n";
    let configuration = configured(root.path(), text).unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            ("a.toml", "shell = 'x'\numask = '077'\nlimits = { pids = 4 }\n"),
            ("b.toml", "command = ['x']\nstop = { timeout = '9s' }\n"),
            ("c.toml", "http = { url = 'http://a/', method = 'POST' }\n"),
            ("d.toml", "env = { B = '2' }\nhttp = { url = 'http://a/' }\n"),
            ("e.toml", "command = ['x']\ninterpreter = 'bash'\n"),
            ("f.toml", "umask = '022'\n[jobs.x]\nhttp = { url = 'http://a/' }\n"),
            ("g.toml", "http = { url = 'http://a/' }\n"),
            ("g.d/1.toml", "umask = '022'\nuser = 'x'\ngroup = 'x'\nnice = 1\nlimits = { cpu = 1 }\n"),
        ],
    );
    let zones = Zones { tzdb: &configuration.tzdb, default: "UTC" };
    let now = Timestamp::from_micros(super::NOW_US);
    let found = files::load_over(&configuration.settings.defaults, &[dir], zones, now);
    assert_eq!(names(&found), ["a", "b", "c", "f.x"]);
    assert_eq!(
        problems(root.path(), &found),
        [
            "d: d/d.toml:1:1: `env` has no meaning beside `http` (hint: a request has headers and a body, no environment)",
            "e: d/e.toml:2:1: `interpreter` runs the text of `shell`, and this task is a `command`",
            "g: d/g.d/1.toml:1:1: `umask` has no meaning beside `http` (hint: a request makes no files)",
            "g: d/g.d/1.toml:2:1: `user` has no meaning beside `http` (hint: a request is made by the daemon)",
            "g: d/g.d/1.toml:3:1: `group` has no meaning beside `http` (hint: a request is made by the daemon)",
            "g: d/g.d/1.toml:4:1: `nice` has no meaning beside `http` (hint: a request has no process)",
            "g: d/g.d/1.toml:5:1: `limits` has no meaning beside `http` (hint: `timeout` and `max_response` bound a request)",
        ]
    );
    let success = "success = { forbidden_regex = ['Traceback'] }";
    let rest = format!("env = {{ A = '1' }}\nenv_file = '-/etc/all.env'\nkill_grace = '3s'\n{success}\n");
    let text = "shell = 'x'\numask = '077'\nnice = 5\nlimits = { pids = 4, core = 0 }\ninterpreter = ['bash', '-euc']\nstop = { command = ['bye'], timeout = '2s' }\n";
    assert_eq!(job(&found, "a").definition, super::job(&format!("{text}{rest}")));
    let task = &job(&found, "b").definition.tasks[0];
    assert_eq!(
        (task.umask, task.stop.as_ref().map(|stop| stop.timeout.to_string())),
        (Some(0o27), Some("9s".to_owned()))
    );
}

#[test]
fn every_key_says_where_it_is_written() {
    let root = tempfile::tempdir().unwrap();
    let configuration = configured(root.path(), DEFAULTS).unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            (
                "a.toml",
                "description = 'x'\n[[schedules]]\nevery = '1h'\n[tasks.one]\nshell = 'x'\nretry = { delay = '9s' }\n[[hooks]]\non = ['*.failed']\nwebhook = { url = { env = 'URL' } }\n",
            ),
            (
                "a.d/1.toml",
                "max_runs = 2\n[params.day]\ntype = 'string'\nenum = ['x']\nmax_length = 3\ndefault = 'x'\n[tasks.one]\ntimeout = '3h'\numask = '007'\nuser = 'root'\nnice = -3\nlimits = { cpu = 1.5, pids = 4 }\n",
            ),
        ],
    );
    let zones = Zones { tzdb: &configuration.tzdb, default: "UTC" };
    let now = Timestamp::from_micros(super::NOW_US);
    let found = files::load_over(&configuration.settings.defaults, &[dir], zones, now);
    assert_eq!(problems(root.path(), &found), [""; 0]);
    let shown: Vec<String> = found.jobs[0]
        .origins
        .iter()
        .map(|origin| {
            let file = origin.file.as_deref().and_then(|file| Path::new(file).strip_prefix(root.path()).ok());
            let place =
                file.zip(origin.line).map_or("default".to_owned(), |(file, line)| format!("{}:{line}", file.display()));
            format!("{} = {} ({place})", origin.key, origin.value)
        })
        .collect();
    for expected in [
        "description = \"x\" (d/a.toml:1)",
        "enabled = true (default)",
        "overlap = \"allow\" (campanile.toml:4)",
        "max_runs = 2 (d/a.d/1.toml:1)",
        "priority = 5 (default)",
        "schedules[0].every = \"1h\" (d/a.toml:3)",
        "schedules[0].timezone = \"Asia/Tokyo\" (campanile.toml:5)",
        "schedules[0].catch_up = \"none\" (campanile.toml:6)",
        "schedules[0].catch_up_window = \"1d\" (default)",
        "tasks.one.shell = \"x\" (d/a.toml:5)",
        "tasks.one.env.A = \"1\" (campanile.toml:7)",
        "tasks.one.timeout = \"3h\" (d/a.d/1.toml:8)",
        "tasks.one.umask = \"007\" (d/a.d/1.toml:9)",
        "tasks.one.user = \"root\" (d/a.d/1.toml:10)",
        "tasks.one.nice = -3 (d/a.d/1.toml:11)",
        "tasks.one.limits.cpu = 1.5 (d/a.d/1.toml:12)",
        "tasks.one.limits.pids = 4 (d/a.d/1.toml:12)",
        "params.day.type = \"string\" (d/a.d/1.toml:3)",
        "params.day.enum = [\"x\"] (d/a.d/1.toml:4)",
        "params.day.max_length = 3 (d/a.d/1.toml:5)",
        "tasks.one.retry.max_attempts = 3 (campanile.toml:8)",
        "tasks.one.retry.delay = \"9s\" (d/a.toml:6)",
        "tasks.one.retry.factor = 2 (default)",
        "tasks.one.leftovers = \"kill\" (default)",
        "hooks[0].webhook.url = {\"env\":\"URL\"} (d/a.toml:9)",
        "hooks[0].on = [\"*.failed\"] (d/a.toml:8)",
    ] {
        assert!(shown.iter().any(|line| line == expected), "{expected} is not among\n{}", shown.join("\n"));
    }
}
