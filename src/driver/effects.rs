//! Releases effects: hands each to the one that executes it. Nothing here waits for a process, a receiver or anybody's
//! answer; all that is read is the end of a log, for a shell hook.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

use super::launches::Launches;
use super::line::Told;
use crate::engine::{Delivery, Effect};
use crate::hooks;
use crate::hooks::sender::ReadTail;
use crate::logs;
use crate::model::definition::Target;
use crate::request::Caller;

/// Those who execute.
pub struct Executors {
    launches: Option<Launches>,
    sender: hooks::Sender,
    caller: Caller,
    read_tail: ReadTail,
    removals: Sender<Vec<String>>,
}

impl Executors {
    /// They work in `state_dir`.
    pub(super) fn new(
        launches: Launches,
        sender: hooks::Sender,
        caller: Caller,
        state_dir: PathBuf,
        read_tail: ReadTail,
    ) -> Self {
        let (removals, to_remove) = channel::<Vec<String>>();
        // Deleting many files takes its time; the engine does not wait for it. What is left over when the daemon stops
        // was pruned from the store already, and is at worst some unused files.
        let remover = std::thread::Builder::new().name("log-remover".to_owned());
        let started = remover.spawn(move || {
            for paths in to_remove {
                logs::retention::remove(&state_dir, &paths);
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "pruned logs will not be deleted");
        }
        Executors { launches: Some(launches), sender, caller, read_tail, removals }
    }

    /// Does one thing.
    pub fn release(&mut self, effect: Effect) {
        match effect {
            Effect::Start(process) => self.tell(Told::Launch(process)),
            Effect::Stop { launch, reason, grace } => {
                if !self.caller.stop(launch, reason) {
                    self.tell(Told::Stop { launch, reason, grace });
                }
            }
            Effect::Call(call) => self.caller.call(call),
            Effect::Welcome(connection) => self.tell(Told::Welcome(connection)),
            Effect::Acknowledge(ended) => self.tell(Told::Acknowledge(ended)),
            Effect::Deliver(delivery) => self.deliver(delivery),
            // The remover lives as long as this does; without one there is nobody to tell.
            Effect::RemoveLogs(paths) => drop(self.removals.send(paths)),
        }
    }

    fn tell(&self, told: Told) {
        if let Some(launches) = &self.launches {
            launches.tell(told);
        }
    }

    fn deliver(&self, delivery: Box<Delivery>) {
        // A webhook's sender reads the tail itself, away from this thread.
        if let Target::Webhook(_) = delivery.hook.target {
            return self.sender.deliver(delivery);
        }
        let tail = delivery.log_path.as_deref().map(|path| (self.read_tail)(path)).unwrap_or_default();
        if let Some(process) = hooks::shell::process(&delivery, &tail) {
            self.tell(Told::Launch(Box::new(process)));
        }
    }

    /// Lets go of the runner. One within this process ends, and what still runs is killed by the next one with this state
    /// folder; any other goes on with what it has.
    pub fn stop(&mut self) {
        // Not `shutdown`: that waits for reports to be taken, and nobody takes them any more.
        drop(self.launches.take());
    }
}
