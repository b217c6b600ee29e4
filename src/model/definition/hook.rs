//! A hook: a rule "when this event happens, call that".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Value;
use crate::model::duration::Duration;
use crate::model::event::EventType;

/// One rule of whom to tell.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hook {
    /// For people; otherwise its place in the file.
    pub name: Option<String>,
    /// Event names, in which `*` stands for any run of characters; one that matches is enough.
    pub on: Vec<String>,
    /// Names of jobs, with `*` likewise; empty is every job.
    pub jobs: Vec<String>,
    /// What is called.
    pub target: Target,
    /// How long one delivery may take.
    pub timeout: Duration,
    /// How often a delivery is tried before it is dead-lettered.
    pub max_attempts: u32,
}

impl Hook {
    /// Whether this hook is for an event of type `kind` about `job`.
    pub fn matches(&self, kind: &EventType, job: Option<&str>) -> bool {
        let named = self.on.iter().any(|pattern| matches_pattern(pattern, kind.as_str()));
        let about = self.jobs.is_empty()
            || job.is_some_and(|job| self.jobs.iter().any(|pattern| matches_pattern(pattern, job)));
        named && about
    }
}

/// What a hook calls.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A command for `/bin/sh -c`, with the event as JSON on stdin and `CAMPANILE_EVENT_*` in its environment.
    Shell(String),
    /// A program and its arguments, given the same.
    Command(Vec<String>),
    /// A POST as Standard Webhooks 1.0.0 describes it.
    Webhook(Webhook),
}

/// Where and how a webhook is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Webhook {
    /// `http` or `https`.
    pub url: Value,
    /// Signs the body (HMAC-SHA256); unsigned without one.
    pub secret: Option<Value>,
    /// Sent besides our own.
    pub headers: BTreeMap<String, Value>,
    /// Link-local addresses may be called too.
    pub allow_private: bool,
    /// It came over the API: only addresses that anybody can reach may be called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public_only: bool,
}

/// Whether `text` is `pattern`, in which each `*` stands for any run of characters, none included.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("task.failed", "task.failed", true),
            ("task.failed", "task.failed.x", false),
            ("task.*", "task.failed", true),
            ("*.failed", "workflow.failed", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("*ab*b", "aab", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
