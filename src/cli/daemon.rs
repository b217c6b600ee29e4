//! `campanile daemon`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::daemon::{Failure, Given, Resolved, serve};
use crate::print;
use crate::wire::code;

/// The words of `campanile daemon`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile daemon --jobs jobs --state other --socket other.sock   # until you interrupt it
  campanile daemon --state /proc/nowhere   # exits 1")]
pub struct Words {
    /// The configuration file; otherwise campanile.toml in /etc/campanile (root) or ~/.config/campanile
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder of job files, instead of those of the configuration; may be given again, later ones override
    #[arg(long, value_name = "DIR")]
    jobs: Vec<PathBuf>,
    /// The folder of the database, the logs and the runner's journal; made if it is not there
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The socket that `campanile ctl` speaks to
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Go on with a backup that was restored: what was live is interrupted, and nothing starts before `ctl resume`
    #[arg(long)]
    restored: bool,
    /// Serve the API there too, over TCP; beyond this machine only with tokens in campanile.toml
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    let Words { config, jobs, state, socket, restored, listen } = words;
    let given = Given { config, jobs, state, socket, restored, listen };
    match Resolved::new(given).and_then(serve) {
        Ok(()) => code::DONE,
        Err(failure) => complain(&failure),
    }
}

/// Says why not, and what to do about it.
pub(super) fn complain(failure: &Failure) -> u8 {
    print::talk(&format!("error: {failure}"));
    if let Some(hint) = failure.hint() {
        print::talk(&format!("hint: {hint}"));
    }
    failure.exit_code()
}
