//! Answers due times in the ledger: a start, or a span with a reason. Every due time gets exactly one answer; how many
//! writes that takes does not depend on how many due times were missed.

use serde_json::json;

use super::after_end;
use super::command::Haste;
use super::gate::{self, Wanted};
use super::observed::Observed;
use super::step;
use super::work::{Subject, Work};
use crate::model::definition::{CatchUp, Schedule, Timing};
use crate::model::duration::Duration;
use crate::model::event::EventType;
use crate::model::id::{JobId, ScheduleId};
use crate::model::outcome::{Cause, Reason};
use crate::model::time::catch_up::{self, Span, span};
use crate::model::time::{Calendar, MICROSECOND};
use crate::model::timestamp::{Timestamp, Until};
use crate::store::job::JobRow;
use crate::store::ledger;
use crate::store::schedule::ScheduleRow;
use crate::store::{StoreError, job, planned_skip, run, schedule};

/// How many known starts are passed over at once.
const MAX_STARTS: u64 = 64;
/// How many spans one step writes of one schedule whose due times are admitted and excluded by turns.
const MAX_STRETCHES: usize = 64;

/// A due time, by whether anybody was there when it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// A living engine met it.
    Met(Timestamp),
    /// Nobody did.
    Missed(Timestamp),
}

impl Due {
    fn at(self) -> Timestamp {
        match self {
            Due::Met(at) | Due::Missed(at) => at,
        }
    }
}

/// Starts a run for this due time, which is not excluded, or records why not; whether it did.
pub(crate) fn start_or_skip(
    work: &mut Work<'_>,
    job: &mut JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
    due: Due,
) -> Result<bool, StoreError> {
    let at = due.at();
    let one = |reason| Span { first: at, last: at, n: 1, reason };
    if take_skip(work, row.id, at)? {
        return skip(work, job, row, calendar, one(Reason::ByUser)).map(|()| false);
    }
    let too_late = row.schedule.deadline.map(|deadline| at.plus(deadline));
    if too_late.is_some_and(|too_late| too_late < work.now.wall) {
        return skip(work, job, row, calendar, one(Reason::Deadline)).map(|()| false);
    }
    let wanted = Wanted {
        cause: Cause::Occurrence,
        scheduled_at: Some(at),
        timezone: Some(row.schedule.timezone.clone()),
        force: false,
        is_caught_up: matches!(due, Due::Missed(_)),
        backfill: None,
        params: serde_json::Map::new(),
        expires: too_late.map(Until::Wall),
    };
    match gate::admit(work, job, wanted)? {
        Ok((id, _)) => {
            ledger::start(work.tx, row.id, at, id)?;
            row.last_at = row.last_at.max(Some(at));
            Ok(true)
        }
        Err(reason) => skip(work, job, row, calendar, one(reason)).map(|()| false),
    }
}

/// Records that these due times did not start; joined to the span before if that is of the same reason and revision and
/// no due time lies between.
pub(crate) fn skip(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &ScheduleRow,
    calendar: &Calendar,
    span: Span,
) -> Result<(), StoreError> {
    work.observe(Observed::Skipped { job: job.name.clone(), reason: span.reason, n: span.n });
    let newest = ledger::newest_span(work.tx, row.id, span.first)?;
    let neighbour = newest.filter(|(before, revision)| {
        let is_alike = before.reason == span.reason && *revision == job.revision;
        is_alike && calendar.rule().next_after(before.last) == Some(span.first)
    });
    match neighbour {
        Some((before, _)) => ledger::extend(work.tx, row.id, before.first, span),
        None => {
            ledger::skip(work.tx, row.id, span, job.revision)?;
            announce(work, job, row, span)
        }
    }
}

fn announce(work: &mut Work<'_>, job: &JobRow, row: &ScheduleRow, span: Span) -> Result<(), StoreError> {
    let data = json!({
        "schedule": row.key, "reason": span.reason.as_str(),
        "first_due_at": span.first.to_string(), "last_due_at": span.last.to_string(), "n": span.n,
    });
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    let subject = Subject { job: Some(&job.name), defined: Some(&defined), ..Subject::default() };
    work.record(EventType::OccurrenceSkipped, subject, data)
}

