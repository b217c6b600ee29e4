//! What the runner must know after its own death, in one file of appended JSON lines.
//!
//! ```text
//! {"opened":{"version":1,"boot_id":"6f0c…","highest":41}}                       always the first line
//! {"launched":{"launch":42,"marks":{…},"log_path":"logs/…","cgroup":"/sys/…"}}  before the spawn
//! {"spawned":{"launch":42,"pid":4711,"start":998877,"at":"2026-…"}}             after it
//! {"ended":{"launch":42,"exit":{…}}}                                            before it is reported
//! {"acknowledged":[42]}                                                         forgotten
//! ```
//!
//! There is no fsync but when the file is written anew, because the journal is for the runner's death, not for the
//! machine's: the page cache outlives us, and after a machine crash the boot id in the first line says that nothing
//! lives. It is written anew (beside, then renamed) at open, and when most of it is about what is forgotten.
//!
//! A last line without its end was being written when we died, and is left out. A line that cannot be read anywhere
//! else, under the same boot id, refuses the start: a launch number might be forgotten, and what it named run twice.
//! Under another boot id nothing can be alive and the engine knows that too, so what can be read is used, and the file
//! is kept aside as `journal.unreadable`.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunnerError;
use super::rights;
use super::tree::{Identity, Marks};
use crate::failpoint;
use crate::model::exit::Exit;
use crate::model::id::Launch;
use crate::model::timestamp::Timestamp;

const VERSION: u32 = 1;
/// Below this length the file is not written anew while we run.
const COMPACT_ABOVE: u64 = 8 << 20;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Opened {
        version: u32,
        boot_id: String,
        highest: Launch,
    },
    Launched {
        launch: Launch,
        marks: Marks,
        log_path: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cgroup: Option<PathBuf>,
    },
    Spawned {
        launch: Launch,
        pid: i32,
        start: u64,
        at: Timestamp,
    },
    Ended {
        launch: Launch,
        exit: Exit,
    },
    Acknowledged(Vec<Launch>),
}

/// What the journal knows of a launch that is not acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// How its processes are recognised.
    pub(super) marks: Marks,
    /// Its log, below the state folder.
    pub(super) log_path: String,
    /// The cgroup that it joins, made or not.
    pub(super) cgroup: Option<PathBuf>,
    /// Its first process and when that began, if it was spawned.
    pub(super) spawned: Option<(Identity, Timestamp)>,
    /// How it ended, if it has.
    pub(super) exit: Option<Exit>,
}

impl Entry {
    fn launched(&self, launch: Launch) -> Record {
        let (marks, log_path, cgroup) = (self.marks.clone(), self.log_path.clone(), self.cgroup.clone());
        Record::Launched { launch, marks, log_path, cgroup }
    }
}

/// The journal, open.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Held as long as we are: two runners of one folder would each kill what the other started.
    lock: File,
    boot_id: String,
    highest: Launch,
    entries: BTreeMap<Launch, Entry>,
    buffer: Vec<u8>,
    n_bytes: u64,
    n_bytes_compacted: u64,
}

