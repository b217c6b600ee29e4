//! What keeps the file in shape, done by the one writer between two steps and in no transaction of one: the log is moved
//! into the database and emptied once it is large, and the statistics that plans are made from are kept fresh. Neither
//! changes what is stored, neither waits for a reader, and a failure of either leaves the store as it was.

use std::fs;

use super::super::StoreError;
use super::open::{BUSY_TIMEOUT, Store, understood};
use crate::model::duration::Duration;

/// Looks at every table (0x10000), analyses those that need it (0x2), and reads few rows of each (0x10).
const OPTIMIZE_ALL: &str = "PRAGMA optimize = 0x10012";
/// Looks at the tables that were asked since the last time.
const OPTIMIZE: &str = "PRAGMA optimize";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

impl Store {
    /// How long the write-ahead log is, in bytes; nothing where there is none.
    pub fn log_bytes(&self) -> u64 {
        let mut path = self.path().as_os_str().to_owned();
        path.push("-wal");
        fs::metadata(path).map_or(0, |found| found.len())
    }

    /// How many rows were changed since it was opened.
    pub fn n_changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Moves the log into the database and empties it, unless somebody still reads from it; `true` if it is empty.
    pub fn truncate_log(&self) -> Result<bool, StoreError> {
        self.connection.busy_timeout(Duration::ZERO.to_std())?;
        let is_busy = self.connection.query_row(TRUNCATE, [], |row| row.get::<_, bool>(0));
        self.connection.busy_timeout(BUSY_TIMEOUT.to_std())?;
        Ok(!is_busy.map_err(|error| understood(self.path(), error).sorted())?)
    }

    /// Brings the statistics up to date; of all tables if this is the first time.
    pub fn optimize(&self, is_first: bool) -> Result<(), StoreError> {
        let sql = if is_first { OPTIMIZE_ALL } else { OPTIMIZE };
        self.connection.execute_batch(sql).map_err(|error| StoreError::from(error).sorted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Synchronous;
    use super::*;

    fn filled() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = Store::open(&folder.path().join("campanile.db"), Synchronous::Normal).expect("it opens");
        let insert = "INSERT INTO fact (name, value) VALUES ('a', hex(randomblob(100000)))";
        store.connection().execute(insert, []).expect("a row can be added");
        (folder, store)
    }

    #[test]
    fn the_log_is_emptied_when_nobody_reads_from_it() {
        let (_folder, store) = filled();
        assert!(store.log_bytes() > 100_000);
        assert!(store.truncate_log().expect("it can be emptied"));
        assert_eq!(store.log_bytes(), 0);
    }

    #[test]
    fn a_reader_keeps_the_log_and_is_not_waited_for() {
        let (_folder, store) = filled();
        let reader = super::super::open::reading(store.path()).expect("it opens");
        reader.execute_batch("BEGIN; SELECT count(*) FROM fact").expect("it reads");
        store.connection().execute("UPDATE fact SET value = 'b'", []).expect("a row can be changed");
        let before = crate::clock::boot_us();
        assert!(!store.truncate_log().expect("it is tried"));
        assert!(crate::clock::boot_us() - before < BUSY_TIMEOUT.as_micros() / 2);
        reader.execute_batch("COMMIT").expect("it ends");
        assert!(store.truncate_log().expect("it can be emptied"));
    }

    #[test]
    fn statistics_are_made_and_change_nothing_else() {
        let (_folder, store) = filled();
        store.optimize(true).expect("it can be done");
        store.optimize(false).expect("it can be done again");
        let n: i64 = store
            .connection()
            .query_row("SELECT count(*) FROM fact WHERE name = 'a'", [], |row| row.get(0))
            .expect("it can be asked");
        assert_eq!(n, 1);
    }
}
