//! What a task asks of its process, and of what the process writes.

use super::{Key, Kind, Table, key};
use crate::files::keys;

/// The most that an attempt may keep.
const MAX_OUTPUT_BYTES: u64 = 1 << 40;

const INTERPRETERS: Kind = Kind::Either(&[Kind::Program, ARGV]);
const ARGV: Kind = Kind::List(&Kind::Text, 1, usize::MAX);

/// What runs a text.
pub(super) const INTERPRETER: Key = key(
    "interpreter",
    INTERPRETERS,
    "A program and its arguments that run the text of `shell`, which comes as the last argument. An error beside another kind \
     of task.",
    r#"interpreter = ["bash", "-euc"]"#,
)
.default(r#"["/bin/sh", "-c"]"#)
.no_effect("on a text that begins with `#!`");

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
    "Which permissions files that the task makes do *not* get. The task is then started by way of `/bin/sh`, which sets it.",
    r#"umask = "027""#,
)
.or("the daemon's own");

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
    "What is run before TERM is sent, when an attempt is cancelled, takes too long or is stopped with the daemon: for work \
     that lives elsewhere, as in containers or behind `ssh`. It runs in the task's folder with the task's environment, its \
     output stands in the same log under `runner`, and TERM comes when it has ended, when its own `timeout` is over, or when \
     somebody asks again.",
    r#"stop = { command = ["docker", "stop", "app"], timeout = "20s" }"#,
)
.no_effect("on an attempt that ends by itself");

/// `stop`.
pub(super) static STOP: Table =
    Table { keys: &[&keys::STOP], must: &["command"], ..Table::new("stop", "Stop", &[STOP_KEYS]) };

const STOP_KEYS: &[Key] = &[
    key(
        "command",
        Kind::List(&Kind::Text, 1, usize::MAX),
        "A program and its arguments, run in the task's folder with its environment.",
        r#"command = ["docker", "stop", "app"]"#,
    )
    .must(),
    key("timeout", Kind::SomeDuration, "How long it may take before TERM is sent all the same.", r#"timeout = "20s""#)
        .default(r#""30s""#),
];

/// What its output must be like.
pub(super) const SUCCESS_KEY: Key = key(
    "success",
    Kind::Table(&SUCCESS),
    "What the [output](../concepts/logs.md) of an attempt must be like besides its exit code; otherwise the attempt fails with outcome \
     `verification_failed` and is tried again like after any failure.",
    r"success = { required_regex = ['^\s*[1-9]'] }",
)
.or("any output will do")
.no_effect("on an attempt that fails or is skipped by its exit code");

/// `success`.
pub(super) static SUCCESS: Table = Table {
    keys: &[&keys::SUCCESS],
    intro: "Every condition that is given must hold for the output of the attempt.",
    ..Table::new("success", "Success", &[SUCCESS_KEYS])
};

const TEXTS: Kind = Kind::List(&Kind::Filled, 0, 64);
const REGEXES: Kind = Kind::List(&Kind::Regex, 0, 64);

const SUCCESS_KEYS: &[Key] = &[
    key("required_substrings", TEXTS, "Each must be in the output.", r#"required_substrings = ["backup complete"]"#)
        .limit("64, each of 4096 bytes"),
    key(
        "required_regex",
        REGEXES,
        "Each must match somewhere in the output; `^` and `$` are the ends of a line. Without look-around and \
         back-references, so that any search takes linear time.",
        r"required_regex = ['^\d+ rows$']",
    )
    .limit("64, each of 4096 bytes and 1 MiB when compiled"),
    key(
        "forbidden_regex",
        REGEXES,
        "As for `required_regex`: none may match anywhere.",
        r#"forbidden_regex = ["Traceback", "(?i)warning"]"#,
    )
    .limit("as for `required_regex`"),
    key(
        "min_word_count",
        Kind::Integer(1, 65_536),
        "So many words, parted by white space, must be in the output.",
        "min_word_count = 1",
    ),
    key(
        "case_insensitive",
        Kind::Bool,
        "In `required_substrings` and both lists of expressions, letters match whatever their case.",
        "case_insensitive = true",
    )
    .default("false"),
];
