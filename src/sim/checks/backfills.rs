//! Backfills: each move of a cursor is to the next admitted due time of its schedule and comes with one run of that time, or none if a precondition
//! may be false of it;
//! no more runs of one are live than it may have, none is held, and what it counts is what there is. One that is completed
//! has left nothing out, and one that could go on does.

use rusqlite::Connection;

use super::Checks;
use crate::model::definition::{Job, from_canonical};
use crate::model::policy::overlap;
use crate::model::time::Calendar;
use crate::model::time::backfill::Source;
use crate::model::timestamp::Timestamp;
use crate::sim::world::{Broken, said};

const MOVES: &str = "
SELECT move.backfill_id, move.key, move.old_at, move.new_at, backfill.to_at, backfill.job_id,
       (SELECT count(*) FROM sim_backfill_run AS made WHERE made.backfill_id = move.backfill_id AND made.at = move.new_at),
       (SELECT count(*) FROM sim_backfill_move AS other
         WHERE other.backfill_id = move.backfill_id AND other.new_at = move.new_at)
  FROM sim_backfill_move AS move JOIN backfill ON backfill.id = move.backfill_id ORDER BY move.n";
const STRAY: &str = "
SELECT count(*) FROM sim_backfill_run AS made WHERE held OR cause <> 'backfill' OR NOT EXISTS (
    SELECT 1 FROM sim_backfill_move AS move WHERE move.backfill_id = made.backfill_id AND move.new_at = made.at)";
const COUNTS: &str = "
SELECT id, max_runs, n_live, (SELECT count(*) FROM run WHERE run.backfill_id = backfill.id AND run.ended_at IS NULL),
       n_live + n_completed + n_failed + n_cancelled,
       coalesce((SELECT n FROM sim_backfill_total AS total WHERE total.backfill_id = backfill.id), 0),
       n_live + n_completed + n_failed + n_cancelled + n_skipped,
       coalesce((SELECT n FROM sim_backfill_passed AS passed WHERE passed.backfill_id = backfill.id), 0)
  FROM backfill WHERE ended_at IS NULL OR n_live > 0";
const CURSORS: &str = "
SELECT backfill.id, backfill.job_id, backfill_schedule.key, backfill_schedule.cursor_at, backfill.to_at,
       backfill.n_live, backfill.max_runs
  FROM backfill JOIN backfill_schedule ON backfill_schedule.backfill_id = backfill.id
 WHERE backfill.state = ?1 AND (?1 = 'running' OR backfill.id IN (SELECT backfill_id FROM sim_backfill_completed))
 ORDER BY backfill.id";
const SKIPPED: &str = "
SELECT first_due_at, last_due_at FROM span JOIN schedule ON schedule.id = span.schedule_id
 WHERE reason = 'by_user' AND schedule.job_id = ?1 AND schedule.key = ?2 ORDER BY first_due_at";
const JOB: &str = "
SELECT job.name, definition.body, retired_at IS NOT NULL,
       paused_at IS NOT NULL OR EXISTS (SELECT 1 FROM fact WHERE fact.name = 'paused_at'), n_live, n_held, n_queued,
       EXISTS (SELECT 1 FROM schedule
                WHERE schedule.job_id = job.id AND backlog_until IS NOT NULL AND schedule.retired_at IS NULL)
  FROM job JOIN definition ON definition.id = job.definition_id WHERE job.id = ?1";
const FORGET: &str = "
DELETE FROM sim_backfill_move; DELETE FROM sim_backfill_run; DELETE FROM sim_backfill_completed;";

/// How a job stands, for its backfills.
struct Standing {
    name: String,
    job: Job,
    /// It is in force, is not paused, has nothing to catch up and room for one more run.
    has_room: bool,
    is_retired: bool,
}

/// How far a backfill is with one of its schedules.
struct Place {
    id: String,
    job: i64,
    key: String,
    cursor: Timestamp,
    to: Timestamp,
    n_live: u32,
    max_runs: u32,
}

impl Checks {
    /// What the step did to backfills, and how they stand.
    pub(super) fn backfills(&self, connection: &Connection) -> Result<(), Broken> {
        self.moves(connection)?;
        counts(connection)?;
        for place in places(connection, "completed")? {
            let standing = standing(connection, place.job)?;
            if let Some(due) = self.next(connection, &standing, &place)? {
                return Err(format!("backfill {} is completed, and {due} of {} had no run", place.id, place.key));
            }
        }
        connection.execute_batch(FORGET).map_err(said)
    }

    fn moves(&self, connection: &Connection) -> Result<(), Broken> {
        let n_stray: i64 = connection.query_row(STRAY, [], |row| row.get(0)).map_err(said)?;
        if n_stray > 0 {
            return Err(format!("{n_stray} runs of backfills are held, or no cursor has moved to their times"));
        }
        let mut statement = connection.prepare_cached(MOVES).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        let mut last: Option<(Vec<u8>, i64)> = None;
        while let Some(row) = rows.next().map_err(said)? {
            let id: Vec<u8> = row.get(0).map_err(said)?;
            let (key, old, new): (String, i64, i64) =
                (row.get(1).map_err(said)?, row.get(2).map_err(said)?, row.get(3).map_err(said)?);
            let (to, job): (i64, i64) = (row.get(4).map_err(said)?, row.get(5).map_err(said)?);
            let (n_runs, n_moves): (i64, i64) = (row.get(6).map_err(said)?, row.get(7).map_err(said)?);
            let standing = standing(connection, job)?;
            let may_skip = standing.job.precondition.is_some();
            if n_runs > n_moves || n_runs < n_moves && !may_skip {
                return Err(format!("{n_moves} cursors of a backfill moved to {new}, and {n_runs} runs were made"));
            }
            let [cursor, to, new] = [old, to, new].map(Timestamp::from_micros);
            let place = Place { id: shown(&id), job, key, cursor, to, n_live: 0, max_runs: 1 };
            let expected = self.next(connection, &standing, &place)?;
            if expected != Some(new) {
                return Err(format!("the cursor of {} in a backfill went to {new}, not {expected:?}", place.key));
            }
            if last.is_some_and(|(of, at)| of == id && at > new.as_micros()) {
                return Err(format!("a backfill started {new} after a later one"));
            }
            last = Some((id, new.as_micros()));
        }
        Ok(())
    }

