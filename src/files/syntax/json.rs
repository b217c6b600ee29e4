//! JSON into the tree, as RFC 8259 has it: no comments, no trailing commas, no bare words, no key twice. `null` is no
//! value here, because no key has a meaning for it. After an error reading goes on behind the next comma or bracket, so that
//! one pass finds every error.

use std::collections::HashSet;

use super::{Document, Entry, Faults, MAX_DEPTH, MAX_VALUES, Node, NodeValue, Span};
use crate::model::invalid::Fault;

/// Takes `text` apart.
pub(super) fn parse(text: &str) -> Document {
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut reader = Reader { text, at, n_values: 0, faults: Faults::default(), has_ended: false };
    reader.space();
    let start = reader.at;
    let value = match reader.peek() {
        Some(b'{') => NodeValue::Table(reader.object(1)),
        _ => {
            if start < text.len() {
                reader.fault((start, start + 1), "the file must be an object, as in {\"shell\": \"echo hello\"}");
            }
            return Document {
                root: Node { span: (0, 0), value: NodeValue::Table(Vec::new()) },
                faults: reader.faults,
            };
        }
    };
    let root = Node { span: (start, reader.at), value };
    reader.space();
    if !reader.has_ended && reader.at < text.len() {
        reader.fault((reader.at, reader.at + 1), "nothing may follow the closing `}`");
    }
    Document { root, faults: reader.faults }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    n_values: usize,
    faults: Faults,
    /// Too much was found; the rest is left alone.
    has_ended: bool,
}

