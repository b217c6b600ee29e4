//! What is true of the daemon now, what is due, and what became of what.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Paging, Parameters, bad, limit};
use super::problem::Refusal;
use crate::model::timestamp::Timestamp;
use crate::query;
use crate::wire::list::MAX_LIMIT;
use crate::wire::{Delivery, Next, Page, Status, Why};

pub(super) async fn status(State(shared): State<Shared>) -> Result<Json<Status>, Refusal> {
    let standing = shared.read(query::status::standing).await?;
    Ok(Json(Status {
        version: shared.context.version.to_owned(),
        started_at: shared.context.started_at,
        paused: standing.paused,
        jobs: standing.n_jobs,
        invalid: standing.invalid,
        tasks: standing.tasks,
        next: standing.next,
        agents: Vec::new(),
        housekeeping: shared.context.housekeeping.borrow().clone(),
    }))
}

pub(super) async fn deliveries(
    State(shared): State<Shared>,
    Parameters(asked): Parameters<Paging>,
) -> Result<Json<Page<Delivery>>, Refusal> {
    let limit = limit(asked.limit)?;
    Ok(Json(shared.read(move |reader| query::delivery::page(reader, asked.cursor.as_deref(), limit)).await?))
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedWhy {
    job: String,
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

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedNext {
    job: Option<String>,
    n: Option<usize>,
    until: Option<Timestamp>,
}

pub(super) async fn next(
    State(shared): State<Shared>,
    Parameters(AskedNext { job, n, until }): Parameters<AskedNext>,
) -> Result<Json<Page<Next>>, Refusal> {
    let n = match (n, until) {
        (Some(n), _) if n > MAX_LIMIT => return Err(bad(format!("`n` is at most {MAX_LIMIT}, not {n}"))),
        (Some(n), _) => n,
        (None, Some(_)) => MAX_LIMIT,
        (None, None) => N_NEXT,
    };
    let zones = shared.context.zones.clone();
    let asked = query::next::Asked { job, n, until };
    Ok(Json(Page::whole(shared.read(move |reader| query::next::next(reader, &zones, &asked)).await?)))
}