/// Gives every due time up to and including `until` that has no answer yet this reason, and those that are excluded their
/// own, and brings the cursor there. What started before the clock went back keeps its answer. `false` if there is more to do.
pub(crate) fn skip_until(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
    until: Timestamp,
    reason: Reason,
) -> Result<bool, StoreError> {
    for _ in 0..MAX_STRETCHES {
        let Some((until, reason)) = stretch(work, row.id, calendar, (row.cursor_at, until), reason)? else {
            row.cursor_at = row.cursor_at.max(until);
            return Ok(true);
        };
        if !skip_stretch(work, job, row, calendar, until, reason)? {
            return Ok(false);
        }
    }
    Ok(false)
}

/// The same, of due times that are alike.
fn skip_stretch(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
    until: Timestamp,
    reason: Reason,
) -> Result<bool, StoreError> {
    let starts = match row.last_at {
        Some(last) if last > row.cursor_at => {
            ledger::starts(work.tx, row.id, row.cursor_at, until, MAX_STARTS.cast_signed())?
        }
        Some(_) | None => Vec::new(),
    };
    let is_done = (starts.len() as u64) < MAX_STARTS;
    for start in starts {
        let before = start.minus(MICROSECOND);
        if let Some(span) = span(calendar.rule(), row.cursor_at, before, reason) {
            work.n_counted += span.n;
            skip(work, job, row, calendar, span)?;
        }
        row.cursor_at = start;
    }
    if is_done {
        if let Some(span) = span(calendar.rule(), row.cursor_at, until, reason) {
            work.n_counted += span.n;
            skip(work, job, row, calendar, span)?;
        }
        row.cursor_at = row.cursor_at.max(until);
    }
    Ok(is_done)
}

/// Up to where the first due times in `(after, until]` get the same answer, and which: this reason, unless they are excluded or
/// somebody has skipped them. Nothing if there are none.
fn stretch(
    work: &mut Work<'_>,
    id: ScheduleId,
    calendar: &Calendar,
    (after, until): (Timestamp, Timestamp),
    reason: Reason,
) -> Result<Option<(Timestamp, Reason)>, StoreError> {
    if until <= after {
        return Ok(None);
    }
    let skipped = work.cache.skips.range((id, after.plus(MICROSECOND))..=(id, until)).next().map(|(_, at)| *at);
    let before = skipped.map_or(until, |at| at.minus(MICROSECOND));
    if let Some(stretch) = calendar.stretch(after, before) {
        let reason = if stretch.is_excluded { Reason::Excluded } else { reason };
        return Ok(Some((stretch.until, reason)));
    }
    let Some(at) = skipped else { return Ok(None) };
    take_skip(work, id, at)?;
    let reason = if calendar.is_excluded(at) { Reason::Excluded } else { Reason::ByUser };
    Ok(Some((at, reason)))
}

/// Whether somebody has skipped this due time, which is answered now.
fn take_skip(work: &mut Work<'_>, id: ScheduleId, at: Timestamp) -> Result<bool, StoreError> {
    let is_skipped = work.cache.skips.remove(&(id, at));
    if is_skipped {
        planned_skip::delete(work.tx, id, at)?;
    }
    Ok(is_skipped)
}

/// What of a span is later than `kept` has no answer any more; what somebody skipped of it is skipped again when it is
/// answered.
fn take_back(
    work: &mut Work<'_>,
    id: ScheduleId,
    calendar: &Calendar,
    of: Span,
    kept: Timestamp,
) -> Result<(), StoreError> {
    let end = span(calendar.rule(), of.first.minus(MICROSECOND), kept, of.reason).map(|rest| (rest.last, rest.n));
    ledger::cut(work.tx, id, of.first, end)?;
    let mut after = kept.max(of.first.minus(MICROSECOND));
    while of.reason == Reason::ByUser
        && let Some(due) = calendar.rule().next_after(after).filter(|due| *due <= of.last)
    {
        planned_skip::insert(work.tx, id, due, "whoever skipped it before")?;
        work.cache.skips.insert((id, due));
        after = due;
    }
    Ok(())
}

/// Answers the due times between the cursor and `due`, the next admitted one: all of them are excluded. They are recorded
/// only now, so that nobody wakes for them. `false` if there is more to do.
pub(crate) fn pass_excluded(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
    due: Timestamp,
) -> Result<bool, StoreError> {
    if !calendar.excludes() {
        return Ok(true);
    }
    skip_until(work, job, row, calendar, due.minus(MICROSECOND), Reason::Excluded)
}

