//! The step: everything that arrived since the last one, then every pass in one order, in one transaction.
//!
//! A step is all or nothing. If it fails, nothing of it is in the store, no effect leaves, and the memory is read anew.
//! What the caller does then depends on the failure: a full disk is waited for, a failed disk ends the daemon (nobody
//! knows what an fsync that failed has written, so it is never tried twice), and anything else is tried once more
//! *carefully*: each input and each row in a savepoint of its own, so that the culprit alone is left out and the others
//! go on. The culprit's run fails as `internal`; a schedule or delivery is left alone until the next load or start.

use std::sync::Arc;

use serde_json::json;

use super::cache::Cache;
use super::ids::Ids;
use super::input::{Answer, Input, Report};
use super::observed::Observed;
use super::session::Session;
use super::work::{Subject, Work};
use super::{Effect, change, command, pass, report};
use crate::failpoint;
use crate::model::duration::Duration;
use crate::model::event::EventType;
use crate::model::id::{BackfillId, DeliveryId, EventSeq, Launch, RunId, ScheduleId, TaskId};
use crate::model::policy::governor::Pace;
use crate::model::policy::retention::Retention;
use crate::model::refused::Refused;
use crate::model::timestamp::{Now, Timestamp};
use crate::store::{Store, StoreError, Tx, fact, task};
use crate::tzdb::Tzdb;

/// How many claims one step makes, so that the first launches overlap the later commits.
const MAX_CLAIMS: usize = 64;
/// A promise that is kept so much too late, and a clock step so large, are absences: due times within were missed.
pub(crate) const STALL: Duration = Duration::from_secs(10);

/// What the engine is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The zones that schedules name.
    pub zones: Arc<Tzdb>,
    /// How many attempts may be live over all jobs.
    pub max_tasks: usize,
    /// How fast missed due times are caught up.
    pub catch_up: Pace,
    /// What is kept of what has ended.
    pub retention: Retention,
    /// The daemon's socket, told to every task.
    pub socket: Option<String>,
}

/// What a step came to, after its commit.
#[derive(Debug)]
pub struct Step {
    /// Each command's token and answer.
    pub replies: Vec<(u64, Result<Answer, Refused>)>,
    /// What is to be done in the world, in this order.
    pub effects: Vec<Effect>,
    /// When there is something to do again, if nothing arrives before.
    pub wake_at: Option<Timestamp>,
    /// The last event there is.
    pub committed: EventSeq,
    /// How many attempts are live.
    pub n_live: usize,
    /// How many of them are requests, which end with the daemon.
    pub n_calls: usize,
    /// How many hooks are live as processes.
    pub n_hooks: usize,
    /// What a careful step failed at and left out.
    pub failures: Vec<String>,
    /// What happened that is worth counting.
    pub observed: Vec<Observed>,
}

/// The one that writes the store.
pub struct Engine {
    store: Store,
    settings: Settings,
    cache: Cache,
    session: Session,
}

impl Engine {
    /// An engine on what the store holds. Nothing happens before the first step.
    pub fn open(mut store: Store, settings: Settings) -> Result<Self, StoreError> {
        let session = Session::default();
        let cache = Cache::read(&store.begin()?, &session)?;
        Ok(Engine { store, settings, cache, session })
    }

    /// A number that is higher than any that was drawn from this store before, committed. Whole seconds are its floor, so
    /// that it grows too where the store is an older copy of itself.
    pub fn next_epoch(&mut self, wall: Timestamp) -> Result<u64, StoreError> {
        let tx = self.store.begin()?;
        let last = fact::get(&tx, "epoch")?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let floor = u64::try_from(wall.as_micros() / 1_000_000).unwrap_or(0);
        let epoch = floor.max(last + 1);
        fact::set(&tx, "epoch", &epoch.to_string())?;
        tx.commit().map(|()| epoch)
    }

