//! A part of a list, and where the next part begins.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that one page holds.
pub const MAX_LIMIT: usize = 200;
/// What a page holds when nobody says.
pub const DEFAULT_LIMIT: usize = 50;

/// One page of a list.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Give it back to get the next page; nothing on the last. Opaque, but for events, where it is `after`.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// All there is.
    pub fn whole(items: Vec<T>) -> Self {
        Page { items, next_cursor: None }
    }
}
