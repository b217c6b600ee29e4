//! `ctl start JOB`.

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::instant::{self, Direction};
use super::{render, runs, wait};
use crate::print;
use crate::wire::{code, request};

/// The words of `ctl start`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl start nightly
  campanile ctl start nightly --wait
  campanile ctl start nightly --at '2027-01-31 02:30' --force -o json")]
pub(crate) struct Words {
    /// The job's name
    job: String,
    /// A value of one of its parameters, as NAME=VALUE; may be given again
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    /// The due time that the run is to believe in
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Start it even if it is paused or enough runs of it are live
    #[arg(long)]
    force: bool,
    /// Wait until it has ended; exit 0 if it completed, 1 if not
    #[arg(long)]
    wait: bool,
}

/// Reads `NAME=VALUE`. What kind of value it is, the job says.
fn param(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("it is not NAME=VALUE".to_owned()),
    }
}

pub(crate) async fn run(session: &Session, words: Words) -> Result<u8, Failure> {
    let Words { job, params, at, force, wait } = words;
    let at = at.map(|text| instant::read(&text, Direction::Ahead, &session.view)).transpose()?;
    let mut given = serde_json::Map::new();
    for (name, value) in params {
        if given.insert(name.clone(), value.into()).is_some() {
            return Err(Failure::usage(format!("the parameter `{name}` is given twice")));
        }
    }
    let wanted = request::Start { at, force, params: given };
    let started: request::Started = match session.client.post(&["jobs", &job, "runs"], &wanted).await {
        Ok(started) => started,
        Err(failure) => return Err(session.client.suggest(failure, &job).await),
    };
    print::talk(&format!("started {}#{}", started.job, started.number));
    if wait {
        return wait::ended(session, started.id, None).await;
    }
    match session.format {
        Format::Table | Format::Name => print::data(&format!("{}\n", started.id)),
        Format::Json | Format::Jsonl | Format::Yaml | Format::Csv => {
            let run = runs::find(session, &started.id.to_string()).await?;
            print::data(&render::one(session.format, &run, &session.view));
        }
    }
    Ok(code::DONE)
}
