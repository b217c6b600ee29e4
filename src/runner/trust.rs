//! Whether nobody but root, or one other user, can have put something where we look. What stands in a list of users or
//! a journal is believed, so whoever could write there could be whoever they like.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Others, or the group, may write.
const WRITABLE: u32 = 0o022;
/// In such a folder nobody may put aside what belongs to another.
const STICKY: u32 = 0o1000;

/// Why a path is not believed.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Untrusted {
    /// The place on the way that is to blame.
    pub(super) path: PathBuf,
    pub(super) why: String,
}

/// Refuses `path` unless it, and every folder on the way to it, belongs to `uid` or to root and can be written by nobody
/// else. Returns the way without links that was judged, to be gone instead.
pub(super) fn only_by(path: &Path, uid: u32) -> Result<PathBuf, Untrusted> {
    let blame = |path: &Path, why: String| Untrusted { path: path.to_owned(), why };
    let real = path.canonicalize().map_err(|error| blame(path, error.to_string()))?;
    for (depth, place) in real.ancestors().enumerate() {
        let about = place.symlink_metadata().map_err(|error: io::Error| blame(place, error.to_string()))?;
        if about.uid() != uid && about.uid() != 0 {
            return Err(blame(place, format!("belongs to user {}", about.uid())));
        }
        let is_kept = depth > 0 && about.mode() & STICKY != 0;
        if about.mode() & WRITABLE != 0 && !is_kept {
            return Err(blame(place, "may be written by others than its owner".to_owned()));
        }
    }
    Ok(real)
}

/// The first folder on the way to what is in `folder` that not everybody may pass through.
pub(super) fn closed_to_others(folder: &Path) -> Option<PathBuf> {
    let real = folder.canonicalize().ok()?;
    let closed = |place: &&Path| place.metadata().is_ok_and(|about| about.mode() & 0o001 == 0);
    real.ancestors().find(closed).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn every_step_of_the_way_must_be_its_owners_alone() {
        let ours = nix::unistd::geteuid().as_raw();
        let folder = tempfile::tempdir().unwrap();
        let (open, list) = (folder.path().join("open"), folder.path().join("open/list"));
        let mode = |path: &Path, mode| set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        create_dir(&open).unwrap();
        write(&list, "").unwrap();
        symlink(&list, folder.path().join("link")).unwrap();
        for (folder_mode, list_mode, blamed) in [
            (0o755, 0o644, None),
            (0o755, 0o600, None),
            (0o1777, 0o600, None),
            (0o777, 0o600, Some(&open)),
            (0o775, 0o600, Some(&open)),
            (0o755, 0o620, Some(&list)),
            (0o755, 0o1602, Some(&list)),
        ] {
            mode(&open, folder_mode);
            mode(&list, list_mode);
            for path in [&list, &folder.path().join("link")] {
                let found = only_by(path, ours).err().map(|untrusted| untrusted.path);
                assert_eq!(found, blamed.map(|path| path.canonicalize().unwrap()), "{folder_mode:o} {list_mode:o}");
            }
        }
        assert!(only_by(&folder.path().join("none"), ours).is_err());
    }

    #[test]
    fn a_folder_that_others_cannot_pass_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        create_dir(&below).unwrap();
        let real = folder.path().canonicalize().unwrap();
        set_permissions(&real, PermissionsExt::from_mode(0o700)).unwrap();
        set_permissions(&below, PermissionsExt::from_mode(0o711)).unwrap();
        assert_eq!(closed_to_others(&below), Some(real.clone()));
        set_permissions(&real, PermissionsExt::from_mode(0o711)).unwrap();
        assert_eq!(closed_to_others(&below), None);
    }
}
