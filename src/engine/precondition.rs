//! Preconditions: what is asked once the gate has let a run in and before anything of it starts.
//!
//! An expression is asked here, at the gate: it sees nothing but what the run begins with, so its answer is the same whenever
//! it is asked, and a run is made only if it is not false. One that cannot be evaluated is not false: its run is made, and the
//! first of its tasks that is claimed fails of it (`values::task`), so that somebody hears of it.
//!
//! A command is asked by the first task of the run, and is no matter of this file but for the end: a run whose precondition
//! said no was made for a due time that came to nothing, and the ledger's event says so in the step in which the run ends.

use serde_json::json;

use super::begin::{self, Birth};
use super::observed::Observed;
use super::values;
use super::work::{Run, Work};
use crate::model::event::EventType;
use crate::model::outcome::{Cause, Reason};
use crate::store::run::RunRow;
use crate::store::{StoreError, job, ledger};

/// Whether nothing but a command can keep this run, which is about to be made, from doing what it does.
pub(crate) fn holds(work: &mut Work<'_>, birth: &Birth<'_>) -> Result<bool, StoreError> {
    let Some(expression) = &birth.defined.job.precondition else { return Ok(true) };
    let number = birth.job.map(|job| job::next_number(work.tx, job.id)).transpose()?;
    let row = begin::draft(work, birth, number);
    let name = birth.job.map(|job| job.name.as_str());
    Ok(asked(work, expression, &row, name)?.unwrap_or(true))
}

/// Why the precondition of a run that was made cannot be evaluated, if so.
pub(crate) fn fault(work: &mut Work<'_>, run: &Run) -> Result<Option<String>, StoreError> {
    let Some(expression) = &run.defined.job.precondition else { return Ok(None) };
    let answer = asked(work, expression, &run.row, run.job.as_deref())?;
    Ok(answer.err().map(|why| format!("`precondition.expression`: {why}")))
}

fn asked(
    work: &mut Work<'_>,
    expression: &str,
    row: &RunRow,
    name: Option<&str>,
) -> Result<Result<bool, String>, StoreError> {
    let known = values::at_birth(work, row, name)?;
    Ok(work.cache.templates.holds(expression, &known))
}

/// The precondition of a run that has just ended said no: so its due time, if it has one, came to nothing.
pub(crate) fn said_no(work: &mut Work<'_>, run: &Run) -> Result<(), StoreError> {
    let (Cause::Occurrence, Some(job), Some(due)) = (run.row.cause, run.row.job_id, run.row.scheduled_at) else {
        return Ok(());
    };
    let reason = Reason::Condition;
    let Some(schedule) = ledger::came_to_nothing(work.tx, job, due, run.row.id, reason)? else { return Ok(()) };
    let name = run.job.as_deref().unwrap_or_default().to_owned();
    work.observe(Observed::Skipped { job: name, reason, n: 1 });
    let due = due.to_string();
    let data = json!({
        "schedule": schedule, "reason": reason.as_str(), "first_due_at": due, "last_due_at": due, "n": 1,
    });
    work.record(EventType::OccurrenceSkipped, run.subject(None), data)
}
