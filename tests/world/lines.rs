//! What a command writes as long as it lives, one JSON object a line.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use super::LONG;

/// A command and its lines.
pub(crate) struct Lines {
    child: Child,
    lines: Receiver<Value>,
}

impl Lines {
    pub(crate) fn spawn(mut command: Command) -> Lines {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (read, lines) = channel();
        std::thread::spawn(move || {
            let values = stdout.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
            values.into_iter().try_for_each(|value| read.send(value))
        });
        Lines { child, lines }
    }

    /// The next line, if one comes within `wait`.
    pub(crate) fn next_within(&mut self, wait: Duration) -> Option<Value> {
        self.lines.recv_timeout(wait).ok()
    }

    /// Waits for a line that is wanted.
    #[track_caller]
    pub(crate) fn until(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(value) if is_wanted(&value) => return value,
                Ok(value) => seen.push(value),
                Err(error) => panic!("{error}; seen were {seen:#?}"),
            }
        }
    }

    /// Waits for an event of that name about that job.
    #[track_caller]
    pub(crate) fn event(&mut self, kind: &str, job: &str) -> Value {
        self.until(|event| event["type"] == kind && event["job"] == job)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
