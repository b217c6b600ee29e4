//! A value that a file gives in the clear or by reference. A reference is resolved anew for each attempt by the daemon
//! (`secret`), never stored and never shown.

use serde::{Deserialize, Serialize};

/// Plain text, or where a secret is found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// As written.
    Plain(String),
    /// A whole value found elsewhere, behind an optional prefix.
    Secret(Reference),
}

impl Value {
    /// The value as people may see it: plain text as it is, a reference as where it points.
    pub fn shown(&self) -> String {
        match self {
            Value::Plain(text) => text.clone(),
            Value::Secret(reference) => reference.shown(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Plain(text.to_owned())
    }
}

/// Where a secret is found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reference {
    /// The place.
    #[serde(flatten)]
    pub place: Place,
    /// Put before the value, as in `Bearer `.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

impl Reference {
    /// The reference as people may see it.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::Env(name) => format!("{}(env {name})", self.prefix),
            Place::File(path) => format!("{}(file {path})", self.prefix),
            Place::Credential(name) => format!("{}(credential {name})", self.prefix),
        }
    }
}

/// The kinds of places that keep a secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A variable of the daemon's environment.
    Env(String),
    /// A file that the daemon can read; one line end at its end is not part of the value.
    File(String),
    /// A file of that name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}
