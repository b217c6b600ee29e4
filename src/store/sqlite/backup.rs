//! A copy of the database as it is at one moment, whoever writes it meanwhile.
//!
//! The source is read in one go by SQLite's backup interface, within one read transaction: the writer goes on, and all
//! that it pays is a log that cannot be emptied until the copy is made. The copy is one file without a log beside it, is
//! checked, and carries a mark: a daemon that went on with it as if nothing had happened would do again what was done
//! since, so `Store::open` refuses what is marked.

use std::fs::File;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::StoreError;
use super::{migrate, open};
use crate::model::timestamp::Timestamp;

/// The fact that marks a backup; its value says when it was made.
pub(crate) const MARK: &str = "backup_at";

const READ_MARK: &str = "SELECT value FROM fact WHERE name = ?1";
const SET_MARK: &str = "
INSERT INTO fact (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const HAS_FACTS: &str = "SELECT 1 FROM sqlite_schema WHERE name = 'fact'";
const HAS_FILES: &str = "SELECT 1 FROM sqlite_schema WHERE name = 'put_file'";
const KEEP_FILE: &str = "INSERT INTO put_file (name, text) VALUES (?1, ?2)";
const FILES: &str = "SELECT name, text FROM put_file ORDER BY name";
const FORGET_FILES: &str = "DELETE FROM put_file";
// With a log of its own the copy would not be one file.
const ONE_FILE: &str = "PRAGMA journal_mode = DELETE";
const CHECK: &str = "PRAGMA integrity_check(1)";

/// When this backup was made; nothing if it is none.
pub(super) fn mark_of(connection: &Connection) -> Result<Option<String>, StoreError> {
    if connection.query_row(HAS_FACTS, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    Ok(connection.query_row(READ_MARK, [MARK], |row| row.get(0)).optional()?)
}

/// When the backup at `path` was made; nothing if it is a store and no backup. One that is not ours, is newer than we
/// are, or is damaged is an error.
pub fn marked_at(path: &Path) -> Result<Option<String>, StoreError> {
    let connection = open::reading(path)?;
    migrate::check(&connection, path).map_err(|error| of(path, error))?;
    mark_of(&connection)
}

/// A file that a backup carries: its name and what is in it.
pub type KeptFile = (String, Vec<u8>);

/// Copies the store at `from` to `to`, which is empty or not there, marks the copy, lays `files` into it, and returns when
/// it is on disk.
pub fn back_up(from: &Path, to: &Path, files: &[KeptFile], now: Timestamp) -> Result<(), StoreError> {
    let source = open::reading(from)?;
    migrate::check(&source, from).map_err(|error| of(from, error))?;
    let mut copy = open::copy(to)?;
    let step = Backup::new(&source, &mut copy)?.step(-1).map_err(|error| open::understood(to, error).sorted())?;
    if step != StepResult::Done {
        return Err(StoreError::Io(format!("`{}` is locked by somebody who is no daemon", from.display())));
    }
    let sorted = |error: rusqlite::Error| open::understood(to, error).sorted();
    copy.query_row(ONE_FILE, [], |_| Ok(())).map_err(sorted)?;
    copy.execute(SET_MARK, params![MARK, now.to_string()]).map_err(sorted)?;
    for (name, text) in files {
        copy.execute(KEEP_FILE, params![name, text]).map_err(sorted)?;
    }
    let answer: String = copy.query_row(CHECK, [], |row| row.get(0)).map_err(sorted)?;
    copy.close().map_err(|(_, error)| sorted(error))?;
    if answer != "ok" {
        return Err(StoreError::Damaged { path: from.to_owned(), what: answer });
    }
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| StoreError::Io(error.to_string()))
}

/// The files that the backup at `path` carries, which it does not carry any more afterwards.
pub fn take_files(path: &Path) -> Result<Vec<KeptFile>, StoreError> {
    let sorted = |error: rusqlite::Error| open::understood(path, error).sorted();
    let copy = open::copy(path)?;
    if copy.query_row(HAS_FILES, [], |_| Ok(())).optional().map_err(sorted)?.is_none() {
        // It is older than jobs that are put.
        return Ok(Vec::new());
    }
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut statement = copy.prepare(FILES).map_err(sorted)?;
    let files = statement.query_map([], read).and_then(Iterator::collect).map_err(sorted)?;
    drop(statement);
    copy.execute(FORGET_FILES, []).map_err(sorted)?;
    copy.close().map_err(|(_, error)| sorted(error))?;
    Ok(files)
}

/// Moves the log of the store at `path` into it, so that it is one file. Nobody may have it open.
pub fn settle(path: &Path) -> Result<(), StoreError> {
    let sorted = |error: rusqlite::Error| open::understood(path, error).sorted();
    let store = open::copy(path)?;
    store.query_row(ONE_FILE, [], |_| Ok(())).map_err(sorted)?;
    store.close().map_err(|(_, error)| sorted(error))
}

/// Reads all of the store at `path`, which may be in use, and says what is wrong with it.
pub fn check_whole(path: &Path) -> Result<(), StoreError> {
    let connection = open::reading(path)?;
    let answer: String =
        connection.query_row(CHECK, [], |row| row.get(0)).map_err(|error| open::understood(path, error))?;
    if answer == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: path.to_owned(), what: answer }) }
}

fn of(path: &Path, error: StoreError) -> StoreError {
    if let StoreError::Other(error) = error { open::understood(path, error) } else { error }
}

#[cfg(test)]
mod tests {
    use super::super::{Store, Synchronous};
    use super::*;

    #[test]
    fn a_backup_is_whole_marked_and_refused_by_a_plain_open() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (from, to) = (folder.path().join("campanile.db"), folder.path().join("copy.db"));
        let store = Store::open(&from, Synchronous::Full).expect("it opens");
        store.connection().execute("INSERT INTO fact (name, value) VALUES ('a', 'b')", []).expect("a row can be added");
        let kept = vec![("mine.toml".to_owned(), b"noop = true".to_vec())];
        back_up(&from, &to, &kept, Timestamp::from_micros(0)).expect("it can be copied while it is open");
        assert_eq!(marked_at(&from).expect("it can be read"), None);
        assert!(marked_at(&to).expect("it can be read").is_some());
        check_whole(&to).expect("it is whole");
        assert_eq!(take_files(&to).expect("they can be taken"), kept);
        assert_eq!(take_files(&to).expect("they can be taken once"), []);
        let refused = Store::open(&to, Synchronous::Full).err();
        assert!(matches!(refused, Some(StoreError::Backup { .. })), "{refused:?}");
        let restored = Store::open_restored(&to, Synchronous::Full).expect("it opens when that is asked for");
        let value: String = restored
            .connection()
            .query_row("SELECT value FROM fact WHERE name = 'a'", [], |row| row.get(0))
            .expect("it can be asked");
        assert_eq!(value, "b");
    }

    #[test]
    fn what_is_no_store_is_not_backed_up() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let from = folder.path().join("letter");
        std::fs::write(&from, "this is a letter to a friend, and long enough to be a header".repeat(40))
            .expect("it is written");
        let refused = back_up(&from, &folder.path().join("copy.db"), &[], Timestamp::from_micros(0)).err();
        assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{refused:?}");
    }
}
