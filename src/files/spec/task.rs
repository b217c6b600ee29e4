//! The keys of a task, in `[tasks.NAME]` and at the top level of a job, and the tables of how its exit is read.

use super::kind::Names;
use super::{Absent, Key, Kind, Table, hook, http, job, key, process};
use crate::files::keys;

/// `[tasks.NAME]`.
pub(super) static TASK: Table = Table {
    intro: "Exactly one of `shell`, `command`, `http` and `noop` says what a task does.\n\n\
            [Templates](../concepts/templates.md), as in `{{ params.day }}`, may stand in the elements of `command`, in `env`, \
            in `stop` and in the fields of `http`. They know `params`, `tasks`, `run` and `scheduled_at`, and are rendered when an attempt is \
            about to start; one that cannot be rendered ends the attempt unstarted, as `invalid_request`.",
    keys: &[&keys::TASK],
    one_of: &[ACTIONS],
    ..Table::new("task", "Tasks", &[ORDERED, KEYS, OF_FILES])
};

/// A task that belongs to no job, as the API takes it.
pub(super) static SUBMISSION: Table = Table {
    keys: &[&keys::SUBMISSION],
    one_of: &[ACTIONS],
    not_both: &[&["at", "delay"]],
    ..Table::new("submission", "A task that belongs to no job", &[ALONE, KEYS])
};

