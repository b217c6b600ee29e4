//! Brings the store to what the files say: new and changed jobs get a revision, schedules keep their cursors where their
//! keys are kept, jobs whose files are gone are retired, and files that cannot be read leave what they defined in force.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use crate::engine::answer::Due;
use crate::engine::cache::Defined;
use crate::engine::input::{InvalidFile, Load, Loaded, LoadedJob};
use crate::engine::observed::Observed;
use crate::engine::work::{Subject, Work};
use crate::engine::{answer, gate, step};
use crate::model::definition::{CatchUp, Schedule, Timing};
use crate::model::event::EventType;
use crate::model::id::{JobId, ScheduleId};
use crate::model::invalid::Problem;
use crate::model::outcome::Reason;
use crate::model::time::catch_up::Span;
use crate::store::job::JobRow;
use crate::store::ledger;
use crate::store::schedule::ScheduleRow;
use crate::store::{StoreError, backfill, delivery, fact, hook, invalid_file, job, pool, read_file, schedule};

/// Applies a load.
pub(super) fn load(work: &mut Work<'_>, load: &Load) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded { n_invalid: load.invalid.len(), ..Loaded::default() };
    set_hooks(work, load)?;
    if let Some(limits) = load.limits {
        work.session.limits = Some(limits);
        fact::change(work.tx, "max_tasks", &limits.max_tasks.to_string())?;
    }
    if let Some(pools) = &load.pools {
        pool::resize(work.tx, pools)?;
        work.cache.queue.resize(pools);
    }
    let mut before: BTreeMap<String, JobRow> =
        job::all(work.tx)?.into_iter().map(|row| (row.name.clone(), row)).collect();
    for name in &load.unchanged {
        if before.remove(name.as_str()).is_some_and(|row| !row.is_retired) {
            loaded.n_unchanged += 1;
        } else {
            loaded.unknown.push(name.clone());
        }
    }
    for read in &load.jobs {
        let existing = before.remove(read.name.as_str());
        let mut is_changed = None;
        step::guarded(work, step::Culprit::Command, |work| {
            is_changed = Some(set_job(work, read, existing.as_ref())?);
            Ok(())
        })?;
        match is_changed {
            Some(true) => loaded.changed.push(read.name.to_string()),
            Some(false) => loaded.n_unchanged += 1,
            // Whoever reads files must not take it for known.
            None => loaded.unknown.push(read.name.clone()),
        }
    }
    let hidden = Hidden::of(&load.invalid);
    let kept: HashSet<&str> = load.invalid.iter().filter_map(|file| Some(file.job.as_ref()?.as_str())).collect();
    for row in before.into_values().filter(|_| !load.is_incomplete) {
        if !row.is_retired && !kept.contains(row.name.as_str()) && !hidden.may_hold(&row.source, &row.name) {
            step::guarded(work, step::Culprit::Command, |work| retire(work, &row))?;
            loaded.retired.push(row.name);
        }
    }
    set_invalid(work, &load.invalid)?;
    read_file::set(work.tx, &load.files)?;
    if !loaded.unknown.is_empty() {
        read_file::forget_all(work.tx)?;
    }
    mend(work)?;
    work.session.is_loaded = true;
    work.observe(Observed::Loaded { is_whole: load.invalid.is_empty() && !load.is_incomplete });
    refresh_zones(work)?;
    if load.at_start {
        start_of_daemon(work)?;
    }
    loaded.changed.sort();
    loaded.retired.sort();
    Ok(loaded)
}

/// What files that cannot be read may define still, by path: any job, or those whose names begin with one of these. One
/// bad job of a file that defines several hides none of the others.
struct Hidden<'a>(HashMap<&'a str, HashSet<Option<&'a str>>>);

impl<'a> Hidden<'a> {
    fn of(files: &'a [InvalidFile]) -> Self {
        let mut hidden: HashMap<_, HashSet<_>> = HashMap::new();
        for file in files {
            hidden.entry(file.path.as_str()).or_default().insert(file.job.as_ref().map(|job| job.as_str()));
        }
        Hidden(hidden)
    }

    fn may_hold(&self, path: &str, name: &str) -> bool {
        self.0.get(path).is_some_and(|of| {
            of.contains(&None) || name.match_indices('.').any(|(at, _)| of.contains(&Some(&name[..at])))
        })
    }
}

fn set_hooks(work: &mut Work<'_>, load: &Load) -> Result<(), StoreError> {
    let mut hooks = Vec::with_capacity(load.hooks.len());
    for one in &load.hooks {
        hooks.push((hook::intern(work.tx, one)?, Arc::new(one.clone())));
    }
    let ids: Vec<String> = hooks.iter().map(|(id, _)| id.to_string()).collect();
    let ids = ids.join(" ");
    if fact::get(work.tx, "hooks")?.unwrap_or_default() != ids {
        fact::set(work.tx, "hooks", &ids)?;
    }
    work.session.hooks = hooks;
    Ok(())
}

