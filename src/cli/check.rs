//! `campanile check`: every problem of every file, and nothing is started. Problems are the data and go to stdout;
//! warnings and the summary are talk. For programs both are data: one JSON object a line.
//!
//! With `--diff`, files without problems are then compared with what a daemon has in force: `forecast` finds out what that
//! does to due times, `pools` where they want more than there is, `diff` asks and tells.

mod diff;
mod forecast;
mod pools;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::problems::Problems;
use crate::files::settings::{self, Configuration};
use crate::files::{self, Found, FoundJob, Holder, InvalidFile, Text, Zones, diagnostics, places, syntax};
use crate::model::definition::{JobName, PoolSizes};
use crate::model::timestamp::Timestamp;
use crate::wire::code;
use crate::{clock, print};

/// The name by which a configuration is told from a job.
const CONFIG_NAME: &str = "campanile.toml";
/// Stands for standard input.
const STDIN: &str = "-";

/// The words of `campanile check`.
#[derive(clap::Args, Debug)]
pub struct Words {
    /// Job files, a campanile.toml, or folders of them; `-` for standard input; without any, what a daemon would load. Beside a
    /// campanile.toml, job files are read with its defaults, pools and time zone
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What the file on standard input is called: its end says in which language it is, its stem names the job
    #[arg(long, value_name = "FILE", default_value = "stdin.toml")]
    name: PathBuf,
    /// Write problems and warnings as one JSON object a line
    #[arg(long)]
    json: bool,
    /// Then say which due times they would add and take away where a daemon has other files in force; exits 0 whether or not
    /// there are any
    #[arg(long)]
    diff: bool,
    /// How many days ahead are compared
    #[arg(long, value_name = "N", default_value_t = 7, requires = "diff", value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// The socket of the daemon that is compared with
    #[arg(long, value_name = "PATH", requires = "diff")]
    socket: Option<PathBuf>,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    let Words { paths, name, json, diff, days, socket } = words;
    let mut check = Check::new(json);
    if paths.is_empty() {
        check.configuration(&places::config_file(), false);
    }
    // What a configuration says counts for all that is named beside it.
    let (configurations, files): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| is_config(path) || path.join(CONFIG_NAME).is_file());
    for path in configurations.into_iter().chain(files) {
        match path.as_os_str() == STDIN {
            true => check.stdin(&name),
            false => check.path(&path),
        }
    }
    match check.conclude() {
        code::DONE if diff => diff::main(&check, diff::Asked { days, socket, json }),
        exit => exit,
    }
}

/// What was checked so far.
struct Check {
    now: Timestamp,
    /// Of the configuration that is named, or that a daemon would load; job files are read as that daemon would read them.
    ambient: Configuration,
    jobs: Vec<FoundJob>,
    files: BTreeSet<String>,
    /// Folders that were read as a whole.
    folders: Vec<PathBuf>,
    /// How large pools are, where the configuration is known.
    pools: Option<PoolSizes>,
    problems: Problems,
    missing: bool,
}

impl Check {
    fn new(json: bool) -> Self {
        // A configuration that is broken is checked when it is asked for; other files do not suffer from it.
        // One that is not there says nothing of the machine that the files are for, as of its pools.
        let known = settings::load(&places::config_file(), true).ok();
        let pools = known.as_ref().map(|configuration| configuration.settings.pools.clone());
        Check {
            now: clock::wall(),
            ambient: known.unwrap_or_else(Configuration::unread),
            jobs: Vec::new(),
            files: BTreeSet::new(),
            folders: Vec::new(),
            pools,
            problems: Problems::new(json),
            missing: false,
        }
    }

    fn path(&mut self, path: &Path) {
        if path.is_dir() && path.join(CONFIG_NAME).is_file() {
            self.configuration(&path.join(CONFIG_NAME), true);
        } else if path.is_dir() {
            self.folders.push(path.to_owned());
            let found = self.ambient(|configuration, zones, now| {
                files::load_over(&configuration.settings.defaults, &[path.to_owned()], zones, now)
            });
            self.found(found);
        } else if path.symlink_metadata().is_err() {
            print::talk(&format!("error: `{}` does not exist", path.display()));
            self.missing = true;
        } else if is_config(path) {
            self.settings(path, true);
        } else {
            let found = self.ambient(|configuration, zones, now| {
                files::read_file(&configuration.settings.defaults, path, zones, now)
            });
            self.found(found);
        }
    }

