//! Reads the definitions and brings the engine to them: at the start, on SIGHUP, and when a client asks.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock;
use crate::engine::{self, Answer, Command, Handle, Load, Loaded, LoadedJob};
use crate::files;
use crate::model::definition::Hook;
use crate::model::refused::Refused;
use crate::tzdb::Tzdb;

/// Where definitions come from.
#[derive(Debug)]
pub(super) struct Definitions {
    pub(super) dirs: Vec<PathBuf>,
    /// A folder that is not there is empty; otherwise it proves nothing about the jobs that were in it.
    pub(super) may_be_absent: bool,
    pub(super) zone: String,
    pub(super) tzdb: Arc<Tzdb>,
    /// What lies under every job.
    pub(super) defaults: files::Defaults,
    pub(super) hooks: Vec<Hook>,
}

/// Reads all definitions and loads them.
pub(super) async fn reload(definitions: Arc<Definitions>, handle: Handle, at_start: bool) -> Result<Loaded, Refused> {
    let read = tokio::task::spawn_blocking(move || read(&definitions, at_start));
    let load = read.await.map_err(|error| Refused::Internal { what: format!("reading definitions: {error}") })?;
    let answer = handle.ask(Command::Load(Box::new(load)))?.await.map_err(|_| Refused::Stopping)??;
    let Answer::Loaded(loaded) = answer else {
        return Err(Refused::Internal { what: "a load was answered with something else".to_owned() });
    };
    tracing::info!(
        changed = loaded.changed.len(),
        unchanged = loaded.n_unchanged,
        retired = loaded.retired.len(),
        invalid = loaded.n_invalid,
        "definitions are loaded"
    );
    Ok(loaded)
}

fn read(definitions: &Definitions, at_start: bool) -> Load {
    let zones = files::Zones { tzdb: &definitions.tzdb, default: &definitions.zone };
    let mut found = files::load_over(&definitions.defaults, &definitions.dirs, zones, clock::wall());
    for dir in definitions.dirs.iter().filter(|dir| !definitions.may_be_absent && !dir.is_dir()) {
        let problem = files::diagnostics::whole_file(dir, "the folder does not exist", None);
        found.invalid.push(files::InvalidFile { path: problem.path.clone(), job: None, problems: vec![problem] });
        found.incomplete = true;
    }
    for problem in found.invalid.iter().flat_map(|file| &file.problems) {
        tracing::warn!("{problem}");
    }
    for warning in found.jobs.iter().flat_map(|job| &job.warnings).chain(&found.warnings) {
        tracing::warn!("{warning}");
    }
    Load {
        jobs: found
            .jobs
            .into_iter()
            .map(|job| LoadedJob {
                origins: job.origins_json(),
                name: job.name,
                source: job.source,
                definition: job.definition,
            })
            .collect(),
        invalid: found
            .invalid
            .into_iter()
            .map(|file| engine::InvalidFile { path: file.path, job: file.job, problems: file.problems })
            .collect(),
        hooks: definitions.hooks.clone(),
        is_incomplete: found.incomplete,
        at_start,
    }
}
