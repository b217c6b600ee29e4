//! Files of variables, as `env_file` names them. They are read anew for each attempt, so what is wrong with one is said
//! by the attempt, with file and line; a value is never repeated.
//!
//! The rules, chosen so that nothing is guessed:
//!
//! - A line is empty, a comment (its first character is `#`), or `NAME=value`; `export` may stand before it.
//! - A name is letters, digits and `_`, no digit first, and not `CAMPANILE_…`; no blanks beside the `=`.
//! - A value without quotes goes to the end of the line, without the blanks around it, as it is: no `$`, `\` or `~` has a
//!   meaning. One that holds ` #` is refused, because half of the readers of such files would end it there.
//! - In '…' everything is as it is, over several lines too. In "…" as well, but that `\n`, `\t`, `\"`, `\\` and `\$` stand
//!   for a line end, a tab, and the second character. After the closing quote only a comment may follow.
//! - The last of several lines for one name holds.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::plain_file::{self, Links, NotPlain};

/// The most that one file may hold, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Adds the variables in the file at `path` to `env`. A path behind a `-` may lead to nothing.
pub(super) fn read(path: &str, env: &mut BTreeMap<String, String>) -> Result<(), String> {
    let (path, may_be_absent) = path.strip_prefix('-').map_or((path, false), |path| (path, true));
    let text = match text(path) {
        Ok(text) => text,
        Err(error) if may_be_absent && error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("`env_file`: `{path}` cannot be read: {error}")),
    };
    let found = parse(&text).map_err(|(line, why)| format!("`env_file`: {path}:{line}: {why}"))?;
    env.extend(found);
    Ok(())
}

fn text(path: &str) -> io::Result<String> {
    let content = plain_file::read(Path::new(path), MAX_BYTES, Links::Follow).map_err(|why| match why {
        NotPlain::Unreadable(error) => error,
        NotPlain::NotAFile | NotPlain::Link => io::Error::other("it is not a regular file"),
        NotPlain::TooLarge(_) => io::Error::other("it is larger than 1 MiB"),
    })?;
    String::from_utf8(content.bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// The variables; an error has the number of the line that is wrong.
fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    let (mut rest, mut number) = (text, 1);
    while !rest.is_empty() {
        let line = rest.split('\n').next().unwrap_or_default();
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = after(rest, line.len());
            number += 1;
            continue;
        }
        let at = |why: String| (number, why);
        let (name, n_head) = name(line).map_err(at)?;
        let (value, n_value) = value(&rest[n_head..]).map_err(at)?;
        if value.contains('\0') {
            return Err(at(format!("the value of `{name}` holds a NUL byte")));
        }
        let taken = &rest[..n_head + n_value];
        number += 1 + taken.matches('\n').count();
        rest = after(rest, taken.len());
        found.push((name, value));
    }
    Ok(found)
}

/// What comes after the line end that follows the first `length` bytes.
fn after(text: &str, length: usize) -> &str {
    text[length..].strip_prefix('\n').unwrap_or(&text[length..])
}

/// The name that the line begins with, and how many bytes of the line come before its value.
fn name(line: &str) -> Result<(String, usize), String> {
    let Some((head, _)) = line.split_once('=') else {
        return Err("it is neither `NAME=value` nor a comment".to_owned());
    };
    let bare = head.trim_start();
    let name = bare.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(bare).trim_start();
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let first = name.as_bytes().first().is_some_and(letter);
    if !first || !name.bytes().all(|byte| letter(&byte) || byte.is_ascii_digit()) {
        return Err("before `=` there must be a name of letters, digits and `_`, and no blanks".to_owned());
    }
    if name.starts_with("CAMPANILE_") {
        return Err(format!("`{name}` is set by Campanile itself"));
    }
    Ok((name.to_owned(), head.len() + 1))
}

