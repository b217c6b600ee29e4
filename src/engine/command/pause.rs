//! A pause is an intent beside the state: due times are answered `paused`, what is live goes on. A pause of everything
//! also stops claims.

use serde_json::json;

use crate::engine::answer;
use crate::engine::input::Answer;
use crate::engine::work::{Subject, Work};
use crate::model::event::EventType;
use crate::model::refused::Refused;
use crate::store::{StoreError, fact, job as jobs};

/// Starts nothing of a job, or nothing at all.
pub(super) fn pause(work: &mut Work<'_>, job: Option<&str>, by: &str) -> Result<Result<Answer, Refused>, StoreError> {
    set(work, job, by, true)
}

/// Takes back a pause.
pub(super) fn resume(work: &mut Work<'_>, job: Option<&str>, by: &str) -> Result<Result<Answer, Refused>, StoreError> {
    set(work, job, by, false)
}

fn set(work: &mut Work<'_>, job: Option<&str>, by: &str, pause: bool) -> Result<Result<Answer, Refused>, StoreError> {
    let (kind, state) = if pause { (EventType::JobPaused, "paused") } else { (EventType::JobResumed, "active") };
    let now = work.now.wall;
    let Some(name) = job else {
        if work.cache.is_paused == pause {
            return Ok(Err(Refused::Already { what: "the daemon".to_owned(), state }));
        }
        if !pause {
            answer::pass_over(work, None)?;
        }
        if pause {
            fact::set(work.tx, "paused_at", &now.as_micros().to_string())?;
            fact::set(work.tx, "paused_by", by)?;
        } else {
            fact::forget(work.tx, "paused_at")?;
            fact::forget(work.tx, "paused_by")?;
        }
        work.cache.is_paused = pause;
        work.cache.stir(None);
        work.record(kind, Subject::default(), json!({ "by": by }))?;
        return Ok(Ok(Answer::Done));
    };
    let Some(row) = jobs::by_name(work.tx, name)? else {
        return Ok(Err(Refused::NotFound { what: "job", name: name.to_owned() }));
    };
    let changed = if pause { jobs::pause(work.tx, row.id, now, by)? } else { jobs::resume(work.tx, row.id)? };
    if !changed {
        return Ok(Err(Refused::Already { what: format!("job `{name}`"), state }));
    }
    if !pause {
        answer::pass_over(work, Some(row.id))?;
    }
    work.cache.stir(Some(row.id));
    let defined = work.cache.defined(work.tx, row.definition_id)?;
    let subject = Subject { job: Some(name), defined: Some(&defined), ..Subject::default() };
    work.record(kind, subject, json!({ "by": by }))?;
    Ok(Ok(Answer::Done))
}
