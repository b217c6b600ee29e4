//! What the engine remembers between steps, so that it need not ask the tables: what is due next, what is ready, what is
//! live. All of it is made from rows, at open and again after any step that failed; the tables are the truth. Definitions
//! are kept only while they are in use; of an idle job nothing is resident but its name and its next due time.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::backfill::Backfills;
use super::counters::{Counters, Ended};
use super::live::{Live, LiveAttempt};
use super::queue::{Queue, Turn};
use super::session::Session;
use super::step::Settings;
use crate::model::definition::{Hook, Job, Pools, Schedule, Target, canonical};
use crate::model::expression::Expressions;
use crate::model::id::{DefinitionId, DeliveryId, HookId, JobId, Launch, RunId, ScheduleId, TaskId};
use crate::model::policy::governor::{Governor, Opening, Pace};
use crate::model::policy::queue;
use crate::model::state::{DeliveryState, TaskState};
use crate::model::template::Templates;
use crate::model::time::Calendar;
use crate::model::timestamp::{Now, Steady, Timestamp, Until};
use crate::store::delivery::DeliveryRow;
use crate::store::schedule::ScheduleRow;
use crate::store::task::TaskRow;
use crate::store::{
    StoreError, Tx, attempt, backfill, definition, delivery, fact, hook, job, planned_skip, pool, run, schedule, task,
};

/// How many definitions, hooks and calendars are kept at most; beyond that the memory of them starts anew.
const MAX_KEPT: usize = 4096;
/// How many deliveries are tried at once.
pub(crate) const MAX_SENDING: usize = 64;
/// How many of them go to one hook, so that a receiver that hangs holds up nobody else's.
const MAX_SENDING_PER_HOOK: usize = 8;

/// A definition with the hooks it names, interned.
#[derive(Debug)]
pub(crate) struct Defined {
    pub(crate) id: DefinitionId,
    pub(crate) job: Job,
    pub(crate) hooks: Vec<HookId>,
}

/// The engine's memory.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) counters: Counters,
    /// The recorded clock steps, added up.
    pub(crate) stepped_us: i64,
    /// Everything is paused.
    pub(crate) is_paused: bool,
    /// Schedules in force by when they are due next.
    pub(crate) due: BTreeSet<(Timestamp, ScheduleId)>,
    /// Jobs with schedules that are due at no time, some of which may wait for the end of a run.
    pub(crate) awaits_end: HashSet<JobId>,
    /// Schedules with a backlog, and their jobs.
    backlogs: BTreeSet<(JobId, ScheduleId)>,
    /// Those of them that may have room to go on; the others are parked until a run of their job ends.
    stirred: BTreeSet<(JobId, ScheduleId)>,
    /// Schedules whose backlog could go on, by the priority of their jobs; they wait for the governor. One whose backlog was
    /// closed meanwhile leaves when its turn comes, and starts nothing.
    line: BTreeSet<(u8, JobId, ScheduleId)>,
    /// Backfills that have not ended.
    pub(crate) backfills: Backfills,
    /// How fast missed due times are caught up.
    pub(crate) governor: Governor,
    /// Jobs whose last attempt ended with the daemon.
    pub(crate) mortal: HashSet<JobId>,
    /// Due times ahead that somebody has skipped.
    pub(crate) skips: BTreeSet<(ScheduleId, Timestamp)>,
    /// Pauses that end by themselves: of a job, or of everything.
    pause_ends: BTreeSet<(Timestamp, Option<JobId>)>,
    /// How many runs of each job are held.
    held: HashMap<JobId, u32>,
    /// Those of these jobs that may have room; the others are parked until a run of theirs ends.
    freed: BTreeSet<JobId>,
    /// Tasks that may be claimed, and the pools that they take from.
    pub(crate) queue: Queue,
    /// Tasks that go on after some time: they are to be tried again, or start later.
    delayed: BTreeSet<(Steady, TaskId)>,
    /// Tasks that go on at a time of day.
    appointed: BTreeSet<(Timestamp, TaskId)>,
    /// Runs that end if nothing of them begins before.
    pub(crate) expiring: BTreeSet<(Steady, RunId)>,
    /// Attempts that have not ended.
    pub(crate) live: Live,
    /// Deliveries that are to be tried.
    pub(crate) owed: BTreeSet<(Steady, DeliveryId)>,
    /// Deliveries that are being tried, and to which hook.
    pub(crate) sending: HashMap<Launch, (DeliveryId, HookId)>,
    /// Deliveries whose time has come while their hook was busy.
    parked: HashMap<HookId, BTreeSet<(Steady, DeliveryId)>>,
    pub(crate) job_names: HashMap<JobId, Arc<str>>,
    definitions: HashMap<DefinitionId, Arc<Defined>>,
    hooks: HashMap<HookId, Arc<Hook>>,
    calendars: HashMap<String, Arc<Calendar>>,
    /// Compiled templates.
    pub(crate) templates: Templates,
    /// Compiled expressions.
    pub(crate) expressions: Expressions,
}

