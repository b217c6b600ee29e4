//! Definitions: canonical text, kept once for equal content, never changed.

use sha2::{Digest, Sha256};

use super::{StoreError, Tx};
use crate::model::definition::{Job, from_canonical};
use crate::model::id::DefinitionId;

const FIND: &str = "SELECT id FROM definition WHERE hash = ?1";
const INSERT: &str = "INSERT INTO definition (hash, body) VALUES (?1, ?2) RETURNING id";
const GET: &str = "SELECT body FROM definition WHERE id = ?1";

/// The id of this canonical text, which is kept if it is new.
pub(crate) fn intern(tx: &Tx<'_>, body: &str) -> Result<DefinitionId, StoreError> {
    let hash = Sha256::digest(body).to_vec();
    if let Some(id) = tx.one(FIND, &[&hash], |row| Ok(row.get(0)?))? {
        return Ok(id);
    }
    let id = tx.one(INSERT, &[&hash, &body], |row| Ok(row.get(0)?))?;
    id.ok_or_else(|| StoreError::unreadable("a new definition", "it was not inserted"))
}

/// The job definition of that id.
pub(crate) fn get(tx: &Tx<'_>, id: DefinitionId) -> Result<Job, StoreError> {
    let what = || format!("definition {id}");
    let body: Option<String> = tx.one(GET, &[&id], |row| Ok(row.get(0)?))?;
    let body = body.ok_or_else(|| StoreError::unreadable(what(), "it is missing"))?;
    from_canonical(&body).map_err(|error| StoreError::unreadable(what(), error))
}
