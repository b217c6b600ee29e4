//! Why a daemon could not start, or had to end, and with which exit code it says so.

use std::path::PathBuf;

use crate::driver::DriverError;
use crate::files::InvalidFile;
use crate::runner::RunnerError;
use crate::store::StoreError;
use crate::wire::code;

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration is wrong.
    #[error("{}", problems(.0))]
    Configuration(InvalidFile),
    /// A folder of job files that somebody has named is not there.
    #[error("the folder of job files `{}` does not exist", .0.display())]
    NoFolder(PathBuf),
    /// Another daemon has the state folder.
    #[error("another daemon{} has the state folder `{}`", owner(.pid), .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The other daemon, if it said.
        pid: Option<String>,
    },
    /// Another daemon listens there.
    #[error("another daemon listens on `{}`", .0.display())]
    SocketTaken(PathBuf),
    /// There is no store to copy.
    #[error("there is no store in the state folder `{}`", .0.display())]
    NoStore(PathBuf),
    /// There is no file to restore.
    #[error("there is no backup `{}`", .0.display())]
    NoBackup(PathBuf),
    /// It is a store, and nobody made it as a backup.
    #[error("`{}` is a store and not a backup of one", .0.display())]
    NotABackup(PathBuf),
    /// What would be written is there.
    #[error("`{}` exists, and is left alone", .0.display())]
    Exists(PathBuf),
    /// The machine does not give what is needed.
    #[error("{what}: {why}")]
    Machine {
        /// What was wanted.
        what: String,
        /// Why it was not had.
        why: std::io::Error,
    },
    /// The wheel cannot turn.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The engine's thread has ended.
    #[error("the engine has stopped: {0}")]
    Engine(String),
}

fn problems(file: &InvalidFile) -> String {
    file.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn owner(pid: &Option<String>) -> String {
    pid.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

impl Failure {
    pub(super) fn machine(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Failure {
        let what = what.into();
        move |why| Failure::Machine { what, why }
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Configuration(_) | Failure::NoFolder(_) | Failure::NotABackup(_) => code::INVALID,
            Failure::Locked { .. } | Failure::SocketTaken(_) | Failure::Exists(_) => code::CONFLICT,
            Failure::NoStore(_) | Failure::NoBackup(_) => code::NOT_FOUND,
            Failure::Machine { .. } | Failure::Engine(_) => code::FAILED,
            Failure::Driver(DriverError::Store(
                StoreError::Newer { .. } | StoreError::Damaged { .. } | StoreError::Backup { .. },
            )) => code::INVALID,
            Failure::Driver(DriverError::Runner(RunnerError::Journal { .. })) => code::INVALID,
            Failure::Driver(_) => code::FAILED,
        }
    }

    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Failure::Configuration(_) => {
                Some("mend the file; `campanile check FILE` says whether it is right".to_owned())
            }
            Failure::NoFolder(_) => Some("make it, or name another with `--jobs DIR` or `jobs_dirs`".to_owned()),
            Failure::NoStore(_) => Some("name the state folder with `--state DIR`".to_owned()),
            Failure::NotABackup(_) => {
                Some("make one with `campanile backup FILE`; copying the file may miss its log".to_owned())
            }
            Failure::Exists(path) if path.ends_with("campanile.db") => {
                Some("with `--force` it is kept under another name, and the backup takes its place".to_owned())
            }
            Failure::Exists(_) => Some("name a file that is not there".to_owned()),
            Failure::NoBackup(_) => None,
            Failure::Locked { .. } => Some("stop the other daemon, or give this one its own `--state DIR`".to_owned()),
            Failure::SocketTaken(_) => {
                Some("stop the other daemon, or give this one its own `--socket PATH`".to_owned())
            }
            Failure::Driver(DriverError::Store(StoreError::Newer { .. })) => {
                Some("install the version that wrote it, or a newer one; nothing was changed".to_owned())
            }
            Failure::Driver(DriverError::Store(StoreError::Backup { .. })) => Some(
                "start it with `campanile daemon --restored`: what was live is interrupted then, and nothing starts \
                 before `campanile ctl resume`; nothing was changed"
                    .to_owned(),
            ),
            Failure::Driver(DriverError::Store(StoreError::Damaged { path, .. })) => Some(format!(
                "nothing was changed; put a backup in its place, or move `{}` away to begin anew",
                path.display()
            )),
            Failure::Driver(DriverError::Store(StoreError::Io(_))) | Failure::Engine(_) => {
                Some("look at the disk; what was committed is read again at the next start".to_owned())
            }
            Failure::Machine { .. } | Failure::Driver(_) => None,
        }
    }
}
