//! What each key of a file means: its type, default, limit, what it interacts with, when it has no effect, an example.
//!
//! The JSON Schemas (`schema`) and the reference pages (`page`) are made from these tables and from nothing else. A key is
//! shown if the table of known keys has it, and a test holds that every known key is specified here. Nothing here reads a
//! file: a schema is what an editor can know, and the reader remains the judge.

mod hook;
mod http;
mod job;
mod kind;
#[cfg(test)]
mod page;
mod process;
mod schedule;
pub mod schema;
mod settings;
mod task;

pub use kind::{Kind, Names};

use super::keys::Keys;

/// One kind of table.
#[derive(Debug)]
pub struct Table {
    /// What it is called in a schema.
    pub name: &'static str,
    /// The heading of its section.
    pub title: &'static str,
    /// What stands below the heading, in Markdown.
    pub intro: &'static str,
    /// The keys that the reader knows.
    pub keys: &'static [&'static Keys],
    /// What its keys mean; of each list, those that the reader knows.
    pub parts: &'static [&'static [Key]],
    /// Keys that must be given.
    pub must: &'static [&'static str],
    /// Of each of these, exactly one key must be given.
    pub one_of: &'static [&'static [&'static str]],
    /// A key that lifts `one_of`: what is needed stands below it.
    pub lifted_by: Option<&'static str>,
    /// Of each of these, at most one key may be given.
    pub not_both: &'static [&'static [&'static str]],
}

impl Table {
    /// A table without rules about which keys go together.
    const fn new(name: &'static str, title: &'static str, parts: &'static [&'static [Key]]) -> Table {
        Table { name, title, intro: "", keys: &[], parts, must: &[], one_of: &[], lifted_by: None, not_both: &[] }
    }

    /// Whether the reader knows this key here.
    pub fn knows(&self, key: &str) -> bool {
        self.keys.iter().any(|keys| keys.known.contains(&key))
    }

    /// The keys that the reader knows, in the order of their lists.
    pub fn entries(&'static self) -> impl Iterator<Item = &'static Key> {
        self.parts.iter().flat_map(|part| part.iter()).filter(|key| self.knows(key.name))
    }

    /// This table and every other that its keys lead to, each once.
    pub fn reached(&'static self) -> Vec<&'static Table> {
        let mut found = vec![self];
        let mut at = 0;
        while let Some(table) = found.get(at).copied() {
            for below in table.entries().flat_map(|key| key.kind.tables()) {
                if !found.iter().any(|table| std::ptr::eq(*table, below)) {
                    found.push(below);
                }
            }
            at += 1;
        }
        found
    }
}

/// What one key means.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// What it means, in sentences.
    pub meaning: &'static str,
    /// What holds when it is absent.
    pub default: Absent,
    /// Bounds that the kind does not tell, in words.
    pub limit: &'static str,
    /// What it interacts with.
    pub interacts: &'static str,
    /// When it has no effect, as the rest of a sentence.
    pub no_effect: &'static str,
    /// A line of TOML.
    pub example: &'static str,
}

/// What holds when a key is absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absent {
    /// Nothing in its place.
    None,
    /// What this JSON value says.
    Is(&'static str),
    /// What these words say.
    Said(&'static str),
    /// Nothing: it is given, or another key in its place.
    Must,
}

/// A key with its kind, its meaning and an example.
const fn key(name: &'static str, kind: Kind, meaning: &'static str, example: &'static str) -> Key {
    Key { name, kind, meaning, default: Absent::None, limit: "", interacts: "", no_effect: "", example }
}

impl Key {
    const fn default(self, json: &'static str) -> Key {
        Key { default: Absent::Is(json), ..self }
    }

    const fn or(self, words: &'static str) -> Key {
        Key { default: Absent::Said(words), ..self }
    }

    const fn must(self) -> Key {
        Key { default: Absent::Must, ..self }
    }

    const fn limit(self, words: &'static str) -> Key {
        Key { limit: words, ..self }
    }

    const fn interacts(self, words: &'static str) -> Key {
        Key { interacts: words, ..self }
    }

    const fn no_effect(self, words: &'static str) -> Key {
        Key { no_effect: words, ..self }
    }
}

/// The top level of a job file.
pub static JOB: &Table = &job::JOB;
/// The top level of `campanile.toml`.
pub static SETTINGS: &Table = &settings::SETTINGS;

/// A task that belongs to no job.
pub static SUBMISSION: &Table = &task::SUBMISSION;

/// Every table of a job file, in the order of its page.
pub static OF_JOBS: &[&Table] = &[
    &job::JOB,
    &job::JOB_OF_MANY,
    &job::PARAM,
    &schedule::SCHEDULE,
    &schedule::BLACKOUT,
    &task::TASK,
    &task::RETRY,
    &task::EXIT_CODES,
    &process::LIMITS,
    &process::SUCCESS,
    &process::STOP,
    &process::PRECONDITION,
    &http::HTTP,
    &hook::REFERENCE,
    &hook::HOOK,
    &hook::WEBHOOK,
    &hook::WEBHOOK_RETRY,
];

/// Every table of `campanile.toml`, in the order of its page; its hooks lead to some of those of a job file.
pub static OF_SETTINGS: &[&Table] = &[
    &settings::SETTINGS,
    &settings::CATCH_UP,
    &settings::RETENTION,
    &settings::KEEP,
    &settings::LOG,
    &settings::DEFAULTS,
    &settings::TOKEN,
    &settings::BACKUP,
    &settings::INTEGRITY_CHECK,
    &hook::GLOBAL_HOOK,
];
