//! The loop, on the engine's own thread.
//!
//! Two clocks are read before each step. Wall time is what the step is given; boot time, which nobody can set, tells how
//! far wall time was moved by hand since the step before, and that is reported to the engine with the step.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use tokio::sync::{oneshot, watch};

use super::count;
use super::effects::Executors;
use super::open::Live;
use super::upkeep::{Upkeep, has_leisure};
use crate::clock;
use crate::engine::{Answer, Engine, Input, Message, Report, Step};
use crate::metrics::Metrics;
use crate::model::duration::Duration;
use crate::model::id::EventSeq;
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;
use crate::store::StoreError;

/// How many inputs one step takes.
const MAX_INPUTS: usize = 512;
/// Wall time may drift from boot time by so much of the time that passed, and by `MIN_STEP`, before it was set by hand:
/// time daemons slew by at most 500 parts in a million.
const MAX_SLEW: i64 = 1_000;
const MIN_STEP: i64 = 500_000;
/// How long is waited before a full disk is tried again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

type Reply = oneshot::Sender<Result<Answer, Refused>>;

/// The disk failed; what was committed last is known only after the database is opened again.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

/// What the loop works with.
pub(super) struct Turn {
    engine: Engine,
    inbox: Receiver<Message>,
    executors: Executors,
    metrics: Arc<Metrics>,
    committed: watch::Sender<EventSeq>,
    live: watch::Sender<Live>,
    seed: u64,
    replies: HashMap<u64, Reply>,
    last_token: u64,
    /// Inputs of a step that failed and is to be tried again.
    held: Vec<Input>,
    pause: Option<Duration>,
    clocks: (Timestamp, i64),
    upkeep: Upkeep,
    is_stopping: bool,
}

impl Turn {
    pub(super) fn new(
        engine: Engine,
        inbox: Receiver<Message>,
        executors: Executors,
        committed: watch::Sender<EventSeq>,
        live: watch::Sender<Live>,
        seed: u64,
        metrics: Arc<Metrics>,
    ) -> Self {
        Turn {
            engine,
            inbox,
            executors,
            metrics,
            committed,
            live,
            seed,
            replies: HashMap::new(),
            last_token: 0,
            held: Vec::new(),
            pause: None,
            clocks: (clock::wall(), clock::boot_us()),
            upkeep: Upkeep::default(),
            is_stopping: false,
        }
    }

