//! `ctl logs ID`: what a run or task wrote, from attempt to attempt and task to task, until it has ended. When the daemon
//! is away in between, it is asked again from the beginning, and the writer leaves out what it has shown.

use reqwest::Response;

use super::Session;
use super::client::{Query, nearest};
use super::failure::Failure;
use super::follow::patiently;
use super::lines::{Shape, Writer};
use super::runs::{self, Found};
use crate::print;
use crate::wire::code;

/// The words of `ctl logs`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl logs nightly
  campanile ctl logs nightly#1 --task dump --tail 20 --timestamps
  campanile ctl logs nightly --follow --stream stderr --streams
  campanile ctl logs nightly@-1 -o jsonl")]
pub(crate) struct Words {
    /// The run or task: an id or a piece of one, JOB#N, JOB@-1, or JOB for its latest run
    id: String,
    /// Only what this task of the run wrote
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Only what this attempt wrote
    #[arg(long, value_name = "N")]
    attempt: Option<u64>,
    /// Only what was written to this stream; `runner` says what the runner itself has to say
    #[arg(long, value_name = "STREAM", value_parser = ["stdout", "stderr", "runner"])]
    stream: Option<String>,
    /// Only the last lines of each task, and what comes after
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
    /// Go on until the run or task has ended
    #[arg(short, long)]
    follow: bool,
    /// Show when each line was written
    #[arg(long)]
    timestamps: bool,
    /// Show to which stream each line was written
    #[arg(long)]
    streams: bool,
}

pub(crate) async fn run(session: &Session, words: Words) -> Result<u8, Failure> {
    let Words { id, task, attempt, stream, tail, follow, timestamps, streams } = words;
    let (kind, id, several) = match runs::find_any(session, &id).await? {
        Found::Run(run) => {
            if let Some(task) = &task {
                known(task, run.tasks.iter().map(|task| task.name.as_str()))?;
            }
            ("runs", run.id.to_string(), run.tasks.len() > 1 && task.is_none())
        }
        Found::Task(task) => ("tasks", task.id.to_string(), false),
    };
    let mut query: Query<'_> = Vec::new();
    query.extend(attempt.map(|attempt| ("attempt", attempt.to_string())));
    query.extend(task.filter(|_| kind == "runs").map(|task| ("task", task)));
    let shape = Shape { format: session.format, several, timestamps, streams, only: stream, tail };
    let mut writer = Writer::new(shape, &session.view);
    let path = [kind, id.as_str(), "logs"];
    print::data(&writer.begin());
    if tail.is_some() {
        let mut response = session.client.open(&path, query.clone()).await?;
        if let Some(error) = show(&mut response, &mut writer).await? {
            return Err(session.client.absent(&error));
        }
        print::data(&writer.release());
        writer.again();
    }
    if tail.is_none() || follow {
        query.push(("follow", follow.to_string()));
        read(session, &path, &query, follow, &mut writer).await?;
    }
    print::data(&writer.finish());
    Ok(code::DONE)
}

/// Refuses a task that the run does not have.
fn known<'a>(name: &str, tasks: impl Iterator<Item = &'a str> + Clone) -> Result<(), Failure> {
    if tasks.clone().any(|task| task == name) {
        return Ok(());
    }
    let failure = Failure::new(code::NOT_FOUND, format!("the run has no task `{name}`"));
    Err(match nearest(name, tasks.clone()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => {
            failure.hint(format!("it has {}", tasks.map(|task| format!("`{task}`")).collect::<Vec<_>>().join(", ")))
        }
    })
}

async fn read(
    session: &Session,
    path: &[&str],
    query: &Query<'_>,
    follow: bool,
    writer: &mut Writer<'_>,
) -> Result<(), Failure> {
    let mut response = session.client.open(path, query.clone()).await?;
    loop {
        match show(&mut response, writer).await? {
            None => return Ok(()),
            Some(error) if !follow => return Err(session.client.absent(&error)),
            Some(_) => {
                response = patiently(async || session.client.open(path, query.clone()).await).await?;
                writer.again();
            }
        }
    }
}

/// Shows what an answer holds; the error with which it broke off before its end, if it did.
async fn show(response: &mut Response, writer: &mut Writer<'_>) -> Result<Option<reqwest::Error>, Failure> {
    let mut unfinished: Vec<u8> = Vec::new();
    loop {
        let bytes = match response.chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(error)),
        };
        unfinished.extend_from_slice(&bytes);
        let whole = unfinished.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines: Vec<u8> = unfinished.drain(..whole).collect();
        print::data(&writer.write(&lines)?);
    }
}
