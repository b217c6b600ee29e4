//! Due times become runs or recorded reasons; in every step.
//!
//! A schedule's cursor says up to where every due time has its answer. What lies between the cursor and now falls into
//! three parts, oldest first:
//!
//! 1. *Known*: after the clock went back, due times that have started runs may be ahead of the cursor. They keep their
//!    answer; what lies between them was skipped when it was passed the second time.
//! 2. *Missed*: due times up to `alive_since`, which nobody was there for. The schedule's `catch_up` says what becomes of
//!    them: at most one start, a few spans, or a backlog.
//! 3. *Met*: due times that passed while the engine lived, each of which starts a run or says why not.
//!
//! Due times that the schedule excludes wake nobody: they are answered when the cursor moves over them to the next one that
//! is not, and are no part of the three.
//!
//! The backlog is consumed last, so that what is due now goes first, and only as far as the gate lets it.

use crate::engine::work::Work;
use crate::engine::{answer, command, step};
use crate::model::definition::Timing;
use crate::model::duration::Duration;
use crate::model::id::ScheduleId;
use crate::model::outcome::Reason;
use crate::model::policy::overlap;
use crate::model::time::{Calendar, catch_up};
use crate::model::timestamp::Timestamp;
use crate::store::job::JobRow;
use crate::store::ledger;
use crate::store::schedule::ScheduleRow;
use crate::store::{StoreError, job, schedule};

/// How many schedules one step looks at.
const MAX_SCHEDULES: usize = 256;
/// How many due times of one schedule one step answers.
const MAX_DUE: usize = 64;

/// Answers what is due, and then catches up.
pub(crate) fn due(work: &mut Work<'_>) -> Result<(), StoreError> {
    if !work.session.is_loaded {
        return Ok(());
    }
    answer_due(work)?;
    while let Some(id) = work.finished.pop_first() {
        step::guarded(work, step::Culprit::Command, |work| command::end_schedules(work, id))?;
    }
    Ok(())
}

fn answer_due(work: &mut Work<'_>) -> Result<(), StoreError> {
    for n in 0.. {
        let Some((at, id)) = work.cache.due.first().copied() else { break };
        if at > work.now.wall {
            break;
        }
        if n == MAX_SCHEDULES || work.n_counted >= catch_up::MAX_COUNTED {
            work.again = true;
            break;
        }
        work.cache.due.remove(&(at, id));
        step::guarded(work, step::Culprit::Schedule(id), |work| answer_schedule(work, id))?;
    }
    for _ in 0..MAX_SCHEDULES {
        let Some(id) = work.cache.next_stirred() else { return Ok(()) };
        step::guarded(work, step::Culprit::Schedule(id), |work| catch_up(work, id))?;
    }
    work.again |= work.cache.has_stirred();
    Ok(())
}

fn answer_schedule(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let mut job = job::get(work.tx, row.job_id)?;
    let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
    let from = row.cursor_at;
    let missed_until = work.session.alive_since.min(work.now.wall);
    let is_done = answer_known(work, &job, &mut row, &calendar, missed_until)?
        && answer_missed(work, &mut job, &mut row, &calendar, missed_until)?
        && answer_met(work, &mut job, &mut row, &calendar)?;
    work.again |= !is_done;
    place(work, from, &mut row, &calendar)
}

/// Writes the cursor, and puts the schedule where its next due time is found.
fn place(work: &mut Work<'_>, from: Timestamp, row: &mut ScheduleRow, calendar: &Calendar) -> Result<(), StoreError> {
    answer::plan(work, row, calendar)?;
    schedule::advance(work.tx, from, row)?;
    if let Some(next) = row.next_at {
        work.cache.due.insert((next, row.id));
    }
    work.cache.set_backlog(row.job_id, row.id, row.backlog.is_some());
    Ok(())
}

fn answer_known(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
    missed_until: Timestamp,
) -> Result<bool, StoreError> {
    let Some(known_until) = row.last_at.filter(|last| *last > row.cursor_at) else { return Ok(true) };
    let until = known_until.min(missed_until);
    if until <= row.cursor_at {
        return Ok(true);
    }
    answer::skip_until(work, job, row, calendar, until, Reason::MissedWindow)
}

