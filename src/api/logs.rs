//! The logs of a run or a task, one JSON object a line: first what is there, then, for who follows, what comes, across
//! attempts, until the run or task has ended.
//!
//! Files do not say when they grow. While an attempt is live its log is looked at ten times a second; otherwise nothing
//! happens before the next commit. Files are read on only as fast as the client takes lines.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::context::{Shared, away};
use super::parameters::{Name, Parameters};
use super::problem::Refusal;
use crate::logs::{Follower, format};
use crate::model::id::EventSeq;
use crate::model::refused::Refused;
use crate::query;
use crate::query::log::{Attempt, Logs, Of};
use crate::wire::LogLine;

/// How often a live log is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Which lines of a run.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedRun {
    /// Those of this task.
    task: Option<String>,
    /// Those of the attempt of this number.
    attempt: Option<u64>,
    /// Go on until it has ended.
    #[serde(default)]
    follow: bool,
}

/// Which lines of a task.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedTask {
    /// Those of the attempt of this number.
    attempt: Option<u64>,
    /// Go on until it has ended.
    #[serde(default)]
    follow: bool,
}

pub(super) async fn of_run(
    State(shared): State<Shared>,
    Name(name): Name,
    Parameters(AskedRun { task, attempt, follow }): Parameters<AskedRun>,
) -> Result<Response, Refusal> {
    // `JOB` is its latest run: which one that is must not change while somebody follows.
    let id = shared.read(move |reader| query::run::id(reader, &name)).await?;
    lines(shared, Of::Run { name: id.to_string(), task }, attempt, follow).await
}

pub(super) async fn of_task(
    State(shared): State<Shared>,
    Name(name): Name,
    Parameters(AskedTask { attempt, follow }): Parameters<AskedTask>,
) -> Result<Response, Refusal> {
    lines(shared, Of::Task(name), attempt, follow).await
}

async fn lines(shared: Shared, of: Of, number: Option<u64>, follow: bool) -> Result<Response, Refusal> {
    let place = shared.stream()?;
    let mut committed = shared.context.handle.committed();
    committed.borrow_and_update();
    let logs = known(&shared, &of, number).await?;
    let mut glance = interval(GLANCE);
    glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stopping = shared.stopping.clone();
    let tail = Tail {
        _place: place,
        shared,
        of,
        number,
        follow,
        logs,
        open: Vec::new(),
        done: HashSet::new(),
        committed,
        stopping,
        glance,
    };
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(stream::unfold(tail, Tail::next))).into_response())
}

async fn known(shared: &Shared, of: &Of, number: Option<u64>) -> Result<Logs, Refused> {
    let of = of.clone();
    shared.read(move |reader| query::log::logs(reader, &of, number)).await
}

struct Tail {
    /// One of the streams that may be open at once.
    _place: OwnedSemaphorePermit,
    shared: Shared,
    of: Of,
    number: Option<u64>,
    follow: bool,
    logs: Logs,
    /// Logs that may still grow, or were not read to their end.
    open: Vec<(Attempt, Follower)>,
    /// Logs of ended attempts that were read to their end.
    done: HashSet<i64>,
    committed: watch::Receiver<EventSeq>,
    stopping: watch::Receiver<bool>,
    glance: Interval,
}

impl Tail {
    async fn next(mut self) -> Option<(Result<Bytes, Refused>, Self)> {
        loop {
            // What was known before the reading: only an attempt that had ended by then has been read to its end.
            self.begin();
            let read;
            (self, read) = self.read().await?;
            if !read.is_empty() {
                return Some((Ok(Bytes::from(read)), self));
            }
            if !self.follow || (self.logs.ended && self.open.is_empty()) {
                return None;
            }
            match self.wait().await {
                Some(true) => {}
                Some(false) => continue,
                // The answer breaks off, so that who follows knows that it is not at its end and comes back.
                None => return Some((Err(Refused::Stopping), self)),
            }
            match known(&self.shared, &self.of, self.number).await {
                Ok(logs) => self.logs = logs,
                // Pruned meanwhile: nothing more will come.
                Err(Refused::NotFound { .. }) => return None,
                Err(refused) => return Some((Err(refused), self)),
            }
        }
    }

