//! Files that cannot be read as jobs, as of the last load.

use super::{StoreError, Tx};

const ALL: &str = "SELECT path, problems FROM invalid_file ORDER BY path";
const SET: &str = "
INSERT INTO invalid_file (path, problems) VALUES (?1, ?2)
ON CONFLICT (path) DO UPDATE SET problems = excluded.problems";
const FORGET: &str = "DELETE FROM invalid_file WHERE path = ?1";

/// Each path with its problems, as JSON.
pub(crate) fn all(tx: &Tx<'_>) -> Result<Vec<(String, String)>, StoreError> {
    tx.all(ALL, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// These files are invalid for these reasons.
pub(crate) fn set(tx: &Tx<'_>, files: &[(String, String)]) -> Result<(), StoreError> {
    files.iter().try_for_each(|(path, problems)| tx.execute(SET, &[path, problems]).map(drop))
}

/// These files are invalid no more.
pub(crate) fn forget(tx: &Tx<'_>, paths: &[String]) -> Result<(), StoreError> {
    paths.iter().try_for_each(|path| tx.execute(FORGET, &[path]).map(drop))
}
