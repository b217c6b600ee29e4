//! `ctl runs` and `ctl run ID`.

use super::Session;
use super::failure::Failure;
use super::instant::{self, Direction};
use super::render::{self, Shown, or_dash, state};
use super::view::{View, took};
use crate::print;
use crate::wire::{Run, Task, code};

/// The words of `ctl runs`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl runs --job nightly --limit 3
  campanile ctl runs --state failed --since yesterday
  campanile ctl runs --tag db --since 7d --until 1d -o csv")]
pub(crate) struct ListWords {
    /// Only those of this job
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Only those in this state; `pending` is blocked or queued
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only those queued at or after this time, as in `2d` (ago), `yesterday` or `2027-01-31 09:00`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those queued before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only those of jobs with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only those of this backfill
    #[arg(long, value_name = "ID")]
    backfill: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// The words of `ctl run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl run nightly
  campanile ctl run nightly#1 -o json
  campanile ctl run nightly@-1
  campanile ctl run RUN")]
pub(crate) struct Words {
    /// The run: an id or a piece of one, JOB#N, JOB@-1 for the last but one, or JOB or JOB@latest for its latest
    id: String,
}

pub(crate) async fn list(session: &Session, words: ListWords) -> Result<u8, Failure> {
    let ListWords { job, state, since, until, tag, backfill, limit } = words;
    let read = |text: Option<String>| text.map(|text| instant::read(&text, Direction::Back, &session.view)).transpose();
    let (since, until) = (read(since)?, read(until)?);
    let mut query = Vec::new();
    query.extend(job.clone().map(|job| ("job", job)));
    query.extend(state.map(|state| ("state", state)));
    query.extend(since.map(|at| ("since", at.to_string())));
    query.extend(until.map(|at| ("until", at.to_string())));
    query.extend(tag.map(|tag| ("tag", tag)));
    query.extend(backfill.map(|id| ("backfill", id)));
    let runs: Vec<Run> = match (session.client.list(&["runs"], query, limit).await, job) {
        (Ok(runs), _) => runs,
        (Err(failure), Some(job)) => return Err(session.client.suggest(failure, &job).await),
        (Err(failure), None) => return Err(failure),
    };
    print::data(&render::list(session.format, &runs, &session.view));
    Ok(code::DONE)
}

pub(crate) async fn one(session: &Session, Words { id }: Words) -> Result<u8, Failure> {
    let run = find(session, &id).await?;
    print::data(&render::one(session.format, &run, &session.view));
    Ok(code::DONE)
}

/// What `ctl cancel`, `wait` and `logs` take.
pub(crate) enum Found {
    Run(Box<Run>),
    Task(Box<Task>),
}

/// The run that `name` means, or else the task. Names that fit neither are compared with those of jobs, and only then.
pub(crate) async fn find_any(session: &Session, name: &str) -> Result<Found, Failure> {
    let not_a_run = match session.client.get(&["runs", name], Vec::new()).await {
        Ok(run) => return Ok(Found::Run(Box::new(run))),
        Err(failure) if failure.is_not_found() => failure,
        Err(failure) => return Err(failure),
    };
    match session.client.get(&["tasks", name], Vec::new()).await {
        Ok(task) => Ok(Found::Task(Box::new(task))),
        Err(failure) if failure.is_not_found() => Err(session.client.suggest(not_a_run, name).await),
        Err(failure) => Err(failure),
    }
}

/// The run that `name` means; a job that may have been meant is named in the hint.
pub(crate) async fn find(session: &Session, name: &str) -> Result<Run, Failure> {
    match session.client.get(&["runs", name], Vec::new()).await {
        Ok(run) => Ok(run),
        Err(failure) => Err(session.client.suggest(failure, name).await),
    }
}

impl Shown for Run {
    const HEADER: &'static [&'static str] = &["run", "id", "state", "cause", "queued", "took"];

    fn cells(&self, view: &View) -> Vec<String> {
        vec![
            self.job.as_ref().map_or_else(|| "-".to_owned(), |_| Run::name(self)),
            self.id.short(),
            state(&self.state, self.outcome.as_deref()),
            self.cause.clone(),
            view.relative(Some(self.queued_at)),
            took(view, self.started_at, self.ended_at),
        ]
    }

    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        let mut details = vec![
            ("run", Run::name(self)),
            ("id", self.id.to_string()),
            ("state", state(&self.state, self.outcome.as_deref())),
            ("cause", if self.forced { format!("{}, forced", self.cause) } else { self.cause.clone() }),
            ("scheduled", view.full(self.scheduled_at)),
            ("queued", view.full(Some(self.queued_at))),
            ("started", view.full(self.started_at)),
            ("ended", view.full(self.ended_at)),
            ("took", took(view, self.started_at, self.ended_at)),
        ];
        if let Some(waits_for) = &self.waits_for {
            details.insert(3, ("waits for", waits_for.clone()));
        }
        details.extend(self.backfill_id.map(|id| ("backfill", id.to_string())));
        details.extend(self.cancelled_by.clone().map(|by| ("cancelled by", by)));
        details.extend(self.error.clone().map(|error| ("error", error)));
        details.extend(self.output.clone().filter(|output| !output.is_empty()).map(|output| ("output", output)));
        let tasks = self.tasks.iter().map(|task| {
            let state = state(&task.state, task.outcome.as_deref());
            let took = took(view, task.started_at, task.ended_at);
            let waits = task.waits_for.as_ref().map(|what| format!(", waits for {what}")).unwrap_or_default();
            // What an interruption cut short is tried again beyond that.
            let of =
                if task.attempt > task.max_attempts { String::new() } else { format!(" of {}", task.max_attempts) };
            format!("{} {} {state}, attempt {}{of}, took {took}{waits}", task.id.short(), task.name, task.attempt)
        });
        details.push(("tasks", tasks.collect::<Vec<_>>().join("\n")));
        details
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

/// What a run's end means for the exit code.
pub(crate) fn exit(state: &str) -> u8 {
    if state == "completed" { code::DONE } else { code::FAILED }
}

/// The run in one phrase.
pub(crate) fn phrase(run: &Run) -> String {
    let error = or_dash(run.error.as_deref());
    let state = state(&run.state, run.outcome.as_deref());
    if run.error.is_some() {
        format!("{} {state}: {error}", Run::name(run))
    } else {
        format!("{} {state}", Run::name(run))
    }
}
