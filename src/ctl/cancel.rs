//! `ctl cancel ID`, of a run, a task or a backfill.

use super::Session;
use super::backfill;
use super::failure::Failure;
use super::format::Format;
use super::render;
use super::runs::{self, Found};
use crate::print;
use crate::wire::{Task, code};

/// The words of `ctl cancel`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl cancel slow
  campanile ctl cancel RUN
  campanile ctl cancel BACKFILL   # its runs, and no more of it starts")]
pub(crate) struct Words {
    /// The run, task or backfill: an id or a piece of one, JOB#N, or JOB for its latest run
    id: String,
}

pub(crate) async fn run(session: &Session, Words { id }: Words) -> Result<u8, Failure> {
    match runs::find_any(session, &id).await {
        Ok(Found::Run(run)) => cancel_run(session, &run.id.to_string()).await,
        Ok(Found::Task(task)) => cancel_task(session, &task.id.to_string()).await,
        // Of the three it is the one that is cancelled most rarely.
        Err(neither) if neither.is_not_found() => match backfill::cancel(session, &id).await {
            Err(failure) if failure.is_not_found() => Err(neither),
            done => done,
        },
        Err(failure) => Err(failure),
    }
}

async fn cancel_run(session: &Session, id: &str) -> Result<u8, Failure> {
    session.client.tell(&["runs", id, "cancel"]).await?;
    let run = runs::find(session, id).await?;
    print::talk(&format!("cancelling {}", crate::wire::Run::name(&run)));
    if session.format != Format::Table {
        print::data(&render::one(session.format, &run, &session.view));
    }
    Ok(code::DONE)
}

async fn cancel_task(session: &Session, id: &str) -> Result<u8, Failure> {
    session.client.tell(&["tasks", id, "cancel"]).await?;
    let task: Task = session.client.get(&["tasks", id], Vec::new()).await?;
    print::talk(&format!("cancelling task `{}`", task.name));
    if session.format != Format::Table {
        print::data(&render::one(session.format, &task, &session.view));
    }
    Ok(code::DONE)
}
