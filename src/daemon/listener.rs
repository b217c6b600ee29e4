//! The socket: made with mode 0660, and only where there is nothing, or a socket that no daemon answers on.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::Failure;

/// sockaddr_un(7) has room for so many bytes and a NUL.
const MAX_PATH: usize = 107;

/// Listens on `path`. A socket that nobody answers on is left over from a daemon that was killed, and is replaced.
pub(super) fn listen(path: &Path) -> Result<UnixListener, Failure> {
    let failure = || Failure::machine(format!("cannot listen on `{}`", path.display()));
    if path.as_os_str().len() > MAX_PATH {
        let why = format!("the path is longer than {MAX_PATH} bytes; give a shorter one with `--socket PATH`");
        return Err(failure()(std::io::Error::new(ErrorKind::InvalidInput, why)));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failure())?;
    }
    // Connecting to any other file is refused just as a socket without a daemon is.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        let why = "there is a file that is not a socket; it is left alone".to_owned();
        return Err(failure()(std::io::Error::new(ErrorKind::AlreadyExists, why)));
    }
    match UnixStream::connect(path) {
        Ok(_) => return Err(Failure::SocketTaken(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failure())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failure()(error)),
    }
    let listener = UnixListener::bind(path).map_err(failure())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(failure())?;
    Ok(listener)
}

/// Removes the socket when the daemon ends.
#[derive(Debug)]
pub(super) struct Unlink(pub(super) PathBuf);

impl Drop for Unlink {
    fn drop(&mut self) {
        // A socket that stays behind is replaced by the next daemon.
        if fs::symlink_metadata(&self.0).is_ok_and(|found| found.file_type().is_socket()) {
            let _ = fs::remove_file(&self.0);
        }
    }
}
