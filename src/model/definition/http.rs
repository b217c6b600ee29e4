//! An HTTP request that a task makes. Its texts are templates, rendered anew for each attempt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Value;
use crate::model::duration::Duration;

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
    /// It was not written in a file but came by the API: only public addresses may be called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public_only: bool,
    /// Link-local addresses may be called too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

impl Http {
    /// How long a request may take where nobody says.
    pub const TIMEOUT: Duration = Duration::from_secs(60);

    /// Whether an answer with this status is a success.
    pub fn expects(&self, status: u16) -> bool {
        self.expect_status.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

/// Whether a request of this method, in capitals, may be sent twice without harm (RFC 9110 §9.2.2).
pub fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE")
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::definition::value::{Place, Reference};

    fn request() -> Http {
        let token = Reference { place: Place::Env("TOKEN".to_owned()), prefix: "Bearer ".to_owned() };
        Http {
            method: "POST".to_owned(),
            url: "http://x.example/u".into(),
            headers: [("a".to_owned(), "b".into()), ("authorization".to_owned(), Value::Secret(token))].into(),
            body: Some(Body::Json(json!({ "k": ["v", 1, { "n": null, "s": "w" }] }))),
            expect_status: vec![(200, 299), (404, 404)],
            max_response: 1 << 20,
            idempotent: false,
            public_only: false,
            allow_private: false,
        }
    }

    #[test]
    fn a_status_is_expected_by_any_of_the_ranges() {
        let expected = [200, 250, 299, 404].map(|status| request().expects(status));
        assert_eq!(expected, [true; 4]);
        assert_eq!([199, 300, 403, 500].map(|status| request().expects(status)), [false; 4]);
    }
}
