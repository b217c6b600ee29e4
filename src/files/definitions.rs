//! One job file and all that is written over and under it, taken apart into the jobs that it defines. A file is one job, or
//! `[jobs]`: many small ones over the same top level. What is wrong with one of many leaves the others alone; broken
//! writing, and what is wrong at the top level, is wrong with all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::defaults::Defaults;
use super::keys::JOB;
use super::merge::{Level, merge};
use super::origins;
use super::reading::Reading;
use super::source::{Sources, shift};
use super::suggestion::listed;
use super::syntax::{self, Entry, Language, Node, NodeValue};
use super::zones::Zones;
use super::{FoundJob, InvalidFile, diagnostics, job, search};
use crate::model::definition::JobName;
use crate::model::invalid::{Fault, Problem};
use crate::model::timestamp::Timestamp;

/// How many jobs one file may define.
const MAX_JOBS: usize = 10_000;
/// How many bytes the top level of a file may come to, over all its jobs and their tasks.
const MAX_WEIGHT: usize = 64 << 20;

/// Drop-ins by the name of the job, or of the file of jobs, that they are written for.
pub(super) type DropIns = BTreeMap<JobName, Vec<PathBuf>>;

/// What one file defines.
#[derive(Debug, Default)]
pub(super) struct Defined {
    pub(super) jobs: Vec<FoundJob>,
    pub(super) invalid: Vec<InvalidFile>,
}

/// The texts of one file and its drop-ins, and what they come to.
struct Unit<'a> {
    path: &'a Path,
    sources: Sources,
    /// What lies under every job, and where its text ends.
    under: Option<(Node, usize)>,
}

/// A tree that is to be one job.
struct Draft {
    name: Option<JobName>,
    /// Where it begins.
    at: usize,
    root: Node,
    trouble: Trouble,
}

/// What is wrong with the writing, and what is wrong beyond any text.
#[derive(Clone, Default)]
struct Trouble {
    faults: Vec<Fault>,
    problems: Vec<Problem>,
}

impl Trouble {
    fn is_none(&self) -> bool {
        self.faults.is_empty() && self.problems.is_empty()
    }
}

