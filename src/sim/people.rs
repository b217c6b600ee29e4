//! What people do: they change files, start, submit, cancel, pause, resume, retry and restart.

use std::collections::BTreeMap;

use super::jobs::{self, Pace};
use super::world::{Broken, World, said};
use crate::engine::{Answer, Backfill, Command, InvalidFile, Limits, Load, LoadedJob, Start};
use crate::model::definition::{CatchUp, Hook, Job, JobName, PoolSizes};
use crate::model::duration::Duration;
use crate::model::id::{BackfillId, DeliveryId, RunId, TaskId};
use crate::model::timestamp::Timestamp;

/// The files of `jobs.d`, and the hooks of the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    pub(super) jobs: BTreeMap<String, File>,
    pub(super) hooks: Vec<Hook>,
    pub(super) pools: PoolSizes,
    /// What else the configuration says, if anything.
    pub(super) limits: Option<Limits>,
}

/// One file.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) definition: Job,
    pub(super) is_valid: bool,
}

impl Files {
    fn read(&self, at_start: bool) -> Load {
        let (hooks, pools) = (self.hooks.clone(), Some(self.pools.clone()));
        let mut load = Load { hooks, pools, limits: self.limits, at_start, ..Load::default() };
        for (name, file) in &self.jobs {
            let Ok(name) = name.parse::<JobName>() else { continue };
            let source = format!("jobs.d/{name}.toml");
            if file.is_valid {
                load.jobs.push(LoadedJob { name, source, definition: file.definition.clone(), origins: String::new() });
            } else {
                load.invalid.push(InvalidFile { path: source, job: Some(name), problems: Vec::new() });
            }
        }
        load
    }
}

impl World {
    /// The files are read now, and the daemon hears of it a little later.
    pub(super) fn load(&mut self, in_us: i64, at_start: bool) {
        let load = self.files.read(at_start);
        self.ask(in_us, Command::Load(Box::new(load)));
    }

    /// Somebody does something.
    pub(super) fn somebody_acts(&mut self, pace: Pace) -> Result<(), Broken> {
        let by = "somebody".to_owned();
        match self.chance.below(19) {
            0..=3 => {
                let job = self.some_job();
                let force = self.chance.one_in(4);
                let mut params = serde_json::Map::new();
                if self.chance.one_in(4) {
                    let n = *self.chance.pick(&["7", "12", "-1", "many"]);
                    params.insert("n".to_owned(), n.into());
                }
                let token = self.ask(0, Command::Start(Start { job, force, params, ..Start::default() }));
                if force {
                    self.checks().forced(token);
                }
            }
            4 | 5 => {
                let now = self.now();
                let batch = jobs::submissions(&mut self.chance, pace, now);
                self.ask(0, Command::Submit(batch));
            }
            6 | 7 => {
                let runs = self.live_runs()?;
                let run = self.one_of(&runs).unwrap_or_else(|| RunId::from_bytes([7; 16]));
                self.ask(0, Command::CancelRun { run, by });
            }
            8 => {
                let tasks = self.ids("SELECT id FROM task WHERE ended_at IS NULL ORDER BY id")?;
                let task = self.one_of(&tasks).map_or_else(|| TaskId::from_bytes([7; 16]), TaskId::from_bytes);
                self.ask(0, Command::CancelTask { task, by });
            }
            9 => {
                let job = self.one_job_or_all();
                let until = self.chance.one_in(3).then(|| self.chance.between(1, 600_000_000));
                let until = until.map(|us| self.now().plus(Duration::from_micros(us)));
                let note = self.chance.one_in(3).then(|| "why not".to_owned());
                self.ask(0, Command::Pause { job, by, note, until });
            }
            10 | 11 => {
                let job = self.one_job_or_all();
                let catch_up = *self.chance.pick(&[CatchUp::None, CatchUp::Latest, CatchUp::All]);
                self.ask(0, Command::Resume { job, by, catch_up });
            }
            16 | 17 => self.ask_by_key(pace),
            18 => {
                let (job, at) = self.some_due_time()?;
                self.ask(0, Command::SkipDue { job, at, by });
            }
            12 => {
                let rows = self.ids("SELECT id FROM delivery ORDER BY id LIMIT 50")?;
                let delivery =
                    self.one_of(&rows).map_or_else(|| DeliveryId::from_bytes([7; 16]), DeliveryId::from_bytes);
                self.ask(0, Command::RetryDelivery { delivery });
            }
            _ => {
                self.edit(pace);
                self.load(0, false);
            }
        }
        Ok(())
    }

