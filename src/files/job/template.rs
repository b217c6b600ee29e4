//! Checks the templates of a job's tasks, once everything is known that they may name: its parameters, and which tasks
//! come before which.

use std::collections::{HashMap, HashSet};

use crate::files::reading::{Reading, Written};
use crate::files::syntax::{Node, NodeValue};
use crate::model::definition::Task;
use crate::model::invalid::Fault;
use crate::model::template::{self, Scope, Tasks};

/// Reports everything that is wrong with the template in `node`.
pub(super) fn check(reading: &Reading<'_>, node: &Node, scope: &Scope<'_>) {
    let NodeValue::Text(text) = &node.value else { return };
    for fault in template::check(text, scope) {
        let at = reading.within(node, fault.at);
        reading.fault(Fault { at, ..fault });
    }
}

/// Reports what is wrong with the templates of `tasks`, each with its own, and with those that all of them `share`.
pub(super) fn check_tasks(
    reading: &Reading<'_>,
    params: &[&str],
    names: &[&str],
    tasks: &[(&Task, &[Written])],
    share: &[Written],
) {
    let by_name: HashMap<&str, &Task> = tasks.iter().map(|(task, _)| (task.name.as_str(), *task)).collect();
    let common = Tasks { all: names, before: &[], otherwise: "does not come before every task" };
    for written in share {
        let place = place(written);
        let scope = Scope { place: &place, params: Some(params), tasks: Some(common), has_attempt: true };
        check(reading, &written.node, &scope);
    }
    for (task, templates) in tasks.iter().filter(|(task, templates)| !task.raw && !templates.is_empty()) {
        let before = before(&by_name, task);
        let otherwise = format!("does not come before `{}`", task.name);
        let known = Tasks { all: names, before: &before, otherwise: &otherwise };
        for written in *templates {
            let place = place(written);
            let scope = Scope { place: &place, params: Some(params), tasks: Some(known), has_attempt: true };
            check(reading, &written.node, &scope);
        }
    }
}

fn place(written: &Written) -> String {
    format!("`{}`", written.name)
}

/// The tasks that have ended before `task` is started: what it comes after, and what those come after.
fn before<'a>(by_name: &HashMap<&str, &'a Task>, task: &'a Task) -> Vec<&'a str> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut open: Vec<&str> = task.after.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if seen.insert(name)
            && let Some(task) = by_name.get(name)
        {
            open.extend(task.after.iter().map(String::as_str));
        }
    }
    // In a cycle a task comes before itself, and that is said elsewhere.
    seen.into_iter().collect()
}
