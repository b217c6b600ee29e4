//! Who is at the other end of the socket, as the kernel knows it (`SO_PEERCRED`, unix(7)). Checked on both sides: the
//! runner starts processes for whoever it listens to, and the daemon tells secrets to whoever it takes for the runner.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;

/// The runner is root, or runs as we do.
pub(super) fn may_be_runner(stream: &UnixStream) -> io::Result<()> {
    let uid = uid_of(stream)?;
    if uid == 0 || uid == geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::other(format!("its socket is held by user {uid}, who is neither root nor who we run as")))
}

/// The daemon is root, or who we run as, or who the state folder belongs to.
pub(super) fn may_be_daemon(stream: &UnixStream, owner: u32) -> bool {
    uid_of(stream).is_ok_and(|uid| uid == 0 || uid == geteuid().as_raw() || uid == owner)
}

fn uid_of(stream: &UnixStream) -> io::Result<u32> {
    Ok(getsockopt(stream, PeerCredentials)?.uid())
}
