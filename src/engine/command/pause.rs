//! A pause is an intent beside the state: due times are answered `paused`, what is live goes on. A pause of everything
//! also stops claims. It may end by itself, and a job that fails too often pauses itself.
//!
//! A resumed schedule starts at now. Of the due times that passed meanwhile, whoever resumes may have the newest or several
//! started after all; the ledger then forgets that they were answered `paused`.

use serde_json::{Map, Value, json};

use crate::engine::input::Answer;
use crate::engine::work::{Subject, Work};
use crate::engine::{answer, step};
use crate::model::definition::CatchUp;
use crate::model::event::EventType;
use crate::model::id::JobId;
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;
use crate::store::job::{JobRow, Pause};
use crate::store::{StoreError, fact, job as jobs, schedule};

/// How long a note may be.
const MAX_NOTE: usize = 1024;

/// Starts nothing of a job, or nothing at all; or changes what such a pause says.
pub(super) fn pause(
    work: &mut Work<'_>,
    job: Option<&str>,
    pause: &Pause,
) -> Result<Result<Answer, Refused>, StoreError> {
    if let Some(problem) = problem(pause, work.now.wall) {
        return Ok(Err(Refused::BadRequest { problem }));
    }
    let says_more = pause.note.is_some() || pause.until.is_some();
    let Some(name) = job else {
        if work.cache.is_paused && !says_more {
            return Ok(Err(Refused::Already { what: "the daemon".to_owned(), state: "paused" }));
        }
        pause_all(work, pause)?;
        return Ok(Ok(Answer::Done));
    };
    let Some(row) = jobs::by_name(work.tx, name)? else {
        return Ok(Err(Refused::NotFound { what: "job", name: name.to_owned() }));
    };
    if row.paused_at.is_some() && !says_more {
        return Ok(Err(Refused::Already { what: format!("job `{name}`"), state: "paused" }));
    }
    pause_job(work, &row, pause)?;
    Ok(Ok(Answer::Done))
}

fn problem(pause: &Pause, now: Timestamp) -> Option<String> {
    if pause.until.is_some_and(|until| until <= now) {
        return Some("`until` has passed".to_owned());
    }
    let note = pause.note.as_deref()?;
    let is_fit = note.len() <= MAX_NOTE && !note.chars().any(char::is_control);
    (!is_fit).then(|| format!("`note` is one line of at most {MAX_NOTE} bytes"))
}

/// Starts nothing at all.
pub(crate) fn pause_all(work: &mut Work<'_>, pause: &Pause) -> Result<(), StoreError> {
    if !work.cache.is_paused {
        fact::set(work.tx, "paused_at", &work.now.wall.as_micros().to_string())?;
    }
    fact::set(work.tx, "paused_by", &pause.by)?;
    let until = pause.until.map(|until| until.as_micros().to_string());
    for (name, value) in [("paused_note", &pause.note), ("paused_until", &until)] {
        match value {
            Some(value) => fact::set(work.tx, name, value)?,
            None => fact::forget(work.tx, name)?,
        }
    }
    work.cache.is_paused = true;
    work.cache.pause_ends(None, pause.until);
    work.record(EventType::JobPaused, Subject::default(), told(pause))
}

/// Starts nothing of this job.
pub(crate) fn pause_job(work: &mut Work<'_>, row: &JobRow, pause: &Pause) -> Result<(), StoreError> {
    jobs::pause(work.tx, row.id, work.now.wall, pause)?;
    work.cache.pause_ends(Some(row.id), pause.until);
    let defined = work.cache.defined(work.tx, row.definition_id)?;
    let subject = Subject { job: Some(&row.name), defined: Some(&defined), ..Subject::default() };
    work.record(EventType::JobPaused, subject, told(pause))
}

fn told(pause: &Pause) -> Value {
    let mut data = Map::from_iter([("by".to_owned(), Value::from(pause.by.as_str()))]);
    data.extend(pause.note.as_deref().map(|note| ("note".to_owned(), note.into())));
    data.extend(pause.until.map(|until| ("until".to_owned(), until.to_string().into())));
    Value::Object(data)
}

/// Takes back a pause.
pub(super) fn resume(
    work: &mut Work<'_>,
    job: Option<&str>,
    by: &str,
    catch_up: CatchUp,
) -> Result<Result<Answer, Refused>, StoreError> {
    let Some(name) = job else {
        if !work.cache.is_paused {
            return Ok(Err(Refused::Already { what: "the daemon".to_owned(), state: "active" }));
        }
        resume_all(work, by, catch_up)?;
        return Ok(Ok(Answer::Done));
    };
    let Some(row) = jobs::by_name(work.tx, name)? else {
        return Ok(Err(Refused::NotFound { what: "job", name: name.to_owned() }));
    };
    let Some(since) = row.paused_at else {
        return Ok(Err(Refused::Already { what: format!("job `{name}`"), state: "active" }));
    };
    resume_job(work, &row, since, by, catch_up)?;
    Ok(Ok(Answer::Done))
}

fn resume_all(work: &mut Work<'_>, by: &str, catch_up: CatchUp) -> Result<(), StoreError> {
    let since = fact::get(work.tx, "paused_at")?.unwrap_or_default();
    let since = since.parse().map_err(|error| StoreError::unreadable("fact `paused_at`", error))?;
    answer::pass_over(work, None)?;
    for name in ["paused_at", "paused_by", "paused_note", "paused_until"] {
        fact::forget(work.tx, name)?;
    }
    work.cache.is_paused = false;
    work.cache.pause_ends(None, None);
    if catch_up != CatchUp::None {
        for due in schedule::due(work.tx)? {
            step::guarded(work, step::Culprit::Schedule(due.id), |work| {
                answer::reclaim(work, due.id, Timestamp::from_micros(since), catch_up)
            })?;
        }
    }
    work.cache.stir(None);
    work.record(EventType::JobResumed, Subject::default(), json!({ "by": by }))
}

fn resume_job(
    work: &mut Work<'_>,
    row: &JobRow,
    since: Timestamp,
    by: &str,
    catch_up: CatchUp,
) -> Result<(), StoreError> {
    answer::pass_over(work, Some(row.id))?;
    jobs::resume(work.tx, row.id)?;
    work.cache.pause_ends(Some(row.id), None);
    if catch_up != CatchUp::None {
        for schedule in schedule::of_job(work.tx, row.id)?.iter().filter(|schedule| !schedule.is_retired) {
            answer::reclaim(work, schedule.id, since, catch_up)?;
        }
    }
    work.cache.stir(Some(row.id));
    let defined = work.cache.defined(work.tx, row.definition_id)?;
    let subject = Subject { job: Some(&row.name), defined: Some(&defined), ..Subject::default() };
    work.record(EventType::JobResumed, subject, json!({ "by": by }))
}

/// A pause ends by itself, if it still says so.
pub(crate) fn end(work: &mut Work<'_>, job: Option<JobId>) -> Result<(), StoreError> {
    let by = "the end of the pause";
    match job {
        None if work.cache.is_paused => resume_all(work, by, CatchUp::None),
        None => Ok(()),
        Some(id) => {
            let row = jobs::get(work.tx, id)?;
            match row.paused_at {
                Some(since) => resume_job(work, &row, since, by, CatchUp::None),
                None => Ok(()),
            }
        }
    }
}