impl Journal {
    /// Opens the journal in `folder`, and writes it anew without what is forgotten. The second value says whether the
    /// machine has booted since it was written.
    pub(super) fn open(folder: &Path, boot_id: &str) -> Result<(Journal, bool), RunnerError> {
        let at_path = |path: &Path| {
            let path = path.to_owned();
            move |source| RunnerError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at_path(folder))?;
        let lock = folder.join("lock");
        let lock_file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let mut lock_file = lock_file.map_err(at_path(&lock))?;
        match lock_file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunnerError::Locked { folder: folder.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(at_path(&lock)(error)),
        }
        // Who it is, for people; only the lock counts.
        let named = lock_file.set_len(0).and_then(|()| writeln!(lock_file, "{}", std::process::id()));
        named.map_err(at_path(&lock))?;
        let path = folder.join("journal");
        let read = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Read::nothing(),
            found => Read::from_bytes(&found.map_err(at_path(&path))?),
        };
        let rebooted = read.boot_id.as_deref().is_some_and(|before| before != boot_id);
        if let Some(line) = read.unreadable {
            if !rebooted {
                return Err(RunnerError::Journal { path, line });
            }
            let aside = folder.join("journal.unreadable");
            std::fs::copy(&path, &aside).map_err(at_path(&aside))?;
        }
        let (highest, entries) = (read.highest, read.entries);
        let file = File::open("/dev/null").map_err(at_path(&path))?;
        let boot_id = boot_id.to_owned();
        let mut journal = Journal {
            path,
            file,
            lock: lock_file,
            boot_id,
            highest,
            entries,
            buffer: Vec::new(),
            n_bytes: 0,
            n_bytes_compacted: 0,
        };
        journal.compact().map_err(at_path(&journal.path))?;
        Ok((journal, rebooted))
    }

    /// Whether all that was said is in the file.
    pub(super) fn is_written(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The lock of the folder, without the journal.
    pub(super) fn into_lock(self) -> File {
        self.lock
    }

    /// The highest launch number ever seen.
    pub(super) fn highest(&self) -> Launch {
        self.highest
    }

    /// What is not acknowledged, by number.
    pub(super) fn entries(&self) -> &BTreeMap<Launch, Entry> {
        &self.entries
    }

    /// A launch is going to be spawned. It may be only after the next `write`.
    pub(super) fn launched(&mut self, launch: Launch, marks: Marks, log_path: String, cgroup: Option<PathBuf>) {
        let entry = Entry { marks, log_path, cgroup, spawned: None, exit: None };
        self.push(&entry.launched(launch));
        self.highest = self.highest.max(launch);
        self.entries.insert(launch, entry);
    }

    /// Its first process exists.
    pub(super) fn spawned(&mut self, launch: Launch, first: Identity, at: Timestamp) {
        self.push(&Record::Spawned { launch, pid: first.pid, start: first.start, at });
        if let Some(entry) = self.entries.get_mut(&launch) {
            entry.spawned = Some((first, at));
        }
    }

    /// It has ended. It may be reported after the next `write`.
    pub(super) fn ended(&mut self, launch: Launch, exit: Exit) {
        let record = Record::Ended { launch, exit };
        self.push(&record);
        if let (Record::Ended { exit, .. }, Some(entry)) = (record, self.entries.get_mut(&launch)) {
            entry.exit = Some(exit);
        }
    }

    /// Forgets those of `launches` that have ended.
    pub(super) fn acknowledged(&mut self, launches: &[Launch]) {
        let ended = |launch: &Launch| self.entries.get(launch).is_some_and(|entry| entry.exit.is_some());
        let known: Vec<Launch> = launches.iter().copied().filter(ended).collect();
        if known.is_empty() {
            return;
        }
        for launch in &known {
            self.entries.remove(launch);
        }
        self.push(&Record::Acknowledged(known));
    }

    /// Appends what was said since the last call. What could not be written is kept for the next one.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        failpoint::pass("journal.write");
        if let Err(error) = self.file.write_all(&self.buffer) {
            // Half a line in the middle would make the journal unreadable.
            self.file.set_len(self.n_bytes)?;
            return Err(error);
        }
        failpoint::pass("journal.written");
        self.n_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        if self.n_bytes > COMPACT_ABOVE && self.n_bytes > 4 * self.n_bytes_compacted {
            self.compact()?;
        }
        Ok(())
    }

    fn push(&mut self, record: &Record) {
        serde_json::to_writer(&mut self.buffer, record).expect("because a record has only text keys");
        self.buffer.push(b'\n');
    }

    /// Writes the file anew: the first line, and all that is known of what is not acknowledged.
    fn compact(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.buffer);
        self.push(&Record::Opened { version: VERSION, boot_id: self.boot_id.clone(), highest: self.highest });
        for (launch, entry) in std::mem::take(&mut self.entries) {
            self.push(&entry.launched(launch));
            if let Some((first, at)) = entry.spawned {
                self.push(&Record::Spawned { launch, pid: first.pid, start: first.start, at });
            }
            if let Some(exit) = &entry.exit {
                self.push(&Record::Ended { launch, exit: exit.clone() });
            }
            self.entries.insert(launch, entry);
        }
        let whole = std::mem::replace(&mut self.buffer, waiting);
        let anew = self.path.with_extension("new");
        let file = rights::with_own(|| put_in_place(&whole, &anew, &self.path))?;
        self.file = file;
        self.n_bytes = whole.len() as u64;
        self.n_bytes_compacted = self.n_bytes;
        Ok(())
    }
}

/// Writes a file beside `path`, and then in its place.
fn put_in_place(whole: &[u8], anew: &Path, path: &Path) -> io::Result<File> {
    let _ = std::fs::remove_file(anew);
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(anew)?;
    file.write_all(whole)?;
    file.sync_data()?;
    std::fs::rename(anew, path)?;
    Ok(file)
}