    /// Turns until it is told to stop, or the disk fails.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        let mut wake_at = Some(clock::wall());
        while !self.is_stopping {
            let inputs = self.wait(wake_at)?;
            wake_at = match self.step(inputs)? {
                Some(step) => self.release(step),
                None => {
                    self.sit_out();
                    Some(clock::wall())
                }
            };
        }
        self.executors.stop();
        if let Err(error) = self.engine.store().checkpoint() {
            tracing::warn!(%error, "the log was not moved into the database; the next start does it");
        }
        Ok(())
    }

    /// Waits until something arrives or is due, and takes all that has arrived.
    fn wait(&mut self, wake_at: Option<Timestamp>) -> Result<Vec<Input>, Failure> {
        let arrived = self.inbox.try_recv().ok();
        if arrived.is_none() && has_leisure(wake_at, clock::wall()) {
            self.upkeep.tend(self.engine.store()).map_err(|error| Failure(error.to_string()))?;
        }
        let first = match (arrived, wake_at) {
            (Some(message), _) => Some(message),
            (None, None) => self.inbox.recv().ok(),
            (None, Some(at)) => match self.inbox.recv_timeout(at.since(clock::wall()).to_std()) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
            },
        };
        let mut inputs = std::mem::take(&mut self.held);
        inputs.extend(first.and_then(|message| self.accept(message)));
        while inputs.len() < MAX_INPUTS {
            let Ok(message) = self.inbox.try_recv() else { break };
            inputs.extend(self.accept(message));
        }
        Ok(inputs)
    }

    /// Lets the pause go by. Whoever asks for something meanwhile is refused at once, without another try at the disk.
    fn sit_out(&mut self) {
        let Some(pause) = self.pause else { return };
        let until = clock::boot_us().saturating_add(pause.as_micros());
        while !self.is_stopping {
            let left = Duration::from_micros((until - clock::boot_us()).max(0));
            match self.inbox.recv_timeout(left.to_std()) {
                Ok(message) => {
                    let input = self.accept(message);
                    count::beat(&self.metrics);
                    self.keep(input, "nothing can be written just now");
                }
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.is_stopping = true,
            }
        }
    }

    /// Keeps a report for later and refuses a command.
    fn keep(&mut self, inputs: impl IntoIterator<Item = Input>, why: &str) {
        for input in inputs {
            match input {
                Input::Command { token, .. } => {
                    self.answer(token, Err(Refused::Unavailable { why: why.to_owned() }));
                }
                Input::Report(report) => self.held.push(Input::Report(report)),
            }
        }
    }

    fn accept(&mut self, message: Message) -> Option<Input> {
        match message {
            Message::Report(report) => Some(Input::Report(report)),
            Message::Command(command, reply) => {
                self.last_token += 1;
                self.replies.insert(self.last_token, reply);
                Some(Input::Command { token: self.last_token, command })
            }
            Message::Look => None,
            Message::Tend => {
                self.upkeep.again();
                None
            }
            Message::Stop => {
                self.is_stopping = true;
                None
            }
        }
    }

    /// Steps; nothing if the step is to be tried again after a pause.
    fn step(&mut self, mut inputs: Vec<Input>) -> Result<Option<Step>, Failure> {
        let wall = self.look_at_clocks(&mut inputs);
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let began_us = clock::boot_us();
        let result = match self.engine.step(wall, self.seed, &inputs) {
            Err(StoreError::Full) => Err(StoreError::Full),
            Err(StoreError::Io(why)) => Err(StoreError::Io(why)),
            Err(error) => {
                tracing::error!(%error, "a step failed; it is repeated with each part by itself");
                self.engine.step_carefully(wall, self.seed, &inputs)
            }
            Ok(step) => Ok(step),
        };
        count::step(&self.metrics, began_us, result.as_ref().ok());
        match result {
            Ok(step) => {
                if self.pause.take().is_some() {
                    tracing::info!("the store can be written again");
                }
                Ok(Some(step))
            }
            Err(StoreError::Io(why)) => Err(Failure(why)),
            Err(error) => {
                self.postpone(inputs, &error);
                Ok(None)
            }
        }
    }

    /// Begins a pause, or a longer one.
    fn postpone(&mut self, inputs: Vec<Input>, error: &StoreError) {
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| pause.times(2.0).min(MAX_PAUSE));
        tracing::error!(%error, again_in = %pause, "nothing can be written; nothing is claimed meanwhile");
        self.pause = Some(pause);
        self.keep(inputs, &error.to_string());
    }

    fn look_at_clocks(&mut self, inputs: &mut Vec<Input>) -> Timestamp {
        let (wall, boot) = (clock::wall(), clock::boot_us());
        let passed = boot - self.clocks.1;
        let moved = wall.as_micros() - self.clocks.0.as_micros();
        let by_us = moved - passed;
        if by_us.abs() > MIN_STEP + passed / MAX_SLEW {
            tracing::warn!(by_us, "the clock was set");
            inputs.push(Input::Report(Report::ClockStepped { by_us }));
        }
        self.clocks = (wall, boot);
        wall
    }

    /// Lets go what the step, which has committed, wants done.
    fn release(&mut self, step: Step) -> Option<Timestamp> {
        for why in step.failures {
            tracing::error!(why, "something cannot be processed and was left out");
        }
        for effect in step.effects {
            self.executors.release(effect);
        }
        let live = Live { processes: step.n_live - step.n_calls + step.n_hooks, requests: step.n_calls };
        self.committed.send_if_modified(|seen| std::mem::replace(seen, step.committed) != step.committed);
        self.live.send_if_modified(|seen| std::mem::replace(seen, live) != live);
        // Last, so that whoever has an answer sees what it has changed.
        for (token, answer) in step.replies {
            self.answer(token, answer);
        }
        step.wake_at
    }

    fn answer(&mut self, token: u64, answer: Result<Answer, Refused>) {
        if let Some(reply) = self.replies.remove(&token) {
            // Whoever asked may have gone away.
            let _ = reply.send(answer);
        }
    }
}

/// The one place where chance comes from.
pub(super) fn seed() -> std::io::Result<u64> {
    use std::io::Read;
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
