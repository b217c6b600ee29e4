//! One history: a world drawn from a seed, people and troubles in it, and then peace.
//!
//! Which troubles a history has, and how often, is drawn too, so that some histories have many at once and some have one
//! alone. In peace nothing fails any more, the files are gone, and everything must come to an end.

use super::checks;
use super::jobs::{self, Pace};
use super::people::File;
use super::trouble::Troubles;
use super::world::{Broken, Watch, World};
use crate::engine::{Command, Settings};
use crate::model::definition::CatchUp;
use crate::model::duration::Duration;
use crate::model::policy::governor;
use crate::model::policy::retention::{Keep, Retention};
use crate::model::timestamp::Timestamp;

/// How a history went.
#[derive(Debug)]
pub struct Ran {
    /// The engine's steps.
    pub n_steps: u64,
    /// The virtual time that passed.
    pub lasted: Duration,
    /// The invariant that broke, if one did.
    pub broken: Option<String>,
    /// What happened, line by line, if it was asked for.
    pub trace: Vec<String>,
}

/// Days around which clocks change in some zone, and one on which none does.
const STARTS: [&str; 6] = [
    "2027-03-13T20:00:00Z",
    "2027-03-27T22:00:00Z",
    "2027-04-03T10:00:00Z",
    "2027-10-02T10:00:00Z",
    "2027-10-30T20:00:00Z",
    "2028-02-27T12:00:00Z",
];

fn catch_up_pace(chance: &mut super::chance::Chance) -> governor::Pace {
    governor::Pace { starts_per_minute: *chance.pick(&[1, 5, 60, 1_000]), max_runs: *chance.pick(&[1, 3, 16, 1_000]) }
}

/// The history of that seed.
pub fn run(seed: u64, is_traced: bool) -> Ran {
    let mut chance = super::chance::Chance::new(seed);
    let pace = if chance.one_in(8) { Pace::Sparse } else { Pace::Dense };
    let keep = |chance: &mut super::chance::Chance| Keep {
        max_age: Duration::from_secs(*chance.pick(&[0, 60, 86_400, 30 * 86_400])),
        max_count: *chance.pick(&[0, 3, 1_000_000]),
    };
    let settings = Settings {
        zones: checks::zones(),
        max_tasks: *chance.pick(&[1, 2, 4, 8, 64]),
        catch_up: catch_up_pace(&mut chance),
        retention: Retention { completed: keep(&mut chance), failed: keep(&mut chance), cancelled: keep(&mut chance) },
        socket: None,
    };
    let start: Timestamp = chance.pick(&STARTS).parse().unwrap_or_default();
    let start = start.plus(Duration::from_micros(chance.between(0, 36_000) * 1_000_000 + chance.between(0, 999_999)));
    let watch = if is_traced { Watch::Traced } else { Watch::Checked };
    let mut world = match World::begin(chance.draw(), settings, start, watch) {
        Ok(world) => world,
        Err(broken) => return Ran { n_steps: 0, lasted: Duration::ZERO, broken: Some(broken), trace: Vec::new() },
    };
    let troubles = troubles(&mut world);
    world.troubles = troubles;
    world.backfills = (seed % 5 >= 3).then(|| super::chance::Chance::new(!seed));
    let broken = world.lives(pace).and_then(|()| world.rests()).err();
    let trace = world.take_trace();
    Ran { n_steps: world.n_steps, lasted: Duration::from_micros(world.boot_us), broken, trace }
}

fn troubles(world: &mut World) -> Troubles {
    let chance = &mut world.chance;
    let mut often = |rates: &[u64]| if chance.one_in(2) { *chance.pick(rates) } else { 0 };
    let (crash_between, repeats, rejects) = (often(&[10, 50, 200]), often(&[2, 10]), often(&[1, 2, 5]));
    let (failed_writes, bad_exits, slow) = (often(&[10, 50]), often(&[2, 3, 10]), often(&[1, 3]));
    let delay_us = often(&[1_000, 100_000, 5_000_000]).cast_signed();
    let (runner_crash, link_breaks) = (often(&[10, 50, 300]), often(&[5, 30, 200]));
    let slow_us = often(&[20_000, 1_000_000, 20_000_000]).cast_signed();
    let absence_us = often(&[100_000, 10_000_000, 3_600_000_000]).cast_signed();
    Troubles {
        crash_between,
        repeats,
        rejects,
        failed_writes,
        bad_exits,
        slow,
        delay_us,
        runner_crash,
        link_breaks,
        slow_us,
        absence_us,
        ..Troubles::default()
    }
}