impl Cache {
    /// When there is something to do next, if nothing arrives before. What waits for a limit is not counted: whatever
    /// makes room for it is a step.
    pub(crate) fn wake_at(&self, now: Now, session: &Session, pace: Pace) -> Option<Timestamp> {
        let due = self.due.first().map(|(at, _)| *at).filter(|_| session.is_loaded);
        let delayed = self.delayed.first().map(|(at, _)| now.wall_of(*at));
        let appointed = self.appointed.first().map(|(at, _)| *at);
        let expiring = self.expiring.first().map(|(at, _)| now.wall_of(*at));
        let owed = self.owed.first().map(|(at, _)| now.wall_of(*at));
        let may_send = session.may_send() && self.sending.len() < MAX_SENDING;
        let caught_up = match self.governor.opening(pace, now.steady) {
            Opening::At(at) if session.is_loaded && self.has_line() => Some(now.wall_of(at)),
            Opening::At(_) | Opening::Now | Opening::AtAnEnd => None,
        };
        let resumed = self.pause_ends.first().map(|(at, _)| *at);
        [due, delayed, appointed, expiring, resumed, caught_up, owed.filter(|_| may_send)].into_iter().flatten().min()
    }

    /// Reads it from the tables.
    pub(crate) fn read(tx: &Tx<'_>, session: &Session) -> Result<Self, StoreError> {
        let mut cache = Cache {
            counters: Counters::read(tx)?,
            is_paused: fact::get(tx, "paused_at")?.is_some(),
            expiring: run::expiring(tx)?.into_iter().collect(),
            ..Cache::default()
        };
        if let Some(stepped) = fact::get(tx, "stepped_us")? {
            cache.stepped_us = stepped.parse().map_err(|error| StoreError::unreadable("fact `stepped_us`", error))?;
        }
        for row in schedule::due(tx)? {
            if session.broken_schedules.contains(&row.id) {
                continue;
            }
            match row.next_at {
                Some(at) => drop(cache.due.insert((at, row.id))),
                None => drop(cache.awaits_end.insert(row.job_id)),
            }
            if row.has_backlog {
                cache.set_backlog(row.job_id, row.id, true);
            }
        }
        for row in job::all(tx)? {
            cache.job_names.insert(row.id, row.name.into());
        }
        let is_whole = |(_, id): &(JobId, _)| !session.broken_backfills.contains(id);
        cache.backfills = Backfills::new(backfill::open(tx)?.into_iter().filter(is_whole));
        cache.governor = Governor::new(run::n_caught_up(tx)?);
        cache.mortal = job::mortal(tx)?.into_iter().collect();
        cache.skips = planned_skip::all(tx)?.into_iter().collect();
        cache.pause_ends = job::pause_ends(tx)?.into_iter().map(|(job, at)| (at, Some(job))).collect();
        if let Some(until) = fact::get(tx, "paused_until")? {
            let until = until.parse().map_err(|error| StoreError::unreadable("fact `paused_until`", error))?;
            cache.pause_ends.insert((Timestamp::from_micros(until), None));
        }
        cache.held = job::with_held(tx)?.into_iter().collect();
        cache.freed = cache.held.keys().copied().collect();
        for row in pool::all(tx)? {
            cache.queue.set(&row.name, row.size, row.used);
        }
        for row in task::live(tx)? {
            cache.enter(row.id, row.state, queue::place(row.priority, row.queued_at), &row.pools);
        }
        for row in attempt::live(tx)? {
            let live = LiveAttempt { task: row.task, run: row.run, has_started: row.has_started, is_call: row.is_call };
            cache.live.insert(row.launch, live);
            cache.queue.hold(row.launch, &row.pools);
        }
        for row in delivery::live(tx)?.iter().filter(|row| !session.broken_deliveries.contains(&row.id)) {
            cache.delivery_entered(row);
        }
        Ok(cache)
    }

