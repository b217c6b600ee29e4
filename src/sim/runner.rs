//! A pretend runner that keeps the protocol of the real one, dies between any two of its acts, and is followed by another
//! that has nothing but the journal and the processes that are left.
//!
//! It works in turns, as the real one does: ends, messages, what is due, a few spawns, the journal, the report. `turn` is
//! one of them. A runner that is stopped takes none until it goes on, and then all that was due meanwhile is done; its
//! processes go on without it.

mod journal;
mod turn;

use std::collections::{BTreeMap, VecDeque};

use super::chance::Chance;
use super::processes::Processes;
use super::trouble::Troubles;
use super::world::{Broken, World};
use crate::model::exit::ExitKind;
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::model::timestamp::Timestamp;
use crate::runner::protocol::{FromRunner, Heard, ToRunner};
use journal::Journal;
use turn::Turn;

/// How far the end of an attempt has come; asked for, it says why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Running,
    Terminating { why: ExitKind, kill_at: i64 },
    Killing { why: ExitKind },
}

#[derive(Debug)]
struct Attempt {
    started_at: Option<Timestamp>,
    log_path: String,
    /// Not a hook.
    is_task: bool,
    /// The runner before this one spawned it.
    is_orphan: bool,
    phase: Phase,
    timeout_at: Option<i64>,
    grace_us: i64,
}

/// What dies with the runner.
#[derive(Debug, Default)]
struct Living {
    heard: Heard,
    inbox: VecDeque<(u64, ToRunner)>,
    /// Each with the moment before which it is not spawned.
    queue: VecDeque<(i64, Box<Process>)>,
    attempts: BTreeMap<Launch, Attempt>,
    /// Starts that are not reported yet, and until when.
    held: Vec<(Launch, Timestamp)>,
    held_until: i64,
    out: Vec<FromRunner>,
    /// It was told to end: it takes nothing more, and ends with the last of what it has.
    is_ending: bool,
}

/// The runner that lives, or the next.
#[derive(Debug, Default)]
pub(super) struct Runner {
    journal: Journal,
    living: Option<Living>,
    /// When the next one comes, while none lives.
    back_at: i64,
    /// It does nothing before.
    pub(super) frozen_until: i64,
    n_lives: u64,
    /// How many turns there were, over all lives.
    pub(super) n_turns: u64,
}

/// What surrounds a turn.
struct Around<'w> {
    chance: &'w mut Chance,
    troubles: &'w Troubles,
    processes: &'w mut Processes,
    boot_us: i64,
    wall: Timestamp,
    notes: Vec<String>,
}

impl Runner {
    /// Until when there is none.
    pub(super) fn gone_until(&self) -> Option<i64> {
        self.living.is_none().then_some(self.back_at)
    }

    /// Whether there is one that was not told to end.
    pub(super) fn takes_launches(&self) -> bool {
        self.living.as_ref().is_some_and(|living| !living.is_ending)
    }

    /// Whether that launch has come to a runner that wrote it down.
    pub(super) fn has_seen(&self, launch: Launch) -> bool {
        self.journal.has_seen(launch)
    }

    /// The exit that was written down and is kept for that launch.
    pub(super) fn exit_of(&self, launch: Launch) -> Option<ExitKind> {
        self.journal.exit_of(launch)
    }

    /// What it would say lives, and whether that is being ended.
    pub(super) fn alive(&self) -> BTreeMap<Launch, bool> {
        let Some(living) = &self.living else { return BTreeMap::new() };
        let queue = living.queue.iter().map(|(_, process)| (process.launch, false));
        let attempts = living.attempts.iter();
        queue.chain(attempts.map(|(launch, attempt)| (*launch, attempt.phase != Phase::Running))).collect()
    }

    /// The exits that it keeps.
    pub(super) fn kept(&self) -> Vec<Launch> {
        let entries = self.journal.entries().iter();
        entries.filter(|(_, entry)| entry.exit.is_some()).map(|(launch, _)| *launch).collect()
    }

    /// When it does something, unless something comes before.
    pub(super) fn next_at(&self, processes: &Processes) -> Option<i64> {
        let Some(living) = &self.living else { return Some(self.back_at) };
        let has_ended = |(launch, attempt): (&Launch, &Attempt)| {
            processes.has_ended(*launch) || attempt.is_orphan && !processes.is_alive(*launch)
        };
        if !living.inbox.is_empty() || living.attempts.iter().any(has_ended) {
            return Some(self.frozen_until);
        }
        let attempts = living.attempts.values().filter_map(|attempt| match attempt.phase {
            Phase::Running => attempt.timeout_at,
            Phase::Terminating { kill_at, .. } => Some(kill_at),
            Phase::Killing { .. } => None,
        });
        let queue = living.queue.iter().map(|(at, _)| *at).filter(|_| !living.is_ending);
        let held = (!living.held.is_empty()).then_some(living.held_until);
        attempts.chain(queue).chain(held).min().map(|at| at.max(self.frozen_until))
    }

