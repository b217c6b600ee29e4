//! Values that are plain text or a reference to a secret, and the tables of them.

use std::collections::BTreeMap;

use super::argument;
use super::keys::REFERENCE;
use super::reading::{Fields, Reading};
use super::syntax::{Node, NodeValue};
use crate::model::definition::Value;
use crate::model::definition::value::{Place, Reference};
use crate::model::invalid::Fault;

/// The value in `node`: a string, or a table that refers to a secret.
pub(crate) fn read(reading: &Reading<'_>, name: &str, node: &Node) -> Option<Value> {
    if matches!(node.value, NodeValue::Table(_)) {
        return reference(reading, name, node).map(Value::Secret);
    }
    let text = reading.text(name, node)?;
    argument::templated(reading, name, node, text)?;
    Some(Value::Plain(text.to_owned()))
}

fn reference(reading: &Reading<'_>, name: &str, node: &Node) -> Option<Reference> {
    let fields = Fields::open(reading, name, node, &REFERENCE)?;
    let prefix = fields.text("prefix").unwrap_or_default();
    if let Some(node) = fields.get("prefix") {
        argument::whole(reading, "prefix", node, prefix, 0)?;
    }
    let entry = fields.one_of(&["env", "file", "credential"], "a place")?;
    let text = reading.full_text(&entry.key, &entry.node)?;
    let refuse = |message: String| {
        reading.fault(Fault::new(entry.node.span, message));
        None
    };
    if text.contains('\0') {
        return refuse(format!("`{}` holds a NUL byte", entry.key));
    }
    let place = match entry.key.as_str() {
        "env" if text.contains('=') => return refuse(format!("`{text}` is not a variable's name")),
        "env" => Place::Env(text.to_owned()),
        "file" if !text.starts_with('/') => return refuse(format!("`{text}` is not an absolute path")),
        "file" => Place::File(text.to_owned()),
        _ if text.contains('/') || text == "." || text == ".." => {
            return refuse(format!("`{text}` is not the name of a credential: it is a file's name without a folder"));
        }
        _ => Place::Credential(text.to_owned()),
    };
    Some(Reference { place, prefix: prefix.to_owned() })
}

/// Adds the variables in `node` to `env`; one that is there already is replaced.
pub(crate) fn env(reading: &Reading<'_>, node: &Node, env: &mut BTreeMap<String, Value>) {
    for entry in reading.table("env", node).unwrap_or_default() {
        if let Err(message) = argument::variable(&entry.key) {
            reading.fault(Fault::new(entry.key_span, message));
        }
        let Some(value) = read(reading, &entry.key, &entry.node) else { continue };
        if let Value::Plain(text) = &value
            && argument::whole(reading, &entry.key, &entry.node, text, entry.key.len() + 1).is_none()
        {
            continue;
        }
        env.insert(entry.key.clone(), value);
    }
}
