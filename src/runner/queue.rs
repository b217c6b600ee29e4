//! Launches that wait for their spawn: a few in each turn of the loop, so that ends and pipes have theirs, and later
//! where the machine has no room just now. Waiting for room costs no attempt; after `PATIENCE_US` it is one that could
//! not be started.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::cgroup::{Cgroups, Group, missing};
use super::program::{Failed, Start};
use super::rights::held;
use super::scratch::Scratch;
use super::shim::Settings;
use super::spawn::{Spawned, spawn};
use super::users::{Ids, Users};
use crate::model::definition::Value;
use crate::model::id::Launch;
use crate::model::process::Process;

const PATIENCE_US: i64 = 10_000_000;
const FIRST_PAUSE_US: i64 = 10_000;
const LONGEST_PAUSE_US: i64 = 500_000;

/// A launch that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What is to be started.
    pub(super) process: Box<Process>,
    /// Not before, in boot time.
    not_before: i64,
    /// Its script, once it is written.
    script: Option<PathBuf>,
    /// When there was no room for it first, and the pause after the next time.
    refused: Option<(i64, i64)>,
}

/// What became of a launch whose turn it was.
pub(super) enum Turn {
    /// It exists.
    Spawned(Box<Process>, Spawned, Box<Surroundings>),
    /// It cannot be.
    Failed(Box<Process>, String),
}

/// What waits, in the order of launch numbers, and what every task is started with.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    users: Users,
    /// Where processes start that say nothing about it; otherwise in their user's home.
    dir: Option<PathBuf>,
    scratch: Scratch,
    ourselves: PathBuf,
    cgroups: Option<Cgroups>,
}

/// What a process of a launch is started with, the first one and its stop command alike.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) env: BTreeMap<String, String>,
    pub(super) dir: PathBuf,
    pub(super) settings: Settings,
    /// The other user whom its files are for.
    pub(super) other: Option<Ids>,
}

impl Queue {
    /// An empty queue; tasks start in `dir`, or else in their user's home, or else in `/`.
    pub(super) fn new(
        users: Users,
        dir: Option<PathBuf>,
        scratch: Scratch,
        ourselves: PathBuf,
        cgroups: Option<Cgroups>,
    ) -> Queue {
        Queue { waiting: VecDeque::new(), users, dir, scratch, ourselves, cgroups }
    }

    /// The cgroup of a launch, if it is to have one.
    pub(super) fn group(&self, launch: Launch) -> Option<Group> {
        self.cgroups.as_ref().map(|cgroups| cgroups.of(launch))
    }

    /// Adds one.
    pub(super) fn push(&mut self, process: Box<Process>) {
        self.waiting.push_back(Waiting { process, not_before: i64::MIN, script: None, refused: None });
    }

    /// Takes one out, if it waits.
    pub(super) fn remove(&mut self, launch: Launch) -> Option<Box<Process>> {
        let at = self.waiting.iter().position(|waiting| waiting.process.launch == launch)?;
        let waiting = self.waiting.remove(at)?;
        if waiting.script.is_some() || waiting.refused.is_some() {
            self.clear(launch);
        }
        Some(waiting.process)
    }

