//! Opens the database for writing: the one place that does. The connection is in WAL mode with `synchronous=FULL`, so
//! that a commit is on disk before anything acts on it, and it is the only checkpointer, so that no commit pays for
//! another's. A file that is damaged or newer than we are is refused untouched.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::super::StoreError;
use super::{Tx, migrate};
use crate::clock;
use crate::model::duration::Duration;

/// The oldest SQLite without the WAL-reset corruption bug (versions 3.7.0 to 3.51.2).
const OLDEST_SQLITE: i32 = 3_051_003;
/// How long a lock of somebody else's is waited for.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the pages are checked at the start.
const CHECK_TIME: Duration = Duration::from_millis(100);

/// When a commit is on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// Before it is acknowledged: survives a power cut.
    #[default]
    Full,
    /// Soon after: survives a killed process; a power cut may take the last commits.
    Normal,
}

/// The one connection that writes.
pub struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
}

/// A connection that only reads the database at `path`, whoever writes it meanwhile.
pub(super) fn reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| understood(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT.to_std())?;
    Ok(connection)
}

/// A connection to a copy at `path` that nobody else knows, made if it is not there.
pub(super) fn copy(path: &Path) -> Result<Connection, StoreError> {
    Connection::open(path).map_err(|error| understood(path, error))
}

impl Store {
    /// Opens the database at `path`, makes it if there is none, and brings it to the newest migration. A backup is
    /// refused: what has happened since it was made would happen again.
    pub fn open(path: &Path, synchronous: Synchronous) -> Result<Self, StoreError> {
        Self::open_as(path, synchronous, false)
    }

    /// The same, where a backup may be gone on with: whoever opens it keeps what it holds from starting by itself.
    pub fn open_restored(path: &Path, synchronous: Synchronous) -> Result<Self, StoreError> {
        Self::open_as(path, synchronous, true)
    }

    fn open_as(path: &Path, synchronous: Synchronous, may_be_backup: bool) -> Result<Self, StoreError> {
        // It holds commands, environments and output. SQLite gives the same mode to the files beside it.
        if let Err(error) = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(StoreError::Io(format!("`{}` cannot be made: {error}", path.display())));
        }
        let connection = Connection::open(path).map_err(|error| understood(path, error))?;
        let mut store = Store { connection, path: path.to_owned() };
        store.prepare()?;
        store.check()?;
        if !may_be_backup && let Some(made_at) = super::backup::mark_of(&store.connection)? {
            return Err(StoreError::Backup { path: path.to_owned(), made_at });
        }
        store.settle(synchronous)?;
        Ok(store)
    }

    /// A database that lives as long as this value.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut store = Store { connection: Connection::open_in_memory()?, path: PathBuf::from(":memory:") };
        store.prepare()?;
        store.settle(Synchronous::Normal)?;
        Ok(store)
    }

    /// What concerns the connection alone. The busy timeout comes first: whatever is asked may meet a reader's lock.
    fn prepare(&mut self) -> Result<(), StoreError> {
        assert!(rusqlite::version_number() >= OLDEST_SQLITE, "because the bundled SQLite is newer than its WAL bug");
        self.connection.busy_timeout(BUSY_TIMEOUT.to_std())?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        // Plans do not depend on bound values. Without this, a bound `state` that a partial index mentions makes SQLite
        // compile the statement anew for each execution.
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        self.connection.set_prepared_statement_cache_capacity(128);
        Ok(())
    }

    /// Reads whether the database is ours, of our age and whole; writes nothing.
    fn check(&mut self) -> Result<(), StoreError> {
        migrate::check(&self.connection, &self.path).map_err(|error| self.understood(error))?;
        self.look_for_damage()
    }

    /// What changes the file: its journal mode, and the migrations it lacks.
    fn settle(&mut self, synchronous: Synchronous) -> Result<(), StoreError> {
        let level = match synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        self.connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = {level};
                 PRAGMA foreign_keys = ON;
                 PRAGMA trusted_schema = OFF;
                 PRAGMA cell_size_check = ON;
                 PRAGMA temp_store = MEMORY;
                 PRAGMA cache_size = -16000;
                 PRAGMA journal_size_limit = 67108864;
                 PRAGMA wal_autocheckpoint = 4000;"
            ))
            .map_err(|error| understood(&self.path, error))?;
        migrate::to_newest(&mut self.connection, &self.path).map_err(|error| self.understood(error))
    }

    fn understood(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Other(error) => understood(&self.path, error),
            StoreError::Newer { .. }
            | StoreError::Damaged { .. }
            | StoreError::Backup { .. }
            | StoreError::Full
            | StoreError::Io(_)
            | StoreError::Unreadable { .. } => error,
        }
    }

    /// Checks the pages, as many as can be checked in the time there is: a long history must not hold up the start.
    fn look_for_damage(&mut self) -> Result<(), StoreError> {
        let deadline = clock::boot_us() + CHECK_TIME.as_micros();
        self.connection.progress_handler(1_000, Some(move || clock::boot_us() > deadline))?;
        let answer = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        self.connection.progress_handler(0, None::<fn() -> bool>)?;
        match answer {
            Ok(answer) if answer == "ok" => Ok(()),
            Ok(answer) => Err(StoreError::Damaged { path: self.path.clone(), what: answer }),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => Ok(()),
            Err(error) => Err(understood(&self.path, error)),
        }
    }

    /// Begins the one transaction of a step.
    pub fn begin(&mut self) -> Result<Tx<'_>, StoreError> {
        let inner = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Tx { inner })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the log into the database and empties it.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// The raw connection, for a test that forbids what must not happen or breaks what must be noticed.
    #[doc(hidden)]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

