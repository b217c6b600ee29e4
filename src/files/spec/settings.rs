//! `campanile.toml`.

use super::kind::Names;
use super::{Key, Kind, Table, hook, job, key, schedule, task};
use crate::files::keys;

const TOKEN_TABLES: Kind = Kind::Map(Names::Any, &Kind::Table(&TOKEN), usize::MAX);

/// The top level.
pub(super) static SETTINGS: Table = Table { keys: &[&keys::SETTINGS], ..Table::new("settings", "Settings", &[KEYS]) };

const KEYS: &[Key] = &[
    key(
        "jobs_dirs",
        Kind::List(&Kind::Path, 0, usize::MAX),
        "The folders of job files. The last of all is always `jobs.d` in the state folder, for jobs that were put by API. A \
         file in a later folder replaces one of the same stem in an earlier folder; a link to `/dev/null` hides it. Names that \
         begin with `.` or end as editors and package managers name their leftovers are ignored, and so are folders within, but \
         for [drop-ins](job-file.md#drop-ins). `--jobs` replaces this.",
        r#"jobs_dirs = ["/etc/campanile/jobs.d", "/srv/jobs"]"#,
    )
    .or("for `/etc/campanile/campanile.toml`, `/usr/lib/campanile/jobs.d`, `/run/campanile/jobs.d` and \
         `/etc/campanile/jobs.d`; otherwise `jobs.d` beside the configuration"),
    key(
        "reload",
        Kind::Word(&["auto", "manual"]),
        "Who says when job files and this file are read again: whatever changes is read a moment later, or files are read only \
         when somebody asks for it. A change counts when nothing more has changed for 300 ms, and no file that was written to \
         is still open for writing, or after 2 seconds. `manual` is for folders that are brought up to date in several steps.",
        r#"reload = "manual""#,
    )
    .default(r#""auto""#),
    key(
        "state_dir",
        Kind::Path,
        "Where the database and the logs are. `--state` replaces this.",
        r#"state_dir = "/srv/campanile""#,
    )
    .or("`$STATE_DIRECTORY`, else `/var/lib/campanile` for root, else `$XDG_STATE_HOME/campanile`"),
    key(
        "socket",
        Kind::Path,
        "Where the daemon listens for `campanile ctl`. `--socket` replaces this.",
        r#"socket = "/run/campanile.sock""#,
    )
    .or("`$CAMPANILE_SOCKET`, else `$RUNTIME_DIRECTORY/campanile.sock`, else `/run/campanile/campanile.sock` for root, else \
         `$XDG_RUNTIME_DIR/campanile.sock`, else in the state folder"),
    key(
        "listen",
        Kind::Listen,
        "Where the API is served over TCP besides the socket. An address that other machines reach is refused unless there is a \
         token. There is no TLS: put a proxy in front of it for other machines. `--listen` replaces this.",
        r#"listen = "127.0.0.1:7070""#,
    )
    .or("only the socket")
    .interacts("`tokens`"),
    key(
        "tokens",
        TOKEN_TABLES,
        "Who may ask over TCP, each written `[tokens.NAME]`; see [Tokens](#tokens). Without any, only \
         `/livez` and `/readyz` are answered there.",
        r#"tokens = { grafana = { token = { file = "/etc/campanile/token" }, scope = "read" } }"#,
    )
    .no_effect("without `listen`, and on the socket"),
    key("timezone", Kind::Zone, "The zone of schedules that name none.", r#"timezone = "Europe/Berlin""#)
        .or("the system's")
        .no_effect("on schedules with a `timezone` of their own"),
    key(
        "tzdb",
        Kind::Either(&[Kind::Word(&["auto", "system", "bundled"]), Kind::Folder]),
        "Which time zone data is used: the newer of the system's and the one in the program, one of the two, or that of a \
         folder laid out like `/usr/share/zoneinfo`.",
        r#"tzdb = "bundled""#,
    )
    .default(r#""auto""#),
    key(
        "max_tasks",
        Kind::Integer(1, 100_000),
        "How many attempts may run at once, over all jobs.",
        "max_tasks = 8",
    )
    .default("32")
    .interacts("`priority` of a job, which says who is first"),
    key(
        "pools",
        Kind::Map(Names::Job, &Kind::Integer(1, 100_000), 1_024),
        "How much there is of what tasks take by name, as connections to a database: the attempts that live at one moment \
         take no more of a pool than this; see [queues](../concepts/queues.md#pools). A pool that becomes smaller interrupts \
         nothing: nothing more is taken until there is room. What waits for one that is gone waits until it is there again.",
        r#"pools = { db = 4, gpu = 1 }"#,
    )
    .or("no pools")
    .limit("1024 pools")
    .interacts("`pools` of tasks"),
    key(
        "on_stop",
        Kind::Word(&["leave", "drain"]),
        "What becomes of what runs when the daemon stops. With `leave` processes, those of shell hooks too, go on, and the \
         next daemon follows them and has their exits; only requests end with the daemon. With `drain` it waits for what \
         runs, then interrupts it. Where nobody has chosen, a daemon that is process 1, as in a container, which dies with it, \
         drains.",
        r#"on_stop = "drain""#,
    )
    .default(r#""leave""#)
    .interacts("`drain_timeout`, which says how long is waited"),
    key(
        "drain_timeout",
        Kind::Duration,
        "How long a stopping daemon waits: for requests, and under `on_stop = \"drain\"` for all that runs, hooks included. \
         `0s` does not wait. What it waited for is stopped after that, processes with their own `kill_grace`, and the daemon \
         ends when nothing of it is left; a second signal kills at once. A service manager that is to wait as long must be \
         told so.",
        r#"drain_timeout = "5m""#,
    )
    .default(r#""30s""#)
    .no_effect("when nothing runs that it waits for"),
    key(
        "synchronous",
        Kind::Word(&["full", "normal"]),
        "What a commit waits for: until the disk has it, or until the kernel has it. With `normal` a power cut may lose the \
         last moments, so that something is done again; a crash of the daemon alone loses nothing with either.",
        r#"synchronous = "normal""#,
    )
    .default(r#""full""#),
    key(
        "catch_up",
        Kind::Table(&CATCH_UP),
        "How fast missed due times are caught up, over all jobs; see [Catching up](#catching-up).",
        "catch_up = { starts_per_minute = 10, max_runs = 4 }",
    )
    .interacts("`catch_up` of schedules, which says what is caught up at all")
    .no_effect("on what is due while the daemon runs"),
    key(
        "retention",
        Kind::Table(&RETENTION),
        "How long ended runs are kept, per state; see [Retention](#retention).",
        r#"retention = { completed = { max_age = "7d" } }"#,
    )
    .no_effect("on runs that are live"),
    key("log", Kind::Table(&LOG), "The daemon's own log, on standard error; see [Log](#log).", r#"log = { level = "debug" }"#)
        .no_effect("on the logs of tasks"),
    key(
        "defaults",
        Kind::Table(&DEFAULTS),
        "What lies under every job; see [Defaults](#defaults).",
        r#"defaults = { timeout = "1h", retry = { max_attempts = 2 } }"#,
    ),
    key(
        "hooks",
        Kind::Tables(&hook::GLOBAL_HOOK, 256),
        "Whom to tell, about any job, each written `[[hooks]]`; see [Hooks](#hooks).",
        r#"hooks = [{ on = ["*.failed"], command = ["logger", "failed"] }]"#,
    )
    .limit("256 hooks"),
    key(
        "backup",
        Kind::Table(&BACKUP),
        "Copies of the database, made while it is in use; see [Backup](#backup).",
        r#"backup = { cron = "0 3 * * *", dir = "/srv/backups", keep = 14 }"#,
    )
    .or("no backup"),
    key(
        "integrity_check",
        Kind::Table(&INTEGRITY_CHECK),
        "When the database is read from end to end; see [Integrity check](#integrity-check).",
        r#"integrity_check = { cron = "30 3 * * 0" }"#,
    )
    .or("no check"),
];

/// `[catch_up]`.
pub(super) static CATCH_UP: Table = Table {
    intro: "Of what was missed, the jobs of the first priority go first; what is due now goes before all of it.",
    keys: &[&keys::CATCH_UP],
    ..Table::new("catch_up", "Catching up", &[CATCH_UP_KEYS])
};

const CATCH_UP_KEYS: &[Key] = &[
    key("starts_per_minute", Kind::Integer(1, 10_000), "How many runs start in any minute.", "starts_per_minute = 10")
        .default("60"),
    key("max_runs", Kind::Integer(1, 10_000), "How many of these runs are live at once.", "max_runs = 4").default("16"),
];

/// `[retention]`.
pub(super) static RETENTION: Table = Table {
    intro: "The first of `max_age` and `max_count` that is reached counts.",
    keys: &[&keys::RETENTION],
    ..Table::new("retention", "Retention", &[RETENTION_KEYS])
};

const RETENTION_KEYS: &[Key] = &[
    key("completed", Kind::Table(&KEEP), "Runs that completed.", r#"completed = { max_age = "7d" }"#)
        .or("`30d` and 1000000"),
    key("failed", Kind::Table(&KEEP), "Runs that failed.", "failed = { max_count = 1000 }").or("`90d` and 1000000"),
    key("cancelled", Kind::Table(&KEEP), "Runs that were cancelled.", r#"cancelled = { max_age = "1d" }"#)
        .or("`30d` and 1000000"),
];

/// One state of `[retention]`.
pub(super) static KEEP: Table =
    Table { keys: &[&keys::KEEP], ..Table::new("keep", "What is kept of one state", &[KEEP_KEYS]) };

const KEEP_KEYS: &[Key] = &[
    key("max_age", Kind::Duration, "How long after its end a run is kept. `0s` keeps none.", r#"max_age = "7d""#)
        .or("that of the state"),
    key("max_count", Kind::Integer(0, 1_000_000_000_000), "How many are kept, the newest.", "max_count = 1000")
        .or("that of the state"),
];

/// `[log]`.
pub(super) static LOG: Table = Table { keys: &[&keys::LOG], ..Table::new("log", "Log", &[LOG_KEYS]) };

const LOG_KEYS: &[Key] = &[
    key("format", Kind::Word(&["text", "json"]), "For people, or one JSON object a line.", r#"format = "json""#)
        .default(r#""text""#),
    key(
        "level",
        Kind::Word(&["error", "warn", "info", "debug", "trace"]),
        "The least important thing that is written.",
        r#"level = "debug""#,
    )
    .default(r#""info""#),
];

/// `[defaults]`.
pub(super) static DEFAULTS: Table = Table {
    intro: "Keys of a [job file](job-file.md) that lie under every job, as if they stood at the top level of its file: what a \
            file says goes before them, of tables key by key. `timezone` of the configuration counts \
            where no default is given. What is only for processes (`env`, \
            `umask`, …) means nothing to a task that makes a request. No effect on tasks that belong to no job, and on `campanile run`.",
    keys: &[&keys::DEFAULTS],
    ..Table::new(
        "defaults",
        "Defaults",
        &[
            &[job::OVERLAP, job::MAX_RUNS, job::PAUSE_AFTER, job::QUEUE_LIMIT, job::PRIORITY],
            schedule::KEYS,
            task::KEYS,
            task::OF_FILES,
        ],
    )
};

/// `[tokens.NAME]`.
pub(super) static TOKEN: Table = Table {
    intro: "Whoever asks over TCP says `Authorization: Bearer TOKEN`; the token's name is kept with what is paused and \
            cancelled. `/livez` and `/readyz` need none. Exactly one of `token` and `sha256` says what the token is.\n\n\
            ```toml\n\
            listen = \"127.0.0.1:7070\"\n\n\
            [tokens.dashboard]\n\
            sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n\
            scope = \"operate\"\n\
            ```\n\
            A browser asks for whatever page is open in it, so a page of another origin may have nothing done \
            (`Sec-Fetch-Site`, `Origin`), and a request whose `Host` is neither an address nor `localhost` is refused.",
    keys: &[&keys::TOKEN],
    one_of: &[&["token", "sha256"]],
    ..Table::new("token", "Tokens", &[TOKEN_KEYS])
};

const TOKEN_KEYS: &[Key] = &[
    key(
        "token",
        Kind::Table(&hook::REFERENCE),
        "The token, by reference, read when the daemon starts; blanks around it do not count.",
        r#"token = { file = "/etc/campanile/token" }"#,
    )
    .must(),
    key(
        "sha256",
        Kind::Digest,
        "The SHA-256 of the token, as `printf %s TOKEN | sha256sum` writes it, so that the file holds no secret.",
        r#"sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#,
    )
    .must(),
    key(
        "scope",
        Kind::Word(&["read", "operate", "admin"]),
        "What its bearer may do, each what is before it too: questions; starting, submitting, cancelling, and pausing one job; \
         pausing everything and reloading.",
        r#"scope = "operate""#,
    )
    .default(r#""read""#),
];

/// `[backup]`.
pub(super) static BACKUP: Table = Table {
    intro: "Copies of the store, made while the daemon runs, each in one file `campanile-20261120T030000Z.db`; \
            [durability](../concepts/durability.md#backups) says what is in one and how to go on with it. How the last one \
            went stands in `campanile ctl status -o json` (`housekeeping`) and in the log. A copy that fails harms nothing and \
            is tried at the next time. With this or `integrity_check`, an idle daemon wakes up twice a second.\n\n\
            ```toml\n\
            [backup]\n\
            cron = \"0 3 * * *\"\n\
            dir = \"/srv/backups\"\n\
            ```",
    keys: &[&keys::BACKUP],
    must: &["cron", "dir"],
    ..Table::new("backup", "Backup", &[&[CRON], BACKUP_KEYS])
};

const CRON: Key = key(
    "cron",
    Kind::Cron,
    "Five cron fields, or six with seconds first, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`; in UTC; numbers \
     only. When it is done, to about half a second. It is apart from the schedules of jobs: no time zone, no catching up, and \
     what is due while the same is still at work is left out.",
    r#"cron = "0 3 * * *""#,
)
.must();

const BACKUP_KEYS: &[Key] = &[
    key(
        "dir",
        Kind::Path,
        "The folder of the copies; made if it is not there. Better on another disk.",
        r#"dir = "/srv/backups""#,
    )
    .must(),
    key(
        "keep",
        Kind::Integer(1, 10_000),
        "How many copies are kept, the newest. Only files that are named as above are ever removed.",
        "keep = 30",
    )
    .default("7"),
];

/// `[integrity_check]`.
pub(super) static INTEGRITY_CHECK: Table = Table {
    intro: "The whole store is read and checked, beside the daemon's work. What is wrong with it stands in the log and in \
            `campanile ctl status -o json`.",
    keys: &[&keys::INTEGRITY_CHECK],
    must: &["cron"],
    ..Table::new("integrity_check", "Integrity check", &[&[CRON]])
};
