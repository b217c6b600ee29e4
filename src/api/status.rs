//! What is true of the daemon now, what is due, and what became of what.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Parameters, bad, limit, paged};
use super::problem::Refusal;
use crate::model::timestamp::Timestamp;
use crate::query;
use crate::wire::status::RunnerStatus;
use crate::wire::{Next, Page, Status, Why, shape};

pub(super) async fn status(State(shared): State<Shared>) -> Result<Json<Status>, Refusal> {
    let standing = shared.read(query::status::standing).await?;
    Ok(Json(Status {
        version: shared.context.version.to_owned(),
        started_at: shared.context.started_at,
        paused: standing.paused.is_some(),
        paused_by: standing.paused.as_ref().and_then(|paused| paused.by.clone()),
        paused_at: standing.paused.as_ref().map(|paused| paused.at),
        paused_note: standing.paused.as_ref().and_then(|paused| paused.note.clone()),
        paused_until: standing.paused.as_ref().and_then(|paused| paused.until),
        runner: RunnerStatus::new((shared.context.why_no_runner)()),
        jobs: standing.n_jobs,
        invalid: standing.invalid,
        tasks: standing.tasks,
        next: standing.next,
        agents: Vec::new(),
        housekeeping: shared.context.housekeeping.borrow().clone(),
    }))
}

/// Which deliveries.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedDeliveries {
    /// Where the list goes on.
    #[schemars(with = "Option<shape::Cursor>")]
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200), extend("default" = 50))]
    limit: Option<usize>,
}

pub(super) async fn deliveries(
    State(shared): State<Shared>,
    uri: Uri,
    Parameters(asked): Parameters<AskedDeliveries>,
) -> Result<Response, Refusal> {
    let limit = limit(asked.limit)?;
    let page = shared.read(move |reader| query::delivery::page(reader, asked.cursor.as_deref(), limit)).await?;
    Ok(paged(&uri, "cursor", page))
}

/// Which due time.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedWhy {
    /// Of this job.
    job: String,
    /// At this moment.
    #[schemars(with = "shape::Instant")]
    at: Timestamp,
}

pub(super) async fn why(
    State(shared): State<Shared>,
    Parameters(AskedWhy { job, at }): Parameters<AskedWhy>,
) -> Result<Json<Why>, Refusal> {
    let zones = shared.context.zones.clone();
    Ok(Json(shared.read(move |reader| query::why::why(reader, &zones, &job, at)).await?))
}

/// How many due times are shown to who asks for no number and no end.
const N_NEXT: usize = 10;

/// The most due times that are looked ahead.
const MAX_NEXT: usize = 1_000;

/// Which due times.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedNext {
    /// Those of this job.
    job: Option<String>,
    /// How many at most; 10 without an end.
    #[schemars(range(min = 0, max = 1_000))]
    n: Option<usize>,
    /// None after this moment.
    #[schemars(with = "Option<shape::Instant>")]
    until: Option<Timestamp>,
}

pub(super) async fn next(
    State(shared): State<Shared>,
    Parameters(AskedNext { job, n, until }): Parameters<AskedNext>,
) -> Result<Json<Page<Next>>, Refusal> {
    let n = match (n, until) {
        (Some(n), _) if n > MAX_NEXT => return Err(bad(format!("`n` is at most {MAX_NEXT}, not {n}"))),
        (Some(n), _) => n,
        (None, Some(_)) => MAX_NEXT,
        (None, None) => N_NEXT,
    };
    let zones = shared.context.zones.clone();
    let asked = query::next::Asked { job, n, until };
    Ok(Json(Page::whole(shared.read(move |reader| query::next::next(reader, &zones, &asked)).await?)))
}
