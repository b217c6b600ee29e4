//! Reads headers, of a webhook and of a task's request alike: names and values that can be sent, each once, and none that
//! is not theirs to set.

use std::collections::BTreeMap;

use super::reading::Reading;
use super::syntax::{Entry, Node};
use super::value;
use crate::model::definition::Value;
use crate::model::invalid::Fault;

/// How many headers one message may have.
const MAX_HEADERS: usize = 64;

/// The headers in `node` of `what`, as a sentence names it, which may set all but `ours`; of those some say why not.
pub(super) fn read(
    reading: &Reading<'_>,
    node: &Node,
    what: &str,
    ours: &[(&str, Option<&'static str>)],
) -> BTreeMap<String, Value> {
    let mut headers: BTreeMap<String, Value> = BTreeMap::new();
    let entries = reading.table("headers", node).unwrap_or_default();
    if entries.len() > MAX_HEADERS {
        reading.fault(Fault::new(node.span, format!("{what} has at most {MAX_HEADERS} headers")));
        return headers;
    }
    for entry in entries {
        if let Some(fault) = refused(entry, &headers, ours) {
            reading.fault(fault);
        }
        let Some(value) = value::read(reading, &entry.key, &entry.node) else { continue };
        if let Value::Plain(text) = &value
            && http::HeaderValue::from_str(text).is_err()
        {
            let message = format!("the value of `{}` cannot be sent in a header", entry.key);
            reading.fault(Fault::new(entry.node.span, message).hint("headers hold visible text on one line"));
        }
        headers.insert(entry.key.clone(), value);
    }
    headers
}

fn refused(entry: &Entry, earlier: &BTreeMap<String, Value>, ours: &[(&str, Option<&'static str>)]) -> Option<Fault> {
    let name = entry.key.to_ascii_lowercase();
    if http::HeaderName::try_from(name.as_str()).is_err() {
        return Some(Fault::new(entry.key_span, format!("`{}` is not a header's name", entry.key)));
    }
    if let Some((_, why)) = ours.iter().find(|(ours, _)| *ours == name) {
        let fault = Fault::new(entry.key_span, format!("`{}` is set by Campanile itself", entry.key));
        return Some(match why {
            Some(why) => fault.hint(*why),
            None => fault,
        });
    }
    let twice = earlier.keys().any(|other| other.eq_ignore_ascii_case(&name));
    twice.then(|| Fault::new(entry.key_span, format!("header `{}` is given twice", entry.key)))
}
