//! The ledger against the calendar: every due time of the stretch that a schedule has covered has exactly one answer, a
//! start, a place in one span, or a place in the backlog.
//!
//! A schedule covers a stretch when its cursor moves over it, under the rule it has at that moment; what passes while it is
//! retired is not covered. When the clock goes back the cursor returns, and what is ahead is covered anew: starts there
//! keep their place, spans do not. After a step only what a cursor or a backlog moved over is looked at; at the end of a
//! history, all of it.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::engine::Settings;
use crate::model::definition::{Schedule, Timing, from_canonical};
use crate::model::duration::Duration;
use crate::model::time::Calendar;
use crate::model::timestamp::Timestamp;
use crate::sim::world::{Broken, said};

/// The engine counts a span exactly up to here.
const MAX_COUNTED: u64 = 100_000;
const MICROSECOND: Duration = Duration::from_micros(1);

#[derive(Debug)]
struct Known {
    name: String,
    rules: Vec<Rule>,
    /// Stretches (after, until] and the rule each was covered under.
    covered: Vec<(Timestamp, Timestamp, usize)>,
}

#[derive(Debug)]
struct Rule {
    calendar: Calendar,
    /// It is due by what happens, and not by the clock.
    is_started: bool,
    /// It is due so long after the end of a run.
    delay: Option<Duration>,
}

/// What is known of every schedule.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    schedules: BTreeMap<i64, Known>,
}

struct Moved {
    id: i64,
    job: String,
    body: Option<String>,
    from: Timestamp,
    to: Timestamp,
    after: Option<Timestamp>,
    was_retired: bool,
    is_retired: bool,
}

const MOVED: &str = "
SELECT id, job, body, old_cursor, new_cursor, old_after, was_retired, is_retired FROM sim_schedule ORDER BY n";
const STARTED: &str = "
SELECT sim_start.id, due_at, run.scheduled_at, run.cause FROM sim_start LEFT JOIN run ON run.id = sim_start.run_id";
const STATE: &str = "SELECT cursor_at, backlog_after, backlog_until, next_at, retired_at FROM schedule WHERE id = ?1";
const OF_THIS_REVISION: &str = "
SELECT 1 FROM occurrence JOIN run ON run.id = occurrence.run_id JOIN job ON job.id = run.job_id
 WHERE occurrence.schedule_id = ?1 AND occurrence.due_at = ?2 AND run.revision = job.revision";
const LIVE: &str = "
SELECT 1 FROM run JOIN schedule ON schedule.job_id = run.job_id WHERE schedule.id = ?1 AND NOT run.held
   AND run.ended_at IS NULL";
const STARTS: &str = "
SELECT due_at FROM occurrence WHERE schedule_id = ?1 AND due_at > ?2 AND due_at <= ?3 ORDER BY due_at";
const SPANS: &str = "
SELECT first_due_at, last_due_at, n, reason = 'excluded' FROM span WHERE schedule_id = ?1 AND last_due_at > ?2 AND first_due_at <= ?3
 ORDER BY first_due_at";
const AHEAD: &str = "SELECT count(*) FROM span WHERE schedule_id = ?1 AND last_due_at > ?2";

impl Ledger {
    /// Looks at what the last step moved.
    pub(super) fn after(
        &mut self,
        connection: &Connection,
        settings: &Settings,
        wall: Timestamp,
    ) -> Result<(), Broken> {
        self.early(connection, wall)?;
        let mut touched: BTreeMap<i64, Timestamp> = BTreeMap::new();
        for moved in moved(connection)? {
            let from = self.follow(&moved, settings)?;
            if moved.is_retired && !moved.was_retired {
                self.retired(&moved, wall)?;
            }
            let lowest = touched.entry(moved.id).or_insert(from);
            *lowest = from.min(*lowest);
        }
        for (id, from) in touched {
            self.check(connection, id, from, false)?;
        }
        Ok(())
    }

    /// Looks at all of it.
    pub(super) fn whole(&self, connection: &Connection) -> Result<(), Broken> {
        self.schedules.keys().try_for_each(|id| self.check(connection, *id, Timestamp::MIN, true))
    }

