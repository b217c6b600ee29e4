//! `campanile check --diff`: which due times the files would add and take away where a daemon has others in force, and
//! where they want more of a pool than there is. The daemon is asked over its socket for its jobs and their rules, and is told
//! nothing.
//!
//! A file stands for its jobs alone. A folder stands for all jobs that the daemon has from it, so that one whose file is gone
//! is told as gone; a folder that the daemon has nothing from stands for the one that it has everything from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Check;
use super::forecast::{self, Difference, Due, Rules, Times};
use super::pools::{self, Contention, Taker};
use crate::ctl::{self, Failure, View};
use crate::model::definition::{self, Schedule};
use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;
use crate::print;
use crate::wire::{self, code};

/// How many due times of a kind people are shown, and how many instants of a pool.
const MAX_SHOWN: usize = 5;
/// So many due times of a job that takes from pools are looked at.
const MAX_DUE: usize = 100_000;

/// How it is asked.
pub(super) struct Asked {
    pub(super) days: u16,
    pub(super) socket: Option<PathBuf>,
    pub(super) json: bool,
}

/// Does it, and returns the exit code.
pub(super) fn main(check: &Check, asked: Asked) -> u8 {
    let json = asked.json;
    match compare(check, asked) {
        Ok(forecast) => {
            forecast.notes.iter().for_each(|note| print::talk(&format!("note: {note}")));
            print::data(&if json { forecast.as_json() } else { forecast.as_lines() });
            if forecast.changes.is_empty() {
                let until = forecast.view.local(forecast.until);
                print::talk(&format!("no due time until {until} changes"));
            }
            code::DONE
        }
        Err(failure) => failure.tell(),
    }
}

/// What becomes of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    New,
    Changed,
    Gone,
}

impl Fate {
    fn as_str(self) -> &'static str {
        match self {
            Fate::New => "new",
            Fate::Changed => "changed",
            Fate::Gone => "gone",
        }
    }
}

/// What is found out.
struct Forecast {
    view: View,
    until: Timestamp,
    changes: Vec<(String, Fate, Difference)>,
    contentions: Vec<Contention>,
    notes: Vec<String>,
}

fn compare(check: &Check, asked: Asked) -> Result<Forecast, Failure> {
    let in_force = ctl::jobs_in_force(asked.socket)?;
    let from = check.now;
    let until = from.plus(Duration::from_secs(i64::from(asked.days) * 86_400));
    let view = View::here(from);
    let mut forecast = Forecast { view, until, changes: Vec::new(), contentions: Vec::new(), notes: Vec::new() };
    if check.pools.is_none() {
        let why = "no campanile.toml was found: the files are read without its `timezone` and `[defaults]`; name it beside them";
        forecast.notes.push(why.to_owned());
    }
    let gone = gone(check, &in_force, &mut forecast.notes);
    let before: BTreeMap<&str, &wire::Job> = in_force.iter().map(|job| (job.name.as_str(), job)).collect();
    let zones = &check.ambient.tzdb;
    let unreadable = |why: String| Failure::new(code::FAILED, why);
    let mut takers = Vec::new();
    for found in &check.jobs {
        let (name, job) = (found.name.as_str(), &found.definition);
        let old_job = before.get(name).copied();
        let old = old_job.map_or(Ok(Rules::default()), |job| rules_of(job, zones))?;
        // What a file pauses is due and starts nothing.
        let schedules = if job.enabled { job.schedules.as_slice() } else { &[] };
        let left = left(job.ends_after, old_job.map_or(0, |job| job.n_scheduled));
        let new = Rules::new(name, schedules, left, zones).map_err(unreadable)?;
        let difference = forecast::compare(&old, &new, from, until);
        if let Some(mut taker) = Taker::new(name, job, old_job.and_then(lasted)) {
            taker.due = new.due_times(from, until).map(|(at, _)| at).take(MAX_DUE).collect();
            taker.added = difference.added.first.iter().map(|due| due.at).collect();
            takers.push(taker);
        }
        let fate = if old_job.is_some() { Fate::Changed } else { Fate::New };
        if fate == Fate::New || !difference.is_none() {
            forecast.changes.push((name.to_owned(), fate, difference));
        }
    }
    for job in gone {
        let difference = forecast::compare(&rules_of(job, zones)?, &Rules::default(), from, until);
        forecast.changes.push((job.name.clone(), Fate::Gone, difference));
    }
    forecast.changes.sort_by(|one, other| one.0.cmp(&other.0));
    forecast.contentions = check.pools.as_ref().map_or_else(Vec::new, |sizes| pools::contentions(&takers, sizes));
    Ok(forecast)
}

/// How many due times are left of a job whose schedules end after so many.
fn left(ends_after: Option<u32>, n_scheduled: u64) -> Option<u64> {
    ends_after.map(|n| u64::from(n).saturating_sub(n_scheduled))
}

/// The rules by which a daemon starts a job.
fn rules_of(job: &wire::Job, zones: &crate::tzdb::Tzdb) -> Result<Rules, Failure> {
    let failure = |why: String| {
        Failure::new(code::FAILED, format!("the schedules of `{}` cannot be read: {why}", job.name))
            .hint("`campanile --version` and `campanile ctl status` say whether both are of one version")
    };
    if !job.enabled {
        return Ok(Rules::default());
    }
    let read = |schedule: &wire::job::Schedule| {
        let told = schedule.definition.as_ref().ok_or_else(|| failure("the daemon does not tell them".to_owned()))?;
        definition::from_canonical::<Schedule>(&told.to_string()).map_err(|error| failure(error.to_string()))
    };
    let schedules: Vec<Schedule> = job.schedules.iter().map(read).collect::<Result<_, _>>()?;
    Rules::new(&job.name, &schedules, left(job.ends_after, job.n_scheduled), zones).map_err(failure)
}

