//! Missed due times that are to start wait in the backlogs of their schedules, and start here: oldest first, as far as the
//! gate of their job has room, and over all jobs no faster than the governor lets them, the most urgent first.
//!
//! A backlog whose job has no room is parked until something of that job changes; one that has room stands in the line of
//! the governor. So a step looks only at what has changed and at what it starts.

use crate::engine::answer::Due;
use crate::engine::work::Work;
use crate::engine::{answer, gate, step};
use crate::model::id::ScheduleId;
use crate::model::outcome::Reason;
use crate::model::policy::governor::Opening;
use crate::model::time::{Calendar, MICROSECOND};
use crate::store::job::JobRow;
use crate::store::schedule::ScheduleRow;
use crate::store::{StoreError, job, schedule};

/// How many backlogs one step looks at, and how many runs it starts.
const LIMIT: usize = 256;
/// So often a job that dies with the daemon is caught up without anybody's asking.
const MAX_DEATHS: u32 = 2;

/// Starts what may.
pub(crate) fn catch_up(work: &mut Work<'_>) -> Result<(), StoreError> {
    if !work.session.is_loaded {
        return Ok(());
    }
    for _ in 0..LIMIT {
        let Some(id) = work.cache.next_stirred() else { break };
        step::guarded(work, step::Culprit::Schedule(id), |work| look(work, id))?;
    }
    for _ in 0..LIMIT {
        if !is_open(work) {
            break;
        }
        let Some(id) = work.cache.next_in_line() else { break };
        step::guarded(work, step::Culprit::Schedule(id), |work| start_one(work, id))?;
    }
    work.again |= work.cache.has_stirred() || is_open(work) && work.cache.has_line();
    Ok(())
}

fn is_open(work: &Work<'_>) -> bool {
    work.cache.governor.opening(work.limits().catch_up, work.now.steady) == Opening::Now
}

/// Gives up what of the backlog will not start any more, and puts what may into the line.
fn look(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let job = job::get(work.tx, row.job_id)?;
    let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
    let (from, before) = (row.cursor_at, row.backlog);
    if gate::is_paused(work, &job)? {
        answer::close_backlog(work, &job, &mut row, &calendar, Reason::Paused)?;
    } else if job.has_died && job.n_deaths >= MAX_DEATHS {
        answer::give_up(work, &job, &mut row, &calendar)?;
    } else {
        pass_late(work, &job, &mut row, &calendar)?;
    }
    if let Some((after, until)) = row.backlog
        && calendar.next_after(after).is_none_or(|due| due > until)
    {
        answer::close_backlog(work, &job, &mut row, &calendar, Reason::Coalesced)?;
    }
    if row.backlog != before {
        schedule::advance(work.tx, from, &row)?;
    }
    if row.backlog.is_some() && gate::has_room(work, &job)? {
        let defined = work.cache.defined(work.tx, job.definition_id)?;
        work.cache.stand_in_line(defined.job.priority.number(), job.id, id);
    }
    Ok(())
}

/// Starts the oldest due time of the backlog, if there is room still, and looks at what is left of it.
fn start_one(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let row = schedule::get(work.tx, id)?;
    let job = job::get(work.tx, row.job_id)?;
    if gate::has_room(work, &job)? {
        start_oldest(work, job, row)?;
    }
    look(work, id)
}

fn start_oldest(work: &mut Work<'_>, mut job: JobRow, mut row: ScheduleRow) -> Result<(), StoreError> {
    let Some((after, until)) = row.backlog else { return Ok(()) };
    let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
    let Some(due) = calendar.next_after(after).filter(|due| *due <= until) else { return Ok(()) };
    let excluded = (after, due.minus(MICROSECOND));
    answer::skip_between(work, &job, &row, &calendar, excluded, Reason::Excluded)?;
    if answer::start_or_skip(work, &mut job, &mut row, &calendar, Due::Missed(due))? && job.has_died {
        job::count_death(work.tx, job.id)?;
    }
    row.backlog = Some((due, until));
    // What the run changed of its schedules is in their rows.
    let kept = schedule::get(work.tx, row.id)?;
    (row.cursor_at, row.next_at) = (kept.cursor_at, kept.next_at);
    schedule::advance(work.tx, row.cursor_at, &row)
}

/// What of the backlog is past its deadline starts no more.
fn pass_late(work: &mut Work<'_>, job: &JobRow, row: &mut ScheduleRow, calendar: &Calendar) -> Result<(), StoreError> {
    let (Some((after, until)), Some(deadline)) = (row.backlog, row.schedule.deadline) else { return Ok(()) };
    let late = work.now.wall.minus(deadline).minus(MICROSECOND).min(until);
    if late > after {
        answer::skip_between(work, job, row, calendar, (after, late), Reason::Deadline)?;
        row.backlog = Some((late, until));
    }
    Ok(())
}
