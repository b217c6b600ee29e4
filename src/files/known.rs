//! Which files were read before and are as they were, so that a change of one of ten thousand costs one look at each and
//! one parse. What was in them is not kept: the engine has it.
//!
//! A file is as it was if its path, device, inode, size and both of its times are. One that was changed less than a second
//! before it was read is not trusted, because the next change may fall into the same tick of the file system's clock. A
//! file that is wrong is read each time.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::model::definition::JobName;
use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// How long a file must have been left alone before its stamp says that it is the same.
const SETTLED: Duration = Duration::from_secs(1);

/// What was read, by the stem of its file.
#[derive(Debug, Default)]
pub struct Known {
    files: HashMap<Box<str>, Entry>,
    generation: u32,
}

#[derive(Debug)]
struct Entry {
    stamp: u64,
    /// When it was last seen.
    generation: u32,
    jobs: Box<[JobName]>,
}

impl Known {
    /// Nothing is known: everything is read.
    pub fn forget(&mut self) {
        self.files.clear();
    }

    /// A look at all files begins.
    pub(super) fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// It has ended; what was not seen in it is not there any more.
    pub(super) fn end(&mut self) {
        self.files.retain(|_, entry| entry.generation == self.generation);
    }

    /// The jobs of the file or files of that stem, if they are as they were.
    pub(super) fn recall(&mut self, stem: &str, stamp: Option<u64>) -> Option<&[JobName]> {
        let generation = self.generation;
        let entry = self.files.get_mut(stem).filter(|entry| Some(entry.stamp) == stamp)?;
        entry.generation = generation;
        Some(&entry.jobs)
    }

    /// This is what they define.
    pub(super) fn learn(&mut self, stem: &str, stamp: Option<u64>, jobs: Vec<JobName>) {
        let Some(stamp) = stamp else { return };
        let entry = Entry { stamp, generation: self.generation, jobs: jobs.into() };
        self.files.insert(stem.into(), entry);
    }
}

/// What tells whether these files are the same; nothing if that cannot be told.
pub(super) fn stamp<'a>(paths: impl IntoIterator<Item = &'a (impl AsRef<Path> + 'a)>, now: Timestamp) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        let changed_at = hash(path.as_ref(), &mut hasher)?;
        if now.since(changed_at) < SETTLED {
            return None;
        }
    }
    Some(hasher.finish())
}

/// Hashes what tells whether the file at `path`, or the one it links to, is the same; says when that last changed.
pub(super) fn hash(path: &Path, hasher: &mut DefaultHasher) -> Option<Timestamp> {
    path.hash(hasher);
    let about = std::fs::metadata(path).ok()?;
    (about.dev(), about.ino(), about.size(), about.mode()).hash(hasher);
    (about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()).hash(hasher);
    let micros = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000);
    let changed = micros(about.mtime(), about.mtime_nsec()).max(micros(about.ctime(), about.ctime_nsec()));
    Some(Timestamp::from_micros(changed))
}

#[cfg(test)]
mod tests {
    use super::super::{Defaults, Zones, load_changed};
    use super::*;
    use crate::tzdb::Tzdb;

    #[test]
    fn a_file_is_read_again_only_when_it_has_changed() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file can be written");
        };
        write("a.toml", "shell = \"true\"\n");
        write("b.toml", "shell = \"true\"\n");
        write("wrong.toml", "shel = \"true\"\n");
        let tzdb = Tzdb::bundled();
        let zones = Zones { tzdb: &tzdb, default: "UTC" };
        let dirs = [folder.path().to_owned()];
        let mut known = Known::default();
        let mut look = |now: Timestamp| {
            let found = load_changed(&Defaults::default(), &dirs, zones, now, &mut known);
            (found.jobs.len(), found.unchanged.len(), found.invalid.len())
        };
        let now = crate::clock::wall();
        let later = now.plus(Duration::from_secs(60));
        assert_eq!(look(now), (2, 0, 1), "what was just written may change again unseen");
        assert_eq!(look(later), (2, 0, 1));
        assert_eq!(look(later), (0, 2, 1));
        write("b.toml", "shell = \"false\"\n");
        assert_eq!(look(later), (1, 1, 1));
        std::fs::remove_file(folder.path().join("b.toml")).expect("a file can be removed");
        assert_eq!(look(later), (0, 1, 1));
    }
}
