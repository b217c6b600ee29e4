//! Reads one task that belongs to no job: JSON as programs send it, with the keys, the rules and the messages of a job
//! file.

use std::path::Path;

use super::diagnostics;
use super::job::task;
use super::keys::{ALONE, SUBMISSION};
use super::reading::{Fields, Reading};
use super::source::Sources;
use super::syntax::{self, Language};
use crate::model::definition::{Priority, Task};
use crate::model::invalid::Problem;

/// What a text that is no file is called.
const NAME: &str = "task";

/// Reads one task from JSON text, or returns every problem of it.
pub fn read_task(bytes: &[u8]) -> Result<Task, Vec<Problem>> {
    read(bytes, &ALONE).map(|(task, _)| task)
}

/// Reads one task and its priority, which a job has for all its tasks and a task without a job has itself.
pub fn read_submission(bytes: &[u8]) -> Result<(Task, Priority), Vec<Problem>> {
    read(bytes, &SUBMISSION)
}

fn read(bytes: &[u8], keys: &'static super::keys::Keys) -> Result<(Task, Priority), Vec<Problem>> {
    let path = Path::new(NAME);
    let (text, document) =
        syntax::parse(bytes, Language::Json).map_err(|fault| vec![diagnostics::problem(path, bytes, fault)])?;
    let mut sources = Sources::default();
    sources.add(path, text, Language::Json);
    let reading = Reading::new(&sources, document.faults);
    let fields = Fields::open(&reading, NAME, &document.root, keys);
    let read = fields.and_then(|fields| {
        let priority = match keys.known.contains(&"priority") {
            true => fields.integer("priority", 1..=9).and_then(Priority::new),
            false => None,
        };
        Some((task::alone(&fields)?, priority.unwrap_or_default()))
    });
    let (faults, _) = reading.told();
    read.filter(|_| faults.is_empty()).ok_or_else(|| sources.problems(faults))
}
