//! Several texts as one: a definition may be written in a file, in drop-ins over it and in defaults under it. Each text
//! has its stretch of one long text, so that a place is two numbers wherever it is, and still names its file.

use std::path::{Path, PathBuf};

use super::diagnostics;
use super::syntax::{Entry, Language, Node, NodeValue};
use crate::model::invalid::{Fault, Problem};

/// One text.
#[derive(Debug)]
struct Source {
    start: usize,
    path: PathBuf,
    language: Language,
}

/// The texts of one definition, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    text: String,
    all: Vec<Source>,
}

impl Sources {
    /// Adds a text, and returns by how much its places move.
    pub(crate) fn add(&mut self, path: &Path, text: &str, language: Language) -> usize {
        if !self.all.is_empty() {
            // What ends one text must not run on into the next.
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.all.push(Source { start, path: path.to_owned(), language });
        start
    }

    /// All texts as one.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn index(&self, at: usize) -> usize {
        self.all.partition_point(|source| source.start <= at).saturating_sub(1)
    }

    /// The language that is written at this place.
    pub(crate) fn language(&self, at: usize) -> Language {
        self.all.get(self.index(at)).map_or(Language::Toml, |source| source.language)
    }

    /// The number, counted from 1, of the line of its file that holds this byte.
    pub(crate) fn line(&self, at: usize) -> usize {
        let start = self.all.get(self.index(at)).map_or(0, |source| source.start);
        let before = &self.text.as_bytes()[start.min(at)..at.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// The file that holds this byte.
    pub(crate) fn path(&self, at: usize) -> &Path {
        self.all.get(self.index(at)).map_or(Path::new(""), |source| &source.path)
    }

    /// The fault as a problem of the file that it is in.
    pub(crate) fn problem(&self, mut fault: Fault) -> Problem {
        let index = self.index(fault.at.0);
        let Some(source) = self.all.get(index) else {
            return diagnostics::problem(Path::new(""), &[], fault);
        };
        let end = self.all.get(index + 1).map_or(self.text.len(), |next| next.start - 1);
        fault.at = (fault.at.0 - source.start, fault.at.1.min(end).max(fault.at.0) - source.start);
        diagnostics::problem(&source.path, &self.text.as_bytes()[source.start..end], fault)
    }

    /// The faults as problems.
    pub(crate) fn problems(&self, faults: Vec<Fault>) -> Vec<Problem> {
        faults.into_iter().map(|fault| self.problem(fault)).collect()
    }
}

/// Moves every place of a tree.
pub(crate) fn shift(node: &mut Node, by: usize) {
    node.span = (node.span.0 + by, node.span.1 + by);
    match &mut node.value {
        NodeValue::List(items) => items.iter_mut().for_each(|item| shift(item, by)),
        NodeValue::Table(entries) => {
            for Entry { key_span, node, .. } in entries {
                *key_span = (key_span.0 + by, key_span.1 + by);
                shift(node, by);
            }
        }
        NodeValue::Text(_) | NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Bool(_) | NodeValue::Time(_) => {}
    }
}
