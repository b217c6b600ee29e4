//! One due time that lies ahead is skipped. It is remembered until it comes, and is then answered `by_user`.

use crate::engine::input::Answer;
use crate::engine::work::Work;
use crate::model::refused::Refused;
use crate::model::timestamp::Timestamp;
use crate::store::{StoreError, job, planned_skip, schedule};

/// Skips the due time `at` of the job, of each schedule that has it.
pub(super) fn skip(
    work: &mut Work<'_>,
    name: &str,
    at: Timestamp,
    by: &str,
) -> Result<Result<Answer, Refused>, StoreError> {
    let Some(row) = job::by_name(work.tx, name)? else {
        return Ok(Err(Refused::NotFound { what: "job", name: name.to_owned() }));
    };
    if row.is_retired {
        return Ok(Err(Refused::JobRetired { job: name.to_owned() }));
    }
    let (mut n_due, mut n_new, mut next) = (0, 0, None);
    for schedule in schedule::of_job(work.tx, row.id)?.into_iter().filter(|schedule| !schedule.is_retired) {
        let calendar = work.cache.calendar_of(work.settings, &schedule, name)?;
        if at > schedule.cursor_at && calendar.is_due_at(at) {
            n_due += 1;
            n_new += u32::from(planned_skip::insert(work.tx, schedule.id, at, by)?);
            work.cache.skips.insert((schedule.id, at));
        }
        let after = calendar.next_after(at.max(work.now.wall));
        next = [next, after].into_iter().flatten().min();
    }
    if n_new > 0 {
        planned_skip::prune(work.tx)?;
    }
    Ok(match (n_due, n_new) {
        (0, _) => Err(Refused::NotDue { job: name.to_owned(), at, next }),
        (_, 0) => Err(Refused::Already { what: format!("`{name}` at {at}"), state: "skipped" }),
        (_, _) => Ok(Answer::Done),
    })
}
