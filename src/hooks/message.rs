//! The message: what every hook is told, the same JSON for a webhook's body and a shell hook's standard input.
//!
//! Its shape is that of Standard Webhooks 1.0.0, `{"type", "timestamp", "data"}`, minified, and below its limit of
//! 20 kB whatever the event holds. `data` is the event as every surface shows it; where something failed, what people
//! ask first stands beside: error, exit, attempt, the last lines of the log, and the command that shows the rest.
//! Nothing is masked: log lines are told as the task wrote them.

use serde_json::{Map, Value, json};

use crate::engine::Delivery;
use crate::model::event::Event;

/// A message is always shorter than this, in bytes.
pub const MAX_BYTES: usize = 20_000;
/// Log lines in a message about a failure.
pub const MAX_TAIL_LINES: usize = 20;
/// What those lines may take, in bytes as written in JSON.
pub const MAX_TAIL_BYTES: usize = 4 * 1024;

/// What an event says of a failure, repeated where a reader looks first.
const SAID_OF_FAILURES: [&str; 5] = ["outcome", "error", "exit", "exit_code", "attempt"];

/// The message of `delivery`. `log_tail` holds the last lines of the attempt's log, oldest first.
pub fn body(delivery: &Delivery, log_tail: &[String]) -> String {
    for longest in [usize::MAX, 2_048, 512] {
        let text = written(&delivery.event, cut(&delivery.event.data, longest), log_tail);
        if text.len() < MAX_BYTES {
            return text;
        }
    }
    // Many small parts: nothing can be cut that would leave the sense whole, and the event can be asked for by number.
    written(&delivery.event, json!({ "omitted": "too large for a message" }), log_tail)
}

fn written(event: &Event, said: Value, log_tail: &[String]) -> String {
    let failure = failure(event, &said, log_tail);
    let mut data = Map::new();
    data.insert("seq".into(), json!(event.seq));
    data.insert("at".into(), json!(event.at));
    data.insert("type".into(), json!(event.kind.as_str()));
    data.insert("job".into(), json!(event.job));
    data.insert("run_id".into(), json!(event.run));
    data.insert("task_id".into(), json!(event.task));
    data.insert("data".into(), said);
    data.extend(failure);
    json!({ "type": event.kind.as_str(), "timestamp": event.at, "data": data }).to_string()
}

fn failure(event: &Event, said: &Value, log_tail: &[String]) -> Map<String, Value> {
    let mut found = Map::new();
    if !event.kind.as_str().ends_with(".failed") {
        return found;
    }
    for name in SAID_OF_FAILURES {
        if let Some(value) = said.get(name) {
            found.insert(name.into(), value.clone());
        }
    }
    found.insert("log_tail".into(), json!(last_lines(log_tail)));
    if let Some(command) = logs_command(event) {
        found.insert("logs_command".into(), json!(command));
    }
    found
}

/// The command that shows the whole log of what `event` is about.
fn logs_command(event: &Event) -> Option<String> {
    let run = event.run?;
    let named = event.data.get("task").and_then(Value::as_str).map(str::to_owned);
    Some(match named.or_else(|| event.task.map(|task| task.to_string())) {
        Some(task) => format!("campanile ctl logs {run} --task {task}"),
        None => format!("campanile ctl logs {run}"),
    })
}

/// The last lines that fit, oldest first. The newest is cut rather than left out.
fn last_lines(lines: &[String]) -> Vec<String> {
    let mut room = MAX_TAIL_BYTES;
    let mut kept = Vec::new();
    for line in lines.iter().rev().take(MAX_TAIL_LINES) {
        let size = json!(line).to_string().len() + 1;
        if size > room {
            if kept.is_empty() {
                // Six bytes is the longest that JSON makes of one.
                kept.push(shortened(line, room / 6));
            }
            break;
        }
        room -= size;
        kept.push(line.clone());
    }
    kept.reverse();
    kept
}

/// `value` with every text in it cut to `longest` bytes.
fn cut(value: &Value, longest: usize) -> Value {
    match value {
        Value::String(text) => Value::String(shortened(text, longest)),
        Value::Array(values) => values.iter().map(|value| cut(value, longest)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), cut(value, longest))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn shortened(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(longest)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::example::{delivery, shell};

    fn about(kind: &str, data: Value, tail: &[&str]) -> String {
        let tail: Vec<String> = tail.iter().map(|line| (*line).to_owned()).collect();
        body(&delivery(shell("true"), kind, data), &tail)
    }

    #[test]
    fn a_failure_says_what_people_ask_first() {
        let data =
            json!({ "task": "extract", "outcome": "exit_code", "exit_code": 3, "attempt": 2, "error": "code 3" });
        let expected = concat!(
            r#"{"type":"task.failed","timestamp":"2026-11-20T12:00:00.000000Z","data":{"seq":42,"#,
            r#""at":"2026-11-20T12:00:00.000000Z","type":"task.failed","job":"nightly","#,
            r#""run_id":"0193a7c4-0000-7000-8000-000000000001","task_id":"0193a7c4-0000-7000-8000-000000000002","#,
            r#""data":{"task":"extract","outcome":"exit_code","exit_code":3,"attempt":2,"error":"code 3"},"#,
            r#""outcome":"exit_code","error":"code 3","exit_code":3,"attempt":2,"log_tail":["one","two"],"#,
            r#""logs_command":"campanile ctl logs 0193a7c4-0000-7000-8000-000000000001 --task extract"}}"#,
        );
        assert_eq!(about("task.failed", data, &["one", "two"]), expected);
    }

    #[test]
    fn what_did_not_fail_has_no_log() {
        let text = about("task.completed", json!({ "error": "none" }), &["one"]);
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["type"], "task.completed");
        assert_eq!(message["data"]["data"], json!({ "error": "none" }));
        assert_eq!(message["data"].get("log_tail"), None);
        assert_eq!(message["data"].get("error"), None);
    }

    #[test]
    fn the_last_lines_that_fit_are_kept() {
        let numbered: Vec<String> = (0..30).map(|n| format!("line {n}")).collect();
        assert_eq!(last_lines(&numbered), numbered[10..]);
        let long: Vec<String> = (0..30).map(|n| format!("{n}{}", "x".repeat(1_000))).collect();
        assert_eq!(last_lines(&long), long[26..]);
        let cut = last_lines(&["\u{1}".repeat(9_000)]);
        assert!(cut.len() == 1 && json!(cut).to_string().len() <= MAX_TAIL_BYTES + 10);
        assert_eq!(last_lines(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_message_is_below_the_limit_whatever_the_event_holds() {
        let control = "\u{1}".repeat(9_000);
        for data in [
            json!({ "error": "é".repeat(50_000) }),
            json!({ "error": control, "outcome": control, "exit": control }),
            json!({ "list": vec!["x"; 20_000] }),
            json!({ "deep": { "er": [control, control, control, control] } }),
        ] {
            let text = about("task.failed", data, &[&control]);
            assert!(text.len() < MAX_BYTES, "{} bytes", text.len());
            let message: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(message["data"]["seq"], 42);
        }
    }
}
