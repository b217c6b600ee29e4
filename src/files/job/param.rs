//! Reads `[params.NAME]` and `[outputs]`: what whoever starts the job may say, and what a completed run leaves.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use super::template;
use crate::files::keys::PARAM;
use crate::files::reading::{Fields, Reading};
use crate::files::syntax::{Entry, Node, NodeValue};
use crate::model::definition::param::is_param_name;
use crate::model::definition::{Param, ParamType, Schedule};
use crate::model::expression::{self, Expressions, Mode};
use crate::model::invalid::Fault;
use crate::model::policy::param as rules;
use crate::model::template::{Scope, is_template};

/// How many parameters or outputs one job may have.
const MAX_NAMED: usize = 256;
/// How many values `enum` may list.
const MAX_CHOICES: usize = 1_024;

/// The parameters of the job whose top level is `fields`.
pub(super) fn read(fields: &Fields<'_>) -> Vec<Param> {
    let entries = entries(fields, "params");
    entries.iter().filter_map(|entry| one(fields.reading, entry)).collect()
}

fn entries<'a>(fields: &Fields<'a>, key: &str) -> &'a [Entry] {
    let Some(node) = fields.get(key) else { return &[] };
    let entries = fields.reading.table(key, node).unwrap_or_default();
    if entries.len() > MAX_NAMED {
        fields.reading.fault(Fault::new(node.span, format!("a job has at most {MAX_NAMED} `{key}`")));
        return &[];
    }
    entries
}

fn one(reading: &Reading<'_>, entry: &Entry) -> Option<Param> {
    let name = entry.key.as_str();
    if !is_param_name(name) {
        let message = format!("`{name}` is not a parameter's name: 1 to 64 of a-z, 0-9, `_`, a letter first");
        reading.fault(Fault::new(entry.key_span, message).hint("a task finds it as `PARAM_` and the name in capitals"));
    }
    if !matches!(entry.node.value, NodeValue::Table(_)) {
        let written = match &entry.node.value {
            NodeValue::Text(text) => format!("{text:?}"),
            NodeValue::Integer(number) => number.to_string(),
            NodeValue::Float(number) => number.to_string(),
            NodeValue::Bool(flag) => flag.to_string(),
            NodeValue::Time(_) | NodeValue::List(_) | NodeValue::Table(_) => "…".to_owned(),
        };
        let message = format!("`{name}` must be a table, found {}", entry.node.value.kind());
        reading.fault(Fault::new(entry.node.span, message).hint(format!("write {name} = {{ default = {written} }}")));
        return None;
    }
    let fields = Fields::open(reading, name, &entry.node, &PARAM)?;
    let words: Vec<(&str, ParamType)> = ParamType::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let kind = match fields.get("type") {
        Some(_) => fields.word("type", &words, &[])?,
        None => ParamType::String,
    };
    let mut param = Param {
        name: name.to_owned(),
        description: fields.text("description").unwrap_or_default().to_owned(),
        kind,
        default: None,
        choices: Vec::new(),
        pattern: pattern(&fields, kind),
        minimum: bound(&fields, kind, "minimum", "min_length"),
        maximum: bound(&fields, kind, "maximum", "max_length"),
    };
    if let (Some(least), Some(most)) = (param.minimum, param.maximum)
        && least > most
    {
        let at = fields.first_of(&["maximum", "max_length"]).map_or(fields.span, |entry| entry.node.span);
        reading.fault(Fault::new(at, format!("the greatest, {most}, is less than the least, {least}")));
        (param.minimum, param.maximum) = (None, None);
    }
    param.choices = choices(&fields, &param);
    param.default = fields.get("default").and_then(|node| default(reading, &param, node));
    Some(param)
}

fn pattern(fields: &Fields<'_>, kind: ParamType) -> Option<String> {
    let node = fields.get("pattern")?;
    let text = fields.full_text("pattern")?;
    if kind != ParamType::String {
        only_for(fields, node, "pattern", "a string");
        return None;
    }
    match expression::check(text, Mode::Value) {
        Ok(()) => Some(text.to_owned()),
        Err(why) => {
            fields.reading.fault(Fault::new(node.span, format!("`pattern` is no regular expression: {why}")));
            None
        }
    }
}

fn only_for(fields: &Fields<'_>, node: &Node, key: &str, kinds: &str) {
    fields.reading.fault(Fault::new(node.span, format!("`{key}` has a meaning only where `type` is {kinds}")));
}

/// The least or the greatest: of a number as it is, of a text or a list its length.
fn bound(fields: &Fields<'_>, kind: ParamType, of_number: &str, of_length: &str) -> Option<f64> {
    let is_number = matches!(kind, ParamType::Integer | ParamType::Number);
    let has_length = matches!(kind, ParamType::String | ParamType::Array);
    if let Some(node) = fields.get(of_number).filter(|_| !is_number) {
        only_for(fields, node, of_number, "an integer or a number");
    }
    if let Some(node) = fields.get(of_length).filter(|_| !has_length) {
        only_for(fields, node, of_length, "a string or an array");
    }
    if is_number {
        return fields.number(of_number, f64::MIN..=f64::MAX);
    }
    let length = fields.integer(of_length, 0..=1_000_000).filter(|_| has_length)?;
    Some(length as f64)
}

