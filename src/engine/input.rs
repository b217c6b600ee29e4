//! What the engine is told: commands, which get an answer, and reports, which do not.

use crate::model::definition::{CatchUp, Hook, Job, JobName, PoolSizes, Priority, ReadFiles, Task};
use crate::model::duration::Duration;
use crate::model::exit::Exit;
use crate::model::id::{BackfillId, DeliveryId, Launch, RunId, TaskId};
use crate::model::invalid::Problem;
use crate::model::policy::governor::Pace;
use crate::model::policy::retention::Retention;
use crate::model::timestamp::Timestamp;

/// One thing the engine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody wants something, and waits for the answer under this token.
    Command {
        /// Given back with the answer.
        token: u64,
        /// What is wanted.
        command: Command,
    },
    /// Something happened.
    Report(Report),
}

/// What may be asked for.
#[derive(Clone, Debug)]
pub enum Command {
    /// These are the definitions now.
    Load(Box<Load>),
    /// Start a job by hand.
    Start(Start),
    /// Run these tasks, each as a run of its own that belongs to no job.
    Submit(Vec<Submission>),
    /// The same once only, however often it is asked.
    Keyed(Box<Keyed>),
    /// End a run before its time.
    CancelRun {
        /// Which.
        run: RunId,
        /// Who wants it.
        by: String,
    },
    /// End a task before its time.
    CancelTask {
        /// Which.
        task: TaskId,
        /// Who wants it.
        by: String,
    },
    /// Start nothing of a job, or nothing at all.
    Pause {
        /// Which job; all without one.
        job: Option<String>,
        /// Who wants it.
        by: String,
        /// Why, for people.
        note: Option<String>,
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// Take back a pause.
    Resume {
        /// Which job; the pause of everything without one.
        job: Option<String>,
        /// Who wants it.
        by: String,
        /// Which of the due times that passed meanwhile start after all.
        catch_up: CatchUp,
    },
    /// A due time that lies ahead does not start.
    SkipDue {
        /// Of which job.
        job: String,
        /// Which.
        at: Timestamp,
        /// Who wants it.
        by: String,
    },
    /// Run due times of the past.
    Backfill(Backfill),
    /// Run no more of them, and end their runs before their time.
    CancelBackfill {
        /// Which.
        backfill: BackfillId,
        /// Who wants it.
        by: String,
    },
    /// Try a delivery again that was given up or has arrived before.
    RetryDelivery {
        /// Which.
        delivery: DeliveryId,
    },
    /// Claim nothing more; what runs may end.
    Drain,
    /// Stop what runs, to be continued by the next daemon. Asked for again, it may only hurry.
    Interrupt {
        /// How long between TERM and KILL, instead of each process's own grace.
        grace: Option<Duration>,
    },
}

/// A command under a key: asked again within a day, it is answered as it was the first time.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// Chosen by who asks.
    pub key: String,
    /// A hash of the whole request; another one under the same key is refused.
    pub fingerprint: [u8; 32],
    /// What is wanted.
    pub command: Command,
}

/// All definitions, as they are on disk at one moment.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// The files that could be read.
    pub jobs: Vec<LoadedJob>,
    /// The files that could not; their last good revisions stay in force.
    pub invalid: Vec<InvalidFile>,
    /// Jobs whose files are as they were when the engine last took them; they need not be read again.
    pub unchanged: Vec<JobName>,
    /// What whoever reads the files next may know of them.
    pub files: ReadFiles,
    /// The hooks of `campanile.toml`.
    pub hooks: Vec<Hook>,
    /// What else `campanile.toml` says; as before without.
    pub limits: Option<Limits>,
    /// The pools of `campanile.toml`; as before without.
    pub pools: Option<PoolSizes>,
    /// Not every folder could be read: what was not found may be there, and nothing is retired.
    pub is_incomplete: bool,
    /// This load is part of a daemon's start: `@start` is due, and `@reboot` if the machine has booted.
    pub at_start: bool,
}

/// What the engine may be told anew while it runs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limits {
    /// How many attempts may be live over all jobs.
    pub max_tasks: usize,
    /// How fast missed due times are caught up.
    pub catch_up: Pace,
    /// What is kept of what has ended.
    pub retention: Retention,
}

/// One job that was read.
#[derive(Clone, Debug)]
pub struct LoadedJob {
    /// Its name.
    pub name: JobName,
    /// The file it came from.
    pub source: String,
    /// What the file says.
    pub definition: Job,
    /// JSON: each key of the definition and the place where it is written.
    pub origins: String,
}

/// One file that could not be read as a job.
#[derive(Clone, Debug)]
pub struct InvalidFile {
    /// The file.
    pub path: String,
    /// The job that it would define, where its name can be told.
    pub job: Option<JobName>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// A start by hand.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The job's name.
    pub job: String,
    /// The nominal time that the run is to believe in.
    pub at: Option<Timestamp>,
    /// Past the gate.
    pub force: bool,
    /// The values of its parameters that are given.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// The zone in which it sees its time; otherwise that of the job's first schedule.
    pub timezone: Option<String>,
}

