//! What is written down of a rehearsal: read off the events, the claims and the ledger, after every step.
//!
//! Whether a run waited is known when its first task is claimed; what it waited for, from the end of the step in which it
//! could not be.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::obstacle::{self, Obstacle};
use crate::model::definition::{Schedule, from_canonical};
use crate::model::duration::Duration;
use crate::model::id::{RunId, TaskId};
use crate::model::outcome::Reason;
use crate::model::time::{Calendar, catch_up};
use crate::model::timestamp::Timestamp;
use crate::sim::world::{Broken, World, said};

/// Something that a user wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// The zone of the schedule that it comes from.
    pub timezone: Option<String>,
    /// Of which job.
    pub job: String,
    /// Of which of its runs; none for what did not start.
    pub number: Option<u64>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A run started.
    Started {
        /// Why it exists.
        cause: String,
        /// Its due time.
        due_at: Option<Timestamp>,
        /// How long it existed before.
        waited: Duration,
        /// For what.
        obstacles: Vec<Obstacle>,
    },
    /// A later task of a run that goes on was claimed, and had to wait.
    TaskWaited {
        /// Which.
        task: String,
        /// How long.
        waited: Duration,
        /// For what.
        obstacles: Vec<Obstacle>,
    },
    /// A run ended, and has not completed.
    Ended {
        /// `failed` or `cancelled`.
        state: String,
        /// Why.
        outcome: String,
        /// What was said of it.
        error: Option<String>,
    },
    /// Neighbouring due times did not start; the first is this moment.
    Skipped {
        /// The last of them.
        last: Timestamp,
        /// How many.
        n: u64,
        /// Why.
        reason: String,
    },
    /// A run has not started when the rehearsal ends.
    Waits {
        /// Since when it exists.
        since: Timestamp,
        /// What it waits for.
        obstacles: Vec<Obstacle>,
    },
}

/// What a rehearsal comes to for one job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Runs that started.
    pub n_runs: u64,
    /// Runs that failed.
    pub n_failed: u64,
    /// Runs that were cancelled.
    pub n_cancelled: u64,
    /// Runs that have not started at the end.
    pub n_waiting: u64,
    /// Due times that did not start, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The most of its runs that ran at once.
    pub most_at_once: u64,
    /// The longest that a run, or a task of one, waited.
    pub longest_wait: Duration,
    n_running: u64,
}

#[derive(Debug)]
struct Run {
    job: String,
    number: Option<u64>,
    cause: String,
    due_at: Option<Timestamp>,
    timezone: Option<String>,
    made_at: Timestamp,
    started_at: Option<Timestamp>,
    /// It was written down.
    is_begun: bool,
    obstacles: Vec<Obstacle>,
    error: Option<String>,
}

impl Run {
    fn waits_for(&mut self, obstacle: Option<Obstacle>) {
        self.obstacles.extend(obstacle.filter(|obstacle| !self.obstacles.contains(obstacle)));
    }
}

#[derive(Debug)]
struct Task {
    run: RunId,
    name: String,
    since: Timestamp,
    obstacle: Option<Obstacle>,
}

/// One event, as far as it matters here.
struct Event {
    seq: i64,
    at: Timestamp,
    kind: String,
    job: Option<String>,
    run: Option<RunId>,
    task: Option<TaskId>,
    data: Value,
}

/// What was written down so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    max_tasks: usize,
    last_event: i64,
    last_launch: i64,
    runs: BTreeMap<RunId, Run>,
    tasks: BTreeMap<TaskId, Task>,
    /// Tasks that wait, and of which it is not known for what.
    unexplained: Vec<TaskId>,
    moments: Vec<Moment>,
    tallies: BTreeMap<String, Tally>,
    n_runs: usize,
}

