//! A cancel is an intent beside the state: what has not started is cancelled at once, what runs is stopped, and its exit
//! decides.

use crate::engine::input::Answer;
use crate::engine::work::Work;
use crate::engine::{Effect, change};
use crate::model::duration::Duration;
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
    cancel_run(work, id, by, Haste::None)?;
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
    cancel_one(work, row, Haste::None)?;
    Ok(Ok(Answer::Done))
}

/// How long what runs is given to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Haste {
    /// As long as each task says.
    None,
    /// Not at all.
    AtOnce,
}

impl Haste {
    /// What the runner is told instead of each task's own grace.
    pub(crate) fn grace(self) -> Option<Duration> {
        match self {
            Haste::None => None,
            Haste::AtOnce => Some(Duration::ZERO),
        }
    }

    /// How a run that is so marked is to end.
    pub(crate) fn of(is_killed: bool) -> Self {
        if is_killed { Haste::AtOnce } else { Haste::None }
    }
}

/// Cancels every task of a run that has not ended. Asking twice changes nothing but sends the stop again.
pub(crate) fn cancel_run(work: &mut Work<'_>, id: RunId, by: &str, haste: Haste) -> Result<(), StoreError> {
    let mut run = work.run(id)?;
    run.row.is_cancelled = true;
    run.row.is_killed |= haste == Haste::AtOnce;
    runs::cancel(work.tx, id, by, run.row.is_killed)?;
    work.remember(run);
    tasks::of_run(work.tx, id)?.into_iter().try_for_each(|row| cancel_one(work, row, haste))
}

fn cancel_one(work: &mut Work<'_>, mut row: TaskRow, haste: Haste) -> Result<(), StoreError> {
    if row.state.has_ended() {
        return Ok(());
    }
    if let TaskState::Running { launch } = row.state {
        tasks::cancel(work.tx, row.id)?;
        work.effects.push(Effect::Stop { launch, reason: StopReason::Cancel, grace: haste.grace() });
        return Ok(());
    }
    change::task(work, &mut row, &[TaskEvent::Cancelled], &Seen::default()).map(drop)
}
