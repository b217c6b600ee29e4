//! The sender: makes the tries at webhooks that the engine releases, each in a future of its own, and reports how they
//! went.
//!
//! Who waits for whom: a try waits for one of its receiver's `PER_RECEIVER` places, then for one of `AT_ONCE` places
//! over all, in this order, so that those who wait for a slow receiver hold no place that another could use. The engine
//! waits for nobody: `deliver` returns at once, and a report is made on a thread that may wait. The engine releases a
//! bounded number of deliveries; beyond `MAX_HELD` a try ends here as failed, unsent, and comes back when it is due.
//!
//! Effects are derived from rows again when something reconnects, so the same try may be asked for while it is made;
//! it is made once. What is being sent when the daemon ends is sent again by the next: at least once, under one id.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle as Runtime;
use tokio::sync::Semaphore;

use super::webhook;
use crate::clock;
use crate::engine::input::DeliveryResult;
use crate::engine::{Delivery, Handle, Report};
use crate::model::definition::Target;
use crate::model::id::Launch;
use crate::outbound::Client;

/// Requests under way at once.
pub const AT_ONCE: usize = 32;
/// Requests under way at once to one receiver.
pub const PER_RECEIVER: usize = 4;
/// Deliveries that wait or are under way. The engine should release fewer, and few to one hook.
pub const MAX_HELD: usize = 1_024;

/// Gives the last lines of a log below the state folder, oldest first; may wait.
pub type ReadTail = Box<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// Sends webhooks; cheap to clone.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Handle,
    runtime: Runtime,
    client: Client,
    read_tail: ReadTail,
    places: Semaphore,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    launches: HashSet<Launch>,
    /// By how a receiver's URL is written; only those for whom something is held.
    receivers: HashMap<String, Arc<Semaphore>>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("n_held", &self.shared.held().launches.len()).finish()
    }
}

impl Sender {
    /// A sender that works on `runtime` and reports to `engine`.
    pub fn start(engine: Handle, runtime: Runtime, client: Client, read_tail: ReadTail) -> Self {
        let places = Semaphore::new(AT_ONCE);
        Sender { shared: Arc::new(Shared { engine, runtime, client, read_tail, places, held: Mutex::default() }) }
    }

    /// Makes this try; its result will be reported. A shell hook does not belong here and is reported as failed.
    pub fn deliver(&self, delivery: Box<Delivery>) {
        let launch = delivery.launch;
        let held = self.shared.hold(&delivery);
        if matches!(held, Hold::Already) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            let result = match held {
                Hold::Receiver(receiver) => made(&shared, &receiver, delivery).await,
                Hold::Full | Hold::Already => webhook::failed("too many deliveries wait to be sent".to_owned(), false),
            };
            let reporting = Arc::clone(&shared);
            // The engine may be busy; a future must not wait for it. That it is gone is no news to anybody.
            let reported = move || reporting.engine.report(Report::Delivered { launch, result });
            let _ = shared.runtime.spawn_blocking(reported).await;
            shared.release(launch);
        });
    }
}

/// What became of the wish to hold a delivery.
enum Hold {
    /// It is held, and this is its receiver's queue.
    Receiver(Arc<Semaphore>),
    /// It is held, but there are too many to send it.
    Full,
    /// It was held before.
    Already,
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, delivery: &Delivery) -> Hold {
        let mut held = self.held();
        if !held.launches.insert(delivery.launch) {
            return Hold::Already;
        }
        if held.launches.len() > MAX_HELD {
            return Hold::Full;
        }
        let name = receiver(&delivery.hook.target);
        let places = held.receivers.entry(name).or_insert_with(|| Arc::new(Semaphore::new(PER_RECEIVER)));
        Hold::Receiver(Arc::clone(places))
    }

    fn release(&self, launch: Launch) {
        let mut held = self.held();
        held.launches.remove(&launch);
        held.receivers.retain(|_, places| Arc::strong_count(places) > 1);
    }
}

/// One try, in a future of its own: if it ends by a panic, that is a result too, and nobody waits for it for ever.
async fn made(shared: &Arc<Shared>, receiver: &Arc<Semaphore>, delivery: Box<Delivery>) -> DeliveryResult {
    const OPEN: &str = "because no semaphore here is ever closed";
    let _receivers = receiver.acquire().await.expect(OPEN);
    let _places = shared.places.acquire().await.expect(OPEN);
    let trying = Arc::clone(shared);
    let tried = shared.runtime.spawn(async move {
        let reading = Arc::clone(&trying);
        let path = delivery.log_path.clone();
        let log_tail = match path {
            Some(path) => trying.runtime.spawn_blocking(move || (reading.read_tail)(&path)).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let now = clock::wall().as_micros().div_euclid(1_000_000);
        webhook::send(&delivery, now, &trying.client, &log_tail).await
    });
    tried.await.unwrap_or_else(|_| webhook::failed("the try broke off".to_owned(), false))
}

fn receiver(target: &Target) -> String {
    match target {
        Target::Webhook(webhook) => webhook.url.shown(),
        Target::Shell(_) | Target::Command(_) => String::new(),
    }
}
