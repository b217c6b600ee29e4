//! Reads tasks: `[tasks.NAME]`, or the one that the top level of a job stands for, and checks that they make a graph.

use std::collections::HashMap;

use super::precondition::{self, Precondition};
use super::{http, pools, process, success, template};
use crate::files::argument;
use crate::files::keys::{ACTIONS, EXIT_CODES, RETRY, TASK};
use crate::files::reading::{Fields, Reading, Written, item_of};
use crate::files::suggestion::suggest;
use crate::files::syntax::{Entry, Node, NodeValue, Span};
use crate::files::value;
use crate::model::definition::job::is_name;
use crate::model::definition::{Action, ExitCodes, Leftovers, OnInterrupt, PRECONDITION, Retry, Task};
use crate::model::graph;
use crate::model::invalid::Fault;

/// How many tasks one job may have.
const MAX_TASKS: usize = 4_096;
/// How many attempts a task may be given.
const MAX_ATTEMPTS: u32 = 1_000_000;
/// The most log that an attempt may keep: 1 TiB.
const MAX_OUTPUT: u64 = 1 << 40;
/// How many bytes the defaults of tasks may come to, over all tasks.
const MAX_WEIGHT: usize = 64 << 20;
/// For how many unknown names the nearest task is looked for.
const MAX_SUGGESTED: usize = 20;
pub(super) const SHELL_WAY: &str = "put the value into `env` and write \"$NAME\" here";

/// A task, and where its `after` names each task that it waits for.
struct Placed {
    task: Task,
    after: Vec<Span>,
    /// Its own templates; those that it has from the top level are checked there.
    templates: Vec<Written>,
}

/// The tasks of the job whose top level is `fields`, and whose parameters have those names; and what must hold before any of
/// them starts.
pub(super) fn read(fields: &Fields<'_>, params: &[&str]) -> (Vec<Task>, Option<Precondition>) {
    let of_top = |fields| of_file(fields, Task::new("main", Action::Noop));
    let (base, shared) = fields.reading.with_templates(|| of_top(fields));
    let precondition = precondition::read(fields, params, &base);
    (of_base(fields, params, base, &shared), precondition)
}

fn of_base(fields: &Fields<'_>, params: &[&str], base: Task, shared: &[Written]) -> Vec<Task> {
    let reading = fields.reading;
    let short = fields.first_of(ACTIONS);
    let Some(entry) = fields.entry("tasks") else {
        let (task, mut own) = reading.with_templates(|| single(fields, base));
        own.extend_from_slice(shared);
        let Some(task) = task else { return Vec::new() };
        template::check_tasks(reading, params, &["main"], &[(&task, &own)], &[]);
        return vec![task];
    };
    if let Some(short) = short {
        let message = format!("`{}` at the top level and `[tasks]` cannot both be given", short.key);
        reading.fault(Fault::new(short.key_span, message).hint("give it a `[tasks.NAME]` of its own"));
    }
    let Some(entries) = reading.table("tasks", &entry.node) else { return Vec::new() };
    if entries.is_empty() {
        reading.lack(Fault::new(entry.node.span, "`tasks` is empty, so the job does nothing"));
    }
    if entries.len() > MAX_TASKS {
        reading.fault(Fault::new(entry.node.span, format!("a job has at most {MAX_TASKS} tasks")));
        return Vec::new();
    }
    if weight(&base).saturating_mul(entries.len()) > MAX_WEIGHT {
        let message = "what the top level says of tasks is repeated in every task, and comes to more than 64 MiB";
        reading.fault(Fault::new(entry.node.span, message).hint("keep them in a file that the tasks read"));
        return Vec::new();
    }
    let placed: Vec<Option<Placed>> = entries.iter().map(|entry| named(reading, entry, &base)).collect();
    // A task that could not be read is still there to be waited for.
    let names: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    if let Some(taken) = entries.iter().find(|entry| entry.key == PRECONDITION && fields.get(PRECONDITION).is_some()) {
        let message = "a job with a `precondition` has a task of that name already: the one that asks";
        reading.fault(Fault::new(taken.key_span, message).hint("give this task another name"));
    }
    let placed: Vec<Placed> = placed.into_iter().flatten().collect();
    check_graph(reading, &names, &placed);
    let own: Vec<(&Task, &[Written])> =
        placed.iter().map(|placed| (&placed.task, placed.templates.as_slice())).collect();
    template::check_tasks(reading, params, &names, &own, if base.raw { &[] } else { shared });
    placed.into_iter().map(|placed| placed.task).collect()
}