/// The rule of a schedule is about to change: what was excluded under it before now keeps that answer.
pub(crate) fn settle_excluded(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
) -> Result<(), StoreError> {
    let now = work.now.wall;
    let due = calendar.next_after(row.cursor_at).map_or(now, |due| due.min(now));
    while !pass_excluded(work, job, row, calendar, due)? {}
    Ok(())
}

/// Gives the due times in `(after, until]`, none of which has an answer, this reason, and those that are excluded their own.
pub(crate) fn skip_between(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &ScheduleRow,
    calendar: &Calendar,
    (after, until): (Timestamp, Timestamp),
    reason: Reason,
) -> Result<(), StoreError> {
    let mut after = after;
    while let Some((until, reason)) = stretch(work, row.id, calendar, (after, until), reason)? {
        if let Some(span) = span(calendar.rule(), after, until, reason) {
            skip(work, job, row, calendar, span)?;
        }
        after = until;
    }
    Ok(())
}

/// Gives up the backlog of a job that may be what the daemon dies of, and says so.
pub(crate) fn give_up(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
) -> Result<(), StoreError> {
    let Some((after, until)) = row.backlog else { return Ok(()) };
    if calendar.next_after(after).is_none_or(|due| due > until) {
        return Ok(());
    }
    close_backlog(work, job, row, calendar, Reason::MissedWindow)?;
    let because = format!("its last attempts ended with the daemon, and it was caught up {} times since", job.n_deaths);
    let data = json!({
        "schedule": row.key, "reason": Reason::MissedWindow.as_str(), "because": because,
        "after": after.to_string(), "until": until.to_string(),
    });
    let defined = work.cache.defined(work.tx, job.definition_id)?;
    let subject = Subject { job: Some(&job.name), defined: Some(&defined), ..Subject::default() };
    work.record(EventType::OccurrenceSkipped, subject, data)
}

/// Gives whatever is left of the backlog this reason.
pub(crate) fn close_backlog(
    work: &mut Work<'_>,
    job: &JobRow,
    row: &mut ScheduleRow,
    calendar: &Calendar,
    reason: Reason,
) -> Result<(), StoreError> {
    let Some(left) = row.backlog.take() else { return Ok(()) };
    work.cache.set_backlog(job.id, row.id, false);
    skip_between(work, job, row, calendar, left, reason)
}

/// Finds out when the schedule is due next.
pub(crate) fn plan(work: &mut Work<'_>, row: &mut ScheduleRow, calendar: &Calendar) -> Result<(), StoreError> {
    row.next_at = match row.schedule.timing {
        Timing::AfterEnd { delay } => after_end::next(work, row, delay)?,
        Timing::Cron { .. }
        | Timing::Quartz { .. }
        | Timing::Every { .. }
        | Timing::At { .. }
        | Timing::Reboot
        | Timing::Start => calendar.next_after(row.cursor_at),
    };
    Ok(())
}

/// Writes the cursor, and puts the schedule where its next due time is found.
pub(crate) fn place(
    work: &mut Work<'_>,
    from: Timestamp,
    row: &mut ScheduleRow,
    calendar: &Calendar,
) -> Result<(), StoreError> {
    plan(work, row, calendar)?;
    schedule::advance(work.tx, from, row)?;
    if let Some(next) = row.next_at {
        work.cache.due.insert((next, row.id));
    }
    work.cache.set_backlog(row.job_id, row.id, row.backlog.is_some());
    Ok(())
}

/// The clock went back to `now`: spans ahead of it never happened, and the cursor returns. Runs keep their due times, so
/// nothing starts twice.
fn rewind(work: &mut Work<'_>, row: &mut ScheduleRow, calendar: &Calendar) -> Result<(), StoreError> {
    let now = work.now.wall;
    for ahead in ledger::spans_ahead(work.tx, row.id, now)? {
        take_back(work, row.id, calendar, ahead, now)?;
    }
    if let Some((after, until)) = row.backlog {
        row.backlog = (after < now).then_some((after, until.min(now)));
    }
    row.cursor_at = row.cursor_at.min(now);
    Ok(())
}

/// What came due during a pause and was not looked at yet is answered `paused`: a resumed schedule starts at now.
pub(crate) fn pass_over(work: &mut Work<'_>, of: Option<JobId>) -> Result<(), StoreError> {
    let now = work.now.wall;
    let due: Vec<_> = work.cache.due.range(..=(now, ScheduleId(i64::MAX))).copied().collect();
    for (at, id) in due {
        step::guarded(work, step::Culprit::Schedule(id), |work| pass_over_one(work, at, id, of))?;
    }
    Ok(())
}

