//! The ledger: every due time's answer, either an occurrence, which started a run, or part of a span, which did not.

use super::{StoreError, Tx};
use crate::model::id::{JobId, RunId, ScheduleId};
use crate::model::outcome::Reason;
use crate::model::time::catch_up::Span;
use crate::model::timestamp::Timestamp;

const START: &str = "INSERT INTO occurrence (schedule_id, due_at, run_id) VALUES (?1, ?2, ?3)";
const STARTED: &str = "SELECT 1 FROM occurrence WHERE schedule_id = ?1 AND due_at = ?2";
const ANSWERED: &str = "
SELECT 1 FROM occurrence WHERE schedule_id = ?1 AND due_at = ?2
 UNION ALL SELECT 1 FROM span WHERE schedule_id = ?1 AND first_due_at = ?2 LIMIT 1";
const CAME_TO_NOTHING: &str = "
UPDATE occurrence SET reason = ?4
 WHERE reason IS NULL AND due_at = ?2 AND run_id = ?3 AND schedule_id IN (SELECT id FROM schedule WHERE job_id = ?1)
RETURNING (SELECT key FROM schedule WHERE id = schedule_id)";
const STARTS: &str = "
SELECT due_at FROM occurrence WHERE schedule_id = ?1 AND due_at > ?2 AND due_at <= ?3 ORDER BY due_at LIMIT ?4";
const NEWEST_SPAN: &str = "
SELECT first_due_at, last_due_at, n, reason, revision FROM span
 WHERE schedule_id = ?1 AND first_due_at < ?2 ORDER BY first_due_at DESC LIMIT 1";
const INSERT_SPAN: &str = "
INSERT INTO span (schedule_id, first_due_at, last_due_at, n, reason, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const EXTEND_SPAN: &str = "
UPDATE span SET last_due_at = ?3, n = n + ?4 WHERE schedule_id = ?1 AND first_due_at = ?2";
const SPANS_AHEAD: &str = "
SELECT first_due_at, last_due_at, n, reason FROM span WHERE schedule_id = ?1 AND last_due_at > ?2";
const CUT_SPAN: &str = "UPDATE span SET last_due_at = ?3, n = ?4 WHERE schedule_id = ?1 AND first_due_at = ?2";
const VOID_SPAN: &str = "DELETE FROM span WHERE schedule_id = ?1 AND first_due_at = ?2";

/// This due time started this run; a second start of one due time is an error.
pub(crate) fn start(tx: &Tx<'_>, schedule: ScheduleId, due: Timestamp, run: RunId) -> Result<(), StoreError> {
    tx.execute(START, &[&schedule, &due, &run]).map(drop)
}

/// Whether this due time has started a run.
pub(crate) fn has_started(tx: &Tx<'_>, schedule: ScheduleId, due: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.one(STARTED, &[&schedule, &due], |_| Ok(()))?.is_some())
}

/// The run that this due time of the job started came to nothing, for this reason; returns the key of the schedule.
pub(crate) fn came_to_nothing(
    tx: &Tx<'_>,
    job: JobId,
    due: Timestamp,
    run: RunId,
    reason: Reason,
) -> Result<Option<String>, StoreError> {
    tx.one(CAME_TO_NOTHING, &[&job, &due, &run, &reason.as_str()], |row| Ok(row.get(0)?))
}

/// Whether this very instant has an answer of its own.
pub(crate) fn is_answered(tx: &Tx<'_>, schedule: ScheduleId, due: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.one(ANSWERED, &[&schedule, &due], |_| Ok(()))?.is_some())
}

/// The first `limit` due times in (after, until] that started runs.
pub(crate) fn starts(
    tx: &Tx<'_>,
    schedule: ScheduleId,
    after: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Timestamp>, StoreError> {
    tx.all(STARTS, &[&schedule, &after, &until, &limit], |row| Ok(row.get(0)?))
}

/// The newest span that begins before `before`, and the revision it is of.
pub(crate) fn newest_span(
    tx: &Tx<'_>,
    schedule: ScheduleId,
    before: Timestamp,
) -> Result<Option<(Span, i64)>, StoreError> {
    tx.one(NEWEST_SPAN, &[&schedule, &before], |row| Ok((read_span(schedule, row)?, row.get(4)?)))
}

/// Records a span.
pub(crate) fn skip(tx: &Tx<'_>, schedule: ScheduleId, span: Span, revision: i64) -> Result<(), StoreError> {
    let n = i64::try_from(span.n).unwrap_or(i64::MAX);
    let values: &[&dyn rusqlite::ToSql] = &[&schedule, &span.first, &span.last, &n, &span.reason.as_str(), &revision];
    tx.execute(INSERT_SPAN, values).map(drop)
}

/// Joins the span `by` to the one that begins at `first`.
pub(crate) fn extend(tx: &Tx<'_>, schedule: ScheduleId, first: Timestamp, by: Span) -> Result<(), StoreError> {
    let n = i64::try_from(by.n).unwrap_or(i64::MAX);
    tx.execute(EXTEND_SPAN, &[&schedule, &first, &by.last, &n]).map(drop)
}

fn read_span(schedule: ScheduleId, row: &rusqlite::Row<'_>) -> Result<Span, StoreError> {
    let reason: String = row.get(3)?;
    Ok(Span {
        first: row.get(0)?,
        last: row.get(1)?,
        n: row.get::<_, i64>(2)?.cast_unsigned(),
        reason: reason.parse().map_err(|error| StoreError::unreadable(format!("a span of {schedule}"), error))?,
    })
}

/// The spans that reach past `now`.
pub(crate) fn spans_ahead(tx: &Tx<'_>, schedule: ScheduleId, now: Timestamp) -> Result<Vec<Span>, StoreError> {
    tx.all(SPANS_AHEAD, &[&schedule, &now], |row| read_span(schedule, row))
}

/// Ends a span earlier than it did; without an end it is as if it had never been.
pub(crate) fn cut(
    tx: &Tx<'_>,
    schedule: ScheduleId,
    first: Timestamp,
    end: Option<(Timestamp, u64)>,
) -> Result<(), StoreError> {
    match end {
        Some((last, n)) => {
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            tx.execute(CUT_SPAN, &[&schedule, &first, &last, &n]).map(drop)
        }
        None => tx.execute(VOID_SPAN, &[&schedule, &first]).map(drop),
    }
}
