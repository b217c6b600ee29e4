//! Writes log lines in a format, as they come: for people the text alone, with the task's name before it where a run has
//! several; for programs the lines as the API sends them.
//!
//! The invariant: however often the same log is sent from its beginning, each line is shown once. Lines are counted for
//! each attempt. A log over its cap may have lost lines from its middle meanwhile; so a line that is younger than all that
//! were shown ends the leaving-out too.

use std::collections::{BTreeMap, VecDeque};

use super::failure::Failure;
use super::format::Format;
use super::record;
use super::render;
use super::view::View;
use crate::model::timestamp::Timestamp;
use crate::print::plain;
use crate::wire::{LogLine, code};

/// What is shown of each line.
pub(crate) struct Shape {
    pub(crate) format: Format,
    /// Whose line it is matters.
    pub(crate) several: bool,
    pub(crate) timestamps: bool,
    pub(crate) streams: bool,
    /// The one stream that is shown.
    pub(crate) only: Option<String>,
    /// So many lines of each task are held until all are there.
    pub(crate) tail: Option<usize>,
}

/// How far an attempt's log was shown.
#[derive(Default)]
struct Progress {
    n_seen: u64,
    youngest: Option<Timestamp>,
    /// How many of those that were seen are to come once more.
    n_again: u64,
}

impl Progress {
    /// Whether this line was not there before.
    fn is_new(&mut self, line: &LogLine) -> bool {
        if self.n_again > 0 && line.at <= self.youngest {
            self.n_again -= 1;
            return false;
        }
        self.n_again = 0;
        self.n_seen += 1;
        self.youngest = self.youngest.max(line.at);
        true
    }
}

/// Writes the logs of one run or task.
pub(crate) struct Writer<'a> {
    shape: Shape,
    view: &'a View,
    /// The line that was begun and not ended: its task, attempt and stream.
    open: Option<(String, u64, String)>,
    whole: Vec<LogLine>,
    progress: BTreeMap<(String, u64), Progress>,
    /// The last lines of each task, in the order in which the tasks came.
    held: Option<Vec<Held>>,
}

/// The last lines of one task.
#[derive(Default)]
struct Held {
    task: String,
    lines: VecDeque<LogLine>,
    /// How many of them are whole; pieces of a line count with its end.
    n_whole: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(shape: Shape, view: &'a View) -> Self {
        let held = shape.tail.map(|_| Vec::new());
        Writer { shape, view, open: None, whole: Vec::new(), progress: BTreeMap::new(), held }
    }

    /// What stands before the first line.
    pub(crate) fn begin(&self) -> String {
        if self.shape.format == Format::Csv { record::header::<LogLine>() } else { String::new() }
    }

    /// What follows is from the beginning again: what was shown is left out.
    pub(crate) fn again(&mut self) {
        for progress in self.progress.values_mut() {
            progress.n_again = progress.n_seen;
        }
    }

