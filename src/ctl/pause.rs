//! `ctl pause [JOB]` and `ctl resume [JOB]`.

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::{render, status};
use crate::print;
use crate::wire::{Job, code};

/// The words of `ctl pause` and `ctl resume`.
#[derive(clap::Args, Debug)]
pub(crate) struct Words {
    /// The job; everything without one
    job: Option<String>,
}

/// Does `verb`, which is `pause` or `resume`.
pub(crate) async fn run(session: &Session, Words { job }: Words, verb: &str) -> Result<u8, Failure> {
    let shown = match &job {
        None => {
            session.client.tell(&[verb]).await?;
            print::talk(&format!("{verb}d everything"));
            render::one(session.format, &status::get(session).await?, &session.view)
        }
        Some(name) => {
            if let Err(failure) = session.client.tell(&["jobs", name, verb]).await {
                return Err(session.client.suggest(failure, name).await);
            }
            print::talk(&format!("{verb}d `{name}`"));
            let job: Job = session.client.get(&["jobs", name], Vec::new()).await?;
            render::one(session.format, &job, &session.view)
        }
    };
    if session.format != Format::Table {
        print::data(&shown);
    }
    Ok(code::DONE)
}