    /// Opens the logs that were not opened before.
    fn begin(&mut self) {
        for attempt in &self.logs.attempts {
            match self.open.iter_mut().find(|(open, _)| open.launch == attempt.launch) {
                Some((open, _)) => open.ended = attempt.ended,
                None if self.done.contains(&attempt.launch) => {}
                None => match below(&self.shared.context.state_dir, &attempt.path) {
                    Some(path) => self.open.push((attempt.clone(), Follower::new(path))),
                    None => {
                        tracing::warn!(path = %attempt.path, "a log outside the state folder is not shown");
                        self.done.insert(attempt.launch);
                    }
                },
            }
        }
    }

    /// What the first of the open logs that has something has to say. Ended logs are read to their end, in order.
    async fn read(mut self) -> Option<(Self, Vec<u8>)> {
        away(move || {
            let mut out = Vec::new();
            while out.is_empty() {
                let mut closed = None;
                for (index, (attempt, follower)) in self.open.iter_mut().enumerate() {
                    let block = follower.read().unwrap_or_else(|error| {
                        tracing::warn!(path = %attempt.path, %error, "a log cannot be read");
                        Vec::new()
                    });
                    show(attempt, &block, &mut out);
                    if block.is_empty() && (attempt.ended || !self.follow) {
                        closed = Some(index);
                    }
                    if closed.is_some() || !out.is_empty() {
                        break;
                    }
                }
                match closed {
                    Some(index) => {
                        let (attempt, _) = self.open.remove(index);
                        self.done.insert(attempt.launch);
                    }
                    None => break,
                }
            }
            (self, out)
        })
        .await
        .ok()
    }

    /// Waits until there may be more; whether the store may say something new. Nothing if the daemon stops.
    async fn wait(&mut self) -> Option<bool> {
        if *self.stopping.borrow() {
            return None;
        }
        let mut changed = false;
        if self.open.is_empty() {
            changed = true;
            tokio::select! {
                committed = self.committed.changed() => committed.ok()?,
                _ = self.stopping.changed() => return None,
            }
        }
        // Also after a commit: a busy daemon commits far more often than anybody reads.
        tokio::select! {
            _ = self.glance.tick() => {}
            _ = self.stopping.changed() => return None,
        }
        changed |= self.committed.has_changed().ok()?;
        self.committed.borrow_and_update();
        Some(changed)
    }
}

/// Appends the lines of a block of log. A line that is not ours is shown as it is.
fn show(attempt: &Attempt, block: &[u8], out: &mut Vec<u8>) {
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (at, stream, whole, text) = match format::parse(line) {
            Some(read) => (Some(read.at), read.stream.word(), !read.partial, text(read.text)),
            None => (None, "stdout", true, text(line.strip_suffix(b"\n").unwrap_or(line))),
        };
        let (task, stream) = (attempt.task.clone(), stream.to_owned());
        let shown = LogLine { task, attempt: attempt.number, at, stream, whole, text };
        serde_json::to_writer(&mut *out, &shown).expect("because a line is plain data, and memory takes it");
        out.push(b'\n');
    }
}

/// The file at `path` below `folder`; nothing if it would not be below it, links followed.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let file = folder.join(path);
    if !plain || path.is_empty() {
        return None;
    }
    match (file.canonicalize(), folder.canonicalize()) {
        (Ok(real), Ok(folder)) => real.starts_with(folder).then_some(file),
        // It is made when its attempt first writes.
        (Err(_), _) => Some(file),
        (Ok(_), Err(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_only_from_below_the_state_folder() {
        let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("secret"), "x").unwrap();
        std::fs::write(state.path().join("log"), "x").unwrap();
        std::os::unix::fs::symlink(other.path().join("secret"), state.path().join("link")).unwrap();
        for (path, expected) in [
            ("log", true),
            ("not-yet-made", true),
            ("link", false),
            ("", false),
            ("../log", false),
            ("a/../../log", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(below(state.path(), path).is_some(), expected, "{path}");
        }
    }
}
