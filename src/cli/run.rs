//! `campanile run`.

use std::path::PathBuf;

use crate::files;
use crate::local::{Failure, Request, run};
use crate::print;
use crate::wire::code::{self, Code};

/// The words of `campanile run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile run jobs/nightly.toml
  campanile run jobs/nightly.toml --json
  campanile run jobs/broken.toml   # exits 1")]
pub struct Words {
    /// The job file; of a file that holds several jobs, FILE:NAME
    file: PathBuf,
    /// A value of one of its parameters, as NAME=VALUE; may be given again
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = crate::ctl::param)]
    params: Vec<(String, String)>,
    /// Write events and, last, the run, as one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    if !files::has_file(&words.file) {
        print::talk(&format!("error: `{}` does not exist", words.file.display()));
        return code::NOT_FOUND;
    }
    let params = words.params.into_iter().map(|(name, value)| (name, value.into())).collect();
    match run(&Request { file: words.file, params, json: words.json }) {
        Ok(run) if run.state == "completed" => code::DONE,
        Ok(_) => code::FAILED,
        Err(Failure::Invalid(file)) => {
            for problem in &file.problems {
                print::talk(&format!("error: {problem}"));
            }
            code::INVALID
        }
        Err(Failure::Params(refused)) => {
            print::talk(&format!("error: {refused}"));
            Code::from(&refused).entry().exit
        }
        Err(Failure::Here(why)) => {
            print::talk(&format!("error: {why}"));
            code::FAILED
        }
    }
}
