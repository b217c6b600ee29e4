//! The queue against its rule, word for word: who may be claimed is found anew from all who wait, after every step of all
//! short histories and of some long ones.

use super::*;

/// What each task asks for, from the first of the order to the last.
const SHARES: [&str; 6] = ["a=1", "a=2", "a=1 b=1", "b=2", "", "a=1 b=2"];
const SIZES: [&[(&str, u32)]; 4] = [&[("a", 2), ("b", 2)], &[("a", 1), ("b", 2)], &[("a", 3)], &[("a", 2), ("b", 1)]];

#[derive(Clone, Copy, Debug)]
enum Act {
    /// The task comes, or goes if it waits.
    Toggle(usize),
    /// The first is claimed.
    Claim,
    /// The attempt that has lived longest ends.
    End,
    /// The pools are as large as that.
    Resize(usize),
}

/// The rule, without anything clever.
#[derive(Default)]
struct Rule {
    waiting: Vec<usize>,
    live: Vec<(Launch, usize)>,
    sizes: PoolSizes,
}

fn share(task: usize) -> Pools {
    SHARES[task % SHARES.len()].parse().expect("because the case is valid")
}

fn turn(task: usize) -> Turn {
    let mut id = [0; 16];
    id[15] = u8::try_from(task % 256).expect("because it is small");
    id[14] = u8::try_from(task / 256 % 256).expect("because it is small");
    id[13] = u8::try_from(task / 65_536).expect("because it is small");
    Turn { place: Timestamp::from_micros(i64::try_from(task / 2).unwrap_or(0)), task: TaskId::from_bytes(id) }
}

impl Rule {
    fn used(&self, pool: &str) -> u32 {
        self.live.iter().map(|(_, task)| share(*task).weight(pool)).sum()
    }

    fn may_be_claimed(&self) -> Vec<usize> {
        let mut all = self.waiting.clone();
        all.sort_by_key(|task| turn(*task));
        let mut behind: HashSet<String> = HashSet::new();
        let mut found = Vec::new();
        for task in all {
            let asked = share(task);
            if asked.beyond(&self.sizes).is_some() {
                continue;
            }
            let is_first = asked.iter().all(|(pool, _)| !behind.contains(pool));
            let has_room = asked.iter().all(|(pool, weight)| self.used(pool) + weight <= self.sizes[pool]);
            if is_first && has_room {
                found.push(task);
            }
            behind.extend(asked.iter().map(|(pool, _)| pool.to_owned()));
        }
        found
    }
}

#[derive(Default)]
struct Pair {
    rule: Rule,
    queue: Queue,
    n_launches: u64,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Pair::default();
        pair.act(Act::Resize(0));
        pair
    }

    fn act(&mut self, act: Act) {
        let Pair { rule, queue, n_launches } = self;
        match act {
            Act::Toggle(task) => match rule.waiting.iter().position(|waiting| *waiting == task) {
                Some(at) => {
                    rule.waiting.remove(at);
                    queue.leave(turn(task));
                }
                None => {
                    rule.waiting.push(task);
                    queue.enter(turn(task), &share(task));
                }
            },
            Act::Claim => {
                let Some(task) = rule.may_be_claimed().first().copied() else { return };
                *n_launches += 1;
                rule.waiting.retain(|waiting| *waiting != task);
                rule.live.push((Launch(*n_launches), task));
                queue.leave(turn(task));
                queue.take(Launch(*n_launches), &share(task));
            }
            Act::End if rule.live.is_empty() => {}
            Act::End => {
                let (launch, _) = rule.live.remove(0);
                queue.give(launch);
            }
            Act::Resize(to) => {
                rule.sizes = SIZES[to].iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
                queue.resize(&rule.sizes);
            }
        }
    }

    #[track_caller]
    fn check(&self, history: &[Act]) {
        let expected = self.rule.may_be_claimed();
        let turns: BTreeSet<Turn> = expected.iter().map(|task| turn(*task)).collect();
        let found: BTreeSet<Turn> = self.queue.free.union(&self.queue.open).copied().collect();
        assert_eq!(found, turns, "{history:?}");
        assert_eq!(self.queue.first(), expected.first().map(|task| turn(*task).task), "{history:?}");
        let is_waiting = self.rule.waiting.iter().any(|task| share(*task).beyond(&self.rule.sizes).is_none());
        if is_waiting && self.rule.live.is_empty() {
            assert!(self.queue.first().is_some(), "all wait for each other: {history:?}");
        }
        for (name, pool) in &self.queue.pools {
            assert_eq!(pool.used, self.rule.used(name), "{name} after {history:?}");
        }
    }
}