/// Reads the file at `path`, which defines the job `name`, or many jobs whose names begin with it.
pub(super) fn read(
    name: &JobName,
    path: &Path,
    bytes: &[u8],
    defaults: &Defaults,
    drop_ins: &DropIns,
    (zones, now): (Zones<'_>, Timestamp),
) -> Defined {
    let mut unit = Unit { path, sources: Sources::default(), under: None };
    unit.under = defaults.lay(&mut unit.sources);
    let mut trouble = Trouble::default();
    let root = match unit.add(path, bytes, &mut trouble) {
        Ok(Some(root)) => root,
        Ok(None) => {
            let hint = "to hide a job of an earlier folder, link its name to /dev/null";
            let problem = diagnostics::whole_file(path, "the file is empty", Some(hint));
            return unit.invalid(Some(name.clone()), vec![problem]);
        }
        Err(problem) => return unit.invalid(Some(name.clone()), vec![problem]),
    };
    let root = unit.drop_in(root, drop_ins.get(name), &mut trouble);
    let NodeValue::Table(entries) = &root.value else { return Defined::default() };
    if entries.iter().any(|entry| entry.key == "jobs") {
        return unit.many(name, root, &trouble, drop_ins, (zones, now));
    }
    match unit.one(&Draft { name: Some(name.clone()), at: root.span.0, root, trouble }, name, (zones, now)) {
        Ok(job) => Defined { jobs: vec![job], invalid: Vec::new() },
        Err(problems) => unit.invalid(Some(name.clone()), problems),
    }
}

impl Unit<'_> {
    fn invalid(&self, job: Option<JobName>, problems: Vec<Problem>) -> Defined {
        let file = InvalidFile { path: self.path.display().to_string(), job, problems };
        Defined { jobs: Vec::new(), invalid: vec![file] }
    }

    /// Adds a text to the sources and returns its tree, with the places that these have there; or nothing, if it says
    /// nothing at all.
    fn add(&mut self, path: &Path, bytes: &[u8], trouble: &mut Trouble) -> Result<Option<Node>, Problem> {
        let language = Language::of(path).unwrap_or(Language::Toml);
        let (text, document) =
            syntax::parse(bytes, language).map_err(|fault| diagnostics::problem(path, bytes, fault))?;
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            return Ok(None);
        }
        let by = self.sources.add(path, text, language);
        let syntax::Document { mut root, faults } = document;
        shift(&mut root, by);
        for mut fault in faults {
            fault.at = (fault.at.0 + by, fault.at.1 + by);
            trouble.faults.push(fault);
        }
        Ok(Some(root))
    }

    /// The tree with its drop-ins over it, in their order.
    fn drop_in(&mut self, mut root: Node, files: Option<&Vec<PathBuf>>, trouble: &mut Trouble) -> Node {
        let span = root.span;
        for path in files.into_iter().flatten() {
            let unreadable = |message| diagnostics::whole_file(path, message, None);
            let added = match search::bytes(path) {
                Ok(bytes) => self.add(path, &bytes, trouble),
                Err(message) => Err(unreadable(message)),
            };
            match added {
                Ok(Some(over)) => root = merge(root, over, Level::Job),
                Ok(None) => {}
                Err(problem) => trouble.problems.push(problem),
            }
        }
        root.span = span;
        root
    }

    /// Reads one job from its tree.
    fn one(&self, draft: &Draft, name: &JobName, when: (Zones<'_>, Timestamp)) -> Result<FoundJob, Vec<Problem>> {
        let Draft { root, trouble, .. } = draft;
        let under = self.under.clone();
        let n_under = under.as_ref().map(|(_, end)| *end);
        let root = match under {
            Some((under, _)) => {
                let span = root.span;
                Node { span, ..merge(under, root.clone(), Level::Job) }
            }
            None => root.clone(),
        };
        let reading = Reading::new(&self.sources, trouble.faults.clone());
        let context = job::Context { job: name.as_str(), zones: when.0, now: when.1 };
        let read = job::read(&reading, &root, &context);
        let (faults, mut warnings) = reading.finish();
        let mut problems = trouble.problems.clone();
        problems.extend(self.sources.problems(faults));
        let Some(definition) = read.filter(|_| problems.is_empty()) else { return Err(problems) };
        // A default that has no effect on one job is no mistake of anybody's.
        warnings.retain(|warning| n_under.is_none_or(|end| warning.at.0 > end));
        let begin = self.sources.problem(Fault::new((draft.at, draft.at), ""));
        Ok(FoundJob {
            name: name.clone(),
            place: (begin.line, begin.column),
            source: self.path.display().to_string(),
            origins: origins::of(&definition, &root, &self.sources),
            definition,
            warnings: self.sources.problems(warnings),
        })
    }

    /// Reads a file of many jobs.
    fn many(
        mut self,
        stem: &JobName,
        root: Node,
        trouble: &Trouble,
        drop_ins: &DropIns,
        when: (Zones<'_>, Timestamp),
    ) -> Defined {
        let mut own = trouble.clone();
        let drafts = self.split(stem, root, drop_ins, &mut own);
        let mut defined = Defined::default();
        let mut found = Vec::new();
        for draft in drafts {
            let read = match &draft.name {
                Some(name) => self.one(&draft, name, when),
                None => Err(self.sources.problems(draft.trouble.faults.clone())),
            };
            found.push((draft.name, read));
        }
        if own.is_none() {
            for (name, read) in found {
                match read {
                    Ok(job) => defined.jobs.push(job),
                    Err(problems) => defined.invalid.extend(self.invalid(name, problems).invalid),
                }
            }
            return defined;
        }
        // What is wrong with the file is wrong with all its jobs; what is wrong with one of them is told all the same.
        let mut problems = own.problems;
        problems.extend(self.sources.problems(own.faults));
        for problem in found.into_iter().filter_map(|(_, read)| read.err()).flatten() {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        self.invalid(Some(stem.clone()), problems)
    }

    /// The trees of the jobs in `[jobs]`, each over the rest of the top level and under its own drop-ins. Adds what is
    /// wrong with the file to `own`.
    fn split(&mut self, stem: &JobName, root: Node, drop_ins: &DropIns, own: &mut Trouble) -> Vec<Draft> {
        let NodeValue::Table(mut top) = root.value else { return Vec::new() };
        let mut jobs = Vec::new();
        if let Some(at) = top.iter().position(|entry| entry.key == "jobs") {
            let Entry { node, .. } = top.remove(at);
            let kind = node.value.kind();
            let NodeValue::Table(entries) = node.value else {
                let message = format!("`jobs` must be a table, found {kind}");
                own.faults.push(Fault::new(node.span, message).hint("write `[jobs.NAME]` for each job"));
                return Vec::new();
            };
            jobs = entries;
            if jobs.is_empty() && own.faults.is_empty() {
                own.faults.push(Fault::new(node.span, "`jobs` is empty, so the file defines no job"));
            }
        }
        for entry in top.iter().filter(|entry| entry.key == "tasks" || entry.key == "schedules") {
            let message = format!("`{}` and `[jobs]` cannot both be at the top level", entry.key);
            own.faults.push(Fault::new(entry.key_span, message).hint("write it below a `[jobs.NAME]`"));
        }
        top.retain(|entry| entry.key != "tasks" && entry.key != "schedules" && entry.key != "$schema");
        let n_tasks: usize = jobs.iter().map(n_tasks).sum();
        if jobs.len() > MAX_JOBS || weight(&top).saturating_mul(n_tasks) > MAX_WEIGHT {
            let message = match jobs.len() > MAX_JOBS {
                true => format!("a file has at most {MAX_JOBS} jobs"),
                false => "the top level is repeated in every job, and comes to more than 64 MiB".to_owned(),
            };
            own.faults.push(Fault::new(root.span, message));
            return Vec::new();
        }
        let under = Node { span: root.span, value: NodeValue::Table(top) };
        // Where the writing is broken, what is missing may only be unreadable.
        let inherited = own.faults.clone();
        jobs.into_iter().map(|entry| self.draft(stem, entry, &under, drop_ins, &inherited)).collect()
    }

    fn draft(&mut self, stem: &JobName, entry: Entry, under: &Node, drop_ins: &DropIns, inherited: &[Fault]) -> Draft {
        let Entry { key, key_span, node } = entry;
        let mut trouble = Trouble { faults: inherited.to_vec(), problems: Vec::new() };
        let at = key_span.0;
        let refused = |message: String, hint: &str| Draft {
            name: None,
            at,
            root: under.clone(),
            trouble: Trouble { faults: vec![Fault::new(key_span, message).hint(hint)], problems: Vec::new() },
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
        let over = self.drop_in(node, drop_ins.get(&name), &mut trouble);
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

/// How a job among many is asked for, as a hint.
pub(super) fn named(jobs: &[FoundJob]) -> String {
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).take(20).collect();
    listed(&names)
}
