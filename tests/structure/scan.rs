//! Reads Rust source as far as the rules need: text with strings and comments blanked out (same length, same lines),
//! tokens, the spans that are test code, spelt-out paths, and functions.

use std::ops::Range;

/// One file.
pub(crate) struct Source {
    /// Below the project.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// The same with comments and the insides of literals as spaces.
    pub(crate) code: String,
    /// Modules declared `#[cfg(test)] mod name;`, as the paths of their files without `.rs`.
    pub(crate) test_modules: Vec<String>,
    tests: Vec<Range<usize>>,
}

/// A word, `::`, or one other character that is not white space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) at: usize,
    pub(crate) text: &'a str,
}

/// A path of two or more segments, spelt out from `crate` where it is relative.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) at: usize,
    pub(crate) segments: Vec<String>,
}

impl Named {
    /// Whether `pattern` (`a::b`; a last segment may end in `*`) is found anywhere in the path.
    pub(crate) fn has(&self, pattern: &str) -> bool {
        let wanted: Vec<_> = pattern.split("::").collect();
        let fits = |(wanted, found): (&&str, &String)| match wanted.strip_suffix('*') {
            Some(start) => found.starts_with(start),
            None => found == wanted,
        };
        self.segments.windows(wanted.len()).any(|window| wanted.iter().zip(window).all(fits))
    }
}

/// A function's name and lines, both ends included.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let mut source =
            Source { path: path.to_owned(), text: text.to_owned(), code, test_modules: Vec::new(), tests: Vec::new() };
        source.find_tests();
        source
    }

    /// Counted from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Whether what stands there is compiled for tests only.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        !self.path.starts_with("src/") || self.tests.iter().any(|span| span.contains(&at))
    }

    /// Says that the whole file is test code.
    pub(crate) fn make_test(&mut self) {
        self.tests.push(0..self.text.len() + 1);
    }

    /// The file's place in the module tree: `src/a/b.rs` is `a`, `b`.
    pub(crate) fn module(&self) -> Vec<String> {
        let stem = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        if stem == "lib" || stem == "main" { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
    }

    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        let bytes = self.code.as_bytes();
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let mut tokens = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let end = if word(bytes[at]) {
                at + bytes[at..].iter().take_while(|byte| word(**byte)).count()
            } else if bytes[at..].starts_with(b"::") {
                at + 2
            } else {
                at + 1
            };
            if !bytes[at].is_ascii_whitespace() {
                tokens.push(Token { at, text: &self.code[at..end] });
            }
            at = end;
        }
        tokens
    }

    fn find_tests(&mut self) {
        let tokens = self.tokens();
        let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
        let mut spans = Vec::new();
        let mut modules = Vec::new();
        let base = if self.module().is_empty() { "src" } else { self.path.trim_end_matches(".rs") };
        for start in 0..tokens.len() {
            if !tokens[start..].iter().map(|token| token.text).take(mark.len()).eq(mark) {
                continue;
            }
            let end = item_end(&tokens, start + mark.len());
            spans.push(tokens[start].at..tokens[end].at + 1);
            if tokens[end].text == ";" && end >= 2 && tokens[end - 2].text == "mod" {
                modules.push(format!("{base}/{}", tokens[end - 1].text));
            }
        }
        self.tests = spans;
        self.test_modules = modules;
    }

    /// Every path of two or more segments, `use` trees spelt out, `self` and `super` made absolute.
    pub(crate) fn paths(&self) -> Vec<Named> {
        let tokens = self.tokens();
        let mut found = Vec::new();
        let mut modules: Vec<(String, usize)> = Vec::new();
        let (mut depth, mut i) = (0, 0);
        while i < tokens.len() {
            let next = |n: usize| tokens.get(i + n).map_or("", |token| token.text);
            match tokens[i].text {
                "mod" if next(2) == "{" => modules.push((next(1).to_owned(), depth)),
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    modules.pop_if(|module| module.1 == depth);
                }
                text if is_word(text) && next(1) == "::" && (i == 0 || tokens[i - 1].text != "::") => {
                    let first = found.len();
                    i = spell(&tokens, i, &[], &mut found);
                    let inline = modules.iter().map(|module| module.0.clone());
                    let here: Vec<_> = self.module().into_iter().chain(inline).collect();
                    found[first..].iter_mut().for_each(|path| path.segments = absolute(&path.segments, &here));
                    continue;
                }
                _ => {}
            }
            i += 1;
        }
        found
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        let tokens = self.tokens();
        let mut found = Vec::new();
        for start in 0..tokens.len().saturating_sub(1) {
            let name = tokens[start + 1].text;
            if tokens[start].text == "fn" && is_word(name) {
                let end = item_end(&tokens, start);
                let (first, last) = (self.line(tokens[start].at), self.line(tokens[end].at));
                found.push(Function { name: name.to_owned(), first, last });
            }
        }
        found
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// The index of the `;` or of the closing brace with which the item beginning at `start` ends.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut round = 0;
    let mut braces = 0;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        match token.text {
            "(" | "[" => round += 1,
            ")" | "]" => round -= 1,
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if braces <= 0 && round == 0 {
                    return i;
                }
            }
            ";" if braces == 0 && round == 0 => return i,
            _ => {}
        }
    }
    tokens.len() - 1
}

