//! What files of jobs were like when they were read. It is true of what the store has of their jobs, because both are
//! written in one transaction.

use super::{StoreError, Tx, fact};
use crate::model::definition::{ReadFiles, canonical};

const UNDER: &str = "read_under";
const SET: &str = "
INSERT INTO read_file (stem, body) VALUES (?1, ?2)
ON CONFLICT (stem) DO UPDATE SET body = excluded.body";
const FORGET: &str = "DELETE FROM read_file WHERE stem = ?1";
const FORGET_ALL: &str = "DELETE FROM read_file";

/// Brings it to what a look at all files has found.
pub(crate) fn set(tx: &Tx<'_>, files: &ReadFiles) -> Result<(), StoreError> {
    let is_anew = files.is_anew || fact::get(tx, UNDER)?.is_none_or(|under| under != files.under);
    if is_anew {
        forget_all(tx)?;
        fact::change(tx, UNDER, &files.under)?;
    }
    files.gone.iter().try_for_each(|stem| tx.execute(FORGET, &[stem]).map(drop))?;
    files.read.iter().try_for_each(|file| tx.execute(SET, &[&file.stem, &canonical(file)]).map(drop))
}

/// Nothing is known: everything is read by whoever starts next.
pub(crate) fn forget_all(tx: &Tx<'_>) -> Result<(), StoreError> {
    tx.execute(FORGET_ALL, &[]).map(drop)
}
