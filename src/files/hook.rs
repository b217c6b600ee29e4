//! Reads `[[hooks]]`, of a job and of the configuration.

use super::keys::{Keys, WEBHOOK, WEBHOOK_RETRY};
use super::reading::{Fields, Reading};
use super::suggestion::suggest;
use super::syntax::{Node, NodeValue};
use super::{argument, headers, value};
use crate::model::definition::hook::{Webhook, matches_pattern};
use crate::model::definition::{Hook, Target, Value};
use crate::model::duration::Duration;
use crate::model::event::EventType;
use crate::model::invalid::Fault;

/// How many hooks one file may have.
const MAX_HOOKS: usize = 256;
/// How often a delivery may be tried at most.
const MAX_ATTEMPTS: u32 = 1_000;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_ATTEMPTS: u32 = crate::model::policy::deliver::MAX_ATTEMPTS;
const SHELL_WAY: &str = "the event is on stdin, as JSON, and in `$CAMPANILE_EVENT_*`";

/// Events and moments that a later version brings.
const LATER_EVENTS: &[&str] = &[
    "task.progress",
    "task.steered",
    "workflow.waiting",
    "workflow.compensating",
    "job.overdue",
    "approval.requested",
    "approval.granted",
    "approval.rejected",
    "agent.status_changed",
    "budget.warning",
    "budget.exceeded",
    "first_failure",
    "recovered",
    "still_failing",
    "late",
    "long_running",
];

/// Headers that are ours or the connection's.
const OUR_HEADERS: &[(&str, Option<&str>)] = &[
    ("connection", None),
    ("content-length", None),
    ("content-type", None),
    ("host", None),
    ("transfer-encoding", None),
    ("webhook-id", None),
    ("webhook-signature", None),
    ("webhook-timestamp", None),
];

/// The hooks of the file whose top level is `fields`; each is a table of `keys`.
pub(crate) fn read(fields: &Fields<'_>, keys: &'static Keys) -> Vec<Hook> {
    let nodes = fields.tables("hooks").unwrap_or_default();
    if nodes.len() > MAX_HOOKS {
        fields.reading.fault(Fault::new(fields.span, format!("a file has at most {MAX_HOOKS} hooks")));
        return Vec::new();
    }
    let mut hooks: Vec<Hook> = Vec::new();
    for node in nodes {
        let Some(hook) = one(fields.reading, node, keys) else { continue };
        if let Some(name) = &hook.name
            && hooks.iter().any(|other| other.name.as_ref() == Some(name))
        {
            fields.reading.fault(Fault::new(node.span, format!("another hook is named `{name}` too")));
        }
        hooks.push(hook);
    }
    hooks
}

fn one(reading: &Reading<'_>, node: &Node, keys: &'static Keys) -> Option<Hook> {
    let fields = Fields::open(reading, "an item of `hooks`", node, keys)?;
    let on = patterns(&fields);
    let jobs = if keys.known.contains(&"jobs") { job_patterns(&fields) } else { Vec::new() };
    let name = fields.full_text("name").map(str::to_owned);
    let mut timeout = fields.some_duration("timeout");
    let mut max_attempts = fields.count("max_attempts", MAX_ATTEMPTS);
    let entry = fields.one_of(&["webhook", "shell", "command"], "something to call")?;
    let target = match entry.key.as_str() {
        "shell" => Target::Shell(argument::shell(reading, entry, SHELL_WAY)?),
        "command" => Target::Command(argument::command(reading, entry)?),
        _ => {
            let inner = Fields::open(reading, "webhook", &entry.node, &WEBHOOK)?;
            timeout = either(&fields, timeout, "timeout", &inner, inner.some_duration("timeout"));
            max_attempts = either(&fields, max_attempts, "max_attempts", &inner, attempts(&inner));
            Target::Webhook(webhook(&inner)?)
        }
    };
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    let max_attempts = max_attempts.unwrap_or(DEFAULT_ATTEMPTS);
    Some(Hook { name, on, jobs, target, timeout, max_attempts })
}

/// What the hook says or what its webhook says, which mean the same.
fn either<T>(hook: &Fields<'_>, outer: Option<T>, key: &str, webhook: &Fields<'_>, inner: Option<T>) -> Option<T> {
    if outer.is_some() && inner.is_some() {
        let message = format!("`{key}` is given for the hook and for its webhook");
        hook.reading.fault(Fault::new(webhook.span, message).hint("give it once"));
    }
    outer.or(inner)
}