/// How long the latest run took, if it completed.
fn lasted(job: &wire::Job) -> Option<Duration> {
    let run = job.last_run.as_ref().filter(|run| run.state == "completed")?;
    Some(run.ended_at?.since(run.started_at?))
}

/// The jobs in force whose files are not among those that were checked and would be.
fn gone<'j>(check: &Check, in_force: &'j [wire::Job], notes: &mut Vec<String>) -> Vec<&'j wire::Job> {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = |job: &wire::Job| canonical(Path::new(&job.source).parent().unwrap_or(Path::new("")));
    let found: BTreeSet<&str> = check.jobs.iter().map(|job| job.name.as_str()).collect();
    let checked: BTreeSet<PathBuf> = check.folders.iter().map(|folder| canonical(folder)).collect();
    let theirs: BTreeSet<PathBuf> = in_force.iter().map(folder).collect();
    let missing = in_force.iter().filter(|job| !found.contains(job.name.as_str()));
    if checked.is_empty() || theirs.is_empty() {
        return Vec::new();
    }
    if !theirs.is_disjoint(&checked) {
        return missing.filter(|job| checked.contains(&folder(job))).collect();
    }
    match theirs.iter().next() {
        Some(only) if theirs.len() == 1 => {
            notes.push(format!("compared with `{}`, where the daemon has its jobs from", only.display()));
            missing.collect()
        }
        _ => {
            notes.push("the daemon has no job from there: what is missing there is not taken for gone".to_owned());
            Vec::new()
        }
    }
}

impl Forecast {
    fn as_lines(&self) -> String {
        let mut text = String::new();
        for (job, fate, difference) in &self.changes {
            let Difference { added, removed, starts_added, starts_removed, cut_at } = difference;
            match fate {
                Fate::New => text.push_str(&format!("+ {job}: a new job\n")),
                Fate::Gone => text.push_str(&format!("- {job}: its file is gone\n")),
                Fate::Changed => {}
            }
            starts_added.iter().for_each(|rule| text.push_str(&format!("+ {job} {rule}\n")));
            text.push_str(&lines('+', job, added));
            starts_removed.iter().for_each(|rule| text.push_str(&format!("- {job} {rule}\n")));
            text.push_str(&lines('-', job, removed));
            if let Some(at) = cut_at {
                text.push_str(&format!(
                    "! {job}: compared until {} only, there are too many due times\n",
                    self.view.local(*at)
                ));
            }
        }
        let mut n_shown: BTreeMap<&str, usize> = BTreeMap::new();
        for one in &self.contentions {
            let n = n_shown.entry(&one.pool).or_default();
            *n += 1;
            if *n <= MAX_SHOWN {
                text.push_str(&contention(one, &self.view));
            }
        }
        for (pool, n) in n_shown.into_iter().filter(|(_, n)| *n > MAX_SHOWN) {
            text.push_str(&format!("! pool `{pool}`: at {} more instants\n", n - MAX_SHOWN));
        }
        text
    }

    fn as_json(&self) -> String {
        let mut text = String::new();
        for (job, fate, difference) in &self.changes {
            let Difference { added, removed, starts_added, starts_removed, cut_at } = difference;
            let object = json!({
                "type": "job", "job": job, "change": fate.as_str(),
                "n_added": added.n, "added": added.first.iter().map(due).collect::<Vec<_>>(),
                "n_removed": removed.n, "removed": removed.first.iter().map(due).collect::<Vec<_>>(),
                "starts_added": starts_added, "starts_removed": starts_removed,
                "compared_until": cut_at.unwrap_or(self.until).to_string(),
            });
            text.push_str(&format!("{object}\n"));
        }
        for Contention { pool, at, size, wanted } in &self.contentions {
            let at = at.to_string();
            let object = json!({ "type": "pool", "pool": pool, "at": at, "size": size, "wanted": wanted });
            text.push_str(&format!("{object}\n"));
        }
        text
    }
}

fn lines(sign: char, job: &str, times: &Times) -> String {
    let mut text = String::new();
    for Due { shown, note, .. } in times.first.iter().take(MAX_SHOWN) {
        let note = note.as_ref().map(|note| format!("  # {note}")).unwrap_or_default();
        text.push_str(&format!("{sign} {job} {shown}{note}\n"));
    }
    let n_shown = MAX_SHOWN.min(times.first.len()) as u64;
    if let Some(last) = times.last().filter(|_| times.n > n_shown) {
        text.push_str(&format!("{sign} {job} and {} more until {}\n", times.n - n_shown, last.shown));
    }
    // Where the clock changes is worth a line of its own, however many there are.
    let shifted = times.first.iter().skip(MAX_SHOWN).filter_map(|due| Some((due, due.note.as_ref()?)));
    for (due, note) in shifted.take(MAX_SHOWN) {
        text.push_str(&format!("{sign} {job} of these {}  # {note}\n", due.shown));
    }
    text
}

fn contention(Contention { pool, at, size, wanted }: &Contention, view: &View) -> String {
    let at = view.local(*at);
    let jobs: Vec<String> = wanted.iter().map(|(job, weight)| format!("{job} {weight}")).collect();
    let sum: u64 = wanted.values().map(|weight| u64::from(*weight)).sum();
    format!("! pool `{pool}` {at}: {sum} of {size} wanted, by {}\n", jobs.join(", "))
}

fn due(due: &Due) -> Value {
    json!({ "at": due.shown, "utc": due.at.to_string(), "note": due.note })
}
