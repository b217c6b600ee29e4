//! Definition files: where they are, what is written in them, and everything that is wrong with that.
//!
//! A file's bytes become a tree with places (`syntax`), the tree is read with every fault collected (`reading`, `job`,
//! `settings`), and a fault becomes a `path:line:col: message` (`diagnostics`). Only `syntax` knows the written language.
//! One bad file never affects another, and nothing here decides what becomes of a job whose file is bad: that is told
//! apart from a job whose file is gone, and the engine decides.

mod argument;
pub mod diagnostics;
mod fingerprint;
mod hook;
mod housekeeping;
mod job;
pub mod keys;
mod known;
pub mod places;
mod reading;
mod search;
pub mod settings;
pub mod spec;
mod suggestion;
pub mod syntax;
mod value;
mod zones;

use std::path::{Path, PathBuf};

use crate::model::definition::{Job, JobName};
use crate::model::invalid::{Fault, Problem};
use crate::model::timestamp::Timestamp;

pub use fingerprint::{Fingerprint, fingerprint};
pub use known::Known;
pub use search::is_leftover;
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
    /// Jobs whose files are as they were when `Known` learnt them.
    pub unchanged: Vec<JobName>,
    /// A folder could not be read: a job that is not here may still have its file.
    pub incomplete: bool,
}

/// Reads all jobs of `dirs`, of which later ones override earlier ones by name. `now` matters to warnings alone.
pub fn load(dirs: &[PathBuf], zones: Zones<'_>, now: Timestamp) -> Found {
    load_changed(dirs, zones, now, &mut Known::default())
}

/// The same, without reading again what is `known` and as it was. What is read is learnt.
pub fn load_changed(dirs: &[PathBuf], zones: Zones<'_>, now: Timestamp, known: &mut Known) -> Found {
    let search = search::search(dirs);
    let mut found = Found { invalid: search.invalid, incomplete: search.incomplete, ..Found::default() };
    known.begin();
    for (name, path) in search.files {
        let stamp = known::stamp([&path], now);
        if let Some(jobs) = known.recall(name.as_str(), stamp) {
            found.unchanged.extend_from_slice(jobs);
            continue;
        }
        match read_file(&path, &name, zones, now) {
            Ok(job) => {
                known.learn(name.as_str(), stamp, vec![job.name.clone()]);
                found.jobs.push(job);
            }
            Err(invalid) => found.invalid.push(invalid),
        }
    }
    known.end();
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
