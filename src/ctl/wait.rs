//! `ctl wait ID`. Waiting is reading events: the stream is opened first and the state asked for after, so that an end in
//! between is not missed.

use super::Session;
use super::failure::Failure;
use super::follow::Follow;
use super::render::{self, state};
use super::runs::{self, Found, exit, phrase};
use crate::model::duration::Duration;
use crate::model::id::RunId;
use crate::wire::{Event, Run, Task, code};
use crate::{clock, print};

/// The words of `ctl wait`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl wait nightly
  campanile ctl wait slow --timeout 50ms   # exits 124")]
pub(crate) struct Words {
    /// The run or task: an id or a piece of one, JOB#N, or JOB for its latest run
    id: String,
    /// Give up after this long, with exit code 124
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Duration>,
}

pub(crate) async fn run(session: &Session, Words { id, timeout }: Words) -> Result<u8, Failure> {
    match runs::find_any(session, &id).await? {
        Found::Run(run) => ended(session, run.id, timeout).await,
        Found::Task(task) => task_ended(session, *task, timeout).await,
    }
}

/// Waits for the end of a run, shows it, and says what it means.
pub(crate) async fn ended(session: &Session, id: RunId, timeout: Option<Duration>) -> Result<u8, Failure> {
    let run = within(timeout, until_ended(session, id)).await?;
    print::talk(&phrase(&run));
    print::data(&render::one(session.format, &run, &session.view.at(clock::wall())));
    Ok(exit(&run.state))
}

async fn until_ended(session: &Session, id: RunId) -> Result<Run, Failure> {
    let name = id.to_string();
    let mut events = Follow::open(session, vec![("run", name.clone())], None).await?;
    loop {
        let run: Run = session.client.get(&["runs", &name], Vec::new()).await?;
        if run.has_ended() {
            return Ok(run);
        }
        // Nothing but an end, or an absence in which it may have come, is a reason to look again.
        while let Some(event) = events.next().await? {
            progress(&run, &event);
            if matches!(event.kind.as_str(), "workflow.completed" | "workflow.failed" | "workflow.cancelled") {
                break;
            }
        }
    }
}

fn progress(run: &Run, event: &Event) {
    let task = run.tasks.iter().find(|task| Some(task.id) == event.task_id);
    match task {
        Some(task) => print::talk(&format!("{} {}", event.kind, task.name)),
        None => print::talk(&event.kind),
    }
}

async fn task_ended(session: &Session, task: Task, timeout: Option<Duration>) -> Result<u8, Failure> {
    let task = within(timeout, until_task_ended(session, &task)).await?;
    print::talk(&format!("{} {}", task.name, state(&task.state, task.outcome.as_deref())));
    print::data(&render::one(session.format, &task, &session.view.at(clock::wall())));
    Ok(if task.state == "skipped" { code::DONE } else { exit(&task.state) })
}

async fn until_task_ended(session: &Session, task: &Task) -> Result<Task, Failure> {
    let mut events = Follow::open(session, vec![("run", task.run_id.to_string())], None).await?;
    loop {
        let now: Task = session.client.get(&["tasks", &task.id.to_string()], Vec::new()).await?;
        if now.has_ended() {
            return Ok(now);
        }
        while let Some(event) = events.next().await? {
            if event.task_id == Some(task.id) {
                break;
            }
        }
    }
}

/// `work`, given up after `timeout`.
pub(crate) async fn within<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match timeout {
        None => work.await,
        Some(length) => match tokio::time::timeout(length.to_std(), work).await {
            Ok(done) => done,
            Err(_) => Err(Failure::new(code::GAVE_UP_WAITING, format!("it has not ended within {length}"))
                .hint("it goes on; wait again, or end it with `campanile ctl cancel ID`")),
        },
    }
}
