//! `ctl events`. A log of events is long, so all formats but JSON and YAML documents are written as it is read.

use super::Session;
use super::failure::Failure;
use super::follow::Follow;
use super::format::Format;
use super::record::{header, record};
use super::render;
use super::runs;
use super::table;
use super::view::View;
use crate::print;
use crate::wire::list::MAX_LIMIT;
use crate::wire::{Event, Page, code};

/// The words of `ctl events`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl events --after 2 --type 'workflow.*'
  campanile ctl events --run nightly#1 -o csv
  campanile ctl events --after 0 --follow --job nightly -o jsonl   # until you interrupt it")]
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
    /// Only those about this run: an id or a piece of one, JOB#N, JOB@-1, or JOB for its latest
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only those of this type; `*` stands for any run of characters
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

pub(crate) async fn run(session: &Session, words: Words) -> Result<u8, Failure> {
    let Words { after, follow, job, run, kind } = words;
    let named = job.clone().or_else(|| run.clone());
    let mut query = Vec::new();
    query.extend(job.map(|job| ("job", job)));
    if let Some(run) = run {
        // `JOB` is its latest run: which one that is must not change while somebody follows.
        query.push(("run", runs::find(session, &run).await?.id.to_string()));
    }
    query.extend(kind.map(|kind| ("type", kind)));
    let shown = match follow {
        true => on(session, query, after).await,
        false => pages(session, query, after).await,
    };
    match (shown, named) {
        (Err(failure), Some(name)) => Err(session.client.suggest(failure, &name).await),
        (shown, _) => shown,
    }
}

async fn on(session: &Session, query: Vec<(&str, String)>, after: Option<u64>) -> Result<u8, Failure> {
    let mut events = Follow::open(session, query, after).await?;
    print::data(&begin(session.format));
    loop {
        if let Some(event) = events.next().await? {
            print::data(&shown(session.format, &event, &session.view));
        }
    }
}

async fn pages(session: &Session, query: Vec<(&str, String)>, after: Option<u64>) -> Result<u8, Failure> {
    let mut whole: Vec<Event> = Vec::new();
    let mut after = after.map(|after| after.to_string());
    let mut text = begin(session.format);
    loop {
        let mut query = query.clone();
        query.push(("limit", MAX_LIMIT.to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page<Event> = session.client.get(&["events"], query).await?;
        match session.format {
            Format::Json | Format::Yaml => whole.extend(page.items),
            Format::Table | Format::Jsonl | Format::Name | Format::Csv => {
                page.items.iter().for_each(|event| text.push_str(&shown(session.format, event, &session.view)));
                print::data(&std::mem::take(&mut text));
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
        Format::Table | Format::Jsonl | Format::Name | Format::Csv => {}
    }
    Ok(code::DONE)
}

/// What stands before the first event.
fn begin(format: Format) -> String {
    if format == Format::Csv { header::<Event>() } else { String::new() }
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
            let cells = [event.seq.to_string(), view.local(event.at), event.kind.clone(), subject, data];
            table::line(&cells, &[7, 25, 20, 24, 0], view)
        }
        Format::Json | Format::Jsonl => render::line(event),
        Format::Yaml => format!("---\n{}", render::yaml(event)),
        Format::Name => format!("{}\n", event.seq),
        Format::Csv => record(event),
    }
}
