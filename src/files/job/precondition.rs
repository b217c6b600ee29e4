//! Reads `precondition`: an expression, or the task that asks before all others. That task is run as the top level says that
//! tasks of the job are run: as whom, where, with which environment. What the top level says about trying again, pools
//! and output is about the job's own tasks.

use super::{task, template};
use crate::files::argument;
use crate::files::keys::{ASKED, PRECONDITION};
use crate::files::reading::Fields;
use crate::files::syntax::{Entry, NodeValue};
use crate::files::value;
use crate::model::definition::{Action, PRECONDITION as NAME, PRECONDITION_TIMEOUT, Task};
use crate::model::invalid::Fault;
use crate::model::template::{Scope, check_condition};

/// What must hold before a run does anything.
#[derive(Clone, Debug)]
pub(super) enum Precondition {
    Expression(String),
    Task(Box<Task>),
}

/// The precondition of the job whose top level is `fields`, whose parameters have those names and whose tasks are `base` but
/// for what they do.
pub(super) fn read(fields: &Fields<'_>, params: &[&str], base: &Task) -> Option<Precondition> {
    let reading = fields.reading;
    let node = fields.get(NAME)?;
    if !matches!(node.value, NodeValue::Table(_)) {
        let fault = Fault::new(node.span, "`precondition` must be a table");
        reading.fault(fault.hint("write precondition = { command = [\"test\", \"-e\", \"/srv/ready\"] }"));
        return None;
    }
    let fields = Fields::open(reading, NAME, node, &PRECONDITION)?;
    let asked = fields.one_of(ASKED, "something to ask")?;
    if asked.key == "expression" {
        return expression(&fields, asked, params).map(Precondition::Expression);
    }
    let (task, templates) = reading.with_templates(|| command(&fields, asked, base));
    let task = task?;
    template::check_tasks(reading, params, &[], &[(&task, &templates)], &[]);
    Some(Precondition::Task(Box::new(task)))
}

fn expression(fields: &Fields<'_>, entry: &Entry, params: &[&str]) -> Option<String> {
    let reading = fields.reading;
    for key in ["timeout", "env", "working_dir"] {
        if let Some(other) = fields.entry(key) {
            let message = format!("`{key}` is for a command, and `expression` starts none");
            reading.fault(Fault::new(other.key_span, message));
        }
    }
    let text = reading.full_text(&entry.key, &entry.node)?;
    let scope = Scope { place: "`precondition.expression`", params: Some(params), tasks: None, has_attempt: false };
    let faults = check_condition(text, &scope);
    let is_right = faults.is_empty();
    for fault in faults {
        let at = reading.within(&entry.node, fault.at);
        reading.fault(Fault { at, ..fault });
    }
    is_right.then(|| text.to_owned())
}

fn command(fields: &Fields<'_>, entry: &Entry, base: &Task) -> Option<Task> {
    let reading = fields.reading;
    let mut task = Task {
        env: base.env.clone(),
        env_files: base.env_files.clone(),
        env_inherit: base.env_inherit.clone(),
        interpreter: base.interpreter.clone(),
        umask: base.umask,
        user: base.user.clone(),
        group: base.group.clone(),
        nice: base.nice,
        limits: base.limits,
        raw: base.raw,
        working_dir: base.working_dir.clone(),
        kill_grace: base.kill_grace,
        leftovers: base.leftovers,
        max_output: base.max_output,
        timeout: Some(fields.some_duration("timeout").unwrap_or(PRECONDITION_TIMEOUT)),
        ..Task::new(NAME, Action::Noop)
    };
    if let Some(node) = fields.get("env") {
        value::env(reading, node, &mut task.env);
    }
    task.working_dir = task::working_dir(fields).or(task.working_dir);
    task.action = match entry.key.as_str() {
        "shell" => Action::Shell(argument::shell(reading, entry, task::SHELL_WAY)?),
        _ => Action::Command(argument::command(reading, entry)?),
    };
    Some(task)
}
