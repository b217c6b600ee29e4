//! The typed reader: takes values out of the tree of a file and collects everything that is wrong with them. A value of
//! the wrong kind is a fault and reads as absent, so that one pass finds every fault; whoever asks for the result
//! afterwards gets it only if there was none.
//!
//! Where the writing itself was broken, parts of the tree are missing. Then `lack` stays silent: what is absent may only
//! be unreadable, and one mistake deserves one message.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::keys::Keys;
use super::source::{Sources, line_around};
use super::suggestion::{listed, suggest, unknown_key, was_meant};
use super::syntax::{Entry, Faults, Language, Node, NodeValue, Span};
use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::template::is_template;

/// Of how many keys of a table it is asked what they were meant to be.
const MAX_GUESSED: usize = 200;

/// A text of a task that is a template, to be checked when everything is known that it may name.
#[derive(Clone)]
pub(crate) struct Written {
    /// Its key.
    pub(crate) name: String,
    /// The text.
    pub(crate) node: Node,
}

/// One definition being read, from one file or from several.
pub(crate) struct Reading<'a> {
    sources: &'a Sources,
    text: &'a str,
    /// The lines on which the writing itself is broken.
    broken: Cow<'a, [Span]>,
    faults: RefCell<Faults>,
    /// Places of which it was told already what is wrong there.
    told: Option<&'a HashSet<Span>>,
    has_told: Cell<bool>,
    warnings: RefCell<Vec<Fault>>,
    /// The templates of what is being read; nothing where there may be none.
    templates: RefCell<Option<Vec<Written>>>,
}

impl<'a> Reading<'a> {
    /// A reading of `sources`, in which the writing itself has these faults.
    pub(crate) fn new(sources: &'a Sources, faults: Faults) -> Self {
        let broken = sources.broken(&faults).collect();
        Reading {
            sources,
            text: sources.text(),
            broken: Cow::Owned(broken),
            faults: RefCell::new(faults),
            told: None,
            has_told: Cell::new(false),
            warnings: RefCell::default(),
            templates: RefCell::default(),
        }
    }

    /// A reading of one definition of several: the writing is `broken` on these lines, and what is wrong at places that
    /// were `told` is not told again.
    pub(crate) fn among(
        sources: &'a Sources,
        broken: Cow<'a, [Span]>,
        faults: Faults,
        told: Option<&'a HashSet<Span>>,
    ) -> Self {
        let faults = RefCell::new(faults);
        Reading { broken, told, faults, ..Reading::new(sources, Faults::default()) }
    }

    /// What was found, faults and warnings, each in the order of the file.
    pub(crate) fn finish(self) -> (Faults, Vec<Fault>) {
        let mut faults = self.faults.into_inner();
        faults.sort();
        (faults, self.warnings.into_inner())
    }

    /// The same, as lists. Of many faults the last says how many are not listed.
    pub(crate) fn told(self) -> (Vec<Fault>, Vec<Fault>) {
        let end = self.text.len();
        let (faults, warnings) = self.finish();
        (faults.told(end), warnings)
    }

    /// Whether something was wrong at a place of which it was told already.
    pub(crate) fn has_told(&self) -> bool {
        self.has_told.get()
    }

    /// Something is wrong.
    pub(crate) fn fault(&self, fault: Fault) {
        self.fault_at(fault.at, || fault);
    }

    /// Something is wrong there, and is worded only if it will be listed.
    pub(crate) fn fault_at(&self, at: Span, word: impl FnOnce() -> Fault) {
        if self.told.is_some_and(|told| told.contains(&at)) {
            self.has_told.set(true);
            return;
        }
        // Values on a line with a syntax error are guesses; its own message says enough.
        if !self.broken.iter().any(|line| at.0 <= line.1 && at.1 >= line.0) {
            self.faults.borrow_mut().push_with(word);
        }
    }

    /// Whether one fault more would be listed.
    fn has_room(&self) -> bool {
        self.faults.borrow().has_room()
    }

    /// Something is absent that must be there.
    pub(crate) fn lack(&self, fault: Fault) {
        if self.broken.is_empty() {
            self.fault(fault);
        }
    }

    /// Something is allowed and most likely not meant.
    pub(crate) fn warn(&self, warning: Fault) {
        self.warnings.borrow_mut().push(warning);
    }

    /// What `read` reads, and the templates in it.
    pub(crate) fn with_templates<T>(&self, read: impl FnOnce() -> T) -> (T, Vec<Written>) {
        let outer = self.templates.replace(Some(Vec::new()));
        let result = read();
        (result, self.templates.replace(outer).unwrap_or_default())
    }

