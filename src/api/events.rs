//! Events, page by page.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::context::Shared;
use super::parameters::{Parameters, limit};
use super::problem::Refusal;
use crate::query;
use crate::query::event::Part;
use crate::wire::code::Code;
use crate::wire::{Event, Page, ProblemDetails};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    after: Option<u64>,
    run: Option<String>,
    job: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn page(
    State(shared): State<Shared>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<Page<Event>>, Refusal> {
    let Asked { after, run, job, kind, limit: wanted } = asked;
    let limit = limit(wanted)?;
    let part = shared
        .read(move |reader| {
            let filter = query::event::filter(reader, run.as_deref(), job, kind)?;
            query::event::after(reader, &filter, after, limit)
        })
        .await?;
    match part {
        Part::Events { items, upto, more } => Ok(Json(Page { items, next_cursor: more.then(|| upto.to_string()) })),
        Part::Pruned { oldest } => Err(pruned(oldest)),
    }
}

/// What is asked for is no longer kept.
pub(super) fn pruned(oldest: u64) -> Refusal {
    ProblemDetails::new(Code::Pruned, format!("the oldest event that is kept is {oldest}"))
        .hint(format!("ask for what came after {}", oldest.saturating_sub(1)))
        .into()
}