impl Reader<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>) {
        self.faults.push_with(|| Fault::new(at, message));
    }

    fn advise(&mut self, at: Span, message: &str, hint: &str) {
        self.faults.push_with(|| Fault::new(at, message).hint(hint));
    }

    fn peek(&self) -> Option<u8> {
        if self.has_ended { None } else { self.text.as_bytes().get(self.at).copied() }
    }

    /// Passes over white space, and over comments, which are a fault.
    fn space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'#') => self.comment("\n"),
                Some(b'/') if self.text[self.at..].starts_with("//") => self.comment("\n"),
                Some(b'/') if self.text[self.at..].starts_with("/*") => self.comment("*/"),
                _ => return,
            }
        }
    }

    fn comment(&mut self, closing: &str) {
        let begin = self.at;
        let rest = &self.text[begin..];
        let length = rest.find(closing).map_or(rest.len(), |at| if closing == "\n" { at } else { at + closing.len() });
        self.at = begin + length;
        self.advise((begin, self.at), "JSON has no comments", "use a key that begins with `x-`, or write YAML or TOML");
    }

    /// Moves to the next comma or bracket of this collection.
    fn recover(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => drop(self.string(false)),
                b'[' | b'{' => depth += 1,
                b',' if depth == 0 => return,
                b']' | b'}' if depth == 0 => return,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            if byte != b'"' {
                self.at += 1;
            }
        }
    }

    /// Moves behind the bracket that closes this collection.
    fn pass_over(&mut self) {
        loop {
            self.recover();
            let Some(byte) = self.peek() else { return };
            self.at += 1;
            if byte != b',' {
                return;
            }
        }
    }

    /// The value that begins here; `of` names whose it is.
    fn value(&mut self, depth: usize, of: &str) -> Option<Node> {
        self.n_values += 1;
        let begin = self.at;
        if self.n_values > MAX_VALUES {
            self.fault((begin, begin + 1), super::too_many());
            self.has_ended = true;
            return None;
        }
        let value = match self.peek() {
            Some(b'{' | b'[') if depth + 1 > MAX_DEPTH => {
                self.fault((begin, begin + 1), super::too_deep());
                self.at += 1;
                self.pass_over();
                Some(NodeValue::List(Vec::new()))
            }
            Some(b'{') => Some(NodeValue::Table(self.object(depth + 1))),
            Some(b'[') => Some(NodeValue::List(self.array(depth + 1))),
            Some(b'"') => self.string(true).map(NodeValue::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(of),
        };
        Some(Node { span: (begin, self.at), value: value? })
    }

    fn word(&mut self, of: &str) -> Option<NodeValue> {
        let begin = self.at;
        let is_part =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-') || byte >= 128;
        while self.peek().is_some_and(is_part) {
            self.at += 1;
        }
        let span = (begin, self.at.max(begin + 1).min(self.text.len()));
        match &self.text[begin..self.at] {
            "true" => return Some(NodeValue::Bool(true)),
            "false" => return Some(NodeValue::Bool(false)),
            "null" => self
                .faults
                .push(Fault::new(span, format!("{of} has no value")).hint("leave it out, or give it a value")),
            "" if self.peek() == Some(b'\'') => self.fault(span, "a string must be in double quotes"),
            "" => self.fault((begin, begin), "a value is missing here"),
            _ => self.fault(span, "a string must be in double quotes"),
        }
        None
    }

    /// The entries of the object that begins here.
    fn object(&mut self, depth: usize) -> Vec<Entry> {
        let open = self.at;
        self.at += 1;
        let mut entries = Vec::new();
        let mut keys = HashSet::new();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.unclosed(open, "`{` is not closed");
                    return entries;
                }
                Some(b'}') => {
                    self.at += 1;
                    return entries;
                }
                Some(_) => {}
            }
            if let Some(entry) = self.entry(depth) {
                if keys.insert(entry.key.clone()) {
                    entries.push(entry);
                } else {
                    self.fault(entry.key_span, format!("duplicate key `{}`", entry.key));
                }
            } else {
                self.recover();
            }
            self.separator(b'}');
        }
    }

    fn entry(&mut self, depth: usize) -> Option<Entry> {
        let begin = self.at;
        if self.peek() != Some(b'"') {
            let end = self.text[begin..].find([':', ',', '}', '\n']).map_or(begin, |length| begin + length);
            self.fault((begin, end.max(begin)), "a key in double quotes is missing here");
            return None;
        }
        let key = self.string(true)?;
        let key_span = (begin, self.at);
        self.space();
        if self.peek() != Some(b':') {
            self.fault((self.at, self.at), format!("`:` is missing after the key `{key}`"));
            return None;
        }
        self.at += 1;
        self.space();
        let node = self.value(depth, &format!("`{key}`"))?;
        Some(Entry { key, key_span, node })
    }

    /// The items of the list that begins here.
    fn array(&mut self, depth: usize) -> Vec<Node> {
        let open = self.at;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.unclosed(open, "`[` is not closed");
                    return items;
                }
                Some(b']') => {
                    self.at += 1;
                    return items;
                }
                Some(_) => {}
            }
            match self.value(depth, "an item of a list") {
                Some(item) => items.push(item),
                None => self.recover(),
            }
            self.separator(b']');
        }
    }

    fn unclosed(&mut self, open: usize, message: &str) {
        // One opening bracket that is not closed leaves all around it open too.
        if !self.has_ended {
            self.fault((open, open + 1), message);
            self.has_ended = true;
        }
    }

    /// Passes over the comma between two values, or stops at the bracket that closes.
    fn separator(&mut self, close: u8) {
        self.space();
        let at = self.at;
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                if self.peek() == Some(close) {
                    self.advise((at, at + 1), "a comma stands before the closing bracket", "leave it out");
                }
            }
            Some(byte) if byte == close => {}
            Some(b']' | b'}') => {
                self.fault((at, at + 1), "this bracket closes nothing that was opened");
                self.at += 1;
                self.recover();
                if self.peek() == Some(b',') {
                    self.at += 1;
                }
            }
            Some(_) => {
                self.fault((at, at), "`,` is missing here");
                if self.peek() != Some(b'"') {
                    self.recover();
                    if self.peek() == Some(b',') {
                        self.at += 1;
                    }
                }
            }
            None => {}
        }
    }

    fn number(&mut self) -> Option<NodeValue> {
        let begin = self.at;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_');
        while self.peek().is_some_and(is_part) {
            self.at += 1;
        }
        let written = &self.text[begin..self.at];
        // Numbers are the one thing that is read by another's eyes.
        match serde_json::from_str::<serde_json::Number>(written) {
            Ok(number) if number.is_f64() && !written.contains(['.', 'e', 'E']) => {
                self.fault((begin, self.at), super::beyond(written));
                None
            }
            Ok(number) => match number.as_i64() {
                Some(number) => Some(NodeValue::Integer(number)),
                None if number.is_u64() => {
                    self.fault((begin, self.at), super::beyond(written));
                    None
                }
                None => number.as_f64().map(NodeValue::Float),
            },
            Err(_) => {
                self.fault((begin, self.at), format!("`{written}` is not a number as JSON has them"));
                None
            }
        }
    }

    /// The text of the string that begins here; its faults count if `counts`.
    fn string(&mut self, counts: bool) -> Option<String> {
        let begin = self.at;
        self.at += 1;
        let mut is_escaped = false;
        loop {
            match self.text.as_bytes().get(self.at) {
                None | Some(b'\n') => {
                    if counts {
                        self.fault((begin, self.at), "the string is not closed");
                    }
                    return None;
                }
                Some(b'"') if !is_escaped => break,
                Some(b'\\') => is_escaped = !is_escaped,
                Some(_) => is_escaped = false,
            }
            self.at += 1;
        }
        self.at += 1;
        let written = &self.text[begin..self.at];
        if !written.contains('\\') && !written.chars().any(|c| c < ' ') {
            return Some(written[1..written.len() - 1].to_owned());
        }
        let read = serde_json::from_str(written).ok();
        if read.is_none() && counts {
            let message = "the string holds an escape that does not exist, or a character that must be one";
            self.advise(
                (begin, self.at),
                message,
                "write `\\\\` for a backslash, `\\t` for a tab and `\\n` for a new line",
            );
        }
        read
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

    #[test]
    fn every_kind_of_value_is_read_with_its_place() {
        let document =
            parse("\u{feff}{ \"a\": [1, -2.5, 1e3, true],\n \"b\\u0041\": {\"c\": \"x\\n\\ud83d\\ude00\"} }\n");
        assert_eq!(document.faults.listed(), []);
        let NodeValue::Table(root) = document.root.value else { panic!("the root is a table") };
        assert_eq!((root[0].key_span, root[0].node.span), ((5, 8), (10, 30)));
        let NodeValue::List(items) = &root[0].node.value else { panic!("`a` is a list") };
        let values: Vec<_> = items.iter().map(|item| item.value.clone()).collect();
        let expected = [NodeValue::Integer(1), NodeValue::Float(-2.5), NodeValue::Float(1000.0), NodeValue::Bool(true)];
        assert_eq!(values, expected);
        let NodeValue::Table(inner) = &root[1].node.value else { panic!("`bA` is a table") };
        assert_eq!((root[1].key.as_str(), &inner[0].node.value), ("bA", &NodeValue::Text("x\n\u{1f600}".into())));
    }

    #[test]
    fn every_error_is_told_in_one_pass() {
        check("{\"a\": 1,}", &[(7, "a comma stands before the closing bracket")]);
        check(
            "{\"a\": 'x', \"b\": yes, \"c\": nul, \"a\": 01}",
            &[
                (6, "a string must be in double quotes"),
                (16, "a string must be in double quotes"),
                (26, "a string must be in double quotes"),
                (36, "`01` is not a number as JSON has them"),
            ],
        );
        check("{\"a\": 1, \"a\": 2}", &[(9, "duplicate key `a`")]);
        check("{\"a\": 1 \"b\": 2}", &[(8, "`,` is missing here")]);
        check(
            "{\"a\" 1, b: 2}",
            &[(5, "`:` is missing after the key `a`"), (8, "a key in double quotes is missing here")],
        );
        check("{\"a\": null, \"b\": [null]}", &[(6, "`a` has no value"), (18, "an item of a list has no value")]);
        check("{\"a\": 1 // x\n}", &[(8, "JSON has no comments")]);
        check(
            "{\"a\": \"x\n, \"b\": \"\\q\"}",
            &[
                (6, "the string is not closed"),
                (16, "the string holds an escape that does not exist, or a character that must be one"),
            ],
        );
        check("{\"a\": [1, 2}", &[(11, "this bracket closes nothing that was opened"), (6, "`[` is not closed")]);
        check("{\"a\": {\"b\": 1}", &[(0, "`{` is not closed")]);
        check("{} {}", &[(3, "nothing may follow the closing `}`")]);
        check("[1]", &[(0, "the file must be an object, as in {\"shell\": \"echo hello\"}")]);
        check("{\"a\": 99999999999999999999}", &[(6, "`99999999999999999999` is beyond what a 64-bit integer holds")]);
    }

    #[test]
    fn depth_and_numbers_of_values_are_bounded() {
        let deep = "the value lies in more than 16 tables and lists";
        check(&format!("{{\"a\": {}1{}}}", "[".repeat(15), "]".repeat(15)), &[]);
        check(&format!("{{\"a\": {}1{}}}", "[".repeat(16), "]".repeat(16)), &[(21, deep)]);
        check(&format!("{{\"a\": {}1{}}}", "[".repeat(200_000), "]".repeat(200_000)), &[(21, deep)]);
        assert_eq!(parse(&"[".repeat(1_000_000)).faults.listed().len(), 1);
        assert_eq!(parse(&format!("{{\"a\": {}", "[".repeat(1_000_000))).faults.listed().len(), 2);
        let many = format!("{{\"a\": [{}1]}}", "1,".repeat(300_000));
        assert_eq!(parse(&many).faults.listed()[0].message, "the file holds more than 200000 values");
    }
}
