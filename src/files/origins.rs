//! Where each key of a definition is written: the definition as it counts, key by key, each with its file and line, or
//! without where nobody wrote it and the default holds. Values are as the file has them: a secret is its reference.

use serde::Serialize;
use serde_json::Value;

use super::source::Sources;
use super::syntax::{Node, NodeValue, Span};
use crate::model::definition::Job;

/// Keys whose name in a definition is not the one that a file gives them.
const NAMES: &[(&str, &str)] = &[("env_files", "env_file"), ("cpu_millis", "cpu")];
/// The same, of parameters; the bounds of a text or list are those of its length.
const OF_PARAMS: &[(&str, &str)] =
    &[("kind", "type"), ("choices", "enum"), ("minimum", "min_length"), ("maximum", "max_length")];

/// One key of a definition.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Origin {
    /// Its path, as in `tasks.main.retry.delay`.
    pub key: String,
    /// What counts.
    pub value: Value,
    /// The file that says so; none for a default.
    pub file: Option<String>,
    /// The line, counted from 1.
    pub line: Option<usize>,
}

/// The keys of `job`, which was read from the tree `root`.
pub(super) fn of(job: &Job, root: &Node, sources: &Sources) -> Vec<Origin> {
    let Ok(Value::Object(fields)) = serde_json::to_value(job) else { return Vec::new() };
    let mut walk = Walk { sources, found: Vec::new() };
    let top = Place::of(root);
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("schedules", Value::Array(items)) => {
                let listed = top.child("schedules");
                for (n, item) in items.into_iter().enumerate() {
                    let own = listed.map_or(Some(top), |list| list.item(n));
                    walk.unfolded(&format!("schedules[{n}]"), item, "timing", [own, Some(top)]);
                }
            }
            ("tasks", Value::Array(items)) => {
                let tables = top.child("tasks");
                for item in items {
                    if item["is_precondition"] == true {
                        walk.precondition(item, top);
                        continue;
                    }
                    let name = item["name"].as_str().unwrap_or_default().to_owned();
                    let own = tables.map_or(Some(top), |tables| tables.child(&name));
                    walk.unfolded(&format!("tasks.{name}"), item, "action", [own, Some(top)]);
                }
            }
            ("params", Value::Array(items)) => {
                let tables = top.child("params");
                for item in items {
                    let name = item["name"].as_str().unwrap_or_default().to_owned();
                    let own = tables.and_then(|tables| tables.child(&name));
                    walk.unfolded(&format!("params.{name}"), item, "", [own, None]);
                }
            }
            ("hooks", Value::Array(items)) => {
                let listed = top.child("hooks");
                for (n, item) in items.into_iter().enumerate() {
                    let own = listed.and_then(|list| list.item(n));
                    walk.unfolded(&format!("hooks[{n}]"), item, "target", [own, None]);
                }
            }
            ("precondition", value) => {
                let own = top.child("precondition").and_then(|place| place.child("expression"));
                walk.value("precondition.expression", value, [own, None]);
            }
            (_, value) => walk.value(&key, value, [top.child(&key), None]),
        }
    }
    walk.found
}

/// A part of the tree, and where it is written.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: &'a Node,
    at: Span,
}

impl<'a> Place<'a> {
    fn of(node: &'a Node) -> Place<'a> {
        Place { node, at: node.span }
    }

    /// What is written below that key; the whole of what is written in a shorter form.
    fn child(self, key: &str) -> Option<Place<'a>> {
        let NodeValue::Table(entries) = &self.node.value else { return Some(self) };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        Some(Place { node: &entry.node, at: entry.key_span })
    }

    fn item(self, n: usize) -> Option<Place<'a>> {
        let NodeValue::List(items) = &self.node.value else { return Some(self) };
        items.get(n).map(Place::of)
    }
}

struct Walk<'a> {
    sources: &'a Sources,
    found: Vec<Origin>,
}