    /// Nothing starts before it is due, and each start is of the run that it names.
    fn early(&self, connection: &Connection, wall: Timestamp) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(STARTED).map_err(said)?;
        let mut rows = statement.query([]).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let id: i64 = row.get(0).map_err(said)?;
            let due: i64 = row.get(1).map_err(said)?;
            let (scheduled, cause): (Option<i64>, Option<String>) =
                (row.get(2).map_err(said)?, row.get(3).map_err(said)?);
            let at = Timestamp::from_micros(due);
            if at > wall {
                return Err(format!("schedule {id} started {at} before it was due"));
            }
            if cause.is_some() && (scheduled != Some(due) || cause.as_deref() != Some("occurrence")) {
                return Err(format!("the start of {at} by schedule {id} is not what its run says"));
            }
        }
        Ok(())
    }

    /// Takes one write of a schedule in, and returns from where on its answers are to be looked at again.
    fn follow(&mut self, moved: &Moved, settings: &Settings) -> Result<Timestamp, Broken> {
        let new = || Known { name: String::new(), rules: Vec::new(), covered: Vec::new() };
        let known = self.schedules.entry(moved.id).or_insert_with(new);
        let mut from = moved.from.min(moved.to).min(moved.after.unwrap_or(Timestamp::MAX));
        if let Some(body) = &moved.body {
            let schedule: Schedule = from_canonical(body).map_err(said)?;
            let zone = settings.zones.get(&schedule.timezone).ok_or("an unknown zone")?;
            let calendar = Calendar::new(&schedule, &moved.job, &zone).map_err(|faults| format!("{faults:?}"))?;
            known.name = format!("{} of `{}`", schedule.key(), moved.job);
            let delay = if let Timing::AfterEnd { delay } = schedule.timing { Some(delay) } else { None };
            known.rules.push(Rule { is_started: !calendar.rule().has_times(), calendar, delay });
        }
        let rule = known.rules.len().checked_sub(1).ok_or("a schedule without a rule")?;
        if moved.to < moved.from {
            cut(&mut known.covered, moved.to, Timestamp::MAX);
            // A span that was made under an older rule cannot be cut exactly.
            known.covered.retain(|(_, until, of)| *of == rule || *until < moved.to);
        } else if moved.was_retired {
            from = moved.to;
        } else if moved.to > moved.from {
            cut(&mut known.covered, moved.from, moved.to);
            match known.covered.iter_mut().find(|(_, to, of)| *to == moved.from && *of == rule) {
                Some((_, to, _)) => *to = moved.to,
                None => known.covered.push((moved.from, moved.to, rule)),
            }
        }
        Ok(if moved.is_retired { from.min(moved.from) } else { from })
    }

    /// What had come due before a schedule was retired has its answer.
    fn retired(&self, moved: &Moved, wall: Timestamp) -> Result<(), Broken> {
        let known = self.schedules.get(&moved.id).ok_or("an unknown schedule")?;
        let rule = known.rules.last().ok_or("a schedule without a rule")?;
        match rule.calendar.rule().next_after(moved.to).filter(|due| *due <= wall) {
            Some(due) => Err(format!("{} was retired, and {due} has no answer", known.name)),
            None => Ok(()),
        }
    }

    fn check(&self, connection: &Connection, id: i64, from: Timestamp, is_whole: bool) -> Result<(), Broken> {
        let Some(known) = self.schedules.get(&id) else { return Ok(()) };
        let mut statement = connection.prepare_cached(STATE).map_err(said)?;
        let at = |micros: Option<i64>| micros.map(Timestamp::from_micros);
        let (cursor, after, until, next, retired): (i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>) =
            statement
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
                .map_err(said)?;
        let cursor = Timestamp::from_micros(cursor);
        let backlog = at(after).zip(at(until));
        let rule = known.rules.last().ok_or("a schedule without a rule")?;
        let planned = match rule.delay {
            Some(delay) => (!is_live(connection, id)?).then(|| cursor.plus(delay)),
            None => rule.calendar.next_after(cursor),
        };
        if retired.is_none() && at(next) != planned {
            return Err(format!("{} is not planned for its next due time after {cursor}", known.name));
        }
        if retired.is_none() && !rule.is_started {
            let mut statement = connection.prepare_cached(AHEAD).map_err(said)?;
            let n: i64 = statement.query_row([id, cursor.as_micros()], |row| row.get(0)).map_err(said)?;
            if n > 0 {
                return Err(format!("{} has {n} spans ahead of its cursor {cursor}", known.name));
            }
        }
        for (after, until, of) in &known.covered {
            let (after, until) = ((*after).max(from), (*until).min(cursor));
            let rule = &known.rules[*of];
            if after < until && !rule.is_started {
                let stretch =
                    Stretch { id, name: &known.name, calendar: &rule.calendar, after, until, backlog, is_whole };
                stretch.check(connection)?;
            }
        }
        Ok(())
    }
}

/// Whether a run of the schedule's job is live.
fn is_live(connection: &Connection, schedule: i64) -> Result<bool, Broken> {
    let mut statement = connection.prepare_cached(LIVE).map_err(said)?;
    statement.exists([schedule]).map_err(said)
}

fn is_of_this_revision(connection: &Connection, schedule: i64, due: Timestamp) -> Result<bool, Broken> {
    let mut statement = connection.prepare_cached(OF_THIS_REVISION).map_err(said)?;
    statement.exists([schedule, due.as_micros()]).map_err(said)
}

/// One stretch of one schedule, under one rule.
struct Stretch<'a> {
    id: i64,
    name: &'a str,
    calendar: &'a Calendar,
    after: Timestamp,
    until: Timestamp,
    backlog: Option<(Timestamp, Timestamp)>,
    is_whole: bool,
}

