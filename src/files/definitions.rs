//! One job file and all that is written over and under it, taken apart into the jobs that it defines. A file is one job, or
//! `[jobs]`: many small ones over the same top level. What is wrong with one of many leaves the others alone; broken
//! writing, and what is wrong at the top level, is wrong with all.
//!
//! What is wrong with a file is told once and in full up to a number of problems that holds for all its jobs together;
//! the rest is counted. So a small file can neither hold up a reload nor fill the memory, however much of it is wrong.

mod many;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::calendars::Calendars;
use super::defaults::Defaults;
use super::merge::{Level, merge};
use super::origins;
use super::reading::Reading;
use super::search::Text;
use super::source::{Sources, shift};
use super::suggestion::listed;
use super::syntax::{self, Faults, Language, MAX_LISTED, Node, NodeValue, Span, not_listed};
use super::zones::Zones;
use super::{FoundJob, InvalidFile, diagnostics, job, owner, search};
use crate::model::definition::JobName;
use crate::model::invalid::{Fault, Problem};
use crate::model::timestamp::Timestamp;

/// Drop-ins by the name of the job, or of the file of jobs, that they are written for.
pub(super) type DropIns = BTreeMap<JobName, Vec<PathBuf>>;

/// What lies under and over every file.
#[derive(Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) defaults: &'a Defaults,
    pub(super) drop_ins: &'a DropIns,
    pub(super) calendars: &'a Calendars,
    /// The folder of the jobs that were put by API.
    pub(super) put: Option<&'a Path>,
}

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
    /// Where the text of the file itself ends.
    end: usize,
    /// What lies under every job, and where its text ends.
    under: Option<(Node, usize)>,
    layers: Layers<'a>,
}

/// A tree that is to be one job.
struct Draft {
    name: Option<JobName>,
    /// Where it begins.
    at: usize,
    root: Node,
    trouble: Trouble,
}

/// What is wrong with what is written, and what is wrong beyond any text.
#[derive(Default)]
struct Trouble {
    faults: Faults,
    problems: Vec<Problem>,
}

impl Trouble {
    fn is_none(&self) -> bool {
        self.faults.is_empty() && self.problems.is_empty()
    }
}

/// How a job is read: what is known of the file, and how much of what is wrong is still to be told.
struct Terms<'a> {
    when: (Zones<'a>, Timestamp),
    /// The lines on which the writing of the file is broken.
    broken: &'a [Span],
    /// How many problems may be listed, and how many warnings.
    room: (usize, usize),
    /// The places of which was told already what is wrong there, where that is not to be told again.
    told: Option<&'a HashSet<Span>>,
}

/// A job that was read, or what is wrong with it.
enum Read {
    Job {
        job: Box<FoundJob>,
        /// How many warnings it has beyond those that it lists.
        n_more: usize,
    },
    Wrong(Trouble),
}

