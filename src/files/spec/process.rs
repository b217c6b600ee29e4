//! What a task asks of its process, and of what the process writes.

use super::kind::Names;
use super::{Key, Kind, Table, key, task};
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
pub(super) const UMASK: Key =
    key("umask", Kind::Mask, "Which permissions files that the task makes do *not* get.", r#"umask = "027""#)
        .or("the runner's own");

/// Whom it runs as.
pub(super) const USER: Key = key(
    "user",
    Kind::Account,
    "Whom the task's process runs as. It counts only in a file that belongs to root or to this very user, and that nobody \
     else may write; the runner must be allowed to run as that user too. See \
     [users, groups and limits](../concepts/limits.md).",
    r#"user = "backup""#,
)
.or("the daemon's own user")
.limit("a name of 1 to 32 characters, or a number; no template")
.interacts("`group` and with the owner of the file")
.no_effect("on hooks, which run as the daemon's own user");

/// Its group.
pub(super) const GROUP: Key = key(
    "group",
    Kind::Account,
    "The group of the task's process. It counts only in a file of root, or beside `user` in a file of that user; see \
     [users, groups and limits](../concepts/limits.md).",
    r#"group = "www-data""#,
)
.or("the first group of the user")
.limit("a name of 1 to 32 characters, or a number; no template")
.interacts("`user`")
.no_effect("on hooks");

/// How it stands to other processes.
pub(super) const NICE: Key = key(
    "nice",
    Kind::Integer(-20, 19),
    "How the task's process stands back for others when processors are short: 19 gets least. Below 0 it goes before others, \
     and that counts only in a file of root.",
    "nice = 10",
)
.or("that of the runner")
.no_effect("while a processor is idle");

/// The same for who owns no file.
pub(super) const NICE_ALONE: Key = Key {
    kind: Kind::Integer(0, 19),
    meaning: "How the task's process stands back for others when processors are short: 19 gets least.",
    ..NICE
};

/// What it may use at most.
pub(super) const LIMITS_KEY: Key = key(
    "limits",
    Kind::Table(&LIMITS),
    "What the task's processes may use at most; see [Limits](#limits).",
    r#"limits = { memory = "512MiB", pids = 64 }"#,
)
.or("what the runner itself may use")
.interacts("`limits` at the top level, over which it goes limit by limit");

/// `limits`.
pub(super) static LIMITS: Table = Table {
    keys: &[&keys::LIMITS],
    intro: "`open_files`, `cpu_time`, `file_size`, `address_space` and `core` are limits of each process, which it hands on to \
            those that it starts. `memory`, `cpu` and `pids` count all processes of an attempt together and need a cgroup; what \
            happens without one stands in [users, groups and limits](../concepts/limits.md#what-needs-a-cgroup).",
    ..Table::new("limits", "Limits", &[LIMIT_KEYS])
};

const LIMIT_KEYS: &[Key] = &[
    key("open_files", Kind::Integer(1, 1 << 30), "Descriptors that are open at once.", "open_files = 1024"),
    key(
        "cpu_time",
        Kind::SomeDuration,
        "Processor time of one process. Beyond it the kernel sends XCPU, and KILL a second later.",
        r#"cpu_time = "10m""#,
    )
    .limit("at least `1s`; the kernel counts whole seconds")
    .interacts("`timeout`, which counts the time on the clock"),
    key(
        "file_size",
        Kind::Size(1, MAX_OUTPUT_BYTES),
        "How long a file may become that the process writes. Beyond it the kernel sends XFSZ.",
        r#"file_size = "1GiB""#,
    )
    .limit("1 byte to 1024GiB"),
    key(
        "address_space",
        Kind::Size(1, MAX_OUTPUT_BYTES),
        "Address space of one process, used or not. Programs that reserve much and use little fail early with it; `memory` \
         counts what is used.",
        r#"address_space = "2GiB""#,
    )
    .limit("1 byte to 1024GiB"),
    key(
        "core",
        Kind::Size(0, MAX_OUTPUT_BYTES),
        "How long a core dump may become; 0 makes none.",
        r#"core = "0""#,
    )
    .limit("0 bytes to 1024GiB"),
    key(
        "memory",
        Kind::Size(1, MAX_OUTPUT_BYTES),
        "Memory of all processes of the attempt. Beyond it the kernel kills one of them.",
        r#"memory = "512MiB""#,
    )
    .limit("1 byte to 1024GiB"),
    key(
        "cpu",
        Kind::Number(0, 4_096),
        "Processors that all processes of the attempt get together: 1.5 is one and a half. They wait for more, and are not \
         killed.",
        "cpu = 1.5",
    )
    .limit("0.01 to 4096"),
    key(
        "pids",
        Kind::Integer(1, 1 << 22),
        "Processes and threads of the attempt at once. One more cannot be started.",
        "pids = 64",
    ),
];

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
    Kind::Size(1, MAX_OUTPUT_BYTES),
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

/// `precondition` of a job.
pub(super) static PRECONDITION: Table = Table {
    keys: &[&keys::PRECONDITION],
    intro: "Exactly one of `command`, `shell` and `expression` says what is asked. A command is asked by the first task of the \
            run, named `precondition`, which all others come after: exit code 0 is yes, any other is no. One that is ended by a \
            signal, takes too long or cannot be started has given no answer, and fails the run. It runs as the top level of the \
            job says that tasks are run: `user`, `group`, `env`, `env_file`, `env_inherit`, `interpreter`, `umask`, `nice`, `limits`, \
            `working_dir`, `kill_grace`, `leftovers` and `max_output` there hold for it too. It is tried once and takes nothing from `pools`.",
    one_of: &[keys::ASKED],
    ..Table::new("precondition", "Precondition", &[PRECONDITION_KEYS])
};

const FOR_COMMANDS: &str = "beside `expression`, where it is an error";

const PRECONDITION_KEYS: &[Key] = &[
    key(
        "command",
        ARGV,
        "A program and its arguments, without a shell; elements may be [templates](../concepts/templates.md).",
        r#"command = ["test", "-e", "/srv/ready"]"#,
    )
    .limit("each element 131071 bytes"),
    key(
        "shell",
        Kind::Shell,
        "A text for the `interpreter` of the job, `/bin/sh -c` unless it says otherwise.",
        r#"shell = "ping -c 1 db.example""#,
    )
    .limit("131071 bytes"),
    key(
        "expression",
        Kind::Full,
        "An expression in the language of [templates](../concepts/templates.md), without `{{` and `}}`. It knows `params`, \
         `run` (`id`, `job`, `number`, `cause`) and `scheduled_at`, and must come to true or false. It is evaluated without a process: if it is false, no run is made. One that cannot be \
         evaluated fails the run with outcome `invalid_request`.",
        r#"expression = "scheduled_at | datetime('%d') | int <= 7""#,
    ),
    key(
        "timeout",
        Kind::SomeDuration,
        "How long the command may take. Beyond that it is ended, and the run fails with outcome `timeout`.",
        r#"timeout = "10s""#,
    )
    .default(r#""1m""#)
    .interacts("`kill_grace` of the job")
    .no_effect(FOR_COMMANDS),
    key(
        "env",
        Kind::Map(Names::Variable, &task::VALUE, usize::MAX),
        "Variables of the command; those of the job's `env` hold too, and give way name by name.",
        r#"env = { HOST = "db.example" }"#,
    )
    .no_effect(FOR_COMMANDS),
    key("working_dir", Kind::AbsolutePath, "Where the command starts.", r#"working_dir = "/srv/app""#)
        .or("that of the job")
        .no_effect(FOR_COMMANDS),
];
