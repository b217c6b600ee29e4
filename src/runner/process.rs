//! `campanile runner`: the runner as a process of its own, which has nothing of the
//! daemon in it, so that it stays small. It owns its socket, its signals and its end.
//!
//! One that a service manager has started stays until TERM, which stops what runs, each with its own grace; a second one
//! leaves no grace. One that a daemon has started ends by itself, too: when nothing runs and no daemon has been there for
//! ten seconds.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::geteuid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::protocol::place;
use super::rights::with_own;
use super::server::{Inbound, Server};
use super::trust::only_by;
use super::{Config, RunnerError, door, socket, spawn};
use crate::{environment, print};

/// How long the daemon may take to hear the last exits; it asks for them again otherwise.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Says that a daemon has started us.
const TRANSIENT: &str = "--transient";

/// How much of what runners have said is kept.
const MAX_SAID: u64 = 64 << 10;

/// Where the runner of a state folder listens unless it is told otherwise.
pub fn socket_of(state_dir: &Path) -> PathBuf {
    state_dir.join("runner").join("socket")
}

/// Starts a runner of `state_dir` each time it is called, unless the one that it started before still lives.
pub fn starter(state_dir: PathBuf) -> impl FnMut() -> io::Result<()> + Send {
    let mut started: Option<Child> = None;
    move || {
        let folder = state_dir.join("runner");
        let said = folder.join("log");
        let ended = match &mut started {
            Some(child) => match child.try_wait()? {
                None => return Ok(()),
                ended => ended.filter(|status| !status.success()),
            },
            None => None,
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        if said.metadata().is_ok_and(|found| found.len() > MAX_SAID) {
            std::fs::remove_file(&said)?;
        }
        let arguments = ["runner".as_ref(), TRANSIENT.as_ref(), "--state".as_ref(), state_dir.as_os_str()];
        started = Some(spawn::ourselves(&arguments, &said)?);
        match ended {
            Some(status) => Err(io::Error::other(format!("the runner has ended ({status}): see `{}`", said.display()))),
            None => Ok(()),
        }
    }
}

/// What a runner is told.
#[derive(Clone, Debug)]
pub struct Given {
    /// What every runner is told.
    pub config: Config,
    /// Where it listens; otherwise `socket_of` says.
    pub socket: Option<PathBuf>,
}

/// Runs until it is told to end.
pub fn serve(given: Given) -> Result<(), RunnerError> {
    // A session of its own: no terminal, and none of the signals that one sends. Whoever leads a group already, as a
    // service manager makes us, has a session for itself.
    let _ = nix::unistd::setsid();
    let passed = passed_socket()?;
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
    let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
    let wake = Arc::new(wake.map_err(io::Error::from)?);
    let (inbox, sent) = channel();
    let (outbox, said) = channel();
    let Given { mut config, socket: given_socket } = given;
    let state_dir = std::path::absolute(&config.state_dir)?;
    config.state_dir.clone_from(&state_dir);
    let path = given_socket.clone().unwrap_or_else(|| socket_of(&state_dir));
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| RunnerError::Io { path, source }
    };
    let about = state_dir.metadata().map_err(at(&state_dir))?;
    let owner = about.uid();
    end_on_signals(inbox.clone(), Arc::clone(&wake))?;
    // The journal's lock says that nobody else listens here.
    let server = Server::open(config, Arc::clone(&wake), sent, outbox)?;
    let is_passed = passed.is_some();
    // A socket in a folder that only root can write is made by root, and handed to the daemon's user.
    let folder = given_socket.as_ref().and_then(|path| path.parent()).filter(|_| geteuid().is_root() && owner != 0);
    let is_handed = folder.is_some_and(|folder| only_by(folder, 0).is_ok());
    let listener = match passed {
        Some(listener) => listener,
        None if is_handed => {
            let hand = |listener| chown(&path, Some(owner), Some(about.gid())).map(|()| listener);
            with_own(|| socket::listen(&path).and_then(hand)).map_err(at(&path))?
        }
        None => socket::listen(&path).map_err(at(&path))?,
    };
    let where_to =
        if is_passed { "the socket that was handed over".to_owned() } else { format!("`{}`", path.display()) };
    print::talk(&format!("campanile runner {}: listening on {where_to}", env!("CARGO_PKG_VERSION")));
    let all_said = door::open(listener, inbox, wake, said, (owner, place(&state_dir)?))?;
    // Nobody else listens here, nor tells the daemon what there is, before we are done with both.
    let _lock = server.run();
    let _: Result<(), RecvTimeoutError> = all_said.recv_timeout(LAST_WORDS);
    if !is_passed {
        let remove = || std::fs::remove_file(&path);
        let _ = if is_handed { with_own(remove) } else { remove() };
    }
    Ok(())
}

/// The socket that a service manager listens on for us (sd_listen_fds(3)).
fn passed_socket() -> io::Result<Option<UnixListener>> {
    if environment::var("LISTEN_FDS").is_none() {
        return Ok(None);
    }
    listenfd::ListenFd::from_env().take_unix_listener(0)
}

fn end_on_signals(inbox: Sender<Inbound>, wake: Arc<EventFd>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP])?;
    let waits = move || {
        for _ in signals.forever() {
            let _ = inbox.send(Inbound::End);
            let _ = wake.write(1);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).stack_size(64 << 10).spawn(waits).map(drop)
}
