//! Hooks: canonical text, kept once for equal content, so that a delivery keeps the target it was made for.

use sha2::{Digest, Sha256};

use super::{StoreError, Tx};
use crate::model::definition::{Hook, canonical, from_canonical};
use crate::model::id::HookId;

const FIND: &str = "SELECT id FROM hook WHERE hash = ?1";
const INSERT: &str = "INSERT INTO hook (hash, body) VALUES (?1, ?2) RETURNING id";
const GET: &str = "SELECT body FROM hook WHERE id = ?1";

/// The id of this hook, which is kept if it is new.
pub(crate) fn intern(tx: &Tx<'_>, hook: &Hook) -> Result<HookId, StoreError> {
    let body = canonical(hook);
    let hash = Sha256::digest(&body).to_vec();
    if let Some(id) = tx.one(FIND, &[&hash], |row| Ok(row.get(0)?))? {
        return Ok(id);
    }
    let id = tx.one(INSERT, &[&hash, &body], |row| Ok(row.get(0)?))?;
    id.ok_or_else(|| StoreError::unreadable("a new hook", "it was not inserted"))
}

/// The hook of that id.
pub(crate) fn get(tx: &Tx<'_>, id: HookId) -> Result<Hook, StoreError> {
    let what = || format!("hook {id}");
    let body: Option<String> = tx.one(GET, &[&id], |row| Ok(row.get(0)?))?;
    let body = body.ok_or_else(|| StoreError::unreadable(what(), "it is missing"))?;
    from_canonical(&body).map_err(|error| StoreError::unreadable(what(), error))
}
