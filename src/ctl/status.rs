//! `ctl status`.

use super::Session;
use super::failure::Failure;
use super::render::{self, Shown};
use super::view::View;
use crate::print;
use crate::wire::{Status, code};

/// The words of `ctl status`.
#[derive(clap::Args, Debug)]
pub(crate) struct Words {}

pub(crate) async fn run(session: &Session, _words: Words) -> Result<u8, Failure> {
    let status = get(session).await?;
    print::data(&render::one(session.format, &status, &session.view));
    Ok(code::DONE)
}

/// What is true of the daemon now.
pub(crate) async fn get(session: &Session) -> Result<Status, Failure> {
    session.client.get(&["status"], Vec::new()).await
}

impl Shown for Status {
    const HEADER: &'static [&'static str] = &["version", "started", "state", "jobs", "tasks"];

    fn cells(&self, view: &View) -> Vec<String> {
        let tasks = self.tasks;
        vec![
            self.version.clone(),
            view.full(Some(self.started_at)),
            if self.paused { "paused" } else { "active" }.to_owned(),
            self.jobs.to_string(),
            format!("{} queued, {} running, {} waiting", tasks.queued, tasks.running, tasks.waiting),
        ]
    }

    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        let mut details: Vec<_> = Self::HEADER.iter().copied().zip(self.cells(view)).collect();
        let next = self.next.iter().map(|next| {
            let paused = if next.paused { ", paused" } else { "" };
            format!("{} {}{paused}", next.job, view.full(Some(next.due_at)))
        });
        let next: Vec<String> = next.collect();
        details.push(("next", if next.is_empty() { "-".to_owned() } else { next.join("\n") }));
        let invalid = self.invalid.iter().flat_map(|file| {
            let problems = file.problems.iter().map(ToString::to_string).collect::<Vec<_>>();
            if problems.is_empty() { vec![file.path.clone()] } else { problems }
        });
        let invalid: Vec<String> = invalid.collect();
        if !invalid.is_empty() {
            details.push(("invalid", invalid.join("\n")));
        }
        details
    }

    fn name(&self) -> String {
        self.version.clone()
    }
}
