//! What must hold after every step, and what must hold at rest.
//!
//! Rules about single writes are triggers of the connection (`checks/triggers.sql`): they see every write and make the one
//! that breaks a rule fail. They also note what the step did, so that the checks here look only at that and at what is
//! live, and cost the same however long the history is. `ledger` holds the answers of due times to the calendar.

mod backfills;
mod ledger;
mod pools;
mod precondition;
mod quiet;
mod standstill;
mod values;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;

use super::jobs::BY_HAND;
use super::world::{Broken, said};
use crate::engine::{Command, Input, Report, RunnerReport, Settings, Step};
use crate::model::definition::{Hook, Job, Overlap, from_canonical};
use crate::model::event::EventType;
use crate::model::id::{Launch, RunId};
use crate::model::timestamp::{Now, Timestamp};
use crate::store::Store;
use crate::tzdb::Tzdb;
use ledger::Ledger;

const TRIGGERS: &str = include_str!("checks/triggers.sql");

/// The zone data of all histories.
pub(super) fn zones() -> Arc<Tzdb> {
    static ZONES: OnceLock<Arc<Tzdb>> = OnceLock::new();
    Arc::clone(ZONES.get_or_init(|| Arc::new(Tzdb::bundled())))
}

/// What the checks remember from step to step.
pub(super) struct Checks {
    ledger: Ledger,
    settings: Settings,
    definitions: HashMap<i64, Option<Arc<Job>>>,
    /// The last event, and the counter of launches.
    counters: (i64, i64),
    has_runner: bool,
    /// What lives at the runner and is in no row.
    strangers: BTreeSet<Launch>,
    is_loaded: bool,
    is_draining: bool,
    is_interrupted: bool,
    hooks: Vec<Hook>,
    stepped_us: i64,
    forced: BTreeSet<u64>,
    /// Runs by hand that were over the bound of their job when they were made.
    over: BTreeSet<RunId>,
    n_steps: u64,
    /// A row was made unreadable: what depends on it is not judged.
    pub(super) is_poisoned: bool,
}

const COUNTERS: &str = "
SELECT (SELECT value FROM counter WHERE name = 'event'), (SELECT value FROM counter WHERE name = 'launch')";
const NEW_RUNS: &str = "SELECT id, definition_id, cause, held, forced, n_live, n_held, is_paused, n_queued FROM sim_run
      WHERE definition_id IS NOT NULL ORDER BY n";
const NEW_CLAIMS: &str = "
SELECT sim_claim.launch,
       (SELECT count(*) FROM task AS other WHERE other.run_id = task.run_id AND other.state <> 'completed'
           AND instr(definition.body, '\"name\":\"' || other.name || '\"') > 0
           AND EXISTS (SELECT 1 FROM json_each(definition.body, '$.definition.tasks[' || task.ordinal || '].after') AS after
                        WHERE after.value = other.name))
  FROM sim_claim JOIN task ON task.id = sim_claim.task_id JOIN run ON run.id = task.run_id
  JOIN definition ON definition.id = run.definition_id WHERE json_valid(definition.body)";
const NEW_EVENTS: &str = "
SELECT event.seq, event.type, event.job, run.definition_id,
       (SELECT count(*) FROM delivery WHERE event_seq = event.seq AND state IN ('pending', 'sending'))
  FROM event JOIN run ON run.id = event.run_id WHERE event.seq > ?1";
const FORGET: &str = "
DELETE FROM sim_lost; DELETE FROM sim_run; DELETE FROM sim_claim; DELETE FROM sim_start; DELETE FROM sim_schedule;";
const LIVE_OF_JOBS: &str = "
SELECT name, n_live, n_held, n_queued, count(iif(run.held = 0, 1, NULL)), count(iif(run.held = 1, 1, NULL)),
       count(iif(run.state = 'queued', 1, NULL))
  FROM job LEFT JOIN run ON run.job_id = job.id AND run.ended_at IS NULL GROUP BY job.id";
