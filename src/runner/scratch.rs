//! The files that exist for one attempt only, in folders of ours below the state folder: the script that it is, and the
//! place where it may leave named values. Both go with the attempt, and with the start of a runner, because whatever
//! the one before us had running is about to be killed.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::model::id::Launch;

/// The folders.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    scripts: PathBuf,
    outputs: PathBuf,
}

impl Scratch {
    /// Empty folders below `state_dir`, for us alone.
    pub(super) fn open(state_dir: &Path) -> io::Result<Scratch> {
        // A task has another current folder than we have.
        let run = std::path::absolute(state_dir)?.join("run");
        let scratch = Scratch { scripts: run.join("scripts"), outputs: run.join("outputs") };
        for folder in [&scratch.scripts, &scratch.outputs] {
            // What a task has made undeletable is in nobody's way: no launch number comes twice.
            let _ = std::fs::remove_dir_all(folder);
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        Ok(scratch)
    }

    /// Writes the script of an attempt and closes it, since what is open for writing cannot be run.
    pub(super) fn script(&self, launch: Launch, text: &str) -> io::Result<PathBuf> {
        let path = self.scripts.join(launch.to_string());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path)?;
        let written = file.write_all(text.as_bytes());
        drop(file);
        if let Err(error) = written {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(path)
    }

    /// Where an attempt may leave named values. There is nothing yet.
    pub(super) fn outputs(&self, launch: Launch) -> PathBuf {
        self.outputs.join(launch.to_string())
    }

    /// Deletes the script of an attempt.
    pub(super) fn remove_script(&self, launch: Launch) {
        // What cannot be deleted now is tried again by the next runner.
        let _ = std::fs::remove_file(self.scripts.join(launch.to_string()));
    }

    /// Deletes what an attempt left at its place, a folder too.
    pub(super) fn remove_outputs(&self, launch: Launch) {
        let path = self.outputs(launch);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_script_is_for_its_owner_alone_and_never_put_where_something_is() {
        let state = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(state.path()).unwrap();
        let path = scratch.script(Launch(7), "#!/bin/sh\n").unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
        let precious = state.path().join("precious");
        std::os::unix::fs::symlink(&precious, scratch.scripts.join("8")).unwrap();
        let refused = scratch.script(Launch(8), "x").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert!(!precious.exists());
        scratch.remove_script(Launch(7));
        assert!(!path.exists());
    }

    #[test]
    fn what_the_runner_before_left_goes_and_no_link_is_followed() {
        let state = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("precious"), "").unwrap();
        let scratch = Scratch::open(state.path()).unwrap();
        scratch.script(Launch(1), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), scratch.outputs(Launch(1))).unwrap();
        std::fs::create_dir(scratch.outputs(Launch(2))).unwrap();
        std::os::unix::fs::symlink(outside.path(), scratch.outputs(Launch(2)).join("x")).unwrap();
        scratch.remove_outputs(Launch(2));
        assert!(!scratch.outputs(Launch(2)).exists());
        Scratch::open(state.path()).unwrap();
        assert!(std::fs::read_dir(&scratch.scripts).unwrap().next().is_none());
        assert!(std::fs::read_dir(&scratch.outputs).unwrap().next().is_none());
        assert!(outside.path().join("precious").exists());
    }
}
