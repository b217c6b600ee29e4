//! A request that was understood and may not be done. Each variant names the thing and, by `hint`, the next thing to
//! do; `wire::code` maps them to exit codes, HTTP statuses and stable codes.

use super::id::RunId;
use super::outcome::Reason;
use super::time::backfill::Unfit;
use super::timestamp::Timestamp;

/// Understood, and not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such thing.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// As it was asked for.
        name: String,
    },
    /// The words fit more than one thing.
    #[error("`{name}` fits {n} {what}s")]
    Ambiguous {
        /// The kind of thing.
        what: &'static str,
        /// As it was asked for.
        name: String,
        /// How many.
        n: usize,
        /// The youngest of them.
        candidates: Vec<String>,
    },
    /// A transition that no table lists.
    #[error("a {machine} that is {state} cannot take `{event}`")]
    Transition {
        /// Which machine.
        machine: &'static str,
        /// Its state.
        state: String,
        /// What was to happen.
        event: String,
    },
    /// Ended never changes.
    #[error("run `{}` already ended ({state})", run.short())]
    RunAlreadyEnded {
        /// Which.
        run: RunId,
        /// How.
        state: &'static str,
    },
    /// Ended never changes.
    #[error("task `{task}` already ended ({state})")]
    TaskAlreadyEnded {
        /// Which.
        task: String,
        /// How.
        state: &'static str,
    },
    /// The job's file is gone.
    #[error("job `{job}` is retired: its file is gone")]
    JobRetired {
        /// Which.
        job: String,
    },
    /// No due time lies ahead there.
    #[error("`{job}` is not due at {at}, or that has its answer")]
    NotDue {
        /// Which.
        job: String,
        /// When.
        at: Timestamp,
        /// When it is due after that.
        next: Option<Timestamp>,
    },
    /// The gate said no.
    #[error("job `{job}` may not start now ({reason})")]
    NotAdmitted {
        /// Which.
        job: String,
        /// Why.
        reason: Reason,
    },
    /// Its precondition is an expression, and false.
    #[error("job `{job}` may not start now: its precondition `{expression}` is false")]
    ConditionFalse {
        /// Which.
        job: String,
        /// The expression.
        expression: String,
    },
    /// There can be no such backfill.
    #[error("job `{job}` cannot be backfilled: {why}")]
    NotBackfilled {
        /// Which.
        job: String,
        /// Why not.
        why: Unfit,
    },
    /// Ended never changes.
    #[error("the backfill `{backfill}` already ended ({state})")]
    BackfillAlreadyEnded {
        /// Which.
        backfill: String,
        /// How.
        state: &'static str,
    },
    /// The values of its parameters do not fit.
    #[error("job `{job}` cannot start with these parameters: {}", problems.join("; "))]
    InvalidParams {
        /// Which.
        job: String,
        /// Everything that is wrong with them.
        problems: Vec<String>,
    },
    /// It is so already.
    #[error("{what} is already {state}")]
    Already {
        /// The thing.
        what: String,
        /// The state it is in.
        state: &'static str,
    },
    /// The key of an earlier request that asked for something else.
    #[error("the key `{key}` was used for another request")]
    KeyReused {
        /// Which.
        key: String,
    },
    /// A request that makes no sense as written.
    #[error("{problem}")]
    BadRequest {
        /// What is wrong with it.
        problem: String,
    },
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
    /// Nothing can be written now.
    #[error("the daemon cannot write its store now: {why}")]
    Unavailable {
        /// What stands in the way.
        why: String,
    },
    /// Campanile itself failed.
    #[error("internal error: {what}")]
    Internal {
        /// What failed.
        what: String,
    },
}

impl Refused {
    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Refused::NotFound { what: "job", .. } => Some("`campanile ctl jobs` lists the jobs".to_owned()),
            Refused::NotFound { what: "backfill", .. } => {
                Some("`campanile ctl backfills` lists the backfills".to_owned())
            }
            Refused::NotFound { what: "run", .. } => Some("`campanile ctl runs` lists the runs".to_owned()),
            Refused::NotFound { .. } | Refused::Transition { .. } | Refused::Already { .. } => None,
            Refused::Ambiguous { candidates, .. } if candidates.is_empty() => Some("give more of the id".to_owned()),
            Refused::Ambiguous { candidates, .. } => {
                Some(format!("give more of the id: `{}`", candidates.join("`, `")))
            }
            Refused::RunAlreadyEnded { .. } | Refused::TaskAlreadyEnded { .. } => {
                Some("what has ended never changes; start the job again with `campanile ctl start JOB`".to_owned())
            }
            Refused::JobRetired { .. } => Some("put its file back and run `campanile ctl reload`".to_owned()),
            Refused::NotDue { job, next: Some(next), .. } => {
                Some(format!("its next due time is {next}; `campanile ctl next {job}` lists them"))
            }
            Refused::NotDue { job, next: None, .. } => {
                Some(format!("`campanile ctl why {job}@TIME` tells of the past"))
            }
            Refused::NotBackfilled { job, why } => Some(why.hint().replace("JOB", job)),
            Refused::BackfillAlreadyEnded { .. } => {
                Some("what has ended never changes; ask for another with `campanile ctl backfill JOB`".to_owned())
            }
            Refused::NotAdmitted { job, reason: Reason::Paused } => {
                Some(format!("resume it (`campanile ctl resume {job}`, or `enabled` in its file), or add `--force`"))
            }
            Refused::NotAdmitted { job, reason: Reason::QueueFull } => Some(format!(
                "`campanile ctl runs --job {job} --state queued` lists what waits; cancel some, or add `--force`"
            )),
            Refused::ConditionFalse { .. } => Some("add `--force` to start it all the same".to_owned()),
            Refused::NotAdmitted { .. } => Some("wait for the live run to end, or add `--force`".to_owned()),
            Refused::KeyReused { .. } => {
                Some("make a new key for each request, and keep it for its repeats".to_owned())
            }
            Refused::BadRequest { .. } => None,
            Refused::InvalidParams { job, .. } => Some(format!("`campanile ctl job {job}` shows its parameters")),
            Refused::Stopping => Some("ask again when it is back".to_owned()),
            Refused::Unavailable { .. } => Some("free space or mend the disk; it tries again by itself".to_owned()),
            Refused::Internal { .. } => Some("the daemon's log says more; please report it".to_owned()),
        }
    }
}
