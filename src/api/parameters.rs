//! What an address says behind its `?`, and the names within its path. What cannot be read is a bad request that says
//! what is wrong; a word that we do not know is refused.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Refusal;
use crate::model::refused::Refused;
use crate::wire::list::{DEFAULT_LIMIT, MAX_LIMIT};

/// What stands behind the `?`.
pub(super) struct Parameters<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(found)) => Ok(Parameters(found)),
            Err(rejection) => Err(bad(rejection.body_text())),
        }
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

/// What a list without filters is asked.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    pub(super) cursor: Option<String>,
    pub(super) limit: Option<usize>,
}

/// How much a page is to hold.
pub(super) fn limit(wanted: Option<usize>) -> Result<usize, Refusal> {
    match wanted {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(limit) => Err(bad(format!("`limit` is 1 to {MAX_LIMIT}, not {limit}"))),
    }
}