    fn enter(&mut self, id: TaskId, state: TaskState, place: Timestamp, pools: &Pools) {
        if state == TaskState::Queued {
            self.queue.enter(Turn { place, task: id }, pools);
        }
        match waits_until(state) {
            Some(Until::Steady(until)) => drop(self.delayed.insert((until, id))),
            Some(Until::Wall(until)) => drop(self.appointed.insert((until, id))),
            None => {}
        }
    }

    /// Takes out a task that has waited long enough.
    pub(crate) fn next_woken(&mut self, now: Now) -> Option<TaskId> {
        if self.delayed.first().is_some_and(|(until, _)| *until <= now.steady) {
            return self.delayed.pop_first().map(|(_, id)| id);
        }
        self.appointed.first().filter(|(until, _)| *until <= now.wall)?;
        self.appointed.pop_first().map(|(_, id)| id)
    }

    /// Takes out a run that has waited too long.
    pub(crate) fn next_expired(&mut self, now: Now) -> Option<RunId> {
        self.expiring.first().filter(|(at, _)| *at <= now.steady)?;
        self.expiring.pop_first().map(|(_, id)| id)
    }

    /// A task has left the state `from` for the one it is in.
    pub(crate) fn task_moved(&mut self, row: &TaskRow, from: TaskState) {
        let place = queue::place(row.priority, row.queued_at.unwrap_or_default());
        if from == TaskState::Queued {
            self.queue.leave(Turn { place, task: row.id });
        }
        match waits_until(from) {
            Some(Until::Steady(until)) => drop(self.delayed.remove(&(until, row.id))),
            Some(Until::Wall(until)) => drop(self.appointed.remove(&(until, row.id))),
            None => {}
        }
        self.enter(row.id, row.state, place, &row.pools);
    }

    /// How many runs are kept that ended so.
    pub(crate) fn n_ended(&self, kind: Ended) -> u64 {
        self.counters.ended[kind as usize]
    }

    /// A run has ended so.
    pub(crate) fn run_ended(&mut self, kind: Ended) {
        self.counters.ended[kind as usize] += 1;
    }

    /// So many runs that ended so are kept no more.
    pub(crate) fn forget_ended(&mut self, kind: Ended, n: usize) {
        let count = &mut self.counters.ended[kind as usize];
        *count = count.saturating_sub(n as u64);
    }

    /// Whether the schedule has due times to catch up; one that has is looked at.
    pub(crate) fn set_backlog(&mut self, job: JobId, schedule: ScheduleId, has_one: bool) {
        if has_one {
            self.backlogs.insert((job, schedule));
            self.stirred.insert((job, schedule));
        } else if self.backlogs.remove(&(job, schedule)) {
            self.stirred.remove(&(job, schedule));
            self.backfills.stir(Some(job));
        }
    }

    /// Whether the job has due times to catch up.
    pub(crate) fn has_backlog(&self, job: JobId) -> bool {
        let of_job = (job, ScheduleId(i64::MIN))..=(job, ScheduleId(i64::MAX));
        self.backlogs.range(of_job).next().is_some()
    }

    /// Every schedule with a backlog.
    pub(crate) fn backlogs(&self) -> Vec<ScheduleId> {
        self.backlogs.iter().map(|(_, id)| *id).collect()
    }

    /// Something has changed for the job, or for all: what is held, its backlogs and its backfills are looked at again.
    /// `true` if there are backlogs or backfills.
    pub(crate) fn stir(&mut self, job: Option<JobId>) -> bool {
        match job {
            Some(job) => self.freed.extend(self.held.get_key_value(&job).map(|(job, _)| *job)),
            None => self.freed.extend(self.held.keys()),
        }
        let (first, last) = (job.unwrap_or(JobId(i64::MIN)), job.unwrap_or(JobId(i64::MAX)));
        let all = (first, ScheduleId(i64::MIN))..=(last, ScheduleId(i64::MAX));
        let n_before = self.stirred.len();
        self.stirred.extend(self.backlogs.range(all));
        self.backfills.stir(job) || self.stirred.len() > n_before
    }

    /// The next schedule whose backlog is to be looked at. It is parked unless it is stirred again.
    pub(crate) fn next_stirred(&mut self) -> Option<ScheduleId> {
        self.stirred.pop_first().map(|(_, id)| id)
    }

