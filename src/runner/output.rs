//! The three pipes of one attempt: what it is given, and what it writes, which goes to its log and, from stdout, into
//! its `output`. Nothing here blocks, and nothing a process does with its pipes can hold up anybody else.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{read, write};

use crate::logs::{Capture, LogWriter, Stream, Written};
use crate::model::timestamp::Timestamp;

/// How often one pipe is read in a row before the others have their turn.
const READS: usize = 16;

/// A pipe of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pipe {
    /// What it is given.
    Stdin,
    /// What it writes.
    Stdout,
    /// What it complains.
    Stderr,
}

/// The pipes of an attempt and where they lead.
pub(super) struct Output {
    stdin: Option<(OwnedFd, Vec<u8>, usize)>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    log: LogWriter,
    capture: Capture,
}

impl Output {
    /// The output of a process, to be logged at `log` within `max_output`.
    pub(super) fn new(log: PathBuf, max_output: u64) -> Output {
        let log = LogWriter::new(log, max_output);
        Output { stdin: None, stdout: None, stderr: None, log, capture: Capture::default() }
    }

    /// Takes the pipes of a process that exists now.
    pub(super) fn open(&mut self, stdin: Option<(OwnedFd, String)>, stdout: Option<OwnedFd>, stderr: Option<OwnedFd>) {
        self.stdin = stdin.map(|(fd, text)| (fd, text.into_bytes(), 0));
        self.stdout = stdout;
        self.stderr = stderr;
    }

    /// The pipes that are open.
    pub(super) fn fds(&self) -> impl Iterator<Item = (Pipe, &OwnedFd)> {
        let stdin = self.stdin.as_ref().map(|(fd, _, _)| (Pipe::Stdin, fd));
        let stdout = self.stdout.as_ref().map(|fd| (Pipe::Stdout, fd));
        let stderr = self.stderr.as_ref().map(|fd| (Pipe::Stderr, fd));
        stdin.into_iter().chain(stdout).chain(stderr)
    }

    /// Moves what can be moved on a pipe now; closes it at its end.
    pub(super) fn ready(&mut self, pipe: Pipe, at: Timestamp, buffer: &mut [u8]) {
        match pipe {
            Pipe::Stdin => self.give(),
            Pipe::Stdout | Pipe::Stderr => {
                for _ in 0..READS {
                    if !self.take(pipe, at, buffer) {
                        break;
                    }
                }
                self.log.flush();
            }
        }
    }

    fn give(&mut self) {
        while let Some((fd, text, done)) = &mut self.stdin {
            match write(fd, &text[*done..]) {
                Err(Errno::EAGAIN) => return,
                Err(Errno::EINTR) => {}
                Ok(n_written) if *done + n_written < text.len() => *done += n_written,
                // It is all given, or nobody wants it.
                Ok(_) | Err(_) => self.stdin = None,
            }
        }
    }

    /// Reads once; `false` if there is nothing more just now.
    fn take(&mut self, pipe: Pipe, at: Timestamp, buffer: &mut [u8]) -> bool {
        let (fd, stream) = match pipe {
            Pipe::Stdin => return false,
            Pipe::Stdout => (&mut self.stdout, Stream::Stdout),
            Pipe::Stderr => (&mut self.stderr, Stream::Stderr),
        };
        let Some(open) = fd else { return false };
        match read(open, buffer) {
            Err(Errno::EINTR) => true,
            Err(Errno::EAGAIN) => false,
            Ok(0) | Err(_) => {
                *fd = None;
                false
            }
            Ok(n_read) => {
                self.log.write(stream, at, &buffer[..n_read]);
                if stream == Stream::Stdout {
                    self.capture.push(&buffer[..n_read]);
                }
                true
            }
        }
    }

    /// Takes what is in the pipes now, but no more than a pipe can hold, because others may still be writing; then the
    /// pipes that are open are given back, or with them gone, closed.
    pub(super) fn finish(mut self, at: Timestamp, buffer: &mut [u8]) -> Finished {
        for pipe in [Pipe::Stdout, Pipe::Stderr] {
            for _ in 0..READS {
                if !self.take(pipe, at, buffer) {
                    break;
                }
            }
        }
        let open = [self.stdout.take(), self.stderr.take()].into_iter().flatten().collect();
        Finished { output: self.capture.into_text(), written: self.log.finish(at), open }
    }
}

/// What an attempt wrote.
pub(super) struct Finished {
    /// Its captured output.
    pub(super) output: String,
    /// Its log, if there is one.
    pub(super) written: Option<Written>,
    /// The pipes that somebody still holds.
    pub(super) open: Vec<OwnedFd>,
}
