//! What is watched: folders by path and inode, so that one that was replaced is watched anew; and which changes in them
//! concern anybody. The folder above a folder of jobs may be busy with other things.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::statfs;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{Told, follow_writers};
use crate::daemon::reload::InForce;
use crate::files;

/// File systems that change without this kernel seeing it, by statfs(2): NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph, AFS, Coda,
/// GPFS, Lustre, OCFS2, GFS2.
const REMOTE: &[i64] = &[
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x00c3_6400,
    0x5346_414f,
    0x7375_7245,
    0x4750_4653,
    0x0bd0_0bd0,
    0x7461_636f,
    0x0116_1970,
];

/// What is watched.
pub(super) struct Targets {
    state_dir: PathBuf,
    /// Each folder, and which it was when it began to be watched.
    watched: BTreeMap<PathBuf, Option<(u64, u64)>>,
    /// Folders of which every file concerns somebody.
    folders: HashSet<PathBuf>,
    /// Paths that concern somebody, and so does everything above them.
    wanted: Vec<PathBuf>,
    config: PathBuf,
    /// Not every change is told.
    pub(super) is_blind: bool,
}

impl Targets {
    pub(super) fn new(state_dir: &Path) -> Self {
        Targets {
            state_dir: state_dir.to_owned(),
            watched: BTreeMap::new(),
            folders: HashSet::new(),
            wanted: Vec::new(),
            config: PathBuf::new(),
            is_blind: false,
        }
    }

    /// Brings the watches to what is in force; to none if nothing is read without being asked.
    pub(super) fn aim(&mut self, watcher: &mut Option<RecommendedWatcher>, in_force: &InForce, is_automatic: bool) {
        let mut wanted = BTreeMap::new();
        self.folders.clear();
        self.wanted.clear();
        self.config.clone_from(&in_force.config);
        self.is_blind = is_automatic && watcher.is_none();
        if is_automatic {
            for dir in &in_force.folders.dirs {
                self.want_folder(dir, &mut wanted);
            }
            let beside = in_force.config.parent().unwrap_or(Path::new("/"));
            want(nearest(beside), &mut wanted);
            self.wanted.push(in_force.config.clone());
        }
        let Some(watcher) = watcher else { return };
        for (path, was) in &self.watched {
            if wanted.get(path) != Some(was) {
                // Of one that is gone the watch has gone too.
                drop(watcher.unwatch(path));
            }
        }
        for path in wanted.keys() {
            // Also what seems to be watched: a folder that was made anew may have the inode of the one that is gone, and
            // watching the same one twice is watching it once.
            if let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) {
                tracing::warn!(%error, path = %path.display(), "the folder cannot be watched");
                self.is_blind = true;
            }
            self.is_blind |= is_remote(path);
        }
        self.watched = wanted;
    }

    fn want_folder(&mut self, dir: &Path, wanted: &mut BTreeMap<PathBuf, Option<(u64, u64)>>) {
        self.wanted.push(dir.to_owned());
        if !dir.is_dir() {
            want(nearest(dir), wanted);
            return;
        }
        self.folders.insert(dir.to_owned());
        want(dir, wanted);
        // The store is written all the time, and nobody replaces the folder of jobs in it.
        if let Some(above) = dir.parent().filter(|above| *above != self.state_dir) {
            want(above, wanted);
        }
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "d")) {
            if entry.path().is_dir() {
                want(&entry.path(), wanted);
                self.folders.insert(entry.path());
            }
        }
    }

    /// Whether what was told concerns anybody. Notes which files are being written to.
    pub(super) fn note(&self, told: &Told, being_written: &mut HashSet<PathBuf>) -> bool {
        let event = match told {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "changes of files may have been missed");
                return true;
            }
        };
        if event.need_rescan() {
            return true;
        }
        let concerns = event.paths.iter().any(|path| self.concerns(path));
        if concerns {
            follow_writers(event, being_written);
        }
        concerns
    }

    fn concerns(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        // What swaps the links of a whole folder at once has such a name too, and is a link or a folder.
        let is_nobodys = || files::is_leftover(&name) && path.symlink_metadata().is_ok_and(|found| found.is_file());
        let is_within = path.parent().is_some_and(|parent| self.folders.contains(parent));
        (is_within && !is_nobodys()) || self.wanted.iter().any(|wanted| wanted.starts_with(path))
    }
}

fn want(path: &Path, wanted: &mut BTreeMap<PathBuf, Option<(u64, u64)>>) {
    let which = fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    wanted.insert(path.to_owned(), which);
}

/// The nearest folder that is there, at or above `path`.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("/"))
}

fn is_remote(path: &Path) -> bool {
    #[allow(clippy::unnecessary_cast, reason = "the type of a magic number differs from system to system")]
    statfs(path).is_ok_and(|found| REMOTE.contains(&((found.filesystem_type().0 as i64) & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_change_a_definition_concerns_anybody() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("jobs/a.d")).expect("folders can be made");
        fs::write(path("jobs/.a.toml.swp"), "").expect("a file can be written");
        let mut targets = Targets::new(&path("state"));
        targets.want_folder(&path("jobs"), &mut BTreeMap::new());
        targets.want_folder(&path("later/jobs"), &mut BTreeMap::new());
        for (name, expected) in [
            ("jobs/a.toml", true),
            ("jobs/gone.toml", true),
            ("jobs/a.d/10.toml", true),
            ("jobs/.a.toml.swp", false),
            ("jobs", true),
            ("later", true),
            ("other", false),
            ("jobs/b.x/deep.toml", false),
        ] {
            assert_eq!(targets.concerns(&path(name)), expected, "{name}");
        }
    }
}
