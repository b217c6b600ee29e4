//! The gate: what becomes of one more run of a job. Scheduled, caught-up, backfilled and manual runs all ask here.
//!
//! Pure: the definition and how the job stands go in, an admission comes out. The policies are those of Temporal's
//! schedules, taken from one live run to `max_runs` of them. A *held* run exists and has its number, but nothing of it may
//! start and it is not live; the oldest held run becomes live as soon as there is room. Invariants: with `buffer_one` no
//! run is held beside another, and without force nothing starts past a held run or past `max_runs`, but with `allow`.

use crate::model::definition::{Job, Overlap};
use crate::model::outcome::Reason;

/// What the gate looks at besides the definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// How many runs of the job are live.
    pub n_live: u32,
    /// How many are held.
    pub n_held: u32,
    /// How many runs are queued, held ones among them.
    pub n_queued: u32,
    /// The job, or everything, is paused.
    pub paused: bool,
    /// Somebody insists.
    pub force: bool,
}

/// What becomes of one more run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It is live.
    Start,
    /// It is held until there is room.
    Hold,
    /// It is held, those that are held already are given up, and so many of the oldest live runs are to end for it.
    Displace {
        /// How many.
        n_live: u32,
        /// They are killed without grace.
        at_once: bool,
    },
    /// It is not made.
    Refuse(Reason),
}

/// What becomes of one more run of `job`.
pub fn admit(job: &Job, standing: Standing) -> Admission {
    let Standing { n_live, n_held, n_queued, paused, force } = standing;
    if force {
        return Admission::Start;
    }
    if paused || !job.enabled {
        return Admission::Refuse(Reason::Paused);
    }
    let one_more = |admission| match n_queued < job.queue_limit {
        true => admission,
        false => Admission::Refuse(Reason::QueueFull),
    };
    if n_held == 0 && room(job, n_live) > 0 {
        return one_more(Admission::Start);
    }
    let displaced = (n_live + 1).saturating_sub(job.max_runs);
    match job.overlap {
        // What was held before the bound was lifted goes first.
        Overlap::Allow | Overlap::BufferAll => one_more(Admission::Hold),
        Overlap::BufferOne if n_held == 0 => one_more(Admission::Hold),
        Overlap::Skip | Overlap::BufferOne => Admission::Refuse(Reason::Overlap),
        Overlap::CancelOther => Admission::Displace { n_live: displaced, at_once: false },
        Overlap::TerminateOther => Admission::Displace { n_live: displaced, at_once: true },
    }
}

