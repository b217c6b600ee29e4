//! Due times ahead that somebody has skipped. A row goes when its due time comes.

use super::{StoreError, Tx};
use crate::model::id::ScheduleId;
use crate::model::timestamp::Timestamp;

const INSERT: &str = "
INSERT INTO planned_skip (schedule_id, due_at, by) VALUES (?1, ?2, ?3) ON CONFLICT (schedule_id, due_at) DO NOTHING";
const DELETE: &str = "DELETE FROM planned_skip WHERE schedule_id = ?1 AND due_at = ?2";
const PRUNE: &str = "
DELETE FROM planned_skip
 WHERE due_at <= (SELECT coalesce(backlog_after, cursor_at) FROM schedule WHERE schedule.id = planned_skip.schedule_id)";
const ALL: &str = "SELECT schedule_id, due_at FROM planned_skip";

/// Remembers it; `false` if somebody did before.
pub(crate) fn insert(tx: &Tx<'_>, schedule: ScheduleId, due: Timestamp, by: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(INSERT, &[&schedule, &due, &by])? == 1)
}

/// Forgets it.
pub(crate) fn delete(tx: &Tx<'_>, schedule: ScheduleId, due: Timestamp) -> Result<(), StoreError> {
    tx.execute(DELETE, &[&schedule, &due]).map(drop)
}

/// Forgets those that were passed over, because they are due times no more.
pub(crate) fn prune(tx: &Tx<'_>) -> Result<(), StoreError> {
    tx.execute(PRUNE, &[]).map(drop)
}

/// Every one.
pub(crate) fn all(tx: &Tx<'_>) -> Result<Vec<(ScheduleId, Timestamp)>, StoreError> {
    tx.all(ALL, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}
