//! `ctl why JOB@TIME`.

use super::Session;
use super::failure::Failure;
use super::instant::{self, Direction};
use super::render::{self, Shown};
use super::view::View;
use crate::print;
use crate::wire::{Why, code};

/// The words of `ctl why`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl why nightly@2027-01-31T02:30
  campanile ctl why nightly@yesterday")]
pub(crate) struct Words {
    /// The job and the due time, as in `nightly@2027-01-31T02:30`; a time without an offset is read in this machine's zone
    #[arg(value_name = "JOB@TIME")]
    question: String,
}

pub(crate) async fn run(session: &Session, Words { question }: Words) -> Result<u8, Failure> {
    let Some((job, time)) = question.split_once('@') else {
        return Err(Failure::usage(format!("`{question}` is not JOB@TIME"))
            .hint("ask as in `campanile ctl why nightly@2027-01-31T02:30`"));
    };
    let at = instant::read(time, Direction::Back, &session.view)?;
    let query = vec![("job", job.to_owned()), ("at", at.to_string())];
    let why: Why = match session.client.get(&["why"], query).await {
        Ok(why) => why,
        Err(failure) => return Err(session.client.suggest(failure, job).await),
    };
    print::data(&render::one(session.format, &why, &session.view));
    Ok(code::DONE)
}

impl Shown for Why {
    const HEADER: &'static [&'static str] = &["job", "at", "why"];

    fn cells(&self, view: &View) -> Vec<String> {
        vec![self.job.clone(), view.local(self.at), self.text.clone()]
    }

    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        let mut details: Vec<_> = Self::HEADER.iter().copied().zip(self.cells(view)).collect();
        details.extend(self.answers.iter().filter_map(|answer| answer.run_id).map(|run| ("run", run.to_string())));
        details.extend(self.backfilled.iter().map(|again| ("backfilled", again.run_id.to_string())));
        details.push(("previous", view.full(self.previous_due_at)));
        details.push(("next", view.full(self.next_due_at)));
        details
    }

    fn name(&self) -> String {
        let words = self.answers.iter().map(|answer| match (&answer.run_id, &answer.reason) {
            (_, Some(reason)) => reason.clone(),
            (Some(run), None) => run.to_string(),
            (None, None) => {
                let word = serde_json::to_value(answer.answer).ok();
                word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
            }
        });
        let words: Vec<String> = words.collect();
        if words.is_empty() { "not_due".to_owned() } else { words.join("\n") }
    }
}
