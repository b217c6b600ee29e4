//! The world: a clock that is set forward to the next thing that happens, the engine, and all that is pretended around it.
//!
//! Boot time only grows; wall time is boot time and an offset, which clock steps change. What is on its way to the daemon
//! is a letter with the moment it arrives; a letter of a connection or a daemon that is gone is lost. The effects of a
//! step are released one by one, and the daemon may crash between any two of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Display;

use super::calls::Calls;
use super::chance::Chance;
use super::checks::Checks;
use super::link::{Air, Link};
use super::post::Letter;
use super::processes::Processes;
use super::release::shown;
use super::runner::Runner;
use super::trouble::Troubles;
use crate::engine::{Answer, Engine, Input, Report, RunnerReport, Settings, Step};
use crate::model::definition::Hook;
use crate::model::id::{Launch, RunId};
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;
use crate::store::Store;

/// A broken invariant, in words.
pub(crate) type Broken = String;

/// So many steps without the clock moving are a busy loop.
const MAX_STEPS_AT_ONCE: u32 = 3_000;
/// The same, where there is no bound on what users have due at one moment.
const MAX_UNCHECKED_AT_ONCE: u32 = 1_000_000;
/// How long a daemon waits for room on its disk.
pub(super) const PAUSE_US: i64 = 250_000;
/// The store is tended after so many steps.
const TENDED: u64 = 499;

/// Who has the store.
pub(super) enum Power {
    /// A daemon runs.
    Up(Box<Engine>),
    /// None does, and the next one starts at this boot time.
    Down(Store, i64),
    /// Between the two.
    Nobody,
}

/// How closely a world is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Watch {
    /// What must hold is checked after every step.
    Checked,
    /// The same, and what happens is written down.
    Traced,
    /// Nothing is checked: what breaks an invariant is for tests to find, and this is no test.
    Unchecked,
}

/// The pretended world around one engine.
pub struct World {
    pub(super) chance: Chance,
    pub(super) boot_us: i64,
    pub(super) offset_us: i64,
    pub(super) settings: Settings,
    pub(super) power: Power,
    pub(super) processes: Processes,
    pub(super) runner: Runner,
    pub(super) link: Link,
    pub(super) calls: Calls,
    pub(super) troubles: Troubles,
    /// The daemon's number; letters for an older one are lost.
    pub(super) n_daemons: u64,
    pub(super) n_boots: u64,
    /// The last launch when the machine booted: of those up to it, none need have been launched to be lost.
    pub(super) booted_at: Launch,
    /// The job files, as the next load will find them.
    pub(super) files: super::people::Files,
    pub(super) keys: super::keys::Keys,
    /// What decides over backfills, in histories that have them; the others are what they were before there were any.
    pub(super) backfills: Option<Chance>,
    pub(super) post: BTreeMap<(i64, u64), Letter>,
    pub(super) n_letters: u64,
    /// What a step was given that failed; given again with the next.
    pub(super) held: Vec<Input>,
    pub(super) wake_at: Option<Timestamp>,
    /// The engine does nothing before, and the whole daemon nothing.
    pub(super) asleep_until: i64,
    pub(super) stalled_until: i64,
    /// What was heard of the runner is read up to then.
    pub(super) heard_until: i64,
    /// The steps and turns there were when nothing was on its way last.
    pub(super) stood_still: (u64, u64),
    pub(super) checks: Checks,
    pub(super) is_checked: bool,
    /// Launches that were ever released.
    pub(super) released: HashSet<Launch>,
    /// Commands that wait for an answer.
    pub(super) waiting: BTreeSet<u64>,
    pub(super) n_tokens: u64,
    pub(super) answers: BTreeMap<u64, Result<Answer, Refused>>,
    pub(super) n_steps: u64,
    n_at_once: u32,
    /// Logs that were to be removed, in that order.
    pub(super) removed_logs: Vec<String>,
    trace: Option<Vec<String>>,
}

