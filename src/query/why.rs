//! What became of a due time: a run, a reason, a place in the backlog, or that it lies ahead. Every due time since a
//! schedule was first loaded has an answer here, as long as its record is kept.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::column::{at, maybe_at, unsigned};
use super::failure::Failure;
use super::job::{readable, row_id};
use super::next::calendar;
use super::reader::Reader;
use crate::model::definition;
use crate::model::duration::Duration;
use crate::model::id::{BackfillId, RunId};
use crate::model::outcome::Reason;
use crate::model::refused::Refused;
use crate::model::time::{Calendar, MICROSECOND};
use crate::model::timestamp::Timestamp;
use crate::tzdb::Tzdb;
use crate::wire::Why;
use crate::wire::why::{WhyAnswer, WhyBackfilled, WhyKind};

/// Why `job` did, or did not, start at that instant.
pub fn why(reader: &Reader, zones: &Tzdb, job: &str, instant: Timestamp) -> Result<Why, Refused> {
    reader.read(|tx| {
        let job_id = row_id(tx, job)?;
        let schedules = schedules(tx, job_id, job, zones)?;
        let mut why = Why {
            job: job.to_owned(),
            at: instant,
            answers: Vec::new(),
            backfilled: backfilled(tx, job_id, instant)?,
            previous_due_at: None,
            next_due_at: None,
            problems: schedules.iter().filter_map(Standing::problem).collect(),
            text: String::new(),
        };
        for schedule in &schedules {
            why.answers.extend(answer(tx, schedule, instant)?);
        }
        let in_force = || {
            schedules.iter().filter(|schedule| !schedule.retired).filter_map(|schedule| schedule.calendar.as_ref().ok())
        };
        let (long_ago, before) = (instant.minus(Duration::MAX), instant.minus(MICROSECOND));
        why.previous_due_at = in_force().filter_map(|calendar| calendar.newest(long_ago, before)).max();
        let following = schedules.iter().filter_map(Standing::after_end).filter(|at| *at > instant);
        why.next_due_at = in_force().filter_map(|calendar| calendar.next_after(instant)).chain(following).min();
        let is_over = !schedules.is_empty() && schedules.iter().all(|schedule| schedule.retired);
        why.text = sentence(&why, is_over);
        Ok(why)
    })
}

struct Standing {
    id: i64,
    key: String,
    /// The rule, or why it cannot be evaluated.
    calendar: Result<Calendar, String>,
    cursor_at: Timestamp,
    next_at: Option<Timestamp>,
    backlog: Option<(Timestamp, Timestamp)>,
    retired: bool,
}

impl Standing {
    fn problem(&self) -> Option<String> {
        let why = self.calendar.as_ref().err().filter(|_| !self.retired)?;
        Some(format!("the schedule `{}` cannot be evaluated: {why}", self.key))
    }

    /// When it is due next, if that is known and no clock tells it.
    fn after_end(&self) -> Option<Timestamp> {
        self.next_at.filter(|_| !self.has_times())
    }

    fn has_times(&self) -> bool {
        self.calendar.as_ref().map_or(true, |calendar| calendar.rule().has_times())
    }
}

const SCHEDULES: &str = "
SELECT id, key, body, cursor_at, backlog_after, backlog_until, retired_at IS NOT NULL, next_at FROM schedule
 WHERE job_id = ?1
 ORDER BY id";

