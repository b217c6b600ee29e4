//! What a step works with: the transaction, the fixed time, the memory, and what will be released once it has committed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::cache::{Cache, Defined};
use super::counters::Counters;
use super::effect::Effect;
use super::ids::Ids;
use super::input::Limits;
use super::observed::Observed;
use super::session::Session;
use super::step::Settings;
use crate::model::event::{Event, EventType};
use crate::model::exit::Exit;
use crate::model::id::{EventSeq, HookId, JobId, Launch, RunId, TaskId};
use crate::model::state::DeliveryState;
use crate::model::timestamp::Now;
use crate::store::delivery::DeliveryRow;
use crate::store::run::RunRow;
use crate::store::{StoreError, Tx, delivery, event, run};

/// One step at work.
pub(crate) struct Work<'a> {
    pub(crate) tx: &'a Tx<'a>,
    pub(crate) now: Now,
    pub(crate) settings: &'a Settings,
    pub(crate) cache: &'a mut Cache,
    pub(crate) session: &'a mut Session,
    pub(crate) ids: Ids,
    /// Released after the commit.
    pub(crate) effects: Vec<Effect>,
    /// Exits that are settled once this step has committed.
    pub(crate) acknowledged: Vec<Launch>,
    /// Attempts whose end was recorded in this step, to be judged.
    pub(crate) ended: Vec<(Launch, TaskId, Exit)>,
    /// Runs of which a task has ended in this step.
    pub(crate) dirty: BTreeSet<RunId>,
    /// Jobs whose schedules have started all that they may.
    pub(crate) finished: BTreeSet<JobId>,
    /// How many tasks may still be claimed in this step.
    pub(crate) claims_left: usize,
    /// There is more to do at once.
    pub(crate) again: bool,
    /// Each part is undone alone if it fails.
    pub(crate) is_careful: bool,
    /// What failed and was left out.
    pub(crate) failures: Vec<String>,
    /// What happened that is worth counting.
    pub(crate) observed: Vec<Observed>,
    /// How many due times were counted one by one.
    pub(crate) n_counted: u64,
    runs: HashMap<RunId, Run>,
}

/// Where a careful step returns to when a part of it fails.
#[derive(Debug)]
pub(crate) struct Mark {
    session: Session,
    counters: Counters,
    n_effects: usize,
    n_acknowledged: usize,
    n_ended: usize,
    n_observed: usize,
    dirty: BTreeSet<RunId>,
}

