//! Writes the log of one attempt, and keeps it below its cap.
//!
//! Format on disk, for a cap of `max` bytes, of which the first half is the head:
//!
//! - While everything fits, there is one file, and it can be read as it grows.
//! - At the first line that does not fit, writing goes on in `LOG.tail`. When that is as long as the tail may be, it
//!   becomes `LOG.tail.old` in the place of the one before, `LOG` is cut back to its head, and a new `LOG.tail` begins.
//!   So at any time the last bytes up to the length of a tail are on disk, and never more than twice that beside the
//!   head; nothing but one unfinished line for each stream is in memory.
//! - At the end `LOG` becomes head, one line `… N bytes dropped …`, tail; the other files go.
//!
//! Cuts are made between lines. `N` is exact and counts bytes of log. A line that cannot be written (a full disk, a
//! folder that cannot be made) is dropped and counted; after the first failure nothing is tried again, because half a
//! log that looks whole is worse than one that ends. The invariant: nothing here returns an error to the attempt.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::format::{MAX_TEXT, Stream, write_line};
use super::pieces::{beside, copy, create, create_empty, open, remove_tails, rest_of_line};
use crate::model::timestamp::Timestamp;

/// Room kept for the line that says what was dropped.
const MARKER: u64 = 128;
/// How much is collected before it is written without being asked.
const BUFFER: usize = 64 << 10;

/// What a finished log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// How many bytes it holds.
    pub n_bytes: u64,
    /// How many bytes were dropped.
    pub n_dropped: u64,
}

/// The file that was begun when the first did not hold everything.
struct Tail {
    file: File,
    n_bytes: u64,
    /// `LOG.tail.old` exists and is so long; before, the bytes after the head in `LOG` are the older part.
    old: Option<u64>,
}

/// Writes one log.
pub struct LogWriter {
    path: PathBuf,
    head_max: u64,
    tail_max: u64,
    file: Option<File>,
    n_bytes: u64,
    /// Where the head ends: after the last line that begins and ends in the first half.
    head: u64,
    tail: Option<Tail>,
    n_seen: u64,
    n_lost: u64,
    broken: bool,
    buffer: Vec<u8>,
    unfinished: [Vec<u8>; 3],
}

impl LogWriter {
    /// A log at `path`, on which there is no link, of at most `max` bytes. Nothing is made before something is written.
    pub fn new(path: PathBuf, max: u64) -> Self {
        let head_max = max / 2;
        LogWriter {
            path,
            head_max,
            tail_max: (max - head_max).saturating_sub(MARKER),
            file: None,
            n_bytes: 0,
            head: 0,
            tail: None,
            n_seen: 0,
            n_lost: 0,
            broken: false,
            buffer: Vec::new(),
            unfinished: [const { Vec::new() }; 3],
        }
    }

