//! The `campanile` binary.

fn main() -> std::process::ExitCode {
    campanile::cli::main()
}