/// A run with what is often asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) row: RunRow,
    pub(crate) job: Option<Arc<str>>,
    pub(crate) defined: Arc<Defined>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject<'a> {
    pub(crate) job: Option<&'a str>,
    pub(crate) run: Option<RunId>,
    pub(crate) task: Option<TaskId>,
    pub(crate) defined: Option<&'a Defined>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(
        tx: &'a Tx<'a>,
        now: Now,
        settings: &'a Settings,
        cache: &'a mut Cache,
        session: &'a mut Session,
        ids: Ids,
        claims: usize,
    ) -> Self {
        Work {
            tx,
            now,
            settings,
            cache,
            session,
            ids,
            effects: Vec::new(),
            acknowledged: Vec::new(),
            ended: Vec::new(),
            dirty: BTreeSet::new(),
            finished: BTreeSet::new(),
            claims_left: claims,
            again: false,
            is_careful: false,
            failures: Vec::new(),
            observed: Vec::new(),
            n_counted: 0,
            runs: HashMap::new(),
        }
    }

    /// What is to be released, whether there is more to do at once, what failed, and what happened.
    pub(crate) fn finish(mut self) -> (Vec<Effect>, bool, Vec<String>, Vec<Observed>) {
        if !self.acknowledged.is_empty() {
            self.effects.push(Effect::Acknowledge(self.acknowledged));
        }
        self.session.id_floor = self.ids.floor();
        (self.effects, self.again, self.failures, self.observed)
    }

    /// Where a part begins.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            session: self.session.clone(),
            counters: self.cache.counters,
            n_effects: self.effects.len(),
            n_acknowledged: self.acknowledged.len(),
            n_ended: self.ended.len(),
            n_observed: self.observed.len(),
            dirty: self.dirty.clone(),
        }
    }

    /// Forgets what a part has done besides writing rows. Its exits stay unacknowledged.
    pub(crate) fn return_to(&mut self, mark: Mark) {
        *self.session = mark.session;
        self.cache.counters = mark.counters;
        self.effects.truncate(mark.n_effects);
        self.acknowledged.truncate(mark.n_acknowledged);
        self.ended.truncate(mark.n_ended);
        self.observed.truncate(mark.n_observed);
        self.dirty = mark.dirty;
        self.runs.clear();
    }

    /// Reads the memory anew.
    pub(crate) fn reread(&mut self) -> Result<(), StoreError> {
        super::step::reread(self.tx, self.cache, self.session)
    }

    /// The run, from this step's memory or the table.
    pub(crate) fn run(&mut self, id: RunId) -> Result<Run, StoreError> {
        if let Some(run) = self.runs.get(&id) {
            return Ok(run.clone());
        }
        let row = run::get(self.tx, id)?;
        let defined = self.cache.defined(self.tx, row.definition_id)?;
        let job = row.job_id.and_then(|job| self.cache.job_names.get(&job).cloned());
        let run = Run { row, job, defined };
        self.runs.insert(id, run.clone());
        Ok(run)
    }

    /// Remembers the run as it now is.
    pub(crate) fn remember(&mut self, run: Run) {
        self.runs.insert(run.row.id, run);
    }

    /// Appends an event, and a delivery for each hook that it matches.
    pub(crate) fn record(&mut self, kind: EventType, subject: Subject<'_>, data: Value) -> Result<(), StoreError> {
        self.cache.counters.event += 1;
        let seq = EventSeq(self.cache.counters.event);
        let mut targets: Vec<HookId> = Vec::new();
        if let Some(defined) = subject.defined {
            let own = defined.job.hooks.iter().zip(&defined.hooks);
            targets.extend(own.filter(|(hook, _)| hook.matches(&kind, subject.job)).map(|(_, id)| *id));
        }
        let general = self.session.hooks.iter().filter(|(_, hook)| hook.matches(&kind, subject.job));
        targets.extend(general.map(|(id, _)| *id));
        let event = Event {
            seq,
            at: self.now.wall,
            kind,
            job: subject.job.map(str::to_owned),
            run: subject.run,
            task: subject.task,
            data,
        };
        event::append(self.tx, &[event])?;
        for hook_id in targets {
            let row = DeliveryRow {
                id: self.ids.delivery(),
                hook_id,
                event_seq: seq,
                state: DeliveryState::Pending { until: self.now.steady },
                n_attempts: 0,
                queued_at: self.now.wall,
            };
            delivery::insert(self.tx, std::slice::from_ref(&row))?;
            self.cache.delivery_entered(&row);
        }
        Ok(())
    }

    /// How many attempts may be live, and what is kept of what has ended: as the configuration now says.
    pub(crate) fn limits(&self) -> Limits {
        let Settings { max_tasks, catch_up, retention, .. } = self.settings;
        let given = Limits { max_tasks: *max_tasks, catch_up: *catch_up, retention: *retention };
        self.session.limits.unwrap_or(given)
    }

    /// The next launch number.
    pub(crate) fn next_launch(&mut self) -> Launch {
        self.cache.counters.launch += 1;
        Launch(self.cache.counters.launch)
    }
}

impl Run {
    /// What an event about this run, or about a task of it, is about.
    pub(crate) fn subject(&self, task: Option<TaskId>) -> Subject<'_> {
        Subject { job: self.job.as_deref(), run: Some(self.row.id), task, defined: Some(&self.defined) }
    }
}
