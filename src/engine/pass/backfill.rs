//! Runs of backfills start here, oldest due time first: as many as may be live at once, and only while there is room for
//! one more of their job, so that none is refused, held or takes another's place. The pass comes after the one for what is
//! due and the one for what was missed, and waits while the job has missed due times to catch up.
//!
//! The governor of catching up does not count these runs: somebody has asked for them, and said how many at once.

use crate::engine::backfill::Ending;
use crate::engine::gate::Wanted;
use crate::engine::work::Work;
use crate::engine::{backfill, gate, step};
use crate::model::id::BackfillId;
use crate::model::outcome::{Cause, Reason};
use crate::model::state::BackfillState;
use crate::model::time::backfill::{Ahead, Source};
use crate::model::timestamp::Timestamp;
use crate::store::backfill::{self as backfills, BackfillRow, Cursor};
use crate::store::job::JobRow;
use crate::store::{StoreError, job};

/// How many backfills one step looks at, and how many runs it starts.
const LIMIT: usize = 256;

/// Starts what may.
pub(crate) fn backfill(work: &mut Work<'_>) -> Result<(), StoreError> {
    if !work.session.is_loaded {
        return Ok(());
    }
    let mut n_left = LIMIT;
    while n_left > 0 {
        let Some(id) = work.cache.backfills.next_stirred() else { break };
        n_left -= 1;
        step::guarded(work, step::Culprit::Backfill(id), |work| go_on(work, id, &mut n_left))?;
    }
    work.again |= work.cache.backfills.has_stirred();
    Ok(())
}

fn go_on(work: &mut Work<'_>, id: BackfillId, n_left: &mut usize) -> Result<(), StoreError> {
    let mut row = backfills::get(work.tx, id)?;
    if row.state != BackfillState::Running {
        return Ok(());
    }
    let mut job = job::get(work.tx, row.job_id)?;
    if job.is_retired {
        return backfill::end(work, &mut row, Ending::Gone("its file was removed")).map(drop);
    }
    if row.n_live > 0 && !may_start(work, &row, &job)? {
        return Ok(());
    }
    let mut cursors = backfills::cursors(work.tx, id)?;
    let sources = match sources(work, &row, &job, &cursors)? {
        Ok(sources) => sources,
        Err(gone) => return backfill::end(work, &mut row, Ending::Gone(&gone)).map(drop),
    };
    let mut ahead = Ahead::new(sources, cursors.iter().map(|cursor| cursor.at), row.to);
    while let Some((due, index)) = ahead.oldest() {
        if !may_start(work, &row, &job)? {
            return Ok(());
        }
        if *n_left == 0 {
            work.cache.backfills.insert(job.id, id);
            return Ok(());
        }
        *n_left -= 1;
        match start(work, &mut job, id, &cursors[index], due)? {
            Ok(()) => row.n_live += 1,
            Err(Reason::Condition) => row.n_skipped += 1,
            Err(_) => return Ok(()),
        }
        cursors[index].at = due;
        ahead.pass();
    }
    if row.n_live == 0 {
        backfill::end(work, &mut row, Ending::RunsEnded)?;
    }
    Ok(())
}

/// Whether one more run of it may start now.
fn may_start(work: &mut Work<'_>, row: &BackfillRow, job: &JobRow) -> Result<bool, StoreError> {
    let is_free = row.n_live < row.max_runs && !work.cache.has_backlog(job.id);
    Ok(is_free && gate::has_room(work, job)?)
}

/// The due times of each schedule, or why there are none any more.
fn sources(
    work: &mut Work<'_>,
    row: &BackfillRow,
    job: &JobRow,
    cursors: &[Cursor],
) -> Result<Result<Vec<Source>, String>, StoreError> {
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    let mut found = Vec::with_capacity(cursors.len());
    for Cursor { key, at } in cursors {
        let schedule = defined.job.schedules.iter().find(|schedule| schedule.key() == *key);
        let source = schedule.map(|schedule| backfill::source(work, job, schedule, (*at, row.to))).transpose()?;
        match source.flatten() {
            Some(source) => found.push(source),
            None => return Ok(Err(format!("its schedule `{key}` was removed"))),
        }
    }
    Ok(Ok(found))
}

/// Starts the run of one due time, or says why the gate says no after all. What is no due time to the job's precondition is
/// done with.
fn start(
    work: &mut Work<'_>,
    job: &mut JobRow,
    id: BackfillId,
    cursor: &Cursor,
    due: Timestamp,
) -> Result<Result<(), Reason>, StoreError> {
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    let schedule = defined.job.schedules.iter().find(|schedule| schedule.key() == cursor.key);
    let wanted = Wanted {
        cause: Cause::Backfill,
        scheduled_at: Some(due),
        timezone: schedule.map(|schedule| schedule.timezone.clone()),
        force: false,
        is_caught_up: false,
        backfill: Some(id),
        params: serde_json::Map::new(),
        expires: None,
    };
    match gate::admit(work, job, wanted)? {
        Ok(_) => backfills::begin_run(work.tx, id, cursor, due).map(Ok),
        Err(Reason::Condition) => backfills::skip(work.tx, id, cursor, due).map(|()| Err(Reason::Condition)),
        Err(reason) => Ok(Err(reason)),
    }
}
