//! Backfills: due times of the past that somebody wants run. What one is told, when it ends, and which have not ended.
//!
//! A backfill is of schedules by their keys, as the definition in force has them: an edit that keeps a key has the rest of
//! it run by the new rule, and one that takes a schedule away ends it. Its runs come through the gate like all others, but
//! only when there is room (`pass::backfill`); the ledger, the cursors of schedules and what is counted of them know
//! nothing of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cache::Defined;
use super::work::{Subject, Work};
use crate::model::definition::Schedule;
use crate::model::event::EventType;
use crate::model::id::{BackfillId, JobId};
use crate::model::state::BackfillEvent;
use crate::model::time::backfill::Source;
use crate::model::timestamp::Timestamp;
use crate::store::backfill::{self, BackfillRow};
use crate::store::job::JobRow;
use crate::store::{StoreError, job};

/// The due times of a schedule of the job in [from, to); nothing for one that no clock tells.
pub(crate) fn source(
    work: &mut Work<'_>,
    job: &JobRow,
    schedule: &Schedule,
    (from, to): (Timestamp, Timestamp),
) -> Result<Option<Source>, StoreError> {
    let calendar = work.cache.calendar(work.settings, schedule, &job.name)?;
    if !calendar.rule().has_times() {
        return Ok(None);
    }
    let skipped = backfill::skipped(work.tx, job.id, &schedule.key(), from, to)?;
    Ok(Some(Source { calendar, skipped }))
}

/// Why a backfill ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending<'a> {
    /// Its last run has, and no due time is left.
    RunsEnded,
    /// This person cancels it.
    By(&'a str),
    /// What it is of is gone.
    Gone(&'a str),
}

/// Ends a backfill. `false` if it has ended.
pub(crate) fn end(work: &mut Work<'_>, row: &mut BackfillRow, ending: Ending<'_>) -> Result<bool, StoreError> {
    let (event, kind) = match ending {
        Ending::RunsEnded => (BackfillEvent::RunsEnded, EventType::BackfillCompleted),
        Ending::By(_) | Ending::Gone(_) => (BackfillEvent::Cancelled, EventType::BackfillCancelled),
    };
    let from = row.state;
    let Ok(to) = from.step(event) else { return Ok(false) };
    row.state = to;
    let (by, reason) = match ending {
        Ending::RunsEnded => (None, None),
        Ending::By(by) => (Some(by), None),
        Ending::Gone(reason) => (None, Some(reason)),
    };
    backfill::step(work.tx, from, row, work.now.wall, (by, reason))?;
    work.cache.backfills.remove(row.job_id, row.id);
    let mut data = json!({
        "backfill": row.id, "n_due": row.n_due, "n_live": row.n_live,
        "n_completed": row.n_completed, "n_failed": row.n_failed, "n_cancelled": row.n_cancelled,
        "n_skipped": row.n_skipped,
    });
    for (name, value) in [("by", by), ("reason", reason)] {
        if let Some(value) = value {
            data[name] = value.into();
        }
    }
    let job = job::get(work.tx, row.job_id)?;
    // A definition that cannot be read must not keep a backfill of it from being cancelled.
    let defined = work.cache.defined(work.tx, job.definition_id).ok();
    tell(work, kind, &job, defined.as_deref(), data)?;
    Ok(true)
}

/// Records what happened to a backfill of the job.
pub(crate) fn tell(
    work: &mut Work<'_>,
    kind: EventType,
    job: &JobRow,
    defined: Option<&Defined>,
    data: Value,
) -> Result<(), StoreError> {
    let subject = Subject { job: Some(&job.name), defined, ..Subject::default() };
    work.record(kind, subject, data)
}

/// Those that have not ended, by their jobs. One that has nothing to do is parked: only what may make room in its job has it
/// looked at again.
#[derive(Debug, Default)]
pub(crate) struct Backfills {
    open: BTreeSet<(JobId, BackfillId)>,
    stirred: BTreeSet<(JobId, BackfillId)>,
}

impl Backfills {
    /// These have not ended; each is looked at.
    pub(super) fn new(open: impl Iterator<Item = (JobId, BackfillId)>) -> Self {
        let open: BTreeSet<_> = open.collect();
        Backfills { stirred: open.clone(), open }
    }

    /// It has not ended, and is looked at.
    pub(crate) fn insert(&mut self, job: JobId, backfill: BackfillId) {
        self.open.insert((job, backfill));
        self.stirred.insert((job, backfill));
    }

    /// It has ended.
    fn remove(&mut self, job: JobId, backfill: BackfillId) {
        self.open.remove(&(job, backfill));
        self.stirred.remove(&(job, backfill));
    }

    /// Something has changed for the job, or for all. `true` if there is more to look at.
    pub(super) fn stir(&mut self, job: Option<JobId>) -> bool {
        let (lowest, highest) = (BackfillId::from_bytes([0; 16]), BackfillId::from_bytes([0xff; 16]));
        let (first, last) = (job.unwrap_or(JobId(i64::MIN)), job.unwrap_or(JobId(i64::MAX)));
        let n_before = self.stirred.len();
        self.stirred.extend(self.open.range((first, lowest)..=(last, highest)));
        self.stirred.len() > n_before
    }

    /// The next one to be looked at: of each job, the one that was asked for first. It is parked unless it is stirred again.
    pub(crate) fn next_stirred(&mut self) -> Option<BackfillId> {
        self.stirred.pop_first().map(|(_, id)| id)
    }

    /// Whether there are more of them.
    pub(crate) fn has_stirred(&self) -> bool {
        !self.stirred.is_empty()
    }
}
