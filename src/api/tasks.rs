//! Questions about tasks.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Name, Parameters, limit, paged};
use super::problem::Refusal;
use crate::query;
use crate::wire::{Task, shape};

pub(super) async fn one(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Task>, Refusal> {
    let here = shared.here();
    Ok(Json(shared.read(move |reader| query::task::one(reader, &name, Some(&here))).await?))
}

/// Which tasks.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Those of this run; all of them, in the order of the file.
    run: Option<String>,
    /// Those in this state; `pending` is `blocked` or `queued`.
    #[schemars(extend("enum" = query::task::STATES))]
    state: Option<String>,
    /// Where the list goes on.
    #[schemars(with = "Option<shape::Cursor>")]
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200), extend("default" = 50))]
    limit: Option<usize>,
}

pub(super) async fn page(
    State(shared): State<Shared>,
    uri: Uri,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Refusal> {
    let Asked { run, state, cursor, limit: wanted } = asked;
    let filter = query::task::Filter { run, state, cursor, limit: limit(wanted)? };
    let here = shared.here();
    let page = shared.read(move |reader| query::task::page(reader, &filter, Some(&here))).await?;
    Ok(paged(&uri, "cursor", page))
}
