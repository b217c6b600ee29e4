//! What lies under every job: `[defaults]` of `campanile.toml`. It is judged once, where it is written, by the rules of a
//! job; jobs read it as if it stood at their top level.

use std::path::{Path, PathBuf};

use super::calendars::Calendars;
use super::job::{self, Context};
use super::keys::DEFAULTS;
use super::owner::Holder;
use super::reading::{Fields, Reading};
use super::source::Sources;
use super::syntax::{Entry, Language, Node, NodeValue};
use super::zones::Zones;
use crate::model::definition::PoolSizes;
use crate::model::timestamp::Timestamp;

/// What lies under every job, and where it is written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Defaults {
    path: PathBuf,
    text: String,
    entries: Vec<Entry>,
    /// Whose word it is.
    holder: Holder,
    /// The pools that tasks may name, where the configuration is known.
    pools: Option<PoolSizes>,
}

impl Defaults {
    /// The table in `node`, a part of `text` in the file at `path`; what is wrong with it is reported.
    pub(super) fn read(reading: &Reading<'_>, node: &Node, path: &Path, zones: Zones<'_>) -> Option<Defaults> {
        Fields::open(reading, "defaults", node, &DEFAULTS)?;
        let mut entries = reading.table("defaults", node)?.to_vec();
        // Remarks and keys that were reported already are nothing to a job.
        entries.retain(|entry| DEFAULTS.known.contains(&entry.key.as_str()));
        let mut root = Node { span: node.span, value: NodeValue::Table(entries.clone()) };
        if let NodeValue::Table(entries) = &mut root.value {
            let node = Node { span: node.span, value: NodeValue::Text(":".to_owned()) };
            entries.push(Entry { key: "shell".to_owned(), key_span: node.span, node });
        }
        // It is read as the job that does nothing; what it has no effect on is no fault of it.
        let calendars = &Calendars::default();
        let context = Context { job: "defaults", zones, calendars, now: Timestamp::default(), pools: None };
        reading.without_warnings(|| job::read(reading, &root, &context))?;
        // Whoever asks where a key is from may be in another folder than whoever named the file.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Some(Defaults { path, text: reading.written().to_owned(), entries, holder: Holder::Unknown, pools: None })
    }

    /// The same, from a file of that holder.
    pub(super) fn held_by(self, holder: Holder) -> Defaults {
        // What says nothing is nobody's.
        if self.entries.is_empty() { self } else { Defaults { holder, ..self } }
    }

    /// The same, under jobs that may name these pools and no others.
    pub(super) fn with_pools(self, pools: PoolSizes) -> Defaults {
        Defaults { pools: Some(pools), ..self }
    }

    /// The pools that jobs may name; nothing where the configuration is not known.
    pub(super) fn pools(&self) -> Option<&PoolSizes> {
        self.pools.as_ref()
    }

    /// Adds the text to `sources`, which must be empty, and returns the tree and where the text ends.
    pub(super) fn lay(&self, sources: &mut Sources) -> Option<(Node, usize)> {
        if self.entries.is_empty() {
            return None;
        }
        let start = sources.add(&self.path, &self.text, Language::Toml, self.holder);
        let node = Node { span: (start, start), value: NodeValue::Table(self.entries.clone()) };
        Some((node, self.text.len()))
    }
}