    /// Takes note of a text that may be a template; `false` where there may be none.
    pub(crate) fn takes_template(&self, name: &str, node: &Node) -> bool {
        let mut templates = self.templates.borrow_mut();
        let Some(templates) = templates.as_mut() else { return false };
        if matches!(&node.value, NodeValue::Text(text) if is_template(text)) {
            templates.push(Written { name: name.to_owned(), node: node.clone() });
        }
        true
    }

    /// The place of `part`, bytes of the text that `node` holds; all of `node` where the file writes it with escapes.
    pub(crate) fn within(&self, node: &Node, part: Span) -> Span {
        let NodeValue::Text(text) = &node.value else { return node.span };
        let Some(written) = self.text.get(node.span.0..node.span.1) else { return node.span };
        if let Some(offset) = written.find(text.as_str()) {
            return (node.span.0 + offset + part.0, node.span.0 + offset + part.1);
        }
        // A text of many lines may be indented as a whole; each of its lines is there all the same.
        let (begin, end) = line_around(text, part.0);
        let line = text.get(begin..end).filter(|line| part.1 <= end && !line.trim().is_empty());
        match line.and_then(|line| written.find(line)) {
            Some(offset) => {
                let at = |offset_in_text: usize| node.span.0 + offset + offset_in_text - begin;
                (at(part.0), at(part.1))
            }
            None => node.span,
        }
    }

    /// Does `read`, and forgets what it warns about.
    pub(crate) fn without_warnings<T>(&self, read: impl FnOnce() -> T) -> T {
        let n_before = self.warnings.borrow().len();
        let done = read();
        self.warnings.borrow_mut().truncate(n_before);
        done
    }

    /// All that is written, as it is written.
    pub(crate) fn written(&self) -> &str {
        self.text
    }

    /// The number, counted from 1, of the line that holds this byte.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.sources.line(at)
    }

    /// The language that is written at this place.
    pub(crate) fn language(&self, at: usize) -> Language {
        self.sources.language(at)
    }

    fn wrong_kind(&self, name: &str, node: &Node, wanted: &str) -> Fault {
        Fault::new(node.span, format!("{} must be {wanted}, found {}", quoted(name), node.value.kind()))
    }

    /// The text of `node`.
    pub(crate) fn text<'n>(&self, name: &str, node: &'n Node) -> Option<&'n str> {
        if let NodeValue::Text(text) = &node.value {
            return Some(text);
        }
        let fault = self.wrong_kind(name, node, "a string");
        self.fault(match &node.value {
            NodeValue::Integer(number) => fault.hint(format!("write \"{number}\"")),
            NodeValue::Bool(flag) => fault.hint(format!("write \"{flag}\"")),
            NodeValue::Float(_)
            | NodeValue::Time(_)
            | NodeValue::List(_)
            | NodeValue::Table(_)
            | NodeValue::Text(_) => fault,
        });
        None
    }

    /// The text of `node`, which must say something.
    pub(crate) fn full_text<'n>(&self, name: &str, node: &'n Node) -> Option<&'n str> {
        let text = self.text(name, node)?;
        if text.trim().is_empty() {
            self.fault(Fault::new(node.span, format!("`{name}` is empty")));
            return None;
        }
        Some(text)
    }

    /// The items of `node`.
    pub(crate) fn list<'n>(&self, name: &str, node: &'n Node) -> Option<&'n [Node]> {
        if let NodeValue::List(items) = &node.value {
            return Some(items);
        }
        let fault = self.wrong_kind(name, node, "a list");
        let written = self.text.get(node.span.0..node.span.1).unwrap_or_default();
        let scalar = !matches!(node.value, NodeValue::Table(_)) && written.len() < 40 && !written.contains('\n');
        self.fault(if scalar { fault.hint(format!("write [{written}]")) } else { fault });
        None
    }

    /// The strings in `node`, a list, with the place of each.
    pub(crate) fn texts<'n>(&self, name: &str, node: &'n Node) -> Option<Vec<(&'n str, &'n Node)>> {
        let items = self.list(name, node)?;
        let item_name = item_of(name);
        Some(items.iter().filter_map(|item| Some((self.text(&item_name, item)?, item))).collect())
    }

    /// The named values in `node`.
    pub(crate) fn table<'n>(&self, name: &str, node: &'n Node) -> Option<&'n [Entry]> {
        if let NodeValue::Table(entries) = &node.value {
            return Some(entries);
        }
        self.fault(self.wrong_kind(name, node, "a table"));
        None
    }

    /// The whole number in `node`, if it is within `range`.
    pub(crate) fn integer(&self, name: &str, node: &Node, range: RangeInclusive<i64>) -> Option<i64> {
        let NodeValue::Integer(number) = node.value else {
            self.fault(self.wrong_kind(name, node, "an integer"));
            return None;
        };
        self.in_range(name, node, range, number)
    }

    fn number(&self, name: &str, node: &Node, range: RangeInclusive<f64>) -> Option<f64> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are wrong alike")]
        let number = match node.value {
            NodeValue::Integer(number) => number as f64,
            NodeValue::Float(number) => number,
            _ => {
                self.fault(self.wrong_kind(name, node, "a number"));
                return None;
            }
        };
        self.in_range(name, node, range, number)
    }

    fn in_range<T: PartialOrd + Display>(
        &self,
        name: &str,
        node: &Node,
        range: RangeInclusive<T>,
        number: T,
    ) -> Option<T> {
        if range.contains(&number) {
            return Some(number);
        }
        let (least, most) = range.into_inner();
        self.fault(Fault::new(node.span, format!("{} must be {least} to {most}, found {number}", quoted(name))));
        None
    }

    /// The length of time in `node`, at least `least`.
    pub(crate) fn duration(&self, name: &str, node: &Node, least: Duration) -> Option<Duration> {
        let NodeValue::Text(text) = &node.value else {
            let fault = self.wrong_kind(name, node, "a duration as in \"90s\"");
            let seconds = matches!(node.value, NodeValue::Integer(1..));
            let written = self.text.get(node.span.0..node.span.1).unwrap_or_default();
            self.fault(if seconds { fault.hint(format!("write \"{written}s\" for seconds")) } else { fault });
            return None;
        };
        match text.parse::<Duration>() {
            Ok(duration) if duration >= least => Some(duration),
            Ok(_) => {
                let zero = least <= Duration::from_micros(1);
                let wanted = if zero { "longer than zero".to_owned() } else { format!("at least {least}") };
                self.fault(Fault::new(node.span, format!("`{name}` must be {wanted}, found `{text}`")));
                None
            }
            Err(error) => {
                self.fault(Fault::new(node.span, format!("`{name}`: {error}")));
                None
            }
        }
    }
}

