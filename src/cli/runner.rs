//! `campanile runner`. Nothing of the daemon exists in its process: no runtime, no TLS, no database.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::runner::process::{Given, serve};
use crate::runner::{Cgroup, Config};
use crate::wire::code;
use crate::{environment, print};

/// The words of `campanile runner`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile runner --state other   # until you interrupt it
  campanile runner --state nowhere   # exits 1")]
pub struct Words {
    /// The state folder of the daemon; logs are written there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The socket that the daemon speaks to; otherwise runner/socket in the state folder
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// End when nothing runs and no daemon has been there for ten seconds
    #[arg(long)]
    transient: bool,
    /// A folder for its journal; otherwise runner in the state folder. A runner that is root needs one, which only root
    /// can write, where the state folder is not root's
    #[arg(long, value_name = "DIR")]
    own: Option<PathBuf>,
    /// A folder for what tasks of other users need, which those users can reach; otherwise run in the folder before
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// The list of users that a runner that is root may start processes as; otherwise /etc/campanile/runner.toml
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Give each task a cgroup of its own: below this one, or with auto below the one that the runner is in, if it is there
    /// alone and may write it
    #[arg(long, value_name = "auto|none|PATH", default_value = "auto")]
    cgroup: PathBuf,
}

/// The same, read without the words of any other command.
#[derive(Parser, Debug)]
#[command(name = "campanile runner", no_binary_name = true, disable_help_flag = true)]
struct Alone {
    #[command(flatten)]
    words: Words,
}

/// Is the runner, if that is what was typed and no more is to be said about it: help and complaints come from the words
/// of all commands.
pub fn entered() -> Option<ExitCode> {
    let mut words = environment::words().skip(1);
    if words.next()? != "runner" {
        return None;
    }
    let Alone { words } = Alone::try_parse_from(words).ok()?;
    Some(ExitCode::from(main(words)))
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    let Words { state, socket, transient, own, run, users, cgroup } = words;
    let cgroup = match cgroup.to_str() {
        Some("auto") => Cgroup::Auto,
        Some("none") => Cgroup::None,
        _ => Cgroup::At(cgroup),
    };
    let config = Config { is_transient: transient, own_dir: own, run_dir: run, users, cgroup, ..Config::of(state) };
    match serve(Given { config, socket }) {
        Ok(()) => code::DONE,
        Err(error) => {
            print::talk(&format!("error: {error}"));
            code::FAILED
        }
    }
}
