//! YAML into the tree: one document, the core schema of YAML 1.2, so only `true` and `false` are booleans (`no` and `on`
//! are texts) and a date is a text. What makes YAML a language of surprises is refused by name: anchors and aliases (with
//! them every bomb), tags, merge keys, directives, several documents, numbers with a leading zero, keys without a value.
//!
//! The parser stops at the first error of the writing. The tree keeps what came before it, and reading goes on at the
//! next line that begins with a key in the first column, so that one pass finds what is wrong further down.

#![expect(clippy::wildcard_enum_match_arm, reason = "the parser may learn more events")]

mod error;
mod scalar;

use std::collections::HashSet;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, StructureStyle, options};

use self::scalar::{is_null, plain};
use super::{Document, Entry, Faults, MAX_DEPTH, MAX_VALUES, Node, NodeValue, Span};
use crate::model::invalid::Fault;

/// How often reading goes on after an error.
const MAX_RESTARTS: usize = 200;
const MISSING: &str = "leave it out, or give it a value";

/// Takes `text` apart.
pub(super) fn parse(text: &str) -> Document {
    let mut root = Table::default();
    let mut faults = Faults::default();
    let mut n_values = 0;
    let mut start = 0;
    for _ in 0..MAX_RESTARTS {
        let part = &text[start..];
        let mut reader = Reader::new(part, start, n_values);
        reader.document(&mut root);
        n_values = reader.n_values;
        let broken_at = reader.broken_at;
        faults.append(reader.faults);
        let Some(next) = broken_at.and_then(|at| next_key(text, at)) else { break };
        start = next;
    }
    Document { root: Node { span: (0, 0), value: NodeValue::Table(root.entries) }, faults }
}

/// The beginning of the next line after `at` that may hold a key of the top level.
fn next_key(text: &str, at: usize) -> Option<usize> {
    let mut line = at + text.get(at..)?.find('\n')? + 1;
    loop {
        let rest = &text[line..];
        if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '"' | '\'')) {
            return Some(line);
        }
        line += rest.find('\n')? + 1;
    }
}

/// A table under construction.
#[derive(Default)]
struct Table {
    entries: Vec<Entry>,
    keys: HashSet<String>,
}