/// An item of the list `name`, as a sentence names it.
pub(crate) fn item_of(name: &str) -> String {
    format!("an item of `{name}`")
}

/// A key in backticks; what is words already stays as it is.
fn quoted(name: &str) -> String {
    if name.contains(' ') { name.to_owned() } else { format!("`{name}`") }
}

/// Whether a key is for other readers: the name of a schema at the top of a file, and whatever begins with `x-`.
fn is_remark(key: &str, keys: &Keys) -> bool {
    key.starts_with("x-") || (key == "$schema" && keys.is_top())
}

/// One table being read: its entries, and what such a table may say.
pub(crate) struct Fields<'a> {
    /// The file it is part of.
    pub(crate) reading: &'a Reading<'a>,
    /// Where it begins.
    pub(crate) span: Span,
    keys: &'static Keys,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// The table in `node`, its unknown keys reported.
    pub(crate) fn open(
        reading: &'a Reading<'a>,
        name: &str,
        node: &'a Node,
        keys: &'static Keys,
    ) -> Option<Fields<'a>> {
        let entries = reading.table(name, node)?;
        for entry in entries.iter().filter(|entry| !keys.known.contains(&entry.key.as_str())) {
            if !is_remark(&entry.key, keys) {
                let word = || unknown_key(entry, keys, reading.language(entry.key_span.0));
                reading.fault_at(entry.key_span, word);
            }
        }
        Some(Fields { reading, span: node.span, keys, entries })
    }

    /// Whether such a table may say that key.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.keys.known.contains(&key)
    }

    /// The entry of that name.
    pub(crate) fn entry(&self, key: &str) -> Option<&'a Entry> {
        debug_assert!(self.knows(key), "`{key}` is not in the table of known keys");
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entry of that name, unless it lies under this table: in `[defaults]`, or above `[jobs]`.
    pub(crate) fn own(&self, key: &str) -> Option<&'a Entry> {
        self.entry(key).filter(|entry| entry.key_span.0 >= self.span.0)
    }

    /// The value of that name.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The first entry of those names that the file gives.
    pub(crate) fn first_of(&self, keys: &[&str]) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| keys.contains(&entry.key.as_str()))
    }

    /// The one entry that must be given of `keys`; reports none and more than one.
    pub(crate) fn one_of(&self, keys: &[&str], what: &str) -> Option<&'a Entry> {
        let mut given = self.entries.iter().filter(|entry| keys.contains(&entry.key.as_str()));
        let Some(first) = given.next() else {
            // A kind that a later version brings, or one that is misspelt, was named already.
            let named = self.first_of(self.keys.later).is_some();
            let is_meant = || self.entries.iter().take(MAX_GUESSED).any(|entry| was_meant(entry, keys));
            if !named && (!self.reading.has_room() || !is_meant()) {
                let fault = Fault::new(self.span, format!("{} needs {what}", self.keys.what));
                self.reading.lack(fault.hint(format!("give one of {}", listed(keys))));
            }
            return None;
        };
        for other in given {
            let message = format!("`{}` and `{}` cannot both be given", first.key, other.key);
            self.reading.fault(Fault::new(other.key_span, message));
        }
        Some(first)
    }

    /// Text, if given.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(|node| self.reading.text(key, node))
    }

    /// Text that says something, if given.
    pub(crate) fn full_text(&self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(|node| self.reading.full_text(key, node))
    }

    /// True or false, if given.
    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        let NodeValue::Bool(flag) = node.value else {
            let fault = self.reading.wrong_kind(key, node, "`true` or `false`");
            let word = if let NodeValue::Text(text) = &node.value { text.to_ascii_lowercase() } else { String::new() };
            self.reading.fault(match word.as_str() {
                "yes" | "on" | "true" if self.reading.language(node.span.0) == Language::Yaml => {
                    fault.hint("write true")
                }
                "no" | "off" | "false" if self.reading.language(node.span.0) == Language::Yaml => {
                    fault.hint("write false")
                }
                _ => fault,
            });
            return None;
        };
        Some(flag)
    }

    /// A whole number of 1 to `most`, if given.
    pub(crate) fn count(&self, key: &str, most: u32) -> Option<u32> {
        let number = self.integer(key, 1..=i64::from(most))?;
        u32::try_from(number).ok()
    }

    /// A whole number within `range`, if given.
    pub(crate) fn integer(&self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        self.get(key).and_then(|node| self.reading.integer(key, node, range))
    }

    /// A number within `range`, if given.
    pub(crate) fn number(&self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        self.get(key).and_then(|node| self.reading.number(key, node, range))
    }

    /// A length of time of zero or more, if given.
    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        self.get(key).and_then(|node| self.reading.duration(key, node, Duration::ZERO))
    }

    /// A length of time that is longer than zero, if given.
    pub(crate) fn some_duration(&self, key: &str) -> Option<Duration> {
        self.get(key).and_then(|node| self.reading.duration(key, node, Duration::from_micros(1)))
    }

    /// The items of a list, if given.
    pub(crate) fn list(&self, key: &str) -> Option<&'a [Node]> {
        self.get(key).and_then(|node| self.reading.list(key, node))
    }

    /// The tables of a list that is written as `[[key]]`, if given.
    pub(crate) fn tables(&self, key: &str) -> Option<&'a [Node]> {
        let node = self.get(key)?;
        let NodeValue::List(items) = &node.value else {
            let fault = self.reading.wrong_kind(key, node, "a list of tables");
            self.reading.fault(match self.reading.language(node.span.0) {
                Language::Toml => fault.hint(format!("write `[[{key}]]`")),
                Language::Yaml => fault.hint("begin each table with `- `"),
                Language::Json => fault.hint("put `[` and `]` around it"),
            });
            return None;
        };
        Some(items)
    }

    /// The strings of a list, if given.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<(&'a str, &'a Node)>> {
        self.get(key).and_then(|node| self.reading.texts(key, node))
    }

    /// What one word of `words` stands for, if given; `later` are words that a later version brings.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], later: &[&str]) -> Option<T> {
        let node = self.get(key)?;
        let text = self.reading.text(key, node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        self.reading.fault_at(node.span, || {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            if later.contains(&text) {
                let message = format!("`{key} = \"{text}\"` is not supported by this version");
                return Fault::new(node.span, message).hint(format!("use {}", listed(&known)));
            }
            let fault = Fault::new(node.span, format!("`{key}` must be {}, found `{text}`", listed(&known)));
            suggest(fault, text, &known)
        });
        None
    }
}
