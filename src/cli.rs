//! The words of the command line. What is typed (`Words`) and what is done about it are different types: each command's
//! file turns its words into a request for the floor below and its result into an exit code.
//!
//! Parser, help, completions, man pages and `docs/reference/command-line.md` all come from these words. Each command's
//! help has examples; `tests/help_examples.rs` runs every one.

pub mod backup;
pub mod check;
pub mod completions;
pub mod daemon;
pub mod exec;
pub mod man;
pub mod next;
#[cfg(test)]
mod page;
mod problems;
pub mod rehearse;
pub mod restore;
pub mod run;
pub mod runner;
pub mod schema;
mod unknown;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A scheduler daemon with a persistent job store.
#[derive(Parser, Debug)]
#[command(name = "campanile", version, arg_required_else_help = true)]
#[command(after_help = "Examples:
  campanile check jobs
  campanile run jobs/nightly.toml
  campanile ctl status")]
pub struct Words {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the scheduler in the foreground
    Daemon(daemon::Words),
    /// Start, watch and end the processes of tasks for a daemon, and outlive it
    Runner(runner::Words),
    /// Run one job file here and now, without a daemon
    Run(run::Words),
    /// Validate job files: every problem as path:line:col: message
    #[command(after_help = "Examples:
  campanile check jobs
  campanile check jobs/nightly.toml campanile.toml
  campanile check --diff --days 3 jobs
  campanile check nowhere.toml   # exits 3")]
    Check(check::Words),
    /// Show when an expression is due
    Next(next::Words),
    /// Show what would run and wait, on a virtual clock
    Rehearse(rehearse::Words),
    /// Print the JSON Schema of job files or of campanile.toml
    Schema(schema::Words),
    /// Copy the store to one file, while the daemon runs or without it
    Backup(backup::Words),
    /// Put a backup in the place of a store
    Restore(restore::Words),
    /// Inspect and steer a running daemon
    Ctl(crate::ctl::Words),
    /// Print a completion script for a shell
    Completions(completions::Words),
    /// Write the manual pages
    Man(man::Words),
    /// Become a task's program; what the runner starts, and nobody types
    #[command(hide = true)]
    Exec(exec::Words),
}

/// Reads the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let words = match Words::try_parse() {
        Ok(words) => words,
        Err(error) => return ExitCode::from(unknown::explain(&error)),
    };
    let code = match words.command {
        Command::Daemon(words) => daemon::main(words),
        Command::Runner(words) => runner::main(words),
        Command::Run(words) => run::main(words),
        Command::Check(words) => check::main(words),
        Command::Next(words) => next::main(words),
        Command::Rehearse(words) => rehearse::main(words),
        Command::Schema(words) => schema::main(words),
        Command::Backup(words) => backup::main(words),
        Command::Restore(words) => restore::main(words),
        Command::Ctl(words) => crate::ctl::main(words),
        Command::Completions(words) => completions::main(&words),
        Command::Man(words) => man::main(&words),
        Command::Exec(words) => exec::main(&words),
    };
    ExitCode::from(code)
}