/// The bytes of a task that a small file can multiply.
fn weight(task: &Task) -> usize {
    let env: usize = task.env.iter().map(|(name, value)| name.len() + value.shown().len()).sum();
    let success = [&task.success.required_substrings, &task.success.required_regex, &task.success.forbidden_regex];
    let stop = task.stop.as_ref().map(|stop| &stop.command);
    let lists = [&task.env_files, &task.env_inherit, &task.interpreter].into_iter().chain(success).chain(stop);
    env + task.stdin.as_ref().map_or(0, String::len) + lists.flatten().map(String::len).sum::<usize>()
}

fn single(fields: &Fields<'_>, mut base: Task) -> Option<Task> {
    let entry = fields.one_of(ACTIONS, "something to do, at the top level or in `[tasks.NAME]`")?;
    process::check(fields, &entry.key);
    base.action = action(fields.reading, entry)?;
    http::fit(fields, &mut base);
    Some(base)
}

/// The task that `fields` is, without a job around it.
pub(crate) fn alone(fields: &Fields<'_>) -> Option<Task> {
    let name = fields.full_text("name").unwrap_or("main");
    if !is_name(name) {
        let at = fields.get("name").map_or(fields.span, |node| node.span);
        let message = format!("`{name}` is not a task's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`");
        fields.reading.fault(Fault::new(at, message));
    }
    let (task, own) = fields.reading.with_templates(|| {
        // What is sent is meant as it is, unless it says otherwise.
        let mut task = options(fields, Task { raw: true, ..Task::new(name, Action::Noop) });
        // To go before others is for the owner of a file to ask for, and nobody owns what is sent.
        task.nice = process::nice(fields, 0);
        let entry = fields.one_of(ACTIONS, "something to do")?;
        process::check(fields, &entry.key);
        task.action = action(fields.reading, entry)?;
        http::fit(fields, &mut task);
        Some(task)
    });
    let mut task = task?;
    template::check_tasks(fields.reading, &[], &[name], &[(&task, &own)], &[]);
    if let Action::Http(request) = &mut task.action {
        // Whoever sends a task may be further away than whoever writes files: what only this machine reaches is not theirs.
        request.public_only = true;
    }
    Some(task)
}

fn named(reading: &Reading<'_>, entry: &Entry, base: &Task) -> Option<Placed> {
    let name = entry.key.as_str();
    if !is_name(name) {
        let message = format!("`{name}` is not a task's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`");
        reading.fault(Fault::new(entry.key_span, message));
    }
    if !matches!(entry.node.value, NodeValue::Table(_)) && TASK.known.contains(&name) {
        let message = format!("`{name}` is a key of a task, and `[tasks]` holds tasks");
        reading.fault(Fault::new(entry.key_span, message).hint("write it below a `[tasks.NAME]`"));
        return None;
    }
    let fields = Fields::open(reading, name, &entry.node, &TASK)?;
    let (placed, templates) = reading.with_templates(|| written(&fields, name, base));
    Some(Placed { templates, ..placed })
}

fn written(fields: &Fields<'_>, name: &str, base: &Task) -> Placed {
    let reading = fields.reading;
    let mut task = of_file(fields, Task { name: name.to_owned(), ..base.clone() });
    let items = fields.texts("after").unwrap_or_default();
    task.after = items.iter().map(|(name, _)| (*name).to_owned()).collect();
    let after = items.iter().map(|(_, node)| node.span).collect();
    if let Some(entry) = fields.one_of(ACTIONS, "something to do") {
        process::check(fields, &entry.key);
        task.action = action(reading, entry).unwrap_or(task.action);
    }
    http::fit(fields, &mut task);
    Placed { task, after, templates: Vec::new() }
}

