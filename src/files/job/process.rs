//! Reads what a task says of the process that it becomes: where its environment comes from, what runs its text, the mask
//! of its files, whom it runs as, what it may use, and what is run before it is told to end. Whether a file may ask for
//! that is not decided here, but by who owns it (`files::owner`).

use super::task::{size, size_from};
use crate::files::argument;
use crate::files::keys::{LIMITS, STOP};
use crate::files::reading::{Fields, Reading, item_of};
use crate::files::syntax::{Node, NodeValue};
use crate::model::definition::{Limits, Stop, Task};
use crate::model::duration::Duration;
use crate::model::invalid::Fault;

/// How many files, and how many inherited variables, one task may name.
const MAX_NAMED: usize = 64;
/// How long what is run before TERM may take unless the file says so.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest name of a user or a group.
const MAX_NAME: usize = 32;
/// How many descriptors a task may be given at most: the most that a kernel can be told to allow.
const MAX_OPEN: i64 = 1 << 30;
/// How many processes there can be at once.
const MAX_PIDS: i64 = 1 << 22;
/// The least part of a processor that a kernel can be told to give, and the most that anybody has.
const PROCESSORS: std::ops::RangeInclusive<f64> = 0.01..=4_096.0;
/// Variables by which a service manager speaks to the daemon and to nobody else; each names all that begin with it.
const NOT_INHERITED: &[&str] = &["NOTIFY_SOCKET", "LISTEN_", "WATCHDOG_", "CREDENTIALS_DIRECTORY"];

/// `base` with what these fields say of its process.
pub(super) fn options(fields: &Fields<'_>, base: &mut Task) {
    if let Some(node) = fields.get("env_file") {
        base.env_files = env_files(fields.reading, node);
    }
    if let Some(names) = inherited(fields) {
        base.env_inherit = names;
    }
    if let Some(node) = fields.get("interpreter") {
        base.interpreter = interpreter(fields.reading, node).unwrap_or_default();
    }
    base.umask = umask(fields).or(base.umask);
    base.stop = stop(fields).or(base.stop.take());
    if let Some(node) = fields.get("limits") {
        base.limits = limits(fields.reading, node, base.limits).unwrap_or(base.limits);
    }
}

/// `base` with whom these fields say that it runs as, and how it stands to other processes.
pub(super) fn account(fields: &Fields<'_>, base: &mut Task) {
    base.user = name(fields, "user").or(base.user.take());
    base.group = name(fields, "group").or(base.group.take());
    base.nice = nice(fields, -20).or(base.nice);
}

/// How it stands back, at least `least`.
pub(super) fn nice(fields: &Fields<'_>, least: i8) -> Option<i8> {
    let nice = fields.integer("nice", i64::from(least)..=19)?;
    i8::try_from(nice).ok()
}

/// The name or the number of a user or a group.
fn name(fields: &Fields<'_>, key: &'static str) -> Option<String> {
    let text = fields.text(key)?;
    let at = fields.get(key).map_or(fields.span, |node| node.span);
    if !is_account(text) {
        let message = format!("`{key}` must be a name or a number, found `{text}`");
        let way = "a name is 1 to 32 of a-z, 0-9, `_`, `-`, beginning with a letter or `_`; it is no template";
        fields.reading.fault(Fault::new(at, message).hint(way));
        return None;
    }
    Some(text.to_owned())
}

/// Whether it can name a user or a group. The greatest number is none: to the kernel it says "as it was".
fn is_account(text: &str) -> bool {
    if text.len() > MAX_NAME {
        return false;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<u32>().is_ok_and(|id| id != u32::MAX);
    }
    let name = text.strip_suffix('$').unwrap_or(text).as_bytes();
    let begins = name.first().is_some_and(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    begins && name.iter().all(is_plain)
}

fn limits(reading: &Reading<'_>, node: &Node, base: Limits) -> Option<Limits> {
    let fields = Fields::open(reading, "limits", node, &LIMITS)?;
    let count = |key: &str, most: i64| fields.integer(key, 1..=most).and_then(|count| u64::try_from(count).ok());
    let bytes = |key: &str| size(reading, key, fields.get(key)?);
    let cpu_time = fields.get("cpu_time").and_then(|node| reading.duration("cpu_time", node, Duration::from_secs(1)));
    let core = fields.get("core").and_then(|node| size_from(reading, "core", node, 0));
    // Within these bounds it is far from the end of the type.
    let cpu_millis = fields.number("cpu", PROCESSORS).map(|cpu| (cpu * 1_000.0).round() as u32);
    Some(Limits {
        open_files: count("open_files", MAX_OPEN).or(base.open_files),
        cpu_time: cpu_time.or(base.cpu_time),
        file_size: bytes("file_size").or(base.file_size),
        address_space: bytes("address_space").or(base.address_space),
        core: core.or(base.core),
        memory: bytes("memory").or(base.memory),
        cpu_millis: cpu_millis.or(base.cpu_millis),
        pids: count("pids", MAX_PIDS).or(base.pids),
    })
}

/// What says how a shell text is run means nothing for anything else.
pub(super) fn check(fields: &Fields<'_>, action: &str) {
    // Among the defaults or above `[jobs]` it is for whatever runs a text.
    let Some(entry) = fields.own("interpreter") else { return };
    if action != "shell" {
        let message = format!("`interpreter` runs the text of `shell`, and this task is a `{action}`");
        fields.reading.fault(Fault::new(entry.key_span, message));
    } else if fields.get("shell").is_some_and(|node| is_script(&node.value)) {
        let message = "`interpreter` has no effect on a text that begins with `#!`, which names its own";
        fields.reading.warn(Fault::new(entry.key_span, message));
    }
}

fn is_script(value: &NodeValue) -> bool {
    matches!(value, NodeValue::Text(text) if text.starts_with("#!"))
}

/// One string or a list of strings, each with its place.
fn one_or_many<'n>(reading: &Reading<'_>, name: &str, node: &'n Node) -> Vec<(&'n str, &'n Node)> {
    if let NodeValue::Text(text) = &node.value {
        return vec![(text.as_str(), node)];
    }
    reading.texts(name, node).unwrap_or_default()
}

