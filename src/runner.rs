//! The runner: starts, watches, logs and kills processes. It sees facts and returns them as an `Exit`; what they mean,
//! and whether anything is tried again, is decided elsewhere.
//!
//! It is one thread around one `epoll`, below tokio, and speaks only `protocol`: over a socket as a process of its own
//! (`process`, `door`), or on a channel within that of `campanile run`; `client` is the daemon's side of it, `link` its end of
//! the socket. There is at most one in a process, because it is the only one who
//! reaps: it is a subreaper, so whatever an attempt leaves behind becomes its child, and `waitpid` on "any child" is
//! the one place where ends are seen.
//!
//! Invariants: a launch number is spawned at most once, over all runners that ever used this state folder; nothing of
//! an attempt is alive when its exit is reported (but under `leftovers = "leave"`); no task is delayed or failed by
//! what it writes or by who holds its pipes.

mod adopted;
mod attempt;
pub mod base_env;
mod cgroup;
mod client;
mod current;
mod door;
mod folders;
mod frame;
mod journal;
mod kill;
mod link;
mod output;
mod outputs;
mod picture;
pub mod process;
mod program;
pub mod protocol;
mod queue;
mod reaper;
mod rights;
mod scratch;
mod server;
pub mod shim;
mod socket;
mod spawn;
mod tree;
mod trust;
mod users;

use std::io;
use std::path::PathBuf;

pub use base_env::Facts;
pub use cgroup::Wanted as Cgroup;
pub use client::{Runner, RunnerClient, Standing};
pub(crate) use current::Current;
pub(crate) use link::CONNECTION_BITS;
pub use link::{Address, Start};
pub(crate) use picture::Pictures;

/// What a runner is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// The daemon's; the logs are below it.
    pub state_dir: PathBuf,
    /// Where a process starts that says nothing about it; otherwise the user's home.
    pub default_dir: Option<PathBuf>,
    /// It ends by itself when nothing runs and no daemon has been there for a while.
    pub is_transient: bool,
    /// Our own program, by way of which a process is started that is given more than `posix_spawn` can give.
    pub ourselves: PathBuf,
    /// For its journal and its lock; otherwise `runner` in the state folder, if that is not somebody else's.
    pub own_dir: Option<PathBuf>,
    /// For the files that tasks of other users need; otherwise `run` in the folder before.
    pub run_dir: Option<PathBuf>,
    /// The list of whom it may start processes as; otherwise the one in `/etc/campanile`, if there is one.
    pub users: Option<PathBuf>,
    /// Which cgroup it divides among what it starts.
    pub cgroup: Cgroup,
}

impl Config {
    /// What a runner of this state folder is told, unless something else is said.
    pub fn of(state_dir: PathBuf) -> Config {
        // The file that we were started from may have been replaced since.
        let ourselves = PathBuf::from("/proc/self/exe");
        let (default_dir, own_dir, run_dir, users) = (None, None, None, None);
        let cgroup = Cgroup::None;
        Config { state_dir, default_dir, is_transient: false, ourselves, own_dir, run_dir, users, cgroup }
    }
}

/// Why there is no runner.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// A process has one runner, because all ends of processes are seen by one.
    #[error("this process has a runner already")]
    AlreadyRunning,
    /// Another runner has this state folder.
    #[error("`{folder}` is held by another runner")]
    Locked {
        /// The folder of its journal.
        folder: PathBuf,
    },
    /// What it needs on disk cannot be had.
    #[error("`{path}`: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A launch that the journal names may be alive and cannot be told; starting anew could run it twice.
    #[error(
        "`{path}` cannot be read at line {line}\nhint: end the processes that campanile left, then move the file away"
    )]
    Journal {
        /// Where it is.
        path: PathBuf,
        /// The first line that cannot be read.
        line: usize,
    },
    /// We are root, the state folder is not.
    #[error(
        "`{state}` does not belong to root, so a runner that is root must not keep its journal there\nhint: give \
         `--own DIR`, a folder that only root can write, or run as the folder's owner"
    )]
    NoOwnFolder {
        /// The state folder.
        state: PathBuf,
    },
    /// What root would believe, somebody else may have written, or it cannot be understood.
    #[error("`{path}` {why}\nhint: a runner that is root uses only what root alone can write")]
    Untrusted {
        /// The file, or the folder on the way to it, that is to blame.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The cgroup that it is told to divide cannot be.
    #[error("`{path}` is no cgroup that can be divided: {source}\nhint: give a folder below a mount of cgroup2")]
    Cgroup {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A list of users was given to a runner that is not root.
    #[error("only a runner that is root can start processes as other users\nhint: leave `--users` out")]
    UsersOfNobody,
    /// The kernel refuses.
    #[error("cannot start the runner: {0}")]
    Kernel(#[from] io::Error),
}
