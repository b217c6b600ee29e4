//! Words that are not understood. The parser says what is wrong and knows its own words; people also type the name of a
//! job, a job file or a verb of `ctl` where a command is wanted, and are told what to type instead.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::ctl::{Meant, meant_job};
use crate::print;
use crate::wire::code;

/// Says what is wrong with the words, or what they asked to be told, and returns the exit code.
pub(super) fn explain(error: &clap::Error) -> u8 {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match advice(error, &args) {
        Some(Advice::Instead { message, hint }) => {
            print::talk(&format!("error: {message}"));
            print::talk(&format!("hint: {hint}"));
        }
        Some(Advice::Also { hint }) => {
            let _ = error.print();
            print::talk(&format!("hint: {hint}"));
        }
        None => {
            let _ = error.print();
        }
    }
    if error.use_stderr() { code::USAGE } else { code::DONE }
}

enum Advice {
    /// The parser has nothing to add.
    Instead { message: String, hint: String },
    /// A guess, behind what the parser says.
    Also { hint: String },
}

fn advice(error: &clap::Error, args: &[OsString]) -> Option<Advice> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let to_ctl = args.iter().any(|arg| arg == "ctl");
    if !to_ctl && is_verb(word) {
        return Some(Advice::Instead {
            message: format!("`{word}` is a verb of `campanile ctl`"),
            hint: format!("`campanile ctl {word}`"),
        });
    }
    if !to_ctl && Path::new(word).is_file() {
        return Some(Advice::Instead {
            message: format!("`{word}` is a file"),
            hint: format!("`campanile run {word}` runs it here and now, `campanile check {word}` checks it"),
        });
    }
    match meant_job(socket(args), word)? {
        Meant::Job => Some(Advice::Instead {
            message: format!("`{word}` is a job"),
            hint: format!("`campanile ctl start {word}`"),
        }),
        Meant::Like(near) => Some(Advice::Also {
            hint: format!(
                "there is a job `{near}`: `campanile ctl start {near}` starts it, `campanile ctl job {near}` shows it"
            ),
        }),
    }
}

fn is_verb(word: &str) -> bool {
    let command = super::Words::command();
    command.find_subcommand("ctl").is_some_and(|ctl| ctl.find_subcommand(word).is_some())
}

/// The socket that the words name, although not all of them could be read.
fn socket(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--") => return None,
            Some("--socket") => return args.next().map(PathBuf::from),
            Some(arg) if arg.starts_with("--socket=") => return arg.strip_prefix("--socket=").map(PathBuf::from),
            Some(_) | None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_found_among_words_that_are_not_understood() {
        for (args, expected) in [
            (&["ctl", "--socket", "/s", "nightly"][..], Some("/s")),
            (&["ctl", "nightly", "--socket=/s"], Some("/s")),
            (&["ctl", "x", "--", "--socket", "/s"], None),
            (&["nightly"], None),
        ] {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            assert_eq!(socket(&args), expected.map(PathBuf::from), "{args:?}");
        }
    }

    #[test]
    fn verbs_of_ctl_are_known_before_it() {
        for (word, expected) in [("runs", true), ("start", true), ("nightly", false), ("daemon", false)] {
            assert_eq!(is_verb(word), expected, "{word}");
        }
    }
}
