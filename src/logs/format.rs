//! One line of a log, as container runtimes write it (the CRI log format), so that existing tools read it:
//!
//! ```text
//! 2026-11-20T12:00:00.000000Z stdout F what was written
//! ```
//!
//! The time is when we read the line, `F` a full line, `P` a part of one that is longer than `MAX_TEXT`: it goes on in
//! the next line of the same stream. The text is as it was written, valid UTF-8 or not. What the runner itself has to
//! say stands under the stream `runner`.

use crate::model::timestamp::Timestamp;

/// A line of output longer than this is written in parts, so that no reader or writer ever holds more.
pub const MAX_TEXT: usize = 16 << 10;

/// Where a line came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stream {
    /// The attempt's standard output.
    Stdout,
    /// The attempt's standard error.
    Stderr,
    /// The runner: what it has to say itself, and what the attempt's stop command wrote.
    Runner,
}

impl Stream {
    /// All of them.
    pub const ALL: [Stream; 3] = [Stream::Stdout, Stream::Stderr, Stream::Runner];

    /// Its place among all.
    pub const fn slot(self) -> usize {
        match self {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
            Stream::Runner => 2,
        }
    }

    /// The word in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
            Stream::Runner => "runner",
        }
    }
}

/// One line of a log, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// When it was read from the process.
    pub at: Timestamp,
    /// Where it came from.
    pub stream: Stream,
    /// The line of output goes on in the next line of this stream.
    pub partial: bool,
    /// What was written, without the line end.
    pub text: &'a [u8],
}

/// Appends one line to `out`. `stamp` is the text of a [`Timestamp`], given as text because many lines share one.
pub fn write_line(out: &mut Vec<u8>, stamp: &str, stream: Stream, partial: bool, text: &[u8]) {
    out.extend_from_slice(stamp.as_bytes());
    out.push(b' ');
    out.extend_from_slice(stream.word().as_bytes());
    out.extend_from_slice(if partial { b" P " } else { b" F " });
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// Reads one line, with or without its line end; nothing if it is not one of ours.
pub fn parse(line: &[u8]) -> Option<Line<'_>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let at = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let stream = match words.next()? {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        b"runner" => Stream::Runner,
        _ => return None,
    };
    let partial = match words.next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    Some(Line { at, stream, partial, text: words.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for (stream, partial, text) in [
            (Stream::Stdout, false, b"hello  world ".as_slice()),
            (Stream::Stderr, true, b"\xff\x00\xfe"),
            (Stream::Runner, false, b""),
        ] {
            let at = Timestamp::from_micros(1_700_000_000_000_001);
            let mut out = Vec::new();
            write_line(&mut out, &at.to_string(), stream, partial, text);
            assert_eq!(parse(&out), Some(Line { at, stream, partial, text }));
        }
    }

    #[test]
    fn what_is_not_a_line_of_ours_is_nothing() {
        for text in ["", "hello", "2026-11-20T12:00:00Z stdout", "2026-11-20T12:00:00Z stdin F x", "x stdout F x"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