    /// Takes what a stream wrote, read at `at`. Whole lines reach the file with the next `flush`, or before.
    pub fn write(&mut self, stream: Stream, at: Timestamp, mut bytes: &[u8]) {
        let stamp = at.to_string();
        let slot = stream.slot();
        let mut pending = std::mem::take(&mut self.unfinished[slot]);
        while !bytes.is_empty() {
            let room = MAX_TEXT - pending.len();
            let part = &bytes[..bytes.len().min(room + 1)];
            let (text, taken, partial) = match part.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&part[..end], end + 1, false),
                None if part.len() > room => (&part[..room], room, true),
                None => {
                    pending.extend_from_slice(part);
                    break;
                }
            };
            if pending.is_empty() {
                self.line(&stamp, stream, partial, text);
            } else {
                pending.extend_from_slice(text);
                self.line(&stamp, stream, partial, &pending);
                pending.clear();
            }
            bytes = &bytes[taken..];
        }
        self.unfinished[slot] = pending;
    }

    /// Writes what was collected, so that it can be read.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer);
        let n_bytes = bytes.len() as u64;
        match self.append(&bytes) {
            Ok(()) => {}
            Err(_) => {
                self.broken = true;
                self.n_lost += n_bytes;
            }
        }
        self.buffer = bytes;
        self.buffer.clear();
    }

    /// Ends the log: unfinished lines are written, head and tail put together. Nothing if nothing was ever written.
    pub fn finish(mut self, at: Timestamp) -> Option<Written> {
        for stream in Stream::ALL {
            let text = std::mem::take(&mut self.unfinished[stream.slot()]);
            if !text.is_empty() {
                self.line(&at.to_string(), stream, false, &text);
            }
        }
        self.flush();
        if self.n_seen == 0 {
            return None;
        }
        if self.tail.is_some() && self.join(at).is_err() {
            self.n_lost = self.n_seen.saturating_sub(self.n_bytes);
        }
        let n_bytes = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |found| found.len());
        Some(Written { n_bytes, n_dropped: self.n_lost })
    }

    /// Takes one whole line of the log.
    fn line(&mut self, stamp: &str, stream: Stream, partial: bool, text: &[u8]) {
        let before = self.buffer.len();
        write_line(&mut self.buffer, stamp, stream, partial, text);
        let n_bytes = (self.buffer.len() - before) as u64;
        self.n_seen += n_bytes;
        // A line longer than the tail may be would push out everything and be too long itself.
        if self.broken || n_bytes > self.tail_max {
            self.buffer.truncate(before);
            self.n_lost += n_bytes;
            return;
        }
        let fits = match &self.tail {
            None => self.n_bytes + self.buffer.len() as u64 <= self.head_max + self.tail_max,
            Some(tail) => tail.n_bytes + self.buffer.len() as u64 <= self.tail_max,
        };
        if !fits {
            let line = self.buffer.split_off(before);
            self.flush();
            if !self.broken && self.turn().is_err() {
                self.broken = true;
            }
            if self.broken {
                self.n_lost += n_bytes;
                return;
            }
            self.buffer.extend_from_slice(&line);
        } else if self.tail.is_none() && self.n_bytes + self.buffer.len() as u64 <= self.head_max {
            self.head = self.n_bytes + self.buffer.len() as u64;
        }
        if self.buffer.len() >= BUFFER {
            self.flush();
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(tail) = &mut self.tail {
            tail.file.write_all(bytes)?;
            tail.n_bytes += bytes.len() as u64;
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(create_empty(&self.path)?);
        }
        if let Some(file) = &mut self.file {
            if let Err(error) = file.write_all(bytes) {
                // Half a line would be read as a whole one.
                let _ = file.set_len(self.n_bytes);
                return Err(error);
            }
            self.n_bytes += bytes.len() as u64;
        }
        Ok(())
    }

    /// Begins a new tail; what it takes the place of is dropped.
    fn turn(&mut self) -> io::Result<()> {
        let (tail, old) = (beside(&self.path, "tail"), beside(&self.path, "tail.old"));
        let older = match self.tail.take() {
            None => None,
            Some(full) => {
                std::fs::rename(&tail, &old)?;
                if let Some(file) = &self.file {
                    file.set_len(self.head)?;
                    self.n_bytes = self.head;
                }
                Some(full.n_bytes)
            }
        };
        if self.file.is_none() {
            self.file = Some(create_empty(&self.path)?);
        }
        self.tail = Some(Tail { file: create_empty(&tail)?, n_bytes: 0, old: older });
        Ok(())
    }

    /// Puts head and tail together. The older part of the tail is at the end of `LOG` itself, and moves towards its
    /// beginning, or is `LOG.tail.old`.
    fn join(&mut self, at: Timestamp) -> io::Result<()> {
        let (Some(file), Some(tail)) = (&self.file, &self.tail) else { return Ok(()) };
        let (older, from, n_older) = match tail.old {
            None => (file.try_clone()?, self.head, self.n_bytes - self.head),
            Some(n_bytes) => (open(&beside(&self.path, "tail.old"))?, 0, n_bytes),
        };
        // The moved bytes must not overtake themselves: the marker is written before what stood there is read.
        let least = if tail.old.is_none() { MARKER } else { 0 };
        let skip = (n_older + tail.n_bytes).saturating_sub(self.tail_max).max(least).min(n_older);
        let skip = skip + rest_of_line(&older, from + skip, from + n_older)?;
        let n_dropped = self.n_seen - self.n_lost - self.head - (n_older - skip) - tail.n_bytes;
        let mut marker = Vec::new();
        let said = format!("… {n_dropped} bytes dropped …");
        write_line(&mut marker, &at.to_string(), Stream::Runner, false, said.as_bytes());
        file.write_all_at(&marker, self.head)?;
        let mut end = self.head + marker.len() as u64;
        end += copy(&older, from + skip, n_older - skip, file, end)?;
        end += copy(&open(&beside(&self.path, "tail"))?, 0, tail.n_bytes, file, end)?;
        file.set_len(end)?;
        self.n_bytes = end;
        self.n_lost += n_dropped;
        remove_tails(&self.path);
        Ok(())
    }
}

