//! Reads a small plain file whose path somebody else chose: a job file, a secret, variables, what a task leaves. It waits
//! for nobody and it never reads without end: a pipe, a device, a socket or a folder is refused, and so is what is longer
//! than it may be. What the text means is not known here, nor is an error worded for people.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// Whether a link is as good as the file that it leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Links {
    /// It is.
    Follow,
    /// Neither a symbolic link nor a second name of a file is.
    Refuse,
}

/// What is in a file.
#[derive(Debug)]
pub struct Content {
    /// All of it.
    pub bytes: Vec<u8>,
    /// The user whose file it is.
    pub owner: u32,
    /// Who may do what with it.
    pub mode: u32,
    /// Which file it is: its device and inode.
    pub identity: (u64, u64),
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum NotPlain {
    /// It cannot be found, opened or read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// It is a pipe, a device, a socket or a folder.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is a link, and those are refused.
    #[error("it is a link")]
    Link,
    /// It is longer than it may be.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
}

/// All that the file at `path` holds, if it is at most `max` bytes.
pub fn read(path: &Path, max: u64, links: Links) -> Result<Content, NotPlain> {
    // To open a device may set it going, so it is looked at before. What is there may be another thing by the time it is
    // opened: then it is looked at again.
    let before = match links {
        Links::Follow => fs::metadata(path)?,
        Links::Refuse => fs::symlink_metadata(path)?,
    };
    judge(&before, links)?;
    read_opened(open(path, links)?, max, links)
}

fn judge(about: &Metadata, links: Links) -> Result<(), NotPlain> {
    if about.is_symlink() {
        return Err(NotPlain::Link);
    }
    if !about.is_file() {
        return Err(NotPlain::NotAFile);
    }
    if links == Links::Refuse && about.nlink() > 1 {
        return Err(NotPlain::Link);
    }
    Ok(())
}

/// Without `O_NONBLOCK`, opening a pipe that nobody writes to would wait for ever before we could see what it is.
fn open(path: &Path, links: Links) -> Result<File, NotPlain> {
    let mut flags = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    if links == Links::Refuse {
        flags |= OFlag::O_NOFOLLOW;
    }
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ELOOP) if links == Links::Refuse => NotPlain::Link,
        // So a socket answers.
        Some(Errno::ENXIO) => NotPlain::NotAFile,
        _ => NotPlain::Unreadable(error),
    })
}

fn read_opened(file: File, max: u64, links: Links) -> Result<Content, NotPlain> {
    let about = file.metadata()?;
    judge(&about, links)?;
    // The size is not believed: somebody may still be writing.
    let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(max)).unwrap_or(0) + 1);
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(NotPlain::TooLarge(max));
    }
    Ok(Content { bytes, owner: about.uid(), mode: about.mode(), identity: (about.dev(), about.ino()) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn check(path: &Path, links: Links, expected: &str) {
        let said = |read: Result<Content, NotPlain>| match read {
            Ok(content) => String::from_utf8(content.bytes).expect("because it was written as text"),
            Err(error) => error.to_string(),
        };
        assert_eq!(said(read(path, 4, links)), expected, "{path:?} {links:?}");
        // What is swapped after it was looked at is refused all the same, and nothing waits for it.
        let opened = open(path, links).and_then(|file| read_opened(file, 4, links));
        assert_eq!(said(opened), expected, "{path:?} {links:?}, opened");
    }

    #[test]
    fn only_a_plain_file_is_read_even_if_it_was_swapped() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("short"), "abcd").expect("a file can be written");
        fs::write(at("long"), "abcde").expect("a file can be written");
        fs::write(at("twice"), "ab").expect("a file can be written");
        fs::hard_link(at("twice"), at("hard")).expect("a link can be made");
        std::os::unix::fs::symlink(at("short"), at("soft")).expect("a link can be made");
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe can be made");
        let _socket = UnixListener::bind(at("socket")).expect("a socket can be made");
        for (name, followed, refused) in [
            ("short", "abcd", "abcd"),
            ("long", "it is larger than 4 bytes", "it is larger than 4 bytes"),
            ("hard", "ab", "it is a link"),
            ("soft", "abcd", "it is a link"),
            ("pipe", "it is not a regular file", "it is not a regular file"),
            ("socket", "it is not a regular file", "it is not a regular file"),
            (".", "it is not a regular file", "it is not a regular file"),
            ("none", "No such file or directory (os error 2)", "No such file or directory (os error 2)"),
        ] {
            check(&at(name), Links::Follow, followed);
            check(&at(name), Links::Refuse, refused);
        }
        check(Path::new("/dev/zero"), Links::Follow, "it is not a regular file");
    }
}
