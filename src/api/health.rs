//! Whether the daemon lives, whether it is ready, and what it has counted.
//!
//! An idle engine makes no step for hours, so its last step says nothing by itself: who asks whether it lives makes it
//! turn once, and is told how old its last turn is when that does not come.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::Parameters;
use super::problem::Refusal;
use crate::clock;
use crate::metrics::{ChoreStanding, JobStanding, Standing};
use crate::query;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;

/// What Prometheus is told that it reads.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long the engine may take to turn once.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far the daemon has come.
#[derive(Debug, Default)]
pub struct Readiness {
    is_loaded: AtomicBool,
    is_draining: AtomicBool,
}

impl Readiness {
    /// The files were read for the first time.
    pub fn loaded(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// The daemon begins to stop.
    pub fn draining(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Whether it stops.
    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }
}

/// How much is to be said.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Name every check; `verbose` alone is enough.
    verbose: Option<String>,
}

/// The age of the engine's last turn, in seconds; an error if it does not turn.
async fn age(shared: &Shared) -> Result<f64, f64> {
    let mut beats = shared.context.metrics.beats();
    let before = beats.borrow_and_update().boot_us;
    shared.context.handle.poke();
    let turned = tokio::time::timeout(PATIENCE, beats.changed()).await;
    let seconds = |us: i64| us.max(0) as f64 / 1e6;
    match turned {
        Ok(Ok(())) => Ok(seconds(clock::boot_us() - beats.borrow().boot_us)),
        Ok(Err(_)) | Err(_) => Err(seconds(clock::boot_us() - before)),
    }
}

pub(super) async fn livez(State(shared): State<Shared>) -> Result<String, Refusal> {
    match age(&shared).await {
        Ok(age) => Ok(format!("ok\nthe engine's last step was {age:.3} s ago\n")),
        Err(age) => {
            Err(ProblemDetails::new(Code::NotReady, format!("the engine's last step was {age:.0} s ago")).into())
        }
    }
}

pub(super) async fn readyz(
    State(shared): State<Shared>,
    Parameters(asked): Parameters<Asked>,
) -> Result<String, Refusal> {
    let readiness = &shared.context.readiness;
    let is_stopping = readiness.is_draining() || *shared.stopping.borrow();
    let checks = [
        ("definitions are loaded", readiness.is_loaded.load(Ordering::Acquire)),
        ("it is not stopping", !is_stopping),
        ("the store can be read", shared.read(query::scrape::is_readable).await.is_ok()),
        ("the engine steps", age(&shared).await.is_ok()),
    ];
    let is_ready = checks.iter().all(|(_, holds)| *holds);
    let lines: String =
        checks.iter().map(|(what, holds)| format!("[{}] {what}\n", if *holds { '+' } else { '-' })).collect();
    match (is_ready, asked.verbose.is_some_and(|word| word != "false")) {
        (true, true) => Ok(format!("ok\n{lines}")),
        (true, false) => Ok("ok\n".to_owned()),
        (false, _) => {
            let missing: Vec<&str> = checks.iter().filter(|(_, holds)| !holds).map(|(what, _)| *what).collect();
            Err(ProblemDetails::new(Code::NotReady, format!("not so: {}", missing.join(", "))).into())
        }
    }
}

pub(super) async fn metrics(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let context = shared.context.clone();
    let text = shared
        .read(move |reader| {
            let found = query::scrape::now(reader)?;
            let jobs = found.jobs.into_iter().map(|job| JobStanding {
                name: job.name,
                last_success_at: job.last_success_at,
                next_at: job.next_at,
                is_valid: job.is_valid,
            });
            let chores = context.housekeeping.borrow().clone().into_iter().map(|chore| ChoreStanding {
                name: chore.name,
                succeeded_at: chore.succeeded_at,
                failed_at: chore.failed_at,
                is_failing: chore.error.is_some(),
            });
            Ok(context.metrics.text(Standing {
                version: context.version,
                started_at: context.started_at,
                jobs: jobs.collect(),
                tasks: found.tasks,
                n_owed: found.n_owed,
                n_invalid: found.n_invalid,
                chores: chores.collect(),
            }))
        })
        .await?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
