//! `ctl next [JOB]`.

use super::Session;
use super::failure::Failure;
use super::instant::{self, Direction};
use super::render::{self, Shown};
use super::view::View;
use crate::print;
use crate::wire::{Next, Page, code};

/// The words of `ctl next`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl next
  campanile ctl next nightly -n 3
  campanile ctl next --until 2d -o csv")]
pub(crate) struct Words {
    /// Only those of this job
    job: Option<String>,
    /// How many; 10 unless there is an end
    #[arg(short = 'n', value_name = "N")]
    n: Option<usize>,
    /// None after this time, as in `2d` or `2027-01-31 09:00`
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub(crate) async fn run(session: &Session, Words { job, n, until }: Words) -> Result<u8, Failure> {
    let until = until.map(|text| instant::read(&text, Direction::Ahead, &session.view)).transpose()?;
    let mut query = Vec::new();
    query.extend(job.clone().map(|job| ("job", job)));
    query.extend(n.map(|n| ("n", n.to_string())));
    query.extend(until.map(|at| ("until", at.to_string())));
    let page: Page<Next> = match (session.client.get(&["next"], query).await, job) {
        (Ok(page), _) => page,
        (Err(failure), Some(job)) => return Err(session.client.suggest(failure, &job).await),
        (Err(failure), None) => return Err(failure),
    };
    print::data(&render::list(session.format, &page.items, &session.view));
    Ok(code::DONE)
}

impl Shown for Next {
    const HEADER: &'static [&'static str] = &["due", "job", "in", "note"];

    fn cells(&self, view: &View) -> Vec<String> {
        let paused = self.paused.then(|| "paused".to_owned());
        let skipped = self.skipped.then(|| "skipped".to_owned());
        let note: Vec<String> = paused.into_iter().chain(skipped).chain(self.problem.clone()).collect();
        vec![view.local(self.due_at), self.job.clone(), view.relative(Some(self.due_at)), note.join("; ")]
    }

    fn name(&self) -> String {
        self.job.clone()
    }
}
