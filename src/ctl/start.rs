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
pub(crate) struct Words {
    /// The job's name
    job: String,
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

pub(crate) async fn run(session: &Session, Words { job, at, force, wait }: Words) -> Result<u8, Failure> {
    let at = at.map(|text| instant::read(&text, Direction::Ahead, &session.view)).transpose()?;
    let wanted = request::Start { at, force, ..request::Start::default() };
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
        Format::Json | Format::Jsonl | Format::Yaml => {
            let run = runs::find(session, &started.id.to_string()).await?;
            print::data(&render::one(session.format, &run, &session.view));
        }
    }
    Ok(code::DONE)
}