    /// All that wait.
    pub(super) fn launches(&self) -> impl Iterator<Item = Launch> {
        self.waiting.iter().map(|waiting| waiting.process.launch)
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the next may be tried, in boot time.
    pub(super) fn next_at(&self) -> Option<i64> {
        self.waiting.iter().map(|waiting| waiting.not_before).min()
    }

    /// Tries one whose time has come. Nothing if none is there, or none could be placed.
    pub(super) fn turn(&mut self, now: i64) -> Option<Turn> {
        let at = self.waiting.iter().position(|waiting| waiting.not_before <= now)?;
        let mut waiting = self.waiting.remove(at)?;
        let process = &waiting.process;
        let surroundings = match self.surroundings(process) {
            Ok(found) => found,
            Err(why) => return Some(self.failed(waiting.process, why)),
        };
        if let (Some(text), None) = (&process.script, &waiting.script) {
            match self.scratch.script(process.launch, text, surroundings.other.as_ref()) {
                Ok(path) => waiting.script = Some(path),
                Err(error) => {
                    let why = format!("the script cannot be written: {error}");
                    return Some(self.failed(waiting.process, why));
                }
            }
        }
        let script = waiting.script.as_deref();
        let Surroundings { env, dir, settings, .. } = &surroundings;
        let start = Start { script, argv: &process.argv, env, dir };
        match spawn(&start, settings, &self.ourselves, process.stdin.is_some()) {
            Ok(spawned) => Some(Turn::Spawned(waiting.process, spawned, Box::new(surroundings))),
            Err(Failed::Never(why)) => Some(self.failed(waiting.process, why)),
            Err(Failed::Busy(why)) => {
                let (since, pause) = waiting.refused.unwrap_or((now, FIRST_PAUSE_US));
                if now - since >= PATIENCE_US {
                    return Some(self.failed(waiting.process, why));
                }
                // Whoever comes after would be refused as well, and should not be tried in this turn.
                for other in &mut self.waiting {
                    other.not_before = other.not_before.max(now + FIRST_PAUSE_US);
                }
                waiting.refused = Some((since, (pause * 2).min(LONGEST_PAUSE_US)));
                waiting.not_before = now + pause;
                self.waiting.push_front(waiting);
                None
            }
        }
    }

    fn failed(&self, process: Box<Process>, why: String) -> Turn {
        self.clear(process.launch);
        Turn::Failed(process, why)
    }

    /// Removes what was made for a launch that does not come to be.
    fn clear(&self, launch: Launch) {
        self.scratch.remove_script(launch);
        self.scratch.remove_of_other(launch);
        if let Some(group) = self.group(launch) {
            group.remove();
        }
    }

    /// The whole environment of a process, the folder that it starts in, and what it is made to be.
    fn surroundings(&self, process: &Process) -> Result<Surroundings, String> {
        let who = self.users.who(process.user.as_deref(), process.group.as_deref())?;
        let mut env = environment(&who.env, process)?;
        let other = who.ids.clone().filter(|ids| ids.uid != held());
        if process.may_leave_outputs {
            let path = self.scratch.offer_outputs(process.launch, other.as_ref());
            let path = path.map_err(|error| format!("it cannot be given a place for its outputs: {error}"))?;
            env.insert("CAMPANILE_OUTPUT".to_owned(), path.to_string_lossy().into_owned());
        }
        // A relative folder is meant from the default one, and `join` keeps an absolute one.
        let usual = || if who.home.is_dir() { who.home.clone() } else { PathBuf::from("/") };
        let dir = self.dir.clone().unwrap_or_else(usual).join(process.working_dir.as_deref().unwrap_or_default());
        if let Some(nice @ ..0) = process.nice
            && !geteuid().is_root()
        {
            return Err(format!("`nice` is {nice}, and only a runner that is root can put a process before others"));
        }
        if let Some(why) = missing(self.cgroups.as_ref(), &process.limits) {
            return Err(why);
        }
        let group = self.cgroups.as_ref().map(|cgroups| cgroups.make(process.launch, &process.limits)).transpose()?;
        let cgroup = group.map(|group| group.path().to_owned());
        let settings =
            Settings { cgroup, ids: who.ids.clone(), umask: process.umask, nice: process.nice, limits: process.limits };
        Ok(Surroundings { env, dir, settings, other })
    }

    /// Our own program.
    pub(super) fn ourselves(&self) -> &Path {
        &self.ourselves
    }

    /// The files that exist for one attempt.
    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

/// The whole environment of a process: what it says over what every task has.
fn environment(base: &BTreeMap<String, String>, process: &Process) -> Result<BTreeMap<String, String>, String> {
    let mut env = base.clone();
    for (name, value) in &process.env {
        let Value::Plain(text) = value else {
            return Err(format!("the secret in `{name}` was not resolved before it came to the runner"));
        };
        if name.is_empty() || name.contains('=') {
            return Err(format!("`{name}` cannot be the name of a variable"));
        }
        env.insert(name.clone(), text.clone());
    }
    Ok(env)
}