/// One stretch of the text being read.
struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    /// Where the stretch begins.
    offset: usize,
    n_values: usize,
    faults: Faults,
    /// Where the writing is broken; nothing comes after it.
    broken_at: Option<usize>,
    has_ended: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, offset: usize, n_values: usize) -> Self {
        let options = options! {
            emit_comments: false,
            emit_anchor_events: true,
            emit_unresolved_aliases: true,
            disallow_directives: true,
            flow_nesting_limit: 4 * MAX_DEPTH,
            block_nesting_limit: 4 * MAX_DEPTH,
        };
        let parser = Parser::new_from_str_with_options(text, options);
        Reader { parser, text, offset, n_values, faults: Faults::default(), broken_at: None, has_ended: false }
    }

    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        while !self.has_ended {
            match self.parser.next_event()? {
                Ok((Event::Anchor(_, name), span)) => {
                    let fault = Fault::new(self.place(&span), format!("anchors are not supported, found `&{name}`"));
                    self.faults.push(fault.hint("write the value out where it is needed"));
                }
                Ok((event, span)) => return Some((event, self.place(&span))),
                Err(error) => self.break_off(&error),
            }
        }
        None
    }

    fn place(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or_default();
        (self.offset + range.start, self.offset + range.end)
    }

    fn break_off(&mut self, error: &ScanError) {
        // What is missing at the end is missing behind the last word, not below it.
        let least = error.marker().byte_offset().unwrap_or_default();
        let at = if least < self.text.len() { least } else { self.text.trim_end().len() };
        let at = self.offset + at;
        let (message, hint) = error::in_our_words(error.kind());
        let end = at + usize::from(at < self.offset + self.text.len());
        let fault = Fault::new((at, end), message);
        self.faults.push(match hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        });
        self.broken_at = Some(at);
        self.has_ended = true;
    }

    fn document(&mut self, root: &mut Table) {
        let mut n_documents = 0;
        while let Some((event, span)) = self.next() {
            match event {
                Event::DocumentStart(..) => {
                    n_documents += 1;
                    if n_documents > 1 {
                        let fault = Fault::new(span, "a file holds one document, and here a second begins");
                        self.faults.push(fault.hint("give it a file of its own"));
                        self.has_ended = true;
                    }
                }
                Event::MappingStart(_, _, tag) => {
                    self.refuse_tag(tag.is_some(), span);
                    self.entries(root, 1);
                }
                Event::Scalar(text, ScalarStyle::Plain, _, None) if is_null(&text) => {}
                other
                @ (Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(_) | Event::UnresolvedAlias(_)) => {
                    let fault = Fault::new(span, "the file must be a table, as in `shell: echo hello`");
                    self.faults.push(fault);
                    self.skip(&other);
                }
                _ => {}
            }
        }
    }

    /// Passes over what a value holds.
    fn skip(&mut self, event: &Event<'_>) {
        let mut depth = usize::from(matches!(event, Event::SequenceStart(..) | Event::MappingStart(..)));
        while depth > 0 {
            let Some((event, _)) = self.next() else { return };
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                _ => {}
            }
        }
    }

    /// The entries of a table whose beginning was read. Returns where it ends.
    fn entries(&mut self, table: &mut Table, depth: usize) -> usize {
        let mut end = 0;
        while let Some((event, span)) = self.next() {
            end = span.1;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.key(&event, span);
            let Some((event, span)) = self.next() else { break };
            let missing = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if is_null(text));
            let Some(key) = key else {
                self.skip(&event);
                continue;
            };
            if missing {
                self.faults.push(Fault::new(key.1, format!("`{}` has no value", key.0)).hint(MISSING));
                continue;
            }
            let Some(node) = self.value(event, span, depth) else { continue };
            if table.keys.insert(key.0.clone()) {
                table.entries.push(Entry { key: key.0, key_span: key.1, node });
            } else {
                self.faults.push(Fault::new(key.1, format!("duplicate key `{}`", key.0)));
            }
        }
        end
    }

    fn key(&mut self, event: &Event<'_>, span: Span) -> Option<(String, Span)> {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<" => {
                let fault = Fault::new(span, "merge keys are not supported, found `<<`");
                self.faults.push(fault.hint("write the keys out"));
                None
            }
            Event::Scalar(text, style, _, tag) => {
                self.refuse_tag(tag.is_some(), span);
                if *style == ScalarStyle::Plain && is_null(text) {
                    self.faults.push(Fault::new(span, "a key is missing before this `:`"));
                    return None;
                }
                Some((text.clone().into_owned(), span))
            }
            other => {
                self.faults.push(Fault::new(span, "a key must be a text"));
                self.skip(other);
                None
            }
        }
    }

    fn refuse_tag(&mut self, is_tagged: bool, at: Span) {
        if is_tagged {
            let fault = Fault::new(at, "tags are not supported, found one before this value");
            self.faults.push(fault.hint("put a text in quotes, and write everything else plainly"));
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Option<Node> {
        self.n_values += 1;
        if self.n_values > MAX_VALUES {
            self.faults.push(Fault::new(span, super::too_many()));
            self.has_ended = true;
            return None;
        }
        let deeper = depth + 1;
        match event {
            Event::Scalar(text, style, _, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let written = self.text.get(span.0 - self.offset..span.1 - self.offset).unwrap_or_default();
                let span = (span.0, span.0 + written.trim_end().len());
                Some(Node { span, value: self.scalar(&text, style, span)? })
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let fault = Fault::new(span, "aliases are not supported");
                self.faults.push(fault.hint("write the value out; what many tasks share goes to the top level"));
                None
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if deeper > MAX_DEPTH => {
                self.faults.push(Fault::new(span, super::too_deep()));
                self.skip(&event);
                Some(Node { span, value: NodeValue::List(Vec::new()) })
            }
            Event::SequenceStart(style, _, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let mut items = Vec::new();
                let mut end = span.1;
                while let Some((event, at)) = self.next() {
                    end = at.1;
                    if event == Event::SequenceEnd {
                        break;
                    }
                    items.extend(self.item(event, at, deeper));
                }
                let first = items.first().map(|item: &Node| item.span);
                Some(Node { span: extent(style, span, first, end), value: NodeValue::List(items) })
            }
            Event::MappingStart(style, _, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let mut table = Table::default();
                let end = self.entries(&mut table, deeper).max(span.1);
                let first = table.entries.first().map(|entry| entry.key_span);
                Some(Node { span: extent(style, span, first, end), value: NodeValue::Table(table.entries) })
            }
            _ => None,
        }
    }

    fn item(&mut self, event: Event<'a>, at: Span, depth: usize) -> Option<Node> {
        if matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if is_null(text)) {
            self.faults.push(Fault::new(at, "an item of a list has no value").hint(MISSING));
            return None;
        }
        self.value(event, at, depth)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Option<NodeValue> {
        if style != ScalarStyle::Plain {
            return Some(NodeValue::Text(text.to_owned()));
        }
        match plain(text) {
            Ok(value) => Some(value),
            Err((message, hint)) => {
                let fault = Fault::new(span, message);
                self.faults.push(match hint {
                    Some(hint) => fault.hint(hint),
                    None => fault,
                });
                None
            }
        }
    }
}

/// Where a collection is: from bracket to bracket, or, written in lines, where the first thing in it is.
fn extent(style: StructureStyle, begin: Span, first: Option<Span>, end: usize) -> Span {
    match (style, first) {
        (StructureStyle::Block, Some(first)) => first,
        (StructureStyle::Block, None) => begin,
        (StructureStyle::Flow, _) => (begin.0, end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let document = parse(text);
        let found: Vec<_> = document.faults.listed().iter().map(|fault| (fault.at.0, fault.message.as_str())).collect();
        assert_eq!(found, expected, "{:?}", &text[..text.len().min(200)]);
    }

    fn value(text: &str) -> NodeValue {
        let document = parse(&format!("k: {text}\n"));
        assert_eq!(document.faults.listed(), [], "{text}");
        let NodeValue::Table(mut root) = document.root.value else { panic!("the root is a table") };
        root.remove(0).node.value
    }

    #[test]
    fn only_what_the_core_schema_says_is_more_than_text() {
        let text = |text: &str| NodeValue::Text(text.to_owned());
        for (written, expected) in [
            ("no", text("no")),
            ("on", text("on")),
            ("Yes", text("Yes")),
            ("true", NodeValue::Bool(true)),
            ("FALSE", NodeValue::Bool(false)),
            ("12", NodeValue::Integer(12)),
            ("-3", NodeValue::Integer(-3)),
            ("0o17", NodeValue::Integer(15)),
            ("0xff", NodeValue::Integer(255)),
            ("1_000", text("1_000")),
            ("12:30:00", text("12:30:00")),
            ("2027-01-01T00:00:00Z", text("2027-01-01T00:00:00Z")),
            ("1.5", NodeValue::Float(1.5)),
            ("1e3", NodeValue::Float(1000.0)),
            (".5", NodeValue::Float(0.5)),
            ("-.inf", NodeValue::Float(f64::NEG_INFINITY)),
            ("1.2.3", text("1.2.3")),
            ("e3", text("e3")),
            ("'no'", text("no")),
            ("\"1\"", text("1")),
            ("|\n  a\n  b", text("a\nb\n")),
            (">-\n  a\n  b", text("a b")),
        ] {
            assert_eq!(value(written), expected, "{written}");
        }
    }

    #[test]
    fn what_surprises_is_refused_by_name() {
        check("a: &x 1\nb: *x\n", &[(3, "anchors are not supported, found `&x`"), (11, "aliases are not supported")]);
        check("b: *x\n", &[(3, "aliases are not supported")]);
        check("<<: {a: 1}\n", &[(0, "merge keys are not supported, found `<<`")]);
        check("a: !!int 1\n", &[(9, "tags are not supported, found one before this value")]);
        check("a: 1\n---\nb: 1\n", &[(5, "a file holds one document, and here a second begins")]);
        check("%YAML 1.1\n---\na: 1\n", &[(0, "directives are not supported")]);
        check("a: 0755\n", &[(3, "`0755` begins with a zero, which is read in several ways")]);
        check(
            "a:\nb: ~\nc: [1, null]\n",
            &[(0, "`a` has no value"), (3, "`b` has no value"), (15, "an item of a list has no value")],
        );
        check("a: 1\na: 2\n", &[(5, "duplicate key `a`")]);
        check("[a]: 1\n", &[(0, "a key must be a text")]);
        check("- a\n", &[(0, "the file must be a table, as in `shell: echo hello`")]);
        check("a: 99999999999999999999\n", &[(3, "`99999999999999999999` is beyond what a 64-bit integer holds")]);
        check("# nothing\n", &[]);
        check("\u{feff}a: 1\n", &[]);
    }

    #[test]
    fn reading_goes_on_after_an_error() {
        check("a: b: c\nd: 1\ne: 'x\n", &[(4, "`:` cannot stand here"), (18, "the string is not closed")]);
        check(
            "a: [1\nb: 2\nc: 'x'y\nd: 1\nd: 2\n",
            &[
                (7, "`:` cannot stand here"),
                (17, "something stands behind the closing quote"),
                (24, "duplicate key `d`"),
            ],
        );
    }

    #[test]
    fn depth_and_numbers_of_values_are_bounded() {
        let deep = "the value lies in more than 16 tables and lists";
        check(&format!("a: {}1{}", "[".repeat(15), "]".repeat(15)), &[]);
        check(&format!("a: {}1{}", "[".repeat(16), "]".repeat(16)), &[(18, deep)]);
        assert_eq!(parse(&format!("a: {}", "[".repeat(500_000))).faults.listed().len(), 1);
        assert_eq!(parse(&"- ".repeat(400_000)).faults.listed().len(), 2);
        check(&format!("a: [{}]", "1,".repeat(300_000)), &[(400_002, "the file holds more than 200000 values")]);
    }
}