    /// Takes `inputs`, runs the passes, commits. `seed` is the only source of ids and chance.
    pub fn step(&mut self, wall: Timestamp, seed: u64, inputs: &[Input]) -> Result<Step, StoreError> {
        self.try_step(wall, seed, inputs, false)
    }

    /// The same, with each input and each row by itself, so that one that cannot be processed is left out.
    pub fn step_carefully(&mut self, wall: Timestamp, seed: u64, inputs: &[Input]) -> Result<Step, StoreError> {
        self.try_step(wall, seed, inputs, true)
    }

    /// The store, once the engine is not needed any more.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// The store, for looking at.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn try_step(&mut self, wall: Timestamp, seed: u64, inputs: &[Input], is_careful: bool) -> Result<Step, StoreError> {
        let session = self.session.clone();
        let result = self.transact(wall, seed, inputs, is_careful).map_err(StoreError::sorted);
        if result.is_err() {
            self.session = session;
            self.cache = Cache::read(&self.store.begin()?, &self.session)?;
        }
        result
    }

    fn transact(&mut self, wall: Timestamp, seed: u64, inputs: &[Input], is_careful: bool) -> Result<Step, StoreError> {
        let Engine { store, settings, cache, session } = self;
        let tx = store.begin()?;
        let n_changes = tx.n_changes();
        let counters = cache.counters;
        cache.stepped_us += stepped_by(inputs);
        let absence = note_absence(session, wall);
        let now = Now::new(wall, cache.stepped_us);
        let ids = Ids::new(seed, wall, session.id_floor);
        let mut work = Work::new(&tx, now, settings, cache, session, ids, MAX_CLAIMS);
        work.is_careful = is_careful;
        // A step of the clock, which may look like it, tells of itself.
        if let Some(absence) = absence.filter(|_| stepped_by(inputs) == 0) {
            let data = json!({ "by_us": 0, "absent_us": absence.as_micros() });
            work.record(EventType::ClockStepped, Subject::default(), data)?;
        }
        let replies = apply(&mut work, inputs)?;
        pass::settle(&mut work)?;
        pass::expire(&mut work)?;
        // A run that ended with this step's exits, or by now, is live no more for what is due in the same step.
        pass::ready(&mut work)?;
        // Who was held goes before who is due now.
        pass::admit(&mut work)?;
        pass::due(&mut work)?;
        pass::catch_up(&mut work)?;
        pass::finish(&mut work)?;
        pass::backfill(&mut work)?;
        pass::ready(&mut work)?;
        pass::dispatch(&mut work)?;
        // A task without a process ends when it is claimed; what comes after it is not kept waiting for the next step.
        while !work.dirty.is_empty() || work.cache.has_freed() {
            pass::admit(&mut work)?;
            pass::ready(&mut work)?;
            pass::dispatch(&mut work)?;
        }
        pass::deliver(&mut work)?;
        pass::prune(&mut work)?;
        let pace = work.limits().catch_up;
        let (effects, again, failures, observed) = work.finish();
        session.wrote(wall);
        let n_hooks = cache.hook_processes(&tx).len();
        if tx.n_changes() == n_changes {
            drop(tx);
        } else {
            cache.counters.write(&tx, &counters)?;
            failpoint::pass("step.commit");
            tx.commit()?;
            failpoint::pass("step.committed");
        }
        let wake_at = if again { Some(wall) } else { cache.wake_at(now, session, pace) };
        session.promised = wake_at;
        Ok(Step {
            replies,
            effects,
            wake_at,
            committed: EventSeq(cache.counters.event),
            n_live: cache.live.len(),
            n_calls: cache.live.n_calls(),
            n_hooks,
            failures,
            observed,
        })
    }
}

fn stepped_by(inputs: &[Input]) -> i64 {
    let by = |input: &Input| if let Input::Report(Report::ClockStepped { by_us }) = input { *by_us } else { 0 };
    inputs.iter().map(by).sum()
}

