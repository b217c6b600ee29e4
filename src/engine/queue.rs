//! Which queued task is claimed next. Tasks stand in one order (`policy::queue`), in which nobody ever changes places. One
//! that takes from no pool may be claimed when its turn comes. One that does waits in the line of each of its pools, and
//! may be claimed if it is the first of all these lines and every pool has room for it.
//!
//! So a task that takes much does not starve: whoever comes after it in one of its lines waits until it has had its turn.
//! Nobody waits for each other: of all who stand in lines, the first in the order is the first of each of its own. And what
//! waits costs nothing: only the first of a line is ever looked at, and only when that line or its pool has changed.
//!
//! A task that asks for more than there is of a pool stands in no line, since those behind it would wait for ever with it.
//!
//! Whether there is room is decided by the rows of the pools, in the transaction that claims. What is known of them here
//! says only whom to ask for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::model::definition::{PoolSizes, Pools};
use crate::model::id::{Launch, TaskId};
use crate::model::timestamp::Timestamp;

/// How many different shares are remembered at most; beyond that the memory of them starts anew.
const MAX_KEPT: usize = 4096;

/// The place of a task in the order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Turn {
    pub(crate) place: Timestamp,
    pub(crate) task: TaskId,
}

/// One pool, and who waits for it.
#[derive(Debug, Default)]
struct Pool {
    size: u32,
    used: u32,
    line: BTreeSet<Turn>,
}

/// The tasks that may be claimed as soon as the limits let them.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Those that take from no pool.
    free: BTreeSet<Turn>,
    /// Those that are first in all their lines and for whom there is room.
    open: BTreeSet<Turn>,
    /// Those that ask for more than there is.
    beyond: BTreeSet<Turn>,
    /// What those who take from pools ask for.
    asked: HashMap<TaskId, Arc<Pools>>,
    pools: HashMap<String, Pool>,
    /// What live attempts have taken.
    held: HashMap<Launch, Arc<Pools>>,
    /// Equal shares are kept once.
    known: HashSet<Arc<Pools>>,
    /// How often a task was looked at.
    #[cfg(test)]
    n_looks: usize,
}

impl Queue {
    /// The task whose turn it is.
    pub(crate) fn first(&self) -> Option<TaskId> {
        let turn = [self.free.first(), self.open.first()].into_iter().flatten().min()?;
        Some(turn.task)
    }

    /// A task waits from now on.
    pub(crate) fn enter(&mut self, turn: Turn, pools: &Pools) {
        if pools.is_empty() {
            self.free.insert(turn);
            return;
        }
        let pools = self.share(pools);
        self.asked.insert(turn.task, Arc::clone(&pools));
        self.line_up(turn, &pools);
    }

    /// A task does not wait any more.
    pub(crate) fn leave(&mut self, turn: Turn) {
        let Some(pools) = self.asked.remove(&turn.task) else {
            self.free.remove(&turn);
            return;
        };
        self.beyond.remove(&turn);
        self.open.remove(&turn);
        for (name, _) in pools.iter() {
            if let Some(pool) = self.pools.get_mut(name) {
                pool.line.remove(&turn);
            }
        }
        self.look_at_lines(&pools);
    }

    /// An attempt has taken its share.
    pub(crate) fn take(&mut self, launch: Launch, pools: &Pools) {
        if pools.is_empty() {
            return;
        }
        let pools = self.share(pools);
        for (name, weight) in pools.iter() {
            let pool = self.pools.entry(name.to_owned()).or_default();
            pool.used = pool.used.saturating_add(weight);
        }
        self.look_at_lines(&pools);
        self.held.insert(launch, pools);
    }

    /// An attempt that lived already when the pools were read has its share.
    pub(crate) fn hold(&mut self, launch: Launch, pools: &Pools) {
        if !pools.is_empty() {
            let pools = self.share(pools);
            self.held.insert(launch, pools);
        }
    }