fn action(reading: &Reading<'_>, entry: &Entry) -> Option<Action> {
    match entry.key.as_str() {
        "shell" => argument::shell(reading, entry, SHELL_WAY).map(Action::Shell),
        "command" => argument::command(reading, entry).map(Action::Command),
        "http" => http::read(reading, entry).map(|request| Action::Http(Box::new(request))),
        _ if entry.node.value == NodeValue::Bool(true) => Some(Action::Noop),
        _ => {
            reading.fault(Fault::new(entry.node.span, "`noop` must be `true`"));
            None
        }
    }
}

/// The same, and what only the owner of a file may ask for.
fn of_file(fields: &Fields<'_>, base: Task) -> Task {
    let mut task = options(fields, base);
    process::account(fields, &mut task);
    task
}

/// `base` with what these fields say about anything but what is done and after what.
fn options(fields: &Fields<'_>, mut base: Task) -> Task {
    let reading = fields.reading;
    base.raw = fields.boolean("raw").unwrap_or(base.raw);
    if let Some(node) = fields.get("env") {
        value::env(reading, node, &mut base.env);
    }
    base.stdin = argument::stdin(fields).or(base.stdin);
    base.working_dir = working_dir(fields).or(base.working_dir);
    base.timeout = fields.some_duration("timeout").or(base.timeout);
    base.kill_grace = fields.duration("kill_grace").unwrap_or(base.kill_grace);
    if let Some(node) = fields.get("retry") {
        base.retry = retry(reading, node, base.retry).unwrap_or(base.retry);
    }
    if let Some(node) = fields.get("exit_codes")
        && let Some(codes) = exit_codes(reading, node, &base.exit_codes)
    {
        base.exit_codes = codes;
    }
    let words = [("kill", Leftovers::Kill), ("wait", Leftovers::Wait), ("leave", Leftovers::Leave)];
    base.leftovers = fields.word("leftovers", &words, &[]).unwrap_or(base.leftovers);
    let words = [("retry", OnInterrupt::Retry), ("fail", OnInterrupt::Fail)];
    base.on_interrupt = fields.word("on_interrupt", &words, &[]).unwrap_or(base.on_interrupt);
    if let Some(node) = fields.get("max_output") {
        base.max_output = size(reading, "max_output", node).unwrap_or(base.max_output);
    }
    process::options(fields, &mut base);
    if let Some(node) = fields.get("pools") {
        base.pools = pools::read(reading, node).unwrap_or_default();
    }
    if let Some(node) = fields.get("success") {
        base.success = success::read(reading, node).unwrap_or_default();
    }
    base
}

pub(super) fn working_dir(fields: &Fields<'_>) -> Option<String> {
    let node = fields.get("working_dir")?;
    let path = fields.full_text("working_dir")?;
    argument::whole(fields.reading, "working_dir", node, path, 0)?;
    if !path.starts_with('/') {
        let fault = Fault::new(node.span, format!("`working_dir` must be an absolute path, found `{path}`"));
        fields.reading.fault(fault.hint("a daemon has no current folder that would mean anything to you"));
        return None;
    }
    Some(path.to_owned())
}

fn retry(reading: &Reading<'_>, node: &Node, base: Retry) -> Option<Retry> {
    let fields = Fields::open(reading, "retry", node, &RETRY)?;
    let max_attempts = fields.count("max_attempts", MAX_ATTEMPTS);
    let delay = fields.duration("delay").unwrap_or(base.delay);
    let given_max = fields.duration("max_delay");
    let retry = Retry {
        max_attempts: max_attempts.unwrap_or(base.max_attempts),
        delay,
        factor: fields.number("factor", 1.0..=1_000.0).unwrap_or(base.factor),
        // The default must not shorten a delay that was asked for.
        max_delay: given_max.unwrap_or(base.max_delay.max(delay)),
        jitter: fields.number("jitter", 0.0..=1.0).unwrap_or(base.jitter),
    };
    if given_max.is_some_and(|most| most < delay) {
        let at = fields.get("max_delay").map_or(fields.span, |node| node.span);
        reading.fault(Fault::new(at, format!("`max_delay` is shorter than `delay`, which is {delay}")));
    }
    if retry.max_attempts == 1 && fields.entry("max_attempts").is_none() {
        let message = "`retry` has no effect without `max_attempts`, which is 1 unless given";
        reading.warn(Fault::new(fields.span, message));
    }
    Some(retry)
}

