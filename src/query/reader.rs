//! A handful of read-only connections. Readers share them; when all are busy, the next one waits.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::failure::Failure;
use crate::model::refused::Refused;

/// As many questions are answered at once. More would only wait for the same disk.
const MAX_CONNECTIONS: usize = 4;
/// A reader of a WAL database waits for nobody but a checkpoint that restarts the log.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A place in the pool, and the connection that has it, once there is one. Dropped, also by a question that panics, both
/// go back: the transaction of the question has been rolled back by then.
struct Lent<'a> {
    reader: &'a Reader,
    connection: Option<Connection>,
}

impl Lent<'_> {
    fn connection(&mut self) -> rusqlite::Result<&mut Connection> {
        match self.connection.take() {
            Some(connection) => Ok(self.connection.insert(connection)),
            None => Ok(self.connection.insert(self.reader.connect()?)),
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.reader.lock();
        match self.connection.take() {
            Some(connection) => pool.idle.push(connection),
            None => pool.n_open -= 1,
        }
        drop(pool);
        self.reader.returned.notify_one();
    }
}

/// Reads the store.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    n_open: usize,
}

impl Reader {
    /// A reader of the database at `path`, which must exist.
    pub fn open(path: &Path) -> Result<Self, Refused> {
        let reader = Reader { path: path.to_owned(), pool: Mutex::default(), returned: Condvar::new() };
        drop(reader.take().map_err(Failure::from)?);
        Ok(reader)
    }

    /// What `question` finds, all of it at one moment.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, Refused> {
        let mut lent = self.take().map_err(Failure::from)?;
        let connection = lent.connection().map_err(Failure::from)?;
        Ok(answer(connection, question)?)
    }

    fn take(&self) -> rusqlite::Result<Lent<'_>> {
        let mut pool = self.lock();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(Lent { reader: self, connection: Some(connection) });
            }
            if pool.n_open < MAX_CONNECTIONS {
                pool.n_open += 1;
                drop(pool);
                // Counted from here on, so that the place is given back whatever becomes of the connection.
                let mut lent = Lent { reader: self, connection: None };
                lent.connection()?;
                return Ok(lent);
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    // Nothing that panics is done under the lock.
    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }
}

fn answer<T>(
    connection: &mut Connection,
    question: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    question(&tx)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_question_that_panics_gives_its_connection_back() {
        let folder = tempfile::tempdir().expect("because there is room for a folder");
        let path = folder.path().join("db");
        let new = Connection::open(&path).expect("because the folder is ours");
        new.execute_batch("CREATE TABLE t (x)").expect("because the file is new");
        let reader = Reader::open(&path).expect("because the file exists");
        for _ in 0..=MAX_CONNECTIONS {
            let asked = catch_unwind(AssertUnwindSafe(|| reader.read::<()>(|_| panic!("on purpose"))));
            assert!(asked.is_err());
        }
        let n_open = reader.lock().n_open;
        let n_idle = reader.lock().idle.len();
        assert_eq!((n_open, n_idle), (1, 1));
        assert_eq!(reader.read(|tx| Ok(tx.query_row("SELECT 7", [], |row| row.get(0))?)), Ok(7));
    }
}
