//! `campanile runner`. Nothing of the daemon exists in its process: no runtime, no TLS, no database.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::runner::process::{Given, serve};
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
    let Words { state, socket, transient } = words;
    match serve(Given { state_dir: state, socket, is_transient: transient }) {
        Ok(()) => code::DONE,
        Err(error) => {
            print::talk(&format!("error: {error}"));
            code::FAILED
        }
    }
}
