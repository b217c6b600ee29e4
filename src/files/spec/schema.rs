//! JSON Schema, draft-07, for job files and for `campanile.toml`: what an editor can know of them.
//!
//! A schema refuses what it can; what needs more than one look at the file (names that exist, zones, cycles) it lets
//! pass. It never refuses what the reader takes, but for what is wrong above `[jobs]` and replaced by every job.

use serde_json::{Map, Value, json};

use super::{Absent, Key, Kind, Names, Table};

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";
const DEFINITIONS: &str = "#/definitions/";
/// Keys that anybody may add for programs of their own.
const ANNOTATIONS: &str = "^x-";
/// A number with its unit, or ISO 8601.
const DURATION: &str = r"^\s*\+?(?:[0-9][0-9.,]*\s*[A-Za-z\u00b5\u03bc:][\s\S]*|[Pp][\s\S]+)$";
const SIZE: &str = r"^\s*[0-9]+\s*(?:[KkMmGg](?:[Ii]?[Bb])?|[Bb])?\s*$";
const ACCOUNT: &str = r"^(?:[0-9]{1,32}|(?=.{1,32}$)[a-z_][a-z0-9_-]*\$?)$";
const INSTANT: &str = r"^\s*[0-9+-][0-9-]*[0-9][Tt ][0-9]";
const TIME_OF_DAY: &str = r"^\s*[0-9]{2}:[0-9]{2}(?::[0-9]{2})?\s*$";
/// The name of a job or a task.
pub const NAME: &str = "^[a-z0-9][a-z0-9_.-]{0,63}$";
const CRON: &str = r"^\s*(?:@[A-Za-z]+|\S+(?:\s+\S+){4,5})\s*$";
const QUARTZ: &str = r"^\s*\S+(?:\s+\S+){5,6}\s*$";
/// No template of ours.
const PLAIN_SHELL: &str = r"\{\{[-+]*\s*(?:params|tasks|trigger|run|item|state|scheduled_at)(?![A-Za-z0-9_])";
const STATUS: &str = r"^(?:[2-5]xx|\s*[2-5][0-9]{2}\s*(?:-\s*[2-5][0-9]{2}\s*)?)$";

/// The schema of a job file.
pub fn job() -> Value {
    root(super::JOB, "A job file of Campanile")
}

/// The schema of `campanile.toml`.
pub fn config() -> Value {
    root(super::SETTINGS, "The configuration of Campanile")
}

/// The schemas of a task that belongs to no job, and of all that its keys lead to, by name, for a document that keeps its
/// schemas below `place`.
pub fn submission(place: &str) -> Map<String, Value> {
    let mut schemas = definitions(super::SUBMISSION);
    schemas.values_mut().for_each(|schema| move_references(schema, place));
    schemas
}

/// This table and every other that its keys lead to, by name.
fn definitions(table: &'static Table) -> Map<String, Value> {
    table.reached().into_iter().map(|table| (table.name.to_owned(), Value::Object(object(table)))).collect()
}

fn move_references(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| {
            if let (Value::String(text), "$ref") = (&mut *value, name.as_str()) {
                *text = text.replace(DEFINITIONS, place);
            } else {
                move_references(value, place);
            }
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| move_references(item, place)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn root(table: &'static Table, title: &str) -> Value {
    let mut schema = object(table);
    let mut definitions = definitions(table);
    definitions.shift_remove(table.name);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(
            "$schema".to_owned(),
            json!({"type": "string", "description": "Where this schema is, for editors."}),
        );
    }
    let mut whole = Map::new();
    whole.insert("$schema".to_owned(), json!(DRAFT));
    whole.insert("title".to_owned(), json!(title));
    schema.remove("title");
    whole.extend(schema);
    whole.insert("definitions".to_owned(), Value::Object(definitions));
    Value::Object(whole)
}

/// The schema of one table.
fn object(table: &'static Table) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("title".to_owned(), json!(table.title));
    schema.insert("type".to_owned(), json!("object"));
    let properties: Map<String, Value> = table.entries().map(|key| (key.name.to_owned(), property(key))).collect();
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("patternProperties".to_owned(), json!({ ANNOTATIONS: {} }));
    schema.insert("additionalProperties".to_owned(), json!(false));
    if !table.must.is_empty() {
        schema.insert("required".to_owned(), json!(table.must));
    }
    let known = |keys: &[&'static str]| -> Vec<Value> {
        keys.iter().filter(|key| table.knows(key)).map(|key| json!({"required": [key]})).collect()
    };
    let mut all = Vec::new();
    for keys in table.one_of {
        let one = json!({"oneOf": known(keys)});
        match table.lifted_by {
            Some(lifts) if table.knows(lifts) => all.push(json!({"if": {"required": [lifts]}, "else": one})),
            _ => all.push(one),
        }
    }
    for keys in table.not_both {
        let mut choices = known(keys);
        choices.push(json!({"not": {"anyOf": known(keys)}}));
        all.push(json!({"oneOf": choices}));
    }
    if !all.is_empty() {
        schema.insert("allOf".to_owned(), Value::Array(all));
    }
    schema
}

/// The schema of one key, with what people read about it.
fn property(key: &Key) -> Value {
    let kind = of(&key.kind);
    let mut schema = Map::new();
    // Beside `$ref` draft-07 ignores everything.
    if kind.get("$ref").is_some() {
        schema.insert("allOf".to_owned(), json!([kind]));
    } else if let Value::Object(kind) = kind {
        schema = kind;
    }
    schema.insert("description".to_owned(), json!(description(key)));
    if let Absent::Is(default) = key.default {
        let default = serde_json::from_str(default).expect("because a test reads every default");
        schema.insert("default".to_owned(), default);
    }
    if let Some(example) = example(key) {
        schema.insert("examples".to_owned(), json!([example]));
    }
    Value::Object(schema)
}

/// The value of the key's example.
fn example(key: &Key) -> Option<Value> {
    let table: toml::Table = key.example.parse().ok()?;
    table.get(key.name).map(from_toml)
}

/// The same value in JSON; dates and times are text.
pub fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
        toml::Value::Datetime(time) => json!(time.to_string()),
        toml::Value::Array(items) => items.iter().map(from_toml).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(name, value)| (name.clone(), from_toml(value))).collect())
        }
    }
}

