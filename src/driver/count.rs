//! Counts what a step came to, once it has committed, and shows that the loop turns.

use crate::clock;
use crate::engine::{Observed, Step};
use crate::metrics::{Beat, DeliveryEnd, Metrics};
use crate::model::duration::Duration;
use crate::model::state::DeliveryState;

/// The loop turns, at this moment.
pub(crate) fn now() -> Beat {
    Beat { at: clock::wall(), boot_us: clock::boot_us() }
}

/// The loop turns.
pub(super) fn beat(metrics: &Metrics) {
    metrics.beat(now());
}

/// A step has ended, well or not.
pub(super) fn step(metrics: &Metrics, began_us: i64, step: Option<&Step>) {
    let now = now();
    metrics.beat(now);
    let Some(step) = step else { return };
    metrics.stepped(Duration::from_micros(now.boot_us - began_us));
    for observed in &step.observed {
        match observed {
            Observed::RunStarted { job, late } => metrics.run_started(job.as_deref(), *late),
            Observed::RunEnded { job, outcome, took } => metrics.run_ended(job.as_deref(), *outcome, *took),
            Observed::TaskEnded { job, outcome, took } => metrics.task_ended(job.as_deref(), *outcome, *took),
            Observed::Skipped { job, reason, n } => metrics.skipped(job, *reason, *n),
            Observed::Tried { hook, state } => metrics.delivered(hook, end(*state)),
            Observed::Loaded { is_whole } => metrics.loaded(*is_whole),
        }
    }
}

fn end(state: DeliveryState) -> DeliveryEnd {
    match state {
        DeliveryState::Delivered => DeliveryEnd::Delivered,
        DeliveryState::Dead => DeliveryEnd::Dead,
        DeliveryState::Pending { .. } | DeliveryState::Sending { .. } => DeliveryEnd::Failed,
    }
}