    fn ambient(&self, read: impl FnOnce(&Configuration, Zones<'_>, Timestamp) -> Found) -> Found {
        let zone = self.ambient.settings.zone(&self.ambient.tzdb);
        read(&self.ambient, Zones { tzdb: &self.ambient.tzdb, default: &zone }, self.now)
    }

    fn stdin(&mut self, name: &Path) {
        let mut bytes = Vec::new();
        if let Err(error) = std::io::stdin().lock().take(syntax::MAX_BYTES + 1).read_to_end(&mut bytes) {
            let problem = diagnostics::whole_file(name, format!("standard input cannot be read: {error}"), None);
            let invalid = InvalidFile { path: problem.path.clone(), job: None, problems: vec![problem] };
            return self.found(Found { invalid: vec![invalid], ..Found::default() });
        }
        self.problems.remember(name.display().to_string(), String::from_utf8_lossy(&bytes).into_owned());
        let text = Text { bytes, holder: Holder::Unknown };
        let stem = name.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let found = match stem.parse::<JobName>() {
            Ok(job) => self.ambient(|configuration, zones, now| {
                files::read_text(&configuration.settings.defaults, &job, name, &text, zones, now)
            }),
            Err(error) => {
                let problem = diagnostics::whole_file(name, error.to_string(), Some("give another `--name`"));
                let invalid = InvalidFile { path: problem.path.clone(), job: None, problems: vec![problem] };
                Found { invalid: vec![invalid], ..Found::default() }
            }
        };
        self.found(found);
    }

    /// The configuration at `path`, and the jobs that a daemon with it would load.
    fn configuration(&mut self, path: &Path, given: bool) {
        let configuration = self.settings(path, given).unwrap_or_else(Configuration::unread);
        let zone = configuration.settings.zone(&configuration.tzdb);
        let zones = Zones { tzdb: &configuration.tzdb, default: &zone };
        let folders = configuration.settings.folders(path);
        for folder in folders.iter().filter(|folder| !folder.exists()) {
            print::talk(&format!("note: there is no folder `{}`", folder.display()));
        }
        let found = files::load_over(&configuration.settings.defaults, &folders, zones, self.now);
        self.folders.extend(folders);
        self.found(found);
    }

    fn settings(&mut self, path: &Path, given: bool) -> Option<Configuration> {
        if given || path.exists() {
            self.files.insert(path.display().to_string());
        }
        match settings::load(path, given) {
            Ok(configuration) => {
                self.problems.warn(&configuration.warnings);
                self.pools = Some(configuration.settings.pools.clone());
                self.ambient = configuration.clone();
                Some(configuration)
            }
            Err(invalid) => {
                self.problems.show(&invalid.problems);
                None
            }
        }
    }

    fn found(&mut self, found: Found) {
        self.problems.warn(&found.warnings);
        for job in &found.jobs {
            self.files.insert(job.source.clone());
            self.problems.warn(&job.warnings);
            // Here may not be where it runs: whose files these will be there is only guessed.
            self.problems.warn(&job.overreach);
        }
        self.files.extend(found.invalid.iter().map(|file| file.path.clone()));
        self.jobs.extend(found.jobs);
        self.problems.of_files(found.invalid);
    }

    fn conclude(&self) -> u8 {
        let (jobs, files) = (counted(self.jobs.len(), "job"), counted(self.files.len(), "file"));
        let problems = match self.problems.n() {
            0 => "no problems".to_owned(),
            n => counted(n, "problem"),
        };
        print::talk(&format!("{jobs} in {files}, {problems}"));
        match (self.missing, self.problems.n()) {
            (true, _) => code::NOT_FOUND,
            (false, 1..) => code::INVALID,
            (false, 0) => code::DONE,
        }
    }
}

fn is_config(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == CONFIG_NAME)
}

fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
