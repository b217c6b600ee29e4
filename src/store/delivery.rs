//! Deliveries: the outbox. A row is written with its event, and stays until the receiver has it or it is given up.

use rusqlite::Row;

use super::{StoreError, Tx};
use crate::model::id::{DeliveryId, EventSeq, HookId, Launch};
use crate::model::state::DeliveryState;
use crate::model::timestamp::{Steady, Timestamp};

/// A delivery's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DeliveryRow {
    pub(crate) id: DeliveryId,
    pub(crate) hook_id: HookId,
    pub(crate) event_seq: EventSeq,
    pub(crate) state: DeliveryState,
    pub(crate) n_attempts: u32,
    pub(crate) queued_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, hook_id, event_seq, state, launch, until_steady, n_attempts, queued_at FROM delivery ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<DeliveryRow, StoreError> {
    let id: DeliveryId = row.get(0)?;
    let state: String = row.get(3)?;
    let (launch, until): (Option<Launch>, Option<Steady>) = (row.get(4)?, row.get(5)?);
    let state = match state.as_str() {
        "pending" => until.map(|until| DeliveryState::Pending { until }),
        "sending" => launch.map(|launch| DeliveryState::Sending { launch }),
        "delivered" => Some(DeliveryState::Delivered),
        "dead" => Some(DeliveryState::Dead),
        _ => None,
    }
    .ok_or_else(|| StoreError::unreadable(format!("delivery {id}"), format!("its state is `{state}`")))?;
    Ok(DeliveryRow {
        id,
        hook_id: row.get(1)?,
        event_seq: row.get(2)?,
        state,
        n_attempts: row.get(6)?,
        queued_at: row.get(7)?,
    })
}

const GET: &str = select!("WHERE id = ?1");
const LIVE: &str =
    select!("WHERE state = 'pending' AND until_steady IS NOT NULL OR state = 'sending' AND launch IS NOT NULL");
const INSERT: &str = "
INSERT INTO delivery (id, hook_id, event_seq, state, until_steady, queued_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const STEP: &str = "
UPDATE delivery
   SET state = ?3, launch = ?4, until_steady = ?5, n_attempts = ?6, ended_at = ?7, status = ?8, error = ?9
 WHERE id = ?1 AND state = ?2";
const OLDEST_OWED: &str = "SELECT min(event_seq) FROM delivery WHERE state IN ('pending', 'sending')";
const PRUNE: &str = "DELETE FROM delivery WHERE event_seq <= ?1 AND state IN ('delivered', 'dead')";

/// The delivery of that id, if there is one.
pub(crate) fn find(tx: &Tx<'_>, id: DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
    tx.one(GET, &[&id], read)
}

/// The delivery of that id.
pub(crate) fn get(tx: &Tx<'_>, id: DeliveryId) -> Result<DeliveryRow, StoreError> {
    find(tx, id)?.ok_or_else(|| StoreError::unreadable(format!("delivery {id}"), "it is missing"))
}

/// Every delivery that is owed.
pub(crate) fn live(tx: &Tx<'_>) -> Result<Vec<DeliveryRow>, StoreError> {
    tx.all(LIVE, &[], read)
}

/// New deliveries.
pub(crate) fn insert(tx: &Tx<'_>, rows: &[DeliveryRow]) -> Result<(), StoreError> {
    rows.iter().try_for_each(|row| {
        let until = match row.state {
            DeliveryState::Pending { until } => Some(until),
            DeliveryState::Sending { .. } | DeliveryState::Delivered | DeliveryState::Dead => None,
        };
        let state = row.state.as_str();
        tx.execute(INSERT, &[&row.id, &row.hook_id, &row.event_seq, &state, &until, &row.queued_at]).map(drop)
    })
}

/// How the last try went.
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<&'a str>,
}

/// Changes the state of a delivery that is still in the state `from`; `row` is as it is to be.
pub(crate) fn step(
    tx: &Tx<'_>,
    from: DeliveryState,
    row: &DeliveryRow,
    now: Timestamp,
    seen: &Seen<'_>,
) -> Result<(), StoreError> {
    let (launch, until, ended_at) = match row.state {
        DeliveryState::Pending { until } => (None, Some(until), None),
        DeliveryState::Sending { launch } => (Some(launch), None, None),
        DeliveryState::Delivered | DeliveryState::Dead => (None, None, Some(now)),
    };
    let values: &[&dyn rusqlite::ToSql] = &[
        &row.id,
        &from.as_str(),
        &row.state.as_str(),
        &launch,
        &until,
        &row.n_attempts,
        &ended_at,
        &seen.status,
        &seen.error,
    ];
    match tx.execute(STEP, values)? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("delivery {}", row.id), "its state is not what was read")),
    }
}

/// The oldest event that somebody has still to be told of.
pub(crate) fn oldest_owed(tx: &Tx<'_>) -> Result<Option<EventSeq>, StoreError> {
    Ok(tx.one(OLDEST_OWED, &[], |row| Ok(row.get(0)?))?.flatten())
}

/// Forgets what was delivered or given up, of events up to and including `until`.
pub(crate) fn prune(tx: &Tx<'_>, until: EventSeq) -> Result<(), StoreError> {
    tx.execute(PRUNE, &[&until]).map(drop)
}
