//! The one file that reads the process environment.

use std::ffi::OsString;

/// The variable's value, if it is set, valid UTF-8 and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the one file that reads the environment")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variable's value, as bytes.
#[expect(clippy::disallowed_methods, reason = "this is the one file that reads the environment")]
pub fn var_os(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The words that this process was started with, its own name first.
pub fn words() -> impl Iterator<Item = OsString> {
    std::env::args_os()
}
