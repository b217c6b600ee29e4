//! What the loop does about ends: it sees them, looks who is left, carries out what `kill::step` says, and makes the
//! exit. The rules are in `kill`; here is only their world.

use rustix::process::Signal;

use super::Server;
use crate::clock;
use crate::model::definition::Leftovers;
use crate::model::exit::{Exit, ExitKind};
use crate::model::id::Launch;
use crate::runner::attempt::{Asker, First};
use crate::runner::kill::{self, Do, Event, Phase, Why, step};
use crate::runner::output::Pipe;
use crate::runner::program::{Failed, Start};
use crate::runner::protocol::FromRunner;
use crate::runner::queue::Surroundings;
use crate::runner::spawn::{Joined, Said, spawn_joined};
use crate::runner::tree::{Identity, Member};

impl Server {
    /// Reaps every child that has ended. All are reaped before anybody looks, so that no look counts the dead.
    pub(super) fn reap(&mut self) {
        // First, so that who ends while we reap wakes us again.
        self.reaper.clear();
        let mut ended: Vec<(Launch, ExitKind)> = Vec::new();
        let mut asked: Vec<(Launch, Option<Said>)> = Vec::new();
        let mut others_ended = false;
        while let Some((pid, kind)) = self.reaper.reap() {
            match self.firsts.remove(&pid) {
                Some(launch) => ended.push((launch, kind)),
                None => {
                    self.adopted.reaped(pid);
                    asked.extend(self.askers.remove(&pid));
                    others_ended = true;
                }
            }
        }
        if ended.is_empty() && !others_ended {
            return;
        }
        (self.snapshot, self.refreshed) = (None, false);
        for (launch, kind) in ended {
            let Some(attempt) = self.attempts.get_mut(&launch) else { continue };
            let event = attempt.first_ended(kind);
            self.happened(launch, event, Vec::new());
        }
        for (launch, said) in asked {
            if let Some(why) = said.and_then(Said::why) {
                self.cannot_ask(launch, &why);
            }
            self.happened(launch, Event::Asked, Vec::new());
        }
        if others_ended {
            // The last of an attempt's processes to end is always a child of ours by then.
            let headless = self.attempts.values().filter(|attempt| !matches!(attempt.first, First::Lives(_)));
            let launches: Vec<Launch> = headless.map(|attempt| attempt.launch).collect();
            for launch in launches {
                self.look(launch);
            }
        }
    }

    /// Timeouts, and looks whose time has come.
    pub(super) fn do_what_is_due(&mut self) {
        let due = self.attempts.values().filter(|attempt| attempt.wake_at().is_some_and(|at| at <= self.now));
        let launches: Vec<Launch> = due.map(|attempt| attempt.launch).collect();
        for launch in launches {
            let Some(attempt) = self.attempts.get(&launch) else { continue };
            match attempt.phase {
                Phase::Running | Phase::Waiting => self.happened(launch, attempt.stop(Why::Timeout, None), Vec::new()),
                Phase::Asking { .. } | Phase::Terminating { .. } | Phase::Killing { .. } => self.look(launch),
            }
        }
    }

    /// Looks who of a launch is left, and does what follows from that.
    pub(super) fn look(&mut self, launch: Launch) {
        let members = self.members(launch);
        let lives = matches!(self.attempts.get(&launch), Some(attempt) if matches!(attempt.first, First::Lives(_)));
        let left = lives || !members.is_empty();
        self.happened(launch, Event::Looked { left }, members);
    }

