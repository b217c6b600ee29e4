//! Backfills: asked for, looked at before they are, listed, shown, cancelled.

use axum::extract::{Extension, Request, State};
use axum::http::Uri;
use axum::response::Response;
use axum::{Json, RequestExt};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body;
use super::commands::{done, replayed, unexpected};
use super::context::Shared;
use super::parameters::{Name, Parameters, limit, paged};
use super::peer::By;
use super::problem::Refusal;
use crate::clock;
use crate::engine::{self, Answer, Command};
use crate::query;
use crate::wire::backfill::{Backfill, Backfilled};
use crate::wire::request::StartBackfill;
use crate::wire::shape;

pub(super) async fn start(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let Name(job) = request.extract_parts().await?;
    let sent = body::read(request, body::LIMIT).await?;
    let StartBackfill { from, to, schedule, max_runs, dry_run } = sent.said()?;
    if dry_run {
        let (zones, now) = (shared.context.zones.clone(), clock::wall());
        let asked = query::backfill::Asked { job, schedule, from, to, max_runs };
        let plan = shared.read(move |reader| query::backfill::plan(reader, &zones, &asked, now)).await?;
        return Ok(replayed(false, Json(plan)));
    }
    let command = Command::Backfill(engine::Backfill { job, schedule, from, to, max_runs, by });
    let (answer, is_again) = shared.command(command, sent.key).await?;
    let Answer::Backfilled(id) = answer else { return Err(unexpected(&answer)) };
    let made = shared.read(move |reader| query::backfill::one(reader, &id.to_string())).await?;
    let Backfill { job, schedules, from, to, max_runs, n_due, n_excluded, .. } = made;
    let due = Vec::new();
    let begun = Backfilled { id: Some(id), job, schedules, from, to, max_runs, n_due, n_excluded, due };
    Ok(replayed(is_again, Json(begun)))
}

pub(super) async fn cancel(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(name): Name,
    request: Request,
) -> Result<Response, Refusal> {
    let key = body::nothing(request).await?;
    let backfill = shared.read(move |reader| query::backfill::id(reader, &name)).await?;
    done(&shared, Command::CancelBackfill { backfill, by }, key).await
}

pub(super) async fn one(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Backfill>, Refusal> {
    Ok(Json(shared.read(move |reader| query::backfill::one(reader, &name)).await?))
}

/// Which backfills.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Those of this job.
    job: Option<String>,
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
    Parameters(Asked { job, cursor, limit: wanted }): Parameters<Asked>,
) -> Result<Response, Refusal> {
    let limit = limit(wanted)?;
    let asked = move |reader: &query::Reader| query::backfill::page(reader, job.as_deref(), cursor.as_deref(), limit);
    Ok(paged(&uri, "cursor", shared.read(asked).await?))
}
