//! Puts `***` where a stream holds one of some texts, before anybody stores or shows it.
//!
//! **What is masked.** Every line of each text, without the blanks around it, if it is at least four bytes; of a text
//! that has no such line, the whole. Each byte that is part of an occurrence is covered, also where occurrences overlap
//! or one text is the beginning of another, and what is covered without a gap becomes one `***`. Comparison is by
//! bytes: a text in another writing (base64, percent-encoded, with the escapes of JSON) is not found.
//!
//! **How.** An Aho-Corasick automaton: its state after each byte is the longest end of the stream that is the
//! beginning of a text. Only that end is held back, so a whole line is never delayed unless a text begins in it and
//! goes on. Time is linear in the stream, whatever the texts; memory is bounded by the longest of them.

use std::collections::{HashMap, VecDeque};

/// What is shorter is found everywhere, and hides more than it protects.
const LEAST: usize = 4;
const MASK: &[u8] = b"***";
const ROOT: u32 = 0;

/// One state of the automaton: some beginning of some text.
#[derive(Clone, Debug, Default)]
struct State {
    edges: Vec<(u8, u32)>,
    /// The state of the longest proper end of this beginning that is a beginning too.
    shorter: u32,
    /// How long this beginning is.
    depth: usize,
    /// How long the longest end of this beginning is that may still go on.
    open: usize,
    /// The length of the longest text that ends here.
    found: usize,
}

/// The texts to be masked, ready to be searched for.
#[derive(Clone, Debug)]
pub struct Masker {
    states: Vec<State>,
    first: Box<[u32; 256]>,
}

impl Masker {
    /// A masker of these texts; nothing if there is nothing to mask.
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Option<Masker> {
        let patterns: Vec<&str> = texts.iter().flat_map(|text| parts(text.as_ref())).collect();
        if patterns.is_empty() {
            return None;
        }
        let mut states = vec![State::default()];
        let mut known: HashMap<(u32, u8), u32> = HashMap::new();
        for pattern in patterns {
            let mut at = ROOT;
            for byte in pattern.bytes() {
                at = *known.entry((at, byte)).or_insert_with(|| {
                    let new = u32::try_from(states.len()).expect("because texts are far below 4 GiB");
                    let depth = states[at as usize].depth + 1;
                    states[at as usize].edges.push((byte, new));
                    states.push(State { depth, ..State::default() });
                    new
                });
            }
            states[at as usize].found = pattern.len();
        }
        let mut first = Box::new([ROOT; 256]);
        for (byte, next) in &states[ROOT as usize].edges {
            first[usize::from(*byte)] = *next;
        }
        let mut masker = Masker { states, first };
        masker.link();
        Some(masker)
    }

    /// Fills in `shorter`, and `found` where a text ends within a longer beginning, from short to long.
    fn link(&mut self) {
        let mut ahead: VecDeque<u32> = self.first.iter().copied().filter(|next| *next != ROOT).collect();
        for at in &ahead {
            self.states[*at as usize].open = 1;
        }
        while let Some(at) = ahead.pop_front() {
            for (byte, next) in self.states[at as usize].edges.clone() {
                let shorter = self.next(self.states[at as usize].shorter, byte);
                let State { found, open, .. } = self.states[shorter as usize];
                let state = &mut self.states[next as usize];
                state.shorter = shorter;
                state.found = state.found.max(found);
                state.open = if state.edges.is_empty() { open } else { state.depth };
                ahead.push_back(next);
            }
        }
    }

    fn next(&self, mut at: u32, byte: u8) -> u32 {
        while at != ROOT {
            let state = &self.states[at as usize];
            if let Some((_, next)) = state.edges.iter().find(|(edge, _)| *edge == byte) {
                return *next;
            }
            at = state.shorter;
        }
        self.first[usize::from(byte)]
    }

    /// `text` with everything masked in it.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// `bytes`, all of a stream, with everything masked in them.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut masking = Masking::default();
        masking.push(self, bytes, &mut out);
        masking.finish(&mut out);
        out
    }
}

/// What of a text is searched for.
fn parts(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| line.len() >= LEAST).collect();
    let whole = text.trim();
    if lines.is_empty() && whole.len() >= LEAST { vec![whole] } else { lines }
}

/// One stream on its way through a [`Masker`].
#[derive(Clone, Debug, Default)]
pub struct Masking {
    at: u32,
    /// What is held back, and how much of the stream came before it.
    held: VecDeque<u8>,
    n_gone: u64,
    /// What is covered of it, from byte to byte of the stream, in order and apart from each other.
    covered: VecDeque<(u64, u64)>,
    /// Where what was masked last ends: what is covered from there on belongs to the same mask.
    masked_until: Option<u64>,
}

