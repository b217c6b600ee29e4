//! A pretend runner: it keeps the protocol of the real one and starts nothing. Launches come in the order of their
//! numbers, one that was seen before changes nothing, an exit is kept until it is acknowledged, and the journal of all
//! that outlives the runner: a new one reports what the old one left as lost.

use std::collections::{BTreeMap, HashSet};

use super::chance::Chance;
use crate::engine::RunnerReport;
use crate::model::definition::Value;
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, LogFile, StopReason};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::model::timestamp::Timestamp;

/// How a pretend process will go if nobody stops it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) takes_us: i64,
    pub(crate) exit: ExitKind,
    /// TERM does nothing; KILL does, after the grace.
    pub(crate) ignores_stop: bool,
}

#[derive(Debug)]
struct Alive {
    owner: Option<String>,
    /// What it wrote; every process writes a line, and a hook's is kept by nobody.
    log: Option<LogFile>,
    started_at: Timestamp,
    ends_us: i64,
    exit: ExitKind,
    kill_grace: Duration,
    ignores_stop: bool,
}

/// The runner and its journal.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    highest: u64,
    seen: HashSet<Launch>,
    alive: BTreeMap<Launch, Alive>,
    unacknowledged: BTreeMap<Launch, Exit>,
}

impl Machine {
    /// Starts a process; `false` if this launch was seen before. The clocks are boot time and wall time.
    pub(crate) fn start(
        &mut self,
        process: &Process,
        fate: Fate,
        boot_us: i64,
        wall: Timestamp,
    ) -> Result<bool, String> {
        let launch = process.launch;
        if !self.begin(launch)? {
            return Ok(false);
        }
        let owner = owner(process);
        if self.alive.values().any(|alive| alive.owner.is_some() && alive.owner == owner) {
            return Err(format!("launch {launch} is a second live process of {}", owner.unwrap_or_default()));
        }
        if fate.exit == ExitKind::NotStarted {
            let exit = Exit { error: Some("no such file".to_owned()), ..Exit::bare(fate.exit, wall) };
            self.unacknowledged.insert(launch, exit);
            return Ok(true);
        }
        let too_long = process.timeout.filter(|timeout| timeout.as_micros() < fate.takes_us);
        let (takes_us, exit) = match too_long {
            Some(timeout) => (timeout.as_micros(), ExitKind::Timeout),
            None => (fate.takes_us, fate.exit),
        };
        let alive = Alive {
            owner,
            log: Some(LogFile { path: process.log_path.clone(), n_bytes: 80, n_dropped: 0 }),
            started_at: wall,
            ends_us: boot_us.saturating_add(takes_us),
            exit,
            kill_grace: process.kill_grace,
            ignores_stop: fate.ignores_stop,
        };
        self.alive.insert(launch, alive);
        Ok(true)
    }

    /// Starts a shell hook, which is nobody's task.
    pub(crate) fn start_hook(
        &mut self,
        launch: Launch,
        fate: Fate,
        boot_us: i64,
        wall: Timestamp,
    ) -> Result<bool, String> {
        if !self.begin(launch)? {
            return Ok(false);
        }
        let alive = Alive {
            owner: None,
            log: None,
            started_at: wall,
            ends_us: boot_us.saturating_add(fate.takes_us),
            exit: fate.exit,
            kill_grace: Duration::ZERO,
            ignores_stop: false,
        };
        self.alive.insert(launch, alive);
        Ok(true)
    }

    fn begin(&mut self, launch: Launch) -> Result<bool, String> {
        if self.seen.contains(&launch) {
            return Ok(false);
        }
        if launch.0 <= self.highest {
            return Err(format!("launch {launch} comes after launch {}", self.highest));
        }
        self.highest = launch.0;
        self.seen.insert(launch);
        Ok(true)
    }

    /// Stops a process, if it lives.
    pub(crate) fn stop(&mut self, launch: Launch, reason: StopReason, grace: Option<Duration>, boot_us: i64) {
        let Some(alive) = self.alive.get_mut(&launch) else { return };
        let grace = grace.unwrap_or(alive.kill_grace);
        let within = if alive.ignores_stop { grace.as_micros() } else { 20_000 };
        let ends_us = boot_us.saturating_add(within);
        if ends_us < alive.ends_us {
            alive.ends_us = ends_us;
            alive.exit = ExitKind::Stopped(reason);
        }
    }

    /// Whether that launch has reached a runner.
    pub(crate) fn has_seen(&self, launch: Launch) -> bool {
        self.seen.contains(&launch)
    }

    /// What was written last is lost with the machine: exits are not known any more, launches are.
    pub(crate) fn lose_exits(&mut self, chance: &mut Chance) {
        self.unacknowledged.retain(|_, _| !chance.one_in(3));
    }

    /// When the next process ends.
    pub(crate) fn next_end(&self) -> Option<i64> {
        self.alive.values().map(|alive| alive.ends_us).min()
    }

    /// The exits of those that have ended by now; each is kept until it is acknowledged.
    pub(crate) fn ended(&mut self, boot_us: i64, wall: Timestamp) -> Vec<(Launch, Exit)> {
        let due = |(launch, alive): (&Launch, &Alive)| (alive.ends_us <= boot_us).then_some(*launch);
        let launches: Vec<Launch> = self.alive.iter().filter_map(due).collect();
        launches.into_iter().filter_map(|launch| Some((launch, self.end(launch, None, wall)?))).collect()
    }

    fn end(&mut self, launch: Launch, kind: Option<ExitKind>, wall: Timestamp) -> Option<Exit> {
        let alive = self.alive.remove(&launch)?;
        let kind = kind.unwrap_or(alive.exit);
        let mut exit = Exit { started_at: Some(alive.started_at), log: alive.log, ..Exit::bare(kind, wall) };
        if kind == ExitKind::Code(0) && alive.owner.is_some() {
            // What every launch leaves is its own, so that a mistaken one would be seen.
            exit.output = format!("out of {launch}\n");
            exit.outputs.insert("n".to_owned(), launch.to_string());
        }
        self.unacknowledged.insert(launch, exit.clone());
        Some(exit)
    }

    /// The exit that is kept for that launch.
    pub(crate) fn exit_of(&self, launch: Launch) -> Option<&Exit> {
        self.unacknowledged.get(&launch)
    }

    /// The runner dies, and its processes with it.
    pub(crate) fn die(&mut self, wall: Timestamp) {
        let launches: Vec<Launch> = self.alive.keys().copied().collect();
        for launch in launches {
            self.end(launch, Some(ExitKind::Lost), wall);
        }
    }

    /// These exits may be forgotten.
    pub(crate) fn acknowledge(&mut self, launches: &[Launch]) {
        for launch in launches {
            self.unacknowledged.remove(launch);
        }
    }

    /// What a runner says when it connects.
    pub(crate) fn picture(&self) -> RunnerReport {
        RunnerReport::Connected {
            connection: 1,
            highest: Launch(self.highest),
            alive: self.alive.keys().copied().collect(),
            ended: self.unacknowledged.iter().map(|(launch, exit)| (*launch, exit.clone())).collect(),
        }
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
