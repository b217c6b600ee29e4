//! Finds the files that define jobs. A later folder overrides an earlier one by the file's stem, a link to `/dev/null`
//! masks, and what editors and package managers leave behind is nobody's job. In a folder `NAME.d` are drop-ins of the job
//! `NAME`, in the order of their names, whichever folder the job is in. A file that cannot be read is its own problem; a
//! folder that cannot be read makes the picture incomplete, and then absence proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::definitions::DropIns;
use super::owner::Holder;
use super::syntax::{self, Language, MAX_BYTES};
use super::{InvalidFile, calendars, diagnostics};
use crate::model::definition::JobName;
use crate::model::definition::job::{NotAName, is_name};
use crate::model::invalid::Fault;
use crate::plain_file::{self, Content, Links, NotPlain};

/// How many files of all folders together are looked at.
const MAX_FILES: usize = 250_000;
/// Ends of names that editors and package managers give to what is not in use; most have no job file's extension
/// anyway, but `job.toml.bak` must stay silent whatever extensions are read one day.
const LEFTOVERS: &[&str] =
    &["~", ".bak", ".orig", ".rej", ".swp", ".swo", ".tmp", ".save", ".rpmsave", ".rpmnew", ".rpmorig", ".disabled"];

/// What the folders hold.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// The file of each job, by name.
    pub(crate) files: BTreeMap<JobName, PathBuf>,
    /// What is to be laid over jobs, in order.
    pub(crate) drop_ins: DropIns,
    /// The file of each calendar, by name.
    pub(crate) calendars: BTreeMap<String, PathBuf>,
    /// Names that a link to `/dev/null` hides.
    pub(crate) masked: BTreeSet<JobName>,
    /// Files that can define no job, and folders that cannot be read.
    pub(crate) invalid: Vec<InvalidFile>,
    /// A folder could not be read to its end.
    pub(crate) incomplete: bool,
}

/// What is in a file.
#[derive(Debug)]
pub struct Text {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Whose word it is.
    pub holder: Holder,
}

/// What one name in a folder is.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Job(JobName),
    Calendar(String),
    Ignored,
    Wrong { message: String, hint: &'static str },
}

/// What was found while not all folders were looked through.
#[derive(Default)]
struct Looking {
    n_files: usize,
    found: Search,
    /// Several files of one folder that would define the same job.
    clashes: BTreeMap<JobName, Vec<PathBuf>>,
    /// By job and by name of the file; one that is masked has no path.
    drop_ins: BTreeMap<JobName, BTreeMap<String, Option<PathBuf>>>,
}

impl Search {
    /// The file at `path` of that stem, and every drop-in of its jobs.
    pub(crate) fn sources_of<'s>(&'s self, stem: &'s JobName, path: &'s PathBuf) -> impl Iterator<Item = &'s PathBuf> {
        let is_of = move |job: &JobName| {
            job == stem || job.as_str().strip_prefix(stem.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        let drop_ins =
            self.drop_ins.range(stem.clone()..).take_while(|(job, _)| job.as_str().starts_with(stem.as_str()));
        let of_it = drop_ins.filter(move |(job, _)| is_of(job)).flat_map(|(_, paths)| paths);
        std::iter::once(path).chain(of_it)
    }
}

/// The calendars of `dirs` alone; a folder that cannot be read has none.
pub(crate) fn calendars(dirs: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for dir in dirs {
        let Ok(entries) = fs::read_dir(dir) else { continue };
        for entry in entries.flatten() {
            if let Entry::Calendar(name) = judge(&entry.file_name().to_string_lossy()) {
                match is_mask(&entry.path(), &entry) {
                    true => drop(found.remove(&name)),
                    false => drop(found.insert(name, entry.path())),
                }
            }
        }
    }
    found
}

/// Looks through `dirs`, the first first. A folder that does not exist is empty.
pub(crate) fn search(dirs: &[PathBuf]) -> Search {
    let mut looking = Looking::default();
    for dir in dirs {
        if let Err(error) = looking.folder(dir) {
            let problem = diagnostics::whole_file(dir, format!("the folder cannot be read: {}", why(&error)), None);
            looking.found.invalid.push(InvalidFile { path: problem.path.clone(), job: None, problems: vec![problem] });
            looking.found.incomplete = true;
        }
    }
    let Looking { mut found, clashes, drop_ins, .. } = looking;
    for (name, paths) in clashes {
        found.invalid.extend(paths.iter().map(|path| clash(&name, path, &paths)));
    }
    found.drop_ins =
        drop_ins.into_iter().map(|(name, files)| (name, files.into_values().flatten().collect())).collect();
    found
}

