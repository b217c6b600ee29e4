//! `ctl submit`: a command from the words behind `--`, or tasks as JSON from stdin. What comes from stdin is sent as it
//! is: which keys a task may have, the daemon knows.

use std::io::{IsTerminal, Read};

use reqwest::Method;
use serde_json::Value;

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::{render, runs, wait};
use crate::model::duration::Duration;
use crate::model::id::RunId;
use crate::print;
use crate::wire::code;
use crate::wire::request::{Submit, Submitted, SubmittedTask};

/// The words of `ctl submit`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl submit -- echo hello
  campanile ctl submit --wait --timeout 1m --priority 1 -- sh -c 'exit 3'   # exits 1
  echo '{\"shell\": \"echo $GREETING\", \"env\": {\"GREETING\": \"hello\"}}' | campanile ctl submit --wait
  echo '[{\"noop\": true}, {\"noop\": true}]' | campanile ctl submit -o name")]
pub(crate) struct Words {
    /// Wait until it has ended; exit 0 if it completed, 1 if not
    #[arg(long)]
    wait: bool,
    /// Stop it after this long
    #[arg(long, value_name = "DURATION", requires = "argv")]
    timeout: Option<Duration>,
    /// 1 goes first, 9 last
    #[arg(long, value_name = "N", requires = "argv", value_parser = clap::value_parser!(i64).range(1..=9))]
    priority: Option<i64>,
    /// The program and its arguments; without any, a task or a list of tasks is read from stdin as JSON
    #[arg(last = true, value_name = "ARGV")]
    argv: Vec<String>,
}

/// What is to be done, once the words are understood.
enum Wanted {
    Command(SubmittedTask),
    /// A JSON object or a list of them.
    Tasks(Vec<u8>),
}

impl Wanted {
    fn new(argv: Vec<String>, timeout: Option<Duration>, priority: Option<i64>) -> Result<Self, Failure> {
        if !argv.is_empty() {
            let task = SubmittedTask { command: Some(argv), timeout, priority, ..SubmittedTask::default() };
            return Ok(Wanted::Command(task));
        }
        let mut stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            return Err(Failure::usage("nothing says what to run")
                .hint("name a command behind `--`, or send a task: `campanile ctl submit < task.json`"));
        }
        let mut text = Vec::new();
        stdin.read_to_end(&mut text).map_err(|error| Failure::usage(format!("stdin cannot be read: {error}")))?;
        match serde_json::from_slice(&text) {
            Ok(Value::Object(_) | Value::Array(_)) => Ok(Wanted::Tasks(text)),
            Ok(_) => Err(Failure::usage("what came from stdin is no task: it is neither an object nor a list")),
            Err(_) if text.trim_ascii().is_empty() => Err(Failure::usage("nothing came from stdin")
                .hint("name a command behind `--`, or send a task: `campanile ctl submit < task.json`")),
            Err(error) => Err(Failure::usage(format!("what came from stdin is not JSON: {error}"))),
        }
    }
}

pub(crate) async fn run(session: &Session, Words { wait, timeout, priority, argv }: Words) -> Result<u8, Failure> {
    let Submitted { ids } = match Wanted::new(argv, timeout, priority)? {
        Wanted::Command(task) => session.client.post(&["submit"], &Submit { tasks: vec![task] }).await?,
        Wanted::Tasks(text) => session.client.give(Method::POST, &["tasks"], "application/json", text).await?,
    };
    for id in &ids {
        print::talk(&format!("submitted {}", id.short()));
    }
    match wait {
        true => ended(session, &ids).await,
        false => show(session, &ids).await,
    }
}

/// Waits for all, in their order; fails with the first code that is not 0.
async fn ended(session: &Session, ids: &[RunId]) -> Result<u8, Failure> {
    let mut exit = code::DONE;
    for id in ids {
        let one = wait::ended(session, *id, None).await?;
        exit = if exit == code::DONE { one } else { exit };
    }
    Ok(exit)
}

async fn show(session: &Session, ids: &[RunId]) -> Result<u8, Failure> {
    if matches!(session.format, Format::Table | Format::Name) {
        print::data(&ids.iter().map(|id| format!("{id}\n")).collect::<String>());
        return Ok(code::DONE);
    }
    let mut found = Vec::new();
    for id in ids {
        found.push(runs::find(session, &id.to_string()).await?);
    }
    print::data(&match found.as_slice() {
        [only] => render::one(session.format, only, &session.view),
        several => render::list(session.format, several, &session.view),
    });
    Ok(code::DONE)
}
