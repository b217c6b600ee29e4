//! Definition files: where they are, what is written in them, and everything that is wrong with that.
//!
//! A file's bytes become a tree with places (`syntax`), the tree is read with every fault collected (`reading`, `job`,
//! `settings`), and a fault becomes a `path:line:col: message` (`diagnostics`). Only `syntax` knows the written language.
//! One bad file never affects another, and nothing here decides what becomes of a job whose file is bad: that is told
//! apart from a job whose file is gone, and the engine decides.

mod argument;
pub mod diagnostics;
mod hook;
mod job;
pub mod keys;
pub mod places;
mod reading;
mod search;
pub mod settings;
mod suggestion;
pub mod syntax;
mod token;
mod value;
mod zones;

use std::path::{Path, PathBuf};

use crate::model::definition::{Job, JobName};
use crate::model::invalid::{Fault, Problem};
use crate::model::timestamp::Timestamp;

pub use settings::Settings;
pub use zones::Zones;

/// One job that was read.
#[derive(Clone, Debug)]
pub struct FoundJob {
    /// Its name, the stem of its file.
    pub name: JobName,
    /// The file.
    pub source: String,
    /// What the file says.
    pub definition: Job,
    /// What it allows and most likely does not mean.
    pub warnings: Vec<Problem>,
}

/// One file, or folder, that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidFile {
    /// Which.
    pub path: String,
    /// The job that it would define, where its name can be told.
    pub job: Option<JobName>,
    /// What is wrong with it; never empty.
    pub problems: Vec<Problem>,
}

/// All that some folders define.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What could be read, by name.
    pub jobs: Vec<FoundJob>,
    /// What could not.
    pub invalid: Vec<InvalidFile>,
    /// A folder could not be read: a job that is not here may still have its file.
    pub incomplete: bool,
}

/// Reads all jobs of `dirs`, of which later ones override earlier ones by name. `now` matters to warnings alone.
pub fn load(dirs: &[PathBuf], zones: Zones<'_>, now: Timestamp) -> Found {
    let search = search::search(dirs);
    let mut found = Found { jobs: Vec::new(), invalid: search.invalid, incomplete: search.incomplete };
    for (name, path) in search.files {
        match read_file(&path, &name, zones, now) {
            Ok(job) => found.jobs.push(job),
            Err(invalid) => found.invalid.push(invalid),
        }
    }
    found
}

/// Reads one job file, wherever it is; its stem is the job's name.
pub fn load_file(path: &Path, zones: Zones<'_>, now: Timestamp) -> Result<FoundJob, InvalidFile> {
    let name = search::job_of(path)?;
    read_file(path, &name, zones, now)
}

fn read_file(path: &Path, name: &JobName, zones: Zones<'_>, now: Timestamp) -> Result<FoundJob, InvalidFile> {
    let source = path.display().to_string();
    let invalid = |problems| InvalidFile { path: source.clone(), job: Some(name.clone()), problems };
    let bytes = search::bytes(path).map_err(|message| invalid(vec![diagnostics::whole_file(path, message, None)]))?;
    let (definition, warnings) = read_job(name.as_str(), path, &bytes, zones, now).map_err(&invalid)?;
    Ok(FoundJob { name: name.clone(), source: source.clone(), definition, warnings })
}

/// Reads the job `name` from the bytes of a file: the job and its warnings, or every problem. `path` is only named.
pub fn read_job(
    name: &str,
    path: &Path,
    bytes: &[u8],
    zones: Zones<'_>,
    now: Timestamp,
) -> Result<(Job, Vec<Problem>), Vec<Problem>> {
    let places =
        |faults: Vec<Fault>| faults.into_iter().map(|fault| diagnostics::problem(path, bytes, fault)).collect();
    let (text, document) = syntax::parse(bytes).map_err(|fault| places(vec![fault]))?;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        let fault = Fault::new((0, 0), "the file is empty");
        return Err(places(vec![fault.hint("to hide a job of an earlier folder, link its name to /dev/null")]));
    }
    let reading = reading::Reading::new(text, document.faults);
    let job = job::read(&reading, &document.root, &job::Context { job: name, zones, now });
    let (faults, warnings) = reading.finish();
    match job {
        Some(job) if faults.is_empty() => Ok((job, places(warnings))),
        _ => Err(places(faults)),
    }
}
