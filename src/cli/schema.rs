//! `campanile schema`: the JSON Schema of a file, for editors.

use crate::files::spec::schema;
use crate::print;
use crate::wire::code;

/// The words of `campanile schema`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile schema > job.schema.json
  campanile schema config > config.schema.json")]
pub struct Words {
    /// Of which file
    #[arg(value_enum, default_value_t)]
    file: File,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum File {
    /// A job file
    #[default]
    Job,
    /// campanile.toml
    Config,
}

/// Does it, and returns the exit code.
pub fn main(Words { file }: Words) -> u8 {
    let schema = match file {
        File::Job => schema::job(),
        File::Config => schema::config(),
    };
    print::data(&format!("{schema:#}\n"));
    code::DONE
}
