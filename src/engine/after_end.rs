//! Schedules that follow the runs of their job (`after_end`): due so long after the last of them has ended.
//!
//! The end of a run is where such a schedule's cursor is put; its next due time is its delay later. While a run of the job is
//! live there is none. So the rows hold all there is to know, and a restart shifts nothing. What is due and does not start
//! (paused, missed) is counted on from the cursor, as if its rule were an interval that begins there.

use super::cache::Defined;
use super::step;
use super::work::Work;
use crate::model::definition::Timing;
use crate::model::duration::Duration;
use crate::model::id::{JobId, ScheduleId};
use crate::model::timestamp::Timestamp;
use crate::store::schedule::ScheduleRow;
use crate::store::{StoreError, job, schedule};

/// When it is due next, if no run keeps it waiting.
pub(crate) fn next(work: &mut Work<'_>, row: &ScheduleRow, delay: Duration) -> Result<Option<Timestamp>, StoreError> {
    let is_kept = job::get(work.tx, row.job_id)?.n_live > 0;
    if is_kept {
        work.cache.awaits_end.insert(row.job_id);
    }
    Ok((!is_kept).then(|| row.cursor_at.plus(delay)))
}

/// A run of the job has begun: until it ends nothing is due after an end.
pub(crate) fn began(work: &mut Work<'_>, of: JobId, defined: &Defined) -> Result<(), StoreError> {
    let follows = |timing: &Timing| matches!(timing, Timing::AfterEnd { .. });
    if !defined.job.schedules.iter().any(|schedule| follows(&schedule.timing)) {
        return Ok(());
    }
    let all = schedule::of_job(work.tx, of)?;
    for mut row in all.into_iter().filter(|row| !row.is_retired && follows(&row.schedule.timing)) {
        let Some(next) = row.next_at.take() else { continue };
        work.cache.due.remove(&(next, row.id));
        schedule::advance(work.tx, row.cursor_at, &row)?;
    }
    work.cache.awaits_end.insert(of);
    Ok(())
}

/// A run of the job has ended: if it was the last that was live, what is due after an end is counted from now.
pub(crate) fn ended(work: &mut Work<'_>, of: JobId) -> Result<(), StoreError> {
    if !work.cache.awaits_end.contains(&of) || job::get(work.tx, of)?.n_live > 0 {
        return Ok(());
    }
    work.cache.awaits_end.remove(&of);
    for id in schedule::idle_of_job(work.tx, of)? {
        step::guarded(work, step::Culprit::Schedule(id), |work| count_from_now(work, id))?;
    }
    Ok(())
}

fn count_from_now(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let Timing::AfterEnd { delay } = row.schedule.timing else { return Ok(()) };
    let from = row.cursor_at;
    row.cursor_at = from.max(work.now.wall);
    let next = row.cursor_at.plus(delay);
    row.next_at = Some(next);
    schedule::advance(work.tx, from, &row)?;
    work.cache.due.insert((next, id));
    Ok(())
}
