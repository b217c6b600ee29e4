//! `ctl logs ID`: what a run or task wrote, line by line. For people the text alone, with the task's name before it where
//! a run has several; for programs the lines as the API sends them.

use std::collections::BTreeMap;

use reqwest::Response;

use super::Session;
use super::client::Query;
use super::failure::Failure;
use super::follow::patiently;
use super::format::Format;
use super::render;
use super::runs::{self, Found};
use super::view::{View, plain};
use crate::print;
use crate::wire::{LogLine, code};

/// The words of `ctl logs`.
#[derive(clap::Args, Debug)]
pub(crate) struct Words {
    /// The run or task: an id or a piece of one, JOB#N, or JOB for its latest run
    id: String,
    /// Only what this task of the run wrote
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Only what this attempt wrote
    #[arg(long, value_name = "N")]
    attempt: Option<u64>,
    /// Go on until the run or task has ended
    #[arg(short, long)]
    follow: bool,
    /// Show when each line was written
    #[arg(long)]
    timestamps: bool,
}

pub(crate) async fn run(session: &Session, words: Words) -> Result<u8, Failure> {
    let Words { id, task, attempt, follow, timestamps } = words;
    let mut query: Query<'_> = vec![("follow", follow.to_string())];
    query.extend(attempt.map(|attempt| ("attempt", attempt.to_string())));
    let (kind, id, several) = match runs::find_any(session, &id).await? {
        Found::Run(run) => ("runs", run.id.to_string(), run.tasks.len() > 1 && task.is_none()),
        Found::Task(task) => ("tasks", task.id.to_string(), false),
    };
    if kind == "runs" {
        query.extend(task.map(|task| ("task", task)));
    }
    let mut writer = Writer::new(session.format, &session.view, several, timestamps);
    let path = [kind, id.as_str(), "logs"];
    let mut response = session.client.open(&path, query.clone()).await?;
    loop {
        match show(&mut response, &mut writer).await? {
            None => break,
            Some(error) if !follow => return Err(session.client.absent(&error)),
            Some(_) => {
                response = patiently(async || session.client.open(&path, query.clone()).await).await?;
                writer.again();
            }
        }
    }
    print::data(&writer.finish());
    Ok(code::DONE)
}

/// Shows what an answer holds; the error with which it broke off before its end, if it did.
async fn show(response: &mut Response, writer: &mut Writer<'_>) -> Result<Option<reqwest::Error>, Failure> {
    let mut unfinished: Vec<u8> = Vec::new();
    loop {
        let bytes = match response.chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(error)),
        };
        unfinished.extend_from_slice(&bytes);
        let whole = unfinished.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines: Vec<u8> = unfinished.drain(..whole).collect();
        print::data(&writer.write(&lines)?);
    }
}

/// Writes log lines in a format, as they come.
struct Writer<'a> {
    format: Format,
    view: &'a View,
    several: bool,
    timestamps: bool,
    /// The line that was begun and not ended: its task, attempt and stream.
    open: Option<(String, u64, String)>,
    whole: Vec<LogLine>,
    /// How many lines of each attempt were shown, and how many of them are to come once more.
    shown: BTreeMap<(String, u64), (u64, u64)>,
}

impl<'a> Writer<'a> {
    fn new(format: Format, view: &'a View, several: bool, timestamps: bool) -> Self {
        Writer { format, view, several, timestamps, open: None, whole: Vec::new(), shown: BTreeMap::new() }
    }

    /// What follows is from the beginning again: what was shown is left out.
    fn again(&mut self) {
        for (shown, to_come) in self.shown.values_mut() {
            *to_come = *shown;
        }
    }

