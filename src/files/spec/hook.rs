//! References to secrets, hooks of jobs and of the configuration, and webhooks.

use super::kind::Names;
use super::{Key, Kind, Table, key, task};
use crate::files::keys;

/// An address, or a reference to one.
pub(super) const URL: Kind = Kind::Either(&[Kind::Url, Kind::Table(&REFERENCE)]);
const SECRET: Kind = Kind::Either(&[Kind::Full, Kind::Table(&REFERENCE)]);

/// A reference to a secret.
pub(super) static REFERENCE: Table = Table {
    intro: "A value that must not be in the file is a table with exactly one of `env`, `file` and `credential`. It is a whole \
            value, resolved anew for each attempt, never stored, never shown, and masked in logs. Allowed for the values of \
            `env` and `headers`, for every `url`, and for `secret` of a webhook.\n\n\
            ```toml\n\
            shell = \"backup --all\"\n\n\
            [[hooks]]\n\
            on = [\"task.failed\"]\n\
            webhook = { url = { file = \"/etc/backup/url\" }, headers = { Authorization = { credential = \"auth\", prefix = \
            \"Bearer \" } } }\n\
            ```",
    keys: &[&keys::REFERENCE],
    one_of: &[&["env", "file", "credential"]],
    ..Table::new("reference", "References", &[REFERENCE_KEYS])
};

const REFERENCE_KEYS: &[Key] = &[
    key("env", Kind::Full, "The name of a variable of the daemon's own environment.", r#"env = "HOOK_URL""#).must(),
    key(
        "file",
        Kind::AbsolutePath,
        "A file that the daemon can read; one line end at its end is no part of the value.",
        r#"file = "/etc/backup/token""#,
    )
    .must(),
    key(
        "credential",
        Kind::Full,
        "A file of that name in `$CREDENTIALS_DIRECTORY`, where systemd puts what `LoadCredential=` names.",
        r#"credential = "auth""#,
    )
    .must(),
    key("prefix", Kind::Text, "Put before the value.", r#"prefix = "Bearer ""#),
];

/// `[[hooks]]` of a job.
pub(super) static HOOK: Table = Table {
    intro: "Exactly one of `webhook`, `shell` and `command` says what is called. The latter two get the event as JSON on \
            standard input, and in variables whose names begin with `CAMPANILE_EVENT_`. A delivery may arrive more than \
            once. A job's hooks hear of this job only.\n\n\
            ```toml\n\
            shell = \"make nightly\"\n\n\
            [[hooks]]\n\
            on = [\"task.failed\", \"workflow.*\"]\n\
            webhook = { url = \"https://example.com/hook\", secret = { env = \"HOOK_SECRET\" } }\n\
            ```",
    keys: &[&keys::HOOK],
    must: &["on"],
    one_of: &[TARGETS],
    ..Table::new("hook", "Hooks", &[HOOK_KEYS])
};

/// `[[hooks]]` of the configuration.
pub(super) static GLOBAL_HOOK: Table = Table {
    intro: "Whom to tell, about any job. The keys are those of the hooks of a [job file](job-file.md#hooks), and one more.",
    keys: &[&keys::GLOBAL_HOOK],
    must: &["on"],
    one_of: &[TARGETS],
    ..Table::new("global_hook", "Hooks", &[JOBS, HOOK_KEYS])
};

const TARGETS: &[&str] = &["webhook", "shell", "command"];

const JOBS: &[Key] = &[key(
    "jobs",
    Kind::List(&Kind::Full, 0, usize::MAX),
    "Names of jobs, in which `*` stands for any run of characters: only their events are told.",
    r#"jobs = ["nightly-*"]"#,
)
.or("events of every job and of none")];

const HOOK_KEYS: &[Key] = &[
    key(
        "on",
        Kind::List(&Kind::Full, 1, usize::MAX),
        "The names of events that the hook waits for; `*` stands for any run of characters. A name that matches no event is \
         an error, unless it begins with `custom.`.",
        r#"on = ["task.failed"]"#,
    )
    .must(),
    key("name", Kind::Full, "What people read, unique within the file.", r#"name = "chat""#),
    key(
        "webhook",
        Kind::Table(&WEBHOOK),
        "A POST as Standard Webhooks describes it.",
        r#"webhook = { url = "https://example.com/hook" }"#,
    )
    .must(),
    key(
        "shell",
        Kind::Shell,
        "What `/bin/sh -c` runs. Templates are an error; the event is on standard input and in variables.",
        r#"shell = 'mail -s "$CAMPANILE_EVENT_JOB failed" me'"#,
    )
    .must(),
    key(
        "command",
        Kind::List(&Kind::Text, 1, usize::MAX),
        "A program and its arguments, started without a shell.",
        r#"command = ["notify", "failed"]"#,
    )
    .must(),
    key("timeout", Kind::SomeDuration, "How long one delivery may take.", r#"timeout = "10s""#)
        .default(r#""30s""#)
        .interacts("`timeout` of the webhook, beside which it cannot be given"),
    key(
        "max_attempts",
        Kind::Integer(1, 1_000),
        "How often a delivery is tried before it is given up; 29 make a day of tries.",
        "max_attempts = 4",
    )
    .default("29")
    .interacts("`retry` of the webhook, beside which it cannot be given"),
];

/// `webhook`.
pub(super) static WEBHOOK: Table =
    Table { keys: &[&keys::WEBHOOK], must: &["url"], ..Table::new("webhook", "Webhooks", &[WEBHOOK_KEYS]) };

const WEBHOOK_KEYS: &[Key] = &[
    key("url", URL, "Where it goes, without user name and password.", r#"url = { env = "HOOK_URL" }"#).must(),
    key(
        "secret",
        SECRET,
        "Signs what is sent (HMAC-SHA256). Text is warned about, because it is stored with the definition.",
        r#"secret = { file = "/etc/hook.key" }"#,
    )
    .or("unsigned"),
    key(
        "headers",
        Kind::Map(Names::Header, &task::VALUE, 64),
        "Headers sent besides our own, which cannot be set.",
        r#"headers = { Authorization = { env = "KEY", prefix = "Bearer " } }"#,
    )
    .limit("64 headers"),
    key("allow_private", Kind::Bool, "Link-local addresses may be called too.", "allow_private = true")
        .default("false")
        .no_effect("on other private addresses, which a file may always name"),
    key("timeout", Kind::SomeDuration, "As for the hook.", r#"timeout = "10s""#)
        .or("that of the hook")
        .interacts("`timeout` of the hook, beside which it cannot be given"),
    key("retry", Kind::Table(&WEBHOOK_RETRY), "How often a delivery is tried.", "retry = { max_attempts = 4 }")
        .or("that of the hook"),
];

/// `retry` of a webhook.
pub(super) static WEBHOOK_RETRY: Table =
    Table { keys: &[&keys::WEBHOOK_RETRY], ..Table::new("webhook_retry", "Retry of a webhook", &[WEBHOOK_RETRY_KEYS]) };

const WEBHOOK_RETRY_KEYS: &[Key] =
    &[key("max_attempts", Kind::Integer(1, 1_000), "As for the hook.", "max_attempts = 4")
        .or("that of the hook")
        .interacts("`max_attempts` of the hook, beside which it cannot be given")];
