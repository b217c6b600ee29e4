//! The files that exist for one attempt only, in folders of ours below the state folder: the script that it is, and the
//! place where it may leave named values. Both go with the attempt, and with the start of a runner, because whatever
//! the one before us had running is about to be killed.
//!
//! A task that runs as another user than the owner of the state folder cannot reach that. What it needs is in a folder of
//! its launch, which is that user's alone, below one that everybody may pass through and only root can write; and it is
//! written and read with the rights of that user.
//!
//! A task may leave a whole tree at its place. The runner's loop has no time to walk it: folders are deleted by a thread
//! of their own, which ends when nobody has the folders any more.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::unistd::geteuid;

use super::folders::make_passable;
use super::outputs;
use super::rights::{held, with_own, with_those_of};
use super::trust::{Untrusted, closed_to_others, only_by};
use super::users::Ids;
use crate::model::id::Launch;

/// The folders.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    scripts: PathBuf,
    outputs: PathBuf,
    /// For those of other users, a folder for each launch; made when it is needed first.
    others: PathBuf,
    /// Takes folders that are to be deleted. No launch number comes twice, so they are in nobody's way.
    remover: Sender<PathBuf>,
}

/// The other user whose files these are; nothing if they are those of the owner of the state folder.
pub(super) type Other<'a> = Option<&'a Ids>;

impl Scratch {
    /// Empty folders below `state_dir`, for us alone, and below `others`.
    pub(super) fn open(state_dir: &Path, others: &Path) -> io::Result<Scratch> {
        let (remover, folders) = channel();
        let scratch = Scratch::open_with(state_dir, others, remover)?;
        let others = others.to_owned();
        std::thread::Builder::new().name("scratch-remover".to_owned()).spawn(move || remove(&folders, &others))?;
        Ok(scratch)
    }

    fn open_with(state_dir: &Path, others: &Path, remover: Sender<PathBuf>) -> io::Result<Scratch> {
        // A task has another current folder than we have.
        let run = std::path::absolute(state_dir)?.join("run");
        let scratch =
            Scratch { scripts: run.join("scripts"), outputs: run.join("outputs"), others: others.to_owned(), remover };
        scratch.put_aside(&run.join("old"))?;
        if geteuid().is_root() && only_by(others, 0).is_ok() {
            for left in with_own(|| std::fs::read_dir(others))? {
                let _ = scratch.remover.send(left?.path());
            }
        }
        folder(&scratch.scripts)?;
        folder(&scratch.outputs)?;
        Ok(scratch)
    }

    /// Writes the script of an attempt and closes it, since what is open for writing cannot be run.
    pub(super) fn script(&self, launch: Launch, text: &str, other: Other<'_>) -> io::Result<PathBuf> {
        let Some(user) = other else {
            // Tasks run as we do: one may have deleted the folder, and that is its own affair and nobody else's.
            folder(&self.scripts)?;
            let path = self.scripts.join(launch.to_string());
            return write(&path, text).map(|()| path);
        };
        let path = self.of_other(launch, user)?.join("script");
        with_those_of(user.uid, user.gid, || write(&path, text)).map(|()| path)
    }

    /// Where an attempt that is about to start may leave named values; the folder is there, whatever became of it.
    pub(super) fn offer_outputs(&self, launch: Launch, other: Other<'_>) -> io::Result<PathBuf> {
        match other {
            // If it cannot be made, the task says so that wants to write there.
            None => drop(folder(&self.outputs)),
            Some(user) => drop(self.of_other(launch, user)?),
        }
        Ok(self.outputs(launch, other))
    }

    /// The named values that an attempt has left.
    pub(super) fn read_outputs(&self, launch: Launch, other: Other<'_>) -> Result<BTreeMap<String, String>, String> {
        let path = self.outputs(launch, other);
        match other {
            None => outputs::read(&path, held()),
            Some(user) => with_those_of(user.uid, user.gid, || outputs::read(&path, user.uid)),
        }
    }

    /// Where an attempt may leave named values. There is nothing yet.
    fn outputs(&self, launch: Launch, other: Other<'_>) -> PathBuf {
        match other {
            None => self.outputs.join(launch.to_string()),
            Some(_) => self.others.join(launch.to_string()).join("output"),
        }
    }

