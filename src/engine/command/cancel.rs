//! A cancel is an intent beside the state: what has not started is cancelled at once, what runs is stopped, and its exit
//! decides.

use crate::engine::input::Answer;
use crate::engine::work::Work;
use crate::engine::{Effect, change};
use crate::model::exit::StopReason;
use crate::model::id::{RunId, TaskId};
use crate::model::refused::Refused;
use crate::model::state::{TaskEvent, TaskState};
use crate::store::task::{Seen, TaskRow};
use crate::store::{StoreError, run as runs, task as tasks};

/// Ends a run before its time.
pub(super) fn run(work: &mut Work<'_>, id: RunId, by: &str) -> Result<Result<Answer, Refused>, StoreError> {
    let Some(row) = runs::find(work.tx, id)? else {
        return Ok(Err(Refused::NotFound { what: "run", name: id.to_string() }));
    };
    if row.state.has_ended() {
        return Ok(Err(Refused::RunAlreadyEnded { run: id, state: row.state.as_str() }));
    }
    cancel_run(work, id, by)?;
    Ok(Ok(Answer::Done))
}

/// Ends a task before its time; what comes after it is skipped.
pub(super) fn task(work: &mut Work<'_>, id: TaskId, _by: &str) -> Result<Result<Answer, Refused>, StoreError> {
    let Some(row) = tasks::find(work.tx, id)? else {
        return Ok(Err(Refused::NotFound { what: "task", name: id.to_string() }));
    };
    if row.state.has_ended() {
        return Ok(Err(Refused::TaskAlreadyEnded { task: row.name, state: row.state.as_str() }));
    }
    cancel_one(work, row)?;
    Ok(Ok(Answer::Done))
}

/// Cancels every task of a live run. Asking twice changes nothing but sends the stop again.
pub(crate) fn cancel_run(work: &mut Work<'_>, id: RunId, by: &str) -> Result<(), StoreError> {
    runs::cancel(work.tx, id, by)?;
    let mut run = work.run(id)?;
    run.row.is_cancelled = true;
    work.remember(run);
    tasks::of_run(work.tx, id)?.into_iter().try_for_each(|row| cancel_one(work, row))
}

fn cancel_one(work: &mut Work<'_>, mut row: TaskRow) -> Result<(), StoreError> {
    if let TaskState::Running { launch } = row.state {
        tasks::cancel(work.tx, row.id)?;
        work.effects.push(Effect::Stop { launch, reason: StopReason::Cancel, grace: None });
        return Ok(());
    }
    change::task(work, &mut row, &[TaskEvent::Cancelled], &Seen::default()).map(drop)
}