    /// Something came by a connection.
    fn hear(&mut self, epoch: u64, message: ToRunner) {
        if let Some(living) = &mut self.living {
            living.inbox.push_back((epoch, message));
        }
    }
}

impl World {
    /// A runner comes, or the one there is takes its turns and reads and writes its connections.
    pub(super) fn runner_goes_on(&mut self) -> Result<(), Broken> {
        if self.runner.living.is_none() && self.runner.back_at <= self.boot_us {
            self.runner_comes()?;
        }
        if self.runner.living.is_none() || self.runner.frozen_until > self.boot_us {
            return Ok(());
        }
        let (link, mut air) = self.air();
        for (epoch, message) in link.door_goes_on(&mut air) {
            self.note(|| format!("the runner hears on {}: {}", short(epoch), told(&message)));
            self.runner.hear(epoch, message);
        }
        if self.runner.next_at(&self.processes).is_some_and(|at| at <= self.boot_us) {
            self.take_turn(false)?;
        }
        Ok(())
    }

    fn runner_comes(&mut self) -> Result<(), Broken> {
        self.runner.n_lives += 1;
        let n = self.runner.n_lives;
        self.note(|| format!("runner {n} opens the journal"));
        self.runner.living = Some(Living::default());
        self.runner.frozen_until = 0;
        self.take_turn(true)
    }

    fn take_turn(&mut self, is_first: bool) -> Result<(), Broken> {
        self.runner.n_turns += 1;
        let wall = self.now();
        let Runner { journal, living: Some(living), .. } = &mut self.runner else { return Ok(()) };
        let around = Around {
            chance: &mut self.chance,
            troubles: &self.troubles,
            processes: &mut self.processes,
            boot_us: self.boot_us,
            wall,
            notes: Vec::new(),
        };
        let mut turn = Turn { journal, living, around, said: Vec::new() };
        let end = if is_first { turn.recover() } else { turn.act() };
        let (said, notes, is_over) = (turn.said, turn.around.notes, turn.living.is_over());
        notes.into_iter().for_each(|note| self.note(|| note));
        if !said.is_empty() {
            let (link, mut air) = self.air();
            link.say(said, &mut air);
        }
        match end {
            Ok(()) if !is_over => Ok(()),
            Ok(()) | Err(turn::Cut::Died) => {
                let pause = self.absence();
                self.runner_dies(pause);
                Ok(())
            }
            Err(turn::Cut::Broken(broken)) => Err(broken),
        }
    }

    /// The runner dies, and another comes after so long. Its processes live on.
    pub(super) fn runner_dies(&mut self, away_us: i64) {
        self.runner.back_at = self.boot_us.saturating_add(away_us);
        if self.runner.living.take().is_none() {
            return;
        }
        self.note(|| format!("the runner dies, the next comes in {away_us}us"));
        self.runner.journal.closed();
        self.processes.orphan();
        let (link, mut air) = self.air();
        link.runner_died(&mut air);
    }

    /// The runner is told to end what it has, and then itself.
    pub(super) fn end_runner(&mut self) -> Result<(), Broken> {
        self.note(|| "the runner is told to end".to_owned());
        let Some(living) = &mut self.runner.living else { return Ok(()) };
        living.is_ending = true;
        self.take_turn(false)
    }

    /// The runner does nothing for so long.
    pub(super) fn freeze_runner(&mut self, us: i64) {
        self.note(|| format!("the runner stalls for {us}us"));
        self.runner.frozen_until = self.boot_us.saturating_add(us);
    }

    /// The machine goes down: nothing lives, and the journal may lose its end.
    pub(super) fn lose_machine(&mut self) {
        self.processes.lose_all();
        self.runner.journal.lose_end(&mut self.chance);
    }
}

/// A connection for people: its number within its daemon.
fn short(epoch: u64) -> u64 {
    epoch & ((1 << crate::runner::CONNECTION_BITS) - 1)
}

fn told(message: &ToRunner) -> String {
    match message {
        ToRunner::Hello { .. } => "hello".to_owned(),
        ToRunner::Launch(process) => format!("launch {}", process.launch),
        ToRunner::Stop { launch, reason, grace } => format!("stop {launch} ({reason:?}, {grace:?})"),
        ToRunner::Acknowledge(launches) => format!("acknowledge {launches:?}"),
    }
}
