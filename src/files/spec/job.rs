//! The top level of a job file, and the parameters of a job.

use super::kind::Names;
use super::{Key, Kind, Table, hook, key, schedule, task};
use crate::files::keys;

const PARAM_TABLES: Kind = Kind::Map(Names::Param, &Kind::Table(&PARAM), 256);
const TASK_TABLES: Kind = Kind::Map(Names::Job, &Kind::Table(&task::TASK), 4_096);
const JOB_TABLES: Kind = Kind::Map(Names::Job, &Kind::Table(&JOB_OF_MANY), 4_096);

/// The top level.
pub(super) static JOB: Table = Table {
    keys: Some(&keys::JOB),
    one_of: &[WORK],
    not_both: &[TIMES],
    ..Table::new("job", "The job", &[OWN, schedule::KEYS, task::KEYS])
};

/// `[jobs.NAME]`.
pub(super) static JOB_OF_MANY: Table = Table {
    intro: "Below `[jobs.NAME]` stand the keys of a job, except `jobs`; the sections on this page are those of each.",
    one_of: &[task::ACTIONS_OR_TASKS],
    not_both: &[TIMES],
    ..Table::new("job_of_many", "Many jobs in one file", &[OWN_OF_MANY, schedule::KEYS, task::KEYS])
};

const WORK: &[&str] = &["shell", "command", "http", "noop", "tasks", "jobs"];
const TIMES: &[&str] = &["schedules", "cron", "quartz", "every", "at"];

const OWN: &[Key] =
    &[DESCRIPTION, ENABLED, OVERLAP, MAX_RUNS, PRIORITY, TAGS, SCHEDULES, PARAMS, TASKS, OUTPUTS, HOOKS, JOBS];
const OWN_OF_MANY: &[Key] =
    &[DESCRIPTION, ENABLED, OVERLAP, MAX_RUNS, PRIORITY, TAGS, SCHEDULES, PARAMS, TASKS, OUTPUTS, HOOKS];

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
    "`false` pauses the job by file: its due times are recorded as skipped because of `paused`.",
    "enabled = false",
)
.default("true")
.interacts("`campanile ctl pause`: a job is paused if either says so")
.no_effect("on a start by hand");

/// Also a default of all jobs, in the configuration.
pub(super) const OVERLAP: Key = key(
    "overlap",
    Kind::Word(&["skip", "allow"]),
    "What happens to one run more than `max_runs`: `skip` does not start it, and its due time is recorded as skipped \
     because of `overlap`; `allow` lifts the bound.",
    r#"overlap = "allow""#,
)
.default(r#""skip""#)
.interacts("`max_runs`")
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
    "Values that whoever starts the job may give, each written `[params.NAME]`; see [Parameters](#parameters). Names are \
     `a-z`, `0-9` and `_`, begin with a letter and have at most 64 characters. Templates have them as `params.NAME`, tasks \
     as `PARAM_NAME` in their environment.",
    r#"params = { day = { type = "string", default = "today" } }"#,
);

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
    Kind::Map(Names::Any, &Kind::Text, 256),
    "The named values that a run leaves for whoever asks for it: texts, which may be templates, rendered when the run has \
     completed. `tasks.NAME.output` is what a task wrote to stdout, `tasks.NAME.outputs.KEY` is what it left in the file \
     `$CAMPANILE_OUTPUT`.",
    r#"outputs = { rows = "{{ tasks.count.output }}" }"#,
);

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
    "Many small jobs in one file, each written `[jobs.NAME]`: the job of that table in `STEM.toml` is called `STEM.NAME`. A \
     name that a file of its own has too is an error. Cannot be given together with something to do at the top level.",
    r#"jobs = { a = { cron = "@daily", shell = "make" } }"#,
);

/// `[params.NAME]`.
pub(super) static PARAM: Table = Table {
    intro: "A parameter is checked when the job is started; what it may be is said in the words of JSON Schema.",
    ..Table::new("param", "Parameters", &[PARAM_KEYS])
};

const PARAM_KEYS: &[Key] = &[
    key(
        "type",
        Kind::Word(&["string", "integer", "number", "boolean", "array", "object"]),
        "What the value may be. What is given as text, with `--param NAME=VALUE`, is read as this type.",
        r#"type = "integer""#,
    )
    .default(r#""string""#),
    key("description", Kind::Text, "What people read beside its name.", r#"description = "The day of the report""#)
        .no_effect("on anything that happens"),
    key(
        "default",
        Kind::Any,
        "What the value is if nobody gives one; a text may be a template. Without a default, the job starts only if the \
         value is given, and a schedule is an error.",
        r#"default = "{{ scheduled_at | date }}""#,
    ),
    key("enum", Kind::List(&Kind::Any, 1, 1_000), "The only values that are allowed.", r#"enum = ["test", "live"]"#)
        .or("any value"),
    key(
        "pattern",
        Kind::Full,
        "A regular expression that must match somewhere in a text.",
        r#"pattern = "^[0-9]{4}$""#,
    )
    .no_effect("on types other than `string`"),
    key("minimum", Kind::AnyNumber, "The least number.", "minimum = 1")
        .no_effect("on types other than `integer` and `number`"),
    key("maximum", Kind::AnyNumber, "The greatest number.", "maximum = 31")
        .no_effect("on types other than `integer` and `number`"),
    key(
        "min_length",
        Kind::Integer(0, i64::MAX),
        "The least length: characters of a text, items of a list.",
        "min_length = 1",
    )
    .no_effect("on types other than `string` and `array`"),
    key(
        "max_length",
        Kind::Integer(0, i64::MAX),
        "The greatest length: characters of a text, items of a list.",
        "max_length = 80",
    )
    .no_effect("on types other than `string` and `array`"),
];
