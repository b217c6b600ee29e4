//! `ctl submit`: a command from the words behind `--`, or tasks as JSON from stdin. Each task from stdin is sent as it is:
//! which keys a task may have, the daemon knows.

use std::io::{IsTerminal, Read};

use reqwest::Method;
use serde_json::{Value, json};

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::instant::{self, Direction};
use super::{render, runs, wait};
use crate::model::duration::Duration;
use crate::model::id::RunId;
use crate::print;
use crate::wire::code;
use crate::wire::request::Submitted;

/// The words of `ctl submit`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl submit -- echo hello
  campanile ctl submit --wait --timeout 1m --priority 1 -- sh -c 'exit 3'   # exits 1
  echo '{\"shell\": \"echo $A\", \"env\": {\"A\": \"b\"}}' | campanile ctl submit --wait
  echo '[{\"noop\": true}, {\"noop\": true}]' | campanile ctl submit -o name")]
pub(crate) struct Words {
    /// Wait until it has ended; exit 0 if it completed, 1 if not
    #[arg(long)]
    wait: bool,
    /// Stop it after this long
    #[arg(long, value_name = "DURATION", requires = "argv")]
    timeout: Option<Duration>,
    /// Not before this time
    #[arg(long, value_name = "TIME", requires = "argv", conflicts_with = "delay")]
    at: Option<String>,
    /// Not before so long has passed, however the clock is set meanwhile
    #[arg(long = "in", value_name = "DURATION", requires = "argv")]
    delay: Option<Duration>,
    /// 1 goes first, 9 last
    #[arg(long, value_name = "N", requires = "argv", value_parser = clap::value_parser!(i64).range(1..=9))]
    priority: Option<i64>,
    /// The program and its arguments; without any, a task or a list of tasks is read from stdin as JSON
    #[arg(last = true, value_name = "ARGV")]
    argv: Vec<String>,
}

/// The body of the request, once the words are understood.
fn body(session: &Session, words: Words) -> Result<Vec<u8>, Failure> {
    let Words { wait: _, timeout, at, delay, priority, argv } = words;
    if argv.is_empty() {
        return from_stdin();
    }
    let at = at.map(|text| instant::read(&text, Direction::Ahead, &session.view)).transpose()?;
    let mut task = serde_json::Map::new();
    task.insert("command".to_owned(), argv.into());
    task.extend(timeout.map(|length| ("timeout".to_owned(), length.to_string().into())));
    task.extend(at.map(|at| ("at".to_owned(), at.to_string().into())));
    task.extend(delay.map(|length| ("delay".to_owned(), length.to_string().into())));
    task.extend(priority.map(|number| ("priority".to_owned(), number.into())));
    Ok(json!({ "tasks": [task] }).to_string().into_bytes())
}

fn from_stdin() -> Result<Vec<u8>, Failure> {
    const HINT: &str = "name a command behind `--`, or send a task: `campanile ctl submit < task.json`";
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Failure::usage("nothing says what to run").hint(HINT));
    }
    let mut text = Vec::new();
    stdin.read_to_end(&mut text).map_err(|error| Failure::usage(format!("stdin cannot be read: {error}")))?;
    if text.trim_ascii().is_empty() {
        return Err(Failure::usage("nothing came from stdin").hint(HINT));
    }
    wrapped(&text).map_err(Failure::usage)
}

/// One task or a list of them, as the body of a request; lines stay where they are, so that places in messages are those
/// of what was written.
fn wrapped(text: &[u8]) -> Result<Vec<u8>, String> {
    let (before, after): (&[u8], &[u8]) = match serde_json::from_slice(text) {
        Ok(Value::Object(whole)) if whole.contains_key("tasks") => (b"", b""),
        Ok(Value::Object(_)) => (b"{\"tasks\":[", b"]}"),
        Ok(Value::Array(_)) => (b"{\"tasks\":", b"}"),
        Ok(_) => return Err("what came from stdin is no task: it is neither an object nor a list".to_owned()),
        Err(error) => return Err(format!("what came from stdin is not JSON: {error}")),
    };
    Ok([before, text, after].concat())
}

pub(crate) async fn run(session: &Session, words: Words) -> Result<u8, Failure> {
    let wait = words.wait;
    let body = body(session, words)?;
    let Submitted { ids } = session.client.give(Method::POST, &["tasks"], "application/json", body).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_or_a_list_of_them_becomes_the_body() {
        for (text, expected) in [
            ("{\"noop\":true}", Ok("{\"tasks\":[{\"noop\":true}]}")),
            ("[{\"noop\":true}]\n", Ok("{\"tasks\":[{\"noop\":true}]\n}")),
            ("{\"tasks\":[]}", Ok("{\"tasks\":[]}")),
            ("7", Err("neither an object nor a list")),
            ("{", Err("not JSON: EOF while parsing an object at line 1 column 1")),
        ] {
            match (wrapped(text.as_bytes()), expected) {
                (Ok(body), Ok(expected)) => assert_eq!(String::from_utf8_lossy(&body), expected),
                (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{problem}"),
                (body, expected) => panic!("{text}: {body:?}, expected {expected:?}"),
            }
        }
    }
}
