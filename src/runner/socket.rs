//! The socket between daemon and runner: its path, and who is at the other end.
//!
//! A path longer than sockaddr_un(7) has room for is reached through its folder, which is opened: state folders may be
//! deep. Who is there is asked of the kernel (`SO_PEERCRED`, unix(7)), on both sides: the runner starts processes for
//! whoever it listens to, and the daemon tells secrets to whoever it takes for the runner.

use std::fs::{DirBuilder, File, Permissions, set_permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;

/// sockaddr_un(7) has room for so many bytes and a NUL.
const MAX_PATH: usize = 107;

/// Listens at `path`, in the place of whatever is there: nobody else may listen there, which the caller has made sure of.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = at(path, |path| UnixListener::bind(path))?;
    set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the runner that listens at `path`: root, or whoever we run as.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = at(path, |path| UnixStream::connect(path))?;
    let uid = uid_of(&stream)?;
    if uid == 0 || uid == geteuid().as_raw() {
        return Ok(stream);
    }
    Err(io::Error::other(format!("it belongs to user {uid}, who is neither root nor who we run as")))
}

/// Whether the daemon is at the other end: root, or whoever we run as, or `owner`.
pub(super) fn may_be_daemon(stream: &UnixStream, owner: u32) -> bool {
    uid_of(stream).is_ok_and(|uid| uid == 0 || uid == geteuid().as_raw() || uid == owner)
}

fn uid_of(stream: &UnixStream) -> io::Result<u32> {
    Ok(getsockopt(stream, PeerCredentials)?.uid())
}

fn at<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return act(path) };
    if path.as_os_str().len() <= MAX_PATH {
        return act(path);
    }
    let folder = File::open(folder)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        for depth in [0, 30] {
            let deep = (0..depth).fold(folder.path().to_owned(), |path, _| path.join("deeper"));
            std::fs::create_dir_all(&deep).unwrap();
            let path = deep.join("socket");
            let listener = listen(&path).unwrap();
            let _stream = connect(&path).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            assert!(may_be_daemon(&accepted, 12_345));
            listen(&path).unwrap();
            connect(&path).expect_err("nobody listens any more");
        }
    }
}
