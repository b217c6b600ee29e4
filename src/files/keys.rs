//! What each table of a file may say. The reader reports every other key; the reference pages name every one of these,
//! and a test holds them to it.

mod meant;

pub use meant::{NOTES, SYNONYMS};

/// The keys of one kind of table.
#[derive(Debug)]
pub struct Keys {
    /// Such a table, as a sentence names it.
    pub what: &'static str,
    /// Keys with a meaning.
    pub known: &'static [&'static str],
    /// Keys that a later version gives a meaning.
    pub later: &'static [&'static str],
    /// The top of the file, whose keys slip into this table when they are written below its head.
    pub above: Option<&'static Above>,
}

impl Keys {
    /// Whether such a table is the top of a file.
    pub(crate) fn is_top(&self) -> bool {
        self.what == JOB.what || self.what == SETTINGS.what
    }
}

/// The top level of a file, as seen from a table further down.
#[derive(Debug)]
pub struct Above {
    /// Whose keys these are, as a sentence names it.
    pub owner: &'static str,
    /// The keys.
    pub known: &'static [&'static str],
}

const JOB_TOP: Above = Above { owner: "the job", known: JOB.known };
const SETTINGS_TOP: Above = Above { owner: "the configuration", known: SETTINGS.known };

/// Keys at the top level that make a schedule.
pub const TIMINGS: &[&str] = &["cron", "quartz", "every", "after_end", "at"];
/// Keys that say what a task does.
pub const ACTIONS: &[&str] = &["shell", "command", "http", "noop"];

/// A job's own keys.
const JOBS_OWN: &[&str] = &[
    "description",
    "enabled",
    "overlap",
    "max_runs",
    "pause_after",
    "ends_after",
    "queue_limit",
    "expires_after",
    "priority",
    "tags",
    "precondition",
    "schedules",
    "tasks",
    "params",
    "outputs",
    "hooks",
];
/// Keys of a schedule that mean something only beside one of those, at the top level too.
pub const OPTIONS: &[&str] = &[
    "anchor",
    "phase",
    "nth",
    "timezone",
    "jitter",
    "from",
    "until",
    "exclude",
    "only",
    "blackout",
    "catch_up",
    "catch_up_window",
    "catch_up_max",
    "deadline",
];
const RULE: &[&str] = &joined::<{ TIMINGS.len() + OPTIONS.len() }>(&[TIMINGS, OPTIONS]);
/// Keys of a task, at the top level too.
const WORK: &[&str] = &[
    "shell",
    "command",
    "http",
    "noop",
    "env",
    "stdin",
    "working_dir",
    "timeout",
    "kill_grace",
    "retry",
    "exit_codes",
    "leftovers",
    "on_interrupt",
    "max_output",
    "env_file",
    "env_inherit",
    "interpreter",
    "umask",
    "stop",
    "success",
    "limits",
    "pools",
];
/// Keys of a task that only a file may say, or says otherwise.
const OF_FILES: &[&str] = &["user", "group", "nice", "raw"];
/// The same, of a task that belongs to no job: who sends it is not known as the owner of a file is.
const ALONE: &[&str] = &["name", "priority", "at", "delay", "nice", "raw"];

/// Several lists as one.
pub(super) const fn joined<const N: usize>(lists: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut at, mut list) = (0, 0);
    while list < lists.len() {
        let mut index = 0;
        while index < lists[list].len() {
            all[at] = lists[list][index];
            at += 1;
            index += 1;
        }
        list += 1;
    }
    assert!(at == N, "the length is that of all lists");
    all
}

/// The top level of a job file. It holds the job's own keys, then those of a single schedule, then those of a single
/// task.
pub const JOB: Keys = Keys {
    what: "a job",
    known: &joined::<{ JOBS_OWN.len() + RULE.len() + WORK.len() + OF_FILES.len() }>(&[JOBS_OWN, RULE, WORK, OF_FILES]),
    later: &[
        "agent",
        "prompt",
        "job",
        "approval",
        "wait",
        "compensate",
        "rollback",
        "when",
        "triggers",
        "budget",
        "foreach",
        "state",
        "version",
    ],
    above: None,
};

/// A file of many jobs; its other keys lie under each of them.
pub const FILE: Keys = Keys { what: "a file of many jobs", known: &["jobs"], later: &[], above: None };