const KNOWN: &str = "
SELECT 1 FROM attempt WHERE launch = ?1 AND state <> 'ended'
UNION ALL SELECT 1 FROM delivery WHERE launch = ?1 AND state = 'sending'";
const ENDED: &str = "SELECT count(*) FROM attempt WHERE launch = ?1 AND state <> 'ended'";
const OWED: &str = "SELECT count(*) FROM delivery WHERE launch = ?1 AND state = 'sending'";

/// The last launch number that was given out.
pub(super) fn last_launch(store: &Store) -> Result<Launch, Broken> {
    let last = "SELECT value FROM counter WHERE name = 'launch'";
    let number: i64 = store.connection().query_row(last, [], |row| row.get(0)).map_err(said)?;
    Ok(Launch(number.cast_unsigned()))
}

impl Checks {
    /// Puts the rules on the connection.
    pub(super) fn install(store: &Store) -> Result<(), Broken> {
        store.connection().execute_batch(TRIGGERS).map_err(said)
    }

    /// Those of an engine that nothing is known of yet.
    pub(super) fn new(settings: &Settings) -> Self {
        Checks {
            ledger: Ledger::default(),
            settings: settings.clone(),
            definitions: HashMap::new(),
            counters: (0, 0),
            has_runner: false,
            strangers: BTreeSet::new(),
            is_loaded: false,
            is_draining: false,
            is_interrupted: false,
            hooks: Vec::new(),
            stepped_us: 0,
            forced: BTreeSet::new(),
            over: BTreeSet::new(),
            n_steps: 0,
            is_poisoned: false,
        }
    }

    /// The daemon is gone.
    pub(super) fn closed(&mut self) {
        (self.has_runner, self.is_loaded) = (false, false);
        (self.is_draining, self.is_interrupted) = (false, false);
        self.strangers.clear();
    }

    /// The clock was set under a daemon that runs. It may die before it records that.
    pub(super) fn stepped(&mut self, _by_us: i64) {}

    /// The start under this token is past the gate.
    pub(super) fn forced(&mut self, token: u64) {
        self.forced.insert(token);
    }

    /// A start by hand was admitted.
    pub(super) fn started(&mut self, token: u64, run: RunId) -> Result<(), Broken> {
        match self.over.remove(&run) && !self.forced.contains(&token) {
            true => Err(format!("start {token} made run {run} without force, past the gate")),
            false => Ok(()),
        }
    }

    /// A step failed: nothing of it may be there.
    pub(super) fn unchanged(&mut self, store: &Store) -> Result<(), Broken> {
        let found = counters(store.connection())?;
        if found != self.counters {
            return Err(format!("a failed step left the counters at {found:?}, from {:?}", self.counters));
        }
        let n: i64 =
            store.connection().query_row("SELECT count(*) FROM sim_schedule", [], |row| row.get(0)).map_err(said)?;
        if n > 0 { Err("a failed step moved a schedule".to_owned()) } else { Ok(()) }
    }

    /// The processes, or the requests, that the last step took for lost.
    pub(super) fn lost(&self, store: &Store, is_call: bool) -> Result<Vec<Launch>, Broken> {
        let sql = "SELECT launch FROM sim_lost WHERE is_call = ?1";
        let mut statement = store.connection().prepare_cached(sql).map_err(said)?;
        let rows = statement.query_map([is_call], |row| row.get::<_, i64>(0)).map_err(said)?;
        rows.map(|launch| launch.map(|launch| Launch(launch.cast_unsigned())).map_err(said)).collect()
    }

    /// A step has committed.
    pub(super) fn after(
        &mut self,
        store: &Store,
        wall: Timestamp,
        inputs: &[Input],
        step: &Step,
        is_careful: bool,
    ) -> Result<(), Broken> {
        let connection = store.connection();
        let before = self.counters;
        self.hear(inputs);
        self.meet(connection, inputs)?;
        self.counters = counters(connection)?;
        if self.counters.0 != i64::try_from(step.committed.0).unwrap_or(i64::MAX) || self.counters.0 < before.0 {
            return Err(format!("the last event is {}, and the step said {}", self.counters.0, step.committed));
        }
        if step.n_live > self.settings.max_tasks {
            return Err(format!("{} attempts live at once", step.n_live));
        }
        self.gate(connection)?;
        self.graph(connection)?;
        precondition::check(connection, before.0)?;
        self.pools(connection)?;
        let has_load = inputs.iter().any(|input| matches!(input, Input::Command { command: Command::Load(_), .. }));
        if !has_load && !is_careful {
            self.hooks(connection, before.0)?;
        }
        self.ledger.after(connection, &self.settings, wall)?;
        self.backfills(connection)?;
        connection.execute_batch(FORGET).map_err(said)?;
        self.n_steps += 1;
        if self.n_steps.is_multiple_of(16) {
            live_of_jobs(connection)?;
        }
        let now = Now::new(wall, self.stepped_us);
        self.nothing_sleeps(connection, now, step)
    }

