//! Starts by hand: a job through the gate, or tasks that belong to no job.

use crate::engine::begin::{self, Birth, Entry};
use crate::engine::gate::{self, Wanted};
use crate::engine::input::{Answer, NotBefore, Start, Submission};
use crate::engine::work::{Subject, Work};
use crate::model::definition::{Job, Overlap};
use crate::model::event::EventType;
use crate::model::outcome::{Cause, Reason};
use crate::model::policy::param;
use crate::model::refused::Refused;
use crate::store::{StoreError, job};

/// Starts a job by hand. It consumes no due time; where the gate refuses it, an event says why.
pub(super) fn start(work: &mut Work<'_>, start: &Start) -> Result<Result<Answer, Refused>, StoreError> {
    let Some(mut row) = job::by_name(work.tx, &start.job)? else {
        return Ok(Err(Refused::NotFound { what: "job", name: start.job.clone() }));
    };
    if row.is_retired {
        return Ok(Err(Refused::JobRetired { job: start.job.clone() }));
    }
    if work.session.is_draining {
        return Ok(Err(Refused::Stopping));
    }
    let defined = work.cache.defined(work.tx, row.definition_id)?;
    let params = match param::accept(&defined.job.params, &start.params, &mut work.cache.expressions) {
        Ok(params) => params,
        Err(problems) => return Ok(Err(Refused::InvalidParams { job: start.job.clone(), problems })),
    };
    // Whoever starts it means the time that its schedule would mean.
    let of_schedule = || defined.job.schedules.first().map(|schedule| schedule.timezone.clone());
    let wanted = Wanted {
        cause: Cause::Manual,
        scheduled_at: start.at,
        timezone: start.timezone.clone().or_else(of_schedule),
        force: start.force,
        is_caught_up: false,
        backfill: None,
        params,
        expires: None,
    };
    match gate::admit(work, &mut row, wanted)? {
        Ok((run, number)) => Ok(Ok(Answer::Started { run, number })),
        Err(reason) => {
            let subject = Subject { job: Some(&row.name), defined: Some(&defined), ..Subject::default() };
            let data = serde_json::json!({ "cause": Cause::Manual.as_str(), "reason": reason.as_str() });
            work.record(EventType::OccurrenceSkipped, subject, data)?;
            let job = start.job.clone();
            Ok(Err(match (&defined.job.precondition, reason) {
                (Some(expression), Reason::Condition) => {
                    Refused::ConditionFalse { job, expression: expression.clone() }
                }
                (_, reason) => Refused::NotAdmitted { job, reason },
            }))
        }
    }
}

/// Makes a run for each task.
pub(super) fn submit(work: &mut Work<'_>, submissions: &[Submission]) -> Result<Result<Answer, Refused>, StoreError> {
    if work.session.is_draining {
        return Ok(Err(Refused::Stopping));
    }
    if let Some(problem) = beyond(work, submissions) {
        return Ok(Err(Refused::BadRequest { problem }));
    }
    let mut runs = Vec::with_capacity(submissions.len());
    let mut last: Option<(&Submission, _)> = None;
    for submission in submissions {
        // Batches are mostly of one kind: what was interned a moment ago need not be written and hashed again.
        let defined = match last.take().filter(|(before, _)| before.task == submission.task) {
            Some((_, defined)) => defined,
            None => work.cache.define(work.tx, ad_hoc(submission))?,
        };
        last = Some((submission, std::sync::Arc::clone(&defined)));
        let birth = Birth {
            id: work.ids.run(),
            job: None,
            defined,
            cause: Cause::Manual,
            scheduled_at: match submission.not_before {
                Some(NotBefore::At(at)) => Some(at),
                Some(NotBefore::In(_)) | None => None,
            },
            timezone: None,
            priority: submission.priority.number(),
            params: serde_json::Map::new(),
            not_before: submission.not_before,
            entry: Entry::Admitted,
            is_caught_up: false,
            backfill: None,
            expires: None,
        };
        runs.push(begin::run(work, &birth)?.0);
    }
    Ok(Ok(Answer::Submitted(runs)))
}

/// What is wrong with the pools that they take from. Nobody would see them wait for ever.
fn beyond(work: &Work<'_>, submissions: &[Submission]) -> Option<String> {
    let takes = |submission: &&Submission| !submission.task.pools.is_empty();
    submissions.iter().find(takes)?;
    let sizes = work.cache.queue.sizes();
    let (name, weight) = submissions.iter().find_map(|submission| submission.task.pools.beyond(&sizes))?;
    Some(match sizes.get(name) {
        Some(size) => format!("`{name}` is a pool of {size}, and {weight} of it are asked for"),
        None => format!("there is no pool `{name}` in the configuration"),
    })
}

/// The job that would do only this.
fn ad_hoc(submission: &Submission) -> Job {
    Job {
        overlap: Overlap::Allow,
        priority: submission.priority,
        tasks: vec![submission.task.clone()],
        ..Job::default()
    }
}