fn description(key: &Key) -> String {
    // A link leads nowhere from an editor.
    let mut text = unlinked(key.meaning);
    if let Absent::Said(words) = key.default {
        text.push_str(&format!(" Default: {}.", unlinked(words)));
    }
    for (head, words) in [("Limit: ", key.limit), ("Interacts with ", key.interacts), ("No effect ", key.no_effect)] {
        if !words.is_empty() {
            text.push_str(&format!(" {head}{words}."));
        }
    }
    text
}

/// The text without sentences that point to a section, and other links as words.
fn unlinked(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(at) = text.find("; see [") {
        let end = text[at..].find(')').map_or(text.len(), |length| at + length + 1);
        text.replace_range(at..end, "");
    }
    while let Some(at) = text.find("](") {
        let end = text[at..].find(')').map_or(text.len(), |length| at + length + 1);
        text.replace_range(at..end, "");
        if let Some(begin) = text[..at].rfind('[') {
            text.remove(begin);
        }
    }
    text
}

/// The schema of what may be written.
fn of(kind: &Kind) -> Value {
    let matching = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match kind {
        // table
        Kind::Text => json!({"type": "string"}),
        Kind::Full | Kind::Zone => matching(r"\S"),
        Kind::Path | Kind::Filled | Kind::Regex => json!({"type": "string", "minLength": 1}),
        Kind::Program => matching(r"^\S+$"),
        Kind::MayBeAbsent => matching("^-?/"),
        Kind::Variable => matching(name_pattern(Names::Variable)),
        Kind::Account => matching(ACCOUNT),
        Kind::Method => matching(r"^\s*[A-Za-z-]+\s*$"),
        Kind::Folder => matching("/"),
        Kind::Shell => json!({"type": "string", "pattern": r"\S", "not": {"pattern": PLAIN_SHELL}}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::True => json!({"const": true}),
        Kind::Integer(least, most) => bounds("integer", *least, *most),
        Kind::Number(least, most) => json!({"type": "number", "minimum": least, "maximum": most}),
        Kind::AnyNumber => json!({"type": "number"}),
        Kind::Duration | Kind::SomeDuration => matching(DURATION),
        Kind::Size(least, most) => {
            let number = json!({"type": "integer", "minimum": least, "maximum": most});
            json!({"anyOf": [number, {"type": "string", "pattern": SIZE}]})
        }
        Kind::Instant => matching(INSTANT),
        Kind::TimeOfDay => matching(TIME_OF_DAY),
        Kind::Cron => matching(CRON),
        Kind::Quartz => matching(QUARTZ),
        Kind::AbsolutePath => matching("^/"),
        Kind::Name => matching(name_pattern(Names::Job)),
        Kind::Url => matching(r"^\s*(?:[Hh][Tt][Tt][Pp][Ss]?:|\{\{)"),
        Kind::Mask => matching("^0?[0-7]{3}$"),
        Kind::Digest => matching("^[0-9A-Fa-f]{64}$"),
        Kind::Listen => matching(":[0-9]+$"),
        Kind::Status => {
            json!({"anyOf": [bounds("integer", 200, 599), {"type": "string", "pattern": STATUS}]})
        }
        Kind::Any => json!({}),
        Kind::List(item, least, most) => sized(json!({"type": "array", "items": of(item)}), "Items", *least, *most),
        Kind::Map(names, value, most) => {
            let mut schema = json!({"type": "object", "additionalProperties": of(value)});
            if *names != Names::Any {
                schema["propertyNames"] = json!({"pattern": name_pattern(*names)});
            }
            sized(schema, "Properties", usize::from(*names == Names::Job), *most)
        }
        Kind::Table(table) => reference(table),
        Kind::Tables(table, most) => sized(json!({"type": "array", "items": reference(table)}), "Items", 0, *most),
        Kind::Either(kinds) => json!({"anyOf": kinds.iter().map(of).collect::<Vec<_>>()}),
    }
}

fn reference(table: &Table) -> Value {
    json!({"$ref": format!("{DEFINITIONS}{}", table.name)})
}

fn bounds(kind: &str, least: i64, most: i64) -> Value {
    let mut schema = json!({"type": kind, "minimum": least});
    if most < i64::MAX {
        schema["maximum"] = json!(most);
    }
    schema
}

fn sized(mut schema: Value, what: &str, least: usize, most: usize) -> Value {
    if least > 0 {
        schema[format!("min{what}")] = json!(least);
    }
    if most < usize::MAX {
        schema[format!("max{what}")] = json!(most);
    }
    schema
}

fn name_pattern(names: Names) -> &'static str {
    match names {
        Names::Job => NAME,
        Names::Variable => "^(?!CAMPANILE_)[A-Za-z_][A-Za-z0-9_]*$",
        Names::Param => "^[a-z][a-z0-9_]{0,63}$",
        Names::Header => r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        Names::Output => "^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
        Names::Any => "",
    }
}