    /// Whether there are more of them.
    pub(crate) fn has_stirred(&self) -> bool {
        !self.stirred.is_empty()
    }

    /// The schedule's backlog could go on.
    pub(crate) fn stand_in_line(&mut self, priority: u8, job: JobId, schedule: ScheduleId) {
        self.line.insert((priority, job, schedule));
    }

    /// The most urgent of those that could go on.
    pub(crate) fn next_in_line(&mut self) -> Option<ScheduleId> {
        self.line.pop_first().map(|(_, _, id)| id)
    }

    /// Whether there are any.
    pub(crate) fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// The pause of the job, or of everything, ends then, or not by itself.
    pub(crate) fn pause_ends(&mut self, job: Option<JobId>, until: Option<Timestamp>) {
        self.pause_ends.retain(|(_, of)| *of != job);
        self.pause_ends.extend(until.map(|until| (until, job)));
    }

    /// Takes out a pause that ends now.
    pub(crate) fn next_pause_end(&mut self, wall: Timestamp) -> Option<Option<JobId>> {
        self.pause_ends.first().filter(|(at, _)| *at <= wall)?;
        self.pause_ends.pop_first().map(|(_, job)| job)
    }

    /// One more run of the job is held.
    pub(crate) fn held_entered(&mut self, job: JobId) {
        *self.held.entry(job).or_default() += 1;
    }

    /// A run of the job is held no more.
    pub(crate) fn held_left(&mut self, job: JobId) {
        let n = self.held.get(&job).map_or(0, |n| n.saturating_sub(1));
        if n == 0 {
            self.held.remove(&job);
            self.freed.remove(&job);
        } else {
            self.held.insert(job, n);
        }
    }

    /// The next job whose held runs are to be looked at. It is parked unless it is stirred again.
    pub(crate) fn next_freed(&mut self) -> Option<JobId> {
        self.freed.pop_first()
    }

    /// Whether there are more of them.
    pub(crate) fn has_freed(&self) -> bool {
        !self.freed.is_empty()
    }

    /// A delivery is in the state its row says.
    pub(crate) fn delivery_entered(&mut self, row: &DeliveryRow) {
        match row.state {
            DeliveryState::Pending { until } => drop(self.owed.insert((until, row.id))),
            DeliveryState::Sending { launch } => drop(self.sending.insert(launch, (row.id, row.hook_id))),
            DeliveryState::Delivered | DeliveryState::Dead => {}
        }
    }

    /// A delivery has left the state `from`; if that made room at its hook, one that waited for it is owed again.
    pub(crate) fn delivery_left(&mut self, row: &DeliveryRow, from: DeliveryState) {
        match from {
            DeliveryState::Pending { until } => drop(self.owed.remove(&(until, row.id))),
            DeliveryState::Sending { launch } => {
                self.sending.remove(&launch);
                if let Some(parked) = self.parked.get_mut(&row.hook_id)
                    && let Some(first) = parked.pop_first()
                {
                    self.owed.insert(first);
                }
            }
            DeliveryState::Delivered | DeliveryState::Dead => {}
        }
    }

    /// The tries that are processes.
    pub(crate) fn hook_processes(&mut self, tx: &Tx<'_>) -> Vec<Launch> {
        let mut sending: Vec<(Launch, HookId)> =
            self.sending.iter().map(|(launch, (_, hook))| (*launch, *hook)).collect();
        // A hook that cannot be read was never started by this daemon.
        sending.retain(|(_, id)| self.hook(tx, *id).is_ok_and(|hook| !matches!(hook.target, Target::Webhook(_))));
        sending.into_iter().map(|(launch, _)| launch).collect()
    }

    /// Whether the hook takes no more for now.
    pub(crate) fn is_busy(&self, hook: HookId) -> bool {
        self.sending.values().filter(|(_, of)| *of == hook).count() >= MAX_SENDING_PER_HOOK
    }

    /// An owed delivery waits until its hook is less busy.
    pub(crate) fn park(&mut self, hook: HookId, until: Steady, id: DeliveryId) {
        self.owed.remove(&(until, id));
        self.parked.entry(hook).or_default().insert((until, id));
    }

    /// The definition of that id, from memory or the table.
    pub(crate) fn defined(&mut self, tx: &Tx<'_>, id: DefinitionId) -> Result<Arc<Defined>, StoreError> {
        if let Some(defined) = self.definitions.get(&id) {
            return Ok(Arc::clone(defined));
        }
        let job = definition::get(tx, id)?;
        self.keep(tx, id, job)
    }

