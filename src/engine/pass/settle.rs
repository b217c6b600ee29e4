//! Exits become verdicts, verdicts become states.

use crate::engine::launch::definition_of;
use crate::engine::work::Work;
use crate::engine::{change, step};
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::id::{JobId, Launch, TaskId};
use crate::model::policy::judge::{Judgement, Verdict, judge};
use crate::model::state::TaskEvent;
use crate::store::task::{Seen, TaskRow};
use crate::store::{StoreError, job, task};

/// Judges every attempt whose end was recorded in this step.
pub(crate) fn settle(work: &mut Work<'_>) -> Result<(), StoreError> {
    for (launch, id, exit) in std::mem::take(&mut work.ended) {
        step::guarded(work, step::Culprit::Task(id), |work| settle_one(work, launch, id, &exit))?;
    }
    Ok(())
}

fn settle_one(work: &mut Work<'_>, launch: Launch, id: TaskId, exit: &Exit) -> Result<(), StoreError> {
    let mut row = task::get(work.tx, id)?;
    if row.state.has_ended() {
        return Ok(());
    }
    count(&mut row, exit);
    let run = work.run(row.run_id)?;
    note_death(work, run.row.job_id, exit)?;
    let definition = definition_of(&run, &row)?;
    let cancelled = row.is_cancelled || run.row.is_cancelled;
    let chance = work.ids.chance();
    let (now, expressions) = (work.now.steady, &mut work.cache.expressions);
    let Judgement { verdict, objection } = judge(definition, exit, row.tries, cancelled, now, chance, expressions);
    let error = objection.or_else(|| explain(exit, verdict));
    let outputs = (!exit.outputs.is_empty()).then(|| serde_json::json!(exit.outputs).to_string());
    let seen = Seen {
        n_leftovers: exit.n_leftovers,
        exit_code: match exit.kind {
            ExitKind::Code(code) => Some(code),
            ExitKind::Signal(_)
            | ExitKind::Timeout
            | ExitKind::Stopped(_)
            | ExitKind::Lost
            | ExitKind::NotStarted
            | ExitKind::Status(_)
            | ExitKind::Unreached
            | ExitKind::Unanswered
            | ExitKind::Invalid => None,
        },
        output: (!exit.output.is_empty()).then_some(exit.output.as_str()),
        error: error.as_deref(),
        outputs: outputs.as_deref(),
    };
    change::task(work, &mut row, &[TaskEvent::Judged { of: launch, verdict }], &seen)?;
    Ok(())
}

/// A job that may be what the daemon dies of is not caught up again and again.
fn note_death(work: &mut Work<'_>, of: Option<JobId>, exit: &Exit) -> Result<(), StoreError> {
    let Some(id) = of else { return Ok(()) };
    match exit.kind == ExitKind::Lost {
        true if work.cache.mortal.insert(id) => job::died(work.tx, id),
        false if work.cache.mortal.remove(&id) => job::recovered(work.tx, id),
        true | false => Ok(()),
    }
}

fn count(row: &mut TaskRow, exit: &Exit) {
    match exit.kind {
        ExitKind::Lost => row.tries.n_interrupted += 1,
        ExitKind::Stopped(StopReason::Drain) => {
            row.tries.n_interrupted += 1;
            row.tries.n_drained += 1;
        }
        ExitKind::Code(_)
        | ExitKind::Signal(_)
        | ExitKind::Timeout
        | ExitKind::Stopped(StopReason::Cancel)
        | ExitKind::NotStarted
        | ExitKind::Status(_)
        | ExitKind::Unreached
        | ExitKind::Unanswered
        | ExitKind::Invalid => {}
    }
}

/// What people are told of an exit that is not a plain success.
fn explain(exit: &Exit, verdict: Verdict) -> Option<String> {
    let words = match exit.kind {
        ExitKind::Code(0) => return exit.error.clone(),
        ExitKind::Code(code) => format!("exited with code {code}"),
        ExitKind::Signal(signal) => format!("ended by signal {signal}"),
        ExitKind::Timeout => "took longer than its timeout".to_owned(),
        ExitKind::Stopped(StopReason::Cancel) => "stopped because it was cancelled".to_owned(),
        ExitKind::Stopped(StopReason::Drain) => "stopped with the daemon or the runner".to_owned(),
        ExitKind::Lost => "gone without its exit being known".to_owned(),
        ExitKind::NotStarted => "could not be started".to_owned(),
        // Which statuses are a success, the task says.
        ExitKind::Status(_) if verdict == Verdict::Complete => return exit.error.clone(),
        ExitKind::Status(status) => format!("answered with status {status}"),
        ExitKind::Unreached => "the request was not sent".to_owned(),
        ExitKind::Unanswered => "no usable answer".to_owned(),
        ExitKind::Invalid => "cannot be done as it is written".to_owned(),
    };
    Some(match &exit.error {
        Some(error) => format!("{words}: {error}"),
        None => words,
    })
}
