//! One launch that lives: its first process, its pipes, its stop command, how far its end has come. An orphan is what a
//! runner before us left behind: nothing is known of its first process but its identity, and it is only there to be
//! killed.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::cgroup::Group;
use super::kill::{Event, Why};
use super::output::Output;
use super::queue::Surroundings;
use super::scratch::Scratch;
use super::spawn::Said;
use super::tree::{self, Identity, Marks, Member, Roots, Snapshot};
use super::users::Ids;
use super::{kill::Phase, output::Finished};
use crate::logs::append::salvage;
use crate::model::definition::{Leftovers, Stop};
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, LogFile};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::model::timestamp::Timestamp;

/// The first process of a launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum First {
    /// It lives, as our child.
    Lives(Identity),
    /// It has ended like this.
    Ended(ExitKind),
    /// Another runner started it, if it came to that.
    Orphan(Option<Identity>),
}

/// A stop command, and all that it is started with.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) stop: Stop,
    pub(super) surroundings: Surroundings,
}

/// One launch that lives.
pub(super) struct Attempt {
    pub(super) launch: Launch,
    pub(super) marks: Marks,
    pub(super) first: First,
    pub(super) phase: Phase,
    pub(super) started_at: Option<Timestamp>,
    /// When it has taken too long, in boot time.
    pub(super) timeout_at: Option<i64>,
    pub(super) grace: i64,
    pub(super) leftovers: Leftovers,
    /// The groups that its processes lead or led, by their leaders, while their numbers are certainly theirs.
    groups: BTreeSet<Identity>,
    pub(super) output: Option<Output>,
    /// What is run before TERM is sent.
    pub(super) asker: Option<Box<Asker>>,
    /// What its first process says if it cannot become the program.
    pub(super) said: Option<Said>,
    /// Its cgroup.
    pub(super) group: Option<Group>,
    /// The other user whom its files are for.
    pub(super) other: Option<Ids>,
    /// Why it was never the program.
    not_started: Option<String>,
    has_script: bool,
    may_leave_outputs: bool,
    log_path: String,
    /// Who was seen the last time: who loses its parents afterwards, or is still dying, is not forgotten.
    seen: Vec<Identity>,
    killed: BTreeSet<Identity>,
}

impl Attempt {
    /// A process that was just started, at `now` in boot time.
    pub(super) fn started(process: &Process, first: Identity, at: Timestamp, now: i64, output: Output) -> Attempt {
        Attempt {
            launch: process.launch,
            marks: Marks::of_env(&process.env),
            first: First::Lives(first),
            phase: Phase::Running,
            started_at: Some(at),
            timeout_at: process.timeout.map(|timeout| now.saturating_add(timeout.as_micros())),
            grace: process.kill_grace.as_micros(),
            leftovers: process.leftovers,
            groups: BTreeSet::from([first]),
            output: Some(output),
            asker: None,
            said: None,
            group: None,
            other: None,
            not_started: None,
            has_script: process.script.is_some(),
            may_leave_outputs: process.may_leave_outputs,
            log_path: process.log_path.clone(),
            seen: Vec::new(),
            killed: BTreeSet::new(),
        }
    }

    /// What the runner before us left, to be killed.
    pub(super) fn orphan(launch: Launch, entry: &super::journal::Entry, now: i64) -> Attempt {
        Attempt {
            launch,
            marks: entry.marks.clone(),
            first: First::Orphan(entry.spawned.map(|(first, _)| first)),
            phase: Phase::killing(None, now),
            started_at: entry.spawned.map(|(_, at)| at),
            timeout_at: None,
            grace: 0,
            leftovers: Leftovers::Kill,
            groups: BTreeSet::new(),
            output: None,
            asker: None,
            said: None,
            group: entry.cgroup.clone().map(Group::found),
            other: None,
            not_started: None,
            has_script: false,
            may_leave_outputs: false,
            log_path: entry.log_path.clone(),
            seen: Vec::new(),
            killed: BTreeSet::new(),
        }
    }

    /// Its first process was reaped.
    pub(super) fn first_ended(&mut self, kind: ExitKind) -> Event {
        self.not_started = self.said.take().and_then(Said::why);
        let kind = if self.not_started.is_some() { ExitKind::NotStarted } else { kind };
        self.first = First::Ended(kind);
        Event::FirstEnded(self.leftovers)
    }

    /// The event of its being stopped for that reason, with that grace or its own.
    pub(super) fn stop(&self, why: Why, grace: Option<Duration>) -> Event {
        let in_a_hurry = grace == Some(Duration::ZERO);
        let ask = self.asker.as_ref().filter(|_| !in_a_hurry).map(|asker| asker.stop.timeout.as_micros());
        Event::Stop { why, grace: grace.map_or(self.grace, Duration::as_micros), ask }
    }

    /// Its stop command exists: one more process of it, in a group of its own.
    pub(super) fn asked(&mut self, asker: Identity) {
        self.groups.insert(asker);
        self.seen.push(asker);
    }

