//! A rehearsal: the world, given to users. Their jobs run on a virtual clock, by the engine that a daemon has, in a world in
//! which nothing goes wrong: every process takes as long as it is said to and succeeds, unless its own `timeout` is
//! shorter.
//!
//! What is loaded are stand-ins: the same schedules, bounds, graphs, pools and limits of time, and nothing of what would be
//! done, so that nothing is rendered, called or told to anybody. Nothing is checked here either; what breaks an invariant
//! is for tests to find. The same plan has the same rehearsal, on every machine and at any time.

mod notes;
mod obstacle;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{Broken, Watch, World};
use crate::engine::{Command, Load, LoadedJob, Settings};
use crate::model::definition::{Action, Job, JobName, PoolSizes, Task};
use crate::model::duration::Duration;
use crate::model::policy::governor::Pace;
use crate::model::policy::retention::{Keep, Retention};
use crate::model::timestamp::Timestamp;
use crate::tzdb::Tzdb;
use notes::Notes;

pub use notes::{Moment, Tally, What};
pub use obstacle::Obstacle;

/// Every rehearsal has the same: chance decides nothing in it but ids and the jitter of retries.
const SEED: u64 = 1;
/// After so many steps it stops, however few runs there were: nobody waits for a year of seconds that are skipped.
const MAX_STEPS: u64 = 2_000_000;
/// What has ended is kept so long and so often; nobody looks back further.
const KEEP: Keep = Keep { max_age: Duration::from_secs(86_400), max_count: 5_000 };

/// What is rehearsed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The jobs, by name.
    pub jobs: Vec<(JobName, Job)>,
    /// How much there is of each pool.
    pub pools: PoolSizes,
    /// How many attempts may be live over all jobs.
    pub max_tasks: usize,
    /// The zones that schedules name.
    pub zones: Arc<Tzdb>,
    /// A daemon reads the jobs then; what is due after it is rehearsed.
    pub from: Timestamp,
    /// The last instant that is.
    pub until: Timestamp,
    /// How long everything takes.
    pub takes: Takes,
    /// After so many runs the rehearsal stops.
    pub max_runs: usize,
}

/// How long every process and request takes.
#[derive(Clone, Debug)]
pub struct Takes {
    /// Unless something else is said of the job.
    pub usual: Duration,
    /// What is said of jobs, by name.
    pub of_jobs: BTreeMap<String, Duration>,
}

/// How it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rehearsal {
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// What it comes to, by job.
    pub tallies: BTreeMap<String, Tally>,
    /// When it stopped, if that was too early because there was too much.
    pub cut_at: Option<Timestamp>,
}

/// Why nothing was rehearsed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the rehearsal broke off: {0}")]
pub struct RehearsalError(String);

impl From<Broken> for RehearsalError {
    fn from(broken: Broken) -> Self {
        RehearsalError(broken)
    }
}

/// Rehearses it.
pub fn rehearse(plan: Plan) -> Result<Rehearsal, RehearsalError> {
    let retention = Retention { completed: KEEP, failed: KEEP, cancelled: KEEP };
    // Nothing is missed, so nothing is caught up.
    let catch_up = Pace::default();
    let zones = Arc::clone(&plan.zones);
    let settings = Settings { zones, max_tasks: plan.max_tasks, catch_up, retention, socket: None };
    let mut world = World::begin(SEED, settings, plan.from, Watch::Unchecked)?;
    world.troubles.takes_us = Some(plan.takes.usual.as_micros());
    let mut notes = Notes::new(plan.jobs.iter().map(|(name, _)| name.as_str()), plan.max_tasks);
    load(&mut world, plan.jobs, plan.pools, &plan.takes)?;
    notes.look(&world)?;
    let until = plan.until.since(plan.from).as_micros();
    let mut cut_at = None;
    let mut n_steps = world.n_steps;
    while world.run_once(until)? {
        if world.n_steps == n_steps {
            continue;
        }
        n_steps = world.n_steps;
        notes.look(&world)?;
        if notes.n_runs() >= plan.max_runs || n_steps >= MAX_STEPS {
            cut_at = Some(world.now());
            break;
        }
    }
    let (moments, tallies) = notes.conclude(&world, plan.from)?;
    Ok(Rehearsal { moments, tallies, cut_at })
}

fn load(world: &mut World, jobs: Vec<(JobName, Job)>, pools: PoolSizes, takes: &Takes) -> Result<(), Broken> {
    let loaded = |(name, job): (JobName, Job)| {
        let takes = takes.of_jobs.get(name.as_str()).copied().unwrap_or(takes.usual);
        let source = name.to_string();
        LoadedJob { name, source, definition: stand_in(job, takes), origins: String::new() }
    };
    // That this is no daemon's start keeps `@start` and `@reboot` out of it.
    let load = Load { jobs: jobs.into_iter().map(loaded).collect(), pools: Some(pools), ..Load::default() };
    let token = world.ask(0, Command::Load(Box::new(load)));
    world.run_for(0)?;
    match world.answers.remove(&token) {
        Some(Ok(_)) => Ok(()),
        Some(Err(refused)) => Err(refused.to_string()),
        None => Err("the jobs were not loaded".to_owned()),
    }
}

/// The job, with nothing of what it does but when, in which order, within which bounds and for how long.
fn stand_in(job: Job, takes: Duration) -> Job {
    let tasks = job.tasks.iter().map(|task| Task {
        after: task.after.clone(),
        pools: task.pools.clone(),
        timeout: task.timeout,
        kill_grace: task.kill_grace,
        retry: task.retry,
        on_interrupt: task.on_interrupt,
        is_precondition: task.is_precondition,
        ..Task::new(&task.name, pretended(&task.action, if task.is_precondition { Duration::ZERO } else { takes }))
    });
    Job { tasks: tasks.collect(), outputs: BTreeMap::new(), hooks: Vec::new(), ..job }
}

fn pretended(action: &Action, takes: Duration) -> Action {
    match action {
        Action::Shell(_) | Action::Command(_) | Action::Http(_) => {
            Action::Command(vec!["pretend".to_owned(), format!("takes={}", takes.as_micros())])
        }
        Action::Noop => Action::Noop,
    }
}