/// Whoever was promised a step and made it much too late was stopped, asleep or starved meanwhile: for so long.
fn note_absence(session: &mut Session, wall: Timestamp) -> Option<Duration> {
    let late = |at: &Timestamp| at.plus(STALL) < wall;
    let (promised, _) = session.promised.filter(late).zip(session.last_step.filter(late))?;
    session.alive_since = wall;
    Some(wall.since(promised))
}

type Replies = Vec<(u64, Result<Answer, Refused>)>;

/// Reports first, in the order of their rank; then commands.
fn apply(work: &mut Work<'_>, inputs: &[Input]) -> Result<Replies, StoreError> {
    let mut replies = Vec::new();
    let mut sorted: Vec<&Input> = inputs.iter().collect();
    sorted.sort_by_key(|input| match input {
        Input::Report(report) => (0, report.rank()),
        Input::Command { .. } => (1, 0),
    });
    for input in sorted {
        match input {
            Input::Report(report) => {
                guarded(work, Culprit::Report(report.launch()), |work| report::apply(work, report))?;
            }
            Input::Command { token, command } => {
                let mut reply = Err(Refused::Internal { what: "the command cannot be carried out".to_owned() });
                guarded(work, Culprit::Command, |work| {
                    reply = command::apply(work, command)?;
                    Ok(())
                })?;
                replies.push((*token, reply));
            }
        }
    }
    Ok(replies)
}

/// Who is to blame if one part of a careful step fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Culprit {
    Command,
    Report(Option<Launch>),
    Task(TaskId),
    Run(RunId),
    Schedule(ScheduleId),
    Backfill(BackfillId),
    Delivery(DeliveryId),
}

/// Does one part of a step: plainly, or in a careful step so that its failure is its own.
pub(crate) fn guarded(
    work: &mut Work<'_>,
    culprit: Culprit,
    part: impl FnOnce(&mut Work<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if !work.is_careful {
        return part(work);
    }
    let before = work.mark();
    // The part may forget the attempt before it fails.
    let launch = if let Culprit::Report(launch) = culprit { launch } else { None };
    let live = launch.and_then(|launch| work.cache.live.get(&launch)).map(|live| live.run);
    work.tx.save()?;
    match part(work).map_err(StoreError::sorted) {
        Ok(()) => work.tx.keep(),
        Err(error @ (StoreError::Full | StoreError::Io(_))) => Err(error),
        Err(error) => {
            work.tx.undo()?;
            work.return_to(before);
            blame(work, culprit, live, &error)?;
            // What the part did to the memory is not known; the rows are.
            work.reread()
        }
    }
}

fn blame(work: &mut Work<'_>, culprit: Culprit, live: Option<RunId>, error: &StoreError) -> Result<(), StoreError> {
    let why = error.to_string();
    let run = match culprit {
        Culprit::Command => None,
        Culprit::Report(_) => live,
        Culprit::Task(id) => task::run_of(work.tx, id)?,
        Culprit::Run(id) => Some(id),
        Culprit::Schedule(id) => {
            work.session.broken_schedules.insert(id);
            None
        }
        Culprit::Backfill(id) => {
            work.session.broken_backfills.insert(id);
            None
        }
        Culprit::Delivery(id) => {
            work.session.broken_deliveries.insert(id);
            None
        }
    };
    work.failures.push(why.clone());
    match run {
        Some(run) => change::break_run(work, run, &why),
        None => Ok(()),
    }
}

/// Reads the memory anew within a transaction whose counters are not written yet.
pub(super) fn reread(tx: &Tx<'_>, cache: &mut Cache, session: &Session) -> Result<(), StoreError> {
    let (counters, stepped_us) = (cache.counters, cache.stepped_us);
    // Who was started in this minute is in no row; who is live is.
    let starts = std::mem::take(&mut cache.governor);
    *cache = Cache::read(tx, session)?;
    cache.governor.remember(starts);
    cache.counters = counters;
    cache.stepped_us = stepped_us;
    Ok(())
}