    /// When it wants attention, in boot time, though nothing happens.
    pub(super) fn wake_at(&self) -> Option<i64> {
        let timeout = self.timeout_at.filter(|_| matches!(self.phase, Phase::Running | Phase::Waiting));
        timeout.into_iter().chain(self.phase.look_at()).min()
    }

    /// Its living processes, the first included. `adopted` are children of ours that carry its marks; `/proc` is only
    /// read if there may be any.
    pub(super) fn members(&mut self, adopted: Vec<Identity>, snapshot: &mut Option<Snapshot>) -> Vec<Member> {
        let mut known = adopted;
        known.append(&mut self.seen);
        known.extend(self.group.as_ref().map(Group::members).unwrap_or_default());
        match self.first {
            First::Lives(first) => known.push(first),
            First::Ended(_) => {
                self.groups.retain(|leader| tree::group_exists(leader.pid));
                if self.groups.is_empty() && known.is_empty() {
                    return Vec::new();
                }
            }
            First::Orphan(first) => {
                let snapshot = snapshot.get_or_insert_with(Snapshot::take);
                // Before we looked first, nobody kept the number from being given out again but its first process.
                self.groups.extend(first.filter(|first| snapshot.lives(*first)));
                known.extend(first);
                known.extend(snapshot.marked(&self.marks, first.map_or(0, |first| first.start)));
            }
        }
        let snapshot = snapshot.get_or_insert_with(Snapshot::take);
        // Where another process has the leader's number, so has a group of strangers.
        self.groups.retain(|leader| tree::group_exists(leader.pid) && !snapshot.has_another(*leader));
        let members = snapshot.members(&Roots { groups: self.groups(), known });
        for member in &members {
            self.seen.push(member.id);
            if member.group == member.id.pid {
                self.groups.insert(member.id);
            }
        }
        members
    }

    /// The numbers of its groups.
    pub(super) fn groups(&self) -> Vec<i32> {
        self.groups.iter().map(|leader| leader.pid).collect()
    }

    /// Remembers who was killed, if they were left behind by a process that ended by itself.
    pub(super) fn note_killed(&mut self, members: &[Member]) {
        if self.phase.why().is_some() || !matches!(self.first, First::Ended(_)) {
            return;
        }
        self.killed.extend(members.iter().map(|member| member.id));
    }

    /// What is to be reported of it, now that it is over. Gives back pipes that somebody still holds.
    pub(super) fn into_exit(
        self,
        state_dir: &Path,
        scratch: &Scratch,
        gave_up: bool,
        at: Timestamp,
        buffer: &mut [u8],
    ) -> (Exit, Vec<OwnedFd>) {
        let (kind, lost) = match (self.phase.why(), self.first) {
            (Some(why), _) => (why.kind(), None),
            (None, First::Ended(kind)) => (kind, None),
            (None, First::Lives(_) | First::Orphan(_)) => {
                (ExitKind::Lost, Some("the runner ended before it did".to_owned()))
            }
        };
        let stuck = gave_up.then(|| "a process of it cannot be killed".to_owned());
        let mut exit = Exit::bare(kind, at);
        exit.started_at = self.started_at.filter(|_| self.not_started.is_none());
        exit.n_leftovers = u32::try_from(self.killed.len()).unwrap_or(u32::MAX);
        exit.usage = self.group.as_ref().and_then(Group::usage);
        exit.error = stuck.or(lost).or(self.not_started);
        if self.has_script {
            scratch.remove_script(self.launch);
        }
        let Some(output) = self.output else {
            // An orphan may have left something after the folder was emptied.
            scratch.remove_outputs(self.launch);
            scratch.remove_of_other(self.launch);
            exit.log = found_log(state_dir, self.log_path, at);
            return (exit, Vec::new());
        };
        if self.may_leave_outputs {
            match scratch.read_outputs(self.launch, self.other.as_ref()) {
                Ok(found) => exit.outputs = found.into_iter().map(|(name, text)| (name, output.mask(text))).collect(),
                Err(why) => exit.outputs_error = Some(why),
            }
            scratch.remove_outputs(self.launch);
        }
        if self.other.is_some() {
            scratch.remove_of_other(self.launch);
        }
        exit.error = exit.error.map(|error| output.mask(error));
        let Finished { output, written, open } = output.finish(at, buffer);
        exit.output = output;
        let log = |written: crate::logs::Written| LogFile {
            path: self.log_path,
            n_bytes: written.n_bytes,
            n_dropped: written.n_dropped,
        };
        exit.log = written.map(log);
        (exit, open)
    }
}

/// The log that a runner before us wrote.
pub(super) fn found_log(state_dir: &Path, path: String, at: Timestamp) -> Option<LogFile> {
    let file = state_dir.join(&path);
    let _ = salvage(&file, at);
    let n_bytes = file.metadata().ok()?.len();
    Some(LogFile { path, n_bytes, n_dropped: 0 })
}
