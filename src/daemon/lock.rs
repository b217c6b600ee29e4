//! One daemon a state folder: a file that is locked while the daemon lives, whatever way it dies (flock(2)). The file
//! says who has it; only the lock counts.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::Failure;

/// Held as long as the daemon lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the folder, or says who has it.
pub(super) fn take(state_dir: &Path) -> Result<Lock, Failure> {
    let path = state_dir.join("lock");
    let failure = || Failure::machine(format!("cannot lock `{}`", path.display()));
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failure())?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Who it is helps, but not knowing changes nothing.
            let _ = file.read_to_string(&mut pid);
            let pid = Some(pid.trim().to_owned()).filter(|pid| !pid.is_empty());
            return Err(Failure::Locked { path: state_dir.to_owned(), pid });
        }
        Err(TryLockError::Error(why)) => return Err(failure()(why)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failure())?;
    writeln!(file, "{}", std::process::id()).map_err(failure())?;
    Ok(Lock { _file: file })
}