    fn hear(&mut self, inputs: &[Input]) {
        for input in inputs {
            match input {
                Input::Report(Report::Runner(RunnerReport::Connected { .. })) => self.has_runner = true,
                Input::Report(Report::Runner(RunnerReport::Disconnected)) => self.has_runner = false,
                Input::Report(Report::ClockStepped { by_us }) => self.stepped_us += by_us,
                Input::Report(_) => {}
                Input::Command { command: Command::Load(load), .. } => {
                    self.is_loaded = true;
                    self.hooks.clone_from(&load.hooks);
                    if let Some(limits) = load.limits {
                        self.settings.catch_up = limits.catch_up;
                    }
                }
                Input::Command { command: Command::Drain, .. } => self.is_draining = true,
                Input::Command { command: Command::Interrupt { .. }, .. } => {
                    (self.is_draining, self.is_interrupted) = (true, true);
                }
                Input::Command { .. } => {}
            }
        }
    }

    /// What a picture says lives and no row has is a stranger until it has ended.
    fn meet(&mut self, connection: &Connection, inputs: &[Input]) -> Result<(), Broken> {
        for input in inputs {
            match input {
                Input::Report(Report::Runner(RunnerReport::Connected { alive, .. })) => {
                    self.strangers.clear();
                    for launch in alive {
                        let mut statement = connection.prepare_cached(KNOWN).map_err(said)?;
                        if !statement.exists([launch.0.cast_signed()]).map_err(said)? {
                            self.strangers.insert(*launch);
                        }
                    }
                }
                Input::Report(Report::Runner(RunnerReport::Ended { launch, .. })) => {
                    self.strangers.remove(launch);
                }
                Input::Report(_) | Input::Command { .. } => {}
            }
        }
        Ok(())
    }