fn clash(name: &JobName, path: &Path, paths: &[PathBuf]) -> InvalidFile {
    let others = paths.iter().filter(|other| *other != path).map(|other| format!("`{}`", other.display()));
    let message = format!("the job `{name}` is defined by {} too", others.collect::<Vec<_>>().join(" and "));
    let problem = diagnostics::whole_file(path, message, Some("keep one of them"));
    InvalidFile { path: problem.path.clone(), job: Some(name.clone()), problems: vec![problem] }
}

impl Looking {
    fn entries(&mut self, dir: &Path) -> io::Result<Vec<(String, fs::DirEntry)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            self.n_files += 1;
            if self.n_files > MAX_FILES {
                return Err(io::Error::other(format!("there are more than {MAX_FILES} files")));
            }
            entries.push((entry.file_name().to_string_lossy().into_owned(), entry));
        }
        // Whatever order the disk has them in, what is said about them is the same.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    fn folder(&mut self, dir: &Path) -> io::Result<()> {
        let entries = match self.entries(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut here: BTreeMap<JobName, Vec<(PathBuf, bool)>> = BTreeMap::new();
        for (name, entry) in entries {
            let path = entry.path();
            if let Some(stem) = name.strip_suffix(".d") {
                if !is_leftover(&name) && is_folder(&path, &entry) {
                    self.drop_ins_of(stem, &path)?;
                }
                continue;
            }
            match judge(&name) {
                Entry::Ignored => {}
                _ if is_folder(&path, &entry) => {}
                Entry::Job(name) => {
                    let is_mask = is_mask(&path, &entry);
                    here.entry(name).or_default().push((path, is_mask));
                }
                // A mask hides the calendar of an earlier folder.
                Entry::Calendar(name) if is_mask(&path, &entry) => drop(self.found.calendars.remove(&name)),
                Entry::Calendar(name) => drop(self.found.calendars.insert(name, path)),
                Entry::Wrong { message, hint } => self.found.invalid.push(unnamed(&path, message, hint)),
            }
        }
        for (name, mut files) in here {
            self.clashes.remove(&name);
            self.found.files.remove(&name);
            self.found.masked.remove(&name);
            match files.pop() {
                Some((_, true)) if files.is_empty() => drop(self.found.masked.insert(name)),
                Some((path, _)) if files.is_empty() => drop(self.found.files.insert(name, path)),
                last => {
                    let paths = files.into_iter().chain(last).map(|(path, _)| path).collect();
                    self.clashes.insert(name, paths);
                }
            }
        }
        Ok(())
    }

    fn drop_ins_of(&mut self, stem: &str, dir: &Path) -> io::Result<()> {
        let Ok(job) = stem.parse::<JobName>() else { return Ok(()) };
        let entries = match self.entries(dir) {
            Ok(entries) => entries,
            // Read as a file it will say why; without what is in it the job is not what it is meant to be.
            Err(_) => {
                self.drop_ins.entry(job).or_default().insert(String::new(), Some(dir.to_owned()));
                return Ok(());
            }
        };
        for (name, entry) in entries {
            let path = entry.path();
            if is_leftover(&name) || Language::of(&path).is_none() || is_folder(&path, &entry) {
                continue;
            }
            let file = if is_mask(&path, &entry) { None } else { Some(path) };
            self.drop_ins.entry(job.clone()).or_default().insert(name, file);
        }
        Ok(())
    }
}

/// The file in `FILE:NAME`, and the name, if there is no file of the whole name.
pub(crate) fn one_of_many(path: &Path) -> (PathBuf, Option<String>) {
    let text = path.to_string_lossy();
    match text.rsplit_once(':') {
        Some((file, name)) if fs::symlink_metadata(path).is_err() && !name.contains('/') => {
            (PathBuf::from(file), Some(name.to_owned()))
        }
        _ => (path.to_owned(), None),
    }
}

fn unnamed(path: &Path, message: String, hint: &str) -> InvalidFile {
    let problem = diagnostics::whole_file(path, message, Some(hint));
    InvalidFile { path: problem.path.clone(), job: None, problems: vec![problem] }
}

