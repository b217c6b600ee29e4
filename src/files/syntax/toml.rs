//! TOML into the tree. The parser recovers after an error, so one pass finds all of them. It bounds lists and inline
//! tables within each other but not the parts of a dotted key, each of which is a table more: a key of half a million
//! parts would overflow the stack when its tables are dropped. So keys are measured before anything is built.

use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::{Document, Entry, Faults, MAX_DEPTH, Node, NodeValue, Span};
use crate::model::invalid::Fault;

const UNCLOSED: &[&str] = &[
    "invalid basic string, expected",
    "invalid literal string, expected",
    "invalid multi-line basic string, expected",
    "invalid multi-line literal string, expected",
];

/// Takes `text` apart.
pub(super) fn parse(text: &str) -> Document {
    if let Some(span) = overlong_key(text) {
        let root = Node { span: (0, 0), value: NodeValue::Table(Vec::new()) };
        let mut faults = Faults::default();
        faults.push(Fault::new(span, format!("the key has more than {MAX_DEPTH} parts")));
        return Document { root, faults };
    }
    let (root, mut errors) = DeTable::parse_recoverable(text);
    // The first are told, and those are not always found first.
    errors.sort_by_key(|error| error.span().map_or(0, |range| range.start));
    let mut faults = Faults::default();
    errors.iter().for_each(|error| faults.push_with(|| syntax_fault(text, error)));
    let value = table(root.get_ref(), 1, &mut faults);
    Document { root: Node { span: (0, 0), value }, faults }
}

/// The line on which a chain of dots is longer than any key may be. Outside of strings and comments, dots are only in
/// keys and numbers.
fn overlong_key(text: &str) -> Option<Span> {
    let mut n_dots = 0;
    let mut line_start = 0;
    for token in Source::new(text).lex() {
        let span = token.span();
        let kind = token.kind();
        if kind == TokenKind::Dot {
            n_dots += 1;
        } else if matches!(kind, TokenKind::Newline | TokenKind::Equals | TokenKind::Comma) {
            n_dots = 0;
        }
        if kind == TokenKind::Newline {
            line_start = span.end();
        }
        if n_dots >= MAX_DEPTH {
            return Some((line_start, span.end()));
        }
    }
    None
}

fn syntax_fault(text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().map_or((0, 0), |range| (range.start, range.end));
    let message = error.message();
    // The parser speaks of its grammar; these are what people get wrong most.
    let message = match text.get(span.0..span.1) {
        Some(key) if message == "duplicate key" => format!("duplicate key `{key}`"),
        _ if message.starts_with("string values must be quoted") => "a string must be in quotes".to_owned(),
        _ if UNCLOSED.iter().any(|unclosed| message.starts_with(unclosed)) => "the string is not closed".to_owned(),
        _ => message.replace('\n', " "),
    };
    Fault::new(span, message)
}

fn table(table: &DeTable<'_>, depth: usize, faults: &mut Faults) -> NodeValue {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            key_span: (key.span().start, key.span().end),
            node: node(value, depth, faults),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.0);
    NodeValue::Table(entries)
}

fn node(value: &toml::Spanned<DeValue<'_>>, depth: usize, faults: &mut Faults) -> Node {
    let span = (value.span().start, value.span().end);
    let deeper = depth + 1;
    let too_deep = deeper > MAX_DEPTH;
    let value = match value.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if too_deep => {
            faults.push_with(|| Fault::new(span, super::too_deep()));
            NodeValue::List(Vec::new())
        }
        DeValue::Array(items) => NodeValue::List(items.iter().map(|item| node(item, deeper, faults)).collect()),
        DeValue::Table(inner) => table(inner, deeper, faults),
        DeValue::String(text) => NodeValue::Text(text.clone().into_owned()),
        DeValue::Boolean(flag) => NodeValue::Bool(*flag),
        DeValue::Datetime(time) => NodeValue::Time(time.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => NodeValue::Integer(number),
            Err(_) => {
                faults.push_with(|| Fault::new(span, super::beyond(&number.to_string())));
                NodeValue::Integer(0)
            }
        },
        DeValue::Float(number) => NodeValue::Float(number.as_str().parse().unwrap_or(f64::NAN)),
    };
    Node { span, value }
}
