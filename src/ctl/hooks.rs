//! `ctl hooks`.

use super::Session;
use super::failure::Failure;
use super::render::{self, Shown};
use super::view::View;
use crate::print;
use crate::wire::{Hook, Page, code};

/// The words of `ctl hooks`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl hooks
  campanile ctl hooks -o yaml")]
pub(crate) struct Words {}

pub(crate) async fn run(session: &Session, _words: Words) -> Result<u8, Failure> {
    let page: Page<Hook> = session.client.get(&["hooks"], Vec::new()).await?;
    print::data(&render::list(session.format, &page.items, &session.view));
    Ok(code::DONE)
}

impl Shown for Hook {
    const HEADER: &'static [&'static str] = &["hook", "of", "on", "jobs", "kind", "tries", "timeout"];

    fn cells(&self, _view: &View) -> Vec<String> {
        let of = self.job.clone().unwrap_or_else(|| "configuration".to_owned());
        let jobs = match (&self.job, self.jobs.is_empty()) {
            (Some(job), true) => job.clone(),
            (None, true) => "*".to_owned(),
            (_, false) => self.jobs.join(", "),
        };
        let tries = self.max_attempts.to_string();
        vec![self.name.clone(), of, self.on.join(", "), jobs, self.kind.clone(), tries, self.timeout.clone()]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