/// `true` if the job has a new revision.
fn set_job(work: &mut Work<'_>, read: &LoadedJob, existing: Option<&JobRow>) -> Result<bool, StoreError> {
    let now = work.now.wall;
    let defined = work.cache.define(work.tx, read.definition.clone())?;
    let id = match existing {
        Some(row) if row.definition_id == defined.id && !row.is_retired => {
            if row.source != read.source {
                job::set_source(work.tx, row.id, &read.source)?;
            }
            job::set_origins(work.tx, row.id, &read.origins)?;
            return Ok(false);
        }
        Some(row) => {
            job::revise(work.tx, row, defined.id, &read.source, now)?;
            row.id
        }
        None => job::insert(work.tx, read.name.as_str(), defined.id, &read.source, now)?,
    };
    job::set_origins(work.tx, id, &read.origins)?;
    work.cache.job_names.entry(id).or_insert_with(|| read.name.as_str().into());
    let row = job::get(work.tx, id)?;
    let data = json!({ "revision": row.revision, "source": row.source });
    let subject = Subject { job: Some(&row.name), defined: Some(&defined), ..Subject::default() };
    work.record(EventType::JobLoaded, subject, data)?;
    set_schedules(work, &row, &defined)?;
    work.cache.stir(Some(id));
    Ok(true)
}

fn set_schedules(work: &mut Work<'_>, job: &JobRow, defined: &Defined) -> Result<(), StoreError> {
    let mut before: BTreeMap<String, ScheduleRow> =
        schedule::of_job(work.tx, job.id)?.into_iter().map(|row| (row.key.clone(), row)).collect();
    // Schedules that have started all that they may stay as they are.
    let wanted: &[Schedule] = if gate::has_ended(&defined.job, job) { &[] } else { &defined.job.schedules };
    for wanted in wanted {
        let id = match before.remove(&wanted.key()) {
            None => {
                let id = schedule::insert(work.tx, job.id, wanted, work.now.wall)?;
                note_past(work, job, id, wanted)?;
                id
            }
            Some(row) => {
                let id = row.id;
                if row.is_retired {
                    if row.cursor_at > work.now.wall {
                        answer::return_to_now(work, id)?;
                    }
                    schedule::revive(work.tx, id, wanted, work.now.wall)?;
                } else if row.schedule != *wanted {
                    revise(work, job, row, wanted)?;
                }
                id
            }
        };
        replan(work, id)?;
    }
    for row in before.into_values().filter(|row| !row.is_retired) {
        retire_schedule(work, job, row)?;
    }
    Ok(())
}

/// An edit that keeps the key keeps the cursor; what was to be caught up under another rule is not.
fn revise(work: &mut Work<'_>, job: &JobRow, mut row: ScheduleRow, wanted: &Schedule) -> Result<(), StoreError> {
    let is_same_rule = row.schedule.rule() == wanted.rule();
    let gives_up = row.backlog.is_some() && wanted.catch_up == CatchUp::None;
    if gives_up || !is_same_rule && (row.backlog.is_some() || row.schedule.excludes()) {
        let from = row.cursor_at;
        let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
        answer::close_backlog(work, job, &mut row, &calendar, Reason::Retired)?;
        answer::settle_excluded(work, job, &mut row, &calendar)?;
        schedule::advance(work.tx, from, &row)?;
    }
    schedule::revise(work.tx, row.id, wanted)
}

/// An instant that had passed before it was first seen never fires, and that is recorded.
fn note_past(work: &mut Work<'_>, job: &JobRow, id: ScheduleId, wanted: &Schedule) -> Result<(), StoreError> {
    let Timing::At { at } = wanted.timing else { return Ok(()) };
    if at > work.now.wall {
        return Ok(());
    }
    let row = schedule::get(work.tx, id)?;
    let calendar = work.cache.calendar(work.settings, wanted, &job.name)?;
    answer::skip(work, job, &row, &calendar, Span { first: at, last: at, n: 1, reason: Reason::MissedWindow })
}

/// Finds out anew when a schedule is due next.
fn replan(work: &mut Work<'_>, id: ScheduleId) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    if let Some(next) = row.next_at {
        work.cache.due.remove(&(next, id));
    }
    let name = work.cache.job_names.get(&row.job_id).cloned().unwrap_or_default();
    let calendar = work.cache.calendar_of(work.settings, &row, &name)?;
    answer::plan(work, &mut row, &calendar)?;
    if let Some(next) = row.next_at {
        work.cache.due.insert((next, id));
    }
    schedule::advance(work.tx, row.cursor_at, &row)
}