/// What a file says.
struct Read {
    boot_id: Option<String>,
    highest: Launch,
    entries: BTreeMap<Launch, Entry>,
    /// The number of the first line that cannot be read.
    unreadable: Option<usize>,
}

impl Read {
    fn nothing() -> Read {
        Read { boot_id: None, highest: Launch(0), entries: BTreeMap::new(), unreadable: None }
    }

    fn from_bytes(bytes: &[u8]) -> Read {
        let mut read = Read::nothing();
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let Some(line) = line.strip_suffix(b"\n") else { break };
            match serde_json::from_slice(line) {
                Ok(record) if (index == 0) == matches!(record, Record::Opened { .. }) => read.apply(record, index),
                _ => read.bad(index),
            }
        }
        if read.boot_id.is_none() {
            read.bad(0);
        }
        read
    }

    fn bad(&mut self, index: usize) {
        self.unreadable.get_or_insert(index + 1);
    }

    fn apply(&mut self, record: Record, index: usize) {
        match record {
            Record::Opened { version, boot_id, highest } => {
                self.boot_id = Some(boot_id);
                self.highest = highest;
                if version != VERSION {
                    self.bad(index);
                }
            }
            Record::Launched { launch, marks, log_path, cgroup } => {
                self.highest = self.highest.max(launch);
                self.entries.insert(launch, Entry { marks, log_path, cgroup, spawned: None, exit: None });
            }
            Record::Spawned { launch, pid, start, at } => {
                if let Some(entry) = self.entries.get_mut(&launch) {
                    entry.spawned = Some((Identity { pid, start }, at));
                }
            }
            Record::Ended { launch, exit } => {
                if let Some(entry) = self.entries.get_mut(&launch) {
                    entry.exit = Some(exit);
                }
            }
            Record::Acknowledged(launches) => {
                for launch in launches {
                    self.entries.remove(&launch);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exit::ExitKind;

    fn filled(folder: &Path) {
        let (mut journal, rebooted) = Journal::open(folder, "boot").unwrap();
        assert!(!rebooted);
        for number in 1..=4 {
            journal.launched(Launch(number), Marks::default(), format!("logs/{number}"), Some(PathBuf::from("/g")));
        }
        journal.spawned(Launch(2), Identity { pid: 7, start: 9 }, Timestamp::from_micros(5));
        journal.ended(Launch(3), Exit::bare(ExitKind::Code(1), Timestamp::from_micros(6)));
        journal.ended(Launch(4), Exit::bare(ExitKind::Lost, Timestamp::from_micros(6)));
        journal.acknowledged(&[Launch(4), Launch(2), Launch(9)]);
        journal.write().unwrap();
    }

    #[test]
    fn what_is_not_acknowledged_is_found_again_and_the_highest_number_stays() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        for _ in 0..2 {
            let (journal, _) = Journal::open(folder.path(), "boot").unwrap();
            assert_eq!(journal.highest(), Launch(4));
            assert_eq!(journal.entries().keys().copied().collect::<Vec<_>>(), [Launch(1), Launch(2), Launch(3)]);
            let second = &journal.entries()[&Launch(2)];
            assert_eq!(second.cgroup.as_deref(), Some(Path::new("/g")));
            assert_eq!(second.spawned, Some((Identity { pid: 7, start: 9 }, Timestamp::from_micros(5))));
            assert_eq!(journal.entries()[&Launch(3)].exit.as_ref().unwrap().kind, ExitKind::Code(1));
        }
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_a_torn_one_before_refuses_unless_the_machine_has_booted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        filled(folder.path());
        let whole = std::fs::read(&path).unwrap();
        for n_bytes in whole.len() - 20..whole.len() {
            std::fs::write(&path, &whole[..n_bytes]).unwrap();
            assert_eq!(Journal::open(folder.path(), "boot").unwrap().0.entries().len(), 4, "the last line is torn");
        }
        let mut torn = whole;
        torn[150] = b'\n';
        for bytes in [torn.as_slice(), b"", b"\0\0\0\0", b"{}\n"] {
            std::fs::write(&path, bytes).unwrap();
            let refused = Journal::open(folder.path(), "boot");
            assert!(matches!(refused, Err(RunnerError::Journal { .. })), "{refused:?}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "it is left as it was");
        }
        std::fs::write(&path, &torn).unwrap();
        let (journal, rebooted) = Journal::open(folder.path(), "another boot").unwrap();
        assert!(rebooted && journal.highest() == Launch(4));
        assert_eq!(std::fs::read(folder.path().join("journal.unreadable")).unwrap(), torn);
    }
}
