//! The body of a request: JSON, bounded in size and in time. No body is an empty object.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::parameters::bad;
use super::problem::Refusal;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;

/// What any route takes.
pub(super) const LIMIT: usize = 1 << 20;
/// What a submission takes.
pub(super) const SUBMIT_LIMIT: usize = 16 << 20;
/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(30);

/// What is read and thrown away of a body that is too large, so that the refusal is not lost in a broken pipe.
const DISCARDED: usize = 64 << 20;

/// Reads the body as `T`.
pub(super) async fn read<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, Refusal> {
    let bytes = bytes(body, limit).await?;
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text).map_err(|error| bad(format!("the body cannot be read: {error}")))
}

/// Reads the body as it is.
pub(super) async fn bytes(body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    tokio::time::timeout(TIME, collect(body, limit))
        .await
        .map_err(|_| ProblemDetails::new(Code::TooSlow, format!("the body did not arrive within {TIME:?}")))?
}

async fn collect(body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut n_read) = (Vec::new(), 0);
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| bad(format!("the body broke off: {error}")))?;
        n_read += part.len();
        if n_read <= limit {
            bytes.extend_from_slice(&part);
        } else if n_read > DISCARDED {
            break;
        }
    }
    if n_read > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

fn too_large(limit: usize) -> Refusal {
    ProblemDetails::new(Code::TooLarge, format!("the body is larger than {limit} bytes")).into()
}
