//! `ctl backfill JOB` and `ctl backfills`.

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::instant::{self, Direction};
use super::render::{self, Shown};
use super::table::table;
use super::view::View;
use crate::print;
use crate::wire::backfill::{Backfill, Backfilled};
use crate::wire::code;
use crate::wire::request::StartBackfill;

/// The words of `ctl backfill`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl backfill nightly --from 7d --to now --dry-run
  campanile ctl backfill nightly --from 2026-01-01 --to 2026-01-08
  campanile ctl backfill nightly --from 3d --to yesterday --max-runs 2 -o json")]
pub(crate) struct Words {
    /// The job's name
    job: String,
    /// The first instant that counts, as in `7d` (ago), `yesterday` or `2027-01-31 09:00`
    #[arg(long, value_name = "TIME")]
    from: String,
    /// The first instant that does not; not later than now
    #[arg(long, value_name = "TIME")]
    to: String,
    /// Only the due times of this schedule, by its name or its key; without it, of all that a clock tells
    #[arg(long, value_name = "KEY")]
    schedule: Option<String>,
    /// How many of its runs may be live at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_runs: u32,
    /// Only show what would start
    #[arg(long)]
    dry_run: bool,
}

/// The words of `ctl backfills`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl backfills --job nightly
  campanile ctl backfills BACKFILL -o json")]
pub(crate) struct ListWords {
    /// Only this one: an id or the end of one
    #[arg(conflicts_with_all = ["job", "limit"])]
    id: Option<String>,
    /// Only those of this job
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

pub(crate) async fn start(session: &Session, words: Words) -> Result<u8, Failure> {
    let Words { job, from, to, schedule, max_runs, dry_run } = words;
    let from = instant::read(&from, Direction::Back, &session.view)?;
    let to = instant::read(&to, Direction::Back, &session.view)?;
    let wanted = StartBackfill { from, to, schedule, max_runs, dry_run };
    let backfilled: Backfilled = match session.client.post(&["jobs", &job, "backfill"], &wanted).await {
        Ok(backfilled) => backfilled,
        Err(failure) => return Err(session.client.suggest(failure, &job).await),
    };
    tell(&backfilled);
    match (session.format, backfilled.id) {
        (Format::Table, None) => {
            let rows = backfilled.due.iter().map(|due| vec![due.due_at.clone(), due.schedule.clone()]);
            print::data(&table(&["due", "schedule"], rows, &session.view));
        }
        (Format::Name, None) => {
            backfilled.due.iter().for_each(|due| print::data(&format!("{}\n", due.due_at)));
        }
        (Format::Table, Some(id)) => print::data(&format!("{id}\n")),
        (Format::Name | Format::Json | Format::Jsonl | Format::Yaml | Format::Csv, _) => {
            print::data(&render::one(session.format, &backfilled, &session.view));
        }
    }
    Ok(code::DONE)
}

fn tell(of: &Backfilled) {
    let (runs, will) = match (of.n_due, of.id.is_some()) {
        (1, true) => ("1 due time".to_owned(), "will be run"),
        (n, true) => (format!("{n} due times"), "will be run"),
        (1, false) => ("1 due time".to_owned(), "would be run"),
        (n, false) => (format!("{n} due times"), "would be run"),
    };
    let mut text = format!("{runs} of `{}` {will}", of.job);
    if of.n_excluded > 0 {
        text.push_str(&format!(", {} are excluded or were skipped", of.n_excluded));
    }
    let n_named = of.due.len() as u64;
    if of.id.is_none() && n_named < of.n_due {
        text.push_str(&format!("; these are the first {n_named}"));
    }
    print::talk(&text);
}

pub(crate) async fn list(session: &Session, ListWords { id, job, limit }: ListWords) -> Result<u8, Failure> {
    if let Some(id) = id {
        let backfill: Backfill = session.client.get(&["backfills", &id], Vec::new()).await?;
        print::data(&render::one(session.format, &backfill, &session.view));
        return Ok(code::DONE);
    }
    let query = job.clone().map(|job| ("job", job)).into_iter().collect();
    let backfills: Vec<Backfill> = match (session.client.list(&["backfills"], query, limit).await, job) {
        (Ok(backfills), _) => backfills,
        (Err(failure), Some(job)) => return Err(session.client.suggest(failure, &job).await),
        (Err(failure), None) => return Err(failure),
    };
    print::data(&render::list(session.format, &backfills, &session.view));
    Ok(code::DONE)
}

/// The backfill that `name` means ends before its time.
pub(crate) async fn cancel(session: &Session, name: &str) -> Result<u8, Failure> {
    let found: Backfill = session.client.get(&["backfills", name], Vec::new()).await?;
    let id = found.id.to_string();
    session.client.tell(&["backfills", &id, "cancel"]).await?;
    print::talk(&format!("cancelling the backfill of `{}`, {} of {} run", found.job, found.n_started, found.n_due));
    if session.format != Format::Table {
        let backfill: Backfill = session.client.get(&["backfills", &id], Vec::new()).await?;
        print::data(&render::one(session.format, &backfill, &session.view));
    }
    Ok(code::DONE)
}

impl Shown for Backfill {
    const HEADER: &'static [&'static str] =
        &["id", "job", "state", "from", "to", "started", "ended", "failed", "asked"];

    fn cells(&self, view: &View) -> Vec<String> {
        vec![
            self.id.short(),
            self.job.clone(),
            self.state.clone(),
            view.local(self.from),
            view.local(self.to),
            format!("{} of {}", self.n_started, self.n_due),
            (self.n_started - self.n_live).to_string(),
            self.n_failed.to_string(),
            view.relative(Some(self.asked_at)),
        ]
    }

    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        let mut details = vec![
            ("id", self.id.to_string()),
            ("job", self.job.clone()),
            ("state", self.state.clone()),
            ("schedules", self.schedules.join("\n")),
            ("from", view.full(Some(self.from))),
            ("to", view.full(Some(self.to))),
            ("due times", self.n_due.to_string()),
            ("excluded", self.n_excluded.to_string()),
            ("started", self.n_started.to_string()),
            ("live", format!("{} of at most {}", self.n_live, self.max_runs)),
            ("completed", self.n_completed.to_string()),
            ("failed", self.n_failed.to_string()),
            ("cancelled", self.n_cancelled.to_string()),
            ("skipped", self.n_skipped.to_string()),
            ("asked", view.full(Some(self.asked_at))),
            ("asked by", self.asked_by.clone()),
            ("over since", view.full(self.ended_at)),
        ];
        details.extend(self.cancelled_by.clone().map(|by| ("cancelled by", by)));
        details.extend(self.reason.clone().map(|reason| ("reason", reason)));
        details
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

impl Shown for Backfilled {
    const HEADER: &'static [&'static str] = &["job", "due times", "excluded"];

    fn cells(&self, _view: &View) -> Vec<String> {
        vec![self.job.clone(), self.n_due.to_string(), self.n_excluded.to_string()]
    }

    fn name(&self) -> String {
        self.id.map_or_else(|| self.job.clone(), |id| id.to_string())
    }
}
