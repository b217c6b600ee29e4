//! `campanile restore`: puts a backup in the place of a store. It starts nothing.

use std::path::PathBuf;

use crate::daemon::restore;
use crate::wire::code;
use crate::{clock, print};

/// The words of `campanile restore`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile restore backup.db --state restored
  campanile restore nowhere.db --state restored   # exits 3")]
pub struct Words {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The state folder; made if it is not there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Replace the store that is there, and keep it under another name
    #[arg(long)]
    force: bool,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    let Words { file, state, force } = words;
    match restore(&file, &state, force, clock::wall()) {
        Ok(kept) => {
            if let Some(kept) = kept {
                print::talk(&format!("note: the store that was there is kept as `{}`", kept.display()));
            }
            print::talk(
                "hint: start it with `campanile daemon --restored`; nothing starts before `campanile ctl resume`",
            );
            code::DONE
        }
        Err(failure) => super::daemon::complain(&failure),
    }
}