    /// The folder of a launch that runs as that user, for that user alone.
    fn of_other(&self, launch: Launch, user: &Ids) -> io::Result<PathBuf> {
        with_own(|| {
            make_passable(&self.others)?;
            let refused =
                |untrusted: Untrusted| io::Error::other(format!("`{}` {}", untrusted.path.display(), untrusted.why));
            only_by(&self.others, 0).map_err(refused)?;
            if let Some(closed) = closed_to_others(&self.others) {
                let (closed, others) = (closed.display(), self.others.display());
                return Err(io::Error::other(format!(
                    "other users may not pass `{closed}` on the way to `{others}`\nhint: let them, or start the runner \
                     with `--run DIR`"
                )));
            }
            let path = self.others.join(launch.to_string());
            match DirBuilder::new().mode(0o700).create(&path) {
                // The script came before the outputs.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(path),
                Err(error) => Err(error),
                Ok(()) => chown(&path, Some(user.uid), Some(user.gid)).map(|()| path),
            }
        })
    }

    /// Deletes what is there for an attempt of another user.
    pub(super) fn remove_of_other(&self, launch: Launch) {
        let path = self.others.join(launch.to_string());
        if with_own(|| path.symlink_metadata()).is_ok() {
            // The remover goes only when we go.
            let _ = self.remover.send(path);
        }
    }

    /// Deletes the script of an attempt.
    pub(super) fn remove_script(&self, launch: Launch) {
        // What cannot be deleted now is tried again by the next runner.
        let _ = std::fs::remove_file(self.scripts.join(launch.to_string()));
    }

    /// Deletes what an attempt left at its place, a folder too.
    pub(super) fn remove_outputs(&self, launch: Launch) {
        let path = self.outputs(launch, None);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            // The remover goes only when we go.
            let _ = self.remover.send(path);
        }
    }

    /// Hands what the runner before us left to the remover, out of the way of what comes.
    fn put_aside(&self, old: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(old)?;
        let mut number = 0_u64;
        for folder in [&self.scripts, &self.outputs] {
            let free = loop {
                let free = old.join(number.to_string());
                if free.symlink_metadata().is_err() {
                    break free;
                }
                number += 1;
            };
            // What a task has made immovable is in nobody's way either.
            let _ = std::fs::rename(folder, free);
        }
        for left in std::fs::read_dir(old)? {
            let _ = self.remover.send(left?.path());
        }
        Ok(())
    }
}

/// Deletes folders until nobody can name one any more. What a task has made undeletable is tried again by the next runner.
/// What other users left is in folders that only root may delete, and no link in them is followed.
fn remove(folders: &Receiver<PathBuf>, others: &Path) {
    let mut n_moved = 0;
    for folder in folders {
        if folder.starts_with(others) {
            with_own(|| remove_tree(folder, &mut n_moved));
        } else {
            remove_tree(folder, &mut n_moved);
        }
    }
}

/// Deletes a tree, however deep: what is below a folder is moved up beside it before it is looked into, so that neither
/// the stack nor the number of open descriptors grows with it. `n_moved` counts the names that were given for that.
///
/// Whoever made the tree may still be changing it. So a place is looked at only where that user cannot put another in its
/// stead: beside the first one, which is in a folder of ours, and after it was moved.
fn remove_tree(first: PathBuf, n_moved: &mut u64) {
    let Some(beside) = first.parent().map(Path::to_owned) else { return };
    let mut places = vec![first];
    while let Some(place) = places.pop() {
        if !place.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            let _ = std::fs::remove_file(&place);
            continue;
        }
        for entry in std::fs::read_dir(&place).into_iter().flatten().flatten() {
            if std::fs::remove_file(entry.path()).is_ok() || std::fs::remove_dir(entry.path()).is_ok() {
                continue;
            }
            *n_moved += 1;
            let moved = beside.join(format!("moved-{}-{n_moved}", std::process::id()));
            if std::fs::rename(entry.path(), &moved).is_ok() {
                places.push(moved);
            }
        }
        let _ = std::fs::remove_dir(&place);
    }
}

