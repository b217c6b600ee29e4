//! Where the runner has its things, and whom it believes there. Its journal and lock are in a folder of its own: who can
//! write a journal names processes to be killed. In the state folder, which the daemon's user can write, are the logs,
//! and what tasks of that user need; what tasks of other users need is below a folder that all may pass through.
//!
//! Invariant: a root runner reads or writes nothing as root where somebody else can put links.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::trust::{Untrusted, only_by};
use super::{Config, RunnerError};

/// The folders, and whose the state folder is.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    /// For the journal and the lock.
    pub(super) own: PathBuf,
    /// For what tasks of other users need.
    pub(super) run: PathBuf,
    /// The user and the group that the state folder belongs to.
    pub(super) owner: (u32, u32),
    /// We are root, and the state folder is somebody else's.
    pub(super) is_foreign: bool,
}

impl Folders {
    /// Finds them, or says why they cannot be used.
    pub(super) fn settle(config: &Config) -> Result<Folders, RunnerError> {
        let state = std::path::absolute(&config.state_dir)?;
        let about = state.metadata().map_err(|source| RunnerError::Io { path: state.clone(), source })?;
        let owner = (about.uid(), about.gid());
        let is_root = geteuid().is_root();
        let is_foreign = is_root && owner.0 != 0;
        let mut own = match &config.own_dir {
            Some(own) => std::path::absolute(own)?,
            None if is_foreign => return Err(RunnerError::NoOwnFolder { state }),
            None => state.join("runner"),
        };
        let mut given_run = config.run_dir.as_ref().map(std::path::absolute).transpose()?;
        if is_root {
            for folder in config.own_dir.is_some().then_some(&mut own).into_iter().chain(&mut given_run) {
                make_passable(folder).map_err(|source| RunnerError::Io { path: folder.clone(), source })?;
                *folder = only_by(folder, 0).map_err(RunnerError::from)?;
            }
        }
        let run = given_run.unwrap_or_else(|| own.join("run"));
        Ok(Folders { own, run, owner, is_foreign })
    }
}

/// Makes a folder of ours that everybody may pass through and nobody else may list, if it is not there.
pub(super) fn make_passable(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o711).create(folder)
}

impl From<Untrusted> for RunnerError {
    fn from(untrusted: Untrusted) -> RunnerError {
        RunnerError::Untrusted { path: untrusted.path, why: untrusted.why }
    }
}
