//! What a task or a run that does not go on waits for, in words. Most of it is in the rows; what only the daemon knows
//! comes with the question. What is asked of many is read once, and of what does not wait nothing is read at all.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, Transaction};

use super::failure::Failure;
use super::status::{Paused, paused_since};
use crate::model::definition::{Job, Pools, from_canonical};
use crate::model::duration::Duration;
use crate::model::id::RunId;
use crate::model::timestamp::{Now, Steady, Timestamp};
use crate::wire;

/// How many of those that hold a pool, or that a task comes after, are named.
const MAX_NAMED: usize = 3;

/// What no row tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Here {
    /// When it is asked.
    pub now: Timestamp,
    /// Why there is no runner, if there is none.
    pub why_no_runner: Option<String>,
    /// The daemon claims nothing more.
    pub is_stopping: bool,
}

/// What the row of a task says of its waiting.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) ordinal: usize,
    pub(crate) definition_id: i64,
    pub(crate) until_steady: Option<i64>,
    pub(crate) until_wall: Option<i64>,
    pub(crate) pools: Option<String>,
}

/// Answers for the things of one question.
pub(crate) struct Waits<'a> {
    here: Option<&'a Here>,
    scene: Option<Scene>,
    definitions: HashMap<i64, Option<Job>>,
    unfinished: HashMap<RunId, HashSet<String>>,
}

/// What everything that waits depends on.
struct Scene {
    now: Now,
    paused: Option<Paused>,
    n_strangers: u64,
    max_tasks: Option<u64>,
    n_live: u64,
    pools: HashMap<String, Pool>,
}

#[derive(Default)]
struct Pool {
    size: u32,
    used: u32,
    holders: Vec<String>,
}

const FACT: &str = "SELECT CAST(value AS INTEGER) FROM fact WHERE name = ?1";
const N_LIVE: &str = "SELECT count(*) FROM attempt WHERE state <> 'ended'";
const POOLS: &str = "SELECT name, size, used FROM pool";
const HOLDERS: &str = "
SELECT t.pools, t.name, r.id, j.name, r.number
  FROM attempt a JOIN task t ON t.id = a.task_id JOIN run r ON r.id = t.run_id LEFT JOIN job j ON j.id = r.job_id
 WHERE a.state <> 'ended' AND t.pools IS NOT NULL
 ORDER BY a.launch";
const DEFINITION: &str = "SELECT body FROM definition WHERE id = ?1";
const HELD: &str = "
SELECT j.id, j.name, j.paused_at IS NOT NULL FROM run r JOIN job j ON j.id = r.job_id WHERE r.id = ?1 AND r.held = 1";
const LIVE: &str = "
SELECT number FROM run WHERE job_id = ?1 AND ended_at IS NULL AND held = 0 ORDER BY number LIMIT 4";
const UNFINISHED: &str = "SELECT name FROM task WHERE run_id = ?1 AND ended_at IS NULL";

impl<'a> Waits<'a> {
    /// Answers to who asks there; none to who does not say where.
    pub(crate) fn new(here: Option<&'a Here>) -> Self {
        Waits { here, scene: None, definitions: HashMap::new(), unfinished: HashMap::new() }
    }

    /// What the task waits for; nothing if it runs or has ended.
    pub(crate) fn task(
        &mut self,
        tx: &Transaction<'_>,
        task: &wire::Task,
        row: &Row,
    ) -> Result<Option<String>, Failure> {
        let Some(here) = self.here.filter(|_| task.ended_at.is_none() && task.state != "running") else {
            return Ok(None);
        };
        if task.state == "blocked" {
            return self.upstream(tx, task.run_id, row);
        }
        let scene = match &mut self.scene {
            Some(scene) => scene,
            none => none.insert(Scene::read(tx, here.now)?),
        };
        let until = row.until_wall.map(Timestamp::from_micros);
        let until = until.or(row.until_steady.map(|at| scene.now.wall_of(Steady(at))));
        Ok(match (task.state.as_str(), until) {
            ("retrying", Some(at)) => Some(format!("retry in {}", shown(at.since(scene.now.wall)))),
            ("waiting", Some(at)) => Some(format!("until {at}")),
            ("queued", _) => Some(scene.queued(here, row.pools.as_deref())?),
            _ => None,
        })
    }

    fn upstream(&mut self, tx: &Transaction<'_>, run: RunId, row: &Row) -> Result<Option<String>, Failure> {
        let unfinished = match self.unfinished.get(&run) {
            Some(known) => known,
            None => {
                let mut statement = tx.prepare_cached(UNFINISHED)?;
                let names = statement.query_map([run.as_bytes()], |row| row.get(0))?.collect::<Result<_, _>>()?;
                self.unfinished.entry(run).or_insert(names)
            }
        };
        let definition = match self.definitions.get(&row.definition_id) {
            Some(known) => known,
            None => {
                let body: Option<String> =
                    tx.prepare_cached(DEFINITION)?.query_row([row.definition_id], |row| row.get(0)).optional()?;
                let job = body.and_then(|body| from_canonical(&body).ok());
                self.definitions.entry(row.definition_id).or_insert(job)
            }
        };
        let after = definition.as_ref().and_then(|job| job.tasks.get(row.ordinal)).map(|task| task.after.as_slice());
        let names: Vec<String> = after
            .unwrap_or_default()
            .iter()
            .filter(|name| unfinished.contains(*name))
            .map(|name| format!("`{name}`"))
            .collect();
        let noun = if names.len() == 1 { "task" } else { "tasks" };
        if names.is_empty() { room(tx, run) } else { Ok(Some(format!("{noun} {}", some(&names)))) }
    }
}

