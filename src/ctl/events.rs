//! `ctl events`. A log of events is long, so all formats but JSON and YAML documents are written as it is read.

use super::Session;
use super::failure::Failure;
use super::follow::Follow;
use super::format::Format;
use super::render;
use super::view::{View, plain};
use crate::print;
use crate::wire::list::MAX_LIMIT;
use crate::wire::{Event, Page, code};

/// The words of `ctl events`.
#[derive(clap::Args, Debug)]
pub(crate) struct Words {
    /// Only those after the event of this number
    #[arg(long, value_name = "N")]
    after: Option<u64>,
    /// Go on with what happens; without `--after`, from now on
    #[arg(short, long)]
    follow: bool,
    /// Only those about this job
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Only those about this run: an id or a piece of one, JOB#N, or JOB for its latest
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only those of this type; `*` stands for any run of characters
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

pub(crate) async fn run(session: &Session, words: Words) -> Result<u8, Failure> {
    let Words { after, follow, job, run, kind } = words;
    let mut query = Vec::new();
    query.extend(job.map(|job| ("job", job)));
    query.extend(run.map(|run| ("run", run)));
    query.extend(kind.map(|kind| ("type", kind)));
    if follow {
        let mut events = Follow::open(session, query, after).await?;
        loop {
            if let Some(event) = events.next().await? {
                print::data(&shown(session.format, &event, &session.view));
            }
        }
    }
    let mut whole: Vec<Event> = Vec::new();
    let mut after = after.map(|after| after.to_string());
    loop {
        let mut query = query.clone();
        query.push(("limit", MAX_LIMIT.to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page<Event> = session.client.get(&["events"], query).await?;
        match session.format {
            Format::Json | Format::Yaml => whole.extend(page.items),
            Format::Table | Format::Jsonl | Format::Name => {
                let lines = page.items.iter().map(|event| shown(session.format, event, &session.view));
                print::data(&lines.collect::<String>());
            }
        }
        after = page.next_cursor;
        if after.is_none() {
            break;
        }
    }
    match session.format {
        Format::Json => print::data(&render::json(&whole)),
        Format::Yaml => print::data(&render::yaml(&whole)),
        Format::Table | Format::Jsonl | Format::Name => {}
    }
    Ok(code::DONE)
}

/// One event on its own. In a stream a JSON document is a line, and a YAML document begins with `---`.
fn shown(format: Format, event: &Event, view: &View) -> String {
    match format {
        Format::Table => {
            let subject = match (&event.job, event.run_id) {
                (Some(job), Some(run)) => format!("{job} {}", run.short()),
                (Some(job), None) => job.clone(),
                (None, Some(run)) => run.short(),
                (None, None) => "-".to_owned(),
            };
            let empty = event.data.as_object().is_some_and(serde_json::Map::is_empty);
            let data = if empty { String::new() } else { event.data.to_string() };
            let (at, kind) = (view.local(event.at), &event.kind);
            let line = format!("{:>7}  {at}  {kind:<20}  {subject:<24}  {data}", event.seq);
            format!("{}\n", plain(line.trim_end()))
        }
        Format::Json | Format::Jsonl => render::line(event),
        Format::Yaml => format!("---\n{}", render::yaml(event)),
        Format::Name => format!("{}\n", event.seq),
    }
}
