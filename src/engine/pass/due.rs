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
//! The backlog is consumed by the pass for catching up, which comes after this one: what is due now goes first.

use crate::engine::answer::Due;
use crate::engine::work::Work;
use crate::engine::{answer, gate, step};
use crate::model::definition::{CatchUp, Timing};
use crate::model::id::ScheduleId;
use crate::model::outcome::Reason;
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

/// Answers what is due.
pub(crate) fn due(work: &mut Work<'_>) -> Result<(), StoreError> {
    if !work.session.is_loaded {
        return Ok(());
    }
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
    answer::place(work, from, &mut row, &calendar)
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
    if gate::is_paused(work, job)? {
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
    if let Some((_, newest)) = row.backlog {
        row.cursor_at = newest;
    }
    if row.backlog.is_some() && matches!(row.schedule.timing, Timing::AfterEnd { .. }) {
        // What follows the runs of its job is counted from the cursor, and the backlog with it.
        return Ok(true);
    }
    // Nothing but excluded due times is left.
    answer::skip_until(work, job, row, calendar, missed_until, Reason::Coalesced)
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
        let has_started = answer::start_or_skip(work, job, row, calendar, Due::Met(due))?;
        if has_started && row.schedule.catch_up == CatchUp::Latest {
            // It stands for what was still to be caught up.
            answer::close_backlog(work, job, row, calendar, Reason::Coalesced)?;
        }
        if job.n_live > 0 && matches!(row.schedule.timing, Timing::AfterEnd { .. }) {
            // The end of that run will say when it is due next.
            return Ok(true);
        }
    }
    Ok(false)
}
