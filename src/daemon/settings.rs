//! What the daemon works with: the command line before `campanile.toml` before the defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Failure;
use crate::files::settings::Configuration;
use crate::files::{places, settings};

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
    /// The address for TCP.
    pub listen: Option<SocketAddr>,
}

/// What counts.
#[derive(Debug)]
pub struct Resolved {
    pub(super) jobs_dirs: Vec<PathBuf>,
    /// Nobody has named the folders of job files, so there need not be any.
    pub(super) may_be_absent: bool,
    pub(super) state_dir: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) listen: Option<SocketAddr>,
    pub(super) zone: String,
    pub(super) configuration: Configuration,
}

impl Resolved {
    /// Reads the configuration, and lets what was typed go before it.
    pub fn new(given: Given) -> Result<Self, Failure> {
        let path = given.config.clone().unwrap_or_else(places::config_file);
        let configuration = settings::load(&path, given.config.is_some()).map_err(Failure::Configuration)?;
        let settings = &configuration.settings;
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).map_err(Failure::machine(format!("cannot find `{}`", path.display())))
        };
        let may_be_absent = given.jobs.is_empty() && settings.jobs_dirs.is_none();
        let jobs_dirs = if given.jobs.is_empty() { settings.folders(&path) } else { given.jobs };
        let state_dir = given.state.or_else(|| settings.state_dir.clone()).unwrap_or_else(places::state_dir);
        let socket = given.socket.or_else(|| settings.socket.clone()).unwrap_or_else(places::socket);
        let jobs_dirs: Vec<PathBuf> = jobs_dirs.into_iter().map(absolute).collect::<Result<_, _>>()?;
        if let Some(missing) = jobs_dirs.iter().find(|dir| !may_be_absent && !dir.is_dir()) {
            return Err(Failure::NoFolder(missing.clone()));
        }
        Ok(Resolved {
            jobs_dirs,
            may_be_absent,
            state_dir: absolute(state_dir)?,
            socket: absolute(socket)?,
            listen: given.listen.or(settings.listen),
            zone: settings.zone(&configuration.tzdb),
            configuration,
        })
    }
}
