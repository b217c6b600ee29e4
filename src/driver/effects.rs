//! Releases effects: hands each to the one that executes it. Nothing here waits for a process, a receiver or anybody's
//! answer; all that is read is the end of a log, for a shell hook.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

use crate::engine::{Delivery, Effect, Handle, Report, RunnerReport};
use crate::hooks;
use crate::hooks::sender::ReadTail;
use crate::model::definition::{Target, Value};
use crate::model::exit::{Exit, ExitKind};
use crate::model::process::Process;
use crate::request::Caller;
use crate::runner::RunnerClient;
use crate::{clock, logs, secret};

/// Those who execute.
pub struct Executors {
    runner: Option<RunnerClient>,
    sender: hooks::Sender,
    caller: Caller,
    handle: Handle,
    read_tail: ReadTail,
    removals: Sender<Vec<String>>,
}

impl Executors {
    /// `handle` is the engine's, for what fails before anybody executes it.
    pub fn new(
        runner: RunnerClient,
        sender: hooks::Sender,
        caller: Caller,
        handle: Handle,
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
        Executors { runner: Some(runner), sender, caller, handle, read_tail, removals }
    }

    /// Does one thing.
    pub fn release(&mut self, effect: Effect) {
        match effect {
            Effect::Start(process) => self.start(*process),
            Effect::Stop { launch, reason, grace } => {
                if let (false, Some(runner)) = (self.caller.stop(launch, reason), &self.runner) {
                    runner.stop(launch, reason, grace);
                }
            }
            Effect::Call(call) => self.caller.call(call),
            Effect::Acknowledge(launches) => {
                if let Some(runner) = &self.runner {
                    runner.acknowledge(launches);
                }
            }
            Effect::Deliver(delivery) => self.deliver(delivery),
            // The remover lives as long as this does; without one there is nobody to tell.
            Effect::RemoveLogs(paths) => drop(self.removals.send(paths)),
        }
    }

    fn start(&self, mut process: Process) {
        if let Err(why) = resolve(&mut process) {
            let at = clock::wall();
            let exit = Exit { error: Some(why), ..Exit::bare(ExitKind::NotStarted, at) };
            let launch = process.launch;
            let handle = self.handle.clone();
            // Said on another thread: this one empties the inbox that it would wait for.
            let report = move || {
                let _ = handle.report(Report::Runner(RunnerReport::Ended { launch, exit }));
            };
            if let Err(error) = std::thread::Builder::new().name("not-started".to_owned()).spawn(report) {
                tracing::error!(%error, %launch, "cannot report a launch that was not made");
            }
            return;
        }
        if let Some(runner) = &self.runner {
            runner.launch(Box::new(process));
        }
    }

    fn deliver(&self, delivery: Box<Delivery>) {
        // A webhook's sender reads the tail itself, away from this thread.
        if let Target::Webhook(_) = delivery.hook.target {
            return self.sender.deliver(delivery);
        }
        let tail = delivery.log_path.as_deref().map(|path| (self.read_tail)(path)).unwrap_or_default();
        if let Some(process) = hooks::shell::process(&delivery, &tail) {
            self.start(process);
        }
    }

    /// Ends the runner. What still runs is killed by the next one with this state folder.
    pub fn stop(&mut self) {
        // Not `shutdown`: that waits for reports to be taken, and nobody takes them any more.
        drop(self.runner.take());
    }
}

/// Puts the values of secrets in the place of references to them, for this one attempt.
fn resolve(process: &mut Process) -> Result<(), String> {
    for (name, value) in &mut process.env {
        if let Value::Secret(_) = value {
            let secret = secret::resolve(value).map_err(|error| format!("`env.{name}`: {error}"))?;
            *value = Value::Plain(secret.expose().to_owned());
        }
    }
    Ok(())
}
