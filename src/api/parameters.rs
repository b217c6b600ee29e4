//! What an address says behind its `?`, and the names within its path. What cannot be read is a bad request that names
//! the parameter; a word that we do not know is refused. And the page that is given back, with the address of the next.

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Refusal;
use crate::model::refused::Refused;
use crate::wire::Page;
use crate::wire::list::{DEFAULT_LIMIT, MAX_LIMIT};

/// What stands behind the `?`.
pub(super) struct Parameters<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(found)) => Ok(Parameters(found)),
            Err(rejection) => Err(bad(named(&rejection.body_text()))),
        }
    }
}

/// The library's words, less what it says of itself: `limit: invalid digit` is about `limit`.
fn named(text: &str) -> String {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    match text.split_once(": ") {
        Some((name, problem)) if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            format!("`{name}`: {problem}")
        }
        Some(_) | None => text.to_owned(),
    }
}

/// The one name within the path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Name(name)),
            Err(rejection) => Err(bad(rejection.body_text())),
        }
    }
}

pub(super) fn bad(problem: impl Into<String>) -> Refusal {
    Refused::BadRequest { problem: problem.into() }.into()
}

/// How much a page is to hold.
pub(super) fn limit(wanted: Option<usize>) -> Result<usize, Refusal> {
    match wanted {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(limit) => Err(bad(format!("`limit` is 1 to {MAX_LIMIT}, not {limit}"))),
    }
}

/// The page, and in a header where the next one is: the same address with `word` set to its cursor.
pub(super) fn paged<T: Serialize>(uri: &Uri, word: &str, page: Page<T>) -> Response {
    let next = page.next_cursor.as_deref().map(|cursor| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let asked = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        query.extend_pairs(asked.filter(|(name, _)| name != word)).append_pair(word, cursor);
        format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())
    });
    let mut response = Json(page).into_response();
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response.headers_mut().insert(header::LINK, next);
    }
    response
}
