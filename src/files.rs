//! Definition files: where they are, what is written in them, and everything that is wrong with that.
//!
//! A file's bytes become a tree with places (`syntax`), trees of several files become one (`merge`, `definitions`), that is
//! read with every fault collected (`reading`, `job`, `settings`), and a fault becomes a `path:line:col: message`
//! (`source`, `diagnostics`). Only `syntax` knows the written language.
//! One bad file never affects another, and nothing here decides what becomes of a job whose file is bad: that is told
//! apart from a job whose file is gone, and the engine decides.

mod argument;
mod calendars;
mod defaults;
mod definitions;
pub mod diagnostics;
mod fingerprint;
mod headers;
mod hook;
mod housekeeping;
mod job;
pub mod keys;
mod known;
mod lines;
mod merge;
mod origins;
mod owner;
pub mod places;
mod reading;
mod search;
pub mod settings;
mod source;
pub mod spec;
mod submission;
mod suggestion;
pub mod syntax;
mod token;
mod value;
mod zones;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use calendars::Calendars;
use definitions::Layers;

use crate::model::definition::{Job, JobName};
use crate::model::invalid::{Fault, Problem};
use crate::model::timestamp::Timestamp;

pub use defaults::Defaults;
pub use fingerprint::{Fingerprint, fingerprint};
pub use known::Known;
pub use origins::Origin;
pub use owner::Holder;
pub use search::{Text, is_leftover};
pub use settings::Settings;
pub use submission::{Submission, read_submission};
pub use zones::Zones;

/// On how many threads files are read at most.
const MAX_THREADS: usize = 8;
/// Fewer files than these are not worth a thread.
const MIN_SHARE: usize = 256;

/// One job that was read.
#[derive(Clone, Debug)]
pub struct FoundJob {
    /// Its name, the stem of its file; of a file of many, with the name of its table behind it.
    pub name: JobName,
    /// The file.
    pub source: String,
    /// Line and column where it begins there.
    pub place: (u32, u32),
    /// What the file says, over defaults and under drop-ins.
    pub definition: Job,
    /// Each key of that, and where it is written.
    pub origins: Vec<Origin>,
    /// What it allows and most likely does not mean.
    pub warnings: Vec<Problem>,
    /// What it asks for, and who owns its files may not.
    pub overreach: Vec<Problem>,
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
    /// What belongs to no job and is most likely not meant.
    pub warnings: Vec<Problem>,
    /// A folder could not be read: a job that is not here may still have its file.
    pub incomplete: bool,
}

impl Found {
    /// Takes out the jobs that ask for what who owns their files may not. They are invalid, like any that cannot be read.
    pub fn hold_to_owners(&mut self) {
        let (held, wrong) = std::mem::take(&mut self.jobs).into_iter().partition(|job| job.overreach.is_empty());
        self.jobs = held;
        let mut rooms: HashMap<String, usize> = HashMap::new();
        for FoundJob { name, source, overreach: mut problems, .. } in wrong {
            let room = rooms.entry(source.clone()).or_insert(syntax::MAX_LISTED + 1);
            let job = match *room {
                0 => continue,
                1 => {
                    // Told of the stem, it holds for all jobs of the file.
                    let more = "the same is wrong with more jobs of this file";
                    problems = vec![diagnostics::whole_file(Path::new(&source), more, None)];
                    search::job_of(Path::new(&source)).ok()
                }
                _ => Some(name),
            };
            problems.truncate((*room - 1).max(1));
            *room -= problems.len();
            self.invalid.push(InvalidFile { path: source, job, problems });
        }
    }
}

impl FoundJob {
    /// The origins of its keys as JSON.
    pub fn origins_json(&self) -> String {
        serde_json::to_string(&self.origins).unwrap_or_default()
    }

    fn problem(&self, message: String, hint: &str) -> Problem {
        let (line, column) = self.place;
        let whole = diagnostics::whole_file(Path::new(&self.source), message, Some(hint));
        Problem { line, column, end_line: line, end_column: column, ..whole }
    }
}

