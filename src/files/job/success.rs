//! Reads `success`: what the output of an attempt must be like. Every expression is compiled here once, so that what is
//! wrong with it is said with its place and no attempt finds out.

use super::process::said;
use crate::files::keys::SUCCESS;
use crate::files::reading::{Fields, Reading};
use crate::files::syntax::Node;
use crate::model::definition::Success;
use crate::model::expression::{self, Mode};
use crate::model::invalid::Fault;

/// How many texts or expressions one list may hold.
const MAX_LISTED: usize = 64;
/// The longest text or expression, in bytes.
const MAX_LENGTH: usize = 4_096;
/// The most words that may be asked for: more fit into no captured output.
const MAX_WORDS: u32 = 65_536;

/// What the table in `node` says.
pub(super) fn read(reading: &Reading<'_>, node: &Node) -> Option<Success> {
    let fields = Fields::open(reading, "success", node, &SUCCESS)?;
    let case_insensitive = fields.boolean("case_insensitive").unwrap_or(false);
    let success = Success {
        required_substrings: listed(&fields, "required_substrings", |_| Ok(())),
        required_regex: listed(&fields, "required_regex", |text| compiles(text, case_insensitive)),
        forbidden_regex: listed(&fields, "forbidden_regex", |text| compiles(text, case_insensitive)),
        min_word_count: fields.count("min_word_count", MAX_WORDS),
        case_insensitive,
    };
    if success.is_empty() {
        let fault = Fault::new(fields.span, "`success` asks for nothing, so it has no effect");
        reading.warn(fault.hint("give `required_substrings`, `required_regex`, `forbidden_regex` or `min_word_count`"));
    }
    Some(success)
}

fn listed(fields: &Fields<'_>, key: &'static str, check: impl Fn(&str) -> Result<(), String>) -> Vec<String> {
    let items = said(fields, key);
    if items.len() > MAX_LISTED {
        let at = fields.get(key).map_or(fields.span, |node| node.span);
        fields.reading.fault(Fault::new(at, format!("`{key}` holds at most {MAX_LISTED} items")));
        return Vec::new();
    }
    for (text, node) in &items {
        if text.len() > MAX_LENGTH {
            let message = format!("an item of `{key}` is longer than {MAX_LENGTH} bytes");
            fields.reading.fault(Fault::new(node.span, message));
        } else if let Err(message) = check(text) {
            fields.reading.fault(Fault::new(node.span, format!("`{key}`: {message}")));
        }
    }
    items.into_iter().map(|(text, _)| text.to_owned()).collect()
}

fn compiles(text: &str, case_insensitive: bool) -> Result<(), String> {
    expression::check(text, Mode::Lines { any_case: case_insensitive })
}
