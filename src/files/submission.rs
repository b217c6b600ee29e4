//! Reads one task that belongs to no job: JSON as programs send it, with the keys, the rules and the messages of a job
//! file, and with what a job and its schedule would say about it.

use std::path::Path;

use super::diagnostics;
use super::job::task;
use super::keys::SUBMISSION;
use super::owner::Holder;
use super::reading::{Fields, Reading};
use super::source::Sources;
use super::syntax::{self, Language};
use crate::model::definition::{Priority, Task};
use crate::model::duration::Duration;
use crate::model::invalid::{Fault, Problem};
use crate::model::timestamp::Timestamp;

/// What a text that is no file is called.
const NAME: &str = "task";

/// One task, and what it says besides.
#[derive(Clone, PartialEq, Debug)]
pub struct Submission {
    /// The task; its texts are no templates unless it says `raw: false`.
    pub task: Task,
    /// Which a job has for all its tasks.
    pub priority: Priority,
    /// Not before this time; never together with `delay`.
    pub at: Option<Timestamp>,
    /// Not before so long has passed.
    pub delay: Option<Duration>,
}

/// Reads one task from JSON text, or returns every problem of it.
pub fn read_submission(bytes: &[u8]) -> Result<Submission, Vec<Problem>> {
    let path = Path::new(NAME);
    let (text, document) =
        syntax::parse(bytes, Language::Json).map_err(|fault| vec![diagnostics::problem(path, bytes, &fault)])?;
    let mut sources = Sources::default();
    sources.add(path, text, Language::Json, Holder::Unknown);
    let reading = Reading::new(&sources, document.faults);
    let read = Fields::open(&reading, NAME, &document.root, &SUBMISSION).and_then(|fields| submission(&fields));
    let (faults, _) = reading.told();
    read.filter(|_| faults.is_empty()).ok_or_else(|| sources.problems(faults))
}

fn submission(fields: &Fields<'_>) -> Option<Submission> {
    let priority = fields.integer("priority", 1..=9).and_then(Priority::new).unwrap_or_default();
    let (at, delay) = (instant(fields), fields.duration("delay"));
    if let (Some(_), Some(entry)) = (fields.entry("at"), fields.entry("delay")) {
        fields.reading.fault(Fault::new(entry.key_span, "`at` and `delay` cannot both be given"));
    }
    Some(Submission { task: task::alone(fields)?, priority, at, delay })
}

fn instant(fields: &Fields<'_>) -> Option<Timestamp> {
    let node = fields.get("at")?;
    let text = fields.reading.text("at", node)?;
    text.parse().map_err(|error| fields.reading.fault(Fault::new(node.span, format!("`at`: {error}")))).ok()
}
