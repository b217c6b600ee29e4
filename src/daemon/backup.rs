//! Backups: a copy of the store in one file, made while a daemon writes it or without one, and put in the place of a store
//! again. A copy appears under its name only when it is whole and on disk, and never in the place of a file; a store that
//! is replaced is kept.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::settings::Folders;
use super::{Failure, lock};
use crate::driver::{DriverError, database};
use crate::model::timestamp::Timestamp;
use crate::store::{StoreError, sqlite};

/// The end of the name of the folder that a backup's logs are in.
const LOGS: &str = "logs";

/// Copies the store of `state_dir` to the file `to`, and its logs beside it if that is wanted.
pub fn back_up(state_dir: &Path, to: &Path, with_logs: bool, now: Timestamp) -> Result<(), Failure> {
    let from = database(state_dir);
    if !from.is_file() {
        return Err(Failure::NoStore(state_dir.to_owned()));
    }
    let logs = logs_of(to);
    if let Some(taken) = [to, &logs].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::Exists(taken.to_owned()));
    }
    let failed = || Failure::machine(format!("cannot write the backup `{}`", to.display()));
    let partial = Partial::beside(to).map_err(failed())?;
    let put = files_in(&Folders::put(state_dir)).map_err(failed())?;
    sqlite::back_up(&from, &partial.0, &put, now).map_err(stored)?;
    if with_logs {
        // Before the file: who finds it finds them too.
        copy_tree(&state_dir.join(LOGS), &logs).map_err(failed())?;
    }
    partial.publish(to).map_err(|error| {
        let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
        if is_taken { Failure::Exists(to.to_owned()) } else { failed()(error) }
    })
}

/// Puts the backup `from` in the place of the store of `state_dir`; says where the old store is kept, if there was one.
pub fn restore(from: &Path, state_dir: &Path, force: bool, now: Timestamp) -> Result<Option<PathBuf>, Failure> {
    if !from.is_file() {
        return Err(Failure::NoBackup(from.to_owned()));
    }
    if sqlite::marked_at(from).map_err(stored)?.is_none() {
        return Err(Failure::NotABackup(from.to_owned()));
    }
    let failed = || Failure::machine(format!("cannot restore to `{}`", state_dir.display()));
    if !state_dir.is_dir() {
        fs::create_dir_all(state_dir).map_err(failed())?;
        fs::set_permissions(state_dir, fs::Permissions::from_mode(0o750)).map_err(failed())?;
    }
    let _lock = lock::take(state_dir)?;
    let to = database(state_dir);
    let is_taken = to.symlink_metadata().is_ok();
    if is_taken && !force {
        return Err(Failure::Exists(to));
    }
    let partial = Partial::beside(&to).map_err(failed())?;
    fs::copy(from, &partial.0).map_err(failed())?;
    sqlite::check_whole(&partial.0).map_err(stored)?;
    let put = sqlite::take_files(&partial.0).map_err(stored)?;
    partial.sync().map_err(failed())?;
    copy_tree(&logs_of(from), &state_dir.join(LOGS)).map_err(failed())?;
    let folder = Folders::put(state_dir);
    fs::create_dir_all(&folder).map_err(failed())?;
    for (name, text) in put.iter().filter(|(name, _)| Path::new(name).file_name().is_some_and(|file| file == &**name)) {
        fs::write(folder.join(name), text).map_err(failed())?;
    }
    if is_taken {
        // As one file it has one name. A store that is too damaged for that is kept with its log, as it is.
        let _ = sqlite::settle(&to);
    }
    let kept = set_aside(&to, now).map_err(failed())?;
    // In one step from the old to the new: a daemon that found none would begin with an empty one.
    partial.replace(&to).map_err(failed())?;
    Ok(kept.filter(|_| is_taken))
}

/// The files in a folder, by name; those that begin with a dot are nobody's.
fn files_in(folder: &Path) -> io::Result<Vec<sqlite::KeptFile>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.starts_with('.') {
            match fs::read(entry.path()) {
                // Taken away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                text => files.push((name, text?)),
            }
        }
    }
    Ok(files)
}

/// Gives the store at `to` a second name. Its log must go before another file has the store's name, because it would be
/// taken for that file's.
fn set_aside(to: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let kept = extended(to, &format!(".replaced-{}", compact(now)));
    let mut found = None;
    for part in ["", "-wal"] {
        let path = extended(to, part);
        if path.symlink_metadata().is_ok() {
            fs::hard_link(&path, extended(&kept, part))
                .or_else(|_| fs::copy(&path, extended(&kept, part)).map(drop))?;
            found = Some(kept.clone());
        }
    }
    for part in ["-wal", "-shm"] {
        match fs::remove_file(extended(to, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(found)
}

/// Where the logs of the backup `file` are.
fn logs_of(file: &Path) -> PathBuf {
    extended(file, &format!(".{LOGS}"))
}

fn extended(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// An instant as part of a file's name, to the second.
pub(super) fn compact(at: Timestamp) -> String {
    let digits: String = at.to_string().chars().take_while(|c| *c != '.').filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{digits}Z")
}

fn stored(error: StoreError) -> Failure {
    Failure::Driver(DriverError::Store(error))
}

/// Copies what is in the folder `from`, if it is there, and leaves what is in `to` already as it is.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let (path, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else if !target.exists() {
            match fs::copy(&path, &target) {
                // Pruned meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => drop(copied?),
            }
        }
    }
    Ok(())
}

/// A file that is not whole yet. Dropped, it is removed.
struct Partial(PathBuf);

impl Partial {
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let partial = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        Ok(Partial(partial))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Gives it its name, which nobody has.
    fn publish(&self, to: &Path) -> io::Result<()> {
        match renameat2(AT_FDCWD, &self.0, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
            // A file system that cannot promise it; it was looked at before.
            Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS) => fs::rename(&self.0, to)?,
            renamed => renamed?,
        }
        sync_folder_of(to)
    }

    /// Gives it its name, whoever has it.
    fn replace(&self, to: &Path) -> io::Result<()> {
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o640))?;
        fs::rename(&self.0, to)?;
        sync_folder_of(to)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It has its name by now, or it was in vain.
        for part in ["", "-journal"] {
            let _ = fs::remove_file(extended(&self.0, part));
        }
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_part_of_a_name() {
        assert_eq!(compact(Timestamp::from_micros(1_795_143_600_123_456)), "20261120T030000Z");
    }
}
