//! One number for all that some folders hold: names, sizes, times, inodes, owners and modes, drop-ins included. It is cheap, reads no
//! file, and changes whenever reading the folders again could find something new.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::known::{about, hash};
use super::search::is_leftover;

/// The end of a folder's name that holds drop-ins.
const DROP_INS: &str = "d";

/// What the folders were like at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fingerprint(u64);

/// What `dirs`, and the file `also`, are like now.
pub fn fingerprint(dirs: &[PathBuf], also: &Path) -> Fingerprint {
    let mut sum = one(also);
    for dir in dirs {
        sum = sum.wrapping_add(folder(dir, true));
    }
    Fingerprint(sum)
}

/// The order in which a folder names its files is not part of it, so each file counts by itself.
fn folder(dir: &Path, with_drop_ins: bool) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return one(dir) };
    let mut hasher = DefaultHasher::new();
    (dir, about(dir)).hash(&mut hasher);
    // A folder that is there and empty is not one that is absent.
    let mut sum = hasher.finish();
    for entry in entries.flatten().filter(|entry| !is_leftover(&entry.file_name().to_string_lossy())) {
        let path = entry.path();
        sum = sum.wrapping_add(match path.extension() {
            Some(end) if with_drop_ins && end == DROP_INS && path.is_dir() => folder(&path, false),
            _ => one(&path),
        });
    }
    sum
}

fn one(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    // One that is not there is part of the picture too.
    let _ = hash(path, &mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_changes_with_every_change_that_matters_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = |name: &str| folder.path().join(name);
        let (dirs, config) = ([path("jobs"), path("absent")], path("campanile.toml"));
        let write = |name: &str, text: &str| fs::write(path(name), text).expect("a file can be written");
        let mut last = fingerprint(&dirs, &config);
        let mut step = |what: &str, is_change: bool| {
            let now = fingerprint(&dirs, &config);
            assert_eq!(now != last, is_change, "{what}");
            last = now;
        };
        fs::create_dir(path("jobs")).expect("a folder can be made");
        step("a folder appears", true);
        step("nothing happens", false);
        write("jobs/a.toml", "x");
        step("a file appears", true);
        write("jobs/.a.toml.swp", "x");
        step("an editor begins", false);
        write("jobs/a.toml", "longer");
        step("a file changes", true);
        fs::rename(path("jobs/a.toml"), path("jobs/b.toml")).expect("a file can be renamed");
        step("a file is renamed", true);
        fs::create_dir(path("jobs/b.d")).expect("a folder can be made");
        step("drop-ins appear", true);
        write("jobs/b.d/10.toml", "x");
        step("a drop-in appears", true);
        write("campanile.toml", "x");
        step("the configuration appears", true);
        let allow = |name: &str, mode| fs::set_permissions(path(name), fs::Permissions::from_mode(mode));
        allow("jobs/b.toml", 0o600).expect("a mode can be set");
        step("a mode changes", true);
        nix::unistd::chown(&path("jobs/b.toml"), Some(1.into()), None).expect("root gives files away");
        step("an owner changes", true);
        allow("jobs", 0o777).expect("a mode can be set");
        step("others may write the folder", true);
        fs::remove_file(path("jobs/b.toml")).expect("a file can be removed");
        step("a file is removed", true);
    }
}
