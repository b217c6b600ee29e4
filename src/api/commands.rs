//! What may be asked for: each becomes one command to the engine, and is answered after it is committed.

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt};

use super::body;
use super::context::Shared;
use super::parameters::Name;
use super::peer::By;
use super::problem::Refusal;
use crate::engine::{Answer, Command, Start};
use crate::model::refused::Refused;
use crate::query;
use crate::wire::request;

pub(super) async fn start(State(shared): State<Shared>, mut request: Request) -> Result<Response, Refusal> {
    let Name(job) = request.extract_parts().await?;
    let request::Start { at, force, params } = body::read(request.into_body(), body::LIMIT).await?;
    let answer = shared.command(Command::Start(Start { job: job.clone(), at, force, params, timezone: None })).await?;
    let Answer::Started { run, number } = answer else { return Err(unexpected(&answer)) };
    let place = [(header::LOCATION, format!("/api/v1/runs/{run}"))];
    Ok((StatusCode::CREATED, place, Json(request::Started { id: run, job, number })).into_response())
}

pub(super) async fn pause_job(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(job): Name,
) -> Result<StatusCode, Refusal> {
    done(&shared, Command::Pause { job: Some(job), by }).await
}

pub(super) async fn resume_job(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(job): Name,
) -> Result<StatusCode, Refusal> {
    done(&shared, Command::Resume { job: Some(job), by }).await
}

pub(super) async fn pause(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
) -> Result<StatusCode, Refusal> {
    done(&shared, Command::Pause { job: None, by }).await
}

pub(super) async fn resume(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
) -> Result<StatusCode, Refusal> {
    done(&shared, Command::Resume { job: None, by }).await
}

pub(super) async fn cancel_run(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(name): Name,
) -> Result<StatusCode, Refusal> {
    let run = shared.read(move |reader| query::run::id(reader, &name)).await?;
    done(&shared, Command::CancelRun { run, by }).await
}

pub(super) async fn cancel_task(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(name): Name,
) -> Result<StatusCode, Refusal> {
    let task = shared.read(move |reader| query::task::id(reader, &name)).await?;
    done(&shared, Command::CancelTask { task, by }).await
}

pub(super) async fn retry_delivery(State(shared): State<Shared>, Name(name): Name) -> Result<StatusCode, Refusal> {
    let delivery = shared.read(move |reader| query::delivery::id(reader, &name)).await?;
    done(&shared, Command::RetryDelivery { delivery }).await
}

pub(super) async fn reload(State(shared): State<Shared>, _body: Body) -> Result<Json<request::Reloaded>, Refusal> {
    Ok(Json((shared.context.reload)().await?))
}

async fn done(shared: &Shared, command: Command) -> Result<StatusCode, Refusal> {
    let answer = shared.command(command).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    Ok(StatusCode::NO_CONTENT)
}

/// The engine answered another question than was asked.
pub(super) fn unexpected(answer: &Answer) -> Refusal {
    Refused::Internal { what: format!("the engine answered {answer:?}") }.into()
}