fn pass_over_one(work: &mut Work<'_>, at: Timestamp, id: ScheduleId, of: Option<JobId>) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    if of.is_some_and(|job| job != row.job_id) {
        return Ok(());
    }
    let job = job::get(work.tx, row.job_id)?;
    let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
    let from = row.cursor_at;
    while !skip_until(work, &job, &mut row, &calendar, work.now.wall, Reason::Paused)? {}
    work.cache.due.remove(&(at, id));
    place(work, from, &mut row, &calendar)
}

/// Of the due times that were answered `paused` since then, the newest of which nothing was started wait to be caught up
/// after all: one, or as many as the schedule catches up at most.
pub(crate) fn reclaim(
    work: &mut Work<'_>,
    id: ScheduleId,
    since: Timestamp,
    catch_up: CatchUp,
) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let job = job::get(work.tx, row.job_id)?;
    if gate::is_paused(work, &job)? {
        return Ok(());
    }
    let calendar = work.cache.calendar(work.settings, &row.schedule, &job.name)?;
    let max = if catch_up == CatchUp::All { row.schedule.catch_up_max } else { 1 };
    let spans = paused_since(work, &row, since, max)?;
    let ([newest, ..], [.., oldest]) = (&spans[..], &spans[..]) else { return Ok(()) };
    let after = oldest.first.minus(MICROSECOND).max(since);
    let (catch_up, window) = (CatchUp::All, Duration::MAX);
    let asked =
        Schedule { catch_up, catch_up_window: window, catch_up_max: max, deadline: None, ..row.schedule.clone() };
    let missed = catch_up::missed(&calendar, &asked, after, newest.last, work.now.wall);
    let Some((kept, until)) = missed.backlog else { return Ok(()) };
    // What was to be caught up before the pause, and was not looked at since.
    close_backlog(work, &job, &mut row, &calendar, Reason::Paused)?;
    for span in spans.into_iter().filter(|span| span.last > kept) {
        take_back(work, id, &calendar, span, kept)?;
    }
    row.backlog = Some((kept, until));
    schedule::advance(work.tx, row.cursor_at, &row)?;
    work.cache.set_backlog(row.job_id, id, true);
    Ok(())
}

/// The newest spans that were answered since then because of a pause, newest first, until they are so many due times; with
/// those between them that were excluded or skipped.
fn paused_since(work: &Work<'_>, row: &ScheduleRow, since: Timestamp, max: u32) -> Result<Vec<Span>, StoreError> {
    let (mut spans, mut before, mut n_paused) = (Vec::new(), Timestamp::MAX, 0);
    while spans.len() < MAX_STRETCHES
        && n_paused < u64::from(max)
        && let Some((span, _)) = ledger::newest_span(work.tx, row.id, before)?
        && matches!(span.reason, Reason::Paused | Reason::Excluded | Reason::ByUser)
        && span.last > since
        && row.last_at.is_none_or(|last| last < span.first)
    {
        before = span.first;
        let is_paused = span.reason == Reason::Paused;
        n_paused += if is_paused { span.n } else { 0 };
        if is_paused || !spans.is_empty() {
            spans.push(span);
        }
    }
    let n = spans.iter().rposition(|span| span.reason == Reason::Paused).map_or(0, |last| last + 1);
    spans.truncate(n);
    Ok(spans)
}

/// A schedule whose cursor or backlog is ahead of now: all of it returns, and it is planned anew.
pub(crate) fn return_to_now(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let from = row.cursor_at;
    if let Some(next) = row.next_at {
        work.cache.due.remove(&(next, row.id));
    }
    let name = work.cache.job_names.get(&row.job_id).cloned().unwrap_or_default();
    let calendar = work.cache.calendar_of(work.settings, &row, &name)?;
    rewind(work, &mut row, &calendar)?;
    place(work, from, &mut row, &calendar)
}

/// Cancels the runs of a job of which nothing was claimed.
pub(crate) fn cancel_queued(work: &mut Work<'_>, job: &JobRow, by: &str) -> Result<(), StoreError> {
    for id in run::queued_of_job(work.tx, job.id)? {
        super::command::cancel_run(work, id, by, Haste::None)?;
    }
    Ok(())
}
