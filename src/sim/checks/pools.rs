//! What is taken of pools is what live attempts take, after each step; and of what is queued, nobody waits who could go.

use std::collections::{BTreeMap, HashSet};

use rusqlite::Connection;

use super::Checks;
use crate::model::definition::{PoolSizes, Pools};
use crate::model::policy::queue;
use crate::model::timestamp::Timestamp;
use crate::sim::world::{Broken, said};

const POOLS: &str = "SELECT name, size, used FROM pool";
const TAKEN: &str = "
SELECT task.pools FROM attempt JOIN task ON task.id = attempt.task_id
 WHERE attempt.state <> 'ended' AND task.pools IS NOT NULL";
const QUEUED: &str = "
SELECT id, priority, queued_at, coalesce(pools, '') FROM task WHERE ended_at IS NULL AND state = 'queued'";

impl Checks {
    /// The counters agree with the live attempts.
    pub(super) fn pools(&self, connection: &Connection) -> Result<(), Broken> {
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        let mut statement = connection.prepare_cached(TAKEN).map_err(said)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(said)?;
        for text in rows {
            for (name, weight) in text.map_err(said)?.parse::<Pools>().map_err(said)?.iter() {
                *taken.entry(name.to_owned()).or_default() += weight;
            }
        }
        for (name, (_, used)) in sizes(connection)? {
            let n = taken.remove(&name).unwrap_or(0);
            if n != used {
                return Err(format!("pool `{name}` says that {used} of it are taken, and live attempts take {n}"));
            }
        }
        match taken.pop_first() {
            Some((name, n)) => Err(format!("live attempts take {n} of pool `{name}`, which has no row")),
            None => Ok(()),
        }
    }

    /// How many queued tasks could be claimed, as far as pools are concerned.
    pub(super) fn n_ready(&self, connection: &Connection) -> Result<usize, Broken> {
        let all = sizes(connection)?;
        let room: BTreeMap<&str, u32> =
            all.iter().map(|(name, (size, used))| (name.as_str(), size.saturating_sub(*used))).collect();
        let sizes: PoolSizes = all.iter().map(|(name, (size, _))| (name.clone(), *size)).collect();
        let mut statement = connection.prepare_cached(QUEUED).map_err(said)?;
        let read = |row: &rusqlite::Row<'_>| {
            let place = queue::place(row.get(1)?, Timestamp::from_micros(row.get(2)?));
            Ok(((place, row.get::<_, [u8; 16]>(0)?), row.get::<_, String>(3)?))
        };
        let rows = statement.query_map([], read).map_err(said)?;
        let mut queued: Vec<_> = rows.collect::<Result<_, _>>().map_err(said)?;
        queued.sort();
        let (mut n, mut behind): (usize, HashSet<String>) = (0, HashSet::new());
        for (_, text) in queued {
            let pools: Pools = text.parse().map_err(said)?;
            if pools.beyond(&sizes).is_some() {
                continue;
            }
            let goes = |(name, weight): (&str, u32)| !behind.contains(name) && weight <= room[name];
            n += usize::from(pools.iter().all(goes));
            behind.extend(pools.iter().map(|(name, _)| name.to_owned()));
        }
        Ok(n)
    }
}

/// The size of each pool, and how much of it is taken.
fn sizes(connection: &Connection) -> Result<BTreeMap<String, (u32, u32)>, Broken> {
    let mut statement = connection.prepare_cached(POOLS).map_err(said)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).map_err(said)?;
    rows.collect::<Result<_, _>>().map_err(said)
}