/// The name of the job that the file at `path` defines, wherever it is.
pub(crate) fn job_of(path: &Path) -> Result<JobName, InvalidFile> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match judge(&name) {
        Entry::Job(name) => Ok(name),
        Entry::Wrong { message, hint } => Err(unnamed(path, message, hint)),
        Entry::Calendar(_) => Err(unnamed(path, "this is a calendar and defines no job".to_owned(), "name its folder")),
        Entry::Ignored => {
            Err(unnamed(path, "a job file's name ends in `.toml`, `.yaml`, `.yml` or `.json`".to_owned(), "rename it"))
        }
    }
}

/// Whether a file of that name is what an editor or a package manager leaves behind.
pub fn is_leftover(name: &str) -> bool {
    let by_end = name.starts_with(['.', '#']) || LEFTOVERS.iter().any(|end| name.ends_with(end));
    by_end || name.contains(".dpkg-") || name.contains(".ucf-")
}

fn judge(name: &str) -> Entry {
    if is_leftover(name) {
        return Entry::Ignored;
    }
    if let Some(stem) = name.strip_suffix(calendars::END) {
        return match is_name(stem) {
            true => Entry::Calendar(stem.to_owned()),
            false => Entry::Wrong {
                message: format!("the file's stem is the calendar's name, and {}", NotAName(stem.to_owned())),
                hint: "rename the file",
            },
        };
    }
    let Some((stem, _)) = name.rsplit_once('.') else { return Entry::Ignored };
    match Language::of(Path::new(name)) {
        Some(_) => match stem.parse() {
            Ok(name) => Entry::Job(name),
            Err(error) => Entry::Wrong {
                message: format!("the file's stem is the job's name, and {error}"),
                hint: "rename the file",
            },
        },
        None => Entry::Ignored,
    }
}

fn is_folder(path: &Path, entry: &fs::DirEntry) -> bool {
    // Most entries say what they are without another look at the disk; a link does not.
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => path.is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    }
}

fn is_mask(path: &Path, entry: &fs::DirEntry) -> bool {
    let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
    link && fs::canonicalize(path).is_ok_and(|target| target == Path::new("/dev/null"))
}

/// What is in a file, and whose that is; or why it cannot be read.
pub(crate) fn text(path: &Path, put: Option<&Path>) -> Result<Text, Fault> {
    let own = put.filter(|put| path.starts_with(put)).map(|_| Holder::Daemon(nix::unistd::geteuid().as_raw()));
    let read = plain_file::read(path, MAX_BYTES, Links::Follow);
    let text = |content: Content| Text { holder: own.unwrap_or(Holder::from(&content)), bytes: content.bytes };
    read.map(text).map_err(|error| match error {
        NotPlain::Unreadable(error) => Fault::new((0, 0), format!("the file cannot be read: {}", why(&error))),
        NotPlain::NotAFile | NotPlain::Link => Fault::new((0, 0), "this is not a regular file"),
        NotPlain::TooLarge(_) => syntax::too_long(),
    })
}

/// The error in the words of the house.
pub(crate) fn why(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        "there is no such file or folder".to_owned()
    } else if kind == ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else {
        error.to_string().to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whether_it_is_a_job() {
        for (name, expected) in [
            ("nightly.toml", "job nightly"),
            ("db.vacuum.toml", "job db.vacuum"),
            ("nightly.toml~", "ignored"),
            (".nightly.toml", "ignored"),
            (".#nightly.toml", "ignored"),
            ("#nightly.toml#", "ignored"),
            ("nightly.toml.bak", "ignored"),
            ("nightly.toml.dpkg-dist", "ignored"),
            ("nightly.dpkg-old.toml", "ignored"),
            ("nightly.toml.rpmnew", "ignored"),
            ("README.md", "ignored"),
            ("nightly", "ignored"),
            ("Nightly.toml", "wrong"),
            (".toml", "ignored"),
            ("a b.toml", "wrong"),
            ("nightly.yaml", "job nightly"),
            ("nightly.yml", "job nightly"),
            ("nightly.json", "job nightly"),
            ("Nightly.json", "wrong"),
            ("nightly.yaml.swp", "ignored"),
            ("holidays.dates", "calendar holidays"),
            ("holidays.dates~", "ignored"),
            ("Holidays.dates", "wrong"),
        ] {
            let found = match judge(name) {
                Entry::Job(job) => format!("job {job}"),
                Entry::Calendar(name) => format!("calendar {name}"),
                Entry::Ignored => "ignored".to_owned(),
                Entry::Wrong { .. } => "wrong".to_owned(),
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}