fn exit_codes(reading: &Reading<'_>, node: &Node, base: &ExitCodes) -> Option<ExitCodes> {
    let fields = Fields::open(reading, "exit_codes", node, &EXIT_CODES)?;
    let mut seen: HashMap<i32, &str> = HashMap::new();
    let mut codes = |key: &'static str, base: &[i32]| {
        let Some(items) = fields.list(key) else { return base.to_vec() };
        let mut codes = Vec::new();
        for item in items {
            let Some(code) = reading.integer(&item_of(key), item, 0..=255) else { continue };
            let Ok(code) = i32::try_from(code) else { continue };
            if let Some(other) = seen.insert(code, key) {
                let message = match other == key {
                    true => format!("exit code {code} is in `{key}` twice"),
                    false => format!("exit code {code} is in `{other}` and in `{key}`"),
                };
                reading.fault(Fault::new(item.span, message));
            }
            codes.push(code);
        }
        codes
    };
    Some(ExitCodes { ok: codes("ok", &base.ok), retry: codes("retry", &base.retry), skip: codes("skip", &base.skip) })
}

/// Bytes, at least one: a whole number, or one with a unit, as in "16MiB".
pub(super) fn size(reading: &Reading<'_>, name: &str, node: &Node) -> Option<u64> {
    size_from(reading, name, node, 1)
}

/// Bytes, at least `least`.
pub(super) fn size_from(reading: &Reading<'_>, name: &str, node: &Node, least: u32) -> Option<u64> {
    let NodeValue::Text(text) = &node.value else {
        let most = i64::try_from(MAX_OUTPUT).unwrap_or(i64::MAX);
        let bytes = reading.integer(name, node, i64::from(least)..=most)?;
        return u64::try_from(bytes).ok();
    };
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit: Option<u64> = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kib" | "k" => Some(1 << 10),
        "mib" | "m" => Some(1 << 20),
        "gib" | "g" => Some(1 << 30),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        _ => None,
    };
    let bytes = unit.and_then(|unit| text[..digits].parse::<u64>().ok()?.checked_mul(unit));
    match bytes {
        Some(bytes) if (u64::from(least)..=MAX_OUTPUT).contains(&bytes) => Some(bytes),
        Some(_) => {
            let least = if least == 1 { "1 byte".to_owned() } else { format!("{least} bytes") };
            reading.fault(Fault::new(node.span, format!("`{name}` must be {least} to 1024GiB, found `{text}`")));
            None
        }
        None => {
            reading.fault(Fault::new(node.span, format!("`{name}`: `{text}` is not a size as in `16MiB`")));
            None
        }
    }
}

fn check_graph(reading: &Reading<'_>, names: &[&str], placed: &[Placed]) {
    let known: HashMap<&str, ()> = names.iter().map(|name| (*name, ())).collect();
    let mut n_unknown = 0;
    for Placed { task, after, .. } in placed {
        let mut seen = HashMap::new();
        for (name, span) in task.after.iter().zip(after) {
            if !known.contains_key(name.as_str()) {
                let fault = Fault::new(*span, format!("there is no task `{name}`"));
                n_unknown += 1;
                reading.fault(if n_unknown > MAX_SUGGESTED { fault } else { suggest(fault, name, names) });
            }
            if seen.insert(name, ()).is_some() {
                reading.fault(Fault::new(*span, format!("`{name}` is in `after` twice")));
            }
        }
    }
    let tasks: Vec<Task> = placed.iter().map(|placed| placed.task.clone()).collect();
    let Some(cycle) = graph::cycle(&tasks) else { return };
    let next = &tasks[cycle[1 % cycle.len()]].name;
    let first = &placed[cycle[0]];
    let place = first.task.after.iter().position(|name| name == next).map_or((0, 0), |at| first.after[at]);
    let mut path: Vec<String> = cycle.iter().map(|at| format!("`{}`", tasks[*at].name)).collect();
    path.push(path[0].clone());
    reading.fault(Fault::new(place, format!("the tasks wait for each other: {}", path.join(" after "))));
}
