//! `campanile check`: every problem of every file, and nothing is started. Problems are the data and go to stdout;
//! warnings and the summary are talk.

use std::path::{Path, PathBuf};

use crate::files::settings::{self, Configuration};
use crate::files::{self, Found, InvalidFile, Zones, diagnostics, places};
use crate::model::invalid::Problem;
use crate::model::timestamp::Timestamp;
use crate::wire::code;
use crate::{clock, print};

/// The name by which a configuration is told from a job.
const CONFIG_NAME: &str = "campanile.toml";

/// The words of `campanile check`.
#[derive(clap::Args, Debug)]
pub struct Words {
    /// Job files, a campanile.toml, or folders of them; without any, what a daemon would load
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    let Words { paths } = words;
    let mut check = Check::new();
    if paths.is_empty() {
        check.configuration(&places::config_file(), false);
    }
    for path in paths {
        check.path(&path);
    }
    check.conclude()
}

/// What was checked so far.
struct Check {
    now: Timestamp,
    on_terminal: bool,
    /// Of the configuration that a daemon would load; job files that are named alone are read as it would read them.
    ambient: Configuration,
    n_jobs: usize,
    n_files: usize,
    n_problems: usize,
    missing: bool,
}

impl Check {
    fn new() -> Self {
        // A configuration that is broken is checked when it is asked for; other files do not suffer from it.
        let ambient = settings::load(&places::config_file(), false).unwrap_or_default();
        let on_terminal = print::shows_data_on_terminal();
        Check { now: clock::wall(), on_terminal, ambient, n_jobs: 0, n_files: 0, n_problems: 0, missing: false }
    }

    fn path(&mut self, path: &Path) {
        let is_config = |path: &Path| path.file_name().is_some_and(|name| name == CONFIG_NAME);
        if path.is_dir() && path.join(CONFIG_NAME).is_file() {
            self.configuration(&path.join(CONFIG_NAME), true);
        } else if path.is_dir() {
            let zone = self.ambient.settings.zone(&self.ambient.tzdb);
            let zones = Zones { tzdb: &self.ambient.tzdb, default: &zone };
            let found = files::load(&[path.to_owned()], zones, self.now);
            self.found(found);
        } else if path.symlink_metadata().is_err() {
            print::talk(&format!("error: `{}` does not exist", path.display()));
            self.missing = true;
        } else if is_config(path) {
            self.settings(path, true);
        } else {
            let zone = self.ambient.settings.zone(&self.ambient.tzdb);
            let zones = Zones { tzdb: &self.ambient.tzdb, default: &zone };
            match files::load_file(path, zones, self.now) {
                Ok(job) => self.found(Found { jobs: vec![job], ..Found::default() }),
                Err(invalid) => self.invalid(&invalid),
            }
        }
    }

    /// The configuration at `path`, and the jobs that a daemon with it would load.
    fn configuration(&mut self, path: &Path, given: bool) {
        let configuration = self.settings(path, given).unwrap_or_default();
        let zone = configuration.settings.zone(&configuration.tzdb);
        let zones = Zones { tzdb: &configuration.tzdb, default: &zone };
        let folders = configuration.settings.folders(path);
        for folder in folders.iter().filter(|folder| !folder.exists()) {
            print::talk(&format!("note: there is no folder `{}`", folder.display()));
        }
        let found = files::load(&folders, zones, self.now);
        self.found(found);
    }

    fn settings(&mut self, path: &Path, given: bool) -> Option<Configuration> {
        if given || path.exists() {
            self.n_files += 1;
        }
        match settings::load(path, given) {
            Ok(configuration) => {
                self.warnings(&configuration.warnings);
                Some(configuration)
            }
            Err(invalid) => {
                self.problems(&invalid);
                None
            }
        }
    }

    fn found(&mut self, found: Found) {
        for job in &found.jobs {
            self.n_jobs += 1;
            self.n_files += 1;
            self.warnings(&job.warnings);
        }
        let mut invalid = found.invalid;
        invalid.sort_by(|a, b| a.path.cmp(&b.path));
        for file in &invalid {
            self.invalid(file);
        }
    }

    fn invalid(&mut self, file: &InvalidFile) {
        self.n_files += 1;
        self.problems(file);
    }

    fn problems(&mut self, file: &InvalidFile) {
        let source = if self.on_terminal { std::fs::read(&file.path).unwrap_or_default() } else { Vec::new() };
        let source = String::from_utf8_lossy(&source);
        for problem in &file.problems {
            self.n_problems += 1;
            let shown = match self.on_terminal {
                true => diagnostics::with_source(problem, &source),
                false => format!("{problem}\n"),
            };
            print::data(&shown);
        }
    }

    fn warnings(&self, warnings: &[Problem]) {
        for warning in warnings {
            print::talk(&format!("warning: {warning}"));
        }
    }

    fn conclude(&self) -> u8 {
        let (jobs, files) = (counted(self.n_jobs, "job"), counted(self.n_files, "file"));
        let problems =
            if self.n_problems == 0 { "no problems".to_owned() } else { counted(self.n_problems, "problem") };
        print::talk(&format!("{jobs} in {files}, {problems}"));
        match self {
            Check { missing: true, .. } => code::NOT_FOUND,
            Check { n_problems: 1.., .. } => code::INVALID,
            Check { .. } => code::DONE,
        }
    }
}

fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