/// Writes a script where nothing is yet, or nothing.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(path)?;
    let written = file.write_all(text.as_bytes());
    drop(file);
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Makes a folder for us alone, if it is not there.
fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// There are no tasks of other users here.
    const NOWHERE: &str = "/nowhere";

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_script_is_for_its_owner_alone_and_never_put_where_something_is() {
        let state = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(state.path(), NOWHERE.as_ref()).unwrap();
        let path = scratch.script(Launch(7), "#!/bin/sh\n", None).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
        let precious = state.path().join("precious");
        std::os::unix::fs::symlink(&precious, scratch.scripts.join("8")).unwrap();
        let refused = scratch.script(Launch(8), "x", None).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert!(!precious.exists());
        scratch.remove_script(Launch(7));
        assert!(!path.exists());
    }

    #[test]
    fn a_tree_goes_however_deep_it_is() {
        use nix::fcntl::{OFlag, openat};
        use nix::sys::stat::{Mode, mkdirat};
        let state = tempfile::tempdir().unwrap();
        let first = state.path().join("deep");
        std::fs::create_dir(&first).unwrap();
        let mut folder = std::os::fd::OwnedFd::from(std::fs::File::open(&first).unwrap());
        for _ in 0..20_000 {
            mkdirat(&folder, "d", Mode::S_IRWXU).unwrap();
            folder = openat(&folder, "d", OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        }
        remove_tree(first, &mut 0);
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_the_runner_before_left_goes_and_no_link_is_followed() {
        let state = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("precious"), "").unwrap();
        let (remover, _folders) = channel();
        let scratch = Scratch::open_with(state.path(), NOWHERE.as_ref(), remover).unwrap();
        scratch.script(Launch(1), "x", None).unwrap();
        std::os::unix::fs::symlink(outside.path(), scratch.outputs(Launch(1), None)).unwrap();
        std::fs::create_dir(scratch.outputs(Launch(2), None)).unwrap();
        std::os::unix::fs::symlink(outside.path(), scratch.outputs(Launch(2), None).join("x")).unwrap();
        for _ in 0..2 {
            let (remover, folders) = channel();
            let next = Scratch::open_with(state.path(), NOWHERE.as_ref(), remover).unwrap();
            assert!(std::fs::read_dir(&next.scripts).unwrap().next().is_none());
            assert!(std::fs::read_dir(&next.outputs).unwrap().next().is_none());
            drop(next);
            remove(&folders, NOWHERE.as_ref());
            assert!(std::fs::read_dir(state.path().join("run/old")).unwrap().next().is_none());
        }
        assert!(outside.path().join("precious").exists());
    }

    #[test]
    fn a_tree_that_a_task_left_is_not_walked_by_who_asks_for_its_removal() {
        let state = tempfile::tempdir().unwrap();
        let (remover, folders) = channel();
        let scratch = Scratch::open_with(state.path(), NOWHERE.as_ref(), remover).unwrap();
        let _empty: Vec<PathBuf> = folders.try_iter().collect();
        let (plain, tree) = (scratch.outputs(Launch(1), None), scratch.outputs(Launch(2), None));
        std::fs::write(&plain, "a=1").unwrap();
        std::fs::create_dir_all(tree.join("a/b/c")).unwrap();
        for number in 1..=3 {
            scratch.remove_outputs(Launch(number));
        }
        assert!(!plain.exists());
        assert!(tree.join("a/b/c").exists(), "nobody has walked it yet");
        drop(scratch);
        let asked: Vec<PathBuf> = folders.iter().collect();
        assert_eq!(asked.as_slice(), std::slice::from_ref(&tree));
        let (again, folders) = channel();
        asked.into_iter().for_each(|folder| again.send(folder).unwrap());
        drop(again);
        remove(&folders, NOWHERE.as_ref());
        assert!(!tree.exists());
    }

    #[test]
    fn a_folder_that_a_task_has_deleted_is_made_again_for_the_next() {
        let state = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(state.path(), NOWHERE.as_ref()).unwrap();
        std::fs::remove_dir_all(state.path().join("run")).unwrap();
        scratch.script(Launch(1), "#!/bin/sh\n", None).unwrap();
        std::fs::write(scratch.offer_outputs(Launch(1), None).unwrap(), "a=b\n").unwrap();
    }
}
