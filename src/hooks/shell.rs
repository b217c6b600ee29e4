//! Shell hooks: a delivery as a process for the runner, which starts, watches, logs and kills it like any other.
//!
//! The event arrives as the message on standard input; what a one-line script needs of it is in the environment too.
//! Nothing of the event becomes part of the command's text. What the end of the process means is decided by the engine
//! (`policy::deliver::refusal`).

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::message;
use crate::engine::Delivery;
use crate::model::definition::{Target, Value};
use crate::model::duration::Duration;
use crate::model::event::Event;
use crate::model::process::{Process, hook_log_path};

const KILL_GRACE: Duration = Duration::from_secs(5);
const MAX_OUTPUT: u64 = 64 * 1024;
/// One argument or variable of a process may be 128 KiB on Linux; nobody needs as much to be told of an error.
const MAX_VARIABLE: usize = 4 * 1024;

/// What an event may say besides, by the name under which a script finds it.
const SAID: [(&str, &str); 5] = [
    ("outcome", "CAMPANILE_EVENT_OUTCOME"),
    ("error", "CAMPANILE_EVENT_ERROR"),
    ("exit_code", "CAMPANILE_EVENT_EXIT_CODE"),
    ("attempt", "CAMPANILE_EVENT_ATTEMPT"),
    ("task", "CAMPANILE_EVENT_TASK"),
];

/// The process that makes this try; nothing if the hook is a webhook. `log_tail` holds the last lines of the log of
/// what the event is about.
pub fn process(delivery: &Delivery, log_tail: &[String]) -> Option<Process> {
    let argv = match &delivery.hook.target {
        Target::Shell(text) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()],
        Target::Command(argv) => argv.clone(),
        Target::Webhook(_) => return None,
    };
    let name = delivery.hook.name.as_deref().unwrap_or("without a name");
    Some(Process {
        label: format!("hook {name}, event {}, delivery {}", delivery.event.seq, delivery.id.short()),
        env: environment(delivery),
        stdin: Some(message::body(delivery, log_tail)),
        timeout: Some(delivery.hook.timeout),
        kill_grace: KILL_GRACE,
        max_output: MAX_OUTPUT,
        ..Process::new(delivery.launch, argv, hook_log_path(delivery.id, delivery.launch))
    })
}

fn environment(delivery: &Delivery) -> BTreeMap<String, Value> {
    let Event { seq, at, kind, job, run, task, data } = &delivery.event;
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            env.insert(name.to_owned(), Value::Plain(variable(&value)));
        }
    };
    set("CAMPANILE_EVENT_ID", Some(delivery.id.to_string()));
    set("CAMPANILE_EVENT_SEQ", Some(seq.to_string()));
    set("CAMPANILE_EVENT_AT", Some(at.to_string()));
    set("CAMPANILE_EVENT_TYPE", Some(kind.to_string()));
    set("CAMPANILE_EVENT_JOB", job.clone());
    set("CAMPANILE_EVENT_RUN_ID", run.map(|run| run.to_string()));
    set("CAMPANILE_EVENT_TASK_ID", task.map(|task| task.to_string()));
    for (field, name) in SAID {
        set(name, data.get(field).and_then(scalar));
    }
    env
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A NUL would end the variable, and with it refuse the whole process.
fn variable(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_VARIABLE)].replace('\0', "")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::hooks::example::{delivery, shell};

    fn made(target: Target, data: Json) -> Process {
        process(&delivery(target, "task.failed", data), &["last".to_owned()]).unwrap()
    }

    #[test]
    fn a_shell_hook_is_a_process_with_the_message_on_its_input() {
        let found = made(shell("mail -s oops root"), json!({}));
        assert_eq!(found.argv, ["/bin/sh", "-c", "mail -s oops root"]);
        assert_eq!(found.launch.0, 7);
        assert_eq!(found.timeout, Some(Duration::from_secs(30)));
        assert_eq!(found.log_path, "logs/hooks/0193a7c4-0000-7000-8000-000000000009/7.log");
        let message: Json = serde_json::from_str(&found.stdin.unwrap()).unwrap();
        assert_eq!(message["type"], "task.failed");
        assert_eq!(message["data"]["log_tail"], json!(["last"]));
    }

    #[test]
    fn a_command_is_started_without_a_shell() {
        let argv = vec!["logger".to_owned(), "$(id)".to_owned()];
        assert_eq!(made(Target::Command(argv.clone()), json!({})).argv, argv);
    }

    #[test]
    fn the_environment_has_the_plain_parts_of_the_event() {
        let data = json!({ "exit_code": 3, "error": "no\0 disk", "attempt": 2, "outcome": null, "task": ["x"] });
        let env = made(shell("true"), data).env;
        let shown: Vec<String> = env.iter().map(|(name, value)| format!("{name}={}", value.shown())).collect();
        assert_eq!(
            shown,
            [
                "CAMPANILE_EVENT_AT=2026-11-20T12:00:00.000000Z",
                "CAMPANILE_EVENT_ATTEMPT=2",
                "CAMPANILE_EVENT_ERROR=no disk",
                "CAMPANILE_EVENT_EXIT_CODE=3",
                "CAMPANILE_EVENT_ID=0193a7c4-0000-7000-8000-000000000009",
                "CAMPANILE_EVENT_JOB=nightly",
                "CAMPANILE_EVENT_RUN_ID=0193a7c4-0000-7000-8000-000000000001",
                "CAMPANILE_EVENT_SEQ=42",
                "CAMPANILE_EVENT_TASK_ID=0193a7c4-0000-7000-8000-000000000002",
                "CAMPANILE_EVENT_TYPE=task.failed",
            ]
        );
    }

    #[test]
    fn an_endless_error_does_not_keep_a_hook_from_starting() {
        let env = made(shell("true"), json!({ "error": "é".repeat(200_000) })).env;
        assert_eq!(env["CAMPANILE_EVENT_ERROR"].shown().len(), MAX_VARIABLE);
    }
}
