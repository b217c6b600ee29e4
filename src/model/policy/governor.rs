//! How fast missed due times are caught up, over all jobs: so many starts in any minute, and so many of the runs live at
//! once. After an absence a machine with a thousand jobs goes on at the pace that its operator chose, and not at once.
//!
//! Pure: what was started and when go in, the next opening comes out. Invariant: in no sixty seconds of steady time are there
//! more starts than the pace allows. A new daemon begins with an empty minute.

use std::collections::VecDeque;

use crate::model::duration::Duration;
use crate::model::timestamp::Steady;

const MINUTE: Duration = Duration::from_secs(60);

/// How fast, as the configuration says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Starts in any minute.
    pub starts_per_minute: u32,
    /// Runs that are live at once.
    pub max_runs: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { starts_per_minute: 60, max_runs: 16 }
    }
}

/// When one more may start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// Now.
    Now,
    /// Then.
    At(Steady),
    /// When one of those that are live has ended.
    AtAnEnd,
}

/// What has been started.
#[derive(Clone, Debug, Default)]
pub struct Governor {
    /// The newest starts, as many as count.
    starts: VecDeque<Steady>,
    n_live: u32,
}

impl Governor {
    /// One that begins with so many live runs.
    pub fn new(n_live: u32) -> Self {
        Governor { starts: VecDeque::new(), n_live }
    }

    /// The same, with the starts that the other knows of.
    pub fn remember(&mut self, other: Governor) {
        self.starts = other.starts;
    }

    /// When one more may start.
    pub fn opening(&self, pace: Pace, now: Steady) -> Opening {
        if self.n_live >= pace.max_runs {
            return Opening::AtAnEnd;
        }
        let counted = pace.starts_per_minute as usize;
        let decisive = self.starts.len().checked_sub(counted).and_then(|at| self.starts.get(at));
        match decisive.map(|start| start.plus(MINUTE)).filter(|opens| *opens > now) {
            Some(opens) => Opening::At(opens),
            None => Opening::Now,
        }
    }

    /// One was started.
    pub fn started(&mut self, pace: Pace, now: Steady) {
        self.n_live += 1;
        self.starts.push_back(now);
        while self.starts.len() > pace.starts_per_minute as usize {
            self.starts.pop_front();
        }
    }

    /// One has ended.
    pub fn ended(&mut self) {
        self.n_live = self.n_live.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Steady {
        Steady(second * 1_000_000)
    }

    #[test]
    fn no_minute_has_more_starts_than_the_pace_allows() {
        for starts_per_minute in 1..=4 {
            let pace = Pace { starts_per_minute, max_runs: 1_000 };
            let mut governor = Governor::default();
            let mut starts: Vec<i64> = Vec::new();
            // Whoever wants to start whenever it is open, and whoever comes at odd times.
            for second in (0..400).filter(|second| second % 7 != 3 || second % 2 == 0) {
                while governor.opening(pace, at(second)) == Opening::Now {
                    governor.started(pace, at(second));
                    starts.push(second);
                }
                let Opening::At(opens) = governor.opening(pace, at(second)) else { panic!("it is open") };
                assert!(opens > at(second) && opens <= at(second + 60));
            }
            for from in 0..340 {
                let n = starts.iter().filter(|start| (from..from + 60).contains(*start)).count();
                assert!(n <= starts_per_minute as usize, "{n} from {from}");
            }
            assert!(starts.len() >= 6 * starts_per_minute as usize, "nor fewer than it may");
        }
    }

    #[test]
    fn no_more_are_live_than_the_pace_allows() {
        let pace = Pace { starts_per_minute: 100, max_runs: 2 };
        let mut governor = Governor::new(1);
        assert_eq!(governor.opening(pace, at(0)), Opening::Now);
        governor.started(pace, at(0));
        assert_eq!(governor.opening(pace, at(1_000)), Opening::AtAnEnd);
        governor.ended();
        assert_eq!(governor.opening(pace, at(1_000)), Opening::Now);
    }

    #[test]
    fn a_slower_pace_counts_at_once() {
        let mut governor = Governor::default();
        let fast = Pace { starts_per_minute: 3, max_runs: 9 };
        (0..3).for_each(|second| governor.started(fast, at(second)));
        let slow = Pace { starts_per_minute: 1, max_runs: 9 };
        assert_eq!(governor.opening(slow, at(5)), Opening::At(at(62)));
        assert_eq!(governor.opening(fast, at(60)), Opening::Now);
    }
}
