//! The one place where tasks and runs change state: the machine decides, one guarded write follows, then the memory, then
//! the event. A transition that the machine refuses changes nothing and is answered `false`.

use serde_json::{Value, json};

use super::Effect;
use super::after_end;
use super::command;
use super::counters::Ended;
use super::observed::Observed;
use super::work::{Subject, Work};
use crate::model::event::EventType;
use crate::model::exit::StopReason;
use crate::model::id::{BackfillId, JobId, RunId};
use crate::model::outcome::Outcome;
use crate::model::refused::Refused;
use crate::model::state::{RunEvent, RunState, TaskEvent, TaskState};
use crate::store::task::{Seen, TaskRow};
use crate::store::{StoreError, backfill, job, run, task};

/// Lets `events` happen to a task, one after another, with one write and the event of the state it comes to.
pub(crate) fn task(
    work: &mut Work<'_>,
    row: &mut TaskRow,
    events: &[TaskEvent],
    seen: &Seen<'_>,
) -> Result<bool, StoreError> {
    let from = row.state;
    let to: Result<TaskState, Refused> = events.iter().try_fold(from, |state, event| state.step(*event));
    let Ok(to) = to else { return Ok(false) };
    row.state = to;
    if to == TaskState::Queued && row.queued_at.is_none() {
        row.queued_at = Some(work.now.wall);
    }
    task::step(work.tx, from, row, work.now.wall, seen)?;
    work.cache.task_moved(row, from);
    if to.has_ended() {
        work.dirty.insert(row.run_id);
        let job = work.run(row.run_id)?.job;
        work.observe_task(row, job);
    }
    if let Some(kind) = task_event(from, to) {
        let run = work.run(row.run_id)?;
        let data = task_data(work, row, seen);
        work.record(kind, run.subject(Some(row.id)), data)?;
    }
    Ok(true)
}

fn task_event(from: TaskState, to: TaskState) -> Option<EventType> {
    match to {
        TaskState::Queued if matches!(from, TaskState::Blocked | TaskState::Waiting { .. }) => {
            Some(EventType::TaskQueued)
        }
        TaskState::Retrying { .. } => Some(EventType::TaskRetrying),
        TaskState::Waiting { .. } => Some(EventType::TaskWaiting),
        TaskState::Completed => Some(EventType::TaskCompleted),
        TaskState::Failed(_) => Some(EventType::TaskFailed),
        TaskState::Cancelled(_) => Some(EventType::TaskCancelled),
        TaskState::Skipped(_) => Some(EventType::TaskSkipped),
        TaskState::Blocked | TaskState::Queued | TaskState::Running { .. } => None,
    }
}

fn task_data(work: &Work<'_>, row: &TaskRow, seen: &Seen<'_>) -> Value {
    let mut data = json!({ "task": row.name });
    let fields = data.as_object_mut().expect("because it was made as an object");
    if row.tries.n_attempts > 0 {
        fields.insert("attempt".to_owned(), row.tries.n_attempts.into());
    }
    if let Some(outcome) = row.state.outcome() {
        fields.insert("outcome".to_owned(), outcome.as_str().into());
    }
    if let Some(code) = seen.exit_code {
        fields.insert("exit_code".to_owned(), code.into());
    }
    if let Some(error) = seen.error {
        fields.insert("error".to_owned(), error.into());
    }
    if seen.n_leftovers > 0 {
        fields.insert("n_leftovers".to_owned(), seen.n_leftovers.into());
    }
    if let TaskState::Retrying { until } = row.state {
        fields.insert("retry_at".to_owned(), work.now.wall_of(until).to_string().into());
    }
    data
}

/// Lets `event` happen to a run.
pub(crate) fn run(work: &mut Work<'_>, id: RunId, event: RunEvent, error: Option<&str>) -> Result<bool, StoreError> {
    let mut run = work.run(id)?;
    let from = run.row.state;
    let Ok(to) = from.step(event) else { return Ok(false) };
    let at = work.now.wall;
    run::step(work.tx, &run::Change { id, from, to, at, error })?;
    run.row.state = to;
    if to == RunState::Running {
        run.row.started_at = run.row.started_at.or(Some(at));
    }
    if from == RunState::Queued {
        run_dequeued(work, run.row.job_id)?;
    }
    if let Some(at) = run.row.expires.filter(|_| !matches!(to, RunState::Queued | RunState::Waiting)) {
        work.cache.expiring.remove(&(at, id));
    }
    if to.has_ended() && run.row.is_caught_up {
        caught_up_ended(work);
    }
    backfill_run_ended(work, to, run.row.backfill)?;
    let n_failed = run_ended(work, to, run.row.job_id, run.row.is_held)?;
    work.observe_run(&run, from);
    let kind = match to {
        RunState::Queued | RunState::Compensating => None,
        RunState::Waiting => None,
        RunState::Running => Some(EventType::WorkflowStarted),
        RunState::Completed => Some(EventType::WorkflowCompleted),
        RunState::Failed(_) => Some(EventType::WorkflowFailed),
        RunState::Cancelled(_) => Some(EventType::WorkflowCancelled),
    };
    if let Some(kind) = kind {
        let data = run_data(&run.row, to, error);
        work.record(kind, run.subject(None), data)?;
    }
    if let Some((job, limit)) = run.row.job_id.zip(run.defined.job.pause_after).filter(|(_, limit)| n_failed >= *limit)
    {
        break_circuit(work, job, limit)?;
    }
    work.remember(run);
    Ok(true)
}

