//! A running daemon. Dropped, it is told twice to stop, so that its tasks go with it even when a test fails.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::Signal;

use super::{LONG, signal};

/// The process, and what it says.
pub(crate) struct Daemon {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    has_ended: bool,
}

impl Daemon {
    /// Starts one, and does not wait until it is ready.
    pub(crate) fn spawn(mut command: Command) -> Daemon {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (said, lines) = channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        Daemon { child, lines, said: Vec::new(), has_ended: false }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says a line with these words, and returns the line.
    #[track_caller]
    pub(crate) fn until(&mut self, words: &str) -> String {
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(error) => panic!("no `{words}`, {error}: {:#?}", self.said),
            }
        }
    }

    /// The same, or until it ends.
    pub(crate) fn until_or_end(&mut self, words: &str) {
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            self.said.push(line.clone());
            if line.contains(words) {
                return;
            }
        }
    }

    /// Waits for its end, but no longer than that; says whether it came.
    pub(crate) fn end_within(&mut self, wait: std::time::Duration) -> bool {
        super::is_gone_within(i32::try_from(self.pid()).unwrap(), u16::try_from(wait.as_millis()).unwrap())
    }

    pub(crate) fn signal(&self, kind: Signal) {
        signal(self.pid(), kind);
    }

    /// Asks it to stop, and returns its exit code.
    #[track_caller]
    pub(crate) fn stop(self) -> i32 {
        self.signal(Signal::SIGTERM);
        self.exit()
    }

    /// As rude as can be.
    pub(crate) fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.exit();
    }

    /// Asks it to stop, and returns every line that it has said.
    #[track_caller]
    pub(crate) fn stop_and_tell(mut self) -> Vec<String> {
        self.signal(Signal::SIGTERM);
        self.wait();
        std::mem::take(&mut self.said)
    }

    /// Waits for its end; -1 if a signal ended it.
    #[track_caller]
    pub(crate) fn exit(mut self) -> i32 {
        self.wait()
    }

    fn wait(&mut self) -> i32 {
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            self.said.push(line);
        }
        self.has_ended = true;
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        if std::thread::panicking() {
            self.said.extend(self.lines.try_iter());
            eprintln!("the daemon said: {:#?}", self.said);
        }
        self.signal(Signal::SIGTERM);
        self.signal(Signal::SIGTERM);
        while self.lines.recv_timeout(LONG / 10).is_ok() {}
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
