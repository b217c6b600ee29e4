//! What a task takes from named pools while an attempt of it lives. The pools themselves, and how large each is, the
//! configuration says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much there is of each pool, by name.
pub type PoolSizes = BTreeMap<String, u32>;

/// Pools by name, and how much is taken of each: at least 1.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pools(BTreeMap<String, u32>);

impl Pools {
    /// Whether nothing is taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes `weight` of the pool `name`.
    pub fn insert(&mut self, name: &str, weight: u32) {
        self.0.insert(name.to_owned(), weight);
    }

    /// Each pool and how much is taken of it, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, weight)| (name.as_str(), *weight))
    }

    /// How much is taken of that pool.
    pub fn weight(&self, name: &str) -> u32 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The first pool that does not exist, or is smaller than what is taken of it.
    pub fn beyond(&self, sizes: &PoolSizes) -> Option<(&str, u32)> {
        self.iter().find(|(name, weight)| sizes.get(*name).is_none_or(|size| size < weight))
    }
}

impl fmt::Display for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, weight)) in self.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(f, "{gap}{name}={weight}")?;
        }
        Ok(())
    }
}

/// Why a text names no pools.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not pools as in `db=2 gpu=1`")]
pub struct NotPools(pub String);

impl FromStr for Pools {
    type Err = NotPools;

    fn from_str(text: &str) -> Result<Self, NotPools> {
        let one = |word: &str| {
            let (name, weight) = word.split_once('=')?;
            let weight = weight.parse().ok().filter(|weight| *weight > 0)?;
            super::job::is_name(name).then(|| (name.to_owned(), weight))
        };
        let pools: Option<BTreeMap<String, u32>> = text.split(' ').filter(|word| !word.is_empty()).map(one).collect();
        pools.map(Pools).ok_or_else(|| NotPools(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_pools_agree_both_ways() {
        for text in ["", "db=1", "a.b=3 db=2 gpu=4294967295"] {
            assert_eq!(text.parse::<Pools>().expect("because the case is valid").to_string(), text);
        }
        for text in ["db", "db=", "db=0", "=1", "DB=1", "db=-1", "db=x", "db=1,gpu=1"] {
            assert_eq!(text.parse::<Pools>(), Err(NotPools(text.to_owned())));
        }
    }

    #[test]
    fn what_is_not_there_or_too_small_is_told() {
        let sizes = PoolSizes::from([("db".to_owned(), 2)]);
        for (pools, expected) in
            [("", None), ("db=2", None), ("db=3", Some(("db", 3))), ("db=2 gpu=1", Some(("gpu", 1)))]
        {
            let pools: Pools = pools.parse().expect("because the case is valid");
            assert_eq!(pools.beyond(&sizes), expected);
        }
    }
}
