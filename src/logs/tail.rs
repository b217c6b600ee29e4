//! Reads a log from its end, and follows one that grows. Plain blocking reads: who follows decides when to look again.
//!
//! A log over its cap is rewritten at its end (see `append`). A follower notices that what it last read is no longer
//! where it was, begins again and leaves out the lines that it has shown, by their stamps; it sees the line that says
//! how much was dropped, and what came after.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::format::parse;
use crate::model::timestamp::Timestamp;

const BLOCK: usize = 64 << 10;

/// The last `n` whole lines of a log, line ends included. A log that was never made has none.
pub fn last_lines(path: &Path, n: usize) -> io::Result<Vec<u8>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let end = file.metadata()?.len();
    let mut found: Vec<u8> = Vec::new();
    let mut start = end;
    while start > 0 {
        let size = start.min(BLOCK as u64);
        start -= size;
        let mut block = vec![0; size as usize];
        file.read_exact_at(&mut block, start)?;
        block.extend_from_slice(&found);
        found = block;
        if found.iter().filter(|byte| **byte == b'\n').count() > n {
            break;
        }
    }
    let whole = found.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    found.truncate(whole);
    let n_lines = found.iter().filter(|byte| **byte == b'\n').count();
    let surplus = n_lines.saturating_sub(n);
    let cut = found.split_inclusive(|byte| *byte == b'\n').take(surplus).map(<[u8]>::len).sum::<usize>();
    Ok(found.split_off(cut))
}

/// Reads on in a log.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    offset: u64,
    last_line: Vec<u8>,
    /// The stamp of the last line shown, and how many lines with that stamp were.
    seen: Option<(Timestamp, usize)>,
}

impl Follower {
    /// Follows the log at `path` from its beginning. It need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Follower { path, offset: 0, last_line: Vec::new(), seen: None }
    }

    /// The whole lines that came since the last call, at most about 64 KiB of them; empty if there are none yet.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        if self.rewritten(&file) {
            self.again(&file)?;
        }
        let mut block = vec![0; BLOCK];
        let n_read = file.read_at(&mut block, self.offset)?;
        let whole = block[..n_read].iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        block.truncate(whole);
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            self.saw(line);
        }
        Ok(block)
    }

    fn saw(&mut self, line: &[u8]) {
        self.offset += line.len() as u64;
        line.clone_into(&mut self.last_line);
        if let Some(line) = parse(line) {
            self.seen = match self.seen {
                Some((at, n)) if at == line.at => Some((at, n + 1)),
                _ => Some((line.at, 1)),
            };
        }
    }

    fn rewritten(&self, file: &File) -> bool {
        let mut there = vec![0; self.last_line.len()];
        let at = self.offset - there.len() as u64;
        file.read_exact_at(&mut there, at).is_err() || there != self.last_line
    }

    /// Moves to the first line that was not shown before.
    fn again(&mut self, file: &File) -> io::Result<()> {
        let Some((last, n_shown)) = self.seen else { return Ok(()) };
        (self.offset, self.last_line) = (0, Vec::new());
        let mut n_same = 0;
        let mut block = vec![0; BLOCK];
        loop {
            let n_read = file.read_at(&mut block, self.offset)?;
            let whole = block[..n_read].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            if whole == 0 {
                return Ok(());
            }
            for bytes in block[..whole].split_inclusive(|byte| *byte == b'\n') {
                let Some(line) = parse(bytes) else { continue };
                n_same += usize::from(line.at == last);
                // The line about dropped bytes is stamped when the log ends, which is after everything shown.
                if line.at > last || (line.at == last && n_same > n_shown) {
                    return Ok(());
                }
                self.offset += bytes.len() as u64;
                bytes.clone_into(&mut self.last_line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::append::LogWriter;
    use super::super::format::Stream;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn the_last_lines_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert_eq!(last_lines(&path, 3).unwrap(), b"");
        let long = "x".repeat(100_000);
        for (content, n, expected) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 1, "b\n"),
            ("a\n", 5, "a\n"),
            ("a\n", 0, ""),
            (&format!("a\n{long}\nb\n"), 2, &format!("{long}\nb\n")),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(String::from_utf8(last_lines(&path, n).unwrap()).unwrap(), *expected);
        }
    }

    #[test]
    fn a_follower_sees_every_line_once_and_goes_on_after_the_log_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogWriter::new(path.clone(), 2_000);
        let mut follower = Follower::new(path);
        assert_eq!(follower.read().unwrap(), b"");
        let mut shown = String::new();
        for number in 0..100 {
            log.write(Stream::Stdout, at(number), format!("line {number}\n").as_bytes());
            log.flush();
            shown.push_str(&String::from_utf8(follower.read().unwrap()).unwrap());
        }
        assert!(log.finish(at(100)).unwrap().n_dropped > 0);
        shown.push_str(&String::from_utf8(follower.read().unwrap()).unwrap());
        assert_eq!(follower.read().unwrap(), b"");
        let numbers: Vec<i64> = shown.lines().filter_map(|line| line.split(" line ").nth(1)?.parse().ok()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "no line twice: {numbers:?}");
        assert_eq!((numbers[0], numbers[numbers.len() - 1]), (0, 99));
        assert_eq!(shown.matches("bytes dropped").count(), 1);
    }
}
