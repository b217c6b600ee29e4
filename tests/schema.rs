//! The JSON Schemas and the reader say the same as far as a schema can: what is shown anywhere is taken by both, what is
//! wrong in a way that a schema can tell is refused by both, and what the reader takes the schema takes.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "schema/chance.rs"]
mod chance;
#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "guide/page.rs"]
mod page;

use std::path::PathBuf;

use campanile::files::spec::{self, schema};
use campanile::files::{Zones, load, settings};
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;

/// 2027-01-15T08:00:00Z.
const NOW_US: i64 = 1_800_000_000_000_000;

/// One of the two kinds of files.
struct Kind {
    validator: Validator,
    is_job: bool,
}

impl Kind {
    fn job() -> Kind {
        Kind { validator: jsonschema::draft7::new(&schema::job()).unwrap(), is_job: true }
    }

    fn config() -> Kind {
        Kind { validator: jsonschema::draft7::new(&schema::config()).unwrap(), is_job: false }
    }

    /// What the reader has against this text.
    fn reader(&self, text: &str) -> Vec<String> {
        let problems = if self.is_job {
            let tzdb = Tzdb::bundled();
            let zones = Zones { tzdb: &tzdb, default: "UTC" };
            // As a daemon reads it: a file may define many jobs.
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("j.toml"), text).unwrap();
            let found = load(&[folder.path().to_owned()], zones, Timestamp::from_micros(NOW_US));
            Some(found.invalid.into_iter().flat_map(|file| file.problems).collect())
        } else {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            settings::load(file.path(), true).err().map(|invalid| invalid.problems)
        };
        problems.unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    /// What the schema has against it.
    fn schema(&self, text: &str) -> Vec<String> {
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error} in\n{text}"));
        self.schema_of(&schema::from_toml(&toml::Value::Table(table)))
    }

    fn schema_of(&self, value: &Value) -> Vec<String> {
        self.validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[track_caller]
    fn takes(&self, what: &str, text: &str) {
        assert_eq!((self.reader(text), self.schema(text)), (vec![], vec![]), "{what}:\n{text}");
    }

    #[track_caller]
    fn refuses(&self, text: &str) {
        assert_ne!(self.reader(text), Vec::<String>::new(), "the reader takes\n{text}");
        assert_ne!(self.schema(text), Vec::<String>::new(), "the schema takes\n{text}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_example_is_taken_by_both_and_names_the_schema() {
    let kind = Kind::job();
    let mut n_files = 0;
    for entry in std::fs::read_dir(root().join("jobs.d")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = path.display().to_string();
        assert_eq!(text.lines().next(), Some("#:schema ../docs/reference/job.schema.json"), "{shown}");
        kind.takes(&shown, &text);
        n_files += 1;
    }
    assert!(n_files >= 6, "{n_files} examples");
    assert!(root().join("docs/reference/job.schema.json").is_file());
}

#[test]
fn every_file_that_a_page_shows_is_taken_by_both() {
    let (job, config) = (Kind::job(), Kind::config());
    let mut n_files = 0;
    for path in page::all(&root()) {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        for block in page::blocks(&std::fs::read_to_string(&path).unwrap()) {
            if block.info == "toml wrong" {
                job.refuses(&block.text);
            }
            if block.info != "toml" {
                continue;
            }
            n_files += 1;
            let kind = if block.is_config() || shown == "docs/reference/configuration.md" { &config } else { &job };
            kind.takes(&format!("{shown}:{}", block.line), &block.text);
        }
    }
    assert!(n_files >= 10, "the pages show {n_files} files; are they still marked `toml`?");
}

/// Jobs that a schema can tell to be wrong.
const WRONG_JOBS: &[&str] = &[
    "",
    "description = 'nothing to do'",
    "shell = 'a'\ncommand = ['a']",
    "shell = 'a'\nnoop = true",
    "shell = 'a'\n[tasks.a]\nshell = 'a'",
    "shell = 'a'\nshel = 'b'",
    "shell = 5",
    "shell = ''",
    "shell = 'echo {{ params.day }}'",
    "command = 'ls -l'",
    "command = []",
    "command = ['ls', 5]",
    "noop = false",
    "shell = 'a'\nenabled = 'yes'",
    "shell = 'a'\noverlap = 'skpi'",
    "shell = 'a'\nmax_runs = 0",
    "shell = 'a'\nmax_runs = 1.5",
    "shell = 'a'\npriority = 10",
    "shell = 'a'\ntags = 'a'",
    "shell = 'a'\ntags = ['']",
    "shell = 'a'\ntimeout = 30",
    "shell = 'a'\ntimeout = '30'",
    "shell = 'a'\ntimeout = 'soon'",
    "shell = 'a'\nkill_grace = '-1s'",
    "shell = 'a'\nworking_dir = 'here'",
    "shell = 'a'\nenv = { '1A' = 'x' }",
    "shell = 'a'\nenv = { CAMPANILE_X = 'x' }",
    "shell = 'a'\nenv = { A = 5 }",
    "shell = 'a'\nretry = 3",
    "shell = 'a'\nretry = { max_attempts = 0 }",
    "shell = 'a'\nretry = { max_attempts = 2, factor = 0.5 }",
    "shell = 'a'\nretry = { max_attempts = 2, jitter = 2 }",
    "shell = 'a'\nretry = { attempts = 2 }",
    "shell = 'a'\nexit_codes = { ok = [256] }",
    "shell = 'a'\nexit_codes = { ok = 0 }",
    "shell = 'a'\nleftovers = 'keep'",
    "shell = 'a'\nmax_output = 0",
    "shell = 'a'\nmax_output = '16 apples'",
    "shell = 'a'\ncron = 'often'",
    "shell = 'a'\ncron = '* * *'",
    "shell = 'a'\ncron = '@daily'\nevery = '1h'",
    "shell = 'a'\ncron = '@daily'\n[[schedules]]\nevery = '1h'",
    "shell = 'a'\nat = 'tomorrow'",
    "shell = 'a'\nat = 2027-01-01",
    "shell = 'a'\n[[schedules]]\ntimezone = 'UTC'",
    "shell = 'a'\n[[schedules]]\ncron = '@daily'\nname = 'Not a name'",
    "shell = 'a'\n[[schedules]]\ncron = '@daily'\noverlap = 'skip'",
    "shell = 'a'\ncatch_up = 'some'",
    "shell = 'a'\ncron = '@daily'\ncatch_up_max = 0",
    "shell = 'a'\nafter = ['b']",
    "[tasks]",
    "[tasks.A]\nshell = 'a'",
    "[tasks.a]\nafter = []",
    "[tasks.a]\nshell = 'a'\ndescription = 'x'",
    "[tasks.a]\nshell = 'a'\nafter = 'b'",
    "shell = 'a'\n[[hooks]]\nshell = 'a'",
    "shell = 'a'\n[[hooks]]\non = []\nshell = 'a'",
    "shell = 'a'\n[[hooks]]\non = ['task.failed']",
    "shell = 'a'\n[[hooks]]\non = ['task.failed']\nwebhook = {}",
    "shell = 'a'\n[[hooks]]\non = ['task.failed']\nwebhook = { url = 'ftp://x' }",
    "shell = 'a'\n[[hooks]]\non = ['task.failed']\nwebhook = { url = { env = 'A', file = '/a' } }",
    "shell = 'a'\n[[hooks]]\non = ['task.failed']\nwebhook = { url = { file = 'a' } }",
    "shell = 'a'\n[[hooks]]\non = ['task.failed']\nwebhook = { url = 'http://x', headers = { 'a b' = 'x' } }",
    "shell = 'a'\n[[hooks]]\non = ['task.failed']\njobs = ['a']\nshell = 'a'",
    "shell = 'a'\n[retry]\n\"$schema\" = 'x'",
    "quartz = 'often'\nshell = 'a'",
    "command = ['a']\nstop = {}",
    "command = ['a']\numask = '9'",
    "command = ['a']\nuser = 'Root'",
    "command = ['a']\nuser = 0",
    "command = ['a']\nuser = ''",
    "command = ['a']\ngroup = 'www data'",
    "command = ['a']\nuser = '{{ params.who }}'",
    "command = ['a']\nnice = 20",
    "command = ['a']\nnice = -21",
    "command = ['a']\nlimits = 5",
    "command = ['a']\nlimits = { open_files = 0 }",
    "command = ['a']\nlimits = { cpu_time = 5 }",
    "command = ['a']\nlimits = { memory = 0 }",
    "command = ['a']\nlimits = { memory = 'much' }",
    "command = ['a']\nlimits = { core = -1 }",
    "command = ['a']\nlimits = { cpu = 5000 }",
    "command = ['a']\nlimits = { pids = 0 }",
    "command = ['a']\nlimits = { files = 5 }",
    "command = ['a']\nenv_file = 'a.env'",
    "command = ['a']\nenv_inherit = ['1A']",
    "command = ['a']\nsuccess = { min_word_count = 0 }",
    "command = ['a']\nsuccess = { required_substrings = [''] }",
    "command = ['a']\nraw = 'no'",
    "http = { method = 'GET' }",
    "http = { url = 'ftp://a' }",
    "http = { url = 'http://a', body = 'a', json = 1 }",
    "http = { url = 'http://a', expect_status = 100 }",
    "http = { url = 'http://a', expect_status = [] }",
    "http = { url = 'http://a', max_response = '65' , timeout = '5s' }",
    "shell = 'a'\n[params.A]\ndefault = 'x'",
    "shell = 'a'\n[params.a]\ntype = 'text'",
    "shell = 'a'\n[params.a]\nenum = []",
    "shell = 'a'\n[params.a]\nmin_length = -1",
    "shell = 'a'\n[outputs]\n'a b' = 'x'",
    "shell = 'a'\n[outputs]\na = 1",
    "[jobs]",
    "[jobs.A]\nshell = 'a'",
    "[tasks.b]\nshell = 'a'\n[jobs.a]\nshell = 'a'",
];

#[test]
fn a_wrong_job_is_refused_by_both() {
    let kind = Kind::job();
    for text in WRONG_JOBS {
        kind.refuses(text);
    }
}

#[test]
fn a_wrong_configuration_is_refused_by_both() {
    let kind = Kind::config();
    for text in [
        "shell = 'a'",
        "jobs_dirs = 'jobs.d'",
        "state_dir = ''",
        "max_tasks = 0",
        "max_tasks = 100001",
        "drain_timeout = 30",
        "synchronous = 'off'",
        "tzdb = 'new'",
        "log = 'text'",
        "log = { level = 'loud' }",
        "[retention]\ncompleted = '30d'",
        "[retention.completed]\nmax_count = -1",
        "[retention.done]\nmax_age = '1d'",
        "[[hooks]]\non = ['*.failed']",
        "reload = 'never'",
        "listen = 'here'",
        "[tokens.a]\nscope = 'read'",
        "[tokens.a]\nsha256 = 'abc'",
        "[tokens.a]\ntoken = 'written out'",
        "[tokens.a]\ntoken = { file = '/a' }\nscope = 'all'",
        "[backup]\ncron = '@daily'",
        "[backup]\ndir = '/a'",
        "[backup]\ncron = '@daily'\ndir = '/a'\nkeep = 0",
        "[integrity_check]",
        "[defaults]\nshell = 'a'",
        "[defaults]\nraw = true",
        "[defaults]\numask = '9'",
        "[defaults]\nuser = 'Root'",
        "[defaults]\nlimits = { pids = 0 }",
        "[defaults]\nstop = { timeout = '0s' }",
    ] {
        kind.refuses(text);
    }
}

#[test]
fn notes_and_the_place_of_the_schema_are_taken_by_both() {
    let job = "\"$schema\" = 'https://example.com/job.schema.json'\nx-owner = 'me'\nshell = 'a'\n[retry]\nx-why = { a = 1 }\n\
               max_attempts = 2";
    Kind::job().takes("notes", job);
    Kind::config().takes("notes", "\"$schema\" = 'x'\nx-owner = ['me']\n[log]\nx-a = 1");
}

#[test]
fn every_example_of_a_key_is_what_the_schema_of_its_key_takes() {
    for (root, schema) in [(spec::JOB, schema::job()), (spec::SETTINGS, schema::config())] {
        for table in root.reached() {
            let place = if std::ptr::eq(table, root) { String::new() } else { format!("/definitions/{}", table.name) };
            for key in table.entries() {
                let definitions = schema["definitions"].clone();
                let mut of_key = schema.pointer(&format!("{place}/properties/{}", key.name)).unwrap().clone();
                let shown = of_key.clone();
                of_key["definitions"] = definitions;
                let validator = jsonschema::draft7::new(&of_key).unwrap();
                let example: toml::Table = key.example.parse().unwrap();
                let example = schema::from_toml(&example[key.name]);
                assert!(validator.is_valid(&example), "the example of `{}` in {}: {shown:#}", key.name, table.name);
                if let Some(default) = of_key.get("default") {
                    assert!(validator.is_valid(default), "the default of `{}` in {}: {default}", key.name, table.name);
                }
            }
        }
    }
}

fn check_chance(kind: &Kind, root: &'static spec::Table, n_cases: u32) {
    let mut config = ProptestConfig::with_cases(n_cases);
    config.failure_persistence = None;
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let n_taken = std::cell::Cell::new(0);
    let drawn = runner.run(&prop::collection::vec(any::<u16>(), 0..120), |chance| {
        let mut value = chance::table(root, &mut chance::Chance::new(chance));
        if let Some(entries) = value.as_object_mut().filter(|entries| entries.contains_key("jobs")) {
            // What lies above `[jobs]` is judged only where no job replaces it.
            entries.retain(|key, _| matches!(key.as_str(), "jobs" | "tasks" | "schedules" | "x-note" | "unknown"));
        }
        let text = toml::to_string(&value).map_err(|error| TestCaseError::reject(error.to_string()))?;
        if kind.reader(&text).is_empty() {
            n_taken.set(n_taken.get() + 1);
            let against = kind.schema(&text);
            prop_assert!(against.is_empty(), "{against:?} in\n{text}");
        }
        Ok(())
    });
    drawn.unwrap();
    assert!(n_taken.get() > n_cases / 10, "of these files the reader takes only {}", n_taken.get());
}

#[test]
fn the_schema_of_jobs_takes_what_the_reader_takes() {
    check_chance(&Kind::job(), spec::JOB, 2_000);
}

#[test]
fn the_schema_of_the_configuration_takes_what_the_reader_takes() {
    check_chance(&Kind::config(), spec::SETTINGS, 100);
}
