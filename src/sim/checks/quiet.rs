//! Nothing waits that could move: whatever is ready, due or owed has a claim or a moment at which the engine wakes for it.

use rusqlite::Connection;

use super::Checks;
use crate::engine::Step;
use crate::model::duration::Duration;
use crate::model::policy::overlap;
use crate::model::timestamp::{Now, Steady, Timestamp};
use crate::sim::world::{Broken, said};

/// The engine tries so many deliveries at once.
const MAX_SENDING: i64 = 64;

const WAITING: &str = "
SELECT (SELECT count(*) FROM attempt WHERE state <> 'ended'),
       (SELECT count(*) FROM task WHERE ended_at IS NULL AND state = 'queued'),
       (SELECT min(until_steady) FROM task WHERE ended_at IS NULL AND state IN ('retrying', 'waiting')),
       (SELECT min(until_wall) FROM task WHERE ended_at IS NULL AND state = 'waiting'),
       (SELECT min(until_steady) FROM delivery WHERE state IN ('pending', 'sending') AND state = 'pending'),
       (SELECT min(next_at) FROM schedule WHERE retired_at IS NULL),
       (SELECT count(*) FROM run WHERE ended_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM task WHERE task.run_id = run.id AND task.ended_at IS NULL)),
       (SELECT count(*) FROM task WHERE ended_at IS NULL AND state = 'running' AND NOT EXISTS (
           SELECT 1 FROM attempt WHERE attempt.task_id = task.id AND attempt.state <> 'ended'
              AND attempt.launch = task.launch)),
       (SELECT count(*) FROM run WHERE ended_at IS NULL AND held = 0 AND EXISTS (SELECT 1 FROM task WHERE task.run_id = run.id
              AND task.state = 'blocked') AND NOT EXISTS (SELECT 1 FROM task WHERE task.run_id = run.id
              AND task.ended_at IS NULL AND task.state <> 'blocked')),
       (SELECT value FROM fact WHERE name = 'paused_at') IS NOT NULL,
       (SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending') AND state = 'sending'),
       (SELECT max(cursor_at) FROM schedule WHERE retired_at IS NULL),
       (SELECT min(expires_steady) FROM run WHERE started_at IS NULL AND ended_at IS NULL)";
const BACKLOGS: &str = "
SELECT schedule.id, job.definition_id, job.n_live, job.n_held, job.n_queued FROM schedule JOIN job ON job.id = schedule.job_id
 WHERE schedule.backlog_until IS NOT NULL AND schedule.retired_at IS NULL";
const N_CAUGHT_UP: &str = "SELECT count(*) FROM run WHERE caught_up = 1 AND ended_at IS NULL";
const HELD: &str = "
SELECT name, definition_id, n_live FROM job
 WHERE n_held > 0 AND paused_at IS NULL AND NOT EXISTS (SELECT 1 FROM fact WHERE name = 'paused_at')";
const IN_FORCE: &str = "
SELECT name, definition_id, n_scheduled FROM job
 WHERE n_scheduled > 0 AND EXISTS (SELECT 1 FROM schedule WHERE job_id = job.id AND schedule.retired_at IS NULL)";
const LEFT: &str = "
SELECT (SELECT count(*) FROM run WHERE ended_at IS NULL), (SELECT count(*) FROM task WHERE ended_at IS NULL),
       (SELECT count(*) FROM attempt WHERE state <> 'ended'),
       (SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending')),
       (SELECT count(*) FROM schedule WHERE retired_at IS NULL OR backlog_until IS NOT NULL),
       (SELECT count(*) FROM backfill WHERE ended_at IS NULL OR n_live > 0)";
const COUNTS: &str = "
SELECT name, value, (SELECT count(*) FROM run WHERE state = counter.name) FROM counter
 WHERE name IN ('completed', 'failed', 'cancelled')";
const EVENTS: &str = "SELECT coalesce(max(seq) - min(seq) + 1, 0), count(*) FROM event";

#[derive(Debug)]
struct Waiting {
    n_live: i64,
    n_queued: i64,
    retry: Option<i64>,
    appointment: Option<i64>,
    owed: Option<i64>,
    due: Option<i64>,
    n_unfinished: i64,
    n_orphans: i64,
    n_stuck: i64,
    is_paused: bool,
    n_sending: i64,
    cursor: Option<i64>,
    expiry: Option<i64>,
}

impl Checks {
    pub(super) fn nothing_sleeps(&mut self, connection: &Connection, now: Now, step: &Step) -> Result<(), Broken> {
        let waiting = waiting(connection)?;
        if waiting.n_live != i64::try_from(step.n_live).unwrap_or(i64::MAX) {
            return Err(format!("the step said {} live attempts, and there are {}", step.n_live, waiting.n_live));
        }
        if waiting.n_unfinished > 0 || waiting.n_orphans > 0 || waiting.n_stuck > 0 {
            return Err(format!(
                "stuck: a run without a live task, a task without its attempt, or all blocked: {waiting:?}"
            ));
        }
        if let Some(cursor) = waiting.cursor.map(Timestamp::from_micros).filter(|cursor| *cursor > now.wall) {
            return Err(format!("silent: a schedule has its cursor at {cursor}, ahead of now"));
        }
        if step.wake_at.is_some_and(|at| at <= now.wall) {
            return Ok(());
        }
        let may_claim = self.has_runner && self.strangers.is_empty() && !self.is_draining && !waiting.is_paused;
        let has_room = step.n_live < self.settings.max_tasks;
        if may_claim && has_room && waiting.n_queued > 0 {
            let n_ready = self.n_ready(connection)?;
            if n_ready > 0 {
                return Err(format!("asleep: {n_ready} of {} queued tasks could be claimed", waiting.n_queued));
            }
        }
        let wall_of = |at: i64| now.wall_of(Steady(at));
        let may_send = self.has_runner && !self.is_interrupted && waiting.n_sending < MAX_SENDING;
        // One that waits for its hook to be less busy is due, and is woken by whatever makes room.
        let owed = waiting.owed.filter(|_| may_send && waiting.n_sending == 0).map(wall_of);
        let due = waiting.due.filter(|_| self.is_loaded).map(Timestamp::from_micros);
        let appointment = waiting.appointment.map(Timestamp::from_micros);
        let retry = ("a retry or a wait", waiting.retry.map(wall_of));
        let expiry = ("the end of a run that waits", waiting.expiry.map(wall_of));
        for (what, at) in [retry, expiry, ("a time of day", appointment), ("a delivery", owed), ("a schedule", due)] {
            if let Some(at) = at
                && step.wake_at.is_none_or(|wake| wake > at)
            {
                return Err(format!("asleep: {what} is due at {at}, and the engine wakes at {:?}", step.wake_at));
            }
        }
        self.held(connection)?;
        if !self.is_loaded {
            return Ok(());
        }
        self.ends(connection)?;
        self.backlogs(connection, now, step)?;
        self.backfills_sleep(connection)
    }

    /// Of a job whose schedules have started all that they may, none is in force.
    fn ends(&mut self, connection: &Connection) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(IN_FORCE).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let (name, n): (String, u32) = (row.get(0).map_err(said)?, row.get(2).map_err(said)?);
            let Some(job) = self.definition(connection, row.get(1).map_err(said)?)? else { continue };
            if job.ends_after.is_some_and(|most| n >= most) {
                return Err(format!("job `{name}` has started {n} runs, which is all, and is still due"));
            }
        }
        Ok(())
    }

    /// A held run waits only for room.
    fn held(&mut self, connection: &Connection) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(HELD).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let (name, n_live): (String, u32) = (row.get(0).map_err(said)?, row.get(2).map_err(said)?);
            let Some(job) = self.definition(connection, row.get(1).map_err(said)?)? else { continue };
            if job.enabled && overlap::room(&job, n_live) > 0 {
                return Err(format!("asleep: job `{name}` has held runs, and room"));
            }
        }
        Ok(())
    }

    /// A backlog waits only for room, or for the governor, who opens within a minute or when a run ends.
    fn backlogs(&mut self, connection: &Connection, now: Now, step: &Step) -> Result<(), Broken> {
        let n: u32 = connection.query_row(N_CAUGHT_UP, [], |row| row.get(0)).map_err(said)?;
        let opens = step.wake_at.is_some_and(|at| at <= now.wall.plus(Duration::from_secs(60)));
        if n > self.settings.catch_up.max_runs {
            return Err(format!("{n} runs are caught up at once"));
        }
        if n == self.settings.catch_up.max_runs || opens {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(BACKLOGS).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let (id, n_live, n_held): (i64, u32, u32) =
                (row.get(0).map_err(said)?, row.get(2).map_err(said)?, row.get(3).map_err(said)?);
            let Some(job) = self.definition(connection, row.get(1).map_err(said)?)? else { continue };
            let is_full = row.get::<_, u32>(4).map_err(said)? >= job.queue_limit;
            if !is_full && n_held == 0 && overlap::room(&job, n_live) > 0 {
                return Err(format!("asleep: schedule {id} has a backlog, and its job has room"));
            }
        }
        Ok(())
    }
}

