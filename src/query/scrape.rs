//! What is true now, for who watches from outside: the jobs in force, what is live and what is owed. Nothing of it looks
//! at what has ended.

use rusqlite::Row;

use super::column::{maybe_at, unsigned};
use super::reader::Reader;
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;

/// A job in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobNow {
    /// Its name.
    pub name: String,
    /// When a run of it last completed.
    pub last_success_at: Option<Timestamp>,
    /// When it is due next.
    pub next_at: Option<Timestamp>,
    /// Its file can be read.
    pub is_valid: bool,
}

/// All that a scrape asks the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Now {
    /// The jobs in force.
    pub jobs: Vec<JobNow>,
    /// How many tasks are live, by state.
    pub tasks: Vec<(String, u64)>,
    /// How many deliveries are owed.
    pub n_owed: u64,
    /// How many files cannot be read as jobs.
    pub n_invalid: u64,
}

const JOBS: &str = "
SELECT j.name, j.last_success_at,
       (SELECT min(s.next_at) FROM schedule s WHERE s.job_id = j.id AND s.retired_at IS NULL),
       NOT EXISTS (SELECT 1 FROM invalid_file f WHERE f.path = j.source)
  FROM job j
 WHERE j.retired_at IS NULL
 ORDER BY j.name";
const TASKS: &str = "SELECT state, count(*) FROM task WHERE ended_at IS NULL GROUP BY state";
const OWED: &str = "SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending')";
const INVALID: &str = "SELECT count(*) FROM invalid_file";

/// What is true now.
pub fn now(reader: &Reader) -> Result<Now, Refused> {
    reader.read(|tx| {
        let job = |row: &Row<'_>| {
            Ok(JobNow {
                name: row.get(0)?,
                last_success_at: maybe_at(row, 1)?,
                next_at: maybe_at(row, 2)?,
                is_valid: row.get(3)?,
            })
        };
        let task = |row: &Row<'_>| Ok((row.get(0)?, unsigned(row, 1)?));
        Ok(Now {
            jobs: tx.prepare_cached(JOBS)?.query_map([], job)?.collect::<Result<_, _>>()?,
            tasks: tx.prepare_cached(TASKS)?.query_map([], task)?.collect::<Result<_, _>>()?,
            n_owed: tx.prepare_cached(OWED)?.query_row([], |row| unsigned(row, 0))?,
            n_invalid: tx.prepare_cached(INVALID)?.query_row([], |row| unsigned(row, 0))?,
        })
    })
}

const READABLE: &str = "SELECT count(*) FROM counter";

/// Fails if the store cannot be read.
pub fn is_readable(reader: &Reader) -> Result<(), Refused> {
    reader.read(|tx| Ok(tx.prepare_cached(READABLE)?.query_row([], |_| Ok(()))?))
}
