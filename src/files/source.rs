//! Several texts as one: a definition may be written in a file, in drop-ins over it and in defaults under it. Each text
//! has its stretch of one long text, so that a place is two numbers wherever it is, and still names its file.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::diagnostics;
use super::lines::Lines;
use super::owner::{Holder, Speaker};
use super::syntax::{Entry, Faults, Language, Node, NodeValue, Span};
use crate::model::invalid::{Fault, Problem};

/// One text.
#[derive(Debug)]
struct Source {
    start: usize,
    path: PathBuf,
    language: Language,
    /// Found when the first place in it is asked for: of most defaults nobody asks.
    lines: OnceCell<Lines>,
    holder: Holder,
    /// Found when somebody asks whose word it is: most texts ask for nothing.
    speaker: OnceCell<Speaker>,
}

/// The texts of one definition, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    text: String,
    all: Vec<Source>,
}

impl Sources {
    /// Adds a text, and returns by how much its places move.
    pub(crate) fn add(&mut self, path: &Path, text: &str, language: Language, holder: Holder) -> usize {
        if !self.all.is_empty() {
            // What ends one text must not run on into the next.
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.push_str(text);
        let path = path.to_owned();
        self.all.push(Source { start, path, language, lines: OnceCell::new(), holder, speaker: OnceCell::new() });
        start
    }

    /// All texts as one.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The number of the text that holds this byte.
    pub(super) fn index(&self, at: usize) -> usize {
        self.all.partition_point(|source| source.start <= at).saturating_sub(1)
    }

    /// The language that is written at this place.
    pub(crate) fn language(&self, at: usize) -> Language {
        self.all.get(self.index(at)).map_or(Language::Toml, |source| source.language)
    }

    /// The text with that number, and its lines.
    fn lines(&self, index: usize) -> (&str, &Lines) {
        let source = &self.all[index];
        let end = self.all.get(index + 1).map_or(self.text.len(), |next| next.start - 1);
        let text = &self.text[source.start..end];
        (text, source.lines.get_or_init(|| Lines::of(text)))
    }

    /// The number, counted from 1, of the line of its file that holds this byte.
    pub(crate) fn line(&self, at: usize) -> usize {
        let index = self.index(at);
        self.all.get(index).map_or(1, |source| self.lines(index).1.line(at - source.start))
    }

    /// Line and column of this byte in its file.
    pub(crate) fn position(&self, at: usize) -> (u32, u32) {
        let index = self.index(at);
        self.all.get(index).map_or((1, 1), |source| {
            let (text, lines) = self.lines(index);
            lines.position(text, at - source.start)
        })
    }

    /// The file that holds this byte.
    pub(crate) fn path(&self, at: usize) -> &Path {
        self.all.get(self.index(at)).map_or(Path::new(""), |source| &source.path)
    }

    /// The lines on which these faults of the writing are. Beyond those that are listed, nothing is gained by sorting
    /// guesses from facts.
    pub(crate) fn broken(&self, faults: &Faults) -> impl Iterator<Item = Span> {
        faults.listed().iter().map(|fault| line_around(&self.text, fault.at.0))
    }

    /// The fault as a problem of the file that it is in.
    fn problem(&self, fault: &Fault) -> Problem {
        let index = self.index(fault.at.0);
        let Some(source) = self.all.get(index) else {
            return diagnostics::problem(Path::new(""), &[], fault);
        };
        let (text, lines) = self.lines(index);
        let place = |at: usize| lines.position(text, at - source.start);
        diagnostics::placed(&source.path, place(fault.at.0), place(fault.at.1.max(fault.at.0)), fault)
    }

    /// The file that is the text of that number.
    pub(super) fn path_of(&self, index: usize) -> &Path {
        self.all.get(index).map_or(Path::new(""), |source| &source.path)
    }

    /// Whose word the text of that number is.
    pub(super) fn speaker(&self, index: usize) -> &Speaker {
        const NOBODYS: &Speaker = &Speaker::Root;
        self.all
            .get(index)
            .map_or(NOBODYS, |source| source.speaker.get_or_init(|| Speaker::of(source.holder, &source.path)))
    }

    /// The faults as problems.
    pub(crate) fn problems(&self, faults: Vec<Fault>) -> Vec<Problem> {
        faults.into_iter().map(|fault| self.problem(&fault)).collect()
    }
}

/// The line that holds the byte at `at`.
pub(crate) fn line_around(text: &str, at: usize) -> Span {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length);
    (start, end)
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
