//! Where the lines of a text begin, found once, so that a place in it costs the same whether it is the first or the last
//! of a hundred thousand, and whether the text is many lines or a single one.

/// After how many bytes characters are counted anew at most.
const STRIDE: usize = 512;

/// The lines of one text.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Where each line begins.
    starts: Vec<usize>,
    /// How many characters begin before each multiple of the stride.
    counted: Vec<usize>,
}

impl Lines {
    /// The lines of `text`.
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let counted = bytes.chunks(STRIDE).scan(0, |n_chars, chunk| {
            let before = *n_chars;
            *n_chars += begun(chunk);
            Some(before)
        });
        let counted = counted.collect();
        Lines { starts: std::iter::once(0).chain(newlines).collect(), counted }
    }

    /// The number, counted from 1, of the line that holds the byte at `at`.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// Line and column, in characters, both counted from 1. `text` is the one whose lines these are.
    pub(crate) fn position(&self, text: &str, at: usize) -> (u32, u32) {
        let at = at.min(text.len());
        let line = self.line(at);
        let start = self.starts[line - 1];
        let mark = usize::from(at > start && text[start..].starts_with('\u{feff}'));
        let column = 1 + self.chars(text, at) - self.chars(text, start) - mark;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// How many characters begin before `at`.
    fn chars(&self, text: &str, at: usize) -> usize {
        let block = (at / STRIDE).min(self.counted.len().saturating_sub(1));
        let before = self.counted.get(block).copied().unwrap_or_default();
        before + begun(&text.as_bytes()[block * STRIDE..at])
    }
}

/// How many characters of UTF-8 begin in these bytes.
fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_where_counting_from_the_beginning_finds_it() {
        let long = "äöü = x\n".repeat(200) + &"é".repeat(1_500) + "\nend";
        let even = "abcdefg\n".repeat(2 * STRIDE / 8);
        for text in ["", "abc", "a\nbc\n", "a\r\nbc", "\u{feff}ab\nc", "\n\n", &long, &even] {
            let lines = Lines::of(text);
            for at in (0..=text.len() + 1).filter(|at| text.is_char_boundary((*at).min(text.len()))) {
                let before = &text[..at.min(text.len())];
                let line = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}');
                let expected = (before.matches('\n').count() + 1, line.chars().count() + 1);
                let (line, column) = lines.position(text, at);
                assert_eq!((line as usize, column as usize), expected, "at {at}");
                assert_eq!(lines.line(at.min(text.len())), expected.0, "at {at}");
            }
        }
    }
}
