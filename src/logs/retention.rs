//! Deletes logs. The paths come out of the store, and so, in the end, from whoever could write there: a path is
//! believed only as plain names below the state folder, and a link on the way is not followed.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::pieces::remove_tails;

/// Deletes these logs below `state_dir`; returns how many are gone. One that is already gone is not an error, one that
/// may not be named or deleted is left where it is.
pub fn remove(state_dir: &Path, paths: &[String]) -> usize {
    paths.iter().filter(|path| remove_one(state_dir, path).is_ok()).count()
}

fn remove_one(state_dir: &Path, path: &str) -> io::Result<()> {
    let path = below(state_dir, path)?;
    remove_tails(&path);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A run's folder goes with its last log; one that is not empty stays by itself.
    if let Some(folder) = path.parent().filter(|folder| *folder != state_dir) {
        let _ = std::fs::remove_dir(folder);
    }
    Ok(())
}

/// The file at `path` below `state_dir`, if every step of it is a plain name and no folder on the way is a link.
pub fn below(state_dir: &Path, path: &str) -> io::Result<PathBuf> {
    let refused = || io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` is not below the state folder"));
    let mut whole = state_dir.to_owned();
    let mut steps = Path::new(path).components().peekable();
    if steps.peek().is_none() {
        return Err(refused());
    }
    while let Some(step) = steps.next() {
        let Component::Normal(name) = step else { return Err(refused()) };
        whole.push(name);
        if steps.peek().is_some() && whole.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(refused());
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_deleted() {
        let outside = tempfile::tempdir().unwrap();
        let state = tempfile::tempdir().unwrap();
        let precious = outside.path().join("precious");
        std::fs::write(&precious, "").unwrap();
        std::os::unix::fs::symlink(outside.path(), state.path().join("link")).unwrap();
        std::fs::create_dir_all(state.path().join("logs/run")).unwrap();
        std::fs::write(state.path().join("logs/run/a.log"), "").unwrap();
        std::fs::write(state.path().join("logs/run/a.log.tail"), "").unwrap();
        let up = format!("../{}/precious", outside.path().file_name().unwrap().to_string_lossy());
        let wrong = ["link/precious", "", "/etc/passwd", precious.to_str().unwrap(), &up].map(str::to_owned);
        assert_eq!(remove(state.path(), &wrong), 0);
        assert!(precious.exists());
        assert_eq!(remove(state.path(), &["logs/run/a.log".to_owned(), "logs/gone.log".to_owned()]), 2);
        assert!(!state.path().join("logs/run").exists());
    }
}
