//! The pretended machine's processes: what lives, whoever looks after it. They end by themselves, or by TERM and KILL;
//! their runner's death is not theirs, and only the machine's is.
//!
//! What no runner may do is an error here: spawn a launch a second time, ever, or a second process of a task that lives.

use std::collections::{BTreeMap, BTreeSet};

use super::world::Broken;
use crate::model::definition::Value;
use crate::model::exit::ExitKind;
use crate::model::id::Launch;
use crate::model::process::Process;

/// How long one that heeds TERM takes to end.
const HEEDS_US: i64 = 20_000;

/// How a pretend process will go if nobody stops it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) takes_us: i64,
    pub(super) exit: ExitKind,
    /// TERM does nothing; KILL does.
    pub(super) ignores_stop: bool,
}

#[derive(Debug)]
struct Alive {
    owner: Option<String>,
    ends_us: i64,
    exit: ExitKind,
    ignores_stop: bool,
}

/// All processes there are, and which there ever were.
#[derive(Debug, Default)]
pub(super) struct Processes {
    alive: BTreeMap<Launch, Alive>,
    /// Those that have ended, until they are reaped.
    ended: BTreeMap<Launch, ExitKind>,
    spawned: BTreeSet<Launch>,
}

impl Processes {
    /// One more exists.
    pub(super) fn spawn(&mut self, process: &Process, fate: Fate, boot_us: i64) -> Result<(), Broken> {
        let launch = process.launch;
        if !self.spawned.insert(launch) {
            return Err(format!("launch {launch} is spawned a second time"));
        }
        let owner = owner(process);
        if let Some((other, _)) = self.alive.iter().find(|(_, alive)| alive.owner.is_some() && alive.owner == owner) {
            return Err(format!("launch {launch} lives beside launch {other} of {}", owner.unwrap_or_default()));
        }
        let (exit, ignores_stop) = (fate.exit, fate.ignores_stop);
        let alive = Alive { owner, ends_us: boot_us.saturating_add(fate.takes_us), exit, ignores_stop };
        self.alive.insert(launch, alive);
        Ok(())
    }

    /// TERM.
    pub(super) fn term(&mut self, launch: Launch, boot_us: i64) {
        if let Some(alive) = self.alive.get_mut(&launch).filter(|alive| !alive.ignores_stop) {
            alive.ends_us = alive.ends_us.min(boot_us.saturating_add(HEEDS_US));
        }
    }

    /// KILL, which takes a while where the kernel holds it.
    pub(super) fn kill(&mut self, launch: Launch, at_us: i64) {
        if let Some(alive) = self.alive.get_mut(&launch) {
            alive.ends_us = alive.ends_us.min(at_us);
        }
    }

    /// When the next one ends.
    pub(super) fn next_end(&self) -> Option<i64> {
        self.alive.values().map(|alive| alive.ends_us).min()
    }

    /// Those end whose time has come.
    pub(super) fn go_on(&mut self, boot_us: i64) {
        let gone = self.alive.extract_if(.., |_, alive| alive.ends_us <= boot_us);
        self.ended.extend(gone.map(|(launch, alive)| (launch, alive.exit)));
    }

    /// How a child of the runner has ended, if it has.
    pub(super) fn reap(&mut self, launch: Launch) -> Option<ExitKind> {
        self.ended.remove(&launch)
    }

    /// Whether its runner has something to reap.
    pub(super) fn has_ended(&self, launch: Launch) -> bool {
        self.ended.contains_key(&launch)
    }

    pub(super) fn is_alive(&self, launch: Launch) -> bool {
        self.alive.contains_key(&launch)
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = Launch> {
        self.alive.keys().copied()
    }

    /// Their runner died: how they ended, or end, nobody will be told.
    pub(super) fn orphan(&mut self) {
        self.ended.clear();
    }

    /// The machine went down.
    pub(super) fn lose_all(&mut self) {
        (self.alive, self.ended) = Default::default();
    }
}

/// The run and task that a process says it is of.
fn owner(process: &Process) -> Option<String> {
    let get = |name: &str| match process.env.get(name) {
        Some(Value::Plain(text)) => Some(text.as_str()),
        Some(Value::Secret(_)) | None => None,
    };
    Some(format!("{}/{}", get("CAMPANILE_RUN_ID")?, get("CAMPANILE_TASK")?))
}