/// `[[schedules]]`.
pub const SCHEDULE: Keys = Keys {
    what: "a schedule",
    known: &joined::<{ 1 + RULE.len() }>(&[&["name"], RULE]),
    later: &["calendar", "params"],
    above: Some(&JOB_TOP),
};

/// An item of `blackout`.
pub const BLACKOUT: Keys =
    Keys { what: "a blackout", known: &["from", "until", "days"], later: &["timezone", "name"], above: Some(&JOB_TOP) };

/// `[tasks.NAME]`.
pub const TASK: Keys = Keys {
    what: "a task",
    known: &joined::<{ 1 + WORK.len() + OF_FILES.len() }>(&[&["after"], WORK, OF_FILES]),
    later: &[
        "agent",
        "prompt",
        "job",
        "approval",
        "wait",
        "compensate",
        "when",
        "precondition",
        "foreach",
        "outputs",
        "params",
        "budget",
        "priority",
    ],
    above: Some(&JOB_TOP),
};

/// `http`.
pub const HTTP: Keys = Keys {
    what: "`http`",
    known: &[
        "method",
        "url",
        "headers",
        "body",
        "json",
        "expect_status",
        "max_response",
        "idempotent",
        "allow_private",
    ],
    later: &["auth", "query", "form", "follow_redirects", "proxy"],
    above: None,
};

/// A task that belongs to no job, with what a job and its schedule would say about it.
pub const SUBMISSION: Keys = Keys {
    what: "a task",
    known: &joined::<{ ALONE.len() + WORK.len() }>(&[ALONE, WORK]),
    later: TASK.later,
    above: None,
};

/// `retry`.
pub const RETRY: Keys = Keys {
    what: "`retry`",
    known: &["max_attempts", "delay", "factor", "max_delay", "jitter"],
    later: &["on", "deadline"],
    above: None,
};

/// `exit_codes`.
pub const EXIT_CODES: Keys = Keys { what: "`exit_codes`", known: &["ok", "retry", "skip"], later: &[], above: None };

/// `stop` of a task.
pub const STOP: Keys =
    Keys { what: "`stop`", known: &["command", "timeout"], later: &["shell", "signal"], above: None };

/// `limits` of a task.
pub const LIMITS: Keys = Keys {
    what: "`limits`",
    known: &["open_files", "cpu_time", "file_size", "address_space", "core", "memory", "cpu", "pids"],
    later: &["io", "swap", "stack", "processes"],
    above: None,
};

/// `success` of a task.
pub const SUCCESS: Keys = Keys {
    what: "`success`",
    known: &["required_substrings", "required_regex", "forbidden_regex", "min_word_count", "case_insensitive"],
    later: &["min_score", "command"],
    above: None,
};

/// Keys that say what is asked.
pub const ASKED: &[&str] = &["command", "shell", "expression"];

/// `precondition`.
pub const PRECONDITION: Keys = Keys {
    what: "`precondition`",
    known: &["command", "shell", "expression", "timeout", "env", "working_dir"],
    later: &["http", "agent", "exit_codes", "retry"],
    above: Some(&JOB_TOP),
};

/// `[params.NAME]`.
pub const PARAM: Keys = Keys {
    what: "a parameter",
    known: &["type", "description", "default", "enum", "pattern", "minimum", "maximum", "min_length", "max_length"],
    later: &["secret", "format", "items", "properties"],
    above: Some(&JOB_TOP),
};

/// A reference to a secret.
pub const REFERENCE: Keys = Keys {
    what: "a secret reference",
    known: &["env", "file", "credential", "prefix"],
    later: &["command"],
    above: None,
};

/// `[[hooks]]` of a job.
pub const HOOK: Keys = Keys {
    what: "a hook",
    known: &["name", "on", "webhook", "shell", "command", "timeout", "max_attempts"],
    later: &["when", "tags", "tag", "condition", "env", "retry"],
    above: Some(&JOB_TOP),
};

/// `[[hooks]]` of `campanile.toml`.
pub const GLOBAL_HOOK: Keys = Keys {
    what: "a hook",
    known: &["name", "on", "jobs", "webhook", "shell", "command", "timeout", "max_attempts"],
    later: HOOK.later,
    above: Some(&SETTINGS_TOP),
};

/// `webhook`.
pub const WEBHOOK: Keys = Keys {
    what: "`webhook`",
    known: &["url", "secret", "headers", "allow_private", "timeout", "retry"],
    later: &["format", "body", "method"],
    above: None,
};

