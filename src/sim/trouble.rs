//! What goes wrong: how often, and how. A daemon is killed and starts again, alone or with its runner or its machine; a
//! connection breaks; the clock is set; a write is refused; the disk is full; a definition is not readable any more.

use rusqlite::Connection;

use super::chance::Chance;
use super::world::{Broken, PAUSE_US, Power, World, said};
use crate::engine::{Engine, Input, Report};
use crate::model::timestamp::Timestamp;
use crate::runner::CONNECTION_BITS;
use crate::store::{Store, StoreError};

const MARK: &str = "INSERT OR REPLACE INTO fact (name, value) VALUES ('backup_at', 'its last moment')";
const SPOIL: &str = "
UPDATE definition SET body = 'mould ' || id
 WHERE id = (SELECT definition_id FROM run WHERE job_id IS NULL AND ended_at IS NULL ORDER BY id LIMIT 1)";

/// How often each trouble comes: once in so many times, never if 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles {
    pub(super) crash_between: u64,
    pub(super) repeats: u64,
    pub(super) rejects: u64,
    pub(super) failed_writes: u64,
    pub(super) bad_exits: u64,
    pub(super) slow: u64,
    /// The longest that anything is on its way.
    pub(super) delay_us: i64,
    /// The runner dies before so many of its acts, and a connection breaks with so many messages.
    pub(super) runner_crash: u64,
    pub(super) link_breaks: u64,
    /// The longest that a spawn waits for its turn, and a process for its end after KILL.
    pub(super) slow_us: i64,
    /// The longest that there is no runner after one has died.
    pub(super) absence_us: i64,
    /// Every process succeeds after so long, whatever it is; chance decides without.
    pub(super) takes_us: Option<i64>,
    /// The disk stays full until then.
    pub(super) full_until: i64,
    /// Somewhere there is a row that cannot be read.
    pub(super) is_poisoned: bool,
    /// A write of the next step will be refused.
    pub(super) is_armed: bool,
}

impl Troubles {
    pub(super) fn delay(&self, chance: &mut Chance) -> i64 {
        match self.delay_us {
            0 => 0,
            // Alike, all would be, and nothing would overtake what is slow.
            longest if chance.one_in(3) => chance.between(0, longest),
            longest => chance.between(0, longest / 100),
        }
    }

    /// How long the machine takes for what it does to processes.
    pub(super) fn slowness(&self, chance: &mut Chance) -> i64 {
        match self.slow_us {
            0 => 0,
            longest => chance.between(0, longest),
        }
    }

    /// Lets one write of the next step be refused, now and then.
    pub(super) fn arm(&mut self, chance: &mut Chance, store: &Store) -> Result<(), Broken> {
        if !chance.one_in(self.failed_writes) {
            return Ok(());
        }
        let kind = *chance.pick(&["event", "attempt", "run", "task", "delivery", "schedule", "counter"]);
        store.connection().execute("INSERT INTO sim_fault (kind) VALUES (?1)", [kind]).map_err(said)?;
        self.is_armed = true;
        Ok(())
    }

    /// Refuses nothing any more; says whether something was to be refused.
    pub(super) fn disarm(&mut self, store: &Store) -> Result<bool, Broken> {
        if self.is_armed {
            store.connection().execute("DELETE FROM sim_fault", []).map_err(said)?;
        }
        Ok(std::mem::take(&mut self.is_armed))
    }

    pub(super) fn make_room(&self, store: &Store) -> Result<(), Broken> {
        pages(store.connection(), 1 << 30)
    }
}

fn pages(connection: &Connection, at_most: i64) -> Result<(), Broken> {
    connection.query_row(&format!("PRAGMA max_page_count = {at_most}"), [], |_| Ok(())).map_err(said)
}

