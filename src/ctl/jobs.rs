//! `ctl jobs`, `ctl job NAME` and `ctl job put NAME`.

use clap::Subcommand;

use super::Session;
use super::failure::Failure;
use super::render::{self, Shown, or_dash, state};
use super::status::Pause;
use super::view::View;
use super::{effective, put};
use crate::print;
use crate::wire::{Job, Schedule, code};

/// The words of `ctl jobs`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl jobs
  campanile ctl jobs -o name")]
pub(crate) struct ListWords {}

/// The words of `ctl job`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  campanile ctl job nightly
  campanile ctl job nightly --effective
  campanile ctl job put fresh < fresh.toml")]
pub(crate) struct Words {
    /// The job's name
    #[arg(required = true)]
    name: Option<String>,
    /// Show each key of the definition in force, with the place where it is written
    #[arg(long)]
    effective: bool,
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(Subcommand, Debug)]
enum Wish {
    /// Put a job in place: its file is read from stdin, checked, and kept with the daemon's state
    Put(put::Words),
}

pub(crate) async fn list(session: &Session, _words: ListWords) -> Result<u8, Failure> {
    let jobs: Vec<Job> = session.client.list(&["jobs"], Vec::new(), None).await?;
    print::data(&render::list(session.format, &jobs, &session.view));
    Ok(code::DONE)
}

pub(crate) async fn one(session: &Session, words: Words) -> Result<u8, Failure> {
    let shown = match words {
        Words { wish: Some(Wish::Put(words)), .. } => return put::run(session, words).await,
        Words { effective: true, name, .. } => effective::run(session, &name.unwrap_or_default()).await,
        Words { name, .. } => show(session, &name.unwrap_or_default()).await,
    };
    shown.map(|()| code::DONE)
}

/// Shows the job of that name.
pub(crate) async fn show(session: &Session, name: &str) -> Result<(), Failure> {
    let job: Job = match session.client.get(&["jobs", name], Vec::new()).await {
        Ok(job) => job,
        Err(failure) => return Err(session.client.suggest(failure, name).await),
    };
    print::data(&render::one(session.format, &job, &session.view));
    Ok(())
}

impl Shown for Job {
    const HEADER: &'static [&'static str] = &["job", "next", "last run", "state", "timing"];

    fn cells(&self, view: &View) -> Vec<String> {
        let next = self.schedules.iter().filter_map(|schedule| schedule.next_at).min();
        let last = self.last_run.as_ref().map(|run| {
            let at = run.ended_at.or(run.started_at).unwrap_or(run.queued_at);
            format!("{} {}", state(&run.state, run.outcome.as_deref()), view.relative(Some(at)))
        });
        let timings: Vec<&str> = self.schedules.iter().map(|schedule| schedule.timing.as_str()).collect();
        let timing = if timings.is_empty() { "by hand".to_owned() } else { timings.join(", ") };
        vec![self.name.clone(), view.relative(next), or_dash(last.as_deref()), standing(self).to_owned(), timing]
    }

    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        let due = |schedule: &Schedule| {
            let (timing, zone) = (&schedule.timing, &schedule.timezone);
            format!("{timing} ({zone}), next {}, last {}", view.full(schedule.next_at), view.full(schedule.last_at))
        };
        let mut schedules: Vec<String> = self.schedules.iter().map(due).collect();
        let last = self.last_run.as_ref().map(|run| {
            let state = state(&run.state, run.outcome.as_deref());
            format!("{} {state}, queued {}", run.name(), view.full(Some(run.queued_at)))
        });
        let (by, note) = (self.paused_by.as_deref(), self.paused_note.as_deref());
        let pause = Pause { by, at: self.paused_at, until: self.paused_until, note };
        let state =
            if self.paused { format!("{} {}", standing(self), pause.told(view)) } else { standing(self).to_owned() };
        let overlap = serde_json::to_value(self.overlap).ok();
        let overlap = overlap.as_ref().and_then(|word| word.as_str()).unwrap_or("-").to_owned();
        let held = if self.n_held > 0 { format!(", {} held", self.n_held) } else { String::new() };
        if let Some(n) = self.ends_after {
            schedules.push(format!("end after {n} runs, {} started", self.n_scheduled));
        }
        vec![
            ("name", self.name.clone()),
            ("description", self.description.clone()),
            ("source", self.source.clone()),
            ("revision", self.revision.to_string()),
            ("state", state),
            ("overlap", format!("{overlap}, at most {} live, {} now{held}", self.max_runs, self.n_live)),
            ("priority", self.priority.to_string()),
            ("tags", self.tags.join(", ")),
            ("tasks", self.tasks.join(", ")),
            ("schedules", if schedules.is_empty() { "by hand".to_owned() } else { schedules.join("\n") }),
            ("last run", or_dash(last.as_deref())),
            ("last success", view.full(self.last_success_at)),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

fn standing(job: &Job) -> &'static str {
    match (job.retired_at.is_some(), job.paused, job.enabled) {
        (true, _, _) => "retired",
        (false, true, _) => "paused",
        (false, false, false) => "disabled",
        (false, false, true) => "enabled",
    }
}
