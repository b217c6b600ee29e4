//! `ctl pause [JOB]` and `ctl resume [JOB]`.

use serde::Serialize;

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::instant::{self, Direction};
use super::{render, status};
use crate::print;
use crate::wire::request::{Pause, Resume, ResumeCatchUp};
use crate::wire::{Job, code};

/// The words of `ctl pause`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl pause nightly --note 'the disk is full' --until tomorrow
  campanile ctl pause   # starts nothing at all until it is resumed")]
pub(crate) struct PauseWords {
    /// The job; everything without one
    job: Option<String>,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// When it ends by itself, as in `2h`, `tomorrow` or `2027-01-31 09:00`
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// The words of `ctl resume`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl resume nightly
  campanile ctl resume --catch-up latest")]
pub(crate) struct ResumeWords {
    /// The job; everything without one
    job: Option<String>,
    /// Which of the due times that passed meanwhile start after all; `all` is as many as `catch_up_max` of the schedule
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    catch_up: ResumeCatchUp,
}

pub(crate) async fn pause(session: &Session, PauseWords { job, note, until }: PauseWords) -> Result<u8, Failure> {
    let until = until.map(|text| instant::read(&text, Direction::Ahead, &session.view)).transpose()?;
    steer(session, "pause", job, &Pause { note, until }).await
}

pub(crate) async fn resume(session: &Session, ResumeWords { job, catch_up }: ResumeWords) -> Result<u8, Failure> {
    steer(session, "resume", job, &Resume { catch_up }).await
}

/// Does `verb`, which is `pause` or `resume`, as `how` says.
async fn steer(session: &Session, verb: &str, job: Option<String>, how: &impl Serialize) -> Result<u8, Failure> {
    let shown = match &job {
        None => {
            session.client.tell_how(&[verb], how).await?;
            print::talk(&format!("{verb}d everything"));
            render::one(session.format, &status::get(session).await?, &session.view)
        }
        Some(name) => {
            if let Err(failure) = session.client.tell_how(&["jobs", name, verb], how).await {
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
