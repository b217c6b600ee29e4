//! What is counted since the daemon started, and its text for Prometheus. The driver tells it what each step came to,
//! after the commit; nothing is found out by looking through history.
//!
//! Labels are bounded: jobs in force, words of our lists, names of hooks; never an id and never a text that somebody
//! writes into an error. A job that is retired drops out with the next scrape.

mod histogram;
mod text;

pub use text::{ChoreStanding, JobStanding, Standing};

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::duration::Duration;
use crate::model::outcome::{Outcome, Reason};
use crate::model::timestamp::Timestamp;
use histogram::{DELAYS, Histogram, LENGTHS, STEPS};

/// More hooks than this share one name.
const MAX_HOOKS: usize = 200;

/// How a delivery went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DeliveryEnd {
    /// The receiver has it.
    Delivered,
    /// It is tried again.
    Failed,
    /// It was given up.
    Dead,
}

impl DeliveryEnd {
    fn as_str(self) -> &'static str {
        match self {
            DeliveryEnd::Delivered => "delivered",
            DeliveryEnd::Failed => "failed",
            DeliveryEnd::Dead => "dead",
        }
    }
}

/// The last turn of the engine's loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    /// On the wall clock.
    pub at: Timestamp,
    /// On the boot clock, in microseconds.
    pub boot_us: i64,
}

/// What is counted.
#[derive(Debug)]
pub struct Metrics {
    counts: Mutex<Counts>,
    beat: watch::Sender<Beat>,
}

#[derive(Clone, Debug)]
struct Counts {
    /// What belongs to no job is under the empty name.
    jobs: BTreeMap<String, OfJob>,
    deliveries: BTreeMap<(String, DeliveryEnd), u64>,
    steps: Histogram,
    /// Whether the last load found every file right; nothing before the first.
    last_load: Option<bool>,
}

#[derive(Clone, Debug)]
struct OfJob {
    runs: BTreeMap<Outcome, u64>,
    tasks: BTreeMap<Outcome, u64>,
    skips: BTreeMap<Reason, u64>,
    late: Histogram,
    run_took: Histogram,
    task_took: Histogram,
}

impl Default for OfJob {
    fn default() -> Self {
        OfJob {
            runs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            skips: BTreeMap::new(),
            late: Histogram::new(DELAYS),
            run_took: Histogram::new(LENGTHS),
            task_took: Histogram::new(LENGTHS),
        }
    }
}

impl Metrics {
    /// Nothing yet; the engine's loop begins now.
    pub fn new(now: Beat) -> Self {
        let counts = Counts {
            jobs: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            steps: Histogram::new(STEPS),
            last_load: None,
        };
        Metrics { counts: Mutex::new(counts), beat: watch::Sender::new(now) }
    }

    /// A run has started, so long after its due time if it has one.
    pub fn run_started(&self, job: Option<&str>, late: Option<Duration>) {
        if let Some(late) = late {
            self.of_job(job, |of_job| of_job.late.observe(late));
        }
    }

    /// A run has ended, so long after it started if it did.
    pub fn run_ended(&self, job: Option<&str>, outcome: Outcome, took: Option<Duration>) {
        self.of_job(job, |of_job| {
            *of_job.runs.entry(outcome).or_default() += 1;
            took.into_iter().for_each(|took| of_job.run_took.observe(took));
        });
    }

    /// A task has ended, so long after it started if it did.
    pub fn task_ended(&self, job: Option<&str>, outcome: Outcome, took: Option<Duration>) {
        self.of_job(job, |of_job| {
            *of_job.tasks.entry(outcome).or_default() += 1;
            took.into_iter().for_each(|took| of_job.task_took.observe(took));
        });
    }

    /// So many due times did not start.
    pub fn skipped(&self, job: &str, reason: Reason, n: u64) {
        self.of_job(Some(job), |of_job| *of_job.skips.entry(reason).or_default() += n);
    }

    /// One try at a delivery has ended.
    pub fn delivered(&self, hook: &str, end: DeliveryEnd) {
        let mut counts = self.lock();
        let is_known = counts.deliveries.keys().any(|(name, _)| name == hook);
        let name = if is_known || counts.deliveries.len() < MAX_HOOKS { hook } else { "other" };
        *counts.deliveries.entry((name.to_owned(), end)).or_default() += 1;
    }

    /// The definitions were loaded; whether every file was right.
    pub fn loaded(&self, is_whole: bool) {
        self.lock().last_load = Some(is_whole);
    }

    /// The engine has made a step, which took so long.
    pub fn stepped(&self, took: Duration) {
        self.lock().steps.observe(took);
    }

    /// The engine's loop turns.
    pub fn beat(&self, now: Beat) {
        self.beat.send_replace(now);
    }

    /// The last turn of the engine's loop, and a way to wait for the next.
    pub fn beats(&self) -> watch::Receiver<Beat> {
        self.beat.subscribe()
    }

    fn of_job(&self, job: Option<&str>, change: impl FnOnce(&mut OfJob)) {
        let mut counts = self.lock();
        let name = job.unwrap_or_default();
        match counts.jobs.get_mut(name) {
            Some(of_job) => change(of_job),
            None => change(counts.jobs.entry(name.to_owned()).or_default()),
        }
    }

    // Nothing that panics is done under the lock.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
