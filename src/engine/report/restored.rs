//! The store that was opened is a backup: it knows nothing of what was done since it was made. So nothing in it starts by
//! itself. What was live is interrupted, what is queued is held by a pause of everything until somebody resumes, and
//! schedules start at now: due times that have passed are answered `paused`, and nothing is caught up.

use crate::engine::work::Work;
use crate::engine::{answer, command, step};
use crate::model::exit::{Exit, ExitKind};
use crate::model::id::{Launch, ScheduleId};
use crate::model::outcome::Reason;
use crate::store::job::Pause;
use crate::store::{StoreError, fact, job, schedule};

/// Takes the mark away, and sees to it that nothing is repeated unasked.
pub(super) fn restored(work: &mut Work<'_>, made_at: &str) -> Result<(), StoreError> {
    let by = format!("the restore of the backup of {made_at}");
    if !work.cache.is_paused {
        command::pause_all(work, &Pause { by, note: None, until: None })?;
    }
    let mut live: Vec<Launch> = work.cache.live.keys().copied().collect();
    live.sort_unstable();
    for launch in live {
        let exit = Exit::bare(ExitKind::Lost, work.now.wall);
        step::guarded(work, step::Culprit::Report(Some(launch)), |work| super::runner::ended_one(work, launch, &exit))?;
    }
    for id in work.cache.backlogs() {
        step::guarded(work, step::Culprit::Schedule(id), |work| close_backlog(work, id))?;
    }
    fact::forget(work.tx, "backup_at")
}

fn close_backlog(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let job = job::get(work.tx, row.job_id)?;
    let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
    answer::close_backlog(work, &job, &mut row, &calendar, Reason::Paused)?;
    schedule::advance(work.tx, row.cursor_at, &row)
}
