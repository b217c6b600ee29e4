//! What a task asks of its process, and of what the process writes.

use super::{Key, Kind, Table, key};

/// The most that an attempt may keep.
const MAX_OUTPUT_BYTES: u64 = 1 << 40;

/// What runs a text.
pub(super) const INTERPRETER: Key = key(
    "interpreter",
    Kind::List(&Kind::Text, 1, usize::MAX),
    "What runs a `shell` text: a program and its arguments, to which the text is added as the last.",
    r#"interpreter = ["/bin/bash", "-euo", "pipefail", "-c"]"#,
)
.default(r#"["/bin/sh", "-c"]"#)
.no_effect("on `command`, and on a text that begins with `#!`");

/// Standard input.
pub(super) const STDIN: Key =
    key("stdin", Kind::Text, "What the process reads on standard input.", r#"stdin = "yes\n""#)
        .or("`/dev/null`")
        .limit("that of the file");

/// Where it starts.
pub(super) const WORKING_DIR: Key =
    key("working_dir", Kind::AbsolutePath, "Where the process starts.", r#"working_dir = "/srv/app""#)
        .or("HOME, under `campanile run` the current folder");

/// Modes of what it makes.
pub(super) const UMASK: Key = key(
    "umask",
    Kind::Mask,
    "The mask of the modes of files and folders that the process makes, in octal.",
    r#"umask = "027""#,
)
.or("that of the daemon")
.limit("`\"000\"` to `\"777\"`");

/// What happens to what it leaves behind.
pub(super) const LEFTOVERS: Key = key(
    "leftovers",
    Kind::Word(&["kill", "wait", "leave"]),
    "What happens to processes that a task leaves behind when its first process ends: they are killed and counted, the \
     attempt waits for the last of them, or they live on.",
    r#"leftovers = "wait""#,
)
.default(r#""kill""#)
.no_effect("on a task that leaves none");

/// How much log it may keep.
pub(super) const MAX_OUTPUT: Key = key(
    "max_output",
    Kind::Size(MAX_OUTPUT_BYTES),
    "How much log one attempt may keep; beyond that its head and tail are kept. Never fails or stops the task.",
    r#"max_output = "64MiB""#,
)
.default(r#""16MiB""#)
.limit("1 byte to 1024GiB");

/// What is run before TERM.
pub(super) const STOP_KEY: Key = key(
    "stop",
    Kind::Table(&STOP),
    "What is run before TERM is sent, for work that lives elsewhere: in a container, on another machine.",
    r#"stop = { command = ["docker", "stop", "report"] }"#,
)
.interacts("`kill_grace`, which begins when it has ended")
.no_effect("on a process that ends by itself");

/// `stop`.
pub(super) static STOP: Table = Table { must: &["command"], ..Table::new("stop", "Stop", &[STOP_KEYS]) };

const STOP_KEYS: &[Key] = &[
    key(
        "command",
        Kind::List(&Kind::Text, 1, usize::MAX),
        "A program and its arguments, run in the task's folder with its environment.",
        r#"command = ["docker", "stop", "report"]"#,
    )
    .must(),
    key("timeout", Kind::SomeDuration, "How long it may take before TERM is sent all the same.", r#"timeout = "30s""#)
        .default(r#""10s""#),
];

/// What its output must be like.
pub(super) const SUCCESS_KEY: Key = key(
    "success",
    Kind::Table(&SUCCESS),
    "What the output of an attempt must be like for it to have succeeded, whatever its exit code says. What fails here ends \
     as `verification_failed`, and may be tried again.",
    "success = { required_regex = ['^[1-9]'] }",
)
.interacts("`exit_codes`, which are asked first")
.no_effect("on an attempt that has failed already");

/// `success`.
pub(super) static SUCCESS: Table = Table {
    intro: "Every condition that is given must hold for what the attempt wrote to stdout, of which 64 KiB are looked at: the \
            head and the tail of more.",
    ..Table::new("success", "Success", &[SUCCESS_KEYS])
};

const REGEXES: Kind = Kind::List(&Kind::Full, 0, 64);

const SUCCESS_KEYS: &[Key] = &[
    key("required_substrings", REGEXES, "Each must be in the output.", r#"required_substrings = ["done"]"#),
    key(
        "required_regex",
        REGEXES,
        "Regular expressions, each of which must match somewhere; `^` and `$` are the ends of a line.",
        "required_regex = ['^rows: [1-9]']",
    ),
    key(
        "forbidden_regex",
        REGEXES,
        "Regular expressions, none of which may match anywhere.",
        "forbidden_regex = ['(?i)error']",
    ),
    key("min_word_count", Kind::Integer(1, 65_536), "So many words must be in it.", "min_word_count = 10"),
    key("case_insensitive", Kind::Bool, "Letters match whatever their case.", "case_insensitive = true")
        .default("false")
        .no_effect("on `min_word_count`"),
];