fn answer_missed(
    work: &mut Work<'_>,
    job: &mut JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
    missed_until: Timestamp,
) -> Result<bool, StoreError> {
    let after = row.cursor_at;
    if calendar.next_after(after).is_none_or(|next| next > missed_until) {
        return Ok(true);
    }
    // What was still to be caught up from an earlier absence gives way to this one.
    answer::close_backlog(work, job, row, calendar, Reason::Coalesced)?;
    if is_paused(work, job)? {
        return answer::skip_until(work, job, row, calendar, missed_until, Reason::Paused);
    }
    let missed = catch_up::missed(calendar, &row.schedule, after, missed_until, work.now.wall);
    for (until, reason) in missed.skipped {
        // What is left is decided about anew, from where the cursor then is.
        if !answer::skip_until(work, job, row, calendar, until, reason)? {
            return Ok(false);
        }
    }
    row.backlog = missed.backlog;
    if let Some((_, newest)) = missed.backlog {
        row.cursor_at = newest;
    }
    if let Some(at) = missed.start {
        answer::start_or_skip(work, job, row, calendar, at)?;
        row.cursor_at = at;
    }
    // Nothing but excluded due times is left.
    answer::skip_until(work, job, row, calendar, missed_until, Reason::Coalesced)
}

fn is_paused(work: &mut Work<'_>, job: &JobRow) -> Result<bool, StoreError> {
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    Ok(job.paused_at.is_some() || work.cache.is_paused || !defined.job.enabled)
}

fn answer_met(
    work: &mut Work<'_>,
    job: &mut JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
) -> Result<bool, StoreError> {
    for _ in 0..MAX_DUE {
        let Some(due) = calendar.next_after(row.cursor_at).filter(|due| *due <= work.now.wall) else {
            return Ok(true);
        };
        if !answer::pass_excluded(work, job, row, calendar, due)? {
            return Ok(false);
        }
        row.cursor_at = due;
        let may_be_known = row.last_at.is_some_and(|last| last >= due);
        if may_be_known && ledger::has_started(work.tx, row.id, due)? {
            continue;
        }
        answer::start_or_skip(work, job, row, calendar, due)?;
        if job.n_live > 0 && matches!(row.schedule.timing, Timing::AfterEnd { .. }) {
            // The end of that run will say when it is due next.
            return Ok(true);
        }
    }
    Ok(false)
}

/// What of the backlog is past its deadline starts no more.
fn pass_late(work: &mut Work<'_>, job: &JobRow, row: &mut ScheduleRow, calendar: &Calendar) -> Result<(), StoreError> {
    let (Some((after, until)), Some(deadline)) = (row.backlog, row.schedule.deadline) else { return Ok(()) };
    let late = work.now.wall.minus(deadline).minus(Duration::from_micros(1)).min(until);
    if late > after {
        answer::skip_between(work, job, row, calendar, (after, late), Reason::Deadline)?;
        row.backlog = Some((late, until));
    }
    Ok(())
}

/// Starts what the backlog holds, oldest first, as far as the gate has room.
fn catch_up(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let mut job = job::get(work.tx, row.job_id)?;
    let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    let from = row.cursor_at;
    let before = row.backlog;
    if is_paused(work, &job)? {
        answer::close_backlog(work, &job, &mut row, &calendar, Reason::Paused)?;
    } else {
        pass_late(work, &job, &mut row, &calendar)?;
    }
    for n in 0.. {
        let Some((after, until)) = row.backlog else { break };
        let has_room = job.n_held == 0 && overlap::room(&defined.job, job.n_live) > 0;
        if !has_room || job.n_queued >= defined.job.queue_limit {
            break;
        }
        if n == MAX_DUE {
            work.again = true;
            break;
        }
        match calendar.next_after(after).filter(|due| *due <= until) {
            Some(due) => {
                let excluded = (after, due.minus(Duration::from_micros(1)));
                answer::skip_between(work, &job, &row, &calendar, excluded, Reason::Excluded)?;
                answer::start_or_skip(work, &mut job, &mut row, &calendar, due)?;
                row.backlog = Some((due, until));
            }
            None => answer::close_backlog(work, &job, &mut row, &calendar, Reason::Coalesced)?,
        }
    }
    if let Some((after, until)) = row.backlog
        && calendar.next_after(after).is_none_or(|due| due > until)
    {
        answer::close_backlog(work, &job, &mut row, &calendar, Reason::Coalesced)?;
    }
    if row.backlog == before {
        return Ok(());
    }
    if let Some(next) = row.next_at {
        work.cache.due.remove(&(next, row.id));
    }
    place(work, from, &mut row, &calendar)
}
