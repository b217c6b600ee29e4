//! The client: `campanile ctl VERB`. It owns the words, how answers look and what exit code follows; whatever is asked
//! goes over the daemon's socket, and nothing here touches the store.
//!
//! stdout is data, stderr is talk: what a program would read is on stdout in every format, progress and remarks are not.

mod backfill;
mod cancel;
mod client;
mod deliveries;
mod effective;
mod events;
mod failure;
mod follow;
mod format;
mod hooks;
mod instant;
mod jobs;
mod lines;
mod logs;
mod next;
mod pause;
mod put;
mod record;
mod reload;
mod render;
mod runs;
mod skip;
mod start;
mod status;
mod submit;
mod table;
mod tasks;
mod view;
mod wait;
mod why;

pub(crate) use failure::Failure;
pub(crate) use instant::{Direction, read as instant};
pub(crate) use start::param;
pub(crate) use table::table;
pub(crate) use view::View;

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use client::{Client, nearest};
use format::Format;

use crate::wire::{Job, code};
use crate::{clock, print};

/// The words of `campanile ctl`.
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  campanile ctl status
  campanile ctl runs --state failed --since 2d
  campanile ctl start nightly --wait
  campanile ctl logs nightly")]
pub struct Words {
    /// The daemon's socket
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// How answers look: tables for people, the rest for programs
    #[arg(short = 'o', long = "output", global = true, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// When words are coloured
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: print::Colour,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Show what is true of the daemon now
    Status(status::Words),
    /// List the jobs
    Jobs(jobs::ListWords),
    /// Show one job, or put one in place
    Job(jobs::Words),
    /// List runs, newest first
    Runs(runs::ListWords),
    /// Show one run with its tasks
    Run(runs::Words),
    /// List tasks, newest first; those of one run in order
    Tasks(tasks::ListWords),
    /// Show one task
    Task(tasks::Words),
    /// Show what a run or task wrote
    Logs(logs::Words),
    /// Show what happened, oldest first
    Events(events::Words),
    /// Start a job by hand
    Start(start::Words),
    /// Run a command now, as a run that belongs to no job
    Submit(submit::Words),
    /// Wait until a run or task has ended
    Wait(wait::Words),
    /// End a run, task or backfill before its time
    Cancel(cancel::Words),
    /// Start nothing of a job, or nothing at all
    Pause(pause::PauseWords),
    /// Take back a pause
    Resume(pause::ResumeWords),
    /// Skip a due time that lies ahead
    Skip(skip::Words),
    /// Run due times of the past
    Backfill(backfill::Words),
    /// List backfills, newest first, or show one
    Backfills(backfill::ListWords),
    /// Have the daemon read its job files again
    Reload(reload::Words),
    /// Say what became of a due time
    Why(why::Words),
    /// Show due times ahead
    Next(next::Words),
    /// List the hooks, and what they wait for
    Hooks(hooks::Words),
    /// List what hooks are owed, or try one again
    Deliveries(deliveries::Words),
}

/// How long a daemon is waited for that only a hint is wanted of.
const PATIENCE: Duration = Duration::from_secs(1);

/// What every verb is given.
struct Session {
    client: Client,
    format: Format,
    view: View,
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    match run(words) {
        Ok(exit) => exit,
        Err(failure) => failure.tell(),
    }
}

fn run(Words { socket, format, color, verb }: Words) -> Result<u8, Failure> {
    print::colour(color);
    let socket = socket.unwrap_or_else(crate::files::places::socket);
    let runtime = event_loop()?;
    let session = Session { client: Client::new(socket)?, format, view: View::here(clock::wall()) };
    runtime.block_on(async {
        // Only a status says it itself.
        let is_told = matches!(verb, Verb::Status(_) | Verb::Pause(_) | Verb::Resume(_));
        let done = dispatch(&session, verb).await;
        if done.is_ok() && !is_told && session.format == Format::Table {
            status::tell_pause(&session).await;
        }
        done
    })
}

fn event_loop() -> Result<tokio::runtime::Runtime, Failure> {
    let unusable = |error| Failure::new(code::FAILED, format!("no event loop could be made: {error}"));
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unusable)
}

/// The jobs that are in force at the daemon at `socket`.
pub(crate) fn jobs_in_force(socket: Option<PathBuf>) -> Result<Vec<Job>, Failure> {
    let client = Client::new(socket.unwrap_or_else(crate::files::places::socket))?;
    event_loop()?.block_on(client.list(&["jobs"], Vec::new(), None))
}

/// Whether `word` is a job of the daemon at `socket`, or else which is most like it; nothing if nobody answers.
pub(crate) fn meant_job(socket: Option<PathBuf>, word: &str) -> Option<Meant> {
    let client = Client::new(socket.unwrap_or_else(crate::files::places::socket)).ok()?;
    let runtime = event_loop().ok()?;
    let jobs = runtime.block_on(async { tokio::time::timeout(PATIENCE, client.jobs()).await }).ok()?.ok()?;
    match nearest(word, jobs.iter().map(String::as_str)) {
        _ if jobs.iter().any(|job| job == word) => Some(Meant::Job),
        Some(near) => Some(Meant::Like(near.to_owned())),
        None => None,
    }
}

/// What a word that is no command may have meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Meant {
    /// It is the name of a job.
    Job,
    /// It is like the name of this job.
    Like(String),
}

async fn dispatch(session: &Session, verb: Verb) -> Result<u8, Failure> {
    match verb {
        // table
        Verb::Status(words) => status::run(session, words).await,
        Verb::Jobs(words) => jobs::list(session, words).await,
        Verb::Job(words) => jobs::one(session, words).await,
        Verb::Runs(words) => runs::list(session, words).await,
        Verb::Run(words) => runs::one(session, words).await,
        Verb::Tasks(words) => tasks::list(session, words).await,
        Verb::Task(words) => tasks::one(session, words).await,
        Verb::Logs(words) => logs::run(session, words).await,
        Verb::Events(words) => events::run(session, words).await,
        Verb::Start(words) => start::run(session, words).await,
        Verb::Submit(words) => submit::run(session, words).await,
        Verb::Wait(words) => wait::run(session, words).await,
        Verb::Cancel(words) => cancel::run(session, words).await,
        Verb::Pause(words) => pause::pause(session, words).await,
        Verb::Resume(words) => pause::resume(session, words).await,
        Verb::Skip(words) => skip::run(session, words).await,
        Verb::Backfill(words) => backfill::start(session, words).await,
        Verb::Backfills(words) => backfill::list(session, words).await,
        Verb::Reload(words) => reload::run(session, words).await,
        Verb::Why(words) => why::run(session, words).await,
        Verb::Next(words) => next::run(session, words).await,
        Verb::Hooks(words) => hooks::run(session, words).await,
        Verb::Deliveries(words) => deliveries::run(session, words).await,
    }
}
