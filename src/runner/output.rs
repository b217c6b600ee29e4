//! The pipes of one attempt: what it is given, and what it and its stop command write, which goes to its log and, from
//! its stdout, into its `output`; masked before it is anywhere. Nothing here blocks, and nothing a process does with its
//! pipes can hold up anybody else.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{read, write};

use crate::logs::{Capture, LogWriter, Masker, Masking, Stream, Written};
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
    /// What its stop command writes and complains.
    Asker,
}

/// The pipes of an attempt and where they lead.
pub(super) struct Output {
    stdin: Option<(OwnedFd, Vec<u8>, usize)>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    asker: Option<OwnedFd>,
    sink: Sink,
}

/// Where what is written goes.
struct Sink {
    masker: Option<Box<Masker>>,
    masking: [Masking; 3],
    masked: Vec<u8>,
    log: LogWriter,
    capture: Capture,
}

impl Sink {
    fn write(&mut self, stream: Stream, at: Timestamp, bytes: &[u8]) {
        let Some(masker) = &self.masker else { return self.store(stream, at, bytes) };
        let mut masked = std::mem::take(&mut self.masked);
        self.masking[stream.slot()].push(masker, bytes, &mut masked);
        self.store(stream, at, &masked);
        masked.clear();
        self.masked = masked;
    }

    /// Lets go of what was held back, because nothing more will come.
    fn end(&mut self, at: Timestamp) {
        if self.masker.is_none() {
            return;
        }
        for stream in Stream::ALL {
            let mut rest = Vec::new();
            self.masking[stream.slot()].finish(&mut rest);
            self.store(stream, at, &rest);
        }
    }

    fn store(&mut self, stream: Stream, at: Timestamp, bytes: &[u8]) {
        self.log.write(stream, at, bytes);
        if stream == Stream::Stdout {
            self.capture.push(bytes);
        }
    }
}

impl Output {
    /// The output of a process, to be logged at `log` within `max_output`, without these texts in it.
    pub(super) fn new(log: PathBuf, max_output: u64, masked: &[String]) -> Output {
        let sink = Sink {
            masker: Masker::new(masked).map(Box::new),
            masking: Default::default(),
            masked: Vec::new(),
            log: LogWriter::new(log, max_output),
            capture: Capture::default(),
        };
        Output { stdin: None, stdout: None, stderr: None, asker: None, sink }
    }

    /// A text without what is masked.
    pub(super) fn mask(&self, text: String) -> String {
        match &self.sink.masker {
            Some(masker) => masker.text(&text),
            None => text,
        }
    }

    /// Writes a line of ours into the log.
    pub(super) fn note(&mut self, at: Timestamp, text: &str) {
        self.sink.write(Stream::Runner, at, format!("{text}\n").as_bytes());
        self.sink.log.flush();
    }

    /// Takes the pipe of a stop command.
    pub(super) fn open_asker(&mut self, fd: OwnedFd) -> &OwnedFd {
        self.asker.insert(fd)
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
        let asker = self.asker.as_ref().map(|fd| (Pipe::Asker, fd));
        stdin.into_iter().chain(stdout).chain(stderr).chain(asker)
    }

    /// Moves what can be moved on a pipe now; closes it at its end.
    pub(super) fn ready(&mut self, pipe: Pipe, at: Timestamp, buffer: &mut [u8]) {
        match pipe {
            Pipe::Stdin => self.give(),
            Pipe::Stdout | Pipe::Stderr | Pipe::Asker => {
                for _ in 0..READS {
                    if !self.take(pipe, at, buffer) {
                        break;
                    }
                }
                self.sink.log.flush();
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
            Pipe::Asker => (&mut self.asker, Stream::Runner),
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
                self.sink.write(stream, at, &buffer[..n_read]);
                true
            }
        }
    }

    /// Takes what is in the pipes now, but no more than a pipe can hold, because others may still be writing; then the
    /// pipes that are open are given back, or with them gone, closed.
    pub(super) fn finish(mut self, at: Timestamp, buffer: &mut [u8]) -> Finished {
        for pipe in [Pipe::Stdout, Pipe::Stderr, Pipe::Asker] {
            for _ in 0..READS {
                if !self.take(pipe, at, buffer) {
                    break;
                }
            }
        }
        self.sink.end(at);
        let open = [self.stdout.take(), self.stderr.take()].into_iter().flatten().collect();
        Finished { output: self.sink.capture.into_text(), written: self.sink.log.finish(at), open }
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
