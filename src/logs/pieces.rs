//! The files of one log: the log itself and, while it is over its cap, `LOG.tail` and `LOG.tail.old` beside it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How much is copied at once.
const BLOCK: usize = 64 << 10;

/// Deletes what stands beside a log while it is over its cap.
pub(super) fn remove_tails(path: &Path) {
    for name in ["tail", "tail.old"] {
        let _ = std::fs::remove_file(beside(path, name));
    }
}

pub(super) fn beside(path: &Path, name: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".");
    beside.push(name);
    PathBuf::from(beside)
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(path)
}

pub(super) fn create_empty(path: &Path) -> io::Result<File> {
    let file = create(path)?;
    file.set_len(0)?;
    Ok(file)
}

/// How many bytes from `at` to after the next line end, not beyond `end`; nothing if a line begins at `at`.
pub(super) fn rest_of_line(file: &File, at: u64, end: u64) -> io::Result<u64> {
    if at == 0 {
        return Ok(0);
    }
    let mut block = [0; 4096];
    let mut next = at - 1;
    while next < end {
        let n_read = file.read_at(&mut block, next)?;
        if n_read == 0 {
            break;
        }
        if let Some(found) = block[..n_read].iter().position(|byte| *byte == b'\n') {
            return Ok((next + found as u64 + 1).min(end).saturating_sub(at));
        }
        next += n_read as u64;
    }
    Ok(end - at)
}

pub(super) fn copy(from: &File, mut at: u64, n_bytes: u64, to: &File, mut into: u64) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut left = n_bytes;
    while left > 0 {
        let n_read = from.read_at(&mut block[..left.min(BLOCK as u64) as usize], at)?;
        if n_read == 0 {
            break;
        }
        to.write_all_at(&block[..n_read], into)?;
        (at, into, left) = (at + n_read as u64, into + n_read as u64, left - n_read as u64);
    }
    Ok(n_bytes - left)
}
