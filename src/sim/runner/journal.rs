//! The pretend runner's journal: what was written outlives the runner, what was only to be written does not, and of what
//! was written since the file was made anew the machine may forget the end when it goes down.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::exit::{Exit, ExitKind};
use crate::model::id::Launch;
use crate::model::timestamp::Timestamp;
use crate::sim::chance::Chance;

/// The file is made anew when it has so many lines.
const MAX_LINES: usize = 500;

/// One line.
#[derive(Clone, Debug)]
enum Record {
    Launched { launch: Launch, log_path: String },
    Spawned { launch: Launch, at: Timestamp },
    Ended { launch: Launch, exit: Box<Exit> },
    Acknowledged(Vec<Launch>),
}

/// What is known of a launch that is not acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) log_path: String,
    pub(super) started_at: Option<Timestamp>,
    pub(super) exit: Option<Exit>,
}

/// What a journal says.
#[derive(Clone, Debug, Default)]
struct Content {
    highest: u64,
    entries: BTreeMap<Launch, Entry>,
}

impl Content {
    fn take(&mut self, record: &Record) {
        match record {
            Record::Launched { launch, log_path } => {
                self.highest = self.highest.max(launch.0);
                let entry = Entry { log_path: log_path.clone(), started_at: None, exit: None };
                self.entries.insert(*launch, entry);
            }
            Record::Spawned { launch, at } => {
                if let Some(entry) = self.entries.get_mut(launch) {
                    entry.started_at = Some(*at);
                }
            }
            Record::Ended { launch, exit } => {
                if let Some(entry) = self.entries.get_mut(launch) {
                    entry.exit = Some((**exit).clone());
                }
            }
            Record::Acknowledged(launches) => {
                for launch in launches {
                    self.entries.remove(launch);
                }
            }
        }
    }
}

/// The journal, and what the runner that has it open knows of it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// What the file said when it was made anew, and synced.
    synced: Content,
    lines: Vec<Record>,
    known: Content,
    /// What is still to be written.
    buffer: Vec<Record>,
    /// For the checks: launches that were written down, or ended because they could not be.
    ever: BTreeSet<Launch>,
    /// For the checks: exits that were written down and that nobody has acknowledged.
    exits: BTreeMap<Launch, ExitKind>,
    /// For the checks: exits that may have been told without having been written down.
    doubted: BTreeSet<Launch>,
}

impl Journal {
    pub(super) fn highest(&self) -> Launch {
        Launch(self.known.highest)
    }

    pub(super) fn entries(&self) -> &BTreeMap<Launch, Entry> {
        &self.known.entries
    }

    pub(super) fn launched(&mut self, launch: Launch, log_path: String) {
        self.push(Record::Launched { launch, log_path });
    }

    pub(super) fn spawned(&mut self, launch: Launch, at: Timestamp) {
        self.push(Record::Spawned { launch, at });
    }

    pub(super) fn ended(&mut self, launch: Launch, exit: Exit) {
        self.push(Record::Ended { launch, exit: Box::new(exit) });
    }

    /// Forgets those that have ended.
    pub(super) fn acknowledged(&mut self, launches: &[Launch]) {
        let ended = |launch: &Launch| self.known.entries.get(launch).is_some_and(|entry| entry.exit.is_some());
        let known: Vec<Launch> = launches.iter().copied().filter(ended).collect();
        if !known.is_empty() {
            self.push(Record::Acknowledged(known));
        }
    }

    fn push(&mut self, record: Record) {
        self.known.take(&record);
        self.buffer.push(record);
    }

    pub(super) fn n_unwritten(&self) -> usize {
        self.buffer.len()
    }

    /// Writes the first lines of what is to be written: all, unless the writer dies.
    pub(super) fn write(&mut self, n: usize) {
        for record in self.buffer.drain(..n) {
            match &record {
                Record::Launched { launch, .. } => drop(self.ever.insert(*launch)),
                Record::Ended { launch, exit } => drop(self.exits.insert(*launch, exit.kind)),
                Record::Acknowledged(launches) => self.exits.retain(|launch, _| !launches.contains(launch)),
                Record::Spawned { .. } => {}
            }
            self.lines.push(record);
        }
        if self.lines.len() > MAX_LINES {
            self.renew();
        }
    }

    /// It cannot be written, and what it names ended for that.
    pub(super) fn unwritten(&mut self, launch: Launch) {
        self.ever.insert(launch);
    }

    /// What it could not write is told all the same.
    pub(super) fn doubt(&mut self) {
        let ended = |record: &Record| if let Record::Ended { launch, .. } = record { Some(*launch) } else { None };
        self.doubted.extend(self.buffer.iter().filter_map(ended));
    }

    /// Makes the file anew.
    fn renew(&mut self) {
        for record in self.lines.drain(..) {
            self.synced.take(&record);
        }
    }

    /// Its runner died.
    pub(super) fn closed(&mut self) {
        self.buffer.clear();
        self.known = Content::default();
    }

    /// Another runner opens it.
    pub(super) fn open(&mut self) {
        self.renew();
        self.known = self.synced.clone();
    }

    /// The machine went down: of what was written since the file was made anew, the end is lost.
    pub(super) fn lose_end(&mut self, chance: &mut Chance) {
        let kept = chance.below(self.lines.len() + 1);
        for record in self.lines.drain(kept..) {
            if let Record::Ended { launch, .. } = record {
                self.exits.remove(&launch);
            }
        }
    }

    /// Whether that launch has come as far as to be written down.
    pub(super) fn has_seen(&self, launch: Launch) -> bool {
        self.ever.contains(&launch)
    }

    /// The exit that was written down for that launch, if it was and nobody has acknowledged it.
    pub(super) fn exit_of(&self, launch: Launch) -> Option<ExitKind> {
        self.exits.get(&launch).copied().filter(|_| !self.doubted.contains(&launch))
    }
}
