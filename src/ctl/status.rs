//! `ctl status`, once or for as long as somebody looks. Watching asks when events say that something has changed, and at
//! most a few times a second; a daemon in which nothing happens is asked nothing.

use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Session;
use super::failure::Failure;
use super::follow::{Follow, patiently};
use super::format::Format;
use super::record::{header, record};
use super::render::{self, Shown};
use super::view::View;
use crate::model::timestamp::Timestamp;
use crate::wire::status::Chore;
use crate::wire::{Status, code};
use crate::{clock, print};

/// How often is looked at most, and how often a screen is drawn again for the times on it.
const GLANCE: Duration = Duration::from_millis(200);
const REDRAW: Duration = Duration::from_secs(1);

/// The words of `ctl status`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl status
  campanile ctl status -o json
  campanile ctl status --watch   # until you interrupt it")]
pub(crate) struct Words {
    /// Go on: drawn again on a terminal, else one JSON object a line whenever it has changed
    #[arg(short, long)]
    watch: bool,
}

pub(crate) async fn run(session: &Session, Words { watch }: Words) -> Result<u8, Failure> {
    if watch {
        return on(session).await;
    }
    let status = get(session).await?;
    print::data(&render::one(session.format, &status, &session.view));
    Ok(code::DONE)
}

/// What is true of the daemon now.
pub(crate) async fn get(session: &Session) -> Result<Status, Failure> {
    session.client.get(&["status"], Vec::new()).await
}

/// Says that everything is paused, if it is: whoever looks at one thing is not to be puzzled that it does not start.
pub(crate) async fn tell_pause(session: &Session) {
    if let Ok(status) = get(session).await
        && let Some(pause) = pause(&status, &session.view)
    {
        print::talk(&format!("note: everything is paused {pause}; nothing starts until `campanile ctl resume`"));
    }
}

/// By whom everything is paused, since when, until when and why, if it is.
fn pause(status: &Status, view: &View) -> Option<String> {
    let Status { paused_by: by, paused_at: at, paused_until: until, paused_note: note, .. } = status;
    status.paused.then(|| Pause { by: by.as_deref(), at: *at, until: *until, note: note.as_deref() }.told(view))
}

/// A pause, of a job or of everything.
pub(crate) struct Pause<'a> {
    pub(crate) by: Option<&'a str>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) note: Option<&'a str>,
}

impl Pause<'_> {
    /// It in words.
    pub(crate) fn told(&self, view: &View) -> String {
        let mut said = format!("by {} since {}", self.by.unwrap_or("somebody"), view.full(self.at));
        if self.until.is_some() {
            said += &format!(" until {}", view.full(self.until));
        }
        match self.note {
            Some(note) => format!("{said}: {note}"),
            None => said,
        }
    }
}

async fn on(session: &Session) -> Result<u8, Failure> {
    // The stream first: what changes between the two is in it.
    let events = Follow::open(session, Vec::new(), None).await?;
    let events = stream::unfold(events, async |mut events| Some((events.next().await, events)));
    let mut events = pin!(events);
    let draws = session.format == Format::Table && session.view.columns.is_some();
    if session.format == Format::Csv {
        print::data(&header::<Status>());
    }
    let (mut glance, mut redraw) = (ticks(GLANCE), ticks(REDRAW));
    let mut status = get(session).await?;
    show(session, &status, draws);
    let mut is_stale = false;
    loop {
        tokio::select! {
            event = events.next() => {
                event.transpose()?;
                is_stale = true;
            }
            _ = glance.tick(), if is_stale => {
                is_stale = false;
                let now = patiently(async || get(session).await).await?;
                if draws || now != status {
                    status = now;
                    show(session, &status, draws);
                }
            }
            _ = redraw.tick(), if draws => show(session, &status, draws),
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn show(session: &Session, status: &Status, draws: bool) {
    let view = session.view.at(clock::wall());
    match session.format {
        Format::Table if draws => print::screen(&render::one(Format::Table, status, &view)),
        Format::Table | Format::Json | Format::Jsonl => print::data(&render::line(status)),
        Format::Yaml => print::data(&format!("---\n{}", render::yaml(status))),
        Format::Name => print::data(&render::one(Format::Name, status, &view)),
        Format::Csv => print::data(&record(status)),
    }
}

/// How a chore went when it was last done.
fn stands(chore: &Chore, view: &View) -> String {
    let Chore { name, cron, succeeded_at, failed_at, error } = chore;
    match (error, succeeded_at) {
        (Some(error), at) => {
            let before = at.map(|at| format!("; last done {}", view.full(Some(at)))).unwrap_or_default();
            format!("{name} failed {}: {error}{before}", view.full(*failed_at))
        }
        (None, Some(at)) => format!("{name} done {}", view.full(Some(*at))),
        (None, None) => format!("{name} not yet done ({cron}, in UTC)"),
    }
}

impl Shown for Status {
    const HEADER: &'static [&'static str] = &["version", "started", "state", "jobs", "tasks"];

    fn cells(&self, view: &View) -> Vec<String> {
        let tasks = self.tasks;
        let paused = "paused: nothing starts until `campanile ctl resume`";
        vec![
            self.version.clone(),
            view.full(Some(self.started_at)),
            if self.paused { paused } else { "active" }.to_owned(),
            self.jobs.to_string(),
            format!("{} queued, {} running, {} waiting", tasks.queued, tasks.running, tasks.waiting),
        ]
    }

    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        let mut details: Vec<_> = Self::HEADER.iter().copied().zip(self.cells(view)).collect();
        details.extend(pause(self, view).map(|said| ("paused", said)));
        if let Some(why) = &self.runner.error {
            details.push(("runner", format!("none, and nothing is started until there is one: {why}")));
        }
        let next = self.next.iter().map(|next| {
            let paused = match (next.skipped, next.paused) {
                (true, _) => ", skipped",
                (false, true) => ", paused",
                (false, false) => "",
            };
            let problem = next.problem.as_ref().map(|problem| format!(", {problem}")).unwrap_or_default();
            format!("{} {}{paused}{problem}", next.job, view.full(Some(next.due_at)))
        });
        let next: Vec<String> = next.collect();
        details.push(("next", if next.is_empty() { "-".to_owned() } else { next.join("\n") }));
        let chores: Vec<String> = self.housekeeping.iter().map(|chore| stands(chore, view)).collect();
        if !chores.is_empty() {
            details.push(("chores", chores.join("\n")));
        }
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
