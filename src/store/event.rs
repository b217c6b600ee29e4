//! The event log: append-only, numbered without gaps, pruned from the oldest only.

use super::{StoreError, Tx};
use crate::model::event::Event;
use crate::model::id::EventSeq;
use crate::model::timestamp::Timestamp;

const APPEND: &str = "
INSERT INTO event (seq, at, type, job, run_id, task_id, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const GET: &str = "SELECT seq, at, type, job, run_id, task_id, data FROM event WHERE seq = ?1";
const OLDER: &str = "SELECT max(seq) FROM (SELECT seq, at FROM event ORDER BY seq LIMIT ?2) WHERE at < ?1";
const PRUNE: &str = "DELETE FROM event WHERE seq <= ?1";

/// Appends events that are numbered already.
pub(crate) fn append(tx: &Tx<'_>, events: &[Event]) -> Result<(), StoreError> {
    for event in events {
        let data = (!event.data.is_null()).then(|| event.data.to_string());
        tx.execute(APPEND, &[&event.seq, &event.at, &event.kind.as_str(), &event.job, &event.run, &event.task, &data])?;
    }
    Ok(())
}

/// The event of that number.
pub(crate) fn get(tx: &Tx<'_>, seq: EventSeq) -> Result<Event, StoreError> {
    let unreadable = |why: &dyn std::fmt::Display| StoreError::unreadable(format!("event {seq}"), why);
    let event = tx.one(GET, &[&seq], |row| {
        let kind: String = row.get(2)?;
        let data: Option<String> = row.get(6)?;
        Ok(Event {
            seq: row.get(0)?,
            at: row.get(1)?,
            kind: kind.parse().map_err(|error| unreadable(&error))?,
            job: row.get(3)?,
            run: row.get(4)?,
            task: row.get(5)?,
            data: data
                .map_or(Ok(serde_json::Value::Null), |data| serde_json::from_str(&data))
                .map_err(|error| unreadable(&error))?,
        })
    })?;
    event.ok_or_else(|| unreadable(&"it is missing"))
}

/// The newest of the oldest `limit` events that are older than `before`.
pub(crate) fn older(tx: &Tx<'_>, before: Timestamp, limit: i64) -> Result<Option<EventSeq>, StoreError> {
    Ok(tx.one(OLDER, &[&before, &limit], |row| Ok(row.get(0)?))?.flatten())
}

/// Forgets all events up to and including `until`, and says how many.
pub(crate) fn prune(tx: &Tx<'_>, until: EventSeq) -> Result<usize, StoreError> {
    tx.execute(PRUNE, &[&until])
}