fn schedules(tx: &Transaction<'_>, job_id: i64, job: &str, zones: &Tzdb) -> Result<Vec<Standing>, Failure> {
    let mut statement = tx.prepare_cached(SCHEDULES)?;
    let mut rows = statement.query([job_id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let defined: Result<definition::Schedule, _> = readable(job, &row.get::<_, String>(2)?);
        found.push(Standing {
            id: row.get(0)?,
            key: row.get(1)?,
            calendar: match defined {
                Ok(defined) => calendar(job, &defined, zones),
                Err(unreadable) => Err(unreadable.to_string()),
            },
            cursor_at: at(row, 3)?,
            backlog: maybe_at(row, 4)?.zip(maybe_at(row, 5)?),
            retired: row.get(6)?,
            next_at: maybe_at(row, 7)?,
        });
    }
    Ok(found)
}

fn answer(tx: &Transaction<'_>, schedule: &Standing, instant: Timestamp) -> Result<Option<WhyAnswer>, Failure> {
    // A recorded start is believed whatever the rule says today.
    if let Some(started) = occurrence(tx, schedule, instant)? {
        return Ok(Some(started));
    }
    if !schedule.has_times() {
        // What no clock tells was due if that is recorded: a span is sure of its ends alone.
        let skipped = span(tx, schedule, instant)?;
        let is_end = |span: &WhyAnswer| [span.first_due_at, span.last_due_at].contains(&Some(instant));
        let is_next = schedule.after_end() == Some(instant);
        return Ok(skipped.filter(is_end).or_else(|| is_next.then(|| plain(schedule, WhyKind::Pending))));
    }
    // And so is a recorded reason, where there is no rule that could say otherwise.
    let is_due = schedule.calendar.as_ref().map(|calendar| calendar.rule().is_due_at(instant));
    if matches!(is_due, Ok(false)) {
        return Ok(None);
    }
    if let Some(skipped) = span(tx, schedule, instant)? {
        return Ok(Some(skipped));
    }
    if is_due.is_err() {
        return Ok(None);
    }
    let is_ahead = instant > schedule.cursor_at;
    let waits = schedule.backlog.is_some_and(|(after, until)| after < instant && instant <= until);
    // What is excluded is recorded only when the cursor moves over it, and known all the time.
    let is_excluded = schedule.calendar.as_ref().is_ok_and(|calendar| calendar.is_excluded(instant));
    if is_excluded && (waits || is_ahead && !schedule.retired) {
        let reason = Some(Reason::Excluded.as_str().to_owned());
        return Ok(Some(WhyAnswer { reason, ..plain(schedule, WhyKind::Skipped) }));
    }
    if (waits || is_ahead && !schedule.retired) && is_skipped(tx, schedule, instant)? {
        let reason = Some(Reason::ByUser.as_str().to_owned());
        return Ok(Some(WhyAnswer { reason, ..plain(schedule, WhyKind::Skipped) }));
    }
    let kind = match (waits, is_ahead, schedule.retired) {
        (_, true, true) => return Ok(None),
        (true, _, _) => WhyKind::Backlog,
        (false, true, false) => WhyKind::Pending,
        (false, false, _) => WhyKind::Unrecorded,
    };
    Ok(Some(plain(schedule, kind)))
}

const IS_SKIPPED: &str = "SELECT 1 FROM planned_skip WHERE schedule_id = ?1 AND due_at = ?2";

/// Whether somebody has skipped a due time that has no answer yet.
fn is_skipped(tx: &Transaction<'_>, schedule: &Standing, instant: Timestamp) -> Result<bool, Failure> {
    Ok(tx.prepare_cached(IS_SKIPPED)?.exists(params![schedule.id, instant.as_micros()])?)
}

fn plain(schedule: &Standing, answer: WhyKind) -> WhyAnswer {
    WhyAnswer {
        schedule: schedule.key.clone(),
        answer,
        run_id: None,
        run_state: None,
        reason: None,
        first_due_at: None,
        last_due_at: None,
        n: None,
    }
}

const OCCURRENCE: &str = "
SELECT o.run_id, r.state, o.reason
  FROM occurrence o
  LEFT JOIN run r ON r.id = o.run_id
 WHERE o.schedule_id = ?1 AND o.due_at = ?2";

fn occurrence(tx: &Transaction<'_>, schedule: &Standing, instant: Timestamp) -> Result<Option<WhyAnswer>, Failure> {
    let read = |row: &Row<'_>| {
        let started = WhyAnswer {
            run_id: Some(RunId::from_bytes(row.get(0)?)),
            run_state: row.get(1)?,
            ..plain(schedule, WhyKind::Run)
        };
        let reason: Option<String> = row.get(2)?;
        if reason.is_none() {
            return Ok(started);
        }
        // The run came to nothing.
        let (first_due_at, last_due_at, n) = (Some(instant), Some(instant), Some(1));
        Ok(WhyAnswer { answer: WhyKind::Skipped, reason, first_due_at, last_due_at, n, ..started })
    };
    let found = tx.prepare_cached(OCCURRENCE)?.query_row(params![schedule.id, instant.as_micros()], read);
    Ok(found.optional()?)
}

// Spans of one schedule never overlap, so only the nearest can hold the instant.
const SPAN: &str = "
SELECT reason, first_due_at, last_due_at, n FROM span
 WHERE schedule_id = ?1 AND first_due_at <= ?2
 ORDER BY first_due_at DESC LIMIT 1";

fn span(tx: &Transaction<'_>, schedule: &Standing, instant: Timestamp) -> Result<Option<WhyAnswer>, Failure> {
    let read = |row: &Row<'_>| {
        Ok(WhyAnswer {
            reason: row.get(0)?,
            first_due_at: maybe_at(row, 1)?,
            last_due_at: maybe_at(row, 2)?,
            n: Some(unsigned(row, 3)?),
            ..plain(schedule, WhyKind::Skipped)
        })
    };
    let found = tx.prepare_cached(SPAN)?.query_row(params![schedule.id, instant.as_micros()], read);
    Ok(found.optional()?.filter(|span| span.last_due_at >= Some(instant)))
}

