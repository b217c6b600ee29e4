//! Due times of the past are to be run, or no more of them. What is asked for is checked and counted at once; the runs come
//! one by one, by the pass of that name.

use serde_json::json;

use super::cancel::{Haste, cancel_run};
use crate::engine::backfill::{self, Ending};
use crate::engine::input::{Answer, Backfill};
use crate::engine::work::Work;
use crate::model::definition::Schedule;
use crate::model::event::EventType;
use crate::model::id::BackfillId;
use crate::model::refused::Refused;
use crate::model::state::BackfillState;
use crate::model::time::backfill::{Unfit, before, check, count};
use crate::store::backfill::{self as backfills, BackfillRow, Cursor};
use crate::store::{StoreError, job};

/// Has due times of the past run.
pub(super) fn begin(work: &mut Work<'_>, asked: &Backfill) -> Result<Result<Answer, Refused>, StoreError> {
    let Backfill { job: name, schedule, from, to, max_runs, by } = asked;
    let Some(row) = job::by_name(work.tx, name)? else {
        return Ok(Err(Refused::NotFound { what: "job", name: name.clone() }));
    };
    if row.is_retired {
        return Ok(Err(Refused::JobRetired { job: name.clone() }));
    }
    if work.session.is_draining {
        return Ok(Err(Refused::Stopping));
    }
    let unfit = |why: Unfit| Ok(Err(Refused::NotBackfilled { job: name.clone(), why }));
    if let Err(why) = check(*from, *to, work.now.wall, *max_runs, backfills::n_open(work.tx, row.id)?) {
        return unfit(why);
    }
    let defined = work.cache.defined(work.tx, row.definition_id)?;
    let chosen = match Schedule::chosen(&defined.job.schedules, schedule.as_deref()) {
        Ok(chosen) => chosen,
        Err(name) => return Ok(Err(Refused::NotFound { what: "schedule", name })),
    };
    let (mut sources, mut cursors) = (Vec::new(), Vec::new());
    for schedule in chosen {
        if let Some(source) = backfill::source(work, &row, schedule, (*from, *to))? {
            sources.push(source);
            cursors.push(Cursor { key: schedule.key(), at: before(*from) });
        }
    }
    let counted = match count(&sources, *from, *to) {
        Ok(counted) => counted,
        Err(why) => return unfit(why),
    };
    let new = BackfillRow {
        id: work.ids.backfill(),
        job_id: row.id,
        from: *from,
        to: *to,
        max_runs: *max_runs,
        state: BackfillState::Running,
        asked_at: work.now.wall,
        asked_by: by.clone(),
        n_due: counted.n_due,
        n_excluded: counted.n_excluded,
        n_live: 0,
        n_completed: 0,
        n_failed: 0,
        n_cancelled: 0,
        n_skipped: 0,
    };
    backfills::insert(work.tx, &new, &cursors)?;
    work.cache.backfills.insert(row.id, new.id);
    let keys: Vec<&str> = cursors.iter().map(|cursor| cursor.key.as_str()).collect();
    let data = json!({
        "backfill": new.id, "by": by, "from": from.to_string(), "to": to.to_string(), "schedules": keys,
        "max_runs": max_runs, "n_due": counted.n_due, "n_excluded": counted.n_excluded,
    });
    backfill::tell(work, EventType::BackfillStarted, &row, Some(&defined), data)?;
    Ok(Ok(Answer::Backfilled(new.id)))
}

/// Starts no more of it, and ends those of its runs that have not ended.
pub(super) fn cancel(work: &mut Work<'_>, id: BackfillId, by: &str) -> Result<Result<Answer, Refused>, StoreError> {
    let Some(mut row) = backfills::find(work.tx, id)? else {
        return Ok(Err(Refused::NotFound { what: "backfill", name: id.to_string() }));
    };
    if !backfill::end(work, &mut row, Ending::By(by))? {
        return Ok(Err(Refused::BackfillAlreadyEnded { backfill: id.short(), state: row.state.as_str() }));
    }
    for run in backfills::live_runs(work.tx, id)? {
        cancel_run(work, run, by, Haste::None)?;
    }
    Ok(Ok(Answer::Done))
}
