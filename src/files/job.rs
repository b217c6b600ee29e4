//! Reads a job from the tree of its file, with every default filled in. The job's name is no part of it: that is the
//! file's name. What this version does not know yet is named as such and never ignored.

mod http;
mod param;
pub(super) mod pools;
mod precondition;
mod process;
mod schedule;
mod success;
pub(crate) mod task;
mod template;

use super::calendars::Calendars;
use super::hook;
use super::keys::{HOOK, JOB};
use super::reading::{Fields, Reading};
use super::syntax::Node;
use super::zones::Zones;
use crate::model::definition::{Job, Overlap, PoolSizes, Priority};
use crate::model::invalid::Fault;
use crate::model::template::{Scope, Tasks};
use crate::model::timestamp::Timestamp;
use precondition::Precondition;

/// How many live runs one job may ask for.
const MAX_RUNS: u32 = 1_000_000;
/// How many tags one job may have.
const MAX_TAGS: usize = 64;

/// What a job is read against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The job's name: `H` in an expression is spread by it.
    pub(crate) job: &'a str,
    /// Where zones come from.
    pub(crate) zones: Zones<'a>,
    /// The calendars that it may name.
    pub(crate) calendars: &'a Calendars,
    /// When it is read; only warnings depend on it.
    pub(crate) now: Timestamp,
    /// The pools of the configuration, where that is known.
    pub(crate) pools: Option<&'a PoolSizes>,
}

/// The job at `root`. It means nothing if `reading` has faults afterwards.
pub(crate) fn read(reading: &Reading<'_>, root: &Node, context: &Context<'_>) -> Option<Job> {
    let fields = Fields::open(reading, "the file", root, &JOB)?;
    let words = Overlap::ALL.map(|overlap| (overlap.as_str(), overlap));
    let priority = fields.integer("priority", 1..=9).and_then(Priority::new);
    let params = param::read(&fields);
    let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
    let schedules = schedule::read(&fields, context);
    param::check_schedules(&fields, &params, &schedules);
    let (tasks, precondition) = task::read(&fields, &names);
    if let Some(sizes) = context.pools {
        pools::check(&fields, sizes);
    }
    let all: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    let ended = Tasks { all: &all, before: &all, otherwise: "has not ended" };
    let scope = Scope { place: "`outputs`", params: Some(&names), tasks: Some(ended), has_attempt: false };
    let base = Job::default();
    let mut job = Job {
        description: fields.text("description").unwrap_or_default().to_owned(),
        enabled: fields.boolean("enabled").unwrap_or(true),
        overlap: fields.word("overlap", &words, &[]).unwrap_or_default(),
        max_runs: fields.count("max_runs", MAX_RUNS).unwrap_or(1),
        pause_after: fields.count("pause_after", MAX_RUNS),
        ends_after: fields.count("ends_after", MAX_RUNS),
        expires_after: fields.some_duration("expires_after"),
        queue_limit: fields.count("queue_limit", MAX_RUNS).unwrap_or(base.queue_limit),
        priority: priority.unwrap_or_default(),
        tags: tags(&fields),
        outputs: param::outputs(&fields, &scope),
        schedules,
        tasks,
        precondition: None,
        hooks: hook::read(&fields, &HOOK),
        params,
    };
    match precondition {
        Some(Precondition::Task(task)) => job.ask_first(*task),
        Some(Precondition::Expression(expression)) => job.precondition = Some(expression),
        None => {}
    }
    Some(job)
}

fn tags(fields: &Fields<'_>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let items = fields.texts("tags").unwrap_or_default();
    if items.len() > MAX_TAGS {
        let at = fields.get("tags").map_or(fields.span, |node| node.span);
        fields.reading.fault(Fault::new(at, format!("a job has at most {MAX_TAGS} tags")));
        return tags;
    }
    for (tag, node) in items {
        if tag.trim().is_empty() || tag.chars().any(char::is_control) {
            fields.reading.fault(Fault::new(node.span, "a tag is a word or more, on one line"));
        } else if tags.iter().any(|other| other == tag) {
            fields.reading.fault(Fault::new(node.span, format!("`{tag}` is in `tags` twice")));
        }
        tags.push(tag.to_owned());
    }
    tags
}