impl World {
    fn lives(&mut self, pace: Pace) -> Result<(), Broken> {
        let now = self.now();
        for n in 0..self.chance.between(1, 5) {
            let definition = jobs::job(&mut self.chance, pace, now);
            self.files.jobs.insert(format!("j{n}"), File { definition, is_valid: true });
        }
        let hooks = (0..self.chance.below(2)).map(|_| jobs::hook(&mut self.chance)).collect();
        self.set_hooks(hooks);
        self.files.pools = jobs::pool_sizes(&mut self.chance);
        self.load(0, false);
        let budget: u64 = if pace == Pace::Sparse { 400 } else { 100 };
        let [acts, hurts] = [*self.chance.pick(&[2, 4, 20]), *self.chance.pick(&[0, 4, 8, 20])];
        let until = self.boot_us.saturating_add(if pace == Pace::Sparse { 40 * 86_400_000_000 } else { i64::MAX / 2 });
        for _ in 0..budget * 2 {
            if self.n_steps > budget || self.boot_us > until {
                break;
            }
            let us = match (pace, self.chance.below(5)) {
                (Pace::Dense, 0) => self.chance.between(0, 1_000_000),
                (Pace::Dense, 1) => self.chance.between(0, 180_000_000),
                (Pace::Dense, _) => self.chance.between(0, 20_000_000),
                (Pace::Sparse, 0) => self.chance.between(0, 60_000_000),
                (Pace::Sparse, _) => self.chance.between(0, 2 * 86_400_000_000),
            };
            let end = self.boot_us.saturating_add(us);
            let cap = self.n_steps + budget / 4;
            while self.n_steps < cap && self.run_once(end)? {}
            self.read_answers()?;
            if self.chance.one_in(acts) {
                self.somebody_acts(pace)?;
                self.somebody_backfills(pace)?;
            }
            if self.chance.one_in(hurts) {
                self.hurt(pace)?;
            }
        }
        Ok(())
    }

    /// One trouble.
    fn hurt(&mut self, pace: Pace) -> Result<(), Broken> {
        let long = if pace == Pace::Sparse { 10 * 86_400_000_000 } else { 900_000_000 };
        match self.chance.below(16) {
            0 | 1 => self.crash(),
            10 => self.spoil(),
            11 => {
                let us = self.chance.between(0, long / 3);
                self.freeze_runner(us);
                Ok(())
            }
            12 => {
                let us = self.chance.between(0, long);
                self.runner_dies(us);
                Ok(())
            }
            13 => self.end_runner(),
            14 => {
                self.kill(0, false)?;
                self.mark_backup()
            }
            15 => {
                // Both stop, as on a machine that sleeps.
                let us = self.chance.between(0, long / 3);
                self.freeze_runner(us);
                self.stall(us);
                Ok(())
            }
            2 => self.restart(),
            3 => {
                self.disconnect();
                Ok(())
            }
            4 | 5 => {
                let most = *self.chance.pick(&[50_000, 2_000_000, 90_000_000, 7_200_000_000, 200_000_000_000]);
                let by_us = self.chance.between(-most, most);
                self.set_clock(by_us);
                Ok(())
            }
            6 => {
                let us = self.chance.between(0, long / 3);
                self.stall(us);
                Ok(())
            }
            7 => {
                let us = self.chance.between(0, long);
                let with_runner = self.chance.one_in(2);
                self.kill(us, with_runner)
            }
            8 => {
                let us = self.chance.between(0, 20_000_000);
                self.fill_disk(us)
            }
            _ => {
                let us = self.chance.between(0, long / 10);
                self.reboot(us)
            }
        }
    }

    /// Peace: nothing fails, nobody acts, the files are gone. Everything ends, and then nothing happens any more.
    fn rests(&mut self) -> Result<(), Broken> {
        self.note(|| "peace".to_owned());
        self.troubles = Troubles { is_poisoned: self.troubles.is_poisoned, ..Troubles::default() };
        self.free_disk()?;
        // What waits for a pool that is too small, or for none, would wait for ever.
        let pools = ["p0", "p1"].map(|name| (name.to_owned(), 4)).into();
        self.files = super::people::Files { pools, ..super::people::Files::default() };
        // A drained daemon claims nothing more, so the last daemon is a fresh one.
        let with_runner = self.chance.one_in(2);
        self.kill(0, with_runner)?;
        // Which worlds it is draws no chance, so that the histories before it stay what they are.
        if self.n_steps.is_multiple_of(2) {
            self.mark_backup()?;
        }
        self.run_for(0)?;
        let jobs: Vec<String> = (0..5).map(|n| format!("j{n}")).collect();
        for job in jobs.into_iter().map(Some).chain([None]) {
            self.ask(0, Command::Resume { job, by: "peace".to_owned(), catch_up: CatchUp::None });
        }
        let cap = self.n_steps + 60_000;
        while self.n_steps < cap && self.run_once(i64::MAX / 2)? {}
        self.read_answers()?;
        let wake_at = self.wake_at;
        let Ok(store) = self.take_store() else { return Err("nobody has the store".to_owned()) };
        let result = self.checks().at_rest(&store, wake_at);
        drop(store);
        result
    }
}
