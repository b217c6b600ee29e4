//! `campanile man [DIR]`: one manual page for each command, made from the words themselves.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::print;
use crate::wire::code;

/// The words of `campanile man`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile man > campanile.1
  campanile man man1   # man1/campanile.1, man1/campanile-ctl.1, man1/campanile-ctl-runs.1, …")]
pub struct Words {
    /// The folder for the pages of all commands, made if it is not there; without one, the page of `campanile` is printed
    dir: Option<PathBuf>,
}

/// Does it, and returns the exit code.
pub fn main(words: &Words) -> u8 {
    match &words.dir {
        None => {
            let mut page = Vec::new();
            Man::new(super::Words::command().disable_help_subcommand(true))
                .render(&mut page)
                .expect("because memory takes it");
            print::output(&page);
            code::DONE
        }
        Some(dir) => match write(dir) {
            Ok(()) => code::DONE,
            Err(error) => {
                print::talk(&format!("error: the pages cannot be written to `{}`: {error}", dir.display()));
                code::FAILED
            }
        },
    }
}

fn write(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(super::Words::command(), dir)
}