const EVENTS: &str = "SELECT seq, at, type, job, run_id, task_id, data FROM event WHERE seq > ?1 ORDER BY seq";
const BIRTH: &str = "SELECT scheduled_at, timezone, cause FROM run WHERE id = ?1";
const CANCELLED: &str = "SELECT cancelled_by FROM run WHERE id = ?1";
const CLAIMS: &str = "SELECT launch, task_id, claimed_at FROM attempt WHERE launch > ?1 ORDER BY launch";
const SPANS: &str = "
SELECT job.name, json_extract(schedule.body, '$.definition.timezone'), first_due_at, last_due_at, n, reason
  FROM span JOIN schedule ON schedule.id = span.schedule_id JOIN job ON job.id = schedule.job_id
 WHERE last_due_at > ?1
 ORDER BY first_due_at, job.name, schedule.id";

const OPEN: &str = "
SELECT job.name, schedule.body, cursor_at FROM schedule JOIN job ON job.id = schedule.job_id
 WHERE schedule.retired_at IS NULL ORDER BY job.name, schedule.id";

impl Notes {
    pub(super) fn new<'a>(jobs: impl Iterator<Item = &'a str>, max_tasks: usize) -> Self {
        let tallies = jobs.map(|job| (job.to_owned(), Tally::default())).collect();
        Notes { max_tasks, tallies, ..Notes::default() }
    }

    /// How many runs have started.
    pub(super) fn n_runs(&self) -> usize {
        self.n_runs
    }

    /// Writes down what the last step did.
    pub(super) fn look(&mut self, world: &World) -> Result<(), Broken> {
        let connection = world.store()?.connection();
        let (mut started, mut ended, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for event in self.events(connection)? {
            let Some(run) = event.run else { continue };
            match (event.kind.as_str(), event.task) {
                ("workflow.queued", _) => self.made(connection, run, &event)?,
                ("workflow.started", _) => {
                    if let Some(run) = self.runs.get_mut(&run) {
                        run.started_at = Some(event.at);
                    }
                    started.push(run);
                }
                ("workflow.completed" | "workflow.failed" | "workflow.cancelled", _) => ended.push((run, event)),
                ("task.queued", Some(task)) => {
                    let name = text(&event.data, "task").unwrap_or_default();
                    self.tasks.insert(task, Task { run, name, since: event.at, obstacle: None });
                    self.unexplained.push(task);
                }
                ("task.completed" | "task.failed" | "task.cancelled" | "task.skipped", Some(task)) => {
                    gone.push(task);
                    if let (Some(run), error @ Some(_)) = (self.runs.get_mut(&run), text(&event.data, "error")) {
                        run.error = error;
                    }
                }
                _ => {}
            }
        }
        self.claimed(connection)?;
        gone.iter().for_each(|task| drop(self.tasks.remove(task)));
        // Who ends makes room for who starts; only what was made in this step ends after it has started.
        let (before, at_once): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(run, _)| !started.contains(run));
        before.into_iter().try_for_each(|(run, event)| self.ended(connection, run, &event))?;
        started.into_iter().for_each(|run| self.started(run));
        at_once.into_iter().try_for_each(|(run, event)| self.ended(connection, run, &event))?;
        // What another step at this moment will claim does not wait.
        if world.wake_at.is_none_or(|at| at > world.now()) {
            self.explain(connection)?;
        }
        Ok(())
    }

    fn events(&mut self, connection: &Connection) -> Result<Vec<Event>, Broken> {
        let mut statement = connection.prepare_cached(EVENTS).map_err(said)?;
        let read = |row: &Row<'_>| {
            let data: Option<String> = row.get(6)?;
            Ok(Event {
                seq: row.get(0)?,
                at: Timestamp::from_micros(row.get(1)?),
                kind: row.get(2)?,
                job: row.get(3)?,
                run: row.get::<_, Option<[u8; 16]>>(4)?.map(RunId::from_bytes),
                task: row.get::<_, Option<[u8; 16]>>(5)?.map(TaskId::from_bytes),
                data: data.and_then(|data| serde_json::from_str(&data).ok()).unwrap_or_default(),
            })
        };
        let rows = statement.query_map([self.last_event], read).map_err(said)?;
        let events: Vec<Event> = rows.collect::<Result<_, _>>().map_err(said)?;
        self.last_event = events.last().map_or(self.last_event, |event| event.seq);
        Ok(events)
    }

    fn made(&mut self, connection: &Connection, id: RunId, event: &Event) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(BIRTH).map_err(said)?;
        let (due_at, timezone, cause): (Option<i64>, Option<String>, String) =
            statement.query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(said)?;
        let run = Run {
            job: event.job.clone().unwrap_or_default(),
            number: event.data["number"].as_u64(),
            cause,
            due_at: due_at.map(Timestamp::from_micros),
            timezone,
            made_at: event.at,
            started_at: None,
            is_begun: false,
            obstacles: text(&event.data, "held_by").map(Obstacle::Overlap).into_iter().collect(),
            error: None,
        };
        self.runs.insert(id, run);
        Ok(())
    }

    /// Whoever was claimed waits no more; of a run that has not begun before it, that is the run's own wait.
    fn claimed(&mut self, connection: &Connection) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(CLAIMS).map_err(said)?;
        let mut rows = statement.query([self.last_launch]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            self.last_launch = row.get(0).map_err(said)?;
            let id = TaskId::from_bytes(row.get(1).map_err(said)?);
            let at = Timestamp::from_micros(row.get(2).map_err(said)?);
            let Some(task) = self.tasks.remove(&id) else { continue };
            let waited = at.since(task.since);
            let Some(run) = self.runs.get_mut(&task.run).filter(|_| waited > Duration::ZERO) else { continue };
            if !run.is_begun {
                run.waits_for(task.obstacle);
                continue;
            }
            let obstacles = task.obstacle.into_iter().collect();
            let what = What::TaskWaited { task: task.name, waited, obstacles };
            let (job, timezone) = (run.job.clone(), run.timezone.clone());
            let tally = self.tallies.entry(job.clone()).or_default();
            tally.longest_wait = tally.longest_wait.max(waited);
            self.moments.push(Moment { at, timezone, job, number: run.number, what });
        }
        Ok(())
    }

    fn started(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let at = run.started_at.unwrap_or(run.made_at);
        let waited = at.since(run.made_at);
        run.is_begun = true;
        let obstacles = if waited > Duration::ZERO { std::mem::take(&mut run.obstacles) } else { Vec::new() };
        let what = What::Started { cause: run.cause.clone(), due_at: run.due_at, waited, obstacles };
        let (job, timezone) = (run.job.clone(), run.timezone.clone());
        self.n_runs += 1;
        let tally = self.tallies.entry(job.clone()).or_default();
        tally.n_runs += 1;
        tally.n_running += 1;
        tally.most_at_once = tally.most_at_once.max(tally.n_running);
        tally.longest_wait = tally.longest_wait.max(waited);
        self.moments.push(Moment { at, timezone, job, number: run.number, what });
    }

    fn ended(&mut self, connection: &Connection, id: RunId, event: &Event) -> Result<(), Broken> {
        let Some(run) = self.runs.remove(&id) else { return Ok(()) };
        let tally = self.tallies.entry(run.job.clone()).or_default();
        tally.n_running -= u64::from(run.is_begun);
        let state = event.kind.trim_start_matches("workflow.").to_owned();
        let error = match state.as_str() {
            "failed" => {
                tally.n_failed += 1;
                text(&event.data, "error").or(run.error)
            }
            "cancelled" => {
                tally.n_cancelled += 1;
                let mut statement = connection.prepare_cached(CANCELLED).map_err(said)?;
                let by: Option<String> = statement.query_row([id.as_bytes()], |row| row.get(0)).map_err(said)?;
                by.map(|by| format!("by {by}"))
            }
            _ => return Ok(()),
        };
        let outcome = text(&event.data, "outcome").unwrap_or_default();
        let Run { job, number, timezone, .. } = run;
        self.moments.push(Moment { at: event.at, timezone, job, number, what: What::Ended { state, outcome, error } });
        Ok(())
    }

    fn explain(&mut self, connection: &Connection) -> Result<(), Broken> {
        for id in std::mem::take(&mut self.unexplained) {
            if let Some(task) = self.tasks.get_mut(&id) {
                task.obstacle = obstacle::of_task(connection, id, self.max_tasks)?;
            }
        }
        Ok(())
    }

    /// Everything, in the order of time.
    pub(super) fn conclude(
        mut self,
        world: &World,
        from: Timestamp,
    ) -> Result<(Vec<Moment>, BTreeMap<String, Tally>), Broken> {
        let connection = world.store()?.connection();
        for task in self.tasks.into_values() {
            if let Some(run) = self.runs.get_mut(&task.run).filter(|run| !run.is_begun) {
                run.waits_for(task.obstacle);
            }
        }
        // Ids sort by birth.
        for run in self.runs.into_values().filter(|run| !run.is_begun) {
            let tally = self.tallies.entry(run.job.clone()).or_default();
            tally.n_waiting += 1;
            tally.longest_wait = tally.longest_wait.max(world.now().since(run.made_at));
            let what = What::Waits { since: run.made_at, obstacles: run.obstacles };
            let Run { job, number, timezone, .. } = run;
            self.moments.push(Moment { at: world.now(), timezone, job, number, what });
        }
        for skipped in skipped(connection, from)?.into_iter().chain(still_excluded(world)?) {
            if let What::Skipped { n, reason, .. } = &skipped.what {
                let tally = self.tallies.entry(skipped.job.clone()).or_default();
                *tally.skipped.entry(reason.clone()).or_default() += n;
            }
            self.moments.push(skipped);
        }
        self.moments.sort_by_key(|moment| moment.at);
        Ok((self.moments, self.tallies))
    }
}