fn waiting(connection: &Connection) -> Result<Waiting, Broken> {
    let mut statement = connection.prepare_cached(WAITING).map_err(said)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Waiting {
            n_live: row.get(0)?,
            n_queued: row.get(1)?,
            retry: row.get(2)?,
            appointment: row.get(3)?,
            owed: row.get(4)?,
            due: row.get(5)?,
            n_unfinished: row.get(6)?,
            n_orphans: row.get(7)?,
            n_stuck: row.get(8)?,
            is_paused: row.get(9)?,
            n_sending: row.get(10)?,
            cursor: row.get(11)?,
            expiry: row.get(12)?,
        })
    };
    statement.query_row([], read).map_err(said)
}

/// Everything has ended, nothing is owed, and the counters tell the truth.
pub(super) fn at_rest(connection: &Connection, wake_at: Option<Timestamp>) -> Result<(), Broken> {
    let mut statement = connection.prepare(LEFT).map_err(said)?;
    let read =
        |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]);
    let left: [i64; 6] = statement.query_row([], read).map_err(said)?;
    if left != [0; 6] {
        return Err(format!(
            "at rest there are live runs, tasks, attempts, deliveries, schedules and backfills: {left:?}"
        ));
    }
    if let Some(at) = wake_at {
        return Err(format!("at rest the engine wants to be woken at {at}"));
    }
    let (n_numbers, n): (i64, i64) =
        connection.query_row(EVENTS, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(said)?;
    if n_numbers != n {
        return Err(format!("{n} events have {n_numbers} numbers"));
    }
    let mut statement = connection.prepare(COUNTS).map_err(said)?;
    let mut rows = statement.query([]).map_err(said)?;
    while let Some(row) = rows.next().map_err(said)? {
        let (name, counted, n): (String, i64, i64) =
            (row.get(0).map_err(said)?, row.get(1).map_err(said)?, row.get(2).map_err(said)?);
        if counted != n {
            return Err(format!("the counter says {counted} runs {name}, and there are {n}"));
        }
    }
    Ok(())
}
