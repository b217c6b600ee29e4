//! Questions about runs.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Name, Parameters, limit};
use super::problem::Refusal;
use crate::model::timestamp::Timestamp;
use crate::query;
use crate::wire::{Page, Run};

pub(super) async fn one(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Run>, Refusal> {
    Ok(Json(shared.read(move |reader| query::run::one(reader, &name)).await?))
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    job: Option<String>,
    state: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    tag: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn page(
    State(shared): State<Shared>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<Page<Run>>, Refusal> {
    let Asked { job, state, since, until, tag, cursor, limit: wanted } = asked;
    let filter = query::run::Filter { job, state, tag, since, until, cursor, limit: limit(wanted)? };
    Ok(Json(shared.read(move |reader| query::run::page(reader, &filter)).await?))
}
