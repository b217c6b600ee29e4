//! One tree over another: tables merge key by key, everything else replaces. Of keys that exclude each other (what a task
//! does, when a job is due) what lies above takes the place of what lies below; so does a value that is plain or refers to
//! a secret, because half a reference is none.

use super::keys::{ACTIONS, ASKED, TIMINGS};
use super::syntax::{Entry, Node, NodeValue};

/// What a table stands for, as far as merging depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The top of a file, or one of its `[jobs.NAME]`.
    Job,
    /// `[jobs]`.
    Jobs,
    /// `[tasks]`.
    Tasks,
    /// `[tasks.NAME]`.
    Task,
    /// `precondition` of a job.
    Precondition,
    /// A table of values, each of which is replaced as a whole.
    Values,
    /// Any other.
    Other,
}

impl Level {
    fn below(self, key: &str) -> Level {
        match (self, key) {
            (Level::Job, "jobs") => Level::Jobs,
            (Level::Job, "tasks") => Level::Tasks,
            (Level::Job, "precondition") => Level::Precondition,
            (Level::Jobs, _) => Level::Job,
            (Level::Tasks, _) => Level::Task,
            (_, "env" | "headers") => Level::Values,
            _ => Level::Other,
        }
    }

    fn replaces(self, key: &str) -> bool {
        self == Level::Values || (self == Level::Other && matches!(key, "url" | "secret"))
    }

    /// The keys that exclude each other with `key`.
    fn rivals(self, key: &str) -> Vec<&'static str> {
        let timings = || TIMINGS.iter().copied().chain(["schedules"]);
        if matches!(self, Level::Job | Level::Task) && ACTIONS.contains(&key) {
            ACTIONS.to_vec()
        } else if self == Level::Precondition && ASKED.contains(&key) {
            ASKED.to_vec()
        } else if self == Level::Job && timings().any(|timing| timing == key) {
            timings().collect()
        } else {
            Vec::new()
        }
    }
}

/// `over` laid over `under`.
pub(crate) fn merge(under: Node, over: Node, level: Level) -> Node {
    match (under.value, over.value) {
        (NodeValue::Table(under), NodeValue::Table(entries)) => {
            Node { span: over.span, value: NodeValue::Table(tables(under, entries, level)) }
        }
        (_, value) => Node { span: over.span, value },
    }
}

fn tables(mut under: Vec<Entry>, over: Vec<Entry>, level: Level) -> Vec<Entry> {
    for entry in &over {
        let rivals = level.rivals(&entry.key);
        if !rivals.is_empty() {
            let is_given = |key: &str| over.iter().any(|entry| entry.key == key);
            under.retain(|other| !rivals.contains(&other.key.as_str()) || is_given(&other.key));
        }
    }
    let mut places: std::collections::HashMap<String, usize> =
        under.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
    for entry in over {
        match places.get(&entry.key) {
            Some(at) if !level.replaces(&entry.key) => {
                let below =
                    std::mem::replace(&mut under[*at].node, Node { span: (0, 0), value: NodeValue::Bool(false) });
                let node = merge(below, entry.node, level.below(&entry.key));
                under[*at] = Entry { node, ..entry };
            }
            Some(at) => under[*at] = entry,
            None => {
                places.insert(entry.key.clone(), under.len());
                under.push(entry);
            }
        }
    }
    under
}