    fn write(&mut self, lines: &[u8]) -> Result<String, Failure> {
        let mut text = String::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: LogLine = serde_json::from_slice(line)
                .map_err(|error| Failure::new(code::FAILED, format!("a log line cannot be read: {error}")))?;
            let (shown, to_come) = self.shown.entry((line.task.clone(), line.attempt)).or_default();
            if *to_come > 0 {
                *to_come -= 1;
                continue;
            }
            *shown += 1;
            match self.format {
                Format::Table | Format::Name => self.plainly(&line, &mut text),
                Format::Jsonl => text.push_str(&render::line(&line)),
                Format::Json | Format::Yaml => self.whole.push(line),
            }
        }
        Ok(text)
    }

    fn plainly(&mut self, line: &LogLine, text: &mut String) {
        let of = (line.task.clone(), line.attempt, line.stream.clone());
        let goes_on = self.open.as_ref() == Some(&of);
        if self.open.take().is_some() && !goes_on {
            text.push('\n');
        }
        if !goes_on {
            if self.timestamps {
                let at = line.at.map_or_else(|| "-".to_owned(), |at| self.view.local(at));
                text.push_str(&at);
                text.push(' ');
            }
            if self.several {
                text.push_str(&line.task);
                text.push_str(" | ");
            }
        }
        text.push_str(&plain(&line.text));
        if line.whole {
            text.push('\n');
        } else {
            self.open = Some(of);
        }
    }

    fn finish(&mut self) -> String {
        match self.format {
            Format::Table | Format::Name if self.open.take().is_some() => "\n".to_owned(),
            Format::Table | Format::Name | Format::Jsonl => String::new(),
            Format::Json => render::json(&self.whole),
            Format::Yaml => render::yaml(&self.whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::model::timestamp::Timestamp;

    fn line(task: &str, stream: &str, whole: bool, text: &str) -> LogLine {
        let (task, stream, text) = (task.to_owned(), stream.to_owned(), text.to_owned());
        LogLine { task, attempt: 1, at: Some(Timestamp::from_micros(0)), stream, whole, text }
    }

    fn check(several: bool, timestamps: bool, lines: &[LogLine], expected: &str) {
        let view = View { now: Timestamp::from_micros(0), zone: TimeZone::UTC };
        let mut writer = Writer::new(Format::Table, &view, several, timestamps);
        let sent: String = lines.iter().map(render::line).collect();
        let mut text = writer.write(sent.as_bytes()).expect("because the case is valid");
        text.push_str(&writer.finish());
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_are_shown_as_they_were_written() {
        check(false, false, &[line("main", "stdout", true, "a"), line("main", "stderr", true, "b")], "a\nb\n");
        check(true, false, &[line("x", "stdout", true, "a"), line("y", "stdout", true, "")], "x | a\ny | \n");
        check(false, true, &[line("x", "stdout", true, "a")], "1970-01-01T00:00:00+00:00 a\n");
        check(false, false, &[line("x", "stdout", true, "\u{1b}]0;title\u{7}")], "\\u{1b}]0;title\\u{7}\n");
    }

    #[test]
    fn what_was_shown_before_the_daemon_was_away_is_not_shown_again() {
        let view = View { now: Timestamp::from_micros(0), zone: TimeZone::UTC };
        let mut writer = Writer::new(Format::Table, &view, true, false);
        let lines = |texts: &[&str]| -> String {
            texts.iter().map(|text| render::line(&line(&text[..1], "stdout", true, text))).collect()
        };
        let mut text = String::new();
        for (sent, expected) in [
            (&["x1", "y1", "x2"][..], "x | x1\ny | y1\nx | x2\n"),
            (&["x1", "x2", "x3", "y1", "y2"], "x | x3\ny | y2\n"),
        ] {
            text.clear();
            text.push_str(&writer.write(lines(sent).as_bytes()).expect("because the case is valid"));
            assert_eq!(text, expected);
            writer.again();
        }
    }

    #[test]
    fn the_parts_of_a_long_line_are_one_line_again() {
        let (begin, end) = (line("x", "stdout", false, "long "), line("x", "stdout", true, "line"));
        check(true, false, &[begin.clone(), end], "x | long line\n");
        check(false, false, &[begin.clone(), line("x", "stderr", true, "torn")], "long \ntorn\n");
        check(false, false, &[begin], "long \n");
    }
}
