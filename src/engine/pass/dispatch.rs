//! Claims: the tasks that may start get an attempt, most urgent first, within the limits. The claim is a row with a
//! launch number; its process starts only after this step has committed. Without a runner nothing is claimed.

use serde_json::json;

use crate::engine::live::LiveAttempt;
use crate::engine::work::{Run, Work};
use crate::engine::{Effect, change, launch, step, values};
use crate::model::definition::{Action, Task};
use crate::model::event::EventType;
use crate::model::exit::{Exit, ExitKind};
use crate::model::id::TaskId;
use crate::model::policy::judge::{Judgement, Verdict, judge};
use crate::model::state::{RunEvent, RunState, TaskEvent};
use crate::store::attempt::Claim;
use crate::store::task::{Seen, TaskRow};
use crate::store::{StoreError, attempt, pool, task};

/// Claims while the limits and this step's share allow it.
pub(crate) fn dispatch(work: &mut Work<'_>) -> Result<(), StoreError> {
    let may_claim = work.session.may_claim() && !work.cache.is_paused;
    while may_claim && work.cache.live.len() < work.limits().max_tasks {
        let Some(id) = work.cache.queue.first() else { return Ok(()) };
        if work.claims_left == 0 {
            work.again = true;
            return Ok(());
        }
        work.claims_left -= 1;
        step::guarded(work, step::Culprit::Task(id), |work| claim(work, id))?;
    }
    Ok(())
}

fn claim(work: &mut Work<'_>, id: TaskId) -> Result<(), StoreError> {
    let mut row = task::get(work.tx, id)?;
    // The rows decide whether there is room; if they know better, this one is not asked for again before something changes.
    if !pool::take(work.tx, &row.pools)? {
        let rows = pool::all(work.tx)?;
        rows.iter().for_each(|row| work.cache.queue.set(&row.name, row.size, row.used));
        return Ok(());
    }
    let run = work.run(row.run_id)?;
    if run.row.state == RunState::Queued {
        change::run(work, row.run_id, RunEvent::Claimed, None)?;
    }
    let run = work.run(run.row.id)?;
    let number = work.next_launch();
    row.tries.n_attempts += 1;
    let definition = launch::definition_of(&run, &row)?;
    let is_call = matches!(definition.action, Action::Http(_));
    let claim = Claim { launch: number, task: id, number: row.tries.n_attempts, is_call };
    let task = match values::task(work, &run, definition, &row)? {
        Ok(task) => task,
        Err(why) => return refuse(work, &run, definition, row, &claim, why),
    };
    match task.action {
        Action::Noop => complete(work, &run, row, &claim),
        Action::Shell(_) | Action::Command(_) | Action::Http(_) => {
            attempt::claim(work.tx, std::slice::from_ref(&claim), work.now.wall)?;
            let claimed = change::task(work, &mut row, &[TaskEvent::Claimed { launch: number }], &Seen::default())?;
            if !claimed {
                return Err(StoreError::unreadable(format!("task {id}"), "it is in the ready queue and not queued"));
            }
            let live = LiveAttempt { task: id, run: row.run_id, has_started: false, is_call };
            work.cache.live.insert(number, live);
            work.cache.queue.take(number, &row.pools);
            if let Some(process) = launch::process(work, &run, &row, &task, number)? {
                work.effects.push(Effect::Start(Box::new(process)));
            }
            if let Some(call) = launch::call(&run, &row, &task, number) {
                work.effects.push(Effect::Call(Box::new(call)));
            }
            Ok(())
        }
    }
}

/// What cannot be done as it is written ends before it is started, and is not tried again.
fn refuse(
    work: &mut Work<'_>,
    run: &Run,
    definition: &Task,
    mut row: TaskRow,
    claim: &Claim,
    why: String,
) -> Result<(), StoreError> {
    let now = work.now;
    let error = format!("cannot be done as it is written: {why}");
    let exit = Exit { error: Some(why), ..Exit::bare(ExitKind::Invalid, now.wall) };
    attempt::claim(work.tx, std::slice::from_ref(claim), now.wall)?;
    attempt::end(work.tx, claim.launch, &exit)?;
    pool::give(work.tx, &row.pools)?;
    let is_cancelled = row.is_cancelled || run.row.is_cancelled;
    let expressions = &mut work.cache.expressions;
    let Judgement { verdict, .. } = judge(definition, &exit, row.tries, is_cancelled, now.steady, 0.0, expressions);
    let events = [TaskEvent::Claimed { launch: claim.launch }, TaskEvent::Judged { of: claim.launch, verdict }];
    change::task(work, &mut row, &events, &Seen { error: Some(&error), ..Seen::default() }).map(drop)
}

/// Nothing to do is done at once.
fn complete(work: &mut Work<'_>, run: &Run, mut row: TaskRow, claim: &Claim) -> Result<(), StoreError> {
    let now = work.now.wall;
    attempt::done(work.tx, std::slice::from_ref(claim), now)?;
    pool::give(work.tx, &row.pools)?;
    row.started_at = row.started_at.or(Some(now));
    let data = json!({ "task": row.name, "attempt": claim.number });
    work.record(EventType::TaskStarted, run.subject(Some(row.id)), data)?;
    let events = [
        TaskEvent::Claimed { launch: claim.launch },
        TaskEvent::Judged { of: claim.launch, verdict: Verdict::Complete },
    ];
    change::task(work, &mut row, &events, &Seen { exit_code: Some(0), ..Seen::default() }).map(drop)
}
