//! Jobs that are put by API: files of ours in a folder of our own, the last of the jobs folders, written whole or not at
//! all. An operator's file is never overridden unsaid: a job that another folder defines is refused. Whoever puts holds the
//! definitions, so that nobody reads a folder halfway.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::reload::{Definitions, Held, Why};
use super::settings::Folders;
use crate::api::PutJob;
use crate::files::{self, Found, Holder, Text, Zones, diagnostics};
use crate::model::definition::JobName;
use crate::model::invalid::Problem;
use crate::model::refused::Refused;
use crate::query::{self, Reader};
use crate::wire::ProblemDetails;
use crate::wire::code::Code;
use crate::wire::request;
use crate::{clock, driver};

/// How names of job files end.
const EXTENSIONS: [&str; 4] = ["toml", "yaml", "yml", "json"];

type Answer<T> = Result<T, Box<ProblemDetails>>;

/// Writes the file and loads it, or takes it away.
pub(super) async fn put(definitions: &Definitions, state_dir: PathBuf, job: PutJob) -> Answer<request::Put> {
    let held = definitions.hold().await;
    let write = tokio::task::spawn_blocking(move || {
        let name = named(&job.name)?;
        let done = match job.file {
            Some((extension, text)) => write(&held, &state_dir, &name, extension, &text),
            None => remove(&held, &state_dir, &name),
        };
        done.map(|(path, created)| (held, name, path, created))
    });
    let (held, name, path, created) =
        write.await.map_err(|error| Refused::Internal { what: format!("putting a job: {error}") })??;
    let loaded = definitions.reload_held(Why::Asked, held).await?;
    let name = name.to_string();
    let changed = loaded.changed.contains(&name) || loaded.retired.contains(&name);
    Ok(request::Put { name, path: path.display().to_string(), created, changed })
}

fn named(name: &str) -> Answer<JobName> {
    name.parse().map_err(|error| Refused::BadRequest { problem: format!("a job cannot be named so: {error}") }.into())
}

fn write(held: &Held, state_dir: &Path, name: &JobName, extension: &str, text: &[u8]) -> Answer<(PathBuf, bool)> {
    let folder = Folders::put(state_dir);
    let path = folder.join(format!("{name}.{extension}"));
    let (tzdb, zone) = held.zones();
    let zones = Zones { tzdb: &tzdb, default: &zone };
    let defaults = &held.in_force().settings.defaults;
    let holder = Holder::Daemon(nix::unistd::geteuid().as_raw());
    let written = Text { bytes: text.to_vec(), holder };
    let dirs = &held.in_force().folders.dirs;
    let mut found = files::read_text_among(defaults, dirs, name, &path, &written, (zones, clock::wall()));
    found.hold_to_owners();
    if let Some(problems) = problems(found, name, &path) {
        let detail = format!("the job `{name}` is not put: {}", count(problems.len(), "problem"));
        return Err(Box::new(ProblemDetails {
            errors: problems.into_iter().map(Into::into).collect(),
            ..ProblemDetails::new(Code::Invalid, detail)
        }));
    }
    let others: Vec<PathBuf> = put_files(&folder, name).collect();
    if others.is_empty() {
        refuse_if_defined(held, state_dir, &folder, name)?;
    }
    replace(&folder, &path, text).map_err(|error| unwritten(&path, &error))?;
    // One in another language would be a second definition of the same job.
    for other in others.iter().filter(|other| **other != path) {
        fs::remove_file(other).map_err(|error| unwritten(other, &error))?;
    }
    Ok((path, others.is_empty()))
}

/// What keeps what was read from being the one job that is put; nothing if it is.
fn problems(found: Found, name: &JobName, path: &Path) -> Option<Vec<Problem>> {
    if !found.invalid.is_empty() {
        return Some(found.invalid.into_iter().flat_map(|file| file.problems).collect());
    }
    if found.jobs.iter().map(|job| &job.name).eq([name]) {
        return None;
    }
    let message = format!("what is put is to define the job `{name}` alone, and has `[jobs]`");
    Some(vec![diagnostics::whole_file(path, message, Some("put each job by itself"))])
}

fn remove(held: &Held, state_dir: &Path, name: &JobName) -> Answer<(PathBuf, bool)> {
    let folder = Folders::put(state_dir);
    let ours: Vec<PathBuf> = put_files(&folder, name).collect();
    let Some(first) = ours.first().cloned() else {
        refuse_if_defined(held, state_dir, &folder, name)?;
        return Err(Refused::NotFound { what: "job", name: name.to_string() }.into());
    };
    for path in ours {
        fs::remove_file(&path).map_err(|error| unwritten(&path, &error))?;
    }
    sync(&folder).map_err(|error| unwritten(&folder, &error))?;
    Ok((first, false))
}

/// The files in our folder that define the job.
fn put_files<'a>(folder: &'a Path, name: &'a JobName) -> impl Iterator<Item = PathBuf> + 'a {
    let paths = EXTENSIONS.iter().map(move |extension| folder.join(format!("{name}.{extension}")));
    paths.filter(|path| path.symlink_metadata().is_ok())
}

/// A file of somebody else's counts even if it cannot be read, or masks the job.
fn refuse_if_defined(held: &Held, state_dir: &Path, ours: &Path, name: &JobName) -> Answer<()> {
    let dirs = held.in_force().folders.dirs.iter().filter(|dir| *dir != ours);
    let by_name = dirs.flat_map(|dir| put_files(dir, name).collect::<Vec<_>>()).last();
    let by_store = || {
        let reader = Reader::open(&driver::database(state_dir)).ok()?;
        let job = query::job::one(&reader, name.as_str()).ok()?;
        Some(PathBuf::from(job.source)).filter(|path| job.retired_at.is_none() && !path.starts_with(ours))
    };
    match by_name.or_else(by_store) {
        None => Ok(()),
        Some(path) => {
            let detail = format!("the job `{name}` is defined by `{}`", path.display());
            let hint = "change that file, or remove it, or give the job another name";
            Err(Box::new(ProblemDetails::new(Code::DefinedElsewhere, detail).hint(hint)))
        }
    }
}

/// Whoever reads the folder, and whatever the moment of a power cut, finds the file as it was or as it is to be.
fn replace(folder: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    // Named as a leftover: one that stays behind defines nothing.
    let mut file = tempfile::Builder::new().prefix(".put-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o640))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn unwritten(path: &Path, error: &io::Error) -> Box<ProblemDetails> {
    let what = format!("`{}` cannot be written: {error}", path.display());
    let may_pass = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem];
    let refused = match may_pass.contains(&error.kind()) {
        true => Refused::Unavailable { why: what },
        false => Refused::Internal { what },
    };
    refused.into()
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