fn attempts(webhook: &Fields<'_>) -> Option<u32> {
    let node = webhook.get("retry")?;
    Fields::open(webhook.reading, "retry", node, &WEBHOOK_RETRY)?.count("max_attempts", MAX_ATTEMPTS)
}

fn patterns(fields: &Fields<'_>) -> Vec<String> {
    let Some(entry) = fields.entry("on") else {
        let fault = Fault::new(fields.span, "a hook needs `on`: the events that it waits for");
        fields.reading.lack(fault.hint("write on = [\"task.failed\"]"));
        return Vec::new();
    };
    let items = fields.texts("on").unwrap_or_default();
    if items.is_empty() && matches!(entry.node.value, NodeValue::List(_)) {
        fields.reading.lack(Fault::new(entry.node.span, "`on` is empty, so the hook never fires"));
    }
    for (pattern, node) in &items {
        if let Some(fault) = unknown_event(pattern, node) {
            fields.reading.fault(fault);
        }
    }
    items.iter().map(|(pattern, _)| (*pattern).to_owned()).collect()
}

fn unknown_event(pattern: &str, node: &Node) -> Option<Fault> {
    let custom = pattern.strip_prefix("custom.").is_some_and(|name| !name.is_empty());
    let known = EventType::ALL.iter().any(|kind| matches_pattern(pattern, kind.as_str()));
    if known || custom || matches_pattern(pattern, "custom.") {
        return None;
    }
    let moment = pattern.split_once(':').map_or(pattern, |(moment, _)| moment);
    if LATER_EVENTS.iter().any(|later| *later == moment || matches_pattern(pattern, later)) {
        return Some(Fault::new(node.span, format!("event `{pattern}` is not supported by this version")));
    }
    let names: Vec<&str> = EventType::ALL.iter().map(EventType::as_str).collect();
    let what = if pattern.contains('*') { "matches no event" } else { "is not an event" };
    Some(suggest(Fault::new(node.span, format!("`{pattern}` {what}")), pattern, &names))
}

fn job_patterns(fields: &Fields<'_>) -> Vec<String> {
    let items = fields.texts("jobs").unwrap_or_default();
    for (pattern, node) in &items {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-' | b'*');
        if pattern.is_empty() || !pattern.bytes().all(allowed) {
            let message = format!("`{pattern}` can match no job: names are of a-z, 0-9, `_`, `.`, `-`");
            fields.reading.fault(Fault::new(node.span, message).hint("`*` stands for any run of characters"));
        }
    }
    items.iter().map(|(pattern, _)| (*pattern).to_owned()).collect()
}

fn webhook(fields: &Fields<'_>) -> Option<Webhook> {
    let reading = fields.reading;
    let headers =
        fields.get("headers").map(|node| headers::read(reading, node, "a webhook", OUR_HEADERS)).unwrap_or_default();
    let secret = fields.get("secret").and_then(|node| value::read(reading, "secret", node));
    if let (Some(Value::Plain(text)), Some(node)) = (&secret, fields.get("secret")) {
        if text.is_empty() {
            reading.fault(Fault::new(node.span, "`secret` is empty"));
        }
        let message = "`secret` is in the clear, so it is stored with the definition and shown with it";
        reading.warn(Fault::new(node.span, message).hint("refer to it, as in { file = \"/path\" }"));
    }
    let allow_private = fields.boolean("allow_private").unwrap_or(false);
    let Some(node) = fields.get("url") else {
        reading.lack(Fault::new(fields.span, "`webhook` needs a `url`"));
        return None;
    };
    let url = value::read(reading, "url", node)?;
    if let Value::Plain(text) = &url
        && let Err(message) = checked_url(text)
    {
        reading.fault(Fault::new(node.span, message));
        return None;
    }
    Some(Webhook { url, secret, headers, allow_private, public_only: false })
}

pub(super) fn checked_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`url` must begin with `http://` or `https://`, found `{}:`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The message must not repeat the password.
        return Err("`url` holds a user name or password; give it as a header, by reference".to_owned());
    }
    Ok(())
}
