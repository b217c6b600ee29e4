//! A parameter: a typed value that whoever starts a job may give. The words are those of JSON Schema.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// One parameter of a job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Param {
    /// Unique within its job: `[a-z][a-z0-9_]{0,63}`. A task finds it as `PARAM_` and the name in capitals.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it may be.
    pub kind: ParamType,
    /// What it is if nobody gives it; a text is a template. Without one it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Json>,
    /// The only values that it may have; empty is any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Json>,
    /// A regular expression that a text must match somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The least number, or the least length of a text or list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The greatest number, or the greatest length of a text or list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
}

/// What a parameter may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list of anything.
    Array,
    /// Named values.
    Object,
}

impl ParamType {
    /// Every type.
    pub const ALL: &'static [ParamType] = &[
        ParamType::String,
        ParamType::Integer,
        ParamType::Number,
        ParamType::Boolean,
        ParamType::Array,
        ParamType::Object,
    ];

    /// The word of JSON Schema.
    pub fn as_str(self) -> &'static str {
        match self {
            ParamType::String => "string",
            ParamType::Integer => "integer",
            ParamType::Number => "number",
            ParamType::Boolean => "boolean",
            ParamType::Array => "array",
            ParamType::Object => "object",
        }
    }
}

/// Whether `text` is `[a-z][a-z0-9_]{0,63}`: a name that stays itself in capitals, as part of a variable's.
pub fn is_param_name(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= 64 && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase) && text.bytes().all(rest)
}
