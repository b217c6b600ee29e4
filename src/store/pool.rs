//! Pools: how much there is of each, and how much live attempts have taken. An attempt takes its share in the transaction
//! that claims it and gives it back in the one that ends it, so the counters agree with the live attempts always.

use super::{StoreError, Tx};
use crate::model::definition::{PoolSizes, Pools};

/// A pool's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PoolRow {
    pub(crate) name: String,
    /// 0 if the configuration has it no more.
    pub(crate) size: u32,
    pub(crate) used: u32,
}

const ALL: &str = "SELECT name, size, used FROM pool ORDER BY name";
const TAKE: &str = "UPDATE pool SET used = used + ?2 WHERE name = ?1 AND used + ?2 <= size";
const GIVE: &str = "UPDATE pool SET used = max(used - ?2, 0) WHERE name = ?1";
const RESIZE: &str = "
INSERT INTO pool (name, size) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET size = excluded.size";
const FORGET: &str = "DELETE FROM pool WHERE size = 0 AND used = 0";

/// Every pool, by name.
pub(crate) fn all(tx: &Tx<'_>) -> Result<Vec<PoolRow>, StoreError> {
    tx.all(ALL, &[], |row| Ok(PoolRow { name: row.get(0)?, size: row.get(1)?, used: row.get(2)? }))
}

/// Takes all of it; `false`, and nothing is taken, if one of the pools has no room.
pub(crate) fn take(tx: &Tx<'_>, pools: &Pools) -> Result<bool, StoreError> {
    for (at, (name, weight)) in pools.iter().enumerate() {
        if tx.execute(TAKE, &[&name, &weight])? == 1 {
            continue;
        }
        for (name, weight) in pools.iter().take(at) {
            tx.execute(GIVE, &[&name, &weight])?;
        }
        return Ok(false);
    }
    Ok(true)
}

/// Gives back what was taken.
pub(crate) fn give(tx: &Tx<'_>, pools: &Pools) -> Result<(), StoreError> {
    pools.iter().try_for_each(|(name, weight)| tx.execute(GIVE, &[&name, &weight]).map(drop))
}

/// There are these pools now, and no others. What is taken of one that is gone stays known until it is given back.
pub(crate) fn resize(tx: &Tx<'_>, sizes: &PoolSizes) -> Result<(), StoreError> {
    let before = all(tx)?;
    for row in before.iter().filter(|row| row.size > 0 && !sizes.contains_key(&row.name)) {
        tx.execute(RESIZE, &[&row.name, &0])?;
    }
    for (name, size) in sizes {
        if !before.iter().any(|row| row.name == *name && row.size == *size) {
            tx.execute(RESIZE, &[name, size])?;
        }
    }
    tx.execute(FORGET, &[]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    fn rows(tx: &Tx<'_>) -> Vec<(String, u32, u32)> {
        let rows = all(tx).expect("because the table is there");
        rows.into_iter().map(|row| (row.name, row.size, row.used)).collect()
    }

    #[test]
    fn all_is_taken_or_nothing_and_no_pool_is_overdrawn() {
        let mut store = Store::in_memory().expect("because memory is there");
        let tx = store.begin().expect("because nobody else writes");
        let pools = |text: &str| text.parse::<Pools>().expect("because the case is valid");
        let sizes = |all: &[(&str, u32)]| all.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
        resize(&tx, &sizes(&[("a", 2), ("b", 1)])).expect("because the sizes are right");
        for (wanted, expected, used) in
            [("", true, [0, 0]), ("a=1 b=1", true, [1, 1]), ("a=1 b=1", false, [1, 1]), ("a=2", false, [1, 1])]
        {
            assert_eq!(take(&tx, &pools(wanted)).expect("because it can be asked"), expected, "{wanted}");
            assert_eq!(rows(&tx), [("a".to_owned(), 2, used[0]), ("b".to_owned(), 1, used[1])]);
        }
        resize(&tx, &sizes(&[("b", 5)])).expect("because the sizes are right");
        assert_eq!(rows(&tx), [("a".to_owned(), 0, 1), ("b".to_owned(), 5, 1)], "what is taken stays known");
        assert!(!take(&tx, &pools("a=1 b=1")).expect("because it can be asked"));
        give(&tx, &pools("a=1 b=1")).expect("because it was taken");
        resize(&tx, &sizes(&[("b", 5)])).expect("because the sizes are right");
        assert_eq!(rows(&tx), [("b".to_owned(), 5, 0)]);
    }
}
