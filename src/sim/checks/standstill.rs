//! What the engine and the runner must agree on when nothing is on its way between them: what lives, what is being ended,
//! and that nothing is kept any more that the store has. And, whenever an exit is acknowledged, that it is the one that
//! the store has.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::OptionalExtension;

use crate::model::id::Launch;
use crate::sim::world::{Broken, Power, World, said};
use crate::store::attempt;

const LIVE: &str = "
SELECT attempt.launch, task.ended_at IS NOT NULL OR task.cancelled OR run.cancelled_by IS NOT NULL
  FROM attempt JOIN task ON task.id = attempt.task_id JOIN run ON run.id = task.run_id
 WHERE attempt.state <> 'ended' AND NOT attempt.is_call";
const SENDING: &str = "
SELECT delivery.launch FROM delivery JOIN hook ON hook.id = delivery.hook_id
 WHERE delivery.state IN ('pending', 'sending') AND delivery.state = 'sending' AND instr(hook.body, '\"webhook\"') = 0";
const EXIT: &str = "SELECT exit, exit_code FROM attempt WHERE launch = ?1";

impl World {
    /// Looks whether nothing is on its way, and if so, whether engine and runner agree.
    pub(in crate::sim) fn stands_still(&mut self) -> Result<(), Broken> {
        let at = (self.n_steps, self.runner.n_turns);
        if at == self.stood_still || !self.is_still() {
            return Ok(());
        }
        self.stood_still = at;
        let Power::Up(engine) = &self.power else { return Ok(()) };
        let connection = engine.store().connection();
        let alive = self.runner.alive();
        let mut statement = connection.prepare_cached(LIVE).map_err(said)?;
        let rows = statement.query_map([], |row| Ok((launch(row.get(0)?), row.get(1)?))).map_err(said)?;
        let live: BTreeMap<Launch, bool> = rows.collect::<Result<_, _>>().map_err(said)?;
        for (launch, is_unwanted) in &live {
            match alive.get(launch) {
                None => return Err(format!("stuck: launch {launch} is live, and the runner does not have it")),
                Some(false) if *is_unwanted => {
                    return Err(format!("stuck: launch {launch} is not wanted, and was not stopped"));
                }
                Some(_) => {}
            }
        }
        let mut statement = connection.prepare_cached(SENDING).map_err(said)?;
        let rows = statement.query_map([], |row| Ok(launch(row.get(0)?))).map_err(said)?;
        let sending: BTreeSet<Launch> = rows.collect::<Result<_, _>>().map_err(said)?;
        if let Some(launch) = sending.iter().find(|launch| !alive.contains_key(launch)) {
            return Err(format!("stuck: hook {launch} is live, and the runner does not have it"));
        }
        let is_known = |launch: &Launch| live.contains_key(launch) || sending.contains(launch);
        if let Some((launch, _)) = alive.iter().find(|(launch, is_ending)| !is_known(launch) && !**is_ending) {
            return Err(format!("launch {launch} lives, nobody knows of it, and it was not stopped"));
        }
        if let Some(launch) = self.processes.alive().find(|launch| !alive.contains_key(launch)) {
            return Err(format!("launch {launch} lives, and the runner does not know of it"));
        }
        match self.runner.kept().first() {
            Some(launch) => Err(format!("the exit of launch {launch} was told, and is not acknowledged")),
            None => Ok(()),
        }
    }

    fn is_still(&self) -> bool {
        let may_step = self.held.is_empty() && self.wake_at.is_none_or(|at| at > self.now());
        let is_read =
            self.post.keys().next().is_none_or(|(at, _)| *at > self.boot_us) && self.heard_until <= self.boot_us;
        let is_awake = self.boot_us >= self.asleep_until && self.boot_us >= self.stalled_until;
        let is_done = self.runner.next_at(&self.processes).is_none_or(|at| at > self.boot_us);
        let is_there = self.runner.takes_launches() && self.runner.frozen_until <= self.boot_us;
        self.is_up() && may_step && is_read && is_awake && is_done && is_there && self.link.is_quiet()
    }

    /// What the runner wrote down is what the store has.
    pub(in crate::sim) fn same_exits(&self, launches: &[Launch]) -> Result<(), Broken> {
        let connection = self.store()?.connection();
        for launch in launches.iter().filter(|launch| **launch > self.booted_at) {
            let Some(kind) = self.runner.exit_of(*launch) else { continue };
            let mut statement = connection.prepare_cached(EXIT).map_err(said)?;
            let found = statement.query_row([launch.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)));
            let found: Option<(String, Option<i32>)> = found.optional().map_err(said)?;
            if found.as_ref().is_some_and(|(word, code)| (word.as_str(), *code) != attempt::written(kind)) {
                return Err(format!("launch {launch} ended {kind:?}, and the store says {found:?}"));
            }
        }
        Ok(())
    }
}

fn launch(number: i64) -> Launch {
    Launch(number.cast_unsigned())
}
