//! Reads `http`: the request that a task makes, and what its answer must be like. Here is refused what no request can be
//! sent with, what only the connection may say, and what beside `http` would mean nothing. A URL that is a template is
//! judged when it is rendered.

use super::task::size;
use crate::files::hook::checked_url;
use crate::files::keys::HTTP;
use crate::files::reading::{Fields, Reading, item_of};
use crate::files::syntax::{Entry, Node, NodeValue};
use crate::files::value;
use crate::files::{argument, headers};
use crate::model::definition::http::is_idempotent;
use crate::model::definition::{Action, Body, Http, OnInterrupt, Task, Value};
use crate::model::invalid::Fault;

/// How much of an answer is read where nothing is said, and at most: all of it is in memory at once.
const RESPONSE: u64 = 1 << 20;
const MAX_RESPONSE: u64 = 64 << 20;
/// What is a success where nothing is said.
const SUCCESSES: (u16, u16) = (200, 299);
/// Methods of RFC 9110 and WebDAV, and those that caches know.
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "BAN",
    "REPORT",
    "SEARCH",
    "QUERY",
    "UNLOCK",
];
/// Headers that a task may not set, and why not.
const REFUSED: &[(&str, Option<&str>)] = &[
    ("host", Some("it is made from `url`")),
    ("content-length", Some("it is made from the body")),
    (
        "idempotency-key",
        Some("it is the same for every attempt of the task, and `CAMPANILE_IDEMPOTENCY_KEY` elsewhere"),
    ),
    ("connection", Some("it is for the connection and not for the receiver")),
    ("expect", Some("it is for the connection and not for the receiver")),
    ("keep-alive", Some("it is for the connection and not for the receiver")),
    ("proxy-connection", Some("it is for the connection and not for the receiver")),
    ("te", Some("it is for the connection and not for the receiver")),
    ("trailer", Some("it is for the connection and not for the receiver")),
    ("transfer-encoding", Some("it is for the connection and not for the receiver")),
    ("upgrade", Some("it is for the connection and not for the receiver")),
];
/// Keys of a task that say something about a process, and what to do instead.
const PROCESS_KEYS: &[(&str, &str)] = &[
    ("env", "a request has headers and a body, no environment"),
    ("env_file", "a request has headers and a body, no environment"),
    ("env_inherit", "a request has headers and a body, no environment"),
    ("stdin", "give what is sent as `body` or `json` in `http`"),
    ("working_dir", "a request starts nowhere"),
    ("kill_grace", "a request has no process to kill; `timeout` ends it"),
    ("exit_codes", "say which statuses are a success with `expect_status` in `http`"),
    ("leftovers", "a request leaves no processes behind"),
    ("interpreter", "a request has no process"),
    ("stop", "a request has no process to stop; it is broken off"),
    ("umask", "a request makes no files"),
    ("user", "a request is made by the daemon"),
    ("group", "a request is made by the daemon"),
    ("nice", "a request has no process"),
    ("limits", "`timeout` and `max_response` bound a request"),
];

/// The request in this entry.
pub(super) fn read(reading: &Reading<'_>, entry: &Entry) -> Option<Http> {
    let fields = Fields::open(reading, "http", &entry.node, &HTTP)?;
    let body = body(&fields);
    let method = method(&fields, body.is_some());
    let headers =
        fields.get("headers").map(|node| headers::read(reading, node, "a request", REFUSED)).unwrap_or_default();
    let expect_status = fields.get("expect_status").map(|node| statuses(reading, node));
    let max_response = fields.get("max_response").and_then(|node| response(reading, node));
    let idempotent = fields.boolean("idempotent").unwrap_or_else(|| is_idempotent(&method));
    let allow_private = fields.boolean("allow_private").unwrap_or(false);
    let url = url(&fields)?;
    Some(Http {
        method,
        url,
        headers,
        body,
        expect_status: expect_status.unwrap_or_else(|| vec![SUCCESSES]),
        max_response: max_response.unwrap_or(RESPONSE),
        idempotent,
        public_only: false,
        allow_private,
    })
}

/// Makes the rest of the task, which these fields give, that of a request: other defaults, and no words that are about a
/// process.
pub(super) fn fit(fields: &Fields<'_>, task: &mut Task) {
    let Action::Http(request) = &task.action else { return };
    let reading = fields.reading;
    for (key, way) in PROCESS_KEYS.iter().filter(|(key, _)| fields.knows(key)) {
        // Above `[tasks]` or `[jobs]` and among the defaults, such a key is for those tasks that are processes.
        if let Some(entry) = fields.own(key) {
            reading.fault(Fault::new(entry.key_span, format!("`{key}` has no meaning beside `http`")).hint(*way));
        }
    }
    task.timeout = task.timeout.or(Some(Http::TIMEOUT));
    if request.idempotent {
        return;
    }
    if task.on_interrupt == OnInterrupt::Retry
        && let Some(entry) = fields.own("on_interrupt")
    {
        let message =
            format!("a `{}` whose answer was lost may have been done, so it is not made again", request.method);
        let way = "write `idempotent = true` in `http` if the receiver heeds `Idempotency-Key`, else `on_interrupt = \"fail\"`";
        reading.fault(Fault::new(entry.node.span, message).hint(way));
    }
    task.on_interrupt = OnInterrupt::Fail;
}

