//! What a run or a task waits for, found out when it does.

use std::fmt;

use rusqlite::{Connection, OptionalExtension};

use crate::model::definition::Pools;
use crate::model::id::TaskId;
use crate::sim::world::{Broken, said};

/// What stands in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// As many runs of its job as may be are live; it is held by this policy.
    Overlap(String),
    /// As many attempts as may be over all jobs are live.
    MaxTasks(usize),
    /// There is not enough left of this pool.
    Pool {
        /// Which.
        name: String,
        /// How much of it was taken.
        used: u32,
        /// How much there is.
        size: u32,
    },
    /// Others came before it.
    Turn,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Overlap(policy) => write!(f, "`overlap = \"{policy}\"`"),
            Obstacle::MaxTasks(n) => write!(f, "`max_tasks` {n}/{n}"),
            Obstacle::Pool { name, used, size } => write!(f, "pool `{name}` {used}/{size}"),
            Obstacle::Turn => f.write_str("its turn"),
        }
    }
}

const ASKED: &str = "SELECT pools FROM task WHERE id = ?1 AND ended_at IS NULL";
const POOL: &str = "SELECT used, size FROM pool WHERE name = ?1";
const N_LIVE: &str = "SELECT count(*) FROM attempt WHERE state <> 'ended'";

/// What a queued task waits for; nothing if it is about to be claimed.
pub(super) fn of_task(connection: &Connection, task: TaskId, max_tasks: usize) -> Result<Option<Obstacle>, Broken> {
    let mut statement = connection.prepare_cached(ASKED).map_err(said)?;
    let asked: Option<Option<String>> =
        statement.query_row([task.as_bytes()], |row| row.get(0)).optional().map_err(said)?;
    let Some(asked) = asked else { return Ok(None) };
    let asked: Pools = asked.unwrap_or_default().parse().map_err(said)?;
    let mut statement = connection.prepare_cached(POOL).map_err(said)?;
    for (name, weight) in asked.iter() {
        let row: Option<(u32, u32)> =
            statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(said)?;
        let (used, size) = row.unwrap_or_default();
        if used.saturating_add(weight) > size {
            return Ok(Some(Obstacle::Pool { name: name.to_owned(), used, size }));
        }
    }
    let mut statement = connection.prepare_cached(N_LIVE).map_err(said)?;
    let n_live: usize = statement.query_row([], |row| row.get::<_, i64>(0)).map_err(said)?.try_into().unwrap_or(0);
    Ok(Some(if n_live >= max_tasks { Obstacle::MaxTasks(max_tasks) } else { Obstacle::Turn }))
}