/// Due times of the past that are to be run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Backfill {
    /// The job's name.
    pub job: String,
    /// The one schedule whose due times these are, by its name or its key; all that have any without it.
    pub schedule: Option<String>,
    /// The first instant that counts.
    pub from: Timestamp,
    /// The first that does not.
    pub to: Timestamp,
    /// So many of its runs may be live at once.
    pub max_runs: u32,
    /// Who wants it.
    pub by: String,
}

/// A task to run that belongs to no job.
#[derive(Clone, Debug)]
pub struct Submission {
    /// What to do; its name is `main` unless it says otherwise.
    pub task: Task,
    /// 1 goes first.
    pub priority: Priority,
    /// When it may start; at once without it.
    pub not_before: Option<NotBefore>,
}

/// When something that was asked for may start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotBefore {
    /// At this time of the wall clock, wherever that is set to meanwhile.
    At(Timestamp),
    /// After so long, however the clock is set meanwhile.
    In(Duration),
}

/// What a command is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is so.
    Done,
    /// The definitions are in force.
    Loaded(Loaded),
    /// A run exists.
    Started {
        /// Which.
        run: RunId,
        /// Its number within its job.
        number: u64,
    },
    /// Runs exist, in the order of the submissions.
    Submitted(Vec<RunId>),
    /// Due times of the past will be run.
    Backfilled(BackfillId),
    /// What the same request was answered before; nothing was done now.
    Again(Box<Answer>),
}

/// What a load changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Loaded {
    /// Jobs with a new revision, the first included.
    pub changed: Vec<String>,
    /// Jobs whose files are gone.
    pub retired: Vec<String>,
    /// Jobs as they were.
    pub n_unchanged: usize,
    /// Files that could not be read.
    pub n_invalid: usize,
    /// Jobs that were said to be unchanged and are not in force: they must be read.
    pub unknown: Vec<JobName>,
}

/// What happened in the world.
#[derive(Clone, Debug)]
pub enum Report {
    /// A daemon has opened the store, on a machine booted under this id.
    Opened {
        /// The kernel's name for this boot.
        boot_id: String,
    },
    /// The wall clock was set forward by so many microseconds, or back if negative.
    ClockStepped {
        /// How far.
        by_us: i64,
    },
    /// The runner says something.
    Runner(RunnerReport),
    /// The HTTP request of an attempt is being made.
    CallStarted {
        /// Which.
        launch: Launch,
        /// Since when.
        at: Timestamp,
    },
    /// The HTTP request of an attempt has ended.
    CallEnded {
        /// Which.
        launch: Launch,
        /// How.
        exit: Exit,
    },
    /// A webhook was sent, or was not.
    Delivered {
        /// The try.
        launch: Launch,
        /// How it went.
        result: DeliveryResult,
    },
}

impl Report {
    /// Which reports of one step come before which: a clock step, since all others are told on the clock as it then is.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Report::ClockStepped { .. } => 0,
            Report::Opened { .. }
            | Report::Runner(_)
            | Report::CallStarted { .. }
            | Report::CallEnded { .. }
            | Report::Delivered { .. } => 1,
        }
    }

    /// The launch that it is of, if it is of one.
    pub(super) fn launch(&self) -> Option<Launch> {
        match self {
            Report::Runner(RunnerReport::Started { launch, .. } | RunnerReport::Ended { launch, .. })
            | Report::CallStarted { launch, .. }
            | Report::CallEnded { launch, .. }
            | Report::Delivered { launch, .. } => Some(*launch),
            Report::Runner(RunnerReport::Connected { .. } | RunnerReport::Disconnected)
            | Report::Opened { .. }
            | Report::ClockStepped { .. } => None,
        }
    }
}

/// What the runner says.
#[derive(Clone, PartialEq, Debug)]
pub enum RunnerReport {
    /// A runner is there. This is one whole picture: what it does not name it does not have.
    Connected {
        /// Which connection this opens; what is sent to the runner from now on belongs to it.
        connection: u64,
        /// The highest launch number that it, or the runner before it, has seen.
        highest: Launch,
        /// What lives.
        alive: Vec<Launch>,
        /// What ended and was not acknowledged.
        ended: Vec<(Launch, Exit)>,
    },
    /// A process exists.
    Started {
        /// Which.
        launch: Launch,
        /// Since when.
        at: Timestamp,
    },
    /// A process has ended.
    Ended {
        /// Which.
        launch: Launch,
        /// How.
        exit: Exit,
    },
    /// No runner is there.
    Disconnected,
}

/// How a try to deliver went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryResult {
    /// The receiver took it.
    pub accepted: bool,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// For people: why it was not taken.
    pub error: Option<String>,
    /// Trying again cannot help.
    pub permanent: bool,
    /// The receiver asks to be left alone so long.
    pub retry_after: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_step_goes_before_every_other_report() {
        let launch = Launch(1);
        let step = Report::ClockStepped { by_us: 1 };
        for other in [
            Report::Opened { boot_id: String::new() },
            Report::Runner(RunnerReport::Disconnected),
            Report::CallStarted { launch, at: Timestamp::default() },
        ] {
            assert!(step.rank() < other.rank(), "{other:?}");
        }
        assert_eq!((step.launch(), Report::Runner(RunnerReport::Disconnected).launch()), (None, None));
    }
}