impl Masking {
    /// Takes what comes next and appends to `out` what is certain.
    pub fn push(&mut self, masker: &Masker, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            if self.at == ROOT {
                let plain = bytes.iter().position(|byte| masker.first[usize::from(*byte)] != ROOT);
                let (before, rest) = bytes.split_at(plain.unwrap_or(bytes.len()));
                self.n_gone += before.len() as u64;
                out.extend_from_slice(before);
                bytes = rest;
            }
            let Some((byte, rest)) = bytes.split_first() else { break };
            bytes = rest;
            self.held.push_back(*byte);
            self.at = masker.next(self.at, *byte);
            let state = &masker.states[self.at as usize];
            if state.found > 0 {
                self.cover(state.found as u64);
            }
            // Nothing before the beginning that may still become a text can become part of one.
            self.release(self.n_seen() - state.open as u64, out);
        }
    }

    /// Appends to `out` what was held back: the stream has ended.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(self.n_seen(), out);
        *self = Masking::default();
    }

    fn n_seen(&self) -> u64 {
        self.n_gone + self.held.len() as u64
    }

    /// The last `length` bytes are a text.
    fn cover(&mut self, length: u64) {
        let end = self.n_seen();
        let mut start = end - length;
        while let Some((before, _)) = self.covered.pop_back_if(|(_, until)| *until >= start) {
            start = start.min(before);
        }
        self.covered.push_back((start, end));
    }

    /// Lets go of everything before `until`.
    fn release(&mut self, until: u64, out: &mut Vec<u8>) {
        while self.n_gone < until {
            let (start, end) = self.covered.front().copied().unwrap_or((u64::MAX, u64::MAX));
            self.drop_held(start.clamp(self.n_gone, until), Some(out));
            if self.n_gone == until {
                break;
            }
            if self.masked_until != Some(self.n_gone) {
                out.extend_from_slice(MASK);
            }
            self.drop_held(end.min(until), None);
            self.masked_until = Some(self.n_gone);
            if self.n_gone >= end {
                self.covered.pop_front();
            }
        }
    }

    fn drop_held(&mut self, until: u64, out: Option<&mut Vec<u8>>) {
        let n_bytes = usize::try_from(until.saturating_sub(self.n_gone)).unwrap_or(usize::MAX).min(self.held.len());
        let gone = self.held.drain(..n_bytes);
        if let Some(out) = out {
            out.extend(gone);
        }
        self.n_gone += n_bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(texts: &[&str], chunks: &[&[u8]]) -> Vec<u8> {
        let masker = Masker::new(texts).unwrap();
        let (mut masking, mut out) = (Masking::default(), Vec::new());
        for chunk in chunks {
            masking.push(&masker, chunk, &mut out);
        }
        masking.finish(&mut out);
        out
    }

    /// Byte by byte, and by definition.
    fn expected(texts: &[&str], stream: &[u8]) -> Vec<u8> {
        let mut is_covered = vec![false; stream.len()];
        for text in texts.iter().flat_map(|text| parts(text)) {
            for at in 0..stream.len() {
                if stream[at..].starts_with(text.as_bytes()) {
                    is_covered[at..at + text.len()].fill(true);
                }
            }
        }
        let mut out = Vec::new();
        for (at, byte) in stream.iter().enumerate() {
            match is_covered[at] {
                true if at > 0 && is_covered[at - 1] => {}
                true => out.extend_from_slice(MASK),
                false => out.push(*byte),
            }
        }
        out
    }

    #[test]
    fn what_is_a_text_is_covered_wherever_the_stream_is_cut() {
        for (texts, stream) in [
            (&["hunter2"][..], &b"pw=hunter2 hunter hunter22\n"[..]),
            (&["secret", "secretive"], b"a secret, a secretive secre\n"),
            (&["abcd", "cdef"], b"abcdef abcd cdef abcdabcdef"),
            (&["aaaa"], b"aaa aaaa aaaaaaaaaa aaab"),
            (&["xabcdyefghz", "abcd", "efgh"], b"xabcdyefgh xabcdyefghz xabcdyefg"),
            (&["hunter2"], b"\xff\xfehunter2\xff\x00hunter"),
            (&["first line\n  second line \nab\n"], b"first line\nsecond line\nab\n"),
            (&["ab\ncd"], b"ab\ncd\nab cd"),
            (&["  padded  "], b"padded"),
        ] {
            for cut in 0..=stream.len() {
                let (one, two) = stream.split_at(cut);
                let found = masked(texts, &[one, two]);
                assert_eq!(
                    found,
                    expected(texts, stream),
                    "{texts:?} cut at {cut}: {}",
                    String::from_utf8_lossy(&found)
                );
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(masked(texts, &bytes), expected(texts, stream), "{texts:?} byte by byte");
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(
            texts in prop::collection::vec("[abc]{4,9}", 1..5),
            stream in "[abcd\n]{0,80}",
            size in 1_usize..20,
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let chunks: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
            prop_assert_eq!(masked(&texts, &chunks), expected(&texts, stream.as_bytes()));
        }
    }

    #[test]
    fn what_is_too_short_is_left() {
        assert!(Masker::new(&["", "abc", " a \n b ", "\n\n"]).is_none_or(|masker| masker.text("abc") == "abc"));
        assert_eq!(Masker::new(&["abc", "abcd"]).unwrap().text("abc abcd"), "abc ***");
    }

    #[test]
    fn a_line_that_ends_in_no_beginning_of_a_text_is_not_held_back() {
        let masker = Masker::new(&["hunter2"]).unwrap();
        let (mut masking, mut out) = (Masking::default(), Vec::new());
        for (chunk, expected) in
            [("hello\n", "hello\n"), ("hun", ""), ("ger\n", "hunger\n"), ("hunter2", "***"), ("\n", "\n")]
        {
            masking.push(&masker, chunk.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), expected, "after {chunk:?}");
        }
    }

    #[test]
    fn memory_and_time_are_bounded_whatever_is_written() {
        let long = "a".repeat(60_000);
        let masker = Masker::new(&[long.as_str(), "aaaa", "aaab"]).unwrap();
        let (mut masking, mut out) = (Masking::default(), Vec::new());
        let chunk = vec![b'a'; 64 << 10];
        for _ in 0..50 {
            masking.push(&masker, &chunk, &mut out);
            assert!(masking.held.len() <= long.len() && masking.covered.len() <= 2);
        }
        masking.finish(&mut out);
        assert_eq!(out, MASK);
    }
}