/// Reads all jobs of `dirs`, of which later ones override earlier ones by name. `now` matters to warnings alone.
pub fn load(dirs: &[PathBuf], zones: Zones<'_>, now: Timestamp) -> Found {
    load_over(&Defaults::default(), dirs, zones, now)
}

/// The same, with `defaults` under every job.
pub fn load_over(defaults: &Defaults, dirs: &[PathBuf], zones: Zones<'_>, now: Timestamp) -> Found {
    load_changed(defaults, dirs, None, zones, now, &mut Known::default())
}

/// The same, without reading again what is `known` and as it was. What is read is learnt. What lies below `put` is the
/// daemon's own, whatever the file system says.
pub fn load_changed(
    defaults: &Defaults,
    dirs: &[PathBuf],
    put: Option<&Path>,
    zones: Zones<'_>,
    now: Timestamp,
    known: &mut Known,
) -> Found {
    let search = search::search(dirs);
    let calendars = Calendars::read(&search.calendars);
    let layers = Layers { defaults, drop_ins: &search.drop_ins, calendars: &calendars, put };
    let mut found = read_changed(&search, layers, zones, now, known);
    let unchanged: BTreeSet<&JobName> = found.unchanged.iter().collect();
    let wrong = found.invalid.iter().filter_map(|file| file.job.as_ref());
    if found.jobs.iter().map(|job| &job.name).chain(wrong).any(|name| unchanged.contains(name)) {
        // Two files define one job, of which one was not read again: each has to be told.
        known.forget();
        found = read_changed(&search, layers, zones, now, known);
    }
    if refuse_clashes(&mut found) {
        // What is defined by neither now may be by one of them next time, as it is.
        known.forget();
    }
    found.warnings.extend(idle_drop_ins(&search, &found));
    found.invalid.extend(calendars.invalid());
    found.invalid.extend(search.invalid);
    found.incomplete = search.incomplete;
    found
}

fn read_changed(
    search: &search::Search,
    layers: Layers<'_>,
    zones: Zones<'_>,
    now: Timestamp,
    known: &mut Known,
) -> Found {
    let mut found = Found::default();
    let is_shown = |job: &JobName| !search.masked.contains(job);
    let mut changed = Vec::new();
    known.begin();
    let job_files = search.files.values().chain(search.drop_ins.values().flatten());
    let folders = known::folders(job_files.chain(search.calendars.values()));
    // What was known before anything is read: a calendar that changes while we read is seen the next time.
    let stamps = search.calendars.iter().map(|(name, path)| (name.as_str(), known::stamp(&folders, [path], now)));
    let dates = stamps.collect();
    for (name, path) in &search.files {
        let stamp = known::stamp(&folders, search.sources_of(name, path), now);
        match known.recall(name.as_str(), stamp, &dates) {
            Some(jobs) => found.unchanged.extend(jobs.iter().filter(|job| is_shown(job)).cloned()),
            None => changed.push((name, path, stamp)),
        }
    }
    let read = |(name, path, _): (&JobName, &PathBuf, _)| match search::text(path, layers.put) {
        Ok(text) => definitions::read(name, path, &text, layers, (zones, now)),
        Err(fault) => definitions::Defined { invalid: vec![unreadable(path, name, &fault)], jobs: Vec::new() },
    };
    for ((name, _, stamp), defined) in changed.iter().zip(on_all_cores(&changed, read)) {
        if defined.invalid.is_empty() && defined.jobs.iter().all(|job| job.overreach.is_empty()) {
            known.learn(name.as_str(), *stamp, &defined.jobs, &dates);
        }
        found.jobs.extend(defined.jobs.into_iter().filter(|job| is_shown(&job.name)));
        found.invalid.extend(defined.invalid);
    }
    known.end();
    found
}