/// The value at the beginning of `rest`, and how many bytes it takes, to the end of its last line.
fn value(rest: &str) -> Result<(String, usize), String> {
    let n_line = rest.find('\n').unwrap_or(rest.len());
    let blanks = rest[..n_line].len() - rest[..n_line].trim_start().len();
    let Some(quote) = rest[blanks..n_line].chars().next().filter(|first| matches!(first, '\'' | '"')) else {
        let text = rest[..n_line].trim();
        if text.starts_with('#') || text.contains(" #") || text.contains("\t#") {
            return Err("put a value that holds ` #` in quotes, and a comment on a line of its own".to_owned());
        }
        return Ok((text.to_owned(), n_line));
    };
    let mut value = String::new();
    let mut chars = rest[blanks + 1..].char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            _ if next == quote => {
                let end = blanks + 1 + at + 1;
                let n_line = rest[end..].find('\n').unwrap_or(rest.len() - end);
                let tail = rest[end..end + n_line].trim();
                if !tail.is_empty() && !tail.starts_with('#') {
                    return Err("after the closing quote only a comment may follow".to_owned());
                }
                return Ok((value, end + n_line));
            }
            '\\' if quote == '"' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, plain @ ('"' | '\\' | '$'))) => value.push(plain),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            _ => value.push(next),
        }
    }
    Err("the closing quote is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(parse(text), Ok(expected), "{text:?}");
    }

    #[test]
    fn lines_are_read_by_the_rules() {
        check("", &[]);
        check(
            "\u{feff}A=1\r\n# comment\n\n  # another\n export B_2 = no\n".replace(" = no", "=2").as_str(),
            &[("A", "1"), ("B_2", "2")],
        );
        check("A=\nB=  a b  \nC=a=b#c\nD=$HOME\\n~\n", &[("A", ""), ("B", "a b"), ("C", "a=b#c"), ("D", "$HOME\\n~")]);
        check(
            "A='a # b'  # said\nB=\"x\\\"y\\n\\$z\\q\\\\\"\nC=it's",
            &[("A", "a # b"), ("B", "x\"y\n$z\\q\\"), ("C", "it's")],
        );
        check("KEY='one\ntwo\n'\nA=1\nA=2", &[("KEY", "one\ntwo\n"), ("A", "1"), ("A", "2")]);
        check("export=1\nexport export=2", &[("export", "1"), ("export", "2")]);
    }

    #[test]
    fn a_wrong_line_is_named_and_its_value_is_not_shown() {
        for (text, line) in [
            ("A=1\nhidden\n", 2),
            ("A =hidden\n", 1),
            ("A-B=hidden\n", 1),
            ("1A=hidden\n", 1),
            ("=hidden\n", 1),
            ("CAMPANILE_JOB=hidden\n", 1),
            ("A=hidden # comment\n", 1),
            ("A=# comment\n", 1),
            ("K='a\nb'\nA='hidden\n", 3),
            ("A=\"hidden\" x\n", 1),
            ("A=\"hidden\\", 1),
            ("A=hid\0den\n", 1),
        ] {
            let (found, why) = parse(text).unwrap_err();
            assert_eq!(found, line, "{text:?}: {why}");
            assert!(!why.contains("hid"), "{why}");
        }
    }

    #[test]
    fn only_a_plain_file_is_read_and_only_an_absent_one_is_forgiven() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("good"), "A=1\nB=2\n").unwrap();
        std::fs::write(at("bad"), "A=1\nB\n").unwrap();
        std::fs::write(at("large"), "#".repeat((1 << 20) + 1)).unwrap();
        std::fs::write(at("binary"), [0xff]).unwrap();
        nix::unistd::mkfifo(at("pipe").as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut env = BTreeMap::from([("B".to_owned(), "before".to_owned())]);
        read(&at("good"), &mut env).unwrap();
        assert_eq!(env["B"], "2");
        assert_eq!(read(&format!("-{}", at("none")), &mut env), Ok(()));
        for (name, expected) in [
            ("none", "cannot be read: No such file or directory (os error 2)"),
            ("large", "cannot be read: it is larger than 1 MiB"),
            ("binary", "cannot be read: it is not UTF-8"),
            ("pipe", "cannot be read: it is not a regular file"),
            ("", "cannot be read: it is not a regular file"),
        ] {
            assert_eq!(read(&at(name), &mut env), Err(format!("`env_file`: `{}` {expected}", at(name))), "{name}");
        }
        let wrong = format!("`env_file`: {}:2: it is neither `NAME=value` nor a comment", at("bad"));
        assert_eq!(read(&format!("-{}", at("bad")), &mut env), Err(wrong), "what is there must be right");
    }
}