fn choices(fields: &Fields<'_>, param: &Param) -> Vec<Json> {
    let Some(items) = fields.list("enum") else { return Vec::new() };
    let at = fields.get("enum").map_or(fields.span, |node| node.span);
    if items.is_empty() || items.len() > MAX_CHOICES {
        fields.reading.fault(Fault::new(at, format!("`enum` lists 1 to {MAX_CHOICES} values")));
    }
    let mut choices = Vec::new();
    for item in items.iter().take(MAX_CHOICES) {
        let Some(value) = fitting(fields.reading, param, "an item of `enum`", item) else { continue };
        if choices.contains(&value) {
            fields.reading.fault(Fault::new(item.span, format!("`{}` is in `enum` twice", rules::as_text(&value))));
        }
        choices.push(value);
    }
    choices
}

fn default(reading: &Reading<'_>, param: &Param, node: &Node) -> Option<Json> {
    if let NodeValue::Text(text) = &node.value
        && is_template(text)
    {
        let scope = Scope { place: "`default`", params: None, tasks: None, has_attempt: false };
        template::check(reading, node, &scope);
        return Some(Json::from(text.as_str()));
    }
    fitting(reading, param, "`default`", node)
}

/// The value in `node`, if it is of the parameter's type as it is written, and keeps to its rules.
fn fitting(reading: &Reading<'_>, param: &Param, name: &str, node: &Node) -> Option<Json> {
    let value = json(node);
    let is_written_so = match param.kind {
        ParamType::String => value.is_string(),
        ParamType::Integer => value.is_i64(),
        ParamType::Number => value.is_number(),
        ParamType::Boolean => value.is_boolean(),
        ParamType::Array => value.is_array(),
        ParamType::Object => value.is_object(),
    };
    if !is_written_so {
        let (wanted, found) = (param.kind.as_str(), node.value.kind());
        let fault = Fault::new(node.span, format!("{name} must be of type `{wanted}`, found {found}"));
        let fits = ParamType::ALL.iter().find(|kind| {
            rules::read(
                &Param {
                    kind: **kind,
                    choices: Vec::new(),
                    pattern: None,
                    minimum: None,
                    maximum: None,
                    ..param.clone()
                },
                &value,
                &mut Expressions::default(),
            )
            .is_ok_and(|read| read == value)
        });
        reading.fault(match fits {
            Some(kind) => fault.hint(format!("write type = \"{}\", or another value", kind.as_str())),
            None => fault,
        });
        return None;
    }
    match rules::read(param, &value, &mut Expressions::default()) {
        Ok(value) => Some(value),
        Err(problem) => {
            reading.fault(Fault::new(node.span, format!("{name} breaks the parameter's own rule: {problem}")));
            None
        }
    }
}

/// The value as JSON has it; a time is its text.
fn json(node: &Node) -> Json {
    match &node.value {
        NodeValue::Text(text) | NodeValue::Time(text) => Json::from(text.as_str()),
        NodeValue::Integer(number) => Json::from(*number),
        NodeValue::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        NodeValue::Bool(flag) => Json::from(*flag),
        NodeValue::List(items) => items.iter().map(json).collect(),
        NodeValue::Table(entries) => {
            let fields: Map<String, Json> =
                entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect();
            Json::Object(fields)
        }
    }
}

/// Reports parameters that must be given, where nobody is there who could give them.
pub(super) fn check_schedules(fields: &Fields<'_>, params: &[Param], schedules: &[Schedule]) {
    if schedules.is_empty() {
        return;
    }
    for entry in entries(fields, "params") {
        let is_missing = params.iter().any(|param| param.name == entry.key && param.default.is_none());
        let is_written =
            matches!(&entry.node.value, NodeValue::Table(keys) if keys.iter().any(|key| key.key == "default"));
        if is_missing && !is_written {
            let message = format!("`{}` has no default, so the job's schedules could never start it", entry.key);
            fields.reading.fault(Fault::new(entry.key_span, message).hint("give it a `default`"));
        }
    }
}

/// The named values that a completed run of the job leaves.
pub(super) fn outputs(fields: &Fields<'_>, scope: &Scope<'_>) -> BTreeMap<String, String> {
    let reading = fields.reading;
    let mut outputs = BTreeMap::new();
    for entry in entries(fields, "outputs") {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let name = entry.key.as_str();
        let is_name =
            name.len() <= 64 && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if !is_name || !name.bytes().all(is_plain) {
            let message =
                format!("`{name}` is not an output's name: 1 to 64 letters, digits, `_`, `-`, a letter or `_` first");
            reading.fault(Fault::new(entry.key_span, message));
        }
        let Some(text) = reading.text(name, &entry.node) else { continue };
        template::check(reading, &entry.node, scope);
        outputs.insert(entry.key.clone(), text.to_owned());
    }
    outputs
}