impl World {
    /// A step failed: whatever was to blame, nothing of it may be there.
    pub(super) fn failed(
        &mut self,
        wall: Timestamp,
        seed: u64,
        inputs: Vec<Input>,
        error: &StoreError,
    ) -> Result<(), Broken> {
        let Power::Up(engine) = &mut self.power else { return Ok(()) };
        if self.is_checked {
            self.checks.unchanged(engine.store())?;
        }
        let was_armed = self.troubles.disarm(engine.store())?;
        if matches!(error, StoreError::Full) {
            return self.wait_for_room(inputs);
        }
        if was_armed {
            self.note(|| format!("the step failed on purpose: {error}"));
            self.held = inputs;
            self.wake_at = Some(wall);
            return Ok(());
        }
        if !self.troubles.is_poisoned || error.to_string().contains("broken: ") {
            return Err(format!("a step failed: {error}"));
        }
        let careful = engine.step_carefully(wall, seed, &inputs);
        if matches!(careful, Err(StoreError::Full)) {
            return self.wait_for_room(inputs);
        }
        let step = careful.map_err(|error| format!("a careful step failed: {error}"))?;
        self.note(|| format!("a careful step: {error}"));
        self.stepped(&inputs, step, true)
    }

    fn wait_for_room(&mut self, inputs: Vec<Input>) -> Result<(), Broken> {
        self.note(|| "the disk is full".to_owned());
        self.held = inputs;
        self.asleep_until = self.asleep_until.max(self.boot_us + PAUSE_US);
        self.wake_at = Some(self.now());
        if self.boot_us >= self.troubles.full_until {
            self.troubles.make_room(self.store()?)?;
        }
        Ok(())
    }

    /// The daemon is killed. Its runner may die with it, or the whole machine, or neither.
    pub(super) fn crash(&mut self) -> Result<(), Broken> {
        let pause = self.chance.between(0, 3);
        let down_us = match pause {
            0 => 0,
            1 => self.chance.between(0, 5_000_000),
            2 => self.chance.between(0, 600_000_000),
            _ => self.chance.between(0, 60_000_000),
        };
        match self.chance.below(5) {
            0 => self.reboot(down_us),
            1 | 2 => self.kill(down_us, true),
            _ => self.kill(down_us, false),
        }
    }

    /// The machine goes down and comes back: nothing survives but files.
    pub(super) fn reboot(&mut self, down_us: i64) -> Result<(), Broken> {
        self.n_boots += 1;
        self.kill(down_us, true)?;
        self.lose_machine();
        let away = self.absence();
        self.runner_dies(down_us.saturating_add(away));
        if let Power::Down(store, _) = &self.power {
            self.booted_at = super::checks::last_launch(store)?;
        }
        Ok(())
    }

    /// The daemon is killed, with its runner or without.
    pub(super) fn kill(&mut self, down_us: i64, with_runner: bool) -> Result<(), Broken> {
        self.note(|| format!("the daemon is killed for {down_us}us, its runner too: {with_runner}"));
        self.forget_letters();
        self.calls.die();
        let (link, mut air) = self.air();
        link.daemon_died(&mut air);
        if with_runner {
            let away = self.absence();
            self.runner_dies(if away == 0 { down_us } else { away });
        }
        let opens_at = self.boot_us.saturating_add(down_us);
        self.power = match std::mem::replace(&mut self.power, Power::Nobody) {
            Power::Up(engine) => Power::Down(engine.into_store(), opens_at),
            Power::Down(store, _) => Power::Down(store, opens_at),
            Power::Nobody => Power::Nobody,
        };
        self.checks().closed();
        Ok(())
    }

    /// A daemon starts: it opens the store, then the files are read and the runner connects, in any order.
    pub(super) fn open(&mut self) -> Result<(), Broken> {
        let Power::Down(store, _) = std::mem::replace(&mut self.power, Power::Nobody) else { return Ok(()) };
        let mut engine =
            Engine::open(store, self.settings.clone()).map_err(|error| format!("it does not open: {error}"))?;
        let epoch = match engine.next_epoch(self.now()) {
            Ok(epoch) => epoch << CONNECTION_BITS,
            Err(error) => return self.cannot_open(engine, &error),
        };
        self.power = Power::Up(Box::new(engine));
        self.n_daemons += 1;
        (self.asleep_until, self.stalled_until) = (0, 0);
        let boot_id = format!("boot {}", self.n_boots);
        self.note(|| format!("a daemon starts, {boot_id}"));
        self.send(0, Input::Report(Report::Opened { boot_id }));
        let is_slow = self.chance.one_in(self.troubles.slow);
        let (files, runner) =
            if is_slow { (self.chance.between(0, 3_000_000), self.chance.between(0, 3_000_000)) } else { (0, 0) };
        self.load(files, true);
        self.link.daemon_starts(epoch, self.boot_us.saturating_add(runner));
        Ok(())
    }

