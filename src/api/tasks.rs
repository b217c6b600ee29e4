//! Questions about tasks.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Name, Parameters, limit};
use super::problem::Refusal;
use crate::query;
use crate::wire::{Page, Task};

pub(super) async fn one(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Task>, Refusal> {
    Ok(Json(shared.read(move |reader| query::task::one(reader, &name)).await?))
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    run: Option<String>,
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn page(
    State(shared): State<Shared>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<Page<Task>>, Refusal> {
    let Asked { run, state, cursor, limit: wanted } = asked;
    let filter = query::task::Filter { run, state, cursor, limit: limit(wanted)? };
    Ok(Json(shared.read(move |reader| query::task::page(reader, &filter)).await?))
}
