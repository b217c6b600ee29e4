//! What may be asked for: each becomes one command to the engine, and is answered after it is committed. Asked again
//! under the same `Idempotency-Key`, it is answered as before.

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt};

use super::body::{self, Key};
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
    let sent = body::read(request, body::LIMIT).await?;
    let request::Start { at, force, params } = sent.said()?;
    let command = Command::Start(Start { job: job.clone(), at, force, params, timezone: None });
    let (answer, is_again) = shared.command(command, sent.key).await?;
    let Answer::Started { run, number } = answer else { return Err(unexpected(&answer)) };
    let place = [(header::LOCATION, format!("/api/v1/runs/{run}"))];
    let started = Json(request::Started { id: run, job, number });
    Ok(replayed(is_again, (StatusCode::CREATED, place, started)))
}

pub(super) async fn pause_job(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(job): Name,
    request: Request,
) -> Result<Response, Refusal> {
    stop_starting(&shared, Some(job), by, request).await
}

pub(super) async fn pause(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    request: Request,
) -> Result<Response, Refusal> {
    stop_starting(&shared, None, by, request).await
}

async fn stop_starting(
    shared: &Shared,
    job: Option<String>,
    by: String,
    request: Request,
) -> Result<Response, Refusal> {
    let sent = body::read(request, body::LIMIT).await?;
    let request::Pause { note, until } = sent.said()?;
    done(shared, Command::Pause { job, by, note, until }, sent.key).await
}

pub(super) async fn resume_job(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(job): Name,
    request: Request,
) -> Result<Response, Refusal> {
    start_again(&shared, Some(job), by, request).await
}

pub(super) async fn resume(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    request: Request,
) -> Result<Response, Refusal> {
    start_again(&shared, None, by, request).await
}

async fn start_again(shared: &Shared, job: Option<String>, by: String, request: Request) -> Result<Response, Refusal> {
    let sent = body::read(request, body::LIMIT).await?;
    let request::Resume { catch_up } = sent.said()?;
    done(shared, Command::Resume { job, by, catch_up: catch_up.into() }, sent.key).await
}

pub(super) async fn skip(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(job): Name,
    request: Request,
) -> Result<Response, Refusal> {
    let sent = body::read(request, body::LIMIT).await?;
    let request::Skip { at } = sent.said()?;
    done(&shared, Command::SkipDue { job, at, by }, sent.key).await
}

pub(super) async fn cancel_run(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(name): Name,
    request: Request,
) -> Result<Response, Refusal> {
    let key = body::nothing(request).await?;
    let run = shared.read(move |reader| query::run::id(reader, &name)).await?;
    done(&shared, Command::CancelRun { run, by }, key).await
}

pub(super) async fn cancel_task(
    State(shared): State<Shared>,
    Extension(By(by)): Extension<By>,
    Name(name): Name,
    request: Request,
) -> Result<Response, Refusal> {
    let key = body::nothing(request).await?;
    let task = shared.read(move |reader| query::task::id(reader, &name)).await?;
    done(&shared, Command::CancelTask { task, by }, key).await
}

pub(super) async fn retry_delivery(
    State(shared): State<Shared>,
    Name(name): Name,
    request: Request,
) -> Result<Response, Refusal> {
    let key = body::nothing(request).await?;
    let delivery = shared.read(move |reader| query::delivery::id(reader, &name)).await?;
    done(&shared, Command::RetryDelivery { delivery }, key).await
}

/// Harmless to repeat, so a key changes nothing.
pub(super) async fn reload(State(shared): State<Shared>, request: Request) -> Result<Json<request::Reloaded>, Refusal> {
    body::nothing(request).await?;
    Ok(Json((shared.context.reload)().await?))
}

pub(super) async fn done(shared: &Shared, command: Command, key: Option<Key>) -> Result<Response, Refusal> {
    let (answer, is_again) = shared.command(command, key).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    Ok(replayed(is_again, StatusCode::NO_CONTENT))
}

/// The answer, marked if nothing was done now.
pub(super) fn replayed(is_again: bool, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if is_again {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// The engine answered another question than was asked.
pub(super) fn unexpected(answer: &Answer) -> Refusal {
    Refused::Internal { what: format!("the engine answered {answer:?}") }.into()
}
