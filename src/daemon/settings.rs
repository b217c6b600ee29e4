//! What the daemon works with: the command line before `campanile.toml` before the defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::files::settings::{Configuration, Settings};
use crate::files::{places, settings};

/// Where jobs are that were put by API, below the state folder.
const PUT_JOBS: &str = "jobs.d";

/// What was typed.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// Folders of job files.
    pub jobs: Vec<PathBuf>,
    /// The state folder.
    pub state: Option<PathBuf>,
    /// The socket.
    pub socket: Option<PathBuf>,
    /// The store is a backup that was restored.
    pub restored: bool,
    /// The address for TCP.
    pub listen: Option<SocketAddr>,
}

/// What counts.
#[derive(Debug)]
pub struct Resolved {
    pub(super) given: Given,
    /// The configuration file, whether or not it exists.
    pub(super) config: PathBuf,
    pub(super) folders: Folders,
    pub(super) state_dir: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) configuration: Configuration,
}

/// Where definitions come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Folders {
    /// The first is overridden by the later ones. The last is that of jobs put by API.
    pub(super) dirs: Vec<PathBuf>,
    /// A folder that is not there is empty; otherwise it proves nothing about the jobs that were in it.
    pub(super) may_be_absent: bool,
}

impl Folders {
    /// Where jobs are that were put by API.
    pub(super) fn put(state_dir: &Path) -> PathBuf {
        state_dir.join(PUT_JOBS)
    }

    /// Those that somebody has named and that are not there.
    pub(super) fn missing(&self) -> impl Iterator<Item = &PathBuf> {
        self.dirs.iter().filter(|dir| !self.may_be_absent && !dir.is_dir())
    }
}

impl Given {
    /// The configuration file, whether or not it exists.
    fn config_file(&self) -> Result<PathBuf, Failure> {
        absolute(self.config.clone().unwrap_or_else(places::config_file))
    }

    /// The folders of job files.
    pub(super) fn folders(&self, settings: &Settings, config: &Path, state_dir: &Path) -> Result<Folders, Failure> {
        let may_be_absent = self.jobs.is_empty() && settings.jobs_dirs.is_none();
        let dirs = if self.jobs.is_empty() { settings.folders(config) } else { self.jobs.clone() };
        let mut dirs: Vec<PathBuf> = dirs.into_iter().map(absolute).collect::<Result<_, _>>()?;
        let put = Folders::put(state_dir);
        dirs.retain(|dir| *dir != put);
        dirs.push(put);
        Ok(Folders { dirs, may_be_absent })
    }

    /// The state folder: of the command line, the configuration or the system.
    pub fn state_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.state {
            return absolute(dir);
        }
        let path = self.config_file()?;
        let configuration = settings::load(&path, self.config.is_some()).map_err(Failure::Configuration)?;
        absolute(configuration.settings.state_dir.unwrap_or_else(places::state_dir))
    }
}

impl Resolved {
    /// Reads the configuration, and lets what was typed go before it.
    pub fn new(given: Given) -> Result<Self, Failure> {
        let config = given.config_file()?;
        let configuration = settings::load(&config, given.config.is_some()).map_err(Failure::Configuration)?;
        let settings = &configuration.settings;
        let state_dir = given.state.clone().or_else(|| settings.state_dir.clone()).unwrap_or_else(places::state_dir);
        let state_dir = absolute(state_dir)?;
        let socket = given.socket.clone().or_else(|| settings.socket.clone()).unwrap_or_else(places::socket);
        let folders = given.folders(settings, &config, &state_dir)?;
        let put = Folders::put(&state_dir);
        if let Some(missing) = folders.missing().find(|dir| **dir != put) {
            return Err(Failure::NoFolder(missing.clone()));
        }
        Ok(Resolved { config, folders, state_dir, socket: absolute(socket)?, configuration, given })
    }
}

fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    let path = path.as_ref();
    std::path::absolute(path).map_err(Failure::machine(format!("cannot find `{}`", path.display())))
}