    /// A daemon that finds no room on its disk ends, and is started again.
    fn cannot_open(&mut self, engine: Engine, error: &StoreError) -> Result<(), Broken> {
        if !matches!(error, StoreError::Full) {
            return Err(format!("it does not open: {error}"));
        }
        let store = engine.into_store();
        if self.boot_us >= self.troubles.full_until {
            self.troubles.make_room(&store)?;
        }
        self.power = Power::Down(store, self.boot_us.saturating_add(PAUSE_US));
        Ok(())
    }

    /// How long there is no runner after one has died.
    pub(super) fn absence(&mut self) -> i64 {
        match self.troubles.absence_us {
            0 => 0,
            longest => self.chance.between(0, longest),
        }
    }

    /// The connection breaks; the runner may die with it.
    pub(super) fn disconnect(&mut self) {
        let dies = self.chance.one_in(2);
        self.note(|| format!("the runner's connection breaks, it dies: {dies}"));
        let (link, mut air) = self.air();
        link.tear(&mut air);
        if dies {
            let away = self.absence();
            self.runner_dies(away);
        }
    }

    /// The wall clock is set. A daemon that runs is told before its next step; one that does not cannot know.
    pub(super) fn set_clock(&mut self, by_us: i64) {
        self.note(|| format!("the clock is set by {by_us}us"));
        self.offset_us = self.offset_us.saturating_add(by_us);
        if self.is_up() {
            // The daemon sees it as soon as it looks, before anything else it does.
            self.asleep_until = self.asleep_until.min(self.boot_us);
            self.stalled_until = self.stalled_until.min(self.boot_us);
            self.send(0, Input::Report(Report::ClockStepped { by_us }));
            self.checks().stepped(by_us);
        }
    }

    /// The store, whose daemon is dead, is a copy that was made just then: the next daemon goes on with a backup.
    pub(super) fn mark_backup(&mut self) -> Result<(), Broken> {
        let Power::Down(store, _) = &self.power else { return Ok(()) };
        store.connection().execute(MARK, []).map_err(said)?;
        // Whether a launch of before came to the runner is not asked.
        self.booted_at = super::checks::last_launch(store)?;
        self.note(|| "the store is a backup that was restored".to_owned());
        Ok(())
    }

    /// The daemon does nothing for so long: it is stopped, starved or asleep.
    pub(super) fn stall(&mut self, us: i64) {
        self.note(|| format!("the daemon stalls for {us}us"));
        self.asleep_until = self.boot_us.saturating_add(us);
        self.stalled_until = self.asleep_until;
    }

    /// One definition that belongs to no job cannot be read any more, and the daemon that remembered it is killed.
    pub(super) fn spoil(&mut self) -> Result<(), Broken> {
        let spoilt = self.store()?.connection().execute(SPOIL, []).map_err(said)?;
        if spoilt == 0 {
            return Ok(());
        }
        self.note(|| "a definition cannot be read any more".to_owned());
        self.troubles.is_poisoned = true;
        self.kill(0, false)
    }

    /// The disk is full for so long.
    pub(super) fn fill_disk(&mut self, us: i64) -> Result<(), Broken> {
        let store = self.store()?;
        let n: i64 = store.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(said)?;
        pages(store.connection(), n)?;
        self.troubles.full_until = self.boot_us.saturating_add(us);
        Ok(())
    }

    /// There is room on the disk again.
    pub(super) fn free_disk(&mut self) -> Result<(), Broken> {
        self.troubles.full_until = self.boot_us;
        self.troubles.make_room(self.store()?)
    }
}

impl World {
    /// The store, at the end of the world.
    pub(super) fn take_store(&mut self) -> Result<Store, Broken> {
        match std::mem::replace(&mut self.power, Power::Nobody) {
            Power::Up(engine) => Ok(engine.into_store()),
            Power::Down(store, _) => Ok(store),
            Power::Nobody => Err("nobody has the store".to_owned()),
        }
    }
}
