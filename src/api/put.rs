//! Jobs by API: a file is put below the state folder, or taken away. What is wrong with it comes back place by place.

use axum::Json;
use axum::RequestExt;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::body;
use super::context::{PutJob, Shared};
use super::parameters::{Name, bad};
use super::problem::Refusal;
use crate::wire::request;

/// One byte more than a file may have, so that the reader of files says so in its words.
const LIMIT: usize = body::LIMIT + 1;

pub(super) async fn put(State(shared): State<Shared>, mut request: Request) -> Result<Response, Refusal> {
    let Name(name) = request.extract_parts().await?;
    let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default().to_owned());
    let extension = extension(kind.as_deref())?;
    let text = body::bytes(request.into_body(), LIMIT).await?;
    let put = (shared.context.put)(PutJob { name, file: Some((extension, text)) }).await?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(put)).into_response())
}

pub(super) async fn delete(State(shared): State<Shared>, Name(name): Name) -> Result<Json<request::Put>, Refusal> {
    Ok(Json((shared.context.put)(PutJob { name, file: None }).await?))
}

/// How the file's name ends, by the type of the body.
fn extension(kind: Option<&str>) -> Result<&'static str, Refusal> {
    let kind = kind.unwrap_or("application/toml").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "" | "application/toml" | "text/x-toml" | "text/plain" | "application/octet-stream" => Ok("toml"),
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Ok("yaml"),
        "application/json" => Ok("json"),
        other => Err(bad(format!(
            "a job file is `application/toml`, `application/yaml` or `application/json`, not `{other}`"
        ))),
    }
}
