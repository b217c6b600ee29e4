//! From bytes to what people read: line and column of a fault, and the line of the file with a caret below it.

use std::cmp::Ordering;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::model::invalid::{Fault, Problem};

const STRONG: Style = Style::new().bold();
const WRONG: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
/// The longest part of a line that is shown around a caret.
const MAX_SHOWN: usize = 160;
/// The longest message, in characters.
const MAX_MESSAGE: usize = 400;

/// The problem that `fault` is in the file at `path` with these `bytes`. Columns count characters, so that they agree
/// with an editor; in a file that is not UTF-8 a broken sequence counts as one. It looks through the file from its
/// beginning: where there may be many faults, `Sources` knows where the lines are.
pub fn problem(path: &Path, bytes: &[u8], fault: &Fault) -> Problem {
    let (begin, end) = (fault.at.0, fault.at.1.max(fault.at.0));
    placed(path, position(bytes, begin), position(bytes, end), fault)
}

/// The problem that `fault` is in the file at `path`, between these lines and columns.
pub(super) fn placed(
    path: &Path,
    (line, column): (u32, u32),
    (end_line, end_column): (u32, u32),
    fault: &Fault,
) -> Problem {
    Problem {
        path: path.display().to_string(),
        line,
        column,
        end_line,
        end_column,
        message: on_one_line(&fault.message),
        hint: fault.hint.as_deref().map(on_one_line),
    }
}

fn position(bytes: &[u8], at: usize) -> (u32, u32) {
    let before = &bytes[..at.min(bytes.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let written = String::from_utf8_lossy(&before[line_start..]);
    let column = 1 + written.trim_start_matches('\u{feff}').chars().count();
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Messages repeat what was written, which may be long, of many lines, or meant for a terminal.
fn on_one_line(text: &str) -> String {
    let mut line = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == MAX_MESSAGE {
            line.push('…');
            break;
        }
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// A problem of a file as a whole.
pub fn whole_file(path: &Path, message: impl Into<String>, hint: Option<&str>) -> Problem {
    let fault = Fault::new((0, 0), message);
    problem(path, &[], &Fault { hint: hint.map(str::to_owned), ..fault })
}

/// The problem with the line of `text` that it is on, for a terminal, which takes the colours out where none are wanted.
pub fn with_source(problem: &Problem, text: &str) -> String {
    let Problem { path, line, column, end_line, end_column, message, hint } = problem;
    let mut shown = format!("{STRONG}{path}:{line}:{column}:{STRONG:#} {WRONG}{message}{WRONG:#}\n");
    let index = usize::try_from(*line).unwrap_or(1).saturating_sub(1);
    if let Some(source) = text.lines().nth(index).filter(|source| !source.trim().is_empty()) {
        let column = usize::try_from(*column).unwrap_or(1);
        let first = column.saturating_sub(MAX_SHOWN);
        // Control characters of a hostile file must not reach the terminal; a tab would move the caret.
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let part: String =
            source.trim_start_matches('\u{feff}').chars().skip(first).take(MAX_SHOWN).map(plain).collect();
        let gutter = line.to_string();
        let margin = " ".repeat(gutter.len());
        let before = column.saturating_sub(1 + first);
        let indent = " ".repeat(before);
        let left = part.trim_end().chars().count().saturating_sub(before);
        let length = match end_line.cmp(line) {
            Ordering::Less => 1,
            Ordering::Equal => usize::try_from(*end_column).unwrap_or(1).saturating_sub(column),
            Ordering::Greater => left,
        };
        let carets = "^".repeat(length.min(left).max(1));
        shown.push_str(&format!("{QUIET}{gutter} |{QUIET:#} {part}\n"));
        shown.push_str(&format!("{QUIET}{margin} |{QUIET:#} {indent}{WRONG}{carets}{WRONG:#}\n"));
    }
    if let Some(hint) = hint {
        shown.push_str(&format!("{STRONG}hint:{STRONG:#} {hint}\n"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        for (bytes, at, expected) in [
            (&b"abc"[..], 0, "f:1:1"),
            (b"abc", 3, "f:1:4"),
            (b"abc", 99, "f:1:4"),
            (b"a\nbc\n", 3, "f:2:2"),
            (b"a\r\nbc", 4, "f:2:2"),
            ("\u{feff}ab".as_bytes(), 4, "f:1:2"),
            ("äöü = x".as_bytes(), 9, "f:1:7"),
            (b"\xff\xffa", 2, "f:1:3"),
        ] {
            let found = problem(Path::new("f"), bytes, &Fault::new((at, at), "m"));
            assert_eq!(found.to_string(), format!("{expected}: m"), "{bytes:?} at {at}");
        }
    }

    #[test]
    fn a_message_is_one_line_whatever_it_repeats() {
        let found = whole_file(Path::new("f"), "`a\n\u{1b}b` is wrong", None);
        assert_eq!(found.to_string(), "f:1:1: `a\\n\\u{1b}b` is wrong");
        assert_eq!(whole_file(Path::new("f"), "x".repeat(9_999), None).message.chars().count(), MAX_MESSAGE + 1);
    }

    #[test]
    fn a_terminal_is_shown_the_line_and_the_place() {
        let fault = Fault::new((14, 15), "unknown key `b`").hint("did you mean `c`?");
        let text = "first = 1\n\t\u{1b}äb = 2\n";
        let found = problem(Path::new("f.toml"), text.as_bytes(), &fault);
        let expected = "f.toml:2:4: unknown key `b`\n2 |   äb = 2\n  |    ^\nhint: did you mean `c`?\n";
        let plain =
            |problem: &Problem, text: &str| anstream::adapter::strip_str(&with_source(problem, text)).to_string();
        assert_eq!(plain(&found, text), expected);
        assert_eq!(plain(&whole_file(Path::new("f"), "is empty", None), ""), "f:1:1: is empty\n");
        for (at, carets) in [((2, 5), "   ^^^"), ((2, 12), "   ^^^^^"), ((8, 9), " ^"), ((2, 2), "   ^")] {
            let found = problem(Path::new("f"), b"a bcd e\nf\n", &Fault::new(at, "m"));
            let shown = plain(&found, "a bcd e\nf\n");
            assert!(shown.lines().any(|line| line == format!("  |{carets}")), "{at:?}: {shown}");
        }
    }
}