fn url(fields: &Fields<'_>) -> Option<Value> {
    let reading = fields.reading;
    let Some(node) = fields.get("url") else {
        reading.lack(Fault::new(fields.span, "`http` needs a `url`"));
        return None;
    };
    let url = value::read(reading, "url", node)?;
    if let Value::Plain(text) = &url
        && !text.contains("{{")
        && let Err(message) = checked_url(text)
    {
        reading.fault(Fault::new(node.span, message));
        return None;
    }
    Some(url)
}

fn method(fields: &Fields<'_>, has_body: bool) -> String {
    let default = if has_body { "POST" } else { "GET" };
    let (Some(text), Some(node)) = (fields.full_text("method"), fields.get("method")) else {
        return default.to_owned();
    };
    let method = text.to_ascii_uppercase();
    if !METHODS.contains(&method.as_str()) {
        let fault = Fault::new(node.span, format!("`{text}` is not a method that is sent from here"));
        fields.reading.fault(fault.hint("there are GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS and those of WebDAV"));
    }
    if has_body && matches!(method.as_str(), "GET" | "HEAD" | "TRACE") {
        let message = format!("a `{method}` with a body is not understood everywhere");
        fields.reading.warn(Fault::new(node.span, message));
    }
    method
}

fn body(fields: &Fields<'_>) -> Option<Body> {
    let reading = fields.reading;
    if let (Some(_), Some(other)) = (fields.entry("body"), fields.entry("json")) {
        reading.fault(Fault::new(other.key_span, "`body` and `json` cannot both be given"));
    }
    if let Some(node) = fields.get("json") {
        return json(reading, node).map(Body::Json);
    }
    let node = fields.get("body")?;
    if let NodeValue::Table(_) = node.value {
        let fault = Fault::new(node.span, "`body` must be a string, found a table");
        reading.fault(fault.hint("a value that is sent as JSON is `json = { ... }`"));
        return None;
    }
    let text = reading.text("body", node)?;
    argument::templated(reading, "body", node, text)?;
    Some(Body::Text(text.to_owned()))
}

fn json(reading: &Reading<'_>, node: &Node) -> Option<serde_json::Value> {
    use serde_json::Value as J;
    Some(match &node.value {
        NodeValue::Text(text) => {
            argument::templated(reading, "json", node, text)?;
            J::String(text.clone())
        }
        NodeValue::Integer(number) => J::from(*number),
        NodeValue::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => J::Number(number),
            None => {
                reading.fault(Fault::new(node.span, "JSON has no such number"));
                return None;
            }
        },
        NodeValue::Bool(flag) => J::Bool(*flag),
        NodeValue::Time(text) => J::String(text.clone()),
        NodeValue::List(items) => J::Array(items.iter().map(|item| json(reading, item)).collect::<Option<_>>()?),
        NodeValue::Table(entries) => {
            let field = |entry: &Entry| Some((entry.key.clone(), json(reading, &entry.node)?));
            J::Object(entries.iter().map(field).collect::<Option<_>>()?)
        }
    })
}

fn response(reading: &Reading<'_>, node: &Node) -> Option<u64> {
    let bytes = size(reading, "max_response", node)?;
    if bytes > MAX_RESPONSE {
        let message = format!("`max_response` is at most {} MiB", MAX_RESPONSE >> 20);
        reading.fault(Fault::new(node.span, message).hint("an answer is in memory at once; fetch more with a program"));
        return None;
    }
    Some(bytes)
}

/// One status or range of them, or a list.
fn statuses(reading: &Reading<'_>, node: &Node) -> Vec<(u16, u16)> {
    let NodeValue::List(items) = &node.value else {
        return status(reading, "expect_status", node).into_iter().collect();
    };
    if items.is_empty() {
        reading.fault(Fault::new(node.span, "`expect_status` is empty, so no answer is a success"));
    }
    items.iter().filter_map(|item| status(reading, &item_of("expect_status"), item)).collect()
}

fn status(reading: &Reading<'_>, name: &str, node: &Node) -> Option<(u16, u16)> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 3);
    let range = match &node.value {
        NodeValue::Integer(number) => u16::try_from(*number).ok().map(|status| (status, status)),
        NodeValue::Text(text) => match (text.strip_suffix("xx"), text.split_once('-')) {
            (Some(class), _) => class.parse::<u16>().ok().filter(|_| class.len() == 1).map(|n| (n * 100, n * 100 + 99)),
            (None, Some((first, last))) => number(first.trim()).zip(number(last.trim())),
            (None, None) => number(text).map(|status| (status, status)),
        },
        NodeValue::Float(_) | NodeValue::Bool(_) | NodeValue::Time(_) | NodeValue::List(_) | NodeValue::Table(_) => {
            None
        }
    };
    let range = range.filter(|(first, last)| (200..=599).contains(first) && first <= last && *last <= 599);
    if range.is_none() {
        let name = if name.contains(' ') { name.to_owned() } else { format!("`{name}`") };
        let message = format!("{name} must be a status from 200 to 599, or a range of them");
        reading.fault(Fault::new(node.span, message).hint("write it as 200, \"2xx\" or \"200-204\""));
    }
    range
}