/// What a held run waits for: a resume of its job, or the end of those that are live.
fn room(tx: &Transaction<'_>, run: RunId) -> Result<Option<String>, Failure> {
    let mut statement = tx.prepare_cached(HELD)?;
    let held = statement.query_row([run.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let Some((id, job, is_paused)): Option<(i64, String, bool)> = held.optional()? else { return Ok(None) };
    if is_paused {
        return Ok(Some(format!("job `{job}` to be resumed")));
    }
    let mut statement = tx.prepare_cached(LIVE)?;
    let numbers = statement.query_map([id], |row| Ok(format!("{job}#{}", row.get::<_, i64>(0)?)));
    let live: Vec<String> = numbers?.collect::<Result<_, _>>()?;
    Ok(Some(match live.is_empty() {
        true => format!("everything before it of job `{job}`"),
        false => format!("room in job `{job}`, taken by {}", some(&live)),
    }))
}

/// What a run waits for: if nothing of it runs, that is what the first of its tasks waits for which is not blocked.
pub(crate) fn run(run: &wire::Run) -> Option<String> {
    if run.tasks.iter().any(|task| task.state == "running") {
        return None;
    }
    let waiting = || run.tasks.iter().filter(|task| task.waits_for.is_some());
    let first = waiting().find(|task| task.state != "blocked").or_else(|| waiting().next());
    first.and_then(|task| task.waits_for.clone())
}

impl Scene {
    fn read(tx: &Transaction<'_>, now: Timestamp) -> Result<Self, Failure> {
        let fact = |name: &str| tx.prepare_cached(FACT)?.query_row([name], |row| row.get::<_, i64>(0)).optional();
        let count = |name: &str| Ok::<_, Failure>(fact(name)?.and_then(|n| u64::try_from(n).ok()));
        let mut pools: HashMap<String, Pool> = HashMap::new();
        let mut statement = tx.prepare_cached(POOLS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            pools.insert(row.get(0)?, Pool { size: row.get(1)?, used: row.get(2)?, holders: Vec::new() });
        }
        let mut statement = tx.prepare_cached(HOLDERS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let task: String = row.get(1)?;
            let run = RunId::from_bytes(row.get(2)?);
            let of = match (row.get::<_, Option<String>>(3)?, row.get::<_, Option<i64>>(4)?) {
                (Some(job), Some(number)) => format!("{job}#{number}"),
                _ => run.short(),
            };
            for (name, _) in read_pools(&row.get::<_, String>(0)?)?.iter() {
                pools.entry(name.to_owned()).or_default().holders.push(format!("`{task}` of {of}"));
            }
        }
        Ok(Scene {
            now: Now::new(now, fact("stepped_us")?.unwrap_or(0)),
            paused: paused_since(tx)?,
            n_strangers: count("strangers")?.unwrap_or(0),
            max_tasks: count("max_tasks")?,
            n_live: tx.prepare_cached(N_LIVE)?.query_row([], |row| super::column::unsigned(row, 0))?,
            pools,
        })
    }

    /// What stands in the way of a queued task: what holds for all, then what it takes, then who is before it.
    fn queued(&self, here: &Here, pools: Option<&str>) -> Result<String, Failure> {
        if let Some(Paused { at, by, note, .. }) = &self.paused {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let why = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            return Ok(format!("everything is paused{by} since {at}{why}"));
        }
        if here.is_stopping {
            return Ok("the daemon is stopping".to_owned());
        }
        if let Some(why) = &here.why_no_runner {
            return Ok(format!("the runner is not there: {why}"));
        }
        if self.n_strangers > 0 {
            return Ok("what lives at the runner and is not known has to end".to_owned());
        }
        let pools = read_pools(pools.unwrap_or_default())?;
        if let Some(pool) = pools.iter().find_map(|(name, weight)| self.pool(name, weight)) {
            return Ok(pool);
        }
        if let Some(most) = self.max_tasks.filter(|most| self.n_live >= *most) {
            return Ok(format!("`max_tasks` {}/{most}", self.n_live));
        }
        Ok(match pools.iter().next() {
            Some((name, _)) => format!("its turn in {}", self.filled(name)),
            None => "its turn".to_owned(),
        })
    }

    /// What keeps a task from taking `weight` of that pool, if anything does.
    fn pool(&self, name: &str, weight: u32) -> Option<String> {
        let Some(pool) = self.pools.get(name).filter(|pool| pool.size > 0) else {
            return Some(format!("pool `{name}`, which is not in the configuration"));
        };
        if weight > pool.size {
            return Some(format!("pool `{name}` for ever: it takes {weight} and there is {}", pool.size));
        }
        if pool.used.saturating_add(weight) <= pool.size {
            return None;
        }
        let takes = if weight > 1 { format!(", of which it takes {weight}") } else { String::new() };
        Some(format!("{}{takes}, held by {}", self.filled(name), some(&pool.holders)))
    }

    fn filled(&self, name: &str) -> String {
        let (used, size) = self.pools.get(name).map_or((0, 0), |pool| (pool.used, pool.size));
        format!("pool `{name}` {used}/{size}")
    }
}

fn read_pools(text: &str) -> Result<Pools, Failure> {
    text.parse().map_err(|error| Failure::Unreadable(format!("the pools of a task: {error}")))
}

/// The first of them, and how many more there are.
fn some(names: &[String]) -> String {
    let first = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => first,
        n => format!("{first} and {n} more"),
    }
}

/// Whole seconds, or less if there is not one.
fn shown(length: Duration) -> String {
    let micros = length.as_micros();
    let unit = if micros < 1_000_000 { 1_000 } else { 1_000_000 };
    Duration::from_micros((micros + unit - 1) / unit * unit).to_string()
}
