//! What a step saw that is worth counting. It is handed over with the step, after the commit; nobody has to look for it.

use std::sync::Arc;

use super::work::{Run, Work};
use crate::model::definition::{Hook, Target};
use crate::model::duration::Duration;
use crate::model::outcome::{Outcome, Reason};
use crate::model::state::{DeliveryState, RunState};
use crate::model::timestamp::Timestamp;
use crate::store::task::TaskRow;

/// One thing that happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Observed {
    /// A run has started.
    RunStarted {
        /// Its job.
        job: Option<Arc<str>>,
        /// How long after its due time, if it has one.
        late: Option<Duration>,
    },
    /// A run has ended.
    RunEnded {
        /// Its job.
        job: Option<Arc<str>>,
        /// How.
        outcome: Outcome,
        /// How long after its start, if it had started.
        took: Option<Duration>,
    },
    /// A task has ended.
    TaskEnded {
        /// Its job.
        job: Option<Arc<str>>,
        /// How.
        outcome: Outcome,
        /// How long after its start, if it had started.
        took: Option<Duration>,
    },
    /// Due times did not start.
    Skipped {
        /// Of this job.
        job: String,
        /// Why.
        reason: Reason,
        /// How many.
        n: u64,
    },
    /// A try at a delivery has ended.
    Tried {
        /// The hook's name, or what it is.
        hook: String,
        /// Where the delivery is now.
        state: DeliveryState,
    },
    /// Definitions were loaded.
    Loaded {
        /// Every file was right.
        is_whole: bool,
    },
}

impl Work<'_> {
    pub(crate) fn observe(&mut self, what: Observed) {
        self.observed.push(what);
    }

    /// A run has come to this state.
    pub(crate) fn observe_run(&mut self, run: &Run, from: RunState) {
        let (to, job) = (run.row.state, run.job.clone());
        let now = self.now.wall;
        if from == RunState::Queued && to == RunState::Running {
            // A start by hand may believe in any time; how late that is says nothing.
            let due = run.row.scheduled_at.filter(|_| run.row.cause == crate::model::outcome::Cause::Occurrence);
            self.observe(Observed::RunStarted { job: job.clone(), late: due.map(|due| now.since(due)) });
        }
        if let Some(outcome) = to.outcome() {
            self.observe(Observed::RunEnded { job, outcome, took: since(run.row.started_at, now) });
        }
    }

    /// A task has ended.
    pub(crate) fn observe_task(&mut self, row: &TaskRow, job: Option<Arc<str>>) {
        if let Some(outcome) = row.state.outcome() {
            let took = since(row.started_at, self.now.wall);
            self.observe(Observed::TaskEnded { job, outcome, took });
        }
    }

    /// A try at a delivery has ended.
    pub(crate) fn observe_try(&mut self, hook: &Hook, state: DeliveryState) {
        let kind = match hook.target {
            Target::Webhook(_) => "webhook",
            Target::Shell(_) | Target::Command(_) => "command",
        };
        let hook = hook.name.clone().unwrap_or_else(|| kind.to_owned());
        self.observe(Observed::Tried { hook, state });
    }
}

fn since(began: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    began.map(|began| now.since(began))
}