/// Its job's queue has room for another, and what could not be caught up because it was full may go on.
fn run_dequeued(work: &mut Work<'_>, job_id: Option<JobId>) -> Result<(), StoreError> {
    let Some(id) = job_id else { return Ok(()) };
    job::dequeue_run(work.tx, id)?;
    work.again |= work.cache.stir(Some(id));
    Ok(())
}

/// So many runs have failed one after another that the job is paused until somebody has looked.
fn break_circuit(work: &mut Work<'_>, id: JobId, limit: u32) -> Result<(), StoreError> {
    let row = job::get(work.tx, id)?;
    if row.paused_at.is_some() {
        return Ok(());
    }
    let note = if limit == 1 { "a run failed".to_owned() } else { format!("{limit} runs in a row failed") };
    let pause = job::Pause { by: format!("`pause_after = {limit}`"), note: Some(note), until: None };
    command::pause_job(work, &row, &pause)
}

/// Catching up may have room for another.
fn caught_up_ended(work: &mut Work<'_>) {
    work.cache.governor.ended();
    work.again |= work.cache.has_line();
}

/// Counts what a run of a backfill was.
fn backfill_run_ended(work: &Work<'_>, state: RunState, of: Option<BackfillId>) -> Result<(), StoreError> {
    match (of, Ended::of(state)) {
        (Some(id), Some(kind)) => backfill::end_run(work.tx, id, kind.as_str()),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Counts what a run was; how many of its job have failed since the last that completed.
fn run_ended(work: &mut Work<'_>, state: RunState, job_id: Option<JobId>, was_held: bool) -> Result<u32, StoreError> {
    let Some(kind) = Ended::of(state) else { return Ok(0) };
    work.cache.run_ended(kind);
    let Some(id) = job_id else { return Ok(0) };
    if was_held {
        work.cache.held_left(id);
    }
    // Whoever ends makes room: for one that is held, or for one that is to be caught up.
    work.again |= work.cache.stir(Some(id));
    let succeeded_at = (kind == Ended::Completed).then_some(work.now.wall);
    let n_failed = job::end_run(work.tx, id, was_held, succeeded_at, kind == Ended::Failed)?;
    after_end::ended(work, id)?;
    Ok(n_failed)
}

fn run_data(row: &run::RunRow, state: RunState, error: Option<&str>) -> Value {
    let mut data = json!({ "cause": row.cause.as_str() });
    let fields = data.as_object_mut().expect("because it was made as an object");
    if let Some(number) = row.number {
        fields.insert("number".to_owned(), number.into());
    }
    if let Some(outcome) = state.outcome() {
        fields.insert("outcome".to_owned(), outcome.as_str().into());
    }
    if let Some(error) = error {
        fields.insert("error".to_owned(), error.into());
    }
    data
}

/// Ends a run that Campanile itself failed at: every task that has not ended fails as `internal`, and so does the run.
/// The writes are by sets of rows, because what cannot be read may be any of them; the memory is read anew afterwards.
pub(crate) fn break_run(work: &mut Work<'_>, id: RunId, why: &str) -> Result<(), StoreError> {
    let at = work.now.wall;
    task::break_of_run(work.tx, id, at, why)?;
    let was_queued = run::is_queued(work.tx, id)?;
    let Some(run::Broken { job: job_id, was_held, was_caught_up, backfill }) = run::break_one(work.tx, id, at, why)?
    else {
        return Ok(());
    };
    if was_caught_up {
        caught_up_ended(work);
    }
    if was_queued {
        run_dequeued(work, job_id)?;
    }
    backfill_run_ended(work, RunState::Failed(Outcome::Internal), backfill)?;
    run_ended(work, RunState::Failed(Outcome::Internal), job_id, was_held)?;
    // Its job has room again, and the passes that would have used it may be over.
    work.again = true;
    let mut launches: Vec<_> =
        work.cache.live.iter().filter(|(_, live)| live.run == id).map(|(launch, _)| *launch).collect();
    launches.sort_unstable();
    let stop = |launch| Effect::Stop { launch, reason: StopReason::Cancel, grace: None };
    work.effects.extend(launches.into_iter().map(stop));
    let job = job_id.and_then(|job| work.cache.job_names.get(&job).cloned());
    work.observe(Observed::RunEnded { job: job.clone(), outcome: Outcome::Internal, took: None });
    let subject = Subject { job: job.as_deref(), run: Some(id), ..Subject::default() };
    let data = json!({ "outcome": Outcome::Internal.as_str(), "error": why });
    work.record(EventType::WorkflowFailed, subject, data)
}
