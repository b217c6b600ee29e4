//! The last event, the last launch, and how many ended runs are kept of each terminal state.

use super::{StoreError, Tx};

const GET: &str = "SELECT value FROM counter WHERE name = ?1";
const MOVE: &str = "UPDATE counter SET value = ?3 WHERE name = ?1 AND value = ?2";

/// The last number given out.
pub(crate) fn get(tx: &Tx<'_>, name: &str) -> Result<u64, StoreError> {
    let value = tx.one(GET, &[&name], |row| Ok(row.get::<_, i64>(0)?))?;
    value
        .and_then(|value| u64::try_from(value).ok())
        .ok_or_else(|| StoreError::unreadable(format!("counter `{name}`"), "it is missing or negative"))
}

/// Moves the counter from the value that was read; a counter that somebody else moved is an error.
pub(crate) fn advance(tx: &Tx<'_>, name: &str, from: u64, to: u64) -> Result<(), StoreError> {
    if from == to {
        return Ok(());
    }
    match tx.execute(MOVE, &[&name, &from.cast_signed(), &to.cast_signed()])? {
        1 => Ok(()),
        _ => Err(StoreError::unreadable(format!("counter `{name}`"), "somebody else has moved it")),
    }
}