/// The schedules of the job have started all that they may.
pub(crate) fn end_schedules(work: &mut Work<'_>, id: JobId) -> Result<(), StoreError> {
    let row = job::get(work.tx, id)?;
    for schedule in schedule::of_job(work.tx, id)?.into_iter().filter(|schedule| !schedule.is_retired) {
        retire_schedule(work, &row, schedule)?;
    }
    Ok(())
}

fn retire_schedule(work: &mut Work<'_>, job: &JobRow, mut row: ScheduleRow) -> Result<(), StoreError> {
    if let Some(next) = row.next_at {
        work.cache.due.remove(&(next, row.id));
    }
    close(work, job, &mut row, Reason::Retired)?;
    schedule::retire(work.tx, row.id, work.now.wall)
}

/// Answers what the schedule leaves open: its backlog, and what has come due and was not looked at yet.
fn close(work: &mut Work<'_>, job: &JobRow, row: &mut ScheduleRow, reason: Reason) -> Result<(), StoreError> {
    let now = work.now.wall;
    let is_due = row.next_at.is_some_and(|next| next <= now) || row.schedule.excludes();
    if row.backlog.is_none() && !is_due {
        return Ok(());
    }
    let from = row.cursor_at;
    let Ok(calendar) = work.cache.calendar_of(work.settings, row, &job.name) else {
        // Its zone is gone, and with it the due times that would have to be answered.
        work.cache.set_backlog(job.id, row.id, false);
        row.backlog = None;
        return schedule::advance(work.tx, from, row);
    };
    answer::close_backlog(work, job, row, &calendar, reason)?;
    while is_due && !answer::skip_until(work, job, row, &calendar, now, reason)? {}
    schedule::advance(work.tx, from, row)
}

fn retire(work: &mut Work<'_>, row: &JobRow) -> Result<(), StoreError> {
    job::retire(work.tx, row.id, work.now.wall)?;
    work.cache.stir(Some(row.id));
    for schedule in schedule::of_job(work.tx, row.id)?.into_iter().filter(|schedule| !schedule.is_retired) {
        retire_schedule(work, row, schedule)?;
    }
    // A definition that cannot be read must not keep its job, and with it every load, from being retired.
    let defined = work.cache.defined(work.tx, row.definition_id).ok();
    let subject = Subject { job: Some(&row.name), defined: defined.as_deref(), ..Subject::default() };
    work.record(EventType::JobRetired, subject, json!({ "source": row.source }))?;
    answer::cancel_queued(work, row, "its file was removed")
}

fn set_invalid(work: &mut Work<'_>, files: &[InvalidFile]) -> Result<(), StoreError> {
    let mut before: BTreeMap<String, String> = invalid_file::all(work.tx)?.into_iter().collect();
    for (path, (job, found)) in by_path(files) {
        let problems = serde_json::to_string(&found)
            .map_err(|error| StoreError::unreadable(format!("the problems of {path}"), error))?;
        if before.remove(path).as_ref() == Some(&problems) {
            continue;
        }
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        let subject = Subject { job, ..Subject::default() };
        work.record(EventType::JobInvalid, subject, json!({ "path": path, "problems": lines }))?;
        invalid_file::set(work.tx, &[(path.to_owned(), problems)])?;
    }
    let mended: Vec<String> = before.into_keys().collect();
    invalid_file::forget(work.tx, &mended)
}

/// What is wrong with each file, and the job that it is wrong with if that is one.
fn by_path(files: &[InvalidFile]) -> BTreeMap<&str, (Option<&str>, Vec<&Problem>)> {
    let mut all: BTreeMap<&str, (Option<&str>, Vec<&Problem>)> = BTreeMap::new();
    let mut told: HashSet<(&str, &Problem)> = HashSet::new();
    for file in files {
        let job = file.job.as_ref().map(|name| name.as_str());
        let (of, problems) = all.entry(&file.path).or_insert((job, Vec::new()));
        *of = of.filter(|of| job == Some(*of));
        for problem in &file.problems {
            // What is wrong above several jobs is told for each of them.
            if told.insert((&file.path, problem)) {
                problems.push(problem);
            }
        }
    }
    all
}