    /// An attempt has ended: what it had taken, if it had.
    pub(crate) fn give(&mut self, launch: Launch) -> Option<Arc<Pools>> {
        let pools = self.held.remove(&launch)?;
        for (name, weight) in pools.iter() {
            if let Some(pool) = self.pools.get_mut(name) {
                pool.used = pool.used.saturating_sub(weight);
            }
        }
        self.look_at_lines(&pools);
        Some(pools)
    }

    /// What the row of a pool says.
    pub(crate) fn set(&mut self, name: &str, size: u32, used: u32) {
        let pool = self.pools.entry(name.to_owned()).or_default();
        let is_resized = pool.size != size;
        (pool.size, pool.used) = (size, used);
        if is_resized {
            self.line_up_anew();
        } else {
            let first = pool.line.first().copied();
            first.into_iter().for_each(|turn| self.look(turn));
        }
    }

    /// There are these pools now, and no others.
    pub(crate) fn resize(&mut self, sizes: &PoolSizes) {
        for (name, pool) in &mut self.pools {
            pool.size = sizes.get(name).copied().unwrap_or(0);
        }
        for (name, size) in sizes {
            self.pools.entry(name.clone()).or_default().size = *size;
        }
        self.line_up_anew();
        self.pools.retain(|_, pool| pool.size > 0 || pool.used > 0);
    }

    /// How large the pools are.
    pub(crate) fn sizes(&self) -> PoolSizes {
        let there = self.pools.iter().filter(|(_, pool)| pool.size > 0);
        there.map(|(name, pool)| (name.clone(), pool.size)).collect()
    }

    fn share(&mut self, pools: &Pools) -> Arc<Pools> {
        if let Some(known) = self.known.get(pools) {
            return Arc::clone(known);
        }
        if self.known.len() >= MAX_KEPT {
            self.known.clear();
        }
        let pools = Arc::new(pools.clone());
        self.known.insert(Arc::clone(&pools));
        pools
    }

    fn line_up(&mut self, turn: Turn, pools: &Pools) {
        let size = |name: &str| self.pools.get(name).map_or(0, |pool| pool.size);
        if pools.iter().any(|(name, weight)| weight > size(name)) {
            self.beyond.insert(turn);
            return;
        }
        for (name, _) in pools.iter() {
            let pool = self.pools.entry(name.to_owned()).or_default();
            let before = pool.line.first().copied().filter(|before| turn < *before);
            pool.line.insert(turn);
            // Whoever is not the first any more is not to be claimed.
            if let Some(before) = before {
                self.open.remove(&before);
            }
        }
        self.look(turn);
    }

    /// Another size makes other tasks ask for too much.
    fn line_up_anew(&mut self) {
        let mut all = std::mem::take(&mut self.beyond);
        for pool in self.pools.values_mut() {
            all.append(&mut pool.line);
        }
        self.open.clear();
        for turn in all {
            if let Some(pools) = self.asked.get(&turn.task).map(Arc::clone) {
                self.line_up(turn, &pools);
            }
        }
    }

    fn look_at_lines(&mut self, pools: &Pools) {
        for (name, _) in pools.iter() {
            let first = self.pools.get(name).and_then(|pool| pool.line.first().copied());
            first.into_iter().for_each(|turn| self.look(turn));
        }
    }

    /// Finds out whether one who is first somewhere may be claimed.
    fn look(&mut self, turn: Turn) {
        #[cfg(test)]
        {
            self.n_looks += 1;
        }
        let Some(asked) = self.asked.get(&turn.task) else { return };
        let is_open = asked.iter().all(|(name, weight)| {
            let Some(pool) = self.pools.get(name) else { return false };
            pool.line.first() == Some(&turn) && pool.used.saturating_add(weight) <= pool.size
        });
        if is_open {
            self.open.insert(turn);
        } else {
            self.open.remove(&turn);
        }
    }
}

#[cfg(test)]
mod tests;
