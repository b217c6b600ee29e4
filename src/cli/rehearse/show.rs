//! Tells of a rehearsal: a line for each thing that happens, times in the zone of the schedule, and a table at the end; or
//! one JSON object a line, whose shape is `docs/guide/rehearse.md`'s.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::ctl::{self, View};
use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;
use crate::print;
use crate::query::why::meaning;
use crate::sim::{Moment, Obstacle, Rehearsal, Tally, What};
use crate::tzdb::Tzdb;

/// How wide the words for what happens are.
const VERB: usize = 6;
const TABLE: &[&str] = &["job", "runs", "failed", "cancelled", "skipped", "at once", "longest wait"];

/// Tells it in one form.
pub(super) struct Show {
    json: bool,
    zones: Arc<Tzdb>,
    view: View,
}

impl Show {
    /// To people, in the zone of this machine where a schedule has none, or as JSON.
    pub(super) fn new(json: bool, zones: Arc<Tzdb>, view: View) -> Self {
        Show { json, zones, view }
    }

    /// A job that is due when something starts, which nothing does in a rehearsal.
    pub(super) fn not_due(&mut self, job: &str, rule: &str) {
        match self.json {
            true => print::data(&line(&json!({ "type": "not_due", "job": job, "rule": rule }))),
            false => print::talk(&format!("note: `{job}` is due at `{rule}`, which does not come in a rehearsal")),
        }
    }

    /// A job with a command that is asked before each run, which no rehearsal runs.
    pub(super) fn not_asked(&mut self, job: &str) {
        match self.json {
            true => print::data(&line(&json!({ "type": "not_asked", "job": job }))),
            false => {
                print::talk(&format!(
                    "note: the precondition of `{job}` is a command; in a rehearsal it says yes at once"
                ));
            }
        }
    }

    /// All that happened.
    pub(super) fn all(&self, rehearsal: &Rehearsal) {
        let mut text = String::new();
        for moment in &rehearsal.moments {
            text.push_str(&if self.json { line(&self.as_json(moment)) } else { self.as_line(moment) });
        }
        if self.json {
            for (job, tally) in &rehearsal.tallies {
                text.push_str(&line(&summary(job, tally)));
            }
        } else {
            let rows = rehearsal.tallies.iter().map(|(job, tally)| cells(job, tally));
            let gap = if rehearsal.moments.is_empty() { "" } else { "\n" };
            text.push_str(gap);
            text.push_str(&ctl::table(TABLE, rows, &self.view));
        }
        print::data(&text);
    }

    fn zone(&self, moment: &Moment) -> TimeZone {
        let named = moment.timezone.as_deref().and_then(|name| self.zones.get(name));
        named.unwrap_or_else(|| self.view.zone.clone())
    }

    fn as_line(&self, moment: &Moment) -> String {
        let zone = self.zone(moment);
        let local = |at: Timestamp| local(whole_second(at), &zone);
        let (verb, rest) = match &moment.what {
            What::Started { cause, waited, obstacles, .. } => {
                ("start", format!(" ({cause}){}", wait(*waited, obstacles)))
            }
            What::TaskWaited { task, waited, obstacles } => ("task", format!(" `{task}`{}", wait(*waited, obstacles))),
            What::Ended { state, outcome, error } => {
                let why = error.as_ref().unwrap_or(outcome);
                (if state == "failed" { "fail" } else { "cancel" }, format!(": {why}"))
            }
            What::Skipped { last, n, reason } => {
                let many = match n {
                    1 => String::new(),
                    n => format!("{n} due times until {}, ", local(*last)),
                };
                let meaning = reason.parse().map_or("", meaning);
                ("skip", format!(": {many}{reason}: {meaning}"))
            }
            What::Waits { since, obstacles } => ("waits", format!(" since {}{}", local(*since), words(obstacles))),
        };
        let number = moment.number.map(|number| format!("#{number}")).unwrap_or_default();
        format!("{}  {verb:<VERB$}  {}{number}{rest}\n", local(moment.at), moment.job)
    }

    fn as_json(&self, moment: &Moment) -> Value {
        let zone = self.zone(moment);
        let local = |at: Timestamp| local(at, &zone);
        let (kind, rest) = match &moment.what {
            What::Started { cause, due_at, waited, obstacles } => (
                "start",
                json!({ "cause": cause, "due_at": due_at.map(local), "waited_ms": waited.as_millis(), "waited_for": named(obstacles) }),
            ),
            What::TaskWaited { task, waited, obstacles } => {
                ("task", json!({ "task": task, "waited_ms": waited.as_millis(), "waited_for": named(obstacles) }))
            }
            What::Ended { state, outcome, error } => {
                ("end", json!({ "state": state, "outcome": outcome, "error": error }))
            }
            What::Skipped { last, n, reason } => {
                ("skip", json!({ "reason": reason, "n": n, "last_due_at": local(*last) }))
            }
            What::Waits { since, obstacles } => {
                ("waits", json!({ "since": local(*since), "waits_for": named(obstacles) }))
            }
        };
        let mut object = json!({ "type": kind, "at": local(moment.at), "job": moment.job });
        if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
            object.extend(moment.number.map(|number| ("number".to_owned(), number.into())));
            object.extend(rest);
        }
        object
    }
}

fn line(object: &Value) -> String {
    format!("{object}\n")
}

/// People are not told how long a process takes to heed TERM.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().div_euclid(1_000_000) * 1_000_000)
}

/// RFC 3339 in that zone, with its offset.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(instant) => instant.display_with_offset(zone.to_offset(instant)).to_string(),
        Err(_) => at.to_string(),
    }
}

fn wait(waited: Duration, obstacles: &[Obstacle]) -> String {
    match waited {
        Duration::ZERO => String::new(),
        _ => format!(", waited {waited}{}", words(obstacles)),
    }
}

fn words(obstacles: &[Obstacle]) -> String {
    let mut text = String::new();
    for (at, obstacle) in obstacles.iter().enumerate() {
        let gap = if at == 0 { " for " } else { ", then " };
        write!(text, "{gap}{obstacle}").expect("because a String takes everything");
    }
    text
}

fn named(obstacles: &[Obstacle]) -> Value {
    let one = |obstacle: &Obstacle| match obstacle {
        Obstacle::Overlap(policy) => json!({ "kind": "overlap", "policy": policy }),
        Obstacle::MaxTasks(size) => json!({ "kind": "max_tasks", "size": size }),
        Obstacle::Pool { name, used, size } => json!({ "kind": "pool", "name": name, "used": used, "size": size }),
        Obstacle::Turn => json!({ "kind": "turn" }),
    };
    obstacles.iter().map(one).collect()
}

fn cells(job: &str, tally: &Tally) -> Vec<String> {
    let skipped: Vec<String> = tally.skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let runs = match tally.n_waiting {
        0 => tally.n_runs.to_string(),
        n => format!("{}, {n} waiting", tally.n_runs),
    };
    vec![
        job.to_owned(),
        runs,
        tally.n_failed.to_string(),
        tally.n_cancelled.to_string(),
        or_none(skipped.join(", ")),
        tally.most_at_once.to_string(),
        or_none(if tally.longest_wait == Duration::ZERO { String::new() } else { tally.longest_wait.to_string() }),
    ]
}

fn summary(job: &str, tally: &Tally) -> Value {
    json!({
        "type": "job", "job": job, "runs": tally.n_runs, "failed": tally.n_failed, "cancelled": tally.n_cancelled,
        "waiting": tally.n_waiting, "skipped": tally.skipped, "most_at_once": tally.most_at_once,
        "longest_wait_ms": tally.longest_wait.as_millis(),
    })
}
