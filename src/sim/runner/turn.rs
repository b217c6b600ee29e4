//! One turn of the pretend runner, act by act; it may die between any two of them, and in the middle of a write.

use super::journal::Journal;
use super::{Around, Attempt, Living, Phase};
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, LogFile, StopReason};
use crate::model::id::Launch;
use crate::model::process::{Process, is_hook_log};
use crate::runner::protocol::{FromRunner, ToRunner, version};
use crate::sim::script;
use crate::sim::world::Broken;

/// How many are spawned in one turn.
const SPAWNS: usize = 4;
/// How long the report of a start is held back.
const HOLD_US: i64 = 2_000;

/// Why a turn is not finished.
pub(super) enum Cut {
    Died,
    Broken(Broken),
}

impl Living {
    /// It was told to end, and has nothing left.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending && self.attempts.is_empty() && self.queue.is_empty()
    }
}

/// A turn that is going on.
pub(super) struct Turn<'w> {
    pub(super) journal: &'w mut Journal,
    pub(super) living: &'w mut Living,
    pub(super) around: Around<'w>,
    /// What was handed to the door.
    pub(super) said: Vec<FromRunner>,
}

impl Turn<'_> {
    /// The first turn: what the runner before did not see to its end is killed.
    pub(super) fn recover(&mut self) -> Result<(), Cut> {
        self.journal.open();
        let open = self.journal.entries().iter().filter(|(_, entry)| entry.exit.is_none());
        let orphans: Vec<(Launch, Attempt)> = open
            .map(|(launch, entry)| {
                let orphan = Attempt {
                    started_at: entry.started_at,
                    log_path: entry.log_path.clone(),
                    is_task: !is_hook_log(&entry.log_path),
                    is_orphan: true,
                    phase: Phase::Killing { why: ExitKind::Lost },
                    timeout_at: None,
                    grace_us: 0,
                };
                (*launch, orphan)
            })
            .collect();
        for (launch, orphan) in orphans {
            self.kill(launch);
            self.living.attempts.insert(launch, orphan);
        }
        self.act()
    }

    /// A whole turn.
    pub(super) fn act(&mut self) -> Result<(), Cut> {
        self.reap()?;
        self.receive()?;
        self.do_what_is_due();
        self.spawn_some()?;
        self.report()
    }

    fn survive(&mut self, place: &str) -> Result<(), Cut> {
        if !self.around.chance.one_in(self.around.troubles.runner_crash) {
            return Ok(());
        }
        self.around.notes.push(format!("the runner is killed {place}"));
        Err(Cut::Died)
    }

    /// Writes what is to be written; `false` if there is no room for it. Killed in the middle, it has written a part.
    fn write(&mut self) -> Result<bool, Cut> {
        let n = self.journal.n_unwritten();
        if n == 0 {
            return Ok(true);
        }
        if self.around.troubles.full_until > self.around.boot_us {
            return Ok(false);
        }
        if let Err(cut) = self.survive("while it writes the journal") {
            let kept = self.around.chance.below(n + 1);
            self.journal.write(kept);
            return Err(cut);
        }
        self.journal.write(n);
        self.survive("after it has written the journal")?;
        Ok(true)
    }

    fn reap(&mut self) -> Result<(), Cut> {
        let launches: Vec<Launch> = self.living.attempts.keys().copied().collect();
        for launch in launches {
            let Some(attempt) = self.living.attempts.get(&launch) else { continue };
            let natural = if attempt.is_orphan {
                (!self.around.processes.is_alive(launch)).then_some(ExitKind::Lost)
            } else {
                self.around.processes.reap(launch)
            };
            if let Some(natural) = natural {
                self.finish(launch, natural);
                self.survive("after a process has ended")?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, launch: Launch, natural: ExitKind) {
        let Some(attempt) = self.living.attempts.remove(&launch) else { return };
        let kind = match attempt.phase {
            Phase::Running => natural,
            Phase::Terminating { why, .. } | Phase::Killing { why } => why,
        };
        let log = Some(LogFile { path: attempt.log_path, n_bytes: 80, n_dropped: 0 });
        let mut exit = Exit { started_at: attempt.started_at, log, ..Exit::bare(kind, self.around.wall) };
        if kind == ExitKind::Code(0) && attempt.is_task {
            // What every launch leaves is its own, so that a mistaken one would be seen.
            exit.output = format!("out of {launch}\n");
            exit.outputs.insert("n".to_owned(), launch.to_string());
        }
        self.ended(launch, exit);
    }

    fn end_unstarted(&mut self, launch: Launch, kind: ExitKind, error: Option<&str>) {
        let exit = Exit { error: error.map(str::to_owned), ..Exit::bare(kind, self.around.wall) };
        self.ended(launch, exit);
    }

    fn ended(&mut self, launch: Launch, exit: Exit) {
        self.around.notes.push(format!("launch {launch} ended: {:?}", exit.kind));
        self.living.held.retain(|(held, _)| *held != launch);
        self.journal.ended(launch, exit.clone());
        self.living.out.push(FromRunner::Ended { launch, exit });
    }

    /// Takes messages, and writes down the launches among them before any of them is spawned.
    fn receive(&mut self) -> Result<(), Cut> {
        let mut launches = Vec::new();
        while let Some((epoch, message)) = self.living.inbox.pop_front() {
            if self.living.heard.hears(epoch) {
                self.take(epoch, message, &mut launches).map_err(Cut::Broken)?;
            } else {
                self.around.notes.push("the runner drops what an older epoch sent".to_owned());
            }
        }
        if self.living.is_ending {
            self.end();
        }
        if launches.is_empty() || self.write()? {
            return Ok(());
        }
        for launch in launches {
            self.journal.unwritten(launch);
            if self.unqueue(launch) {
                self.end_unstarted(launch, ExitKind::NotStarted, Some("the runner's journal cannot be written"));
            }
        }
        Ok(())
    }

    fn take(&mut self, epoch: u64, message: ToRunner, launches: &mut Vec<Launch>) -> Result<(), Broken> {
        match message {
            ToRunner::Hello { oldest, newest, .. } => self.hello(epoch, version(oldest, newest)),
            ToRunner::Launch(_) if self.living.is_ending => {}
            ToRunner::Launch(process) => {
                let launch = process.launch;
                if launch > self.journal.highest() {
                    self.journal.launched(launch, process.log_path.clone());
                    launches.push(launch);
                    let wait = self.around.troubles.slowness(self.around.chance);
                    self.living.queue.push_back((self.around.boot_us.saturating_add(wait), process));
                } else if let Some(entry) = self.journal.entries().get(&launch) {
                    if let Some(exit) = entry.exit.clone() {
                        self.living.out.push(FromRunner::Ended { launch, exit });
                    }
                } else if !self.journal.has_seen(launch) {
                    let highest = self.journal.highest();
                    return Err(format!(
                        "launch {launch} comes to the runner after launch {highest}, and never before"
                    ));
                }
            }
            ToRunner::Stop { launch, reason, grace } => {
                if self.unqueue(launch) {
                    self.end_unstarted(launch, ExitKind::Stopped(reason), None);
                } else {
                    self.stop(launch, ExitKind::Stopped(reason), grace);
                }
            }
            ToRunner::Acknowledge(launches) => self.journal.acknowledged(&launches),
        }
        Ok(())
    }

    fn hello(&mut self, epoch: u64, version: Option<u32>) {
        let Some(version) = version else { return };
        self.living.heard.open(epoch);
        let waiting = self.living.queue.iter().map(|(_, process)| process.launch);
        let mut alive: Vec<Launch> = self.living.attempts.keys().copied().chain(waiting).collect();
        alive.sort_unstable();
        let ended = self.journal.entries().iter().filter_map(|(launch, entry)| Some((*launch, entry.exit.clone()?)));
        let ended: Vec<FromRunner> = ended.map(|(launch, exit)| FromRunner::Ended { launch, exit }).collect();
        // What was to be reported is part of the picture.
        self.living.out.clear();
        self.living.out.push(FromRunner::Hello {
            epoch,
            version,
            instance: String::new(),
            boot_id: String::new(),
            highest: self.journal.highest(),
            alive,
            n_ended: ended.len(),
        });
        self.living.out.extend(ended);
    }

    fn unqueue(&mut self, launch: Launch) -> bool {
        let n = self.living.queue.len();
        self.living.queue.retain(|(_, process)| process.launch != launch);
        self.living.queue.len() < n
    }

    /// Ends what it has, each with its own grace.
    fn end(&mut self) {
        let waiting: Vec<Launch> = self.living.queue.drain(..).map(|(_, process)| process.launch).collect();
        for launch in waiting {
            self.end_unstarted(launch, ExitKind::Stopped(StopReason::Drain), None);
        }
        let running = |(launch, attempt): (&Launch, &Attempt)| (attempt.phase == Phase::Running).then_some(*launch);
        let launches: Vec<Launch> = self.living.attempts.iter().filter_map(running).collect();
        for launch in launches {
            self.stop(launch, ExitKind::Stopped(StopReason::Drain), None);
        }
    }

    /// TERM, and KILL after the grace; asked for again, that may only come sooner, and a cancel outlasts a drain.
    fn stop(&mut self, launch: Launch, why: ExitKind, grace: Option<Duration>) {
        let Some(attempt) = self.living.attempts.get_mut(&launch) else { return };
        let grace_us = grace.map_or(attempt.grace_us, Duration::as_micros);
        let kill_at = self.around.boot_us.saturating_add(grace_us);
        match &mut attempt.phase {
            phase @ Phase::Running => {
                *phase = Phase::Terminating { why, kill_at };
                self.around.processes.term(launch, self.around.boot_us);
            }
            Phase::Terminating { why: before, kill_at: then } => {
                *then = kill_at.min(*then);
                if *before == ExitKind::Stopped(StopReason::Drain) {
                    *before = why;
                }
            }
            Phase::Killing { .. } => {}
        }
    }

    fn kill(&mut self, launch: Launch) {
        let takes = self.around.troubles.slowness(self.around.chance);
        self.around.processes.kill(launch, self.around.boot_us.saturating_add(takes));
    }

    fn do_what_is_due(&mut self) {
        let now = self.around.boot_us;
        let launches: Vec<Launch> = self.living.attempts.keys().copied().collect();
        for launch in launches {
            let Some(attempt) = self.living.attempts.get_mut(&launch) else { continue };
            if attempt.phase == Phase::Running && attempt.timeout_at.is_some_and(|at| at <= now) {
                self.stop(launch, ExitKind::Timeout, None);
            }
            let Some(attempt) = self.living.attempts.get_mut(&launch) else { continue };
            if let Phase::Terminating { why, kill_at } = attempt.phase
                && kill_at <= now
            {
                attempt.phase = Phase::Killing { why };
                self.kill(launch);
            }
        }
    }

    fn spawn_some(&mut self) -> Result<(), Cut> {
        for _ in 0..SPAWNS {
            let now = self.around.boot_us;
            let Some(at) = self.living.queue.iter().position(|(at, _)| *at <= now) else { break };
            let Some((_, process)) = self.living.queue.remove(at) else { break };
            self.survive("before a spawn")?;
            self.spawn(&process)?;
        }
        Ok(())
    }

    fn spawn(&mut self, process: &Process) -> Result<(), Cut> {
        let (launch, now, wall) = (process.launch, self.around.boot_us, self.around.wall);
        let fate = script::fate(process, self.around.chance, self.around.troubles);
        if fate.exit == ExitKind::NotStarted {
            self.end_unstarted(launch, fate.exit, Some("no such file"));
            return Ok(());
        }
        self.around.processes.spawn(process, fate, now).map_err(Cut::Broken)?;
        self.around.notes.push(format!("launch {launch} is spawned"));
        self.survive("after a spawn")?;
        self.journal.spawned(launch, wall);
        let attempt = Attempt {
            started_at: Some(wall),
            log_path: process.log_path.clone(),
            is_task: !is_hook_log(&process.log_path),
            is_orphan: false,
            phase: Phase::Running,
            timeout_at: process.timeout.map(|timeout| now.saturating_add(timeout.as_micros())),
            grace_us: process.kill_grace.as_micros(),
        };
        self.living.attempts.insert(launch, attempt);
        if self.living.held.is_empty() {
            self.living.held_until = now.saturating_add(HOLD_US);
        }
        self.living.held.push((launch, wall));
        Ok(())
    }

    fn report(&mut self) -> Result<(), Cut> {
        if !self.write()? {
            self.journal.doubt();
        }
        if !self.living.held.is_empty() && self.living.held_until <= self.around.boot_us {
            let started = self.living.held.drain(..).map(|(launch, at)| FromRunner::Started { launch, at });
            self.living.out.extend(started);
        }
        let said = std::mem::take(&mut self.living.out);
        if said.is_empty() || !self.living.heard.anybody() {
            return Ok(());
        }
        self.survive("before it reports")?;
        self.said = said;
        self.survive("after it has reported")
    }
}
