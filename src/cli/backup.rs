//! `campanile backup`: a copy of the store in one file, whether or not a daemon runs.

use std::path::{Path, PathBuf};

use crate::daemon::{Failure, Given, back_up};
use crate::wire::code;
use crate::{clock, print};

/// What stands for stdout.
const STDOUT: &str = "-";

/// The words of `campanile backup`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile backup --state state backup.db
  campanile backup --state state --logs whole.db
  campanile backup --state state - | gzip > backup.db.gz")]
pub struct Words {
    /// The state folder; otherwise that of the configuration
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The configuration file that names the state folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Copy the logs of tasks too, to the folder FILE.logs
    #[arg(long)]
    logs: bool,
    /// The file to write, which must not exist, or `-` for stdout
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    let Words { state, config, logs, file } = words;
    let to_stdout = file == Path::new(STDOUT);
    if to_stdout && (logs || print::shows_data_on_terminal()) {
        let why = if logs { "logs cannot go to stdout" } else { "a backup is not for a terminal" };
        print::talk(&format!("error: {why}"));
        print::talk("hint: name a file");
        return code::USAGE;
    }
    let given = Given { state, config, ..Given::default() };
    let done = given.state_dir().and_then(|state| match to_stdout {
        true => send(&state),
        false => back_up(&state, &file, logs, clock::wall()),
    });
    match done {
        Ok(()) => code::DONE,
        Err(failure) => super::daemon::complain(&failure),
    }
}

/// Nobody must read half a copy, so it is made whole before the first byte is sent.
fn send(state: &Path) -> Result<(), Failure> {
    let failed = |why| Failure::Machine { what: "cannot make a folder for the copy".to_owned(), why };
    let folder = tempfile::Builder::new().prefix("campanile-backup-").tempdir().map_err(failed)?;
    let path = folder.path().join("campanile.db");
    back_up(state, &path, false, clock::wall())?;
    let failed = |why| Failure::Machine { what: "cannot read the copy".to_owned(), why };
    print::stream(&mut std::fs::File::open(path).map_err(failed)?).map_err(failed)
}