impl World {
    pub(super) fn begin(seed: u64, settings: Settings, start: Timestamp, watch: Watch) -> Result<Self, Broken> {
        let store = Store::in_memory().map_err(|error| error.to_string())?;
        let is_checked = watch != Watch::Unchecked;
        let checks = Checks::new(&settings);
        if is_checked {
            Checks::install(&store)?;
        }
        let mut world = World {
            chance: Chance::new(seed),
            boot_us: 0,
            offset_us: start.as_micros(),
            settings,
            power: Power::Down(store, 0),
            processes: Processes::default(),
            runner: Runner::default(),
            link: Link::default(),
            calls: Calls::default(),
            troubles: Troubles::default(),
            n_daemons: 0,
            n_boots: 1,
            booted_at: Launch(0),
            files: super::people::Files::default(),
            keys: super::keys::Keys::default(),
            backfills: None,
            post: BTreeMap::new(),
            n_letters: 0,
            held: Vec::new(),
            wake_at: None,
            asleep_until: 0,
            stalled_until: 0,
            heard_until: 0,
            stood_still: (0, 0),
            checks,
            is_checked,
            released: HashSet::new(),
            waiting: BTreeSet::new(),
            n_tokens: 0,
            answers: BTreeMap::new(),
            n_steps: 0,
            n_at_once: 0,
            removed_logs: Vec::new(),
            trace: (watch == Watch::Traced).then(Vec::new),
        };
        world.run_for(0)?;
        Ok(world)
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.boot_us.saturating_add(self.offset_us))
    }

    pub(super) fn store(&self) -> Result<&Store, Broken> {
        match &self.power {
            Power::Up(engine) => Ok(engine.store()),
            Power::Down(store, _) => Ok(store),
            Power::Nobody => Err("nobody has the store".to_owned()),
        }
    }

    /// The link, and what decides over what is sent on it.
    pub(super) fn air(&mut self) -> (&mut Link, Air<'_>) {
        let air = Air { chance: &mut self.chance, troubles: &self.troubles, now: self.boot_us };
        (&mut self.link, air)
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.power, Power::Up(_))
    }

    pub(super) fn checks(&mut self) -> &mut Checks {
        &mut self.checks
    }

    /// Remembers a line of what happens, if somebody wants to read it.
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        let (now, boot) = (self.now(), self.boot_us);
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now} +{boot}us {}", what()));
        }
    }

    pub(super) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// Lets so much boot time pass.
    pub(super) fn run_for(&mut self, us: i64) -> Result<(), Broken> {
        let until = self.boot_us.saturating_add(us);
        while self.run_once(until)? {}
        Ok(())
    }

    /// Lets the next thing happen, if it does until then; says whether it did.
    pub(super) fn run_once(&mut self, until: i64) -> Result<bool, Broken> {
        let Some(next) = self.next_moment().filter(|next| *next <= until) else {
            self.boot_us = self.boot_us.max(until);
            return Ok(false);
        };
        if next > self.boot_us {
            self.boot_us = next;
            self.n_at_once = 0;
        }
        self.n_at_once += 1;
        if self.n_at_once > self.most_at_once() {
            return Err("busy: the engine asks for step after step at one moment".to_owned());
        }
        let now = self.now();
        for (launch, exit) in self.calls.ended(self.boot_us, now) {
            self.note(|| format!("request {launch} ended: {:?}", exit.kind));
            self.called(Report::CallEnded { launch, exit });
        }
        if matches!(self.power, Power::Down(_, at) if at <= self.boot_us) {
            self.open()?;
        }
        self.machine_goes_on()?;
        if self.is_up() && self.boot_us >= self.asleep_until {
            self.step_if_due()?;
        }
        if self.is_checked {
            self.stands_still()?;
        }
        Ok(true)
    }

    fn most_at_once(&self) -> u32 {
        if self.is_checked { MAX_STEPS_AT_ONCE } else { MAX_UNCHECKED_AT_ONCE }
    }

    /// Processes, their runner and the link do all that is due now, before the engine looks.
    fn machine_goes_on(&mut self) -> Result<(), Broken> {
        let mut n_rounds = 0;
        loop {
            self.processes.go_on(self.boot_us);
            self.runner_goes_on()?;
            self.daemon_listens();
            n_rounds += 1;
            if self.next_of_machine().is_none_or(|at| at > self.boot_us) {
                return Ok(());
            }
            if n_rounds > self.most_at_once() {
                return Err("busy: runner and link find no end at one moment".to_owned());
            }
        }
    }

    fn next_of_machine(&self) -> Option<i64> {
        let daemon_from = self.is_up().then_some(self.stalled_until);
        let runner_from = self.runner.gone_until().is_none().then_some(self.runner.frozen_until);
        let link = self.link.next_at(daemon_from, runner_from);
        [self.processes.next_end(), self.runner.next_at(&self.processes), link].into_iter().flatten().min()
    }

    /// When something happens next.
    fn next_moment(&self) -> Option<i64> {
        let mut next = [self.next_of_machine(), self.calls.next_end()].into_iter().flatten().min();
        let mut consider = |at: Option<i64>| next = [next, at].into_iter().flatten().min();
        match &self.power {
            Power::Up(_) => {
                let wake = self.wake_at.map(|at| at.as_micros().saturating_sub(self.offset_us));
                let letter = self.post.keys().next().map(|(at, _)| *at);
                consider([wake, letter].into_iter().flatten().min().map(|at| at.max(self.asleep_until)));
            }
            Power::Down(_, at) => consider(Some(*at)),
            Power::Nobody => {}
        }
        next.map(|at| at.max(self.boot_us))
    }

    fn step_if_due(&mut self) -> Result<(), Broken> {
        let mut inputs = self.take_letters();
        // A daemon says that it is there before it listens to anybody.
        inputs.sort_by_key(|input| !matches!(input, Input::Report(Report::Opened { .. })));
        let is_woken = self.wake_at.is_some_and(|at| at <= self.now());
        if inputs.is_empty() && !is_woken {
            return Ok(());
        }
        self.step(inputs)
    }

    fn step(&mut self, inputs: Vec<Input>) -> Result<(), Broken> {
        let Power::Up(engine) = &mut self.power else { return Ok(()) };
        let (wall, seed) = (Timestamp::from_micros(self.boot_us.saturating_add(self.offset_us)), self.chance.draw());
        self.n_steps += 1;
        self.waiting.extend(inputs.iter().filter_map(token_of));
        self.troubles.arm(&mut self.chance, engine.store())?;
        match engine.step(wall, seed, &inputs) {
            Ok(step) => self.stepped(&inputs, step, false),
            Err(error) => self.failed(wall, seed, inputs, &error),
        }
    }

    /// A step has committed: checks it, then releases its effects.
    pub(super) fn stepped(&mut self, inputs: &[Input], step: Step, is_careful: bool) -> Result<(), Broken> {
        if let Power::Up(engine) = &self.power {
            self.troubles.disarm(engine.store())?;
            if self.n_steps.is_multiple_of(TENDED) {
                // What the driver does between two steps. A failure of it, as of a full disk, must change nothing.
                let _ = engine.store().optimize(self.n_steps == TENDED);
            }
        }
        self.note(|| {
            let effects: Vec<String> = step.effects.iter().map(shown).collect();
            format!("step {} inputs -> {:?} wake {:?}", inputs.len(), effects, step.wake_at.map(|at| at.to_string()))
        });
        self.note(|| inputs.iter().map(|input| format!("  {}", one_line(input))).collect::<Vec<_>>().join("\n"));
        self.wake_at = step.wake_at;
        if !self.is_up() {
            return Ok(());
        }
        if self.is_checked {
            self.check_step(inputs, &step, is_careful)?;
        }
        for (token, answer) in step.replies {
            if !self.waiting.remove(&token) {
                return Err(format!("an answer to {token}, which nobody waits for"));
            }
            self.answers.insert(token, answer);
        }
        if let Some(token) = inputs.iter().filter_map(token_of).find(|token| self.waiting.contains(token)) {
            return Err(format!("command {token} was not answered"));
        }
        // What the runner says that it never saw may be sent again, and nothing else.
        let unseen = inputs.iter().filter_map(highest_of).min();
        for effect in step.effects {
            if self.chance.one_in(self.troubles.crash_between) {
                self.note(|| format!("crash before {}", shown(&effect)));
                return self.crash();
            }
            self.release(effect, unseen)?;
        }
        Ok(())
    }

    /// What must hold after a step.
    fn check_step(&mut self, inputs: &[Input], step: &Step, is_careful: bool) -> Result<(), Broken> {
        let now = self.now();
        let Power::Up(engine) = &self.power else { return Ok(()) };
        if let Some(launch) = self
            .checks
            .lost(engine.store(), false)?
            .into_iter()
            .find(|launch| *launch > self.booted_at && !self.runner.has_seen(*launch))
        {
            return Err(format!("launch {launch} is taken for lost, and was never launched"));
        }
        let mut requests = self.checks.lost(engine.store(), true)?.into_iter();
        if let Some(launch) = requests.find(|launch| self.calls.is_alive(*launch)) {
            return Err(format!("request {launch} is taken for lost, and is being made"));
        }
        self.checks.after(engine.store(), now, inputs, step, is_careful)
    }

    /// The configuration's hooks, as the next load will find them.
    pub(super) fn set_hooks(&mut self, hooks: Vec<Hook>) {
        self.files.hooks = hooks;
    }

    /// The ids that a query finds.
    pub(super) fn ids(&self, sql: &str) -> Result<Vec<[u8; 16]>, Broken> {
        let store = self.store()?;
        let mut statement = store.connection().prepare_cached(sql).map_err(said)?;
        let rows = statement.query_map([], |row| row.get::<_, [u8; 16]>(0)).map_err(said)?;
        rows.collect::<Result<_, _>>().map_err(said)
    }

    /// The runs that have not ended.
    pub(super) fn live_runs(&self) -> Result<Vec<RunId>, Broken> {
        let ids = self.ids("SELECT id FROM run WHERE ended_at IS NULL ORDER BY id")?;
        Ok(ids.into_iter().map(RunId::from_bytes).collect())
    }
}

/// An error in words.
pub(super) fn said(error: impl Display) -> String {
    error.to_string()
}

fn token_of(input: &Input) -> Option<u64> {
    match input {
        Input::Command { token, .. } => Some(*token),
        Input::Report(_) => None,
    }
}

fn highest_of(input: &Input) -> Option<Launch> {
    match input {
        Input::Report(Report::Runner(RunnerReport::Connected { highest, .. })) => Some(*highest),
        Input::Report(_) | Input::Command { .. } => None,
    }
}

fn one_line(input: &Input) -> String {
    match input {
        Input::Command { token, .. } => format!("command {token}"),
        Input::Report(report) => format!("{report:?}"),
    }
}