    /// Runs that were made in this step were let in by the gate.
    fn gate(&mut self, connection: &Connection) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(NEW_RUNS).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let id = RunId::from_bytes(row.get(0).map_err(said)?);
            let Some(job) = self.definition(connection, row.get(1).map_err(said)?)? else { continue };
            let cause: String = row.get(2).map_err(said)?;
            let (is_held, is_forced): (bool, bool) = (row.get(3).map_err(said)?, row.get(4).map_err(said)?);
            let (n_live, n_held, is_paused): (u32, u32, bool) =
                (row.get(5).map_err(said)?, row.get(6).map_err(said)?, row.get(7).map_err(said)?);
            let is_full = row.get::<_, u32>(8).map_err(said)? > job.queue_limit;
            let is_past = match (is_held, job.overlap) {
                (true, Overlap::Skip) => true,
                (true, Overlap::BufferOne) => n_held > 1 || is_full,
                (true, Overlap::BufferAll | Overlap::Allow) => is_full,
                // It takes the place of what is held, which ends later in this step.
                (true, Overlap::CancelOther | Overlap::TerminateOther) => false,
                (false, Overlap::Allow) => n_held > 0 || is_full,
                (false, _) => n_held > 0 || is_full || n_live > job.max_runs,
            };
            if job.precondition.as_deref() == Some(BY_HAND) && cause != "manual" {
                return Err(format!("run {id} was made though its precondition is false"));
            }
            if is_forced && job.has_precondition() {
                return Err(format!("run {id} is forced, and has a precondition"));
            }
            if is_forced && cause == "manual" {
                self.over.insert(id);
            } else if is_past || is_paused || is_forced || !job.enabled {
                return Err(format!(
                    "run {id} is past the gate: {n_live} live, {n_held} held, paused {is_paused}, held itself {is_held}"
                ));
            }
        }
        Ok(())
    }

    /// No task was claimed before all it comes after had completed.
    fn graph(&mut self, connection: &Connection) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(NEW_CLAIMS).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let (launch, n): (i64, i64) = (row.get(0).map_err(said)?, row.get(1).map_err(said)?);
            if !self.has_runner {
                return Err(format!("launch {launch} was claimed without a runner"));
            }
            if let Some(stranger) = self.strangers.first() {
                return Err(format!(
                    "launch {launch} was claimed while {stranger} lived, and nobody knew of what task"
                ));
            }
            if n > 0 {
                return Err(format!("launch {launch} was claimed before {n} that its task comes after"));
            }
        }
        Ok(())
    }

    /// Each event of a run has one delivery for each hook that matches it.
    fn hooks(&mut self, connection: &Connection, after: i64) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(NEW_EVENTS).map_err(said)?;
        let mut rows = statement.query([after]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let (seq, kind, job): (i64, String, Option<String>) =
                (row.get(0).map_err(said)?, row.get(1).map_err(said)?, row.get(2).map_err(said)?);
            let kind: EventType = kind.parse().map_err(said)?;
            let Some(defined) = self.definition(connection, row.get(3).map_err(said)?)? else { continue };
            let all = self.hooks.iter().chain(&defined.hooks);
            let n_expected = all.filter(|hook| hook.matches(&kind, job.as_deref())).count();
            let n: u32 = row.get(4).map_err(said)?;
            if n as usize != n_expected {
                return Err(format!("event {seq} `{kind}` has {n} deliveries, and {n_expected} hooks match it"));
            }
        }
        Ok(())
    }

    fn definition(&mut self, connection: &Connection, id: i64) -> Result<Option<Arc<Job>>, Broken> {
        if let Some(known) = self.definitions.get(&id) {
            return Ok(known.clone());
        }
        let sql = "SELECT body FROM definition WHERE id = ?1";
        let body: String = connection.query_row(sql, [id], |row| row.get(0)).map_err(said)?;
        let job = from_canonical::<Job>(&body).ok().map(Arc::new);
        self.definitions.insert(id, job.clone());
        Ok(job)
    }

    /// The runner may forget only what is settled.
    pub(super) fn acknowledged(&self, store: &Store, launches: &[Launch]) -> Result<(), Broken> {
        for launch in launches {
            for sql in [ENDED, OWED] {
                let mut statement = store.connection().prepare_cached(sql).map_err(said)?;
                let number = launch.0.cast_signed();
                let n: i64 = statement.query_row([number], |row| row.get(0)).map_err(said)?;
                if n > 0 {
                    return Err(format!("launch {launch} is acknowledged, and its exit is not in the store"));
                }
            }
        }
        Ok(())
    }

    /// At the end of a history, when everything was left alone for long enough.
    pub(super) fn at_rest(&mut self, store: &Store, wake_at: Option<Timestamp>) -> Result<(), Broken> {
        live_of_jobs(store.connection())?;
        self.ledger.whole(store.connection())?;
        quiet::at_rest(store.connection(), wake_at)
    }
}

fn counters(connection: &Connection) -> Result<(i64, i64), Broken> {
    let mut statement = connection.prepare_cached(COUNTERS).map_err(said)?;
    statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(said)
}

fn live_of_jobs(connection: &Connection) -> Result<(), Broken> {
    let mut statement = connection.prepare_cached(LIVE_OF_JOBS).map_err(said)?;
    let mut rows = statement.query([]).map_err(said)?;
    while let Some(row) = rows.next().map_err(said)? {
        let name: String = row.get(0).map_err(said)?;
        let triple = |at: usize| -> Result<[i64; 3], Broken> {
            Ok([row.get(at).map_err(said)?, row.get(at + 1).map_err(said)?, row.get(at + 2).map_err(said)?])
        };
        let (told, found) = (triple(1)?, triple(4)?);
        if told != found {
            return Err(format!("job `{name}` says that {told:?} runs are live, held and queued, and {found:?} are"));
        }
    }
    Ok(())
}
