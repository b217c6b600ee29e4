//! `campanile run`.

use std::path::PathBuf;

use crate::local::{Failure, Request, run};
use crate::print;
use crate::wire::code;

/// The words of `campanile run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile run jobs/nightly.toml
  campanile run jobs/nightly.toml --json
  campanile run jobs/broken.toml   # exits 1")]
pub struct Words {
    /// The job file
    file: PathBuf,
    /// Write events and, last, the run, as one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    if words.file.symlink_metadata().is_err() {
        print::talk(&format!("error: `{}` does not exist", words.file.display()));
        return code::NOT_FOUND;
    }
    match run(&Request { file: words.file, json: words.json }) {
        Ok(run) if run.state == "completed" => code::DONE,
        Ok(_) => code::FAILED,
        Err(Failure::Invalid(file)) => {
            for problem in &file.problems {
                print::talk(&format!("error: {problem}"));
            }
            code::INVALID
        }
        Err(Failure::Here(why)) => {
            print::talk(&format!("error: {why}"));
            code::FAILED
        }
    }
}