    /// The definition of this job, interned.
    pub(crate) fn define(&mut self, tx: &Tx<'_>, job: Job) -> Result<Arc<Defined>, StoreError> {
        let id = definition::intern(tx, &canonical(&job))?;
        match self.definitions.get(&id) {
            Some(defined) => Ok(Arc::clone(defined)),
            None => self.keep(tx, id, job),
        }
    }

    fn keep(&mut self, tx: &Tx<'_>, id: DefinitionId, job: Job) -> Result<Arc<Defined>, StoreError> {
        let hooks = job.hooks.iter().map(|hook| hook::intern(tx, hook)).collect::<Result<_, _>>()?;
        let defined = Arc::new(Defined { id, job, hooks });
        if self.definitions.len() >= MAX_KEPT {
            self.definitions.clear();
        }
        self.definitions.insert(id, Arc::clone(&defined));
        Ok(defined)
    }

    /// The hook of that id, from memory or the table.
    pub(crate) fn hook(&mut self, tx: &Tx<'_>, id: HookId) -> Result<Arc<Hook>, StoreError> {
        if let Some(hook) = self.hooks.get(&id) {
            return Ok(Arc::clone(hook));
        }
        let hook = Arc::new(hook::get(tx, id)?);
        if self.hooks.len() >= MAX_KEPT {
            self.hooks.clear();
        }
        self.hooks.insert(id, Arc::clone(&hook));
        Ok(hook)
    }

    /// The calendar of a schedule whose cursor stands where its row says.
    pub(crate) fn calendar_of(
        &mut self,
        settings: &Settings,
        row: &ScheduleRow,
        job: &str,
    ) -> Result<Arc<Calendar>, StoreError> {
        match row.schedule.at_cursor(row.cursor_at) {
            Cow::Borrowed(schedule) => self.calendar(settings, schedule, job),
            // It is gone with the cursor, so nobody keeps it.
            Cow::Owned(schedule) => make_calendar(settings, &schedule, job).map(Arc::new),
        }
    }

    /// The calendar of a schedule; equal rules share one.
    pub(crate) fn calendar(
        &mut self,
        settings: &Settings,
        schedule: &Schedule,
        job: &str,
    ) -> Result<Arc<Calendar>, StoreError> {
        let key = calendar_key(schedule, job);
        if let Some(calendar) = self.calendars.get(&key) {
            return Ok(Arc::clone(calendar));
        }
        let calendar = make_calendar(settings, schedule, job)?;
        let calendar = Arc::new(calendar);
        if self.calendars.len() >= MAX_KEPT {
            self.calendars.clear();
        }
        self.calendars.insert(key, Arc::clone(&calendar));
        Ok(calendar)
    }
}

fn make_calendar(settings: &Settings, schedule: &Schedule, job: &str) -> Result<Calendar, StoreError> {
    let unreadable = |why: String| StoreError::unreadable(format!("a schedule of `{job}`"), why);
    let zone = settings
        .zones
        .get(&schedule.timezone)
        .ok_or_else(|| unreadable(format!("the zone `{}` is not known", schedule.timezone)))?;
    Calendar::new(schedule, job, &zone)
        .map_err(|faults| unreadable(faults.first().map(|fault| fault.message.clone()).unwrap_or_default()))
}

/// The same for rules that name the same times. Only `H` makes a plain rule depend on the job's name.
fn calendar_key(schedule: &Schedule, job: &str) -> String {
    let plain = Schedule::new(schedule.timing.clone(), &schedule.timezone);
    let is_plain = schedule.rule() == plain;
    let rule = plain.key();
    match is_plain {
        true if !rule.contains('h') => rule,
        true => format!("{rule} {job}"),
        // A rule may hold whole lists of dates.
        false => format!("{job} {:?}", Sha256::digest(canonical(schedule).as_bytes())),
    }
}

/// Until when a task waits in that state, whoever else may end it before.
fn waits_until(state: TaskState) -> Option<Until> {
    match state {
        TaskState::Retrying { until } => Some(Until::Steady(until)),
        TaskState::Waiting { until } => Some(until),
        TaskState::Blocked
        | TaskState::Queued
        | TaskState::Running { .. }
        | TaskState::Completed
        | TaskState::Failed(_)
        | TaskState::Cancelled(_)
        | TaskState::Skipped(_) => None,
    }
}
