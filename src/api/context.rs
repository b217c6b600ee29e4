//! What the surface speaks to. The daemon makes one and hands it over.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::body::Key;
use super::health::Readiness;
use super::problem::Refusal;
use crate::clock;
use crate::engine::{Answer, Command, Handle, Keyed};
use crate::metrics::Metrics;
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;
use crate::query::{Here, Reader};
use crate::tzdb::Tzdb;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;
use crate::wire::request::{self, Reloaded};
use crate::wire::status::Chore;

/// Reads the files again and has the engine load them.
pub type Reload = Arc<dyn Fn() -> BoxFuture<'static, Result<Reloaded, Refused>> + Send + Sync>;

/// Writes the file of a job and has it loaded, or takes it away.
pub type Put = Arc<dyn Fn(PutJob) -> BoxFuture<'static, Result<request::Put, Box<ProblemDetails>>> + Send + Sync>;

/// Says why there is no runner, or nothing where there is one.
pub type WhyNoRunner = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// A job that is put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PutJob {
    /// Its name, unchecked.
    pub name: String,
    /// How its file's name ends, and what is in it; without, it is taken away.
    pub file: Option<(&'static str, Vec<u8>)>,
}

/// The daemon, as the surface sees it.
pub struct Context {
    /// The way into the engine.
    pub handle: Handle,
    /// The way to what is stored.
    pub reader: Reader,
    /// The folder below which logs are.
    pub state_dir: PathBuf,
    /// Since when the daemon runs.
    pub started_at: Timestamp,
    /// Whether there is a runner.
    pub why_no_runner: WhyNoRunner,
    /// The version of the daemon's binary.
    pub version: &'static str,
    /// The zone data in use.
    pub zones: Arc<Tzdb>,
    /// Reads the files again.
    pub reload: Reload,
    /// Defines jobs.
    pub put: Put,
    /// What is done for the store at times.
    pub housekeeping: watch::Receiver<Vec<Chore>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether the daemon has loaded its files, and whether it stops.
    pub readiness: Arc<Readiness>,
}

/// So many streams, of events or of logs, may be open at once.
pub(super) const MAX_STREAMS: usize = 64;

/// What every route is given.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) context: Arc<Context>,
    /// Turns true when the daemon stops.
    pub(super) stopping: watch::Receiver<bool>,
    /// The streams that may still be opened.
    pub(super) streams: Arc<Semaphore>,
}

impl Shared {
    /// Has the engine do something; whether it had done it before under that key.
    pub(super) async fn command(&self, command: Command, key: Option<Key>) -> Result<(Answer, bool), Refusal> {
        let command = match key {
            Some(Key { key, fingerprint }) => Command::Keyed(Box::new(Keyed { key, fingerprint, command })),
            None => command,
        };
        let answered = self.context.handle.ask(command)?;
        // The sender is dropped only with the engine's thread.
        match answered.await.map_err(|_| Refused::Stopping)?? {
            Answer::Again(answer) => Ok((*answer, true)),
            answer @ (Answer::Done
            | Answer::Loaded(_)
            | Answer::Started { .. }
            | Answer::Submitted(_)
            | Answer::Backfilled(_)) => Ok((answer, false)),
        }
    }

    /// What of the daemon a question about waiting depends on.
    pub(super) fn here(&self) -> Here {
        Here {
            now: clock::wall(),
            why_no_runner: (self.context.why_no_runner)(),
            is_stopping: self.context.readiness.is_draining(),
        }
    }

    /// A place among the streams that may be open at once.
    pub(super) fn stream(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            ProblemDetails::new(Code::Busy, format!("{MAX_STREAMS} streams are open"))
                .hint("close one, or ask again later")
                .into()
        })
    }

    /// Asks the store something, away from the threads that carry connections.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let context = self.context.clone();
        away(move || question(&context.reader)).await?
    }
}

/// Does something that blocks.
pub(super) async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Refused::Internal { what: error.to_string() })
}
