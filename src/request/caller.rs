//! The caller: makes the requests that the engine releases, each in a future of its own, and reports how they went.
//!
//! How many are made at once is bounded by what the engine claims. The engine waits for nobody: `call` and `stop` return
//! at once, and a report is made on a thread that may wait. A launch is made once, however often it is asked for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;

use super::attempt;
use crate::clock;
use crate::engine::{Handle, Report};
use crate::model::call::Call;
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::id::Launch;
use crate::outbound::Client;

/// Makes requests; cheap to clone.
#[derive(Clone)]
pub struct Caller {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Handle,
    runtime: Runtime,
    client: Client,
    state_dir: PathBuf,
    /// What is being made, and the way to tell it to end.
    made: Mutex<HashMap<Launch, watch::Sender<Option<StopReason>>>>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("n_made", &self.shared.made().len()).finish()
    }
}

impl Shared {
    fn made(&self) -> MutexGuard<'_, HashMap<Launch, watch::Sender<Option<StopReason>>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the engine, on a thread that may wait until it listens. That it is gone is no news to anybody.
    fn report(self: &Arc<Self>, report: Report) -> tokio::task::JoinHandle<bool> {
        let shared = Arc::clone(self);
        self.runtime.spawn_blocking(move || shared.engine.report(report))
    }
}

impl Caller {
    /// A caller that works on `runtime`, keeps logs in `state_dir` and reports to `engine`.
    pub fn start(engine: Handle, runtime: Runtime, client: Client, state_dir: PathBuf) -> Self {
        Caller { shared: Arc::new(Shared { engine, runtime, client, state_dir, made: Mutex::default() }) }
    }

    /// Makes this request; its start and its end will be reported.
    pub fn call(&self, call: Box<Call>) {
        let launch = call.launch;
        let (stop, stopped) = watch::channel(None);
        match self.shared.made().entry(launch) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => {
                place.insert(stop);
            }
        }
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            let making = Arc::clone(&shared);
            // In a future of its own: if it ends by a panic, that is an end too, and nobody waits for it for ever.
            let made = shared.runtime.spawn(async move {
                let started = |at| drop(making.report(Report::CallStarted { launch, at }));
                attempt::make(&call, &making.client, &making.state_dir, stopped, started).await
            });
            let exit = made.await.unwrap_or_else(|_| {
                let error = Some("making the request broke off".to_owned());
                Exit { error, ..Exit::bare(ExitKind::Unanswered, clock::wall()) }
            });
            let _ = shared.report(Report::CallEnded { launch, exit }).await;
            shared.made().remove(&launch);
        });
    }

    /// Gives up a request; `false` if it is none of this caller's.
    pub fn stop(&self, launch: Launch, reason: StopReason) -> bool {
        let made = self.shared.made();
        let Some(stop) = made.get(&launch) else { return false };
        // The first reason counts.
        stop.send_if_modified(|told| told.is_none() && told.replace(reason).is_none());
        true
    }
}