    pub(crate) fn write(&mut self, lines: &[u8]) -> Result<String, Failure> {
        let mut text = String::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: LogLine = serde_json::from_slice(line)
                .map_err(|error| Failure::new(code::FAILED, format!("a log line cannot be read: {error}")))?;
            let progress = self.progress.entry((line.task.clone(), line.attempt)).or_default();
            let wanted = self.shape.only.as_ref().is_none_or(|only| *only == line.stream);
            if progress.is_new(&line) && wanted {
                match self.held.is_some() {
                    true => self.hold(line),
                    false => self.show(line, &mut text),
                }
            }
        }
        Ok(text)
    }

    fn hold(&mut self, line: LogLine) {
        let (Some(held), Some(n)) = (&mut self.held, self.shape.tail) else { return };
        let index = held.iter().position(|of| of.task == line.task).unwrap_or_else(|| {
            held.push(Held { task: line.task.clone(), ..Held::default() });
            held.len() - 1
        });
        let of = &mut held[index];
        of.n_whole += usize::from(line.whole);
        of.lines.push_back(line);
        while of.n_whole > n
            && let Some(oldest) = of.lines.pop_front()
        {
            of.n_whole -= usize::from(oldest.whole);
        }
    }

    /// The lines that were held; from now on none is.
    pub(crate) fn release(&mut self) -> String {
        let mut text = String::new();
        for line in self.held.take().into_iter().flatten().flat_map(|of| of.lines) {
            self.show(line, &mut text);
        }
        text
    }

    fn show(&mut self, line: LogLine, text: &mut String) {
        match self.shape.format {
            Format::Table | Format::Name => self.plainly(&line, text),
            Format::Jsonl => text.push_str(&render::line(&line)),
            Format::Csv => text.push_str(&record::record(&line)),
            Format::Json | Format::Yaml => self.whole.push(line),
        }
    }

    fn plainly(&mut self, line: &LogLine, text: &mut String) {
        let of = (line.task.clone(), line.attempt, line.stream.clone());
        let goes_on = self.open.as_ref() == Some(&of);
        if self.open.take().is_some() && !goes_on {
            text.push('\n');
        }
        if !goes_on {
            if self.shape.timestamps {
                let at = line.at.map_or_else(|| "-".to_owned(), |at| self.view.local(at));
                text.push_str(&format!("{at} "));
            }
            if self.shape.streams {
                text.push_str(&format!("{} ", line.stream));
            }
            if self.shape.several {
                text.push_str(&format!("{} | ", plain(&line.task)));
            }
        }
        text.push_str(&plain(&line.text));
        if line.whole {
            text.push('\n');
        } else {
            self.open = Some(of);
        }
    }

    /// What stands behind the last line.
    pub(crate) fn finish(&mut self) -> String {
        match self.shape.format {
            Format::Table | Format::Name if self.open.take().is_some() => "\n".to_owned(),
            Format::Table | Format::Name | Format::Jsonl | Format::Csv => String::new(),
            Format::Json => render::json(&self.whole),
            Format::Yaml => render::yaml(&self.whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn line(task: &str, stream: &str, whole: bool, text: &str) -> LogLine {
        let (task, stream, text) = (task.to_owned(), stream.to_owned(), text.to_owned());
        LogLine { task, attempt: 1, at: Some(Timestamp::from_micros(0)), stream, whole, text }
    }

    fn shape() -> Shape {
        Shape { format: Format::Table, several: false, timestamps: false, streams: false, only: None, tail: None }
    }

    fn sent(lines: &[LogLine]) -> Vec<u8> {
        lines.iter().map(render::line).collect::<String>().into_bytes()
    }

    fn check(shape: Shape, lines: &[LogLine], expected: &str) {
        let view = View::of_a_program(Timestamp::from_micros(0), TimeZone::UTC);
        let mut writer = Writer::new(shape, &view);
        let mut text = writer.begin();
        text.push_str(&writer.write(&sent(lines)).expect("because the case is valid"));
        text.push_str(&writer.release());
        text.push_str(&writer.finish());
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_are_shown_as_they_were_written() {
        let (out, err) = (line("x", "stdout", true, "a"), line("y", "stderr", true, "b"));
        let both = [out.clone(), err.clone()];
        check(shape(), &both, "a\nb\n");
        check(Shape { several: true, ..shape() }, &both, "x | a\ny | b\n");
        check(Shape { timestamps: true, ..shape() }, &both[..1], "1970-01-01T00:00:00+00:00 a\n");
        check(Shape { streams: true, ..shape() }, &both, "stdout a\nstderr b\n");
        check(Shape { only: Some("stderr".to_owned()), ..shape() }, &both, "b\n");
        check(shape(), &[line("x", "stdout", true, "\u{1b}]0;title\u{7}")], "\\u{1b}]0;title\\u{7}\n");
        let csv = "task,attempt,at,stream,whole,text\nx,1,1970-01-01T00:00:00.000000Z,stdout,true,a\n";
        check(Shape { format: Format::Csv, ..shape() }, &both[..1], csv);
    }

    #[test]
    fn the_tail_is_the_last_lines_of_each_task() {
        let lines = ["x1", "y1", "x2", "x3"].map(|text| line(&text[..1], "stdout", true, text));
        check(Shape { tail: Some(2), ..shape() }, &lines, "x2\nx3\ny1\n");
        check(Shape { tail: Some(0), ..shape() }, &lines, "");
    }

    #[test]
    fn the_parts_of_a_long_line_are_one_line_again() {
        let (begin, end) = (line("x", "stdout", false, "long "), line("x", "stdout", true, "line"));
        check(Shape { several: true, ..shape() }, &[begin.clone(), end], "x | long line\n");
        check(shape(), &[begin.clone(), line("x", "stderr", true, "torn")], "long \ntorn\n");
        check(shape(), &[begin], "long \n");
    }

    #[test]
    fn what_was_shown_before_the_daemon_was_away_is_not_shown_again() {
        let view = View::of_a_program(Timestamp::from_micros(0), TimeZone::UTC);
        let mut writer = Writer::new(Shape { several: true, ..shape() }, &view);
        let at = |seconds: i64, text: &str| LogLine {
            at: Some(Timestamp::from_micros(seconds)),
            ..line(&text[..1], "stdout", true, text)
        };
        for (lines, expected) in [
            (vec![at(1, "x1"), at(2, "y1"), at(2, "x2")], "x | x1\ny | y1\nx | x2\n"),
            // A line of the same instant is another line.
            (vec![at(1, "x1"), at(2, "x2"), at(2, "x3"), at(2, "y1"), at(3, "y2")], "x | x3\ny | y2\n"),
            // Nothing new.
            (vec![at(1, "x1"), at(2, "x2")], ""),
            // The clock was set back within the attempt.
            (vec![at(1, "x1"), at(2, "x2"), at(2, "x3"), at(1, "x4")], "x | x4\n"),
            // The log was over its cap, and lost its middle.
            (vec![at(1, "x1"), at(9, "x5")], "x | x5\n"),
        ] {
            assert_eq!(writer.write(&sent(&lines)).expect("because the case is valid"), expected);
            writer.again();
        }
    }
}
