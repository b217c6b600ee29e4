//! The named values that an attempt leaves: the file that `CAMPANILE_OUTPUT` names, read once, at its end.
//!
//! ```text
//! name=value
//! name<<END
//! several
//! lines
//! END
//! ```
//!
//! The file is not made by us: a task that leaves nothing costs nothing, and one that writes with `>` or `>>` makes it.
//! What stands there may be anything, since the task may do with the path what it likes, so nothing is believed: no link
//! is followed, nothing is waited for, and what is not a plain file of ours with plain lines is refused as a whole. An
//! error names a line and never repeats what stands in it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::plain_file::{self, Links, NotPlain};

/// The most that the file may hold, in bytes.
const MAX_BYTES: u64 = 64 << 10;
/// The longest name.
const MAX_NAME: usize = 64;

/// The values in the file at `path`, which must be of user `owner`, none if there is no file; otherwise why they are none, for people.
pub(super) fn read(path: &Path, owner: u32) -> Result<BTreeMap<String, String>, String> {
    let text = text(path, owner).map_err(|why| format!("`CAMPANILE_OUTPUT` {why}"))?;
    parse(&text).map_err(|(line, why)| format!("`CAMPANILE_OUTPUT`, line {line}: {why}"))
}

fn text(path: &Path, owner: u32) -> Result<String, String> {
    let content = match plain_file::read(path, MAX_BYTES, Links::Refuse) {
        Ok(content) => content,
        Err(NotPlain::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(NotPlain::Unreadable(error)) => return Err(format!("cannot be read: {error}")),
        Err(NotPlain::NotAFile) => return Err("is not a regular file".to_owned()),
        Err(NotPlain::Link) => return Err("is a link".to_owned()),
        Err(NotPlain::TooLarge(_)) => return Err("is larger than 64 KiB".to_owned()),
    };
    if content.owner != owner {
        return Err("belongs to another user".to_owned());
    }
    String::from_utf8(content.bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// The values; the last of a name holds. An error has the number of its line.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    let mut values = BTreeMap::new();
    let mut lines = text.split_inclusive('\n').map(|line| line.strip_suffix('\n').unwrap_or(line)).enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        if line.contains('\0') {
            return Err((number, "it holds a NUL byte"));
        }
        if line.trim().is_empty() {
            continue;
        }
        let n_name = line.bytes().take_while(|byte| is_name_byte(*byte)).count();
        let (name, rest) = line.split_at(n_name);
        if name.is_empty()
            || name.len() > MAX_NAME
            || name.starts_with(|first: char| first != '_' && !first.is_ascii_alphabetic())
        {
            return Err((
                number,
                "it does not begin with a name: 1 to 64 of letters, digits, `_`, `-`, a letter or `_` first",
            ));
        }
        if let Some(value) = rest.strip_prefix('=') {
            values.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let Some(end) = rest.strip_prefix("<<").map(str::trim).filter(|end| !end.is_empty()) else {
            return Err((number, "it is neither `name=value` nor `name<<END`"));
        };
        let mut value: Vec<&str> = Vec::new();
        loop {
            match lines.next() {
                Some((_, line)) if line == end => break,
                Some((index, line)) if line.contains('\0') => return Err((index + 1, "it holds a NUL byte")),
                Some((_, line)) => value.push(line),
                None => return Err((number, "the line that ends this value is missing")),
            }
        }
        values.insert(name.to_owned(), value.join("\n"));
    }
    Ok(values)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(parse(text), Ok(expected), "{text:?}");
    }

    #[test]
    fn values_stand_on_one_line_or_between_two() {
        check("", &[]);
        check("\n  \n", &[]);
        check("rows=12\n_x-1= a = b \nempty=", &[("rows", "12"), ("_x-1", " a = b "), ("empty", "")]);
        check("a=1\na=2\n", &[("a", "2")]);
        check("text<<END\none\n\n two\nEND\nb=<<x\n", &[("text", "one\n\n two"), ("b", "<<x")]);
        check("none<< END\nEND\n", &[("none", "")]);
        check("umlaut=ä🔔\r\n", &[("umlaut", "ä🔔\r")]);
    }

    #[test]
    fn a_wrong_line_is_named_and_not_repeated() {
        let long = format!("{}=x", "n".repeat(65));
        for (text, line) in [
            ("a=1\n2b=3\n", 2),
            ("hello\n", 1),
            ("a b=1\n", 1),
            ("=x\n", 1),
            ("ä=x\n", 1),
            ("-a=x\n", 1),
            ("a<<\nx\n", 1),
            ("x=1\na<<END\nb=2\n", 2),
            ("a=\0\n", 1),
            ("a<<E\nx\n\0\nE\n", 3),
            (&long, 1),
        ] {
            assert_eq!(parse(text).map_err(|(line, _)| line), Err(line), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_a_plain_file_of_ours_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let ours = nix::unistd::geteuid().as_raw();
        assert_eq!(read(&at("none"), ours), Ok(BTreeMap::new()));
        std::fs::write(at("good"), "a=1\n").unwrap();
        assert_eq!(read(&at("good"), ours).unwrap().len(), 1);
        assert_eq!(read(&at("good"), ours + 1), Err("`CAMPANILE_OUTPUT` belongs to another user".to_owned()));
        std::os::unix::fs::symlink(at("good"), at("link")).unwrap();
        std::fs::write(at("two"), "a=1\n").unwrap();
        std::fs::hard_link(at("two"), at("hard")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::write(at("large"), "a=1\n".repeat(17_000)).unwrap();
        std::fs::write(at("binary"), [b'a', b'=', 0xff]).unwrap();
        for (name, expected) in [
            ("link", "is a link"),
            ("hard", "is a link"),
            ("pipe", "is not a regular file"),
            ("socket", "is not a regular file"),
            ("folder", "is not a regular file"),
            ("large", "is larger than 64 KiB"),
            ("binary", "is not UTF-8"),
        ] {
            assert_eq!(read(&at(name), ours), Err(format!("`CAMPANILE_OUTPUT` {expected}")), "{name}");
        }
    }
}
