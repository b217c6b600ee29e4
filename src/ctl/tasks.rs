//! `ctl tasks` and `ctl task ID`.

use super::Session;
use super::failure::Failure;
use super::render::{self, Shown, or_dash, state};
use super::view::{View, took};
use crate::model::duration::Duration;
use crate::print;
use crate::wire::task::Usage;
use crate::wire::{Task, code};

/// The words of `ctl tasks`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl tasks --run nightly
  campanile ctl tasks --state pending
  campanile ctl tasks --state failed --limit 10 -o csv")]
pub(crate) struct ListWords {
    /// Only those of this run: an id or a piece of one, JOB#N, JOB@-1, or JOB for its latest
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only those in this state; `pending` is blocked or queued
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// The words of `ctl task`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl task TASK
  campanile ctl task TASK -o yaml")]
pub(crate) struct Words {
    /// The task: an id or a piece of one
    id: String,
}

pub(crate) async fn list(session: &Session, ListWords { run, state, limit }: ListWords) -> Result<u8, Failure> {
    let mut query = Vec::new();
    query.extend(run.clone().map(|run| ("run", run)));
    query.extend(state.map(|state| ("state", state)));
    let tasks: Vec<Task> = match (session.client.list(&["tasks"], query, limit).await, run) {
        (Ok(tasks), _) => tasks,
        (Err(failure), Some(run)) => return Err(session.client.suggest(failure, &run).await),
        (Err(failure), None) => return Err(failure),
    };
    print::data(&render::list(session.format, &tasks, &session.view));
    Ok(code::DONE)
}

pub(crate) async fn one(session: &Session, Words { id }: Words) -> Result<u8, Failure> {
    let task: Task = session.client.get(&["tasks", &id], Vec::new()).await?;
    print::data(&render::one(session.format, &task, &session.view));
    Ok(code::DONE)
}

/// What an attempt has used, as far as that was counted.
fn used(usage: Usage) -> impl Iterator<Item = (&'static str, String)> {
    let cpu = usage.cpu_us.map(|us| Duration::from_micros(i64::try_from(us).unwrap_or(i64::MAX)));
    // Whole milliseconds are what anybody wants to know.
    let cpu = cpu.map(|cpu| Duration::from_millis(cpu.as_millis()).to_string());
    let memory = usage.peak_memory_bytes.map(|bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)));
    let rows = [("cpu time", cpu), ("peak memory", memory), ("peak pids", usage.peak_pids.map(|n| n.to_string()))];
    rows.into_iter().filter_map(|(name, shown)| Some((name, shown?)))
}

impl Shown for Task {
    const HEADER: &'static [&'static str] = &["task", "id", "job", "run", "state", "attempt", "exit", "took"];

    fn cells(&self, view: &View) -> Vec<String> {
        vec![
            self.name.clone(),
            self.id.short(),
            or_dash(self.job.as_deref()),
            self.run_id.short(),
            state(&self.state, self.outcome.as_deref()),
            format!("{}/{}", self.attempt, self.max_attempts),
            or_dash(self.exit_code.map(|code| code.to_string()).as_deref()),
            took(view, self.started_at, self.ended_at),
        ]
    }

    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        let mut details = vec![
            ("task", self.name.clone()),
            ("id", self.id.to_string()),
            ("job", or_dash(self.job.as_deref())),
            ("run", self.run_id.to_string()),
            ("state", state(&self.state, self.outcome.as_deref())),
            ("attempt", format!("{} of {}", self.attempt, self.max_attempts)),
            ("exit code", or_dash(self.exit_code.map(|code| code.to_string()).as_deref())),
            ("queued", view.full(self.queued_at)),
            ("started", view.full(self.started_at)),
            ("ended", view.full(self.ended_at)),
            ("took", took(view, self.started_at, self.ended_at)),
        ];
        if let Some(waits_for) = &self.waits_for {
            details.insert(5, ("waits for", waits_for.clone()));
        }
        details.extend(self.usage.into_iter().flat_map(used));
        details.extend(self.error.clone().map(|error| ("error", error)));
        details.extend(self.output.clone().filter(|output| !output.is_empty()).map(|output| ("output", output)));
        details
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_shown_as_far_as_it_was_counted() {
        let shown = |usage| used(usage).map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>();
        let usage = Usage { cpu_us: Some(61_250_999), peak_memory_bytes: Some(104_857_600), peak_pids: Some(3) };
        assert_eq!(shown(usage), ["cpu time 1m1s250ms", "peak memory 100.0 MiB", "peak pids 3"]);
        assert_eq!(shown(Usage { peak_pids: Some(1), ..Usage::default() }), ["peak pids 1"]);
    }
}
