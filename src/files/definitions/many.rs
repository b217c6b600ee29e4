//! A file of many jobs, taken apart: `[jobs]` over the rest of its top level, each job under its own drop-ins. One is read
//! after the other and let go, so that what a small top level comes to in thousands of jobs is never there at once.

use std::collections::HashSet;

use super::{Defined, Draft, Read, Terms, Trouble, Unit, Zones};
use crate::files::InvalidFile;
use crate::files::keys::JOB;
use crate::files::merge::{Level, merge};
use crate::files::syntax::{Entry, Faults, MAX_LISTED, Node, NodeValue, Span};
use crate::model::definition::JobName;
use crate::model::invalid::Fault;
use crate::model::timestamp::Timestamp;

/// How many jobs one file may define.
const MAX_JOBS: usize = 10_000;
/// How many bytes the top level of a file may come to, over all its jobs and their tasks.
const MAX_WEIGHT: usize = 64 << 20;

/// Reads the jobs of `[jobs]` in `root`; `own` is what is wrong with the writing of the file.
pub(super) fn read(
    mut unit: Unit<'_>,
    stem: &JobName,
    root: Node,
    mut own: Trouble,
    when: (Zones<'_>, Timestamp),
) -> Defined {
    let (jobs, under) = split(root, &mut own.faults);
    // Where the writing is broken, what is missing may only be unreadable.
    let broken: Vec<Span> = unit.sources.broken(&own.faults).collect();
    let mut listing = Listing::new(own);
    for entry in jobs {
        let draft = unit.draft(stem, entry, &under);
        let name = draft.name.clone();
        let read = match &name {
            Some(name) => unit.one(draft, name, &listing.terms(when, &broken)),
            None => Read::Wrong(draft.trouble),
        };
        match read {
            Read::Job { job, n_more } => {
                listing.n_warnings += job.warnings.len();
                listing.n_more_warnings += n_more;
                listing.defined.jobs.push(*job);
            }
            Read::Wrong(trouble) => listing.add(&unit, name, trouble),
        }
    }
    listing.finish(&unit, stem)
}

/// What the jobs of one file come to, and what was told of them.
struct Listing {
    defined: Defined,
    /// What is wrong with the file, if anything is. Then it is wrong with all its jobs, and what is wrong with one of them
    /// is told all the same, in one list.
    own: Option<Trouble>,
    /// The places of which was told what is wrong there.
    told: HashSet<Span>,
    n_problems: usize,
    n_more: usize,
    /// A job that is wrong is not listed.
    is_cut: bool,
    n_warnings: usize,
    n_more_warnings: usize,
}

impl Listing {
    fn new(own: Trouble) -> Self {
        let told = own.faults.listed().iter().map(|fault| fault.at).collect();
        let n_problems = own.faults.listed().len() + own.problems.len();
        Listing {
            defined: Defined::default(),
            own: (!own.is_none()).then_some(own),
            told,
            n_problems,
            n_more: 0,
            is_cut: false,
            n_warnings: 0,
            n_more_warnings: 0,
        }
    }

    fn room(&self) -> usize {
        MAX_LISTED.saturating_sub(self.n_problems)
    }

    fn terms<'a>(&'a self, when: (Zones<'a>, Timestamp), broken: &'a [Span]) -> Terms<'a> {
        // What is wrong above several jobs is told with each of them, while there is room.
        let again = self.own.is_none() && self.room() > 0;
        let told = (!again).then_some(&self.told);
        let room = (self.room(), MAX_LISTED.saturating_sub(self.n_warnings));
        Terms { when, broken, room, told }
    }

    /// Takes note of what is wrong with one job.
    fn add(&mut self, unit: &Unit<'_>, job: Option<JobName>, trouble: Trouble) {
        self.told.extend(trouble.faults.listed().iter().map(|fault| fault.at));
        let Trouble { faults, mut problems } = trouble;
        let room = self.room();
        if let Some(own) = &mut self.own {
            own.faults.append(faults);
            own.problems.append(&mut problems);
            self.n_problems = own.faults.listed().len() + own.problems.len();
            return;
        }
        self.n_more += problems.len().saturating_sub(room);
        problems.truncate(room);
        let mut listed = Faults::within(room - problems.len());
        listed.append(faults);
        self.n_more += listed.n_more();
        problems.extend(unit.sources.problems(listed.into_listed()));
        self.n_problems += problems.len();
        match problems.is_empty() {
            true => self.is_cut = true,
            false => self.defined.invalid.extend(unit.invalid(job, problems).invalid),
        }
    }

    /// Everything that the file defines; what is not listed stays with its stem, as all jobs of the file do whose names
    /// nobody can tell.
    fn finish(mut self, unit: &Unit<'_>, stem: &JobName) -> Defined {
        if let Some(own) = self.own {
            return unit.invalid(Some(stem.clone()), unit.problems(own));
        }
        if self.n_more > 0 || self.is_cut {
            let problem = match self.n_more {
                0 => unit.at_end("the same is wrong with more jobs of this file".to_owned()),
                n => unit.not_listed(n, "problem"),
            };
            let path = unit.path.display().to_string();
            self.defined.invalid.push(InvalidFile { path, job: Some(stem.clone()), problems: vec![problem] });
        }
        if self.n_more_warnings > 0
            && let Some(last) = self.defined.jobs.last_mut()
        {
            last.warnings.push(unit.not_listed(self.n_more_warnings, "warning"));
        }
        self.defined
    }
}

