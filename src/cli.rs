//! The words of the command line. What is typed (`Words`) and what is done about it are different types: each command's
//! file turns its words into a request for the floor below and its result into an exit code.

pub mod backup;
pub mod check;
pub mod daemon;
pub mod next;
#[cfg(test)]
mod page;
pub mod restore;
pub mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A scheduler daemon with a persistent job store.
#[derive(Parser, Debug)]
#[command(name = "campanile", version, arg_required_else_help = true)]
pub struct Words {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the scheduler in the foreground
    Daemon(daemon::Words),
    /// Run one job file here and now, without a daemon
    Run(run::Words),
    /// Validate job files: every problem as path:line:col: message
    Check(check::Words),
    /// Show when an expression is due
    Next(next::Words),
    /// Copy the store to one file, while the daemon runs or without it
    Backup(backup::Words),
    /// Put a backup in the place of a store
    Restore(restore::Words),
    /// Inspect and steer a running daemon
    Ctl(crate::ctl::Words),
}

/// Reads the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let words = Words::parse();
    let code = match words.command {
        Command::Daemon(words) => daemon::main(words),
        Command::Run(words) => run::main(words),
        Command::Check(words) => check::main(words),
        Command::Next(words) => next::main(words),
        Command::Backup(words) => backup::main(words),
        Command::Restore(words) => restore::main(words),
        Command::Ctl(words) => crate::ctl::main(words),
    };
    ExitCode::from(code)
}