/// The spans of the ledger that end in the rehearsal.
fn skipped(connection: &Connection, from: Timestamp) -> Result<Vec<Moment>, Broken> {
    let mut statement = connection.prepare(SPANS).map_err(said)?;
    let read = |row: &Row<'_>| {
        let (n, last): (i64, i64) = (row.get(4)?, row.get(3)?);
        Ok(Moment {
            at: Timestamp::from_micros(row.get(2)?),
            timezone: row.get(1)?,
            job: row.get(0)?,
            number: None,
            what: What::Skipped { last: Timestamp::from_micros(last), n: n.unsigned_abs(), reason: row.get(5)? },
        })
    };
    let rows = statement.query_map([from.as_micros()], read).map_err(said)?;
    rows.collect::<Result<_, _>>().map_err(said)
}

/// Excluded due times wake nobody and are recorded with the next that is admitted: those that no such has followed yet.
fn still_excluded(world: &World) -> Result<Vec<Moment>, Broken> {
    let mut statement = world.store()?.connection().prepare(OPEN).map_err(said)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows = statement.query_map([], read).map_err(said)?;
    let rows: Vec<(String, String, i64)> = rows.collect::<Result<_, _>>().map_err(said)?;
    let mut found = Vec::new();
    for (job, body, cursor) in rows {
        let schedule: Schedule = from_canonical(&body).map_err(said)?;
        let Some(zone) = world.settings.zones.get(&schedule.timezone).filter(|_| schedule.excludes()) else { continue };
        let Ok(calendar) = Calendar::new(&schedule, &job, &zone) else { continue };
        let after = Timestamp::from_micros(cursor);
        if let Some(span) = catch_up::span(calendar.rule(), after, world.now(), Reason::Excluded) {
            let what = What::Skipped { last: span.last, n: span.n, reason: span.reason.as_str().to_owned() };
            found.push(Moment { at: span.first, timezone: Some(schedule.timezone), job, number: None, what });
        }
    }
    Ok(found)
}

fn text(data: &Value, name: &str) -> Option<String> {
    data[name].as_str().map(str::to_owned)
}