impl Stretch<'_> {
    fn check(&self, connection: &Connection) -> Result<(), Broken> {
        let mut answers: Vec<(Timestamp, Timestamp)> = Vec::new();
        let bounds = [self.id, self.after.as_micros(), self.until.as_micros()];
        let mut statement = connection.prepare_cached(STARTS).map_err(said)?;
        let mut rows = statement.query(bounds).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let due = Timestamp::from_micros(row.get(0).map_err(said)?);
            if !self.calendar.is_due_at(due) {
                if self.calendar.is_excluded(due) && is_of_this_revision(connection, self.id, due)? {
                    return Err(format!("{}: {due} started a run and is excluded", self.name));
                }
                // It may have started under the rule before, when the clock had not gone back yet.
                if !is_of_this_revision(connection, self.id, due)? {
                    continue;
                }
                return Err(format!("{}: {due} started a run and is no due time", self.name));
            }
            answers.push((due, due));
        }
        let mut statement = connection.prepare_cached(SPANS).map_err(said)?;
        let mut rows = statement.query(bounds).map_err(said)?;
        while let Some(row) = rows.next().map_err(said)? {
            let [first, last] = [0, 1].map(|column| row.get(column).map(Timestamp::from_micros));
            let (first, last) = (first.map_err(said)?, last.map_err(said)?);
            let (n, is_excluded) = (row.get::<_, i64>(2).map_err(said)?, row.get(3).map_err(said)?);
            self.counted(first, last, n.cast_unsigned(), is_excluded)?;
            answers.push((first.max(self.after.plus(MICROSECOND)), last.min(self.until)));
        }
        if let Some((after, until)) = self.backlog {
            let (first, last) = (after.max(self.after).plus(MICROSECOND), until.min(self.until));
            if first <= last {
                answers.push((first, last));
            }
        }
        self.cover(answers)
    }

    /// A span begins and ends at due times, and counts them.
    fn counted(&self, first: Timestamp, last: Timestamp, n: u64, is_excluded: bool) -> Result<(), Broken> {
        if first <= self.after || last > self.until {
            return Ok(());
        }
        let before = first.minus(MICROSECOND);
        let alike = self.calendar.stretch(before, last);
        if alike.is_none_or(|alike| alike.is_excluded != is_excluded || alike.until < last) {
            return Err(format!(
                "{}: the span from {first} to {last} is not what it says (excluded: {is_excluded})",
                self.name
            ));
        }
        let rule = self.calendar.rule();
        let count = rule.count(before, last, MAX_COUNTED);
        let is_right = if count < MAX_COUNTED { n == count } else { n >= count };
        let is_due = rule.is_due_at(first) && rule.is_due_at(last);
        if is_right && is_due {
            return Ok(());
        }
        Err(format!("{}: the span from {first} to {last} says {n} due times, and there are {count}", self.name))
    }

    /// The answers do not overlap, and leave no due time out.
    fn cover(&self, mut answers: Vec<(Timestamp, Timestamp)>) -> Result<(), Broken> {
        answers.sort_unstable();
        if let Some(pair) = answers.windows(2).find(|pair| pair[1].0 <= pair[0].1) {
            return Err(format!("{}: {} has more than one answer", self.name, pair[1].0));
        }
        let mut at = self.after;
        for (first, last) in answers.into_iter().chain([(self.until.plus(MICROSECOND), self.until)]) {
            if let Some(lost) = self.calendar.rule().next_after(at).filter(|due| *due < first && *due <= self.until) {
                let scope = if self.is_whole { "at the end" } else { "after this step" };
                return Err(format!("{}: {lost} has no answer {scope}", self.name));
            }
            at = last;
        }
        Ok(())
    }
}

fn moved(connection: &Connection) -> Result<Vec<Moved>, Broken> {
    let mut statement = connection.prepare_cached(MOVED).map_err(said)?;
    let rows = statement.query_map([], |row| {
        Ok(Moved {
            id: row.get(0)?,
            job: row.get(1)?,
            body: row.get(2)?,
            from: Timestamp::from_micros(row.get(3)?),
            to: Timestamp::from_micros(row.get(4)?),
            after: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
            was_retired: row.get(6)?,
            is_retired: row.get(7)?,
        })
    });
    rows.map_err(said)?.collect::<Result<_, _>>().map_err(said)
}

/// Takes (after, until] out of the stretches.
fn cut(covered: &mut Vec<(Timestamp, Timestamp, usize)>, after: Timestamp, until: Timestamp) {
    let mut kept = Vec::with_capacity(covered.len());
    for (from, to, rule) in covered.drain(..) {
        if from < after {
            kept.push((from, to.min(after), rule));
        }
        if to > until {
            kept.push((from.max(until), to, rule));
        }
    }
    kept.retain(|(from, to, _)| from < to);
    *covered = kept;
}
