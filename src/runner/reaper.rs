//! Sees children end: SIGCHLD writes into a pipe that the loop waits on, and then every child that can be reaped is
//! reaped, adopted ones included. Whoever else in this process waited for "any child" would take exits from us.

use std::io::{self, PipeReader, Read};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use rustix::process::{WaitOptions, wait};
use signal_hook::SigId;
use signal_hook::consts::SIGCHLD;

use crate::model::exit::ExitKind;

/// Reaps our children.
#[derive(Debug)]
pub(super) struct Reaper {
    woken: PipeReader,
    registered: SigId,
}

impl Reaper {
    /// Begins to listen for SIGCHLD.
    pub(super) fn start() -> io::Result<Reaper> {
        let (woken, bell) = io::pipe()?;
        fcntl(&woken, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let registered = signal_hook::low_level::pipe::register(SIGCHLD, bell)?;
        Ok(Reaper { woken, registered })
    }

    /// Readable when somebody may have ended.
    pub(super) fn fd(&self) -> &PipeReader {
        &self.woken
    }

    /// Forgets that we were woken. To be called before `reap`, so that a later end wakes again.
    pub(super) fn clear(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.woken.read(&mut bytes), Ok(n_read) if n_read == bytes.len()) {}
    }

    /// One child that has ended, reaped.
    pub(super) fn reap(&self) -> Option<(i32, ExitKind)> {
        let (pid, status) = wait(WaitOptions::NOHANG).ok()??;
        let code = || status.exit_status().map(ExitKind::Code);
        let signal = || status.terminating_signal().map(ExitKind::Signal);
        Some((pid.as_raw_nonzero().get(), code().or_else(signal).unwrap_or(ExitKind::Lost)))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.registered);
    }
}
