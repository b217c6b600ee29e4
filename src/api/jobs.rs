//! Questions about jobs.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Name, Parameters, bad, limit, paged};
use super::problem::Refusal;
use crate::query;
use crate::wire::{Effective, Job, shape};

pub(super) async fn one(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Job>, Refusal> {
    Ok(Json(shared.read(move |reader| query::job::one(reader, &name)).await?))
}

pub(super) async fn effective(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Effective>, Refusal> {
    Ok(Json(shared.read(move |reader| query::job::effective(reader, &name)).await?))
}

/// Which jobs.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Where the list goes on.
    #[schemars(with = "Option<shape::NameCursor>")]
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
    let limit = limit(asked.limit)?;
    let after = asked.cursor.as_deref().map(name).transpose()?;
    let mut page = shared.read(move |reader| query::job::page(reader, after.as_deref(), limit)).await?;
    page.next_cursor = page.next_cursor.map(|name| cursor(&name));
    Ok(paged(&uri, "cursor", page))
}

/// A name that says nothing to who reads it.
fn cursor(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn name(cursor: &str) -> Result<String, Refusal> {
    let digits = cursor.bytes().map(|digit| char::from(digit).to_digit(16)).collect::<Option<Vec<_>>>();
    match digits {
        Some(digits) if !digits.is_empty() && digits.len() % 2 == 0 => {
            let bytes: Vec<u8> = digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        Some(_) | None => Err(bad(format!("`cursor`: `{cursor}` was not given out"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_name() {
        assert_eq!(name(&cursor("nightly-report.2")).ok().as_deref(), Some("nightly-report.2"));
        assert!(name("xyz").is_err() && name("a").is_err() && name("").is_err());
    }
}