/// Puts together what a runner that was killed left of a log; how many bytes were dropped nobody knows.
pub fn salvage(path: &Path, at: Timestamp) -> io::Result<()> {
    let parts = [beside(path, "tail.old"), beside(path, "tail")];
    if parts.iter().all(|part| !part.exists()) {
        return Ok(());
    }
    let file = create(path)?;
    let mut end = file.metadata()?.len();
    let mut marker = Vec::new();
    write_line(&mut marker, &at.to_string(), Stream::Runner, false, "… bytes may be dropped here …".as_bytes());
    file.write_all_at(&marker, end)?;
    end += marker.len() as u64;
    for part in parts.iter().filter(|part| part.exists()) {
        let part = open(part)?;
        end += copy(&part, 0, part.metadata()?.len(), &file, end)?;
    }
    remove_tails(path);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::format::parse;

    const AT: Timestamp = Timestamp::MIN;

    fn texts(path: &Path) -> Vec<String> {
        let bytes = std::fs::read(path).unwrap();
        let whole = bytes.split_inclusive(|byte| *byte == b'\n');
        whole.map(|line| String::from_utf8_lossy(parse(line).expect("a line of ours").text).into_owned()).collect()
    }

    /// Writes `n` numbered lines under a cap and returns what is left.
    fn numbered(n: usize, max: u64) -> (Vec<String>, Written, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.log");
        let mut log = LogWriter::new(path.clone(), max);
        for number in 0..n {
            log.write(Stream::Stdout, AT, format!("line {number:06}\n").as_bytes());
            if number % 7 == 0 {
                log.flush();
            }
        }
        let n_seen = log.n_seen;
        let written = log.finish(AT).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 1, "only the log remains");
        (texts(&path), written, n_seen)
    }

    #[test]
    fn head_and_tail_are_kept_and_the_count_is_exact_at_every_length() {
        let max = 4_000;
        for n in [10, 82, 83, 84, 85, 100, 119, 120, 150, 200, 1_000, 5_000] {
            let (texts, written, n_seen) = numbered(n, max);
            assert!(written.n_bytes <= max, "{n}: {written:?}");
            let marker = texts.iter().position(|text| text.starts_with('…'));
            let kept = texts.len() - usize::from(marker.is_some());
            assert_eq!(written.n_dropped, n_seen / n as u64 * (n - kept) as u64, "{n}");
            assert_eq!(marker.is_some(), written.n_dropped > 0);
            if let Some(marker) = marker {
                assert_eq!(texts[marker], format!("… {} bytes dropped …", written.n_dropped));
                assert!(marker > 30, "{n}: the head is {marker} lines");
                assert!(texts.len() - marker > 25, "{n}: the tail is {} lines", texts.len() - marker);
                let first = n - (texts.len() - marker - 1);
                for (offset, text) in texts[marker + 1..].iter().enumerate() {
                    assert_eq!(*text, format!("line {:06}", first + offset));
                }
            }
        }
    }

    #[test]
    fn the_smallest_caps_hold_too() {
        let folder = tempfile::tempdir().unwrap();
        for max in [0, 1, 100, 200, 300, 500] {
            let mut log = LogWriter::new(folder.path().join("log"), max);
            for text in ["short\n", &"long ".repeat(80), "\n", "short\n"].repeat(9) {
                log.write(Stream::Stdout, AT, text.as_bytes());
            }
            let n_seen = log.n_seen;
            let written = log.finish(AT).unwrap();
            assert!(written.n_bytes <= max && written.n_dropped > 0, "{max}: {written:?}");
            assert!(written.n_bytes + written.n_dropped >= n_seen, "{max}: {written:?} of {n_seen}");
        }
    }

    #[test]
    fn a_long_line_is_written_in_parts_and_both_streams_keep_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogWriter::new(path.clone(), 1 << 20);
        log.write(Stream::Stdout, AT, b"begin ");
        log.write(Stream::Stderr, AT, b"other\n");
        log.write(Stream::Stdout, AT, &[b'x'; MAX_TEXT]);
        log.write(Stream::Stdout, AT, b"end");
        assert!(log.finish(AT).is_some());
        let bytes = std::fs::read(&path).unwrap();
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| parse(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!((lines[0].stream, lines[0].text), (Stream::Stderr, b"other".as_slice()));
        assert!(lines[1].partial && lines[1].text.len() == MAX_TEXT);
        assert!(!lines[2].partial && lines[2].text == b"xxxxxxend");
    }

    #[test]
    fn nothing_written_makes_no_file_and_what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LogWriter::new(folder.path().join("none"), 100).finish(AT), None);
        assert!(!folder.path().join("none").exists());
        std::fs::write(folder.path().join("file"), "").unwrap();
        let mut log = LogWriter::new(folder.path().join("file/log"), 1_000);
        log.write(Stream::Stdout, AT, b"lost\n");
        log.flush();
        log.write(Stream::Stdout, AT, b"lost\n");
        let written = log.finish(AT).unwrap();
        assert_eq!((written.n_bytes, written.n_dropped > 60), (0, true));
    }

    #[test]
    fn what_a_killed_runner_left_is_put_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogWriter::new(path.clone(), 2_000);
        for number in 0..500 {
            log.write(Stream::Stdout, AT, format!("{number}\n").as_bytes());
        }
        log.flush();
        drop(log);
        salvage(&path, AT).unwrap();
        assert_eq!(texts(&path).last().map(String::as_str), Some("499"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
