//! Finds the files that define jobs. A later folder overrides an earlier one by the file's stem, a link to `/dev/null`
//! masks, and what editors and package managers leave behind is nobody's job. A file that cannot be read is its own
//! problem; a folder that cannot be read makes the picture incomplete, and then absence proves nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::syntax::MAX_BYTES;
use super::{InvalidFile, diagnostics};
use crate::model::definition::JobName;

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
    /// Files that can define no job, and folders that cannot be read.
    pub(crate) invalid: Vec<InvalidFile>,
    /// A folder could not be read to its end.
    pub(crate) incomplete: bool,
}

/// What one name in a folder is.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Job(JobName),
    Ignored,
    Wrong { message: String, hint: &'static str },
}

/// Looks through `dirs`, the first first. A folder that does not exist is empty.
pub(crate) fn search(dirs: &[PathBuf]) -> Search {
    let mut found = Search::default();
    let mut n_files = 0;
    for dir in dirs {
        if let Err(error) = folder(dir, &mut n_files, &mut found) {
            let problem = diagnostics::whole_file(dir, format!("the folder cannot be read: {}", why(&error)), None);
            found.invalid.push(InvalidFile { path: problem.path.clone(), job: None, problems: vec![problem] });
            found.incomplete = true;
        }
    }
    found
}

fn folder(dir: &Path, n_files: &mut usize, found: &mut Search) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        *n_files += 1;
        if *n_files > MAX_FILES {
            return Err(io::Error::other(format!("there are more than {MAX_FILES} files")));
        }
        let path = entry.path();
        match judge(&entry.file_name().to_string_lossy()) {
            Entry::Ignored => {}
            _ if is_folder(&path, &entry) => {}
            Entry::Job(name) if is_mask(&path, &entry) => {
                found.files.remove(&name);
            }
            Entry::Job(name) => {
                found.files.insert(name, path);
            }
            Entry::Wrong { message, hint } => found.invalid.push(unnamed(&path, message, hint)),
        }
    }
    Ok(())
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
        Entry::Ignored => Err(unnamed(path, "a job file's name ends in `.toml`".to_owned(), "rename it")),
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
    let Some((stem, extension)) = name.rsplit_once('.') else { return Entry::Ignored };
    match extension {
        "toml" => match stem.parse() {
            Ok(name) => Entry::Job(name),
            Err(error) => Entry::Wrong {
                message: format!("the file's stem is the job's name, and {error}"),
                hint: "rename the file",
            },
        },
        "yaml" | "yml" | "json" => Entry::Wrong {
            message: format!("`.{extension}` files are not supported by this version"),
            hint: "write the job as TOML",
        },
        _ => Entry::Ignored,
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

/// The bytes of a file, one more than are allowed at most; or why it cannot be read.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let refused = |error: io::Error| format!("the file cannot be read: {}", why(&error));
    // Opening a pipe would wait for whoever writes to it.
    let about = fs::metadata(path).map_err(refused)?;
    if !about.is_file() {
        return Err("this is not a regular file".to_owned());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(MAX_BYTES)).unwrap_or(0) + 1);
    fs::File::open(path).map_err(refused)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refused)?;
    Ok(bytes)
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
            ("nightly.yaml", "wrong"),
            ("nightly.json", "wrong"),
        ] {
            let found = match judge(name) {
                Entry::Job(job) => format!("job {job}"),
                Entry::Ignored => "ignored".to_owned(),
                Entry::Wrong { .. } => "wrong".to_owned(),
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}