    /// The next due time that is to be run; nothing at the end, or where the schedule is gone.
    fn next(&self, connection: &Connection, standing: &Standing, place: &Place) -> Result<Option<Timestamp>, Broken> {
        let schedule = standing.job.schedules.iter().find(|schedule| schedule.key() == place.key);
        let Some(schedule) = schedule else { return Ok(None) };
        let zone = self.settings.zones.get(&schedule.timezone).ok_or("an unknown zone")?;
        let calendar = Calendar::new(schedule, &standing.name, &zone).map_err(|faults| format!("{faults:?}"))?;
        let mut statement = connection.prepare_cached(SKIPPED).map_err(said)?;
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let rows = statement.query_map(rusqlite::params![place.job, place.key], pair).map_err(said)?;
        let skipped: Vec<(i64, i64)> = rows.collect::<Result<_, _>>().map_err(said)?;
        let instant = |(first, last)| (Timestamp::from_micros(first), Timestamp::from_micros(last));
        let source = Source { calendar: calendar.into(), skipped: skipped.into_iter().map(instant).collect() };
        Ok(source.next_after(place.cursor, place.to))
    }

    /// A backfill waits only for room in its job, for its own runs, or for what is to be caught up.
    pub(super) fn backfills_sleep(&self, connection: &Connection) -> Result<(), Broken> {
        let places = places(connection, "running")?;
        for of in places.chunk_by(|one, other| one.id == other.id) {
            let [first, ..] = of else { continue };
            let standing = standing(connection, first.job)?;
            if standing.is_retired {
                return Err(format!("asleep: backfill {} is of a job that is retired", first.id));
            }
            let mut is_over = true;
            for place in of {
                is_over &= self.next(connection, &standing, place)?.is_none();
            }
            if is_over && first.n_live == 0 {
                return Err(format!("asleep: backfill {} is over and has not ended", first.id));
            }
            if !is_over && standing.has_room && first.n_live < first.max_runs {
                return Err(format!("asleep: backfill {} could go on", first.id));
            }
        }
        Ok(())
    }
}

fn shown(id: &[u8]) -> String {
    id.iter().skip(12).map(|byte| format!("{byte:02x}")).collect()
}

fn counts(connection: &Connection) -> Result<(), Broken> {
    let mut statement = connection.prepare_cached(COUNTS).map_err(said)?;
    let mut rows = statement.query([]).map_err(said)?;
    while let Some(row) = rows.next().map_err(said)? {
        let id = shown(&row.get::<_, Vec<u8>>(0).map_err(said)?);
        let number = |at: usize| row.get::<_, i64>(at).map_err(said);
        let (max_runs, n_live, found, told, started) = (number(1)?, number(2)?, number(3)?, number(4)?, number(5)?);
        let (passed, moved) = (number(6)?, number(7)?);
        if passed != moved {
            return Err(format!("backfill {id} says that it has passed {passed} due times, and has passed {moved}"));
        }
        if n_live != found || n_live > max_runs || told != started {
            return Err(format!(
                "backfill {id} says {n_live} of at most {max_runs} live, and {found} are; {told} runs, and {started} were made"
            ));
        }
    }
    Ok(())
}

fn places(connection: &Connection, state: &str) -> Result<Vec<Place>, Broken> {
    let mut statement = connection.prepare_cached(CURSORS).map_err(said)?;
    let rows = statement.query_map([state], |row| {
        Ok(Place {
            id: shown(&row.get::<_, Vec<u8>>(0)?),
            job: row.get(1)?,
            key: row.get(2)?,
            cursor: Timestamp::from_micros(row.get(3)?),
            to: Timestamp::from_micros(row.get(4)?),
            n_live: row.get(5)?,
            max_runs: row.get(6)?,
        })
    });
    rows.map_err(said)?.collect::<Result<_, _>>().map_err(said)
}

fn standing(connection: &Connection, id: i64) -> Result<Standing, Broken> {
    let mut statement = connection.prepare_cached(JOB).map_err(said)?;
    let (name, body, is_retired, is_paused, [n_live, n_held, n_queued], has_backlog): (
        _,
        String,
        _,
        bool,
        [u32; 3],
        bool,
    ) = statement
        .query_row([id], |row| {
            let counts = [row.get(4)?, row.get(5)?, row.get(6)?];
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, counts, row.get(7)?))
        })
        .map_err(said)?;
    let job: Job = from_canonical(&body).map_err(said)?;
    let is_open = !is_paused && job.enabled && !has_backlog;
    let has_room = is_open && n_held == 0 && n_queued < job.queue_limit && overlap::room(&job, n_live) > 0;
    Ok(Standing { name, job, has_room, is_retired })
}
