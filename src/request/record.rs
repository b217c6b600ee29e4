//! The log of a request: what was asked and what came of it on the stream of errors, the body of the answer on the
//! stream of output. Written on threads that may wait; a log that cannot be written costs its lines and nothing else.

use std::path::Path;

use crate::clock;
use crate::logs::{LogWriter, Stream, Written};
use crate::model::call::Call;
use crate::model::exit::LogFile;

/// The log of one request.
pub(super) struct Record {
    /// Nothing once the daemon is going down under it.
    log: Option<LogWriter>,
    path: String,
}

impl Record {
    /// A log in the state folder, of as many bytes as the call may keep.
    pub(super) fn new(state_dir: &Path, call: &Call) -> Self {
        let log = LogWriter::new(state_dir.join(&call.log_path), call.max_output);
        Record { log: Some(log), path: call.log_path.clone() }
    }

    /// Says something about the request; whoever follows the log sees it at once.
    pub(super) async fn say(self, words: &str) -> Record {
        self.write(Stream::Stderr, format!("{words}\n").into_bytes()).await
    }

    /// Writes the body of the answer.
    pub(super) async fn body(self, body: Vec<u8>) -> Record {
        if body.is_empty() { self } else { self.write(Stream::Stdout, body).await }
    }

    async fn write(self, stream: Stream, bytes: Vec<u8>) -> Record {
        let Record { log, path } = self;
        let Some(mut log) = log else { return Record { log, path } };
        let at = clock::wall();
        let writing = tokio::task::spawn_blocking(move || {
            log.write(stream, at, &bytes);
            log.flush();
            log
        });
        Record { log: writing.await.ok(), path }
    }

    /// Ends the log.
    pub(super) async fn finish(self) -> Option<LogFile> {
        let Record { log, path } = self;
        let (at, log) = (clock::wall(), log?);
        let finishing = tokio::task::spawn_blocking(move || log.finish(at));
        let Written { n_bytes, n_dropped } = finishing.await.ok().flatten()?;
        Some(LogFile { path, n_bytes, n_dropped })
    }
}
