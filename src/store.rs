//! The store: operations on many rows at once, one file per noun, one constant per statement above its function. It
//! knows no rule: what may follow what is decided in `model`, and every write names the state or fence it replaces.
//!
//! Only the engine holds a `Store`; whoever shows something to people reads by `query`, on other connections.

pub mod attempt;
pub mod backfill;
pub mod counter;
pub mod definition;
pub mod delivery;
pub mod event;
pub mod fact;
pub mod hook;
pub mod invalid_file;
pub mod job;
pub mod ledger;
pub mod planned_skip;
pub mod pool;
pub mod read_file;
pub mod request;
pub mod run;
pub mod schedule;
pub mod sqlite;
pub mod task;

pub use sqlite::{Store, Synchronous, Tx};

use std::path::PathBuf;

/// What can go wrong with the store, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A newer Campanile wrote it.
    #[error("the database {path} is at migration {found}, and this version knows only {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: u32,
        /// What we have.
        known: u32,
    },
    /// It is no database of ours, or not any more.
    #[error("the database {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is a backup, and nobody has said that it is to be gone on with.
    #[error(
        "the database {path} is a backup of {made_at}, and a daemon that goes on with it repeats what was done since"
    )]
    Backup {
        /// The file.
        path: PathBuf,
        /// When it was made.
        made_at: String,
    },
    /// There is no room to write.
    #[error("the disk is full")]
    Full,
    /// The disk failed; what was committed last is not known.
    #[error("the disk failed: {0}")]
    Io(String),
    /// One row cannot be read.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// Which.
        what: String,
        /// Why not.
        why: String,
    },
    /// Anything else, which is a bug or a surprise.
    #[error(transparent)]
    Other(#[from] rusqlite::Error),
}

impl StoreError {
    /// A row that cannot be understood.
    pub fn unreadable(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        StoreError::Unreadable { what: what.into(), why: why.to_string() }
    }

    /// The same error, by what can be done about it.
    #[must_use]
    pub fn sorted(self) -> Self {
        let StoreError::Other(error) = self else { return self };
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
            // A page that turns out to be damaged is no better than one that cannot be read; the next start says which.
            Some(
                rusqlite::ErrorCode::SystemIoFailure
                | rusqlite::ErrorCode::DatabaseCorrupt
                | rusqlite::ErrorCode::NotADatabase,
            ) => StoreError::Io(error.to_string()),
            _ => StoreError::Other(error),
        }
    }
}
