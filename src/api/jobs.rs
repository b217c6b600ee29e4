//! Questions about jobs.

use axum::Json;
use axum::extract::State;

use super::context::Shared;
use super::parameters::{Name, Paging, Parameters, limit};
use super::problem::Refusal;
use crate::query;
use crate::wire::{Effective, Job, Page};

pub(super) async fn one(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Job>, Refusal> {
    Ok(Json(shared.read(move |reader| query::job::one(reader, &name)).await?))
}

pub(super) async fn effective(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Effective>, Refusal> {
    Ok(Json(shared.read(move |reader| query::job::effective(reader, &name)).await?))
}

pub(super) async fn page(
    State(shared): State<Shared>,
    Parameters(asked): Parameters<Paging>,
) -> Result<Json<Page<Job>>, Refusal> {
    let limit = limit(asked.limit)?;
    Ok(Json(shared.read(move |reader| query::job::page(reader, asked.cursor.as_deref(), limit)).await?))
}
