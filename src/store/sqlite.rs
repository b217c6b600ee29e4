//! SQLite: the connection that writes, its transactions, and how our types are bound.

mod backup;
mod bind;
mod migrate;
mod open;
mod upkeep;

pub use backup::{KeptFile, back_up, check_whole, marked_at, settle, take_files};
pub use migrate::{MIGRATIONS, Migration};
pub use open::{Store, Synchronous};

use rusqlite::{Row, ToSql};

use super::StoreError;

/// One open transaction of the one writer. Dropping it without `commit` changes nothing.
pub struct Tx<'store> {
    inner: rusqlite::Transaction<'store>,
}

impl Tx<'_> {
    /// Makes everything durable.
    pub fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().map_err(|error| StoreError::from(error).sorted())
    }

    /// Whether anything was written since `begin`.
    pub(crate) fn n_changes(&self) -> u64 {
        self.inner.total_changes()
    }

    /// Begins a part that can be undone alone.
    pub fn save(&self) -> Result<(), StoreError> {
        Ok(self.inner.execute_batch("SAVEPOINT part")?)
    }

    /// Keeps the part.
    pub fn keep(&self) -> Result<(), StoreError> {
        Ok(self.inner.execute_batch("RELEASE part")?)
    }

    /// Undoes the part.
    pub fn undo(&self) -> Result<(), StoreError> {
        Ok(self.inner.execute_batch("ROLLBACK TO part; RELEASE part")?)
    }

    pub(crate) fn execute(&self, sql: &str, values: &[&dyn ToSql]) -> Result<usize, StoreError> {
        Ok(self.inner.prepare_cached(sql)?.execute(values)?)
    }

    pub(crate) fn one<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        rows.next()?.map(read).transpose()
    }

    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.inner.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}
