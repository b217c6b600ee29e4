//! Single facts of the whole store.

use super::{StoreError, Tx};

const GET: &str = "SELECT value FROM fact WHERE name = ?1";
const SET: &str = "
INSERT INTO fact (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const CHANGE: &str = "
INSERT INTO fact (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value";
const FORGET: &str = "DELETE FROM fact WHERE name = ?1";

/// The fact's value, if it was ever set.
pub(crate) fn get(tx: &Tx<'_>, name: &str) -> Result<Option<String>, StoreError> {
    tx.one(GET, &[&name], |row| Ok(row.get(0)?))
}

/// Sets the fact.
pub(crate) fn set(tx: &Tx<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(SET, &[&name, &value]).map(drop)
}

/// Sets the fact, and writes nothing if it is so already.
pub(crate) fn change(tx: &Tx<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(CHANGE, &[&name, &value]).map(drop)
}

/// Makes the fact as if it had never been set.
pub(crate) fn forget(tx: &Tx<'_>, name: &str) -> Result<(), StoreError> {
    tx.execute(FORGET, &[&name]).map(drop)
}
