//! People who ask under a key, lose the reply and ask again: however often, one key makes one run.
//!
//! A key is forgotten a day later, so nobody repeats one that is old or from before the clock was set.

use std::collections::BTreeMap;

use super::jobs::{self, Pace};
use super::world::{Broken, World, said};
use crate::engine::{Answer, Command, Keyed};
use crate::model::id::RunId;
use crate::model::refused::Refused;

/// After so long nobody asks again.
const PATIENCE_US: i64 = 12 * 3_600_000_000;

/// The keys that people hold.
#[derive(Debug, Default)]
pub(super) struct Keys {
    n_keys: u64,
    held: Vec<Held>,
    /// The keys behind the tokens of commands.
    asked: BTreeMap<u64, u64>,
    runs: BTreeMap<u64, RunId>,
}

#[derive(Clone, Debug)]
struct Held {
    key: u64,
    command: Command,
    since_us: i64,
    offset_us: i64,
}

const RUNS: &str = "SELECT count(DISTINCT run_id) FROM task WHERE name = ?1";

impl World {
    /// Somebody submits a task under a new key, or asks once more under one that they hold.
    pub(super) fn ask_by_key(&mut self, pace: Pace) {
        let (boot_us, offset_us) = (self.boot_us, self.offset_us);
        self.keys.held.retain(|held| held.offset_us == offset_us && boot_us - held.since_us < PATIENCE_US);
        if self.keys.held.is_empty() || self.chance.one_in(3) {
            let now = self.now();
            let mut batch = jobs::submissions(&mut self.chance, pace, now);
            batch.truncate(1);
            self.keys.n_keys += 1;
            let key = self.keys.n_keys;
            for submission in &mut batch {
                submission.task.name = name(key);
            }
            self.keys.held.push(Held { key, command: Command::Submit(batch), since_us: boot_us, offset_us });
        }
        let held = self.chance.pick(&self.keys.held).clone();
        for _ in 0..self.chance.between(1, 2) {
            let mut fingerprint = [0; 32];
            fingerprint[..8].copy_from_slice(&held.key.to_be_bytes());
            let keyed = Keyed { key: name(held.key), fingerprint, command: held.command.clone() };
            let token = self.ask(0, Command::Keyed(Box::new(keyed)));
            self.keys.asked.insert(token, held.key);
        }
    }

    /// Checks one answer: whatever a key is answered, it is the same run, and there is no other.
    pub(super) fn read_keyed(&mut self, token: u64, answer: &Result<Answer, Refused>) -> Result<(), Broken> {
        let Some(key) = self.keys.asked.remove(&token) else { return Ok(()) };
        let run = match answer {
            Ok(Answer::Submitted(runs)) => runs.first().copied(),
            Ok(Answer::Again(again)) => match again.as_ref() {
                Answer::Submitted(runs) => runs.first().copied(),
                other @ (Answer::Done
                | Answer::Loaded(_)
                | Answer::Started { .. }
                | Answer::Backfilled(_)
                | Answer::Again(_)) => {
                    return Err(format!("key {key} was answered {other:?} again"));
                }
            },
            Ok(other) => return Err(format!("key {key} was answered {other:?}")),
            Err(_) => None,
        };
        let Some(run) = run else { return Ok(()) };
        let first = *self.keys.runs.entry(key).or_insert(run);
        let store = self.store()?;
        let n: i64 = store.connection().query_row(RUNS, [name(key)], |row| row.get(0)).map_err(said)?;
        if first != run || n > 1 {
            return Err(format!("key {key} made run {first} and was answered {run}; {n} runs have its task"));
        }
        Ok(())
    }
}

fn name(key: u64) -> String {
    format!("k{key}")
}
