//! Migrations: numbered, forward only, each applied once in a transaction of its own and remembered with the SHA-256 of
//! its text. A database that has a number we do not know was written by a newer version and is refused; one whose
//! remembered hash differs from ours was changed by hand and is damaged.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::super::StoreError;

/// One step of the schema.
#[derive(Debug)]
pub struct Migration {
    /// Counted from 1.
    pub number: u32,
    /// For people.
    pub name: &'static str,
    /// What it does.
    pub sql: &'static str,
}

/// All of them, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "spine", sql: include_str!("../../../migrations/sqlite/0001_spine.sql") },
    Migration { number: 2, name: "surfaces", sql: include_str!("../../../migrations/sqlite/0002_surfaces.sql") },
    Migration { number: 3, name: "usage", sql: include_str!("../../../migrations/sqlite/0003_usage.sql") },
    Migration { number: 4, name: "queue", sql: include_str!("../../../migrations/sqlite/0004_queue.sql") },
    Migration { number: 5, name: "admission", sql: include_str!("../../../migrations/sqlite/0005_admission.sql") },
    Migration { number: 6, name: "read_file", sql: include_str!("../../../migrations/sqlite/0006_read_file.sql") },
    Migration { number: 7, name: "backfill", sql: include_str!("../../../migrations/sqlite/0007_backfill.sql") },
    Migration { number: 8, name: "condition", sql: include_str!("../../../migrations/sqlite/0008_condition.sql") },
];

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS migration (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";

const KNOWN: &str = "SELECT 1 FROM sqlite_schema WHERE name = 'migration'";
const NEWEST: &str = "SELECT max(number) FROM migration";
const FOREIGN: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1";
const HASH: &str = "SELECT hash FROM migration WHERE number = ?1";
const REMEMBER: &str = "INSERT INTO migration (number, name, hash, applied_at) VALUES (?1, ?2, ?3, ?4)";

/// Whether the database is empty, or ours and no newer than we are; writes nothing.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
    if connection.query_row(KNOWN, [], |_| Ok(())).optional()?.is_none() {
        let foreign: Option<String> = connection.query_row(FOREIGN, [], |row| row.get(0)).optional()?;
        return match foreign {
            Some(name) => Err(damaged(format!("it has a table `{name}` and no migrations: it is not ours"))),
            None => Ok(()),
        };
    }
    let found: Option<u32> = connection.query_row(NEWEST, [], |row| row.get(0))?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if let Some(found) = found.filter(|found| *found > known) {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for migration in MIGRATIONS {
        let applied: Option<Vec<u8>> = connection.query_row(HASH, [migration.number], |row| row.get(0)).optional()?;
        if applied.is_some_and(|applied| applied != hash(migration)) {
            return Err(damaged(format!("migration {} `{}` was changed", migration.number, migration.name)));
        }
    }
    Ok(())
}

fn hash(migration: &Migration) -> Vec<u8> {
    Sha256::digest(migration.sql).to_vec()
}

/// Applies the migrations that a checked database lacks.
pub(super) fn to_newest(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    for migration in MIGRATIONS {
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(TABLE)?;
        if tx.query_row(HASH, [migration.number], |_| Ok(())).optional()?.is_none() {
            tx.execute_batch(migration.sql)?;
            let at = crate::clock::wall().as_micros();
            tx.execute(REMEMBER, params![migration.number, migration.name, hash(migration), at])?;
            tx.commit()?;
        }
    }
    check(connection, path)
}
