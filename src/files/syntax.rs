//! The tree of what a file says, with the place of everything in it, whatever language it is written in.
//!
//! A written language is one submodule that turns text into this tree; everything above reads the tree and never the
//! language. The tree says nothing about meaning. It is bounded: a file of at most `MAX_BYTES`, at most `MAX_DEPTH`
//! tables and lists within each other; and of what is wrong with its writing, at most `MAX_LISTED` faults are listed.

mod faults;
mod json;
mod toml;
mod yaml;

use std::path::Path;

use crate::model::invalid::Fault;

pub(crate) use faults::not_listed;
pub use faults::{Faults, MAX_LISTED};

/// The longest file that is read.
pub const MAX_BYTES: u64 = 1 << 20;
/// How deep tables and lists may lie within each other.
pub const MAX_DEPTH: usize = 16;

/// How many values a file in YAML or JSON may hold: more are no definition, and would take long to judge.
const MAX_VALUES: usize = 200_000;

/// A written language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// TOML 1.0.
    Toml,
    /// YAML 1.2, core schema: one document of plain tables, lists and scalars.
    Yaml,
    /// JSON as RFC 8259 has it.
    Json,
}

impl Language {
    /// The language that a file's name promises.
    pub fn of(path: &Path) -> Option<Language> {
        match path.extension()?.to_str()? {
            "toml" => Some(Language::Toml),
            "yaml" | "yml" => Some(Language::Yaml),
            "json" => Some(Language::Json),
            _ => None,
        }
    }
}

/// Bytes of the file, from the first to one past the last.
pub type Span = (usize, usize);

/// One value and where it is written.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where; a table that is written in pieces is where its first piece begins.
    pub span: Span,
    /// What.
    pub value: NodeValue,
}

/// What a file can say.
#[derive(Clone, PartialEq, Debug)]
pub enum NodeValue {
    /// Text, escapes resolved.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A date, a time or both, in the words of RFC 3339.
    Time(String),
    /// Values in order.
    List(Vec<Node>),
    /// Named values in the order of the file; no name twice.
    Table(Vec<Entry>),
}

impl NodeValue {
    /// The kind of value, as a sentence names it.
    pub fn kind(&self) -> &'static str {
        match self {
            NodeValue::Text(_) => "a string",
            NodeValue::Integer(_) => "an integer",
            NodeValue::Float(_) => "a decimal number",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Time(_) => "a date or time",
            NodeValue::List(_) => "a list",
            NodeValue::Table(_) => "a table",
        }
    }
}

/// One named value of a table.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The name.
    pub key: String,
    /// Where the name is written.
    pub key_span: Span,
    /// The value.
    pub node: Node,
}

/// A file that was taken apart.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// Always a table; what could be recovered, if there are faults.
    pub root: Node,
    /// What is wrong with the writing itself.
    pub faults: Faults,
}

/// Takes the bytes of a file apart, or says why they are no text. An empty text is an empty table.
pub fn parse(bytes: &[u8], language: Language) -> Result<(&str, Document), Fault> {
    let text = text(bytes)?;
    let mut document = match language {
        Language::Toml => toml::parse(text),
        Language::Yaml => yaml::parse(text),
        Language::Json => json::parse(text),
    };
    document.faults.sort();
    Ok((text, document))
}

fn too_deep() -> String {
    format!("the value lies in more than {MAX_DEPTH} tables and lists")
}

fn beyond(number: &str) -> String {
    format!("`{number}` is beyond what a 64-bit integer holds")
}

fn too_many() -> String {
    format!("the file holds more than {MAX_VALUES} values")
}

/// The fault of a file that is longer than one may be.
pub(crate) fn too_long() -> Fault {
    let message = format!("the file is longer than {MAX_BYTES} bytes (1 MiB)");
    Fault::new((0, 0), message).hint("keep what a task reads in a file of its own")
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_long());
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Fault::new((at, at + 1), "the file holds a NUL byte, so it is not text"));
    }
    str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::new((at, at + 1), "the file is not UTF-8 from here on").hint("save it as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &[(usize, &str)]) {
        let faults = match parse(bytes, Language::Toml) {
            Ok((_, document)) => document.faults.listed().to_vec(),
            Err(fault) => vec![fault],
        };
        let found: Vec<_> = faults.iter().map(|fault| (fault.at.0, fault.message.as_str())).collect();
        assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
    }

    #[test]
    fn what_is_no_text_is_refused_at_its_place() {
        check(b"a = '\xff'", &[(5, "the file is not UTF-8 from here on")]);
        check(b"\x7fELF\0\0", &[(4, "the file holds a NUL byte, so it is not text")]);
        check(&vec![b'#'; (1 << 20) + 1], &[(0, "the file is longer than 1048576 bytes (1 MiB)")]);
        check(&vec![b'#'; 1 << 20], &[]);
        check(b"", &[]);
        check("\u{feff}a = 1".as_bytes(), &[]);
    }

    #[test]
    fn every_syntax_error_is_told_in_one_pass() {
        check(
            b"a = 1\na = 2\nc = soon\nb\n",
            &[(6, "duplicate key `a`"), (16, "a string must be in quotes"), (22, "key with no value, expected `=`")],
        );
        check(b"[x]\n[x]\n", &[(5, "duplicate key `x`")]);
        check(b"a = 99999999999999999999", &[(4, "`99999999999999999999` is beyond what a 64-bit integer holds")]);
    }

    #[test]
    fn depth_is_bounded_however_it_is_written() {
        let deep = "the value lies in more than 16 tables and lists";
        check(format!("a = {}1{}", "[".repeat(16), "]".repeat(16)).as_bytes(), &[(19, deep)]);
        check(format!("a = {}1{}", "[".repeat(15), "]".repeat(15)).as_bytes(), &[]);
        let long = "the key has more than 16 parts";
        check(format!("{}b = 1", "a.".repeat(300_000)).as_bytes(), &[(0, long)]);
        check(format!("x = {{ {}b = 1 }}", "'a' . ".repeat(100_000)).as_bytes(), &[(0, long)]);
        check(b"oid = '1.3.6.1.4.1.2021.10.1.3.1.1.2.3.4.5.6.7.8.9'", &[]);
    }

    #[test]
    fn tables_keep_the_order_of_the_file() {
        let (_, document) = parse(b"[t.b]\n[t.a]\n[t.c]\n", Language::Toml).expect("because this is text");
        let NodeValue::Table(root) = document.root.value else { panic!("the root is a table") };
        let NodeValue::Table(tasks) = &root[0].node.value else { panic!("`t` is a table") };
        assert_eq!(tasks.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
    }
}