/// How many more runs of `job` may be live beside so many.
pub fn room(job: &Job, n_live: u32) -> u32 {
    if job.overlap == Overlap::Allow { u32::MAX } else { job.max_runs.saturating_sub(n_live) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(overlap: Overlap, max_runs: u32) -> Job {
        Job { overlap, max_runs, ..Job::default() }
    }

    /// A job as its users see it: what is live, oldest first, and whether it was told to end; what is held; what was
    /// skipped or given up.
    #[derive(Clone, Debug, Default)]
    struct Seen {
        live: Vec<(u32, bool)>,
        held: Vec<u32>,
        not_done: Vec<u32>,
    }

    impl Seen {
        fn due(&mut self, job: &Job, run: u32) {
            let count = |n: usize| u32::try_from(n).expect("because it is small");
            let (n_live, n_held) = (count(self.live.len()), count(self.held.len()));
            match admit(job, Standing { n_live, n_held, n_queued: n_held, paused: false, force: false }) {
                Admission::Start => self.live.push((run, false)),
                Admission::Hold => self.held.push(run),
                Admission::Displace { n_live, .. } => {
                    self.not_done.append(&mut self.held);
                    self.live.iter_mut().take(n_live as usize).for_each(|(_, told)| *told = true);
                    self.held.push(run);
                }
                Admission::Refuse(reason) => {
                    assert_eq!(reason, Reason::Overlap);
                    self.not_done.push(run);
                }
            }
        }

        fn end(&mut self, job: &Job, index: usize) {
            if index < self.live.len() {
                self.live.remove(index);
            }
            let n_live = u32::try_from(self.live.len()).expect("because it is small");
            let n_let_in = self.held.len().min(room(job, n_live) as usize);
            self.live.extend(self.held.drain(..n_let_in).map(|run| (run, false)));
        }
    }

    /// Every sequence of due times and ends up to this length.
    const LENGTH: u32 = 7;

    fn every_history(overlap: Overlap, max_runs: u32, check: &dyn Fn(&Seen, u32)) {
        fn go(job: &Job, seen: &Seen, n_due: u32, left: u32, check: &dyn Fn(&Seen, u32)) {
            check(seen, n_due);
            if left == 0 {
                return;
            }
            let mut next = seen.clone();
            next.due(job, n_due + 1);
            go(job, &next, n_due + 1, left - 1, check);
            for index in 0..seen.live.len() {
                let mut next = seen.clone();
                next.end(job, index);
                go(job, &next, n_due, left - 1, check);
            }
        }
        go(&job(overlap, max_runs), &Seen::default(), 0, LENGTH, check);
    }

    #[test]
    fn whatever_happens_each_policy_keeps_what_it_promises() {
        for max_runs in 1..=3 {
            for overlap in Overlap::ALL {
                every_history(overlap, max_runs, &|seen, newest| {
                    let case = format!("{overlap:?} {max_runs} {seen:?}");
                    let is_full = seen.live.len() == max_runs as usize;
                    assert!(overlap == Overlap::Allow || seen.live.len() <= max_runs as usize, "{case}");
                    assert!(seen.held.is_empty() || is_full, "nothing is held while there is room: {case}");
                    match overlap {
                        Overlap::Skip => assert!(seen.held.is_empty(), "{case}"),
                        Overlap::BufferOne => assert!(seen.held.len() <= 1, "{case}"),
                        Overlap::BufferAll => assert!(seen.not_done.is_empty(), "{case}"),
                        Overlap::CancelOther | Overlap::TerminateOther => {
                            assert!(seen.held.len() <= 1, "{case}");
                            let is_latest = |run: &u32| *run == newest;
                            assert!(seen.held.iter().all(is_latest), "the newest is the one that is held: {case}");
                            let told = seen.live.iter().any(|(_, told)| *told);
                            assert!(seen.held.is_empty() || told, "something ends for it: {case}");
                        }
                        Overlap::Allow => assert!(seen.held.is_empty() && seen.not_done.is_empty(), "{case}"),
                    }
                    assert!(seen.held.windows(2).all(|pair| pair[0] < pair[1]), "in order: {case}");
                });
            }
        }
    }

    #[test]
    fn with_buffer_one_the_first_that_had_to_wait_is_the_one_that_starts() {
        let job = job(Overlap::BufferOne, 1);
        let mut seen = Seen::default();
        (1..=4).for_each(|run| seen.due(&job, run));
        assert_eq!((seen.held.as_slice(), seen.not_done.as_slice()), (&[2][..], &[3, 4][..]));
        seen.end(&job, 0);
        assert_eq!((seen.live.as_slice(), seen.held.is_empty()), (&[(2, false)][..], true));
    }

    #[test]
    fn force_goes_past_everything_and_a_pause_past_every_policy() {
        for overlap in Overlap::ALL {
            let job = job(overlap, 1);
            let standing = Standing { n_live: 5, n_held: 5, n_queued: 5, paused: true, force: true };
            assert_eq!(admit(&job, standing), Admission::Start);
            let standing = Standing { n_live: 0, n_held: 0, n_queued: 0, paused: true, force: false };
            assert_eq!(admit(&job, standing), Admission::Refuse(Reason::Paused));
        }
    }

    #[test]
    fn a_full_queue_takes_no_more_but_a_newcomer_takes_the_place_of_what_is_held() {
        for overlap in Overlap::ALL {
            let job = Job { queue_limit: 1, ..job(overlap, 2) };
            let standing = Standing { n_live: 1, n_held: 0, n_queued: 1, paused: false, force: false };
            assert_eq!(admit(&job, standing), Admission::Refuse(Reason::QueueFull), "{overlap:?}");
        }
        let held = Standing { n_live: 2, n_held: 1, n_queued: 1, paused: false, force: false };
        let full = |overlap| admit(&Job { queue_limit: 1, ..job(overlap, 2) }, held);
        assert_eq!(full(Overlap::BufferAll), Admission::Refuse(Reason::QueueFull));
        assert_eq!(full(Overlap::CancelOther), Admission::Displace { n_live: 1, at_once: false });
    }

    #[test]
    fn when_the_bound_is_lifted_what_is_held_goes_first() {
        let standing = Standing { n_live: 1, n_held: 1, n_queued: 0, paused: false, force: false };
        assert_eq!(admit(&job(Overlap::Allow, 1), standing), Admission::Hold);
    }
}
