//! Questions about runs.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Name, Parameters, limit, paged};
use super::problem::Refusal;
use crate::model::timestamp::Timestamp;
use crate::query;
use crate::wire::{Run, shape};

pub(super) async fn one(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Run>, Refusal> {
    let here = shared.here();
    Ok(Json(shared.read(move |reader| query::run::one(reader, &name, Some(&here))).await?))
}

/// Which runs.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Those of this job.
    job: Option<String>,
    /// Those in this state; `pending` is `queued`.
    #[schemars(extend("enum" = query::run::STATES))]
    state: Option<String>,
    /// Those queued at or after this moment.
    #[schemars(with = "Option<shape::Instant>")]
    since: Option<Timestamp>,
    /// Those queued before this moment.
    #[schemars(with = "Option<shape::Instant>")]
    until: Option<Timestamp>,
    /// Those of jobs that have this tag.
    tag: Option<String>,
    /// Those of this backfill.
    backfill: Option<String>,
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
    let Asked { job, state, since, until, tag, backfill, cursor, limit: wanted } = asked;
    let filter = query::run::Filter { job, state, since, until, tag, backfill, cursor, limit: limit(wanted)? };
    let here = shared.here();
    let page = shared.read(move |reader| query::run::page(reader, &filter, Some(&here))).await?;
    Ok(paged(&uri, "cursor", page))
}
