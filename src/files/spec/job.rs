//! The top level of a job file, and the parameters of a job.

use super::kind::Names;
use super::{Key, Kind, Table, hook, key, process, schedule, task};
use crate::files::keys;

const PARAM_TABLES: Kind = Kind::Map(Names::Param, &Kind::Table(&PARAM), 256);
const TASK_TABLES: Kind = Kind::Map(Names::Job, &Kind::Table(&task::TASK), 4_096);
const JOB_TABLES: Kind = Kind::Map(Names::Job, &Kind::Table(&JOB_OF_MANY), 10_000);

/// The top level.
pub(super) static JOB: Table = Table {
    keys: &[&keys::JOB, &keys::FILE],
    one_of: &[task::ACTIONS_OR_TASKS],
    lifted_by: Some("jobs"),
    not_both: &[TIMES, &["jobs", "tasks"], &["jobs", "schedules"]],
    ..Table::new("job", "The job", &[OWN, OF_FILE, schedule::KEYS, task::KEYS, task::OF_FILES])
};

/// `[jobs.NAME]`. What is needed may stand above all jobs of the file.
pub(super) static JOB_OF_MANY: Table = Table {
    intro: include_str!("many-jobs.txt"),
    keys: &[&keys::JOB],
    not_both: &[TIMES, task::ACTIONS_OR_TASKS],
    ..Table::new("job_of_many", "Many jobs in one file", &[OWN, schedule::KEYS, task::KEYS, task::OF_FILES])
};

const TIMES: &[&str] = &keys::joined::<{ 1 + keys::TIMINGS.len() }>(&[&["schedules"], keys::TIMINGS]);

const OWN: &[Key] = &[
    DESCRIPTION,
    ENABLED,
    OVERLAP,
    MAX_RUNS,
    PAUSE_AFTER,
    ENDS_AFTER,
    QUEUE_LIMIT,
    EXPIRES_AFTER,
    PRIORITY,
    TAGS,
    PRECONDITION_KEY,
    SCHEDULES,
    PARAMS,
    TASKS,
    OUTPUTS,
    HOOKS,
];
/// Of the top level of a file alone.
const OF_FILE: &[Key] = &[JOBS];

const DESCRIPTION: Key = key(
    "description",
    Kind::Text,
    "What people read beside the name.",
    r#"description = "Copy the work of the day away""#,
)
.no_effect("on anything that happens");

const ENABLED: Key = key(
    "enabled",
    Kind::Bool,
    "`false` pauses the job by file: its due times are recorded as skipped because of `paused`, and a start by hand is refused \
     without `--force`.",
    "enabled = false",
)
.default("true")
.interacts("`campanile ctl pause`: a job is paused if either says so");

