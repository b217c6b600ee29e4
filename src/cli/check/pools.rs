//! Where due times that a change adds want more of a pool than there is. What a run takes is estimated: the tasks that it
//! begins with at once, for as long as the job's latest run lasted, or for the instant alone where it has none.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::definition::{Job, Overlap, PoolSizes};
use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// A job that takes from pools.
#[derive(Clone, Debug)]
pub(super) struct Taker {
    pub(super) job: String,
    /// What a run takes of each pool at once.
    pub(super) weights: BTreeMap<String, u32>,
    /// How many of its runs are live at most.
    pub(super) max_runs: Option<u32>,
    /// How long a run lasts.
    pub(super) lasts: Duration,
    /// When it is due, oldest first.
    pub(super) due: Vec<Timestamp>,
    /// Those of them that the change adds.
    pub(super) added: BTreeSet<Timestamp>,
}

impl Taker {
    /// The job, if it takes from any pool; when it is due is to be said.
    pub(super) fn new(name: &str, job: &Job, lasts: Option<Duration>) -> Option<Self> {
        let mut weights: BTreeMap<String, u32> = BTreeMap::new();
        for task in job.tasks.iter().filter(|task| task.after.is_empty()) {
            for (pool, weight) in task.pools.iter() {
                let taken = weights.entry(pool.to_owned()).or_default();
                *taken = taken.saturating_add(weight);
            }
        }
        for (pool, weight) in job.tasks.iter().flat_map(|task| task.pools.iter()) {
            let taken = weights.entry(pool.to_owned()).or_default();
            *taken = weight.max(*taken);
        }
        (!weights.is_empty()).then(|| Taker {
            job: name.to_owned(),
            weights,
            max_runs: (job.overlap != Overlap::Allow).then_some(job.max_runs),
            lasts: lasts.unwrap_or(Duration::ZERO),
            due: Vec::new(),
            added: BTreeSet::new(),
        })
    }
}

/// An instant at which more is wanted of a pool than there is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Contention {
    pub(super) pool: String,
    pub(super) at: Timestamp,
    pub(super) size: u32,
    /// What each job wants, by name.
    pub(super) wanted: BTreeMap<String, u32>,
}

/// Every such instant to which a due time that was added contributes, by pool and time.
pub(super) fn contentions(takers: &[Taker], sizes: &PoolSizes) -> Vec<Contention> {
    let mut found = Vec::new();
    for (pool, size) in sizes {
        let of_pool: Vec<(&Taker, u32)> =
            takers.iter().filter_map(|taker| Some((taker, *taker.weights.get(pool)?))).collect();
        if of_pool.iter().all(|(taker, _)| taker.added.is_empty()) {
            continue;
        }
        let mut starts: BTreeMap<Timestamp, Vec<usize>> = BTreeMap::new();
        for (index, (taker, _)) in of_pool.iter().enumerate() {
            taker.due.iter().for_each(|at| starts.entry(*at).or_default().push(index));
        }
        let mut live: Vec<(Timestamp, usize, bool)> = Vec::new();
        for (at, started) in starts {
            live.retain(|(end, ..)| *end > at);
            for index in started {
                let (taker, _) = of_pool[index];
                let n_live = live.iter().filter(|(_, other, _)| *other == index).count();
                if taker.max_runs.is_none_or(|max| n_live < max as usize) {
                    // What lasts no time is there at this instant.
                    let end = at.plus(taker.lasts.max(Duration::from_micros(1)));
                    live.push((end, index, taker.added.contains(&at)));
                }
            }
            let mut wanted: BTreeMap<String, u32> = BTreeMap::new();
            for (_, index, _) in &live {
                let (taker, weight) = of_pool[*index];
                let sum = wanted.entry(taker.job.clone()).or_default();
                *sum = sum.saturating_add(weight);
            }
            let sum = wanted.values().fold(0, |sum: u32, weight| sum.saturating_add(*weight));
            if sum > *size && live.iter().any(|(.., is_added)| *is_added) {
                found.push(Contention { pool: pool.clone(), at, size: *size, wanted });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_micros(n * 60_000_000)
    }

    fn taker(job: &str, weight: u32, lasts: i64, due: &[i64], added: &[i64]) -> Taker {
        Taker {
            job: job.to_owned(),
            weights: BTreeMap::from([("db".to_owned(), weight)]),
            max_runs: Some(1),
            lasts: Duration::from_secs(lasts * 60),
            due: due.iter().copied().map(minute).collect(),
            added: added.iter().copied().map(minute).collect(),
        }
    }

    #[track_caller]
    fn check(takers: &[Taker], expected: &[i64]) {
        let sizes = PoolSizes::from([("db".to_owned(), 2)]);
        let found: Vec<i64> = contentions(takers, &sizes).iter().map(|one| one.at.as_micros() / 60_000_000).collect();
        assert_eq!(found, expected, "{takers:?}");
    }

    #[test]
    fn due_times_that_coincide_may_want_more_than_there_is() {
        check(&[taker("a", 1, 0, &[10], &[10]), taker("b", 1, 0, &[10], &[])], &[]);
        check(&[taker("a", 2, 0, &[10], &[10]), taker("b", 1, 0, &[10], &[])], &[10]);
        check(&[taker("a", 2, 0, &[10], &[10]), taker("b", 1, 0, &[11], &[])], &[]);
    }

    #[test]
    fn a_run_takes_its_share_for_as_long_as_the_latest_lasted() {
        check(&[taker("a", 2, 5, &[10], &[10]), taker("b", 1, 0, &[11, 15], &[])], &[11]);
        check(&[taker("a", 2, 5, &[10, 12], &[10, 12])], &[]);
    }

    #[test]
    fn what_was_so_before_is_not_told() {
        check(&[taker("a", 2, 0, &[10], &[]), taker("b", 1, 0, &[10, 20], &[20])], &[]);
    }
}