fn env_files(reading: &Reading<'_>, node: &Node) -> Vec<String> {
    let named = one_or_many(reading, "env_file", node);
    if named.len() > MAX_NAMED {
        reading.fault(Fault::new(node.span, format!("`env_file` names at most {MAX_NAMED} files")));
        return Vec::new();
    }
    let mut files = Vec::new();
    for (text, node) in named {
        let path = text.strip_prefix('-').unwrap_or(text);
        if !path.starts_with('/') {
            let fault = Fault::new(node.span, format!("`env_file` must be an absolute path, found `{text}`"));
            reading.fault(fault.hint("a `-` before the path lets the file be absent"));
        } else if argument::whole(reading, "env_file", node, path, 0).is_some() {
            files.push(text.to_owned());
        }
    }
    files
}

fn inherited(fields: &Fields<'_>) -> Option<Vec<String>> {
    let items = fields.texts("env_inherit")?;
    if items.len() > MAX_NAMED {
        let at = fields.get("env_inherit").map_or(fields.span, |node| node.span);
        fields.reading.fault(Fault::new(at, format!("`env_inherit` names at most {MAX_NAMED} variables")));
        return None;
    }
    let mut names = Vec::new();
    for (name, node) in items {
        if let Err(message) = argument::variable(name) {
            fields.reading.fault(Fault::new(node.span, message));
        } else if NOT_INHERITED.iter().any(|managers| name.starts_with(managers)) {
            let message = format!("`{name}` is between the daemon and its service manager, and is never inherited");
            fields
                .reading
                .fault(Fault::new(node.span, message).hint("refer to a credential as `{ credential = NAME }`"));
        } else {
            names.push(name.to_owned());
        }
    }
    Some(names)
}

fn interpreter(reading: &Reading<'_>, node: &Node) -> Option<Vec<String>> {
    if let NodeValue::Text(text) = &node.value {
        let text = reading.full_text("interpreter", node).map(|_| text)?;
        if text.contains(char::is_whitespace) {
            let words: Vec<String> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
            let fault = Fault::new(node.span, "`interpreter` is one program, or a list of a program and its arguments");
            reading.fault(fault.hint(format!("write [{}]", words.join(", "))));
            return None;
        }
    }
    let words = one_or_many(reading, "interpreter", node);
    match words.first() {
        Some((program, _)) if !program.trim().is_empty() => {}
        _ => {
            let fault = Fault::new(node.span, "`interpreter` names no program");
            reading.fault(
                fault.hint("write a program that takes the text as its last argument, as in [\"bash\", \"-c\"]"),
            );
            return None;
        }
    }
    let whole = |(word, node): &(&str, &Node)| {
        argument::whole(reading, "interpreter", node, word, 0)?;
        Some((*word).to_owned())
    };
    words.iter().map(whole).collect()
}

fn umask(fields: &Fields<'_>) -> Option<u32> {
    let node = fields.get("umask")?;
    let refuse = |found: &str| {
        let message =
            format!("`umask` is three octal digits in quotes, or four of which the first is 0, found `{found}`");
        fields
            .reading
            .fault(Fault::new(node.span, message).hint("write \"027\": the group may not write, others nothing"));
        None
    };
    if let NodeValue::Integer(number) = node.value {
        return refuse(&number.to_string());
    }
    let text = fields.text("umask")?;
    let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3).unwrap_or(text);
    if digits.len() != 3 {
        return refuse(text);
    }
    let mask = digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    if mask { u32::from_str_radix(digits, 8).ok() } else { refuse(text) }
}

fn stop(fields: &Fields<'_>) -> Option<Stop> {
    let fields = Fields::open(fields.reading, "stop", fields.get("stop")?, &STOP)?;
    let timeout = fields.some_duration("timeout").unwrap_or(STOP_TIMEOUT);
    let Some(entry) = fields.entry("command") else {
        let fault = Fault::new(fields.span, "`stop` needs a `command`");
        fields.reading.lack(fault.hint("write stop = { command = [\"docker\", \"stop\", \"NAME\"] }"));
        return None;
    };
    Some(Stop { command: argument::command(fields.reading, entry)?, timeout })
}

/// The texts of a list in which none may be empty.
pub(super) fn said<'a>(fields: &Fields<'a>, key: &'static str) -> Vec<(&'a str, &'a Node)> {
    let items = fields.texts(key).unwrap_or_default();
    for (_, node) in items.iter().filter(|(text, _)| text.is_empty()) {
        fields.reading.fault(Fault::new(node.span, format!("{} is empty", item_of(key))));
    }
    items
}
