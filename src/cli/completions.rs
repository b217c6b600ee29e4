//! `campanile completions SHELL`: a script that completes commands, verbs and options, made from the words themselves.

use clap::CommandFactory;
use clap_complete::aot::{Bash, Fish, Zsh, generate};

use crate::print;
use crate::wire::code;

/// The words of `campanile completions`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile completions bash > campanile.bash
  campanile completions zsh > _campanile
  campanile completions fish > campanile.fish")]
pub struct Words {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The shells that there are scripts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Does it, and returns the exit code.
pub fn main(words: &Words) -> u8 {
    let mut command = super::Words::command();
    let mut script = Vec::new();
    match words.shell {
        Shell::Bash => generate(Bash, &mut command, "campanile", &mut script),
        Shell::Zsh => generate(Zsh, &mut command, "campanile", &mut script),
        Shell::Fish => generate(Fish, &mut command, "campanile", &mut script),
    }
    print::output(&script);
    code::DONE
}