#[test]
fn in_all_short_histories_the_first_of_all_lines_that_fits_may_be_claimed() {
    let acts: Vec<Act> =
        (0..4).map(Act::Toggle).chain([Act::Claim, Act::End, Act::Resize(1), Act::Resize(2)]).collect();
    let length = 6;
    let n = acts.len().pow(length);
    for number in 0..n {
        let mut pair = Pair::new();
        let mut rest = number;
        let mut history = Vec::new();
        for _ in 0..length {
            history.push(acts[rest % acts.len()]);
            rest /= acts.len();
        }
        history.iter().for_each(|act| pair.act(*act));
        pair.check(&history);
    }
}

#[test]
fn in_long_histories_too() {
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    for _ in 0..200 {
        let mut pair = Pair::new();
        let mut history = Vec::new();
        for _ in 0..80 {
            let act = match draw(10) {
                0..5 => Act::Toggle(draw(24)),
                5 | 6 => Act::Claim,
                7 | 8 => Act::End,
                _ => Act::Resize(draw(SIZES.len())),
            };
            history.push(act);
            pair.act(act);
            pair.check(&history);
        }
    }
}

#[test]
fn a_share_of_two_is_not_overtaken_by_shares_of_one() {
    let mut pair = Pair::new();
    [Act::Toggle(0), Act::Claim].into_iter().for_each(|act| pair.act(act));
    // One is taken of two: who asks for two is first now, and whoever asks for one behind it waits too.
    [Act::Toggle(1), Act::Toggle(6)].into_iter().for_each(|act| pair.act(act));
    assert_eq!(pair.queue.first(), None);
    pair.act(Act::End);
    assert_eq!(pair.queue.first(), Some(turn(1).task));
}

#[test]
fn who_asks_for_what_is_not_there_keeps_nobody_waiting() {
    let mut queue = Queue::default();
    queue.resize(&PoolSizes::from([("a".to_owned(), 1)]));
    queue.enter(turn(0), &"a=1 gone=1".parse().expect("because the case is valid"));
    queue.enter(turn(1), &share(0));
    assert_eq!(queue.first(), Some(turn(1).task));
    queue.resize(&PoolSizes::from([("a".to_owned(), 1), ("gone".to_owned(), 1)]));
    assert_eq!(queue.first(), Some(turn(0).task), "and has its turn when it is there again");
}

/// What waits costs nothing: how often a task is looked at depends on what changes, not on how many wait.
#[test]
fn a_hundred_thousand_parked_tasks_are_not_looked_at() {
    let mut queue = Queue::default();
    queue.resize(&PoolSizes::from([("a".to_owned(), 1)]));
    let one: Pools = "a=1".parse().expect("because the case is valid");
    queue.take(Launch(0), &one);
    (0..100_000).for_each(|task| queue.enter(turn(task), &one));
    let before = queue.n_looks;
    // Others come, are claimed and end beside them.
    for task in 100_000..101_000 {
        queue.enter(turn(task), &Pools::default());
        assert_eq!(queue.first(), Some(turn(task).task));
        queue.leave(turn(task));
        queue.take(Launch(task as u64), &Pools::default());
        queue.give(Launch(task as u64));
    }
    assert_eq!(queue.n_looks, before);
    // And each that has its turn costs a few looks, however many are behind it.
    for n in 0..1_000_usize {
        queue.give(Launch(n as u64));
        assert_eq!(queue.first(), Some(turn(n).task));
        queue.leave(turn(n));
        queue.take(Launch(n as u64 + 1), &one);
        assert_eq!(queue.first(), None);
    }
    assert!(queue.n_looks - before <= 3 * 1_000, "{} looks", queue.n_looks - before);
}