/// Rows that the engine failed at have another chance: what was wrong may have been mended.
fn mend(work: &mut Work<'_>) -> Result<(), StoreError> {
    for id in std::mem::take(&mut work.session.broken_schedules) {
        step::guarded(work, step::Culprit::Schedule(id), |work| match schedule::get(work.tx, id)?.is_retired {
            true => Ok(()),
            false => replan(work, id),
        })?;
    }
    for id in std::mem::take(&mut work.session.broken_backfills) {
        step::guarded(work, step::Culprit::Backfill(id), |work| {
            let row = backfill::get(work.tx, id)?;
            work.cache.backfills.insert(row.job_id, id);
            Ok(())
        })?;
    }
    for id in std::mem::take(&mut work.session.broken_deliveries) {
        step::guarded(work, step::Culprit::Delivery(id), |work| {
            let row = delivery::get(work.tx, id)?;
            work.cache.delivery_entered(&row);
            Ok(())
        })?;
    }
    Ok(())
}

/// Next due times are kept in rows; when the zone data has changed they are found anew.
fn refresh_zones(work: &mut Work<'_>) -> Result<(), StoreError> {
    let version = work.settings.zones.version().unwrap_or("unknown").to_owned();
    if fact::get(work.tx, "tzdb")?.as_deref() == Some(version.as_str()) {
        return Ok(());
    }
    for due in schedule::due(work.tx)? {
        step::guarded(work, step::Culprit::Schedule(due.id), |work| replan(work, due.id))?;
    }
    fact::set(work.tx, "tzdb", &version)
}

/// `@start` is due now, and `@reboot` if the machine has booted since it was last seen.
fn start_of_daemon(work: &mut Work<'_>) -> Result<(), StoreError> {
    let boot = fact::get(work.tx, "boot_id")?;
    let seen = fact::get(work.tx, "boot_id_seen")?;
    let has_booted = seen.is_some() && seen != boot;
    for due in schedule::due(work.tx)?.into_iter().filter(|due| due.next_at.is_none()) {
        step::guarded(work, step::Culprit::Schedule(due.id), |work| start_one(work, due.id, has_booted))?;
    }
    match boot {
        Some(boot) => fact::set(work.tx, "boot_id_seen", &boot),
        None => Ok(()),
    }
}

fn start_one(work: &mut Work<'_>, id: ScheduleId, has_booted: bool) -> Result<(), StoreError> {
    let mut row = schedule::get(work.tx, id)?;
    let is_due = match row.schedule.timing {
        Timing::Start => true,
        Timing::Reboot => has_booted,
        Timing::Cron { .. }
        | Timing::Quartz { .. }
        | Timing::Every { .. }
        | Timing::AfterEnd { .. }
        | Timing::At { .. } => false,
    };
    // Two starts within one microsecond are one due time, and that has its answer.
    if !is_due || ledger::is_answered(work.tx, row.id, work.now.wall)? {
        return Ok(());
    }
    let mut job = job::get(work.tx, row.job_id)?;
    let calendar = work.cache.calendar_of(work.settings, &row, &job.name)?;
    let from = row.cursor_at;
    answer::start_or_skip(work, &mut job, &mut row, &calendar, Due::Met(work.now.wall))?;
    row.cursor_at = row.cursor_at.max(work.now.wall);
    schedule::advance(work.tx, from, &row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, job: Option<&str>, lines: &[u32]) -> InvalidFile {
        let problem = |line: &u32| Problem {
            path: "drop-in.toml".to_owned(),
            line: *line,
            column: 1,
            end_line: *line,
            end_column: 1,
            message: "wrong".to_owned(),
            hint: None,
        };
        let job = job.map(|job| job.parse().expect("because it is a name"));
        InvalidFile { path: path.to_owned(), job, problems: lines.iter().map(problem).collect() }
    }

    #[test]
    fn a_file_that_cannot_be_read_hides_its_own_jobs_and_no_others() {
        let files = [file("all.toml", Some("all"), &[]), file("b.toml", None, &[]), file("c.toml", Some("c.x"), &[])];
        let hidden = Hidden::of(&files);
        for (path, name, expected) in [
            ("all.toml", "all.x", true),
            ("all.toml", "all.x.y", true),
            ("all.toml", "allx.y", false),
            ("other.toml", "all.x", false),
            ("b.toml", "q", true),
            ("c.toml", "c.y", false),
            ("c.toml", "c.x.y", true),
        ] {
            assert_eq!(hidden.may_hold(path, name), expected, "{name} of {path}");
        }
    }

    #[test]
    fn what_is_wrong_above_several_jobs_is_told_once_for_each_file() {
        let files =
            [file("a.toml", Some("a.x"), &[1, 2]), file("a.toml", Some("a.y"), &[2, 3]), file("b.toml", None, &[2])];
        let told = by_path(&files);
        let lines = |path: &str| told[path].1.iter().map(|problem| problem.line).collect::<Vec<_>>();
        assert_eq!((lines("a.toml"), lines("b.toml")), (vec![1, 2, 3], vec![2]));
    }
}
