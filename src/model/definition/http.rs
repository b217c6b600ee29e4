//! An HTTP request that a task makes. Its texts are templates, rendered anew for each attempt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Value;

/// One request, and what its answer must be like. How long it may take is the task's `timeout`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Http {
    /// In capitals.
    pub method: String,
    /// `http` or `https`.
    pub url: Value,
    /// Sent besides our own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Value>,
    /// What is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// The statuses that are a success, each from the first to the last; never empty.
    pub expect_status: Vec<(u16, u16)>,
    /// Bytes of the answer that are read; a longer one fails the attempt.
    pub max_response: u64,
    /// Sending it twice does no harm: an attempt whose answer was lost is made again.
    pub idempotent: bool,
    /// Link-local addresses may be called too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

/// What is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A text, as it is.
    Text(String),
    /// A JSON value, each string in it a template of its own.
    Json(serde_json::Value),
}
