//! The `output` of an attempt: what it wrote to stdout, at most 64 KiB of it, head and tail of more. Bounded at every
//! moment, whatever is written; made text only at the end.

use std::collections::VecDeque;

/// The most that is kept of one attempt's output.
pub const MAX_OUTPUT: usize = 64 << 10;
const HALF: usize = MAX_OUTPUT / 2;
/// Room for the line between head and tail.
const MARKER: usize = 64;

/// What was written so far.
#[derive(Debug, Default)]
pub struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    n_seen: u64,
}

impl Capture {
    /// Takes what was written.
    pub fn push(&mut self, bytes: &[u8]) {
        self.n_seen += bytes.len() as u64;
        let (head, rest) = bytes.split_at(bytes.len().min(HALF - self.head.len()));
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(HALF)..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(HALF);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// The text: invalid UTF-8 replaced; cut in the middle, between characters, where it is too long.
    pub fn into_text(mut self) -> String {
        let n_kept = (self.head.len() + self.tail.len()) as u64;
        let (mut head, tail) = if n_kept == self.n_seen {
            self.head.extend(self.tail);
            let whole = String::from_utf8_lossy(&self.head).into_owned();
            if whole.len() <= MAX_OUTPUT {
                return whole;
            }
            (whole.clone(), whole)
        } else {
            let tail = String::from_utf8_lossy(self.tail.make_contiguous()).into_owned();
            (String::from_utf8_lossy(&self.head).into_owned(), tail)
        };
        head.truncate(floor(&head, HALF - MARKER));
        let from = tail.len() - tail.len().min(HALF);
        let from = (from..=tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
        let n_dropped = self.n_seen.saturating_sub((head.len() + tail.len() - from) as u64);
        head.push_str(&format!("\n… {n_dropped} bytes dropped …\n"));
        head.push_str(&tail[from..]);
        head
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_as_it_is() {
        for size in [0, 1, HALF, HALF + 1, MAX_OUTPUT] {
            let mut capture = Capture::default();
            let text = "x".repeat(size);
            for part in text.as_bytes().chunks(1000) {
                capture.push(part);
            }
            assert_eq!(capture.into_text(), text);
        }
    }

    #[test]
    fn more_is_cut_in_the_middle_and_never_too_long() {
        for part in [b"0123456789".as_slice(), "äöü€".as_bytes(), b"\xff\xfe"] {
            let mut capture = Capture::default();
            capture.push(b"begin ");
            for _ in 0..50_000 {
                capture.push(part);
            }
            capture.push(b" end");
            let text = capture.into_text();
            assert!(text.starts_with("begin ") && text.ends_with(" end") && text.contains("bytes dropped"));
            assert!(text.len() <= MAX_OUTPUT && text.len() > MAX_OUTPUT - 200, "{}", text.len());
        }
    }

    #[test]
    fn invalid_bytes_that_grow_when_replaced_stay_below_the_cap() {
        let mut capture = Capture::default();
        capture.push(&[0xff; MAX_OUTPUT]);
        assert!(capture.into_text().len() <= MAX_OUTPUT);
    }
}
