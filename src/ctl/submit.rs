//! `ctl submit -- ARGV…`.

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::{render, runs, wait};
use crate::model::duration::Duration;
use crate::print;
use crate::wire::code;
use crate::wire::request::{Submit, Submitted, SubmittedTask};

/// The words of `ctl submit`.
#[derive(clap::Args, Debug)]
pub(crate) struct Words {
    /// Wait until it has ended; exit 0 if it completed, 1 if not
    #[arg(long)]
    wait: bool,
    /// Stop it after this long
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Duration>,
    /// 1 goes first, 9 last
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=9))]
    priority: Option<i64>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "ARGV")]
    argv: Vec<String>,
}

pub(crate) async fn run(session: &Session, Words { wait, timeout, priority, argv }: Words) -> Result<u8, Failure> {
    let task = SubmittedTask { command: Some(argv), timeout, priority, ..SubmittedTask::default() };
    let submitted: Submitted = session.client.post(&["tasks"], &Submit { tasks: vec![task] }).await?;
    let Some(id) = submitted.ids.first().copied() else {
        return Err(Failure::new(code::FAILED, "the daemon names no run"));
    };
    print::talk(&format!("submitted {}", id.short()));
    if wait {
        return wait::ended(session, id, None).await;
    }
    match session.format {
        Format::Table | Format::Name => print::data(&format!("{id}\n")),
        Format::Json | Format::Jsonl | Format::Yaml => {
            let run = runs::find(session, &id.to_string()).await?;
            print::data(&render::one(session.format, &run, &session.view));
        }
    }
    Ok(code::DONE)
}
