//! Questions about hooks.

use axum::Json;
use axum::extract::State;

use super::context::Shared;
use super::problem::Refusal;
use crate::query;
use crate::wire::{Hook, Page};

pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Page<Hook>>, Refusal> {
    Ok(Json(Page::whole(shared.read(query::hook::list).await?)))
}
