//! Makes a run: its row, its tasks, their first events. Every source of runs ends here.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::after_end;
use super::cache::Defined;
use super::input::NotBefore;
use super::values;
use super::work::{Run, Work};
use crate::model::definition::Overlap;
use crate::model::event::EventType;
use crate::model::id::{BackfillId, RunId};
use crate::model::outcome::Cause;
use crate::model::policy::judge::Tries;
use crate::model::state::{RunState, TaskState};
use crate::model::timestamp::{Timestamp, Until};
use crate::store::job::{Begun, JobRow};
use crate::store::run::RunRow;
use crate::store::task::TaskRow;
use crate::store::{StoreError, job, run, task};

/// What a new run is of and for.
pub(crate) struct Birth<'a> {
    pub(crate) id: RunId,
    pub(crate) job: Option<&'a JobRow>,
    pub(crate) defined: Arc<Defined>,
    pub(crate) cause: Cause,
    pub(crate) scheduled_at: Option<Timestamp>,
    pub(crate) timezone: Option<String>,
    pub(crate) priority: u8,
    /// The values of its parameters that are given, as they were accepted.
    pub(crate) params: Map<String, Value>,
    /// When its first tasks may start; at once without it.
    pub(crate) not_before: Option<NotBefore>,
    /// When it ends if nothing of it has begun; never without it.
    pub(crate) expires: Option<Until>,
    /// How it came past the gate.
    pub(crate) entry: Entry,
    /// Its due time was missed.
    pub(crate) is_caught_up: bool,
    /// The backfill that it is of.
    pub(crate) backfill: Option<BackfillId>,
}

/// How a run came past the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Entry {
    /// It was let in.
    #[default]
    Admitted,
    /// It exists, and is let in when there is room; by which policy.
    Held(Overlap),
    /// Somebody insisted.
    Forced,
}

/// Makes the run and returns its id and its number within its job.
pub(crate) fn run(work: &mut Work<'_>, birth: &Birth<'_>) -> Result<(RunId, u64), StoreError> {
    let is_held = matches!(birth.entry, Entry::Held(_));
    let begun = Begun { is_held, is_scheduled: birth.cause == Cause::Occurrence };
    let number = birth.job.map(|job| job::begin_run(work.tx, job.id, begun)).transpose()?;
    let row = draft(work, birth, number);
    let name = birth.job.and_then(|job| work.cache.job_names.get(&job.id).cloned());
    run::insert(work.tx, std::slice::from_ref(&row))?;
    let id = row.id;
    work.cache.expiring.extend(row.expires.map(|at| (at, id)));
    let made = Run { row, job: name, defined: Arc::clone(&birth.defined) };
    if birth.is_caught_up {
        work.cache.governor.started(work.limits().catch_up, work.now.steady);
    }
    if let (true, Some(job)) = (is_held, made.row.job_id) {
        work.cache.held_entered(job);
    }
    work.record(EventType::WorkflowQueued, made.subject(None), told(&made.row, number, birth.entry))?;
    let wait = birth.not_before.and_then(|not_before| until(work, not_before));
    tasks(work, &made, wait)?;
    if let Some(job) = birth.job {
        after_end::began(work, job.id, &birth.defined)?;
    }
    work.remember(made);
    Ok((id, number.unwrap_or(0)))
}

/// The row of a run that is to be made, with the number that it will have.
pub(crate) fn draft(work: &mut Work<'_>, birth: &Birth<'_>, number: Option<u64>) -> RunRow {
    let mut row = RunRow {
        id: birth.id,
        job_id: birth.job.map(|job| job.id),
        revision: birth.job.map(|job| job.revision),
        definition_id: birth.defined.id,
        number: number.map(u64::cast_signed),
        cause: birth.cause,
        scheduled_at: birth.scheduled_at,
        timezone: birth.timezone.clone(),
        state: RunState::Queued,
        is_cancelled: false,
        is_killed: false,
        is_held: matches!(birth.entry, Entry::Held(_)),
        is_forced: birth.entry == Entry::Forced,
        is_caught_up: birth.is_caught_up,
        backfill: birth.backfill,
        priority: birth.priority,
        queued_at: work.now.wall,
        started_at: None,
        params: None,
        expires: birth.expires.map(|until| until.steady(work.now)),
    };
    let name = birth.job.and_then(|job| work.cache.job_names.get(&job.id).cloned());
    row.params = values::begin(work, &birth.defined.job, &row, name.as_deref(), &birth.params);
    row
}

/// Makes the tasks of the run. Those that come after none may start, unless they are to wait.
fn tasks(work: &mut Work<'_>, made: &Run, wait: Option<Until>) -> Result<(), StoreError> {
    for (ordinal, definition) in made.defined.job.tasks.iter().enumerate() {
        let state = match wait {
            _ if made.row.is_held || !definition.after.is_empty() => TaskState::Blocked,
            Some(until) => TaskState::Waiting { until },
            None => TaskState::Queued,
        };
        let row = TaskRow {
            id: work.ids.task(),
            run_id: made.row.id,
            ordinal,
            name: definition.name.clone(),
            state,
            priority: made.row.priority,
            queued_at: (state == TaskState::Queued).then_some(work.now.wall),
            started_at: None,
            tries: Tries::default(),
            max_attempts: definition.retry.max_attempts,
            is_cancelled: false,
            pools: definition.pools.clone(),
        };
        task::insert(work.tx, std::slice::from_ref(&row))?;
        if state == TaskState::Blocked {
            continue;
        }
        work.cache.task_moved(&row, TaskState::Blocked);
        let subject = made.subject(Some(row.id));
        match wait {
            Some(until) => {
                let data = json!({ "task": row.name, "until": until.wall(work.now).to_string() });
                work.record(EventType::TaskWaiting, subject, data)?;
            }
            None => work.record(EventType::TaskQueued, subject, json!({ "task": row.name }))?,
        }
    }
    Ok(())
}

fn told(row: &RunRow, number: Option<u64>, entry: Entry) -> Value {
    let mut data = json!({ "cause": row.cause.as_str() });
    let fields = data.as_object_mut().expect("because it was made as an object");
    fields.extend(number.map(|number| ("number".to_owned(), number.into())));
    match entry {
        Entry::Admitted => {}
        Entry::Held(overlap) => drop(fields.insert("held_by".to_owned(), overlap.as_str().into())),
        Entry::Forced => drop(fields.insert("forced".to_owned(), true.into())),
    }
    if let Some(backfill) = row.backfill {
        fields.insert("backfill".to_owned(), backfill.to_string().into());
    }
    if row.is_caught_up {
        fields.insert("caught_up".to_owned(), true.into());
    }
    data
}

/// Until when that is, if it is ahead.
fn until(work: &Work<'_>, not_before: NotBefore) -> Option<Until> {
    let until = match not_before {
        NotBefore::In(length) => Until::Steady(work.now.steady.plus(length)),
        NotBefore::At(at) => Until::Wall(at),
    };
    until.is_ahead(work.now).then_some(until)
}