    /// Does what follows from an event. `members` is what the look saw, if it was one.
    pub(super) fn happened(&mut self, launch: Launch, event: Event, mut members: Vec<Member>) {
        let Some(attempt) = self.attempts.get_mut(&launch) else { return };
        let (phase, todo) = step(attempt.phase, event, self.now);
        attempt.phase = phase;
        match todo {
            Do::Nothing => {}
            Do::Look => self.look(launch),
            Do::Ask => self.ask(launch),
            Do::Term => {
                members = self.members(launch);
                self.signal(launch, &members, Signal::TERM);
                self.signal(launch, &members, Signal::CONT);
                if event == Event::Asked {
                    // Nobody may be left, and then nobody's end would tell us.
                    self.look(launch);
                }
            }
            Do::Kill => {
                attempt.note_killed(&members);
                self.signal(launch, &members, Signal::KILL);
            }
            Do::Finish => self.finish(launch, false),
            Do::GiveUp => self.finish(launch, true),
        }
    }

    /// Runs the stop command of a launch.
    fn ask(&mut self, launch: Launch) {
        let Some(attempt) = self.attempts.get_mut(&launch) else { return };
        let (Some(asker), Some(output)) = (&attempt.asker, &mut attempt.output) else { return };
        let Asker { stop, surroundings: Surroundings { env, dir, settings, .. } } = &**asker;
        let start = Start { script: None, argv: &stop.command, env, dir };
        match spawn_joined(&start, settings, self.queue.ourselves()) {
            Ok(Joined { pid, output: fd, said }) => {
                self.waiter.watch(output.open_asker(fd), launch, Pipe::Asker);
                self.askers.insert(pid, (launch, said));
                attempt.asked(Identity::of(pid).unwrap_or(Identity { pid, start: 0 }));
            }
            Err(Failed::Busy(why) | Failed::Never(why)) => {
                self.cannot_ask(launch, &why);
                self.happened(launch, Event::Asked, Vec::new());
            }
        }
    }

    fn cannot_ask(&mut self, launch: Launch, why: &str) {
        if let Some(output) = self.attempts.get_mut(&launch).and_then(|attempt| attempt.output.as_mut()) {
            output.note(clock::wall(), &format!("the stop command cannot be run: {why}"));
        }
    }

    fn members(&mut self, launch: Launch) -> Vec<Member> {
        if !self.refreshed {
            self.refreshed = true;
            let ours = |pid: i32| self.firsts.contains_key(&pid) || self.askers.contains_key(&pid);
            self.adopted.refresh(ours, &self.by_marks);
        }
        let adopted = self.adopted.of(launch);
        self.attempts.get_mut(&launch).map_or_else(Vec::new, |found| found.members(adopted, &mut self.snapshot))
    }

    fn signal(&self, launch: Launch, members: &[Member], signal: Signal) {
        if let Some(attempt) = self.attempts.get(&launch) {
            if let Some(group) = attempt.group.as_ref().filter(|_| signal == Signal::KILL) {
                group.kill();
            }
            kill::signal(&attempt.groups(), members, signal);
        }
    }

    /// An exit is a fact: written down, then reported.
    pub(super) fn ended(&mut self, launch: Launch, exit: Exit) {
        self.held.retain(|(held, _)| *held != launch);
        self.journal.ended(launch, exit.clone());
        self.out.push(FromRunner::Ended { launch, exit });
    }

    /// An attempt is over.
    pub(super) fn finish(&mut self, launch: Launch, gave_up: bool) {
        let Some(attempt) = self.attempts.remove(&launch) else { return };
        self.by_marks.remove(&attempt.marks);
        self.askers.retain(|_, (asked, _)| *asked != launch);
        if let First::Lives(first) = attempt.first {
            self.firsts.remove(&first.pid);
        }
        let leaves = attempt.leftovers == Leftovers::Leave && attempt.phase.why().is_none();
        self.left_groups.extend(attempt.group.clone());
        let (exit, open) =
            attempt.into_exit(&self.state_dir, self.queue.scratch(), gave_up, clock::wall(), &mut self.buffer);
        // Who was left to live is in one still; it goes when another attempt ends after them.
        self.left_groups.retain(|group| !group.remove());
        for fd in open.into_iter().filter(|_| leaves) {
            self.n_left += 1;
            self.waiter.watch_left(&fd, self.n_left);
            self.left.insert(self.n_left, fd);
        }
        self.ended(launch, exit);
    }
}