impl Walk<'_> {
    /// A table that has a name, which is in its path already, and one key that stands for several: the keys below it are
    /// the table's own.
    fn unfolded(&mut self, path: &str, value: Value, folded: &str, places: [Option<Place<'_>>; 2]) {
        let Value::Object(fields) = value else { return };
        let is_list = path.ends_with(']');
        for (key, value) in fields {
            if key == folded {
                match value {
                    Value::Object(kinds) => kinds.into_iter().for_each(|(kind, value)| {
                        self.folded(path, &kind, value, places);
                    }),
                    Value::String(word) => self.word(path, folded, &word, places),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
                }
            } else if key != "name" || is_list {
                self.below(path, &key, value, places);
            }
        }
    }

    /// The task that asks first: what is written of it, and what it has from the top level.
    fn precondition(&mut self, mut item: Value, top: Place<'_>) {
        let Some(fields) = item.as_object_mut() else { return };
        let timeout = fields.remove("timeout").unwrap_or_default();
        // Nobody can write these of it.
        for key in ["after", "is_precondition", "retry", "exit_codes", "on_interrupt", "stdin", "raw"] {
            fields.remove(key);
        }
        let own = top.child("precondition");
        self.unfolded("precondition", item, "action", [own, Some(top)]);
        self.below("precondition", "timeout", timeout, [own, None]);
    }

    /// What one kind of many says: its own keys if they are named as in the file, else its one value.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other values are what they are")]
    fn folded(&mut self, path: &str, kind: &str, value: Value, places: [Option<Place<'_>>; 2]) {
        let single = ["expression", "period", "delay", "at"];
        match value {
            Value::Object(fields) if fields.keys().any(|key| single.contains(&key.as_str())) => {
                for (key, value) in fields {
                    let key = if single.contains(&key.as_str()) { kind } else { key.as_str() };
                    self.below(path, key, value, places);
                }
            }
            value => self.below(path, kind, value, places),
        }
    }

    /// A kind without anything more to say.
    fn word(&mut self, path: &str, folded: &str, word: &str, places: [Option<Place<'_>>; 2]) {
        match folded {
            "timing" => self.below(path, "cron", Value::String(format!("@{word}")), places),
            _ => self.below(path, word, Value::Bool(true), places),
        }
    }

    fn below(&mut self, path: &str, key: &str, value: Value, places: [Option<Place<'_>>; 2]) {
        let names = if path.starts_with("params.") { OF_PARAMS } else { NAMES };
        let written = names.iter().find(|(name, _)| *name == key).map_or(key, |(_, written)| written);
        // A bound of a number is written by its own name.
        let is_there = |key: &str| places.iter().flatten().any(|place| place.child(key).is_some());
        let key = if key != written && is_there(key) { key } else { written };
        // A mode mask is octal wherever people meet it.
        let value = match (key, value.as_u64()) {
            ("umask", Some(mask)) => Value::String(format!("{mask:03o}")),
            ("cpu", Some(millis)) => whole(Value::from(millis as f64 / 1_000.0)),
            _ => whole(value),
        };
        let places = places.map(|place| place.and_then(|place| place.child(key)));
        self.value(&format!("{path}.{key}"), value, places);
    }

    /// A value; of two places that may have it, the first goes before.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other values are what they are")]
    fn value(&mut self, path: &str, value: Value, places: [Option<Place<'_>>; 2]) {
        match value {
            Value::Null => {}
            Value::Object(fields) if !fields.is_empty() && !is_reference(&fields) => {
                for (key, value) in fields {
                    self.below(path, &key, value, places);
                }
            }
            value => {
                let at = places.into_iter().flatten().next().map(|place| place.at.0);
                let says_nothing = value == Value::String(String::new())
                    || value.as_array().is_some_and(Vec::is_empty)
                    || value.as_object().is_some_and(serde_json::Map::is_empty);
                if at.is_none() && says_nothing {
                    return;
                }
                let file = at.map(|at| self.sources.path(at).display().to_string());
                let line = at.map(|at| self.sources.line(at));
                self.found.push(Origin { key: path.to_owned(), value, file, line });
            }
        }
    }
}

/// A number as people write it: `3` and not `3.0`.
fn whole(value: Value) -> Value {
    let number = value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0 && number.abs() < 1e15);
    number.map_or(value, |number| Value::from(number as i64))
}

/// Whether it refers to a secret, and is one value.
fn is_reference(fields: &serde_json::Map<String, Value>) -> bool {
    let places = ["env", "file", "credential"];
    fields.iter().filter(|(key, value)| places.contains(&key.as_str()) && value.is_string()).count() == 1
        && fields.keys().all(|key| key == "prefix" || places.contains(&key.as_str()))
}