/// Also a default of all jobs, in the configuration.
pub(super) const OVERLAP: Key = key(
    "overlap",
    Kind::Word(&["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow"]),
    "What happens to one run more than `max_runs`: `skip` does not start it, and its due time is recorded as skipped \
     because of `overlap`; `buffer_one` holds it until there is room, and skips one more while one is held; `buffer_all` \
     holds every one, in order; `cancel_other` cancels the oldest live run and starts this one when that has ended, in \
     place of any that is held; `terminate_other` does the same without grace; `allow` lifts the bound. See \
     [runs](../concepts/runs.md#one-run-more).",
    r#"overlap = "buffer_one""#,
)
.default(r#""skip""#)
.interacts("`max_runs`, `queue_limit` and a start with `--force`, which goes past it")
.no_effect("while fewer runs are live");

/// Also a default of all jobs, in the configuration.
pub(super) const MAX_RUNS: Key = key(
    "max_runs",
    Kind::Integer(1, 1_000_000),
    "How many runs of this job may be live at once, whatever started them; a run that waits is live.",
    "max_runs = 3",
)
.default("1")
.interacts("`overlap` and with `max_tasks` of the configuration")
.no_effect("with `overlap = \"allow\"`");

/// Also a default of all jobs, in the configuration.
pub(super) const PAUSE_AFTER: Key = key(
    "pause_after",
    Kind::Integer(1, 1_000_000),
    "So many runs that fail one after another pause the job, with a `job.paused` event that says so; runs that are cancelled \
     do not count. Without it, a job that fails goes on.",
    "pause_after = 5",
)
.interacts("`campanile ctl resume`, which begins to count anew");

const ENDS_AFTER: Key = key(
    "ends_after",
    Kind::Integer(1, 1_000_000),
    "So many runs are started by the schedules of the job, over all its revisions, and then they end: nothing is due any more. \
     A greater number lets them go on, from then. Without it, they do not end.",
    "ends_after = 10",
)
.interacts("`until` of a schedule, which ends it at a time")
.no_effect("on starts by hand");

/// Also a default of all jobs, in the configuration.
pub(super) const QUEUE_LIMIT: Key = key(
    "queue_limit",
    Kind::Integer(1, 1_000_000),
    "How many runs of this job may be queued at once: nothing of them has begun. One more does not start, whatever asks for \
     it, and its due time is recorded as skipped because of `queue_full`.",
    "queue_limit = 50",
)
.default("1000")
.interacts("`max_runs`, which with `overlap = \"skip\"` is mostly reached before")
.no_effect("on a start with `--force`");

const EXPIRES_AFTER: Key = key(
    "expires_after",
    Kind::SomeDuration,
    "How long a run may wait for its beginning. One of which nothing has begun so long after it was queued is cancelled, with \
     outcome `expired`. It is measured however the clock is set, and goes on while everything is paused and while no daemon runs.",
    r#"expires_after = "2h""#,
)
.or("none; it waits as long as it must")
.no_effect("once a task of the run was started");

/// Also a default of all jobs, in the configuration.
pub(super) const PRIORITY: Key = key(
    "priority",
    Kind::Integer(1, 9),
    "1 is first, 9 is last: which tasks start first when there are more than may run.",
    "priority = 1",
)
.default("5")
.interacts("`max_tasks` of the configuration")
.no_effect("while every task that is ready may start");

const TAGS: Key = key(
    "tags",
    Kind::List(&Kind::Full, 0, 64),
    "Words to find runs by, each on one line and given once.",
    r#"tags = ["backup", "db"]"#,
)
.limit("64 tags")
.no_effect("on anything that happens");

const PRECONDITION_KEY: Key = key(
    "precondition",
    Kind::Table(&process::PRECONDITION),
    "What is asked once the gate has let a run in, before anything of it starts; see [Precondition](#precondition) and \
     [preconditions](../concepts/preconditions.md). If the answer is no, the due time is recorded as skipped because of \
     `condition`.",
    r#"precondition = { command = ["test", "-e", "/srv/ready"], timeout = "10s" }"#,
)
.interacts("a start with `--force`, of which nothing is asked");

const SCHEDULES: Key = key(
    "schedules",
    Kind::Tables(&schedule::SCHEDULE, 256),
    "When the job is due, each written `[[schedules]]`; see [Schedules](#schedules). A job without one is started by hand. \
     Cannot be given together with a rule of when at the top level.",
    r#"schedules = [{ cron = "@daily" }, { every = "15m" }]"#,
)
.limit("256 schedules");

const PARAMS: Key = key(
    "params",
    PARAM_TABLES,
    "What whoever starts the job may say, each written `[params.NAME]`; see [Parameters](#parameters). A job with a \
     parameter that must be given can have no schedules.",
    r#"params = { day = { type = "string", default = "today" } }"#,
)
.limit("256 parameters");

const TASKS: Key = key(
    "tasks",
    TASK_TABLES,
    "What the job does, each task written `[tasks.NAME]`; see [Tasks](#tasks). Names follow the rule for jobs. Cannot be \
     given together with something to do at the top level.",
    r#"tasks = { a = { shell = "make" }, b = { shell = "make install", after = ["a"] } }"#,
)
.limit("1 to 4096 tasks");

const OUTPUTS: Key = key(
    "outputs",
    Kind::Map(Names::Output, &Kind::Text, 256),
    "Named values that a completed run leaves; see [outputs](../concepts/outputs.md). Each is a \
     [template](../concepts/templates.md) over `params`, `tasks`, `run` and `scheduled_at`. Names are 1 to 64 letters, \
     digits, `_`, `-`, a letter or `_` first. One that cannot be rendered fails the run with outcome `invalid_request`.",
    r#"outputs = { rows = "{{ tasks.count.output }}" }"#,
)
.limit("256 outputs");

const HOOKS: Key = key(
    "hooks",
    Kind::Tables(&hook::HOOK, 256),
    "Whom the job tells, each written `[[hooks]]`; see [Hooks](#hooks).",
    r#"hooks = [{ on = ["workflow.failed"], command = ["logger", "failed"] }]"#,
)
.limit("256 hooks");

const JOBS: Key = key(
    "jobs",
    JOB_TABLES,
    "Many small jobs in one file, each written `[jobs.NAME]`; see [Many jobs in one file](#many-jobs-in-one-file). Cannot \
     be given together with `tasks` or `schedules` at the top level.",
    r#"jobs = { a = { cron = "@daily", shell = "make" } }"#,
)
.limit("1 to 10000 jobs");

/// `[params.NAME]`.
pub(super) static PARAM: Table = Table {
    intro: "A value that whoever starts the job may give, as with `campanile run FILE --param NAME=VALUE` or over the \
            HTTP API; see [parameters](../concepts/parameters.md). Names are 1 to 64 \
            of `a-z`, `0-9`, `_`, a letter first. A task finds a value in the variable `PARAM_` and the name in capitals, \
            and in templates as `params.NAME`.\n\n\
            ```toml\n\
            cron = \"30 2 * * *\"\n\
            command = [\"report\", \"--day\", \"{{ params.day }}\"]\n\n\
            [params.day]\n\
            description = \"The day to report on\"\n\
            default = \"{{ scheduled_at | minus('1d') | date }}\"\n\
            pattern = '^\\d{4}-\\d{2}-\\d{2}$'\n\n\
            [params.copies]\n\
            type = \"integer\"\n\
            default = 1\n\
            minimum = 1\n\
            maximum = 9\n\
            ```",
    keys: &[&keys::PARAM],
    ..Table::new("param", "Parameters", &[PARAM_KEYS])
};

const LENGTH: Kind = Kind::Integer(0, 1_000_000);

const PARAM_KEYS: &[Key] = &[
    key(
        "type",
        Kind::Word(&["string", "integer", "number", "boolean", "array", "object"]),
        "What the value may be. A text is taken for another type where it can be nothing else: `\"3\"` for an integer, JSON \
         for an array or object.",
        r#"type = "integer""#,
    )
    .default(r#""string""#),
    key("description", Kind::Text, "What people read beside its name.", r#"description = "The day to report on""#)
        .no_effect("on anything that happens"),
    key(
        "default",
        Kind::Any,
        "A value of the type: what it is if nobody gives one. A text may be a [template](../concepts/templates.md) over \
         `scheduled_at` and `run`, rendered when the run is made.",
        "default = 1",
    )
    .or("none, so that a value must be given"),
    key(
        "enum",
        Kind::List(&Kind::Any, 1, 1_024),
        "Values of the type, the only ones that are accepted.",
        r#"enum = ["small", "large"]"#,
    )
    .or("any value")
    .limit("1024 values"),
    key(
        "pattern",
        Kind::Text,
        "A regular expression that a text must match somewhere; `^` and `$` tie it to the ends. An error for other types.",
        "pattern = '^[a-z]+$'",
    ),
    key("minimum", Kind::AnyNumber, "The least integer or number. An error for other types.", "minimum = 1"),
    key("maximum", Kind::AnyNumber, "The greatest integer or number. An error for other types.", "maximum = 9"),
    key(
        "min_length",
        LENGTH,
        "How long a text (in characters) or an array (in items) is at least. An error for other types.",
        "min_length = 1",
    ),
    key(
        "max_length",
        LENGTH,
        "How long a text (in characters) or an array (in items) is at most. An error for other types.",
        "max_length = 80",
    ),
];
