//! Events, page by page.

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Parameters, bad, limit, paged};
use super::problem::Refusal;
use super::stream;
use crate::query;
use crate::query::event::Part;
use crate::wire::code::Code;
use crate::wire::{Page, ProblemDetails};

/// Which events.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Those after the event of this number; from the oldest that is kept without it.
    #[schemars(range(min = 0, max = 9_223_372_036_854_775_807_u64))]
    after: Option<u64>,
    /// Those about this run.
    run: Option<String>,
    /// Those about this job.
    job: Option<String>,
    /// Those of this type; `*` stands for any run of characters.
    #[serde(rename = "type")]
    #[schemars(extend("pattern" = r"^[^?\[]*$"))]
    kind: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200), extend("default" = 50))]
    limit: Option<usize>,
}

pub(super) async fn page(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Refusal> {
    let Asked { after, run, job, kind, limit: wanted } = asked;
    // What a browser's `EventSource` asks of the plural noun.
    if headers.get(header::ACCEPT).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        if wanted.is_some() {
            return Err(bad("`limit` is for pages, and a stream has none"));
        }
        return stream::open(shared, &headers, stream::Asked { after, run, job, kind }).await;
    }
    let limit = limit(wanted)?;
    let part = shared
        .read(move |reader| {
            let filter = query::event::filter(reader, run.as_deref(), job, kind)?;
            query::event::after(reader, &filter, after, limit)
        })
        .await?;
    match part {
        Part::Events { items, upto, more } => {
            Ok(paged(&uri, "after", Page { items, next_cursor: more.then(|| upto.to_string()) }))
        }
        Part::Pruned { oldest } => Err(pruned(oldest)),
    }
}

/// What is asked for is no longer kept.
pub(super) fn pruned(oldest: u64) -> Refusal {
    ProblemDetails::new(Code::Pruned, format!("the oldest event that is kept is {oldest}"))
        .hint(format!("ask for what came after {}", oldest.saturating_sub(1)))
        .into()
}