/// A warning for each drop-in that is laid over nothing.
fn idle_drop_ins(search: &search::Search, found: &Found) -> Vec<Problem> {
    let is_known = |name: &JobName| {
        let begins = |file: &InvalidFile| {
            file.job.as_ref().is_some_and(|job| name == job || name.as_str().starts_with(&format!("{job}.")))
        };
        search.files.contains_key(name)
            || search.masked.contains(name)
            || found.unchanged.contains(name)
            || found.jobs.iter().any(|job| job.name == *name)
            || found.invalid.iter().chain(&search.invalid).any(begins)
    };
    let idle = search.drop_ins.iter().filter(|(name, _)| !is_known(name));
    let told = idle.flat_map(|(name, paths)| {
        let message = format!("there is no job `{name}` for this drop-in");
        paths.iter().map(move |path| diagnostics::whole_file(path, message.as_str(), None))
    });
    told.collect()
}

/// What `read` makes of each file, in their order. No file knows of another, so many of them are read at a time.
fn on_all_cores<F: Copy + Send + Sync, T: Send>(files: &[F], read: impl Fn(F) -> T + Sync) -> Vec<T> {
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = files.len().div_ceil(n_threads).max(MIN_SHARE);
    std::thread::scope(|scope| {
        let part = |files: &[F]| files.iter().map(|file| read(*file)).collect::<Vec<_>>();
        let mut parts = files.chunks(share);
        // The first part is ours, and most often it is all there is.
        let own = parts.next().unwrap_or_default();
        let others: Vec<_> = parts.map(|files| scope.spawn(move || part(files))).collect();
        let mut done = part(own);
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

fn unreadable(path: &Path, name: &JobName, fault: &Fault) -> InvalidFile {
    let problems = vec![diagnostics::problem(path, &[], fault)];
    InvalidFile { path: path.display().to_string(), job: Some(name.clone()), problems }
}

/// A job that two files define is defined by neither: which of them is meant cannot be told. `true` if there is one.
fn refuse_clashes(found: &mut Found) -> bool {
    let mut sources: BTreeMap<&JobName, BTreeSet<&str>> = BTreeMap::new();
    let invalid = found.invalid.iter().filter_map(|file| Some((file.job.as_ref()?, file.path.as_str())));
    for (name, source) in found.jobs.iter().map(|job| (&job.name, job.source.as_str())).chain(invalid) {
        sources.entry(name).or_default().insert(source);
    }
    let mut clashes = Vec::new();
    for job in &found.jobs {
        let others = sources.get(&job.name).into_iter().flatten().filter(|source| **source != job.source);
        for other in others {
            let message = format!("the job `{}` is defined by `{other}` too", job.name);
            let problems = vec![job.problem(message, "keep one of them")];
            clashes.push(InvalidFile { path: job.source.clone(), job: Some(job.name.clone()), problems });
        }
    }
    let refused: HashSet<&JobName> = clashes.iter().filter_map(|file| file.job.as_ref()).collect();
    found.jobs.retain(|job| !refused.contains(&job.name));
    let are_there = !clashes.is_empty();
    found.invalid.extend(clashes);
    are_there
}

/// Reads all jobs of one file, wherever it is, without drop-ins; its stem is the job's name.
pub fn read_file(defaults: &Defaults, path: &Path, zones: Zones<'_>, now: Timestamp) -> Found {
    let name = match search::job_of(path) {
        Ok(name) => name,
        Err(invalid) => return Found { invalid: vec![invalid], ..Found::default() },
    };
    match search::text(path, None) {
        Ok(text) => read_text(defaults, &name, path, &text, zones, now),
        Err(fault) => Found { invalid: vec![unreadable(path, &name, &fault)], ..Found::default() },
    }
}

/// Reads all jobs that this text defines; `path` is only named, and its end says in which language it is. The calendars
/// that it names are those of the folder that the path is in.
pub fn read_text(
    defaults: &Defaults,
    name: &JobName,
    path: &Path,
    text: &Text,
    zones: Zones<'_>,
    now: Timestamp,
) -> Found {
    let folder = path.parent().map(Path::to_owned);
    let folder = folder.map(|folder| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder });
    read_text_among(defaults, folder.as_slice(), name, path, text, (zones, now))
}

/// The same, with the calendars of `dirs`, of which later ones override earlier ones by name.
pub fn read_text_among(
    defaults: &Defaults,
    dirs: &[PathBuf],
    name: &JobName,
    path: &Path,
    text: &Text,
    (zones, now): (Zones<'_>, Timestamp),
) -> Found {
    let calendars = Calendars::read(&search::calendars(dirs));
    let layers = Layers { defaults, drop_ins: &BTreeMap::new(), calendars: &calendars, put: None };
    let defined = definitions::read(name, path, text, layers, (zones, now));
    Found { jobs: defined.jobs, invalid: defined.invalid, ..Found::default() }
}

/// Reads the one job of a file, or of `FILE:NAME` the one of that name, without defaults and drop-ins.
pub fn load_file(path: &Path, zones: Zones<'_>, now: Timestamp) -> Result<FoundJob, InvalidFile> {
    let (path, wanted) = search::one_of_many(path);
    let mut found = read_file(&Defaults::default(), &path, zones, now);
    let stem = search::job_of(&path).map(|stem| stem.to_string()).unwrap_or_default();
    if let Some(wanted) = wanted {
        let is_meant = |name: &JobName| name.as_str() == wanted || name.as_str() == format!("{stem}.{wanted}");
        if let Some(at) = found.jobs.iter().position(|job| is_meant(&job.name)) {
            return Ok(found.jobs.swap_remove(at));
        }
        let is_meant = |file: &InvalidFile| file.job.as_ref().is_none_or(|job| is_meant(job) || job.as_str() == stem);
        if let Some(at) = found.invalid.iter().position(is_meant) {
            return Err(found.invalid.swap_remove(at));
        }
        return Err(refusal(&path, format!("there is no job `{wanted}` in this file"), &found));
    }
    if let [_] = found.jobs.as_slice()
        && found.invalid.is_empty()
    {
        return Ok(found.jobs.swap_remove(0));
    }
    if found.jobs.is_empty() && !found.invalid.is_empty() {
        let problems = found.invalid.iter().flat_map(|file| file.problems.clone()).collect();
        return Err(InvalidFile { problems, ..found.invalid.swap_remove(0) });
    }
    Err(refusal(&path, "the file defines several jobs".to_owned(), &found))
}

/// Whether there is such a file, or, of `FILE:NAME`, such a `FILE`.
pub fn has_file(path: &Path) -> bool {
    search::one_of_many(path).0.symlink_metadata().is_ok()
}

fn refusal(path: &Path, message: String, found: &Found) -> InvalidFile {
    let hint = format!("name one of them, as in FILE:NAME: {}", definitions::named(&found.jobs));
    let problems = vec![diagnostics::whole_file(path, message, Some(hint.as_str()))];
    InvalidFile { path: path.display().to_string(), job: None, problems }
}

/// Reads the job `name` from the bytes of a file: the job and its warnings, or every problem. `path` is only named, and
/// its end says in which language they are.
pub fn read_job(
    name: &str,
    path: &Path,
    bytes: &[u8],
    zones: Zones<'_>,
    now: Timestamp,
) -> Result<(Job, Vec<Problem>), Vec<Problem>> {
    let whole = |message: String| vec![diagnostics::whole_file(path, message, None)];
    let name: JobName = name.parse().map_err(|error| whole(format!("{error}")))?;
    let text = Text { bytes: bytes.to_vec(), holder: Holder::Unknown };
    let mut found = read_text(&Defaults::default(), &name, path, &text, zones, now);
    match found.jobs.pop() {
        Some(job) if found.invalid.is_empty() && job.name == name => Ok((job.definition, job.warnings)),
        Some(_) if found.invalid.is_empty() => Err(whole("the file is to define one job, and has `[jobs]`".to_owned())),
        _ => Err(found.invalid.into_iter().flat_map(|file| file.problems).collect()),
    }
}