/// So many runs of backfills are told of one due time.
const MAX_BACKFILLED: i64 = 20;

const BACKFILLED: &str = "
SELECT id, state, backfill_id FROM run
 WHERE job_id = ?1 AND scheduled_at = ?2 AND backfill_id IS NOT NULL
 ORDER BY id LIMIT ?3";

fn backfilled(tx: &Transaction<'_>, job_id: i64, instant: Timestamp) -> Result<Vec<WhyBackfilled>, Failure> {
    let read = |row: &Row<'_>| {
        Ok(WhyBackfilled {
            run_id: RunId::from_bytes(row.get(0)?),
            run_state: row.get(1)?,
            backfill_id: BackfillId::from_bytes(row.get(2)?),
        })
    };
    let mut statement = tx.prepare_cached(BACKFILLED)?;
    let rows = statement.query_map(params![job_id, instant.as_micros(), MAX_BACKFILLED], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn sentence(why: &Why, is_over: bool) -> String {
    let backfilled = why.backfilled.iter().map(|again| {
        let (backfill, run) = (again.backfill_id.short(), again.run_id.short());
        format!("backfill {backfill} started run {run} for it, which is {}", again.run_state)
    });
    std::iter::once(answered(why, is_over))
        .chain(backfilled)
        .chain(why.problems.iter().cloned())
        .collect::<Vec<_>>()
        .join("; ")
}

fn answered(why: &Why, is_over: bool) -> String {
    let (job, at) = (&why.job, shown(why.at));
    if !why.answers.is_empty() {
        let parts: Vec<String> = why.answers.iter().map(said).collect();
        return format!("`{job}` was to start at {at}: {}", parts.join("; "));
    }
    match (why.previous_due_at.map(shown), why.next_due_at.map(shown)) {
        (None, None) if !why.problems.is_empty() => format!("nothing is recorded of `{job}` at {at}"),
        (None, None) if is_over => {
            format!("`{job}` was not due at {at}, and none of its schedules is in force any more")
        }
        (None, None) => format!("`{job}` is due by no clock"),
        (Some(previous), None) => format!("`{job}` is not due at {at}; its last due time is {previous}"),
        (None, Some(next)) => format!("`{job}` is not due at {at}; its first due time is {next}"),
        (Some(previous), Some(next)) => {
            format!("`{job}` is not due at {at}; the due times beside it are {previous} and {next}")
        }
    }
}

/// Due times are whole seconds; a fraction would only be noise.
fn shown(at: Timestamp) -> String {
    at.to_chrono().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

fn said(answer: &WhyAnswer) -> String {
    match answer.answer {
        WhyKind::Run => {
            let run = answer.run_id.map(|run| run.short()).unwrap_or_default();
            match &answer.run_state {
                Some(state) => format!("it started run {run}, which is {state}"),
                None => format!("it started run {run}, which is no longer kept"),
            }
        }
        WhyKind::Skipped => {
            let reason = answer.reason.as_deref().unwrap_or_default();
            let meaning = reason.parse().map_or("", meaning);
            match (answer.n, answer.first_due_at, answer.last_due_at) {
                (Some(n), Some(first), Some(last)) if n > 1 => {
                    let (first, last) = (shown(first), shown(last));
                    format!("it did not ({reason}: {meaning}), nor did the others of {n} from {first} to {last}")
                }
                (None, ..) => format!("it starts nothing ({reason}: {meaning})"),
                _ if answer.run_id.is_some() => {
                    let run = answer.run_id.map(|run| run.short()).unwrap_or_default();
                    format!("it did not ({reason}: {meaning}); `campanile ctl logs {run}` shows what was said")
                }
                _ => format!("it did not ({reason}: {meaning})"),
            }
        }
        WhyKind::Backlog => "it was missed and waits to be caught up".to_owned(),
        WhyKind::Pending => "it lies ahead".to_owned(),
        WhyKind::Unrecorded => "that was before the schedule was first loaded, or is no longer kept".to_owned(),
    }
}

/// The reason in words.
pub fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::Overlap => "as many runs as may be were live",
        Reason::Paused => "the job, or everything, was paused",
        Reason::MissedWindow => "it was missed, and catching up does not reach it",
        Reason::Coalesced => "it was missed, and a newer one stands for it",
        Reason::QueueFull => "as many runs as may be were queued",
        Reason::Excluded => "its schedule excludes that time",
        Reason::Deadline => "it was looked at too late to be of use",
        Reason::Retired => "its schedule was changed or removed",
        Reason::ByUser => "somebody skipped it",
        Reason::Condition => "its precondition did not hold",
    }
}
