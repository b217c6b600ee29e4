//! What a person, or a program, sees of a local run. Output of tasks is data and goes to stdout; what happens is talk and
//! goes to stderr, with a line that tells what runs at the moment if that is a terminal. With JSON, events are data too,
//! one object a line, and the run itself is the last line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style as Colour};

use crate::logs::{Follower, format};
use crate::model::event::EventType;
use crate::model::process::log_path;
use crate::model::timestamp::Timestamp;
use crate::wire::Delivery;
use crate::wire::event::Event;
use crate::wire::run::Run;
use crate::{clock, print};

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    json: bool,
    /// Whose line it is matters.
    is_prefixed: bool,
    is_terminal: bool,
}

impl Style {
    pub(super) fn new(json: bool, n_tasks: usize) -> Self {
        Style { json, is_prefixed: n_tasks > 1, is_terminal: print::talks_to_terminal() }
    }
}

/// Shows one run.
#[derive(Debug)]
pub(super) struct Show {
    style: Style,
    folder: PathBuf,
    /// The logs of attempts, by task.
    logs: BTreeMap<String, Follower>,
    /// What runs, and since when.
    running: BTreeMap<String, Timestamp>,
    has_line: bool,
}

impl Show {
    pub(super) fn new(style: Style, folder: PathBuf) -> Self {
        Show { style, folder, logs: BTreeMap::new(), running: BTreeMap::new(), has_line: false }
    }

    /// Shows an event.
    pub(super) fn event(&mut self, event: &Event) {
        if self.style.json {
            print::data(&format!("{}\n", serde_json::json!(event)));
        }
        let Some(task) = event.data.get("task").and_then(serde_json::Value::as_str).map(str::to_owned) else {
            return;
        };
        match event.kind.parse() {
            Ok(EventType::TaskStarted) => self.started(event, task),
            Ok(EventType::TaskCompleted | EventType::TaskSkipped) => self.ended(event, &task, AnsiColor::Green),
            Ok(EventType::TaskRetrying | EventType::TaskCancelled) => self.ended(event, &task, AnsiColor::Yellow),
            Ok(EventType::TaskFailed) => self.ended(event, &task, AnsiColor::Red),
            Ok(_) | Err(_) => {}
        }
    }

    fn started(&mut self, event: &Event, task: String) {
        let attempt = event.data.get("attempt").and_then(serde_json::Value::as_u64).unwrap_or(1);
        if let Some(run) = event.run_id {
            self.read_log(&task);
            let path = self.folder.join(log_path(event.job.as_deref(), run, &task, attempt));
            self.logs.insert(task.clone(), Follower::new(path));
        }
        let again = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
        self.say(&task, &format!("started{again}"), AnsiColor::Cyan);
        self.running.insert(task, event.at);
    }

    fn ended(&mut self, event: &Event, task: &str, colour: AnsiColor) {
        self.read_log(task);
        let since = self.running.remove(task);
        let took = since.map(|since| format!(" after {}", rounded(event.at, since))).unwrap_or_default();
        let word = event.kind.trim_start_matches("task.");
        let text = |name: &str| event.data.get(name).and_then(serde_json::Value::as_str);
        let why = text("error").or(text("outcome")).filter(|why| *why != "success");
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        self.say(task, &format!("{word}{took}{why}"), colour);
    }

    /// Shows what tasks have written since the last time.
    pub(super) fn output(&mut self) {
        let tasks: Vec<String> = self.logs.keys().cloned().collect();
        tasks.iter().for_each(|task| self.read_log(task));
        self.draw_line();
    }

    fn read_log(&mut self, task: &str) {
        let Some(follower) = self.logs.get_mut(task) else { return };
        let mut text = Vec::new();
        // A log that cannot be read costs its lines.
        while let Ok(block) = follower.read() {
            if block.is_empty() {
                break;
            }
            for line in block.split_inclusive(|byte| *byte == b'\n').filter_map(format::parse) {
                if self.style.is_prefixed {
                    text.extend_from_slice(format!("{task} | ").as_bytes());
                }
                text.extend_from_slice(line.text);
                text.push(b'\n');
            }
        }
        if !text.is_empty() && !self.style.json {
            self.clear_line();
            print::output(&text);
        }
    }

    /// Shows how the run has ended.
    pub(super) fn end(&mut self, run: &Run) {
        self.clear_line();
        if self.style.json {
            print::data(&format!("{}\n", serde_json::json!(run)));
        }
        let took = run.ended_at.zip(run.started_at).map(|(end, start)| format!(" after {}", rounded(end, start)));
        let why = run.error.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let job = run.job.as_deref().unwrap_or("run");
        let colour = if run.state == "completed" { AnsiColor::Green } else { AnsiColor::Red };
        self.running.clear();
        self.say(job, &format!("{}{}{why}", run.state, took.unwrap_or_default()), colour);
    }

    /// Says that a hook was called and did not take it.
    pub(super) fn not_told(&mut self, delivery: &Delivery) {
        let why = delivery.error.as_deref().unwrap_or("its end was not waited for");
        self.say(&delivery.hook, &format!("was not told: {why}"), AnsiColor::Yellow);
    }

    fn say(&mut self, who: &str, what: &str, colour: AnsiColor) {
        self.clear_line();
        let style = Colour::new().fg_color(Some(colour.into()));
        print::talk(&format!("{style}{who}{style:#} {what}"));
    }

    fn draw_line(&mut self) {
        if !self.style.is_terminal || self.style.json {
            return;
        }
        self.clear_line();
        if self.running.is_empty() {
            return;
        }
        let now = clock::wall();
        let parts: Vec<String> = self
            .running
            .iter()
            .map(|(task, since)| format!("{task} {}s", now.since(*since).as_millis() / 1000))
            .collect();
        print::status_line(&format!("running: {}", parts.join(", ")));
        self.has_line = true;
    }

    fn clear_line(&mut self) {
        if std::mem::take(&mut self.has_line) {
            print::status_line("");
        }
    }
}

fn rounded(end: Timestamp, start: Timestamp) -> String {
    let millis = end.since(start).as_millis();
    if millis < 10_000 { format!("{}.{:03}s", millis / 1000, millis % 1000) } else { format!("{}s", millis / 1000) }
}