/// Spells out the path or `use` tree at `i` into `found`, and returns where it ends.
fn spell(tokens: &[Token], mut i: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let at = tokens[i].at;
    let mut segments = prefix.to_vec();
    while i < tokens.len() {
        match tokens[i].text {
            "{" => {
                i += 1;
                while i < tokens.len() && tokens[i].text != "}" {
                    i = if is_word(tokens[i].text) { spell(tokens, i, &segments, found) } else { i + 1 };
                    if tokens.get(i).is_some_and(|token| token.text == "as") {
                        i += 2;
                    }
                }
                return i + 1;
            }
            "*" => segments.push("*".to_owned()),
            text if is_word(text) => segments.push(text.to_owned()),
            _ => break,
        }
        i += 1;
        if tokens.get(i).is_none_or(|token| token.text != "::") {
            break;
        }
        i += 1;
    }
    if !prefix.is_empty() && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    found.push(Named { at, segments });
    i
}

fn absolute(segments: &[String], here: &[String]) -> Vec<String> {
    let n_up = segments.iter().skip_while(|s| *s == "self").take_while(|s| *s == "super").count();
    let relative = n_up > 0 || segments[0] == "self";
    if !relative || n_up > here.len() {
        return segments.to_vec();
    }
    let rest = segments.iter().skip_while(|s| *s == "self" || *s == "super").cloned();
    std::iter::once("crate".to_owned()).chain(here[..here.len() - n_up].iter().cloned()).chain(rest).collect()
}

/// The text with comments and the insides of literals as spaces.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (from, to, end) = literal(text, at);
        for byte in &mut code[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(code).expect("because whole literals were replaced")
}

/// What to blank at `at`, and where to read on.
fn literal(text: &str, at: usize) -> (usize, usize, usize) {
    let rest = &text.as_bytes()[at..];
    let find = |needle: &str, from: usize| text[from..].find(needle).map_or(text.len(), |found| from + found);
    if rest.starts_with(b"//") {
        let end = find("\n", at);
        return (at, end, end);
    }
    if rest.starts_with(b"/*") {
        let end = comment_end(text, at);
        return (at, end, end);
    }
    let after_word = at > 0 && (text.as_bytes()[at - 1].is_ascii_alphanumeric() || text.as_bytes()[at - 1] == b'_');
    if !after_word {
        let raw = rest.iter().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
        let hashes = rest[raw..].iter().take_while(|byte| **byte == b'#').count();
        if raw > 0 && raw <= 2 && rest[raw - 1] == b'r' && rest.get(raw + hashes) == Some(&b'"') {
            let from = at + raw + hashes + 1;
            let end = find(&format!("\"{}", "#".repeat(hashes)), from);
            return (from, end, (end + 1 + hashes).min(text.len()));
        }
    }
    let quote = rest[0];
    let is_char = quote == b'\'' && {
        let first = text[at + 1..].chars().next().unwrap_or(' ');
        first == '\\' || text[at + 1 + first.len_utf8().min(text.len() - at - 1)..].starts_with('\'')
    };
    if quote != b'"' && !is_char {
        return (at, at, at + 1);
    }
    let mut end = at + 1;
    while end < text.len() && text.as_bytes()[end] != quote {
        end += if text.as_bytes()[end] == b'\\' { 2 } else { 1 };
    }
    let end = end.min(text.len());
    (at + 1, end, (end + 1).min(text.len()))
}

fn comment_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}