/// `webhook.retry`.
pub const WEBHOOK_RETRY: Keys = Keys {
    what: "`retry` of a webhook",
    known: &["max_attempts"],
    later: &["delay", "factor", "max_delay", "jitter"],
    above: None,
};

/// The top level of `campanile.toml`.
pub const SETTINGS: Keys = Keys {
    what: "the configuration",
    known: &[
        "jobs_dirs",
        "state_dir",
        "socket",
        "timezone",
        "tzdb",
        "max_tasks",
        "pools",
        "on_stop",
        "drain_timeout",
        "synchronous",
        "reload",
        "catch_up",
        "retention",
        "log",
        "defaults",
        "hooks",
        "backup",
        "integrity_check",
        "listen",
        "tokens",
    ],
    later: &[
        "tls",
        "agents_dirs",
        "catch_up",
        "limits",
        "metrics",
        "users",
        "triggers",
        "logs",
        "database",
        "mcp",
        "otel",
        "outbound",
        "webhooks",
        "plans",
        "runner",
    ],
    above: None,
};

/// `[defaults]` of `campanile.toml`: what many jobs have in common. What makes a job this job, and no other, is not here.
pub const DEFAULTS: Keys = Keys {
    what: "`defaults`",
    known: &[
        "overlap",
        "max_runs",
        "pause_after",
        "queue_limit",
        "priority",
        "timezone",
        "catch_up",
        "catch_up_window",
        "catch_up_max",
        "jitter",
        "deadline",
        "env",
        "working_dir",
        "timeout",
        "kill_grace",
        "retry",
        "exit_codes",
        "leftovers",
        "on_interrupt",
        "max_output",
        "env_file",
        "env_inherit",
        "interpreter",
        "umask",
        "user",
        "group",
        "nice",
        "limits",
        "stop",
        "success",
    ],
    // Whether texts are templates (`raw`) is for whoever writes them to say, and what they mean must not depend on it.
    later: &["tags", "hooks", "pools"],
    above: Some(&SETTINGS_TOP),
};

/// `[catch_up]`.
pub const CATCH_UP: Keys = Keys {
    what: "`catch_up`",
    known: &["starts_per_minute", "max_runs"],
    later: &["policy", "window"],
    above: Some(&SETTINGS_TOP),
};

/// `[retention]`.
pub const RETENTION: Keys = Keys {
    what: "`retention`",
    known: &["completed", "failed", "cancelled"],
    later: &["events", "logs", "sessions"],
    above: Some(&SETTINGS_TOP),
};

/// `[retention.completed]`, `.failed` and `.cancelled`.
pub const KEEP: Keys =
    Keys { what: "a retention rule", known: &["max_age", "max_count"], later: &[], above: Some(&SETTINGS_TOP) };

/// `[log]`.
pub const LOG: Keys =
    Keys { what: "`log`", known: &["format", "level"], later: &["journald"], above: Some(&SETTINGS_TOP) };

/// `[backup]`.
pub const BACKUP: Keys = Keys {
    what: "`backup`",
    known: &["cron", "dir", "keep"],
    later: &["logs", "timezone", "compress"],
    above: Some(&SETTINGS_TOP),
};

/// `[integrity_check]`.
pub const INTEGRITY_CHECK: Keys =
    Keys { what: "`integrity_check`", known: &["cron"], later: &["timezone"], above: Some(&SETTINGS_TOP) };

/// `[tokens.NAME]`.
pub const TOKEN: Keys =
    Keys { what: "a token", known: &["sha256", "token", "scope"], later: &["jobs"], above: Some(&SETTINGS_TOP) };

/// Every table of a job file.
pub const OF_JOBS: &[&Keys] = &[
    &JOB,
    &FILE,
    &SCHEDULE,
    &BLACKOUT,
    &TASK,
    &HTTP,
    &RETRY,
    &EXIT_CODES,
    &LIMITS,
    &STOP,
    &SUCCESS,
    &PRECONDITION,
    &PARAM,
    &REFERENCE,
    &HOOK,
    &WEBHOOK,
    &WEBHOOK_RETRY,
];
/// Every table of `campanile.toml`; its hooks are those of a job besides.
pub const OF_SETTINGS: &[&Keys] =
    &[&SETTINGS, &DEFAULTS, &CATCH_UP, &RETENTION, &KEEP, &LOG, &GLOBAL_HOOK, &BACKUP, &INTEGRITY_CHECK, &TOKEN];
