//! What was written is wrong: a list of problems, each with its place, what is wrong and what to do. All problems of a
//! file are collected; the reader never stops at the first.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One problem of one file.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// The line on which what is wrong ends; 0 where that is not known.
    #[serde(default)]
    pub end_line: u32,
    /// One past its last character there.
    #[serde(default)]
    pub end_column: u32,
    /// Lower case, no full stop, names the thing in backticks.
    pub message: String,
    /// The next thing to do.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

/// A problem within one text, before anybody knows which file it is in: bytes from `at.0` to `at.1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Byte offsets of the part that is wrong.
    pub at: (usize, usize),
    /// Lower case, no full stop, names the thing in backticks.
    pub message: String,
    /// The next thing to do.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault at those bytes.
    pub fn new(at: (usize, usize), message: impl Into<String>) -> Self {
        Fault { at, message: message.into(), hint: None }
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