const ALONE: &[Key] = &[
    key("name", Kind::Name, "What the task is called.", r#"name = "copy""#).default(r#""main""#),
    job::PRIORITY,
    key("at", Kind::Instant, "When it may start: RFC 3339 with an offset.", r#"at = "2027-01-01T09:00:00+01:00""#),
    key(
        "delay",
        Kind::Duration,
        "How long it waits before it may start, however the clock is set meanwhile.",
        r#"delay = "2h""#,
    ),
    Key { default: Absent::Is("true"), ..RAW },
    process::NICE_ALONE,
];

const ACTIONS: &[&str] = &["shell", "command", "http", "noop"];
/// What a job needs one of.
pub(super) const ACTIONS_OR_TASKS: &[&str] = &["shell", "command", "http", "noop", "tasks"];

/// A text or a reference.
pub(super) const VALUE: Kind = Kind::Either(&[Kind::Text, Kind::Table(&hook::REFERENCE)]);

const ORDERED: &[Key] = &[key(
    "after",
    Kind::List(&Kind::Text, 0, 4_096),
    "The names of the tasks that must complete before this one starts. If one of them does not, this one is skipped. Names \
     must exist and may not form a cycle.",
    r#"after = ["extract", "check"]"#,
)];

/// What a task and the top level of a job may say alike.
pub(super) const KEYS: &[Key] = &[
    SHELL,
    COMMAND,
    HTTP,
    NOOP,
    ENV,
    ENV_FILE,
    ENV_INHERIT,
    process::INTERPRETER,
    process::STDIN,
    process::WORKING_DIR,
    process::UMASK,
    process::LIMITS_KEY,
    TIMEOUT,
    KILL_GRACE,
    process::STOP_KEY,
    RETRY_KEY,
    EXIT_CODES_KEY,
    process::SUCCESS_KEY,
    process::LEFTOVERS,
    ON_INTERRUPT,
    process::MAX_OUTPUT,
    POOLS,
];

/// What only a file may say, or says otherwise.
pub(super) const OF_FILES: &[Key] = &[process::USER, process::GROUP, process::NICE, RAW];

const SHELL: Key = key(
    "shell",
    Kind::Shell,
    "What `interpreter` runs, by default `/bin/sh -c`. A text that begins with `#!` is written to a file that only its owner \
     may read and run, and run as such; the file goes when the attempt ends. Values never reach it as text: `{{` before `params`, `tasks`, `trigger`, `run`, `item`, `state` or `scheduled_at` is an \
     error; put the value into `env`. Other braces are the command's own.",
    r#"shell = "pg_dump app | gzip > /backup/app.gz""#,
)
.must()
.limit("131071 bytes, none of them NUL");

const COMMAND: Key = key(
    "command",
    Kind::List(&Kind::Text, 1, usize::MAX),
    "A program and its arguments, started without a shell, so that nothing in them is expanded. A program without a `/` is \
     looked for in PATH. Each may be a template.",
    r#"command = ["logger", "done"]"#,
)
.must()
.limit("each at most 131071 bytes, none of them NUL")
.interacts("`raw`");

const HTTP: Key = key(
    "http",
    Kind::Table(&http::HTTP),
    "One HTTP request, made by the daemon; see [Requests](#requests). Keys of a task that are about a process (`env`, \
     `env_file`, `env_inherit`, `stdin`, `working_dir`, `umask`, `user`, `group`, `nice`, `limits`, `interpreter`, \
     `kill_grace`, `stop`, `exit_codes`, `leftovers`) \
     have no meaning beside it and are errors in the same table.",
    r#"http = { url = "https://example.com/ping" }"#,
)
.must();

const NOOP: Key =
    key("noop", Kind::True, "Does nothing and completes. It joins branches of a graph.", "noop = true").must();

const ENV: Key = key(
    "env",
    Kind::Map(Names::Variable, &VALUE, usize::MAX),
    "Variables added to those that every task has. Names are letters, digits and `_`, and do not begin with a digit or \
     `CAMPANILE_`. A text may be a template; what a reference resolves to is [masked](../concepts/secrets.md#what-is-masked).",
    r#"env = { LC_ALL = "C", TOKEN = { file = "/etc/backup/token" } }"#,
)
.limit("name and value together 131070 bytes, none of them NUL")
.interacts("`env` at the top level, over which it goes variable by variable, with `env_file`, `env_inherit` and `raw`");

const ENV_FILES: Kind = Kind::Either(&[Kind::MayBeAbsent, Kind::List(&Kind::MayBeAbsent, 0, 64)]);

const ENV_FILE: Key = key(
    "env_file",
    ENV_FILES,
    "Files of `NAME=value` lines that are read anew for each attempt; a `-` before the path lets the file be absent. Later \
     files go over earlier ones, `env` over all of them. A file that cannot be read, or a line that is wrong, fails the \
     attempt as `spawn_error`; see [environment](../concepts/environment.md#files-of-variables).",
    r#"env_file = ["/etc/app.env", "-/etc/app.local.env"]"#,
)
.limit("64 files, each of 1 MiB");

const ENV_INHERIT: Key = key(
    "env_inherit",
    Kind::List(&Kind::Variable, 0, 64),
    "Variables of the daemon's own environment that the task gets as well; one that is not set is left out. `env_file` and \
     `env` go over them. By which the service manager speaks to the daemon (`NOTIFY_SOCKET`, `LISTEN_…`, `WATCHDOG_…`, \
     `CREDENTIALS_DIRECTORY`) is never inherited.",
    r#"env_inherit = ["SSH_AUTH_SOCK"]"#,
)
.limit("64 variables");

const TIMEOUT: Key = key(
    "timeout",
    Kind::SomeDuration,
    "How long one attempt may take before it is stopped with outcome `timeout`.",
    r#"timeout = "10m""#,
)
.or("none; with `http`, `60s`")
.interacts("`stop` and `kill_grace`");

const KILL_GRACE: Key = key(
    "kill_grace",
    Kind::Duration,
    "How long after TERM comes KILL, when an attempt is stopped. `0s` kills at once.",
    r#"kill_grace = "1m""#,
)
.default(r#""10s""#)
.no_effect("on a process that ends by itself");

const RETRY_KEY: Key = key(
    "retry",
    Kind::Table(&RETRY),
    "How often a task is tried, and how long apart: `delay * factor^(n-1)`, at most `max_delay`. A request is made again only \
     where that can help and do no harm; see [HTTP tasks](../concepts/http-tasks.md#what-an-answer-means).",
    r#"retry = { max_attempts = 4, delay = "2s" }"#,
)
.or("no retry")
.interacts("`retry` of `exit_codes` and with `idempotent` of `http`");

const EXIT_CODES_KEY: Key = key(
    "exit_codes",
    Kind::Table(&EXIT_CODES),
    "How an exit code is read; what no list names fails the attempt. No code may be named twice.",
    "exit_codes = { ok = [0, 24] }",
)
.or("0 is ok, everything else fails");

const ON_INTERRUPT: Key = key(
    "on_interrupt",
    Kind::Word(&["retry", "fail"]),
    "What happens after an attempt that is gone without a known exit, as after a crash of the machine: another attempt, at \
     most three times for this reason and not counted by `max_attempts`, or failure. Use `fail` for what must not be done \
     twice. With `http` and without `idempotent`, the default is `fail` and `retry` is an error.",
    r#"on_interrupt = "fail""#,
)
.default(r#""retry""#);

const POOLS: Key = key(
    "pools",
    Kind::Either(&[Kind::List(&Kind::Name, 0, 64), Kind::Map(Names::Job, &Kind::Integer(1, 100_000), 64)]),
    "The pools of the configuration that an attempt takes from while it lives: names, of which it takes 1 each, or a table \
     of how much it takes of each. It starts when there is room in all of them; see [queues](../concepts/queues.md#pools). \
     A pool that does not exist, or is smaller than what is asked for, is an error.",
    r#"pools = { db = 2, gpu = 1 }"#,
)
.limit("64 pools")
.interacts("`pools` at the top level, in whose place it comes as a whole, and with `[pools]` and `max_tasks` of the configuration")
.no_effect("while a task waits, as for its next attempt");

const RAW: Key = key(
    "raw",
    Kind::Bool,
    "`true` takes the task's texts as they are: `{{` in `command`, `env`, `stop` and `http` is no template.",
    "raw = true",
)
.default("false")
.no_effect("on `shell`, which is never a template");

/// `retry` of a task.
pub(super) static RETRY: Table = Table { keys: &[&keys::RETRY], ..Table::new("retry", "Retry", &[RETRY_KEYS]) };

const RETRY_KEYS: &[Key] = &[
    key("max_attempts", Kind::Integer(1, 1_000_000), "How often a task is tried in all.", "max_attempts = 4")
        .default("1"),
    key("delay", Kind::Duration, "Before the second attempt.", r#"delay = "2s""#)
        .default(r#""1s""#)
        .no_effect("with one attempt"),
    key("factor", Kind::Number(1, 1_000), "By which each further delay grows.", "factor = 1.5")
        .default("2")
        .no_effect("with two attempts or fewer"),
    key(
        "max_delay",
        Kind::Duration,
        "The longest delay, but for one that the receiver of a request asks for with `Retry-After`: that is heeded up to a \
         day. An error if shorter than `delay`.",
        r#"max_delay = "1h""#,
    )
    .or("`5m`, or `delay` if that is longer"),
    key(
        "jitter",
        Kind::Number(0, 1),
        "The part of a delay that chance may add or take, so that many do not retry at one instant.",
        "jitter = 0.5",
    )
    .default("0.1"),
];

/// `exit_codes`.
pub(super) static EXIT_CODES: Table =
    Table { keys: &[&keys::EXIT_CODES], ..Table::new("exit_codes", "Exit codes", &[EXIT_CODE_KEYS]) };

const CODES: Kind = Kind::List(&Kind::Integer(0, 255), 0, 256);

const EXIT_CODE_KEYS: &[Key] = &[
    key("ok", CODES, "Exit codes that complete the task. A list without 0 makes 0 a failure.", "ok = [0, 1]")
        .default("[0]")
        .limit("0 to 255"),
    key(
        "retry",
        CODES,
        "The failures that are worth another attempt; while the list is empty, every failure is.",
        "retry = [75]",
    )
    .limit("0 to 255")
    .no_effect("without `max_attempts` of `retry`"),
    key(
        "skip",
        CODES,
        "Exit codes that skip the task: there was nothing to do, and what comes after it is skipped too.",
        "skip = [99]",
    )
    .limit("0 to 255"),
];