pub(super) fn understood(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path: path.to_owned(), what: error.to_string() }
        }
        _ => StoreError::from(error).sorted(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder can be made")
    }

    #[test]
    fn a_database_opens_again_as_it_was() {
        let folder = folder();
        let path = folder.path().join("campanile.db");
        drop(Store::open(&path, Synchronous::Full).expect("it opens"));
        drop(Store::open(&path, Synchronous::Full).expect("it opens again"));
    }

    #[test]
    fn a_database_of_the_version_before_is_brought_up_to_date_with_what_is_in_it() {
        let folder = folder();
        let path = folder.path().join("campanile.db");
        let before = "ALTER TABLE attempt DROP COLUMN cpu_us;
            ALTER TABLE attempt DROP COLUMN peak_memory_bytes;
            ALTER TABLE attempt DROP COLUMN peak_pids;
            DELETE FROM migration WHERE number = 3;
            INSERT INTO attempt (launch, task_id, number, state, claimed_at) VALUES (7, x'00', 1, 'ended', 0)";
        let store = Store::open(&path, Synchronous::Full).expect("it opens");
        store.connection().execute_batch(before).expect("it can be made older");
        drop(store);
        let store = Store::open(&path, Synchronous::Full).expect("it opens");
        let read = "SELECT launch, cpu_us, peak_memory_bytes, peak_pids FROM attempt";
        let row: (i64, Option<i64>, Option<i64>, Option<i64>) = store
            .connection()
            .query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .expect("it can be asked");
        assert_eq!(row, (7, None, None, None));
    }

    #[test]
    fn a_newer_database_is_refused_untouched() {
        let folder = folder();
        let path = folder.path().join("campanile.db");
        let store = Store::open(&path, Synchronous::Full).expect("it opens");
        let insert = "INSERT INTO migration (number, name, hash, applied_at) VALUES (9000, 'later', x'00', 0)";
        store.connection().execute(insert, []).expect("a row can be added");
        drop(store);
        let before = std::fs::read(&path).expect("it can be read");
        let refused = Store::open(&path, Synchronous::Full).err();
        assert!(matches!(refused, Some(StoreError::Newer { found: 9000, .. })), "{refused:?}");
        assert!(std::fs::read(&path).expect("it can be read") == before, "it is as it was");
    }

    #[test]
    fn a_database_of_somebody_else_is_refused_untouched() {
        let folder = folder();
        let path = folder.path().join("campanile.db");
        let other = Connection::open(&path).expect("it opens");
        other.execute_batch("CREATE TABLE friends (name TEXT); INSERT INTO friends VALUES ('x')").expect("it is made");
        drop(other);
        let before = std::fs::read(&path).expect("it can be read");
        let refused = Store::open(&path, Synchronous::Full).err();
        assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{refused:?}");
        assert!(std::fs::read(&path).expect("it can be read") == before, "it is as it was");
    }

    #[test]
    fn a_changed_migration_is_damage() {
        let folder = folder();
        let path = folder.path().join("campanile.db");
        let store = Store::open(&path, Synchronous::Full).expect("it opens");
        store.connection().execute("UPDATE migration SET hash = x'00'", []).expect("a row can be changed");
        drop(store);
        let refused = Store::open(&path, Synchronous::Full).err();
        assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{refused:?}");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_untouched() {
        let folder = folder();
        let path = folder.path().join("campanile.db");
        let text = "this is a letter to a friend, and long enough to be a header".repeat(40);
        std::fs::write(&path, &text).expect("a file can be written");
        let refused = Store::open(&path, Synchronous::Full).err();
        assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("it can be read"), text);
    }
}