/// The jobs in `[jobs]`, and the rest of the top level. Adds what is wrong with the file to `faults`.
fn split(root: Node, faults: &mut Faults) -> (Vec<Entry>, Node) {
    let nothing = || (Vec::new(), Node { span: root.span, value: NodeValue::Table(Vec::new()) });
    let NodeValue::Table(mut top) = root.value else { return nothing() };
    let mut jobs = Vec::new();
    if let Some(at) = top.iter().position(|entry| entry.key == "jobs") {
        let Entry { node, .. } = top.remove(at);
        let kind = node.value.kind();
        let NodeValue::Table(entries) = node.value else {
            let message = format!("`jobs` must be a table, found {kind}");
            faults.push(Fault::new(node.span, message).hint("write `[jobs.NAME]` for each job"));
            return nothing();
        };
        jobs = entries;
        if jobs.is_empty() && faults.is_empty() {
            faults.push(Fault::new(node.span, "`jobs` is empty, so the file defines no job"));
        }
    }
    for entry in top.iter().filter(|entry| entry.key == "tasks" || entry.key == "schedules") {
        let message = format!("`{}` and `[jobs]` cannot both be at the top level", entry.key);
        faults.push(Fault::new(entry.key_span, message).hint("write it below a `[jobs.NAME]`"));
    }
    top.retain(|entry| entry.key != "tasks" && entry.key != "schedules" && entry.key != "$schema");
    let n_tasks: usize = jobs.iter().map(n_tasks).sum();
    if jobs.len() > MAX_JOBS || weight(&top).saturating_mul(n_tasks) > MAX_WEIGHT {
        let message = match jobs.len() > MAX_JOBS {
            true => format!("a file has at most {MAX_JOBS} jobs"),
            false => "the top level is repeated in every job, and comes to more than 64 MiB".to_owned(),
        };
        faults.push(Fault::new(root.span, message));
        return nothing();
    }
    (jobs, Node { span: root.span, value: NodeValue::Table(top) })
}

impl Unit<'_> {
    /// The tree of one job, over the rest of the top level and under its own drop-ins.
    fn draft(&mut self, stem: &JobName, entry: Entry, under: &Node) -> Draft {
        let Entry { key, key_span, node } = entry;
        let at = key_span.0;
        let mut trouble = Trouble::default();
        let refused = |message: String, hint: &str| {
            let mut trouble = Trouble::default();
            trouble.faults.push(Fault::new(key_span, message).hint(hint));
            let root = Node { span: under.span, value: NodeValue::Table(Vec::new()) };
            Draft { name: None, at, root, trouble }
        };
        if !matches!(node.value, NodeValue::Table(_)) {
            let kind = node.value.kind();
            return match JOB.known.contains(&key.as_str()) {
                true => refused(
                    format!("`{key}` is a key of a job, and `[jobs]` holds jobs"),
                    "write it below a `[jobs.NAME]`, or at the top level for all of them",
                ),
                false => refused(format!("a job must be a table, found {kind}"), "write `[jobs.NAME]`"),
            };
        }
        let Ok(name) = format!("{stem}.{key}").parse::<JobName>() else {
            return refused(
                format!("`{stem}.{key}` is not a job's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`"),
                "rename the table",
            );
        };
        let span = node.span;
        let over = self.drop_in(node, &name, &mut trouble);
        let root = Node { span, ..merge(under.clone(), over, Level::Job) };
        Draft { name: Some(name), at, root, trouble }
    }
}

/// How often the top level of its file is repeated in a job.
fn n_tasks(job: &Entry) -> usize {
    let NodeValue::Table(entries) = &job.node.value else { return 1 };
    let tasks = entries.iter().find(|entry| entry.key == "tasks").map(|entry| &entry.node.value);
    if let Some(NodeValue::Table(tasks)) = tasks { tasks.len().max(1) } else { 1 }
}

fn weight(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.key.len() + weight_of(&entry.node)).sum()
}

fn weight_of(node: &Node) -> usize {
    match &node.value {
        NodeValue::Text(text) | NodeValue::Time(text) => text.len(),
        NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Bool(_) => 8,
        NodeValue::List(items) => items.iter().map(weight_of).sum(),
        NodeValue::Table(entries) => weight(entries),
    }
}