    /// In some histories somebody now and then wants due times of the past run, or no more of them.
    pub(super) fn somebody_backfills(&mut self, pace: Pace) -> Result<(), Broken> {
        let Some(mut chance) = self.backfills.take() else { return Ok(()) };
        let by = "somebody".to_owned();
        if chance.one_in(6) {
            let all = self.ids("SELECT id FROM backfill ORDER BY id")?;
            let id = if all.is_empty() { [7; 16] } else { *chance.pick(&all) };
            self.ask(0, Command::CancelBackfill { backfill: BackfillId::from_bytes(id), by });
        } else if chance.one_in(2) {
            let unit = if pace == Pace::Sparse { 86_400_000_000 } else { 300_000_000 };
            let mut back = |most: i64| Duration::from_micros(chance.between(0, most * unit));
            let to = self.now().minus(back(2));
            let from = to.minus(back(3));
            let max_runs = *chance.pick(&[1, 1, 2, 5]);
            let jobs: Vec<String> = self.files.jobs.keys().cloned().collect();
            let job = if jobs.is_empty() { "j0".to_owned() } else { chance.pick(&jobs).clone() };
            let schedule = chance.one_in(8).then(|| "name:n0".to_owned());
            self.ask(0, Command::Backfill(Backfill { job, schedule, from, to, max_runs, by }));
        }
        self.backfills = Some(chance);
        Ok(())
    }

    /// Edits the files, one or a few of them.
    pub(super) fn edit(&mut self, pace: Pace) {
        let now = self.now();
        for _ in 0..self.chance.between(1, 2) {
            let name = self.some_job();
            let fresh = jobs::job(&mut self.chance, pace, now);
            match self.chance.below(10) {
                0 | 1 => drop(self.files.jobs.remove(&name)),
                2 => {
                    if let Some(file) = self.files.jobs.get_mut(&name) {
                        file.is_valid = !file.is_valid;
                    }
                }
                3 | 4 => {
                    // The same schedules, everything else another.
                    if let Some(file) = self.files.jobs.get_mut(&name) {
                        let schedules = std::mem::take(&mut file.definition.schedules);
                        file.definition = Job { schedules, ..fresh };
                    }
                }
                5 => {
                    if let Some(file) = self.files.jobs.get_mut(&name) {
                        file.definition.enabled = !file.definition.enabled;
                    }
                }
                _ => drop(self.files.jobs.insert(name, File { definition: fresh, is_valid: true })),
            }
        }
        if self.chance.one_in(5) {
            let hooks = (0..self.chance.below(3)).map(|_| jobs::hook(&mut self.chance)).collect();
            self.set_hooks(hooks);
        }
        if self.chance.one_in(4) {
            self.files.pools = jobs::pool_sizes(&mut self.chance);
        }
    }

    /// A graceful stop: nothing more is claimed, what runs is given a moment, then stopped, and a daemon starts again.
    pub(super) fn restart(&mut self) -> Result<(), Broken> {
        let n_daemons = self.n_daemons;
        self.ask(0, Command::Drain);
        let patience = self.chance.between(0, 5_000_000);
        self.run_for(patience)?;
        if self.n_daemons != n_daemons || !self.is_up() {
            return Ok(());
        }
        self.ask(0, Command::Interrupt { grace: None });
        self.run_for(patience)?;
        if patience % 2 == 0 && self.n_daemons == n_daemons && self.is_up() {
            self.ask(0, Command::Interrupt { grace: Some(Duration::ZERO) });
        }
        self.run_for(15_000_000)?;
        if self.n_daemons == n_daemons && self.is_up() {
            let down_us = self.chance.between(0, 120_000_000);
            let with_runner = self.chance.one_in(2);
            self.kill(down_us, with_runner)?;
        }
        Ok(())
    }

    /// Checks the answers that have come: a start without force is refused or counted by the gate.
    pub(super) fn read_answers(&mut self) -> Result<(), Broken> {
        for (token, answer) in std::mem::take(&mut self.answers) {
            self.read_keyed(token, &answer)?;
            if let Ok(Answer::Started { run, .. }) = answer {
                self.checks().started(token, run)?;
            }
        }
        Ok(())
    }

    /// One that lies ahead, if there is one, and otherwise none.
    fn some_due_time(&mut self) -> Result<(String, Timestamp), Broken> {
        const AHEAD: &str = "
            SELECT job.name, next_at FROM schedule JOIN job ON job.id = job_id WHERE next_at IS NOT NULL ORDER BY schedule.id";
        let store = self.store()?;
        let mut statement = store.connection().prepare_cached(AHEAD).map_err(said)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?))));
        let rows: Vec<(String, Timestamp)> = rows.map_err(said)?.collect::<Result<_, _>>().map_err(said)?;
        drop(statement);
        Ok(match rows.is_empty() {
            true => (self.some_job(), self.now()),
            false => self.chance.pick(&rows).clone(),
        })
    }

    fn some_job(&mut self) -> String {
        format!("j{}", self.chance.below(5))
    }

    fn one_job_or_all(&mut self) -> Option<String> {
        let job = self.some_job();
        (!self.chance.one_in(3)).then_some(job)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| *self.chance.pick(all))
    }
}
