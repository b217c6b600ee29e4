//! The `campanile` binary. The runner is entered first, before a runtime, TLS or the words of all other commands exist,
//! because it is to stay small.

use std::process::ExitCode;

fn main() -> ExitCode {
    campanile::cli::runner::entered().unwrap_or_else(campanile::cli::main)
}
