//! What is sent: a body of JSON, bounded in size and in time, and perhaps the key under which it is asked. No body is an
//! empty object. What cannot be read is refused with the line and column where that shows.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::parameters::bad;
use super::problem::Refusal;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;
use crate::wire::problem::Place;

/// What any route takes.
pub(super) const LIMIT: usize = 1 << 20;
/// What a submission takes.
pub(super) const SUBMIT_LIMIT: usize = 16 << 20;
/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(30);

/// What is read and thrown away of a body that is too large, so that the refusal is not lost in a broken pipe.
const DISCARDED: usize = 64 << 20;

/// What a key looks like: visible ASCII, bare or as a quoted string.
pub(super) const KEY_PATTERN: &str = r#"^([!#-~]{1,255}|"[!#-~]{1,255}")$"#;
const MAX_KEY: usize = 255;

/// The key of a request, and what identifies the request under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) fingerprint: [u8; 32],
}

/// A request that was read whole.
pub(super) struct Sent {
    pub(super) text: Vec<u8>,
    pub(super) key: Option<Key>,
}

/// The body of an address that takes none.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Reads the request.
pub(super) async fn read(request: Request, limit: usize) -> Result<Sent, Refusal> {
    let (parts, body) = request.into_parts();
    let key = key(&parts.headers)?;
    let bytes = bytes(body, limit).await?;
    if !bytes.is_empty() {
        is_json(&parts.headers)?;
    }
    let fingerprint = || {
        let mut hash = Sha256::new();
        for part in [parts.method.as_str().as_bytes(), b" ", parts.uri.path().as_bytes(), b" ", &bytes] {
            hash.update(part);
        }
        hash.finalize().into()
    };
    let key = key.map(|key| Key { key, fingerprint: fingerprint() });
    Ok(Sent { text: if bytes.is_empty() { b"{}".to_vec() } else { bytes }, key })
}

impl Sent {
    /// What is said in it.
    pub(super) fn said<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.text).map_err(|error| unreadable(&self.text, &error))
    }
}

/// Reads a request whose body says nothing, and returns its key.
pub(super) async fn nothing(request: Request) -> Result<Option<Key>, Refusal> {
    let sent = read(request, LIMIT).await?;
    let Nothing {} = sent.said()?;
    Ok(sent.key)
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let bare = match text.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"').unwrap_or_default(),
        None => text,
    };
    let fits = (1..=MAX_KEY).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    match fits {
        true => Ok(Some(bare.to_owned())),
        false => Err(bad(format!("`Idempotency-Key` is 1 to {MAX_KEY} visible ASCII characters, quoted or bare"))),
    }
}

/// A body that says nothing of its kind is taken for JSON.
fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    let problem = ProblemDetails::new(Code::UnsupportedMediaType, format!("the body is `{kind}`, not JSON"));
    Err(problem.hint("send it with `Content-Type: application/json`").into())
}

/// What is wrong with the text, and where.
pub(super) fn unreadable(text: &[u8], error: &serde_json::Error) -> Refusal {
    let place = place(text, error);
    let detail = format!("the body cannot be read: {}, at line {} column {}", place.detail, place.line, place.column);
    ProblemDetails::new(Code::BadRequest, detail).at([place]).into()
}

/// Where in the text the error is: serde counts bytes, and people count characters.
pub(super) fn place(text: &[u8], error: &serde_json::Error) -> Place {
    let (line, column) = (error.line().max(1), error.column().max(1));
    let words = error.to_string();
    let detail = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words).to_owned();
    let of_line = text.split(|byte| *byte == b'\n').nth(line - 1).unwrap_or_default();
    let before = &of_line[..(column - 1).min(of_line.len())];
    let column = String::from_utf8_lossy(before).chars().count() + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { file: None, line: number(line), column: number(column), detail, hint: None }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bare_or_quoted() {
        let long = "x".repeat(255);
        for (text, expected) in [
            ("abc-1", Some("abc-1")),
            ("\"abc-1\"", Some("abc-1")),
            (long.as_str(), Some(long.as_str())),
            ("", None),
            ("\"\"", None),
            ("\"open", None),
            ("a b", None),
            ("a\"b", None),
            (&"x".repeat(256), None),
        ] {
            let headers = HeaderMap::from_iter([(
                header::HeaderName::from_static("idempotency-key"),
                text.parse().expect("because the case is a header"),
            )]);
            assert_eq!(key(&headers).ok().flatten().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_place_is_counted_in_characters() {
        let text = "{\n \"ä\": tru }";
        let error = serde_json::from_str::<serde_json::Value>(text).expect_err("because this is no JSON");
        let found = place(text.as_bytes(), &error);
        assert_eq!((found.line, found.column, found.detail.as_str()), (2, 10, "expected ident"));
    }
}