/// Reads the file at `path`, which defines the job `name`, or many jobs whose names begin with it.
pub(super) fn read(
    name: &JobName,
    path: &Path,
    text: &Text,
    layers: Layers<'_>,
    (zones, now): (Zones<'_>, Timestamp),
) -> Defined {
    let mut unit = Unit { path, sources: Sources::default(), end: 0, under: None, layers };
    unit.under = layers.defaults.lay(&mut unit.sources);
    let mut trouble = Trouble::default();
    let root = match unit.add(path, text, &mut trouble) {
        Ok(Some(root)) => root,
        Ok(None) => {
            let hint = "to hide a job of an earlier folder, link its name to /dev/null";
            let problem = diagnostics::whole_file(path, "the file is empty", Some(hint));
            return unit.invalid(Some(name.clone()), vec![problem]);
        }
        Err(problem) => return unit.invalid(Some(name.clone()), vec![problem]),
    };
    unit.end = unit.sources.text().len();
    let root = unit.drop_in(root, name, &mut trouble);
    let NodeValue::Table(entries) = &root.value else { return Defined::default() };
    if entries.iter().any(|entry| entry.key == "jobs") {
        return many::read(unit, name, root, trouble, (zones, now));
    }
    let terms = Terms { when: (zones, now), broken: &[], room: (MAX_LISTED, MAX_LISTED), told: None };
    match unit.one(Draft { name: Some(name.clone()), at: root.span.0, root, trouble }, name, &terms) {
        Read::Job { mut job, n_more } => {
            job.warnings.extend((n_more > 0).then(|| unit.not_listed(n_more, "warning")));
            Defined { jobs: vec![*job], invalid: Vec::new() }
        }
        Read::Wrong(trouble) => {
            let problems = unit.problems(trouble);
            unit.invalid(Some(name.clone()), problems)
        }
    }
}

impl Unit<'_> {
    fn invalid(&self, job: Option<JobName>, problems: Vec<Problem>) -> Defined {
        let file = InvalidFile { path: self.path.display().to_string(), job, problems };
        Defined { jobs: Vec::new(), invalid: vec![file] }
    }

    /// The problem that so many are not listed.
    fn not_listed(&self, n: usize, what: &str) -> Problem {
        self.at_end(not_listed(n, what))
    }

    /// A problem of the file as a whole, for whoever has read all others.
    fn at_end(&self, message: String) -> Problem {
        let at = self.sources.position(self.end);
        diagnostics::placed(self.path, at, at, &Fault::new((self.end, self.end), message))
    }

    /// All problems, the last of which may say how many more there are.
    fn problems(&self, trouble: Trouble) -> Vec<Problem> {
        let Trouble { mut faults, mut problems } = trouble;
        faults.sort();
        let n_cut = problems.len().saturating_sub(MAX_LISTED);
        problems.truncate(MAX_LISTED);
        let mut room = Faults::within(MAX_LISTED - problems.len());
        room.append(faults);
        let n_more = room.n_more() + n_cut;
        problems.extend(self.sources.problems(room.into_listed()));
        problems.extend((n_more > 0).then(|| self.not_listed(n_more, "problem")));
        problems
    }

    /// Adds a text to the sources and returns its tree, with the places that these have there; or nothing, if it says
    /// nothing at all.
    fn add(&mut self, path: &Path, text: &Text, trouble: &mut Trouble) -> Result<Option<Node>, Problem> {
        let Text { bytes, holder } = text;
        let language = Language::of(path).unwrap_or(Language::Toml);
        let (text, document) =
            syntax::parse(bytes, language).map_err(|fault| diagnostics::problem(path, bytes, &fault))?;
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            return Ok(None);
        }
        let by = self.sources.add(path, text, language, *holder);
        let syntax::Document { mut root, mut faults } = document;
        shift(&mut root, by);
        faults.shift(by);
        trouble.faults.append(faults);
        Ok(Some(root))
    }

    /// The tree with the drop-ins of that name over it, in their order.
    fn drop_in(&mut self, mut root: Node, name: &JobName, trouble: &mut Trouble) -> Node {
        let span = root.span;
        for path in self.layers.drop_ins.get(name).into_iter().flatten() {
            let added = match search::text(path, self.layers.put) {
                Ok(text) => self.add(path, &text, trouble),
                Err(fault) => Err(diagnostics::problem(path, &[], &fault)),
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
    fn one(&self, draft: Draft, name: &JobName, terms: &Terms<'_>) -> Read {
        let Draft { root, trouble, at, .. } = draft;
        let n_under = self.under.as_ref().map(|(_, end)| *end);
        let root = match &self.under {
            Some((under, _)) => {
                let span = root.span;
                Node { span, ..merge(under.clone(), root, Level::Job) }
            }
            None => root,
        };
        let mut broken = Cow::Borrowed(terms.broken);
        if !trouble.faults.is_empty() {
            broken.to_mut().extend(self.sources.broken(&trouble.faults));
        }
        let mut faults = Faults::within(terms.room.0.saturating_sub(trouble.problems.len()));
        faults.append(trouble.faults);
        let reading = Reading::among(&self.sources, broken, faults, terms.told);
        let (zones, now) = terms.when;
        let context = job::Context {
            job: name.as_str(),
            zones,
            calendars: self.layers.calendars,
            now,
            pools: self.layers.defaults.pools(),
        };
        let read = job::read(&reading, &root, &context);
        let has_told = reading.has_told();
        let (faults, mut warnings) = reading.finish();
        let is_right = faults.is_empty() && trouble.problems.is_empty() && !has_told;
        let Some(definition) = read.filter(|_| is_right) else {
            return Read::Wrong(Trouble { faults, problems: trouble.problems });
        };
        // A default that has no effect on one job is no mistake of anybody's.
        warnings.retain(|warning| n_under.is_none_or(|end| warning.at.0 > end));
        let n_more = warnings.len().saturating_sub(terms.room.1);
        warnings.truncate(terms.room.1);
        let mut overreach = owner::check(&root, &self.sources, n_under);
        overreach.truncate(MAX_LISTED);
        let job = FoundJob {
            name: name.clone(),
            place: self.sources.position(at),
            source: self.path.display().to_string(),
            origins: origins::of(&definition, &root, &self.sources),
            definition,
            warnings: self.sources.problems(warnings),
            overreach: self.sources.problems(overreach),
        };
        Read::Job { job: Box::new(job), n_more }
    }
}

/// How a job among many is asked for, as a hint.
pub(super) fn named(jobs: &[FoundJob]) -> String {
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).take(20).collect();
    listed(&names)
}
