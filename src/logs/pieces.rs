//! The files of one log: the log itself and, while it is over its cap, `LOG.tail` and `LOG.tail.old` beside it.
//!
//! Whoever owns the folders may not be whoever writes here, and some files of the kernel ask who we are and not whose rights
//! to files we have taken (`/proc/sys`). So no link is followed, on the way neither: what was opened must be what the path
//! says, or nothing is read from it or written to it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
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
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(path)?;
    there(file, path)
}

/// Opens a part to read it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    there(File::open(path)?, path)
}

/// The file, if it is at that path and not somewhere that a link leads to.
fn there(file: File, path: &Path) -> io::Result<File> {
    if std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))? == path {
        return Ok(file);
    }
    Err(io::Error::other(format!("`{}` is reached by a link", path.display())))
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_written_or_read_where_a_link_leads() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("elsewhere")).unwrap();
        std::fs::write(real.join("elsewhere/precious"), "whole").unwrap();
        symlink(real.join("elsewhere/precious"), real.join("file")).unwrap();
        symlink(real.join("elsewhere"), real.join("folder")).unwrap();
        for path in ["file", "folder/precious"] {
            let refused = create_empty(&real.join(path)).unwrap_err().to_string();
            assert!(refused.ends_with("is reached by a link"), "{refused}");
            open(&real.join(path)).unwrap_err();
        }
        assert_eq!(std::fs::read_to_string(real.join("elsewhere/precious")).unwrap(), "whole");
        create(&real.join("elsewhere/new")).unwrap();
    }
}
