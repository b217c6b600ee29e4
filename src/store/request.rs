//! Requests that carried a key, with the answers that they got. A row is written by the transaction that did what was
//! asked, so there is never an effect without its answer, nor an answer without its effect.

use super::{StoreError, Tx};
use crate::model::timestamp::Steady;

const FIND: &str = "SELECT fingerprint, answer FROM request WHERE key = ?1";
const INSERT: &str = "INSERT INTO request (key, fingerprint, answer, at) VALUES (?1, ?2, ?3, ?4)";
const PRUNE: &str = "
DELETE FROM request WHERE key IN (SELECT key FROM request WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// What is kept of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    pub(crate) fingerprint: Vec<u8>,
    /// JSON, as the engine wrote it.
    pub(crate) answer: String,
}

/// The request of that key.
pub(crate) fn find(tx: &Tx<'_>, key: &str) -> Result<Option<Kept>, StoreError> {
    tx.one(FIND, &[&key], |row| Ok(Kept { fingerprint: row.get(0)?, answer: row.get(1)? }))
}

/// Keeps a request with its answer; a second one of the same key is an error.
pub(crate) fn insert(tx: &Tx<'_>, key: &str, kept: &Kept, at: Steady) -> Result<(), StoreError> {
    tx.execute(INSERT, &[&key, &kept.fingerprint, &kept.answer, &at.0]).map(drop)
}

/// Forgets at most `limit` requests that are older than `before`, the oldest first, and says how many.
pub(crate) fn prune(tx: &Tx<'_>, before: Steady, limit: i64) -> Result<usize, StoreError> {
    tx.execute(PRUNE, &[&before.0, &limit])
}
