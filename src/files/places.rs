//! Where Campanile's own files are when nobody says otherwise: by the rules of the Filesystem Hierarchy for root, by
//! those of XDG for everybody else, and by what a service manager says before either.

use std::path::{Path, PathBuf};

use crate::environment;

/// Where root's configuration is.
const SYSTEM_CONFIG: &str = "/etc/campanile/campanile.toml";

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn of_user(variable: &str, below_home: &str) -> PathBuf {
    // XDG has a relative path ignored.
    let absolute = |path: String| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let home = || PathBuf::from(environment::var("HOME").unwrap_or_else(|| "/".to_owned())).join(below_home);
    environment::var(variable).and_then(absolute).unwrap_or_else(home)
}

/// The configuration file, whether or not it exists.
pub fn config_file() -> PathBuf {
    if is_root() {
        return PathBuf::from(SYSTEM_CONFIG);
    }
    of_user("XDG_CONFIG_HOME", ".config").join("campanile/campanile.toml")
}

/// The folders of job files that belong to the configuration file at `config`, the first overridden by the later: those
/// of the system for root's own configuration, `jobs.d` beside any other.
pub fn jobs_dirs(config: &Path) -> Vec<PathBuf> {
    if config == Path::new(SYSTEM_CONFIG) {
        let dirs = ["/usr/lib/campanile/jobs.d", "/run/campanile/jobs.d", "/etc/campanile/jobs.d"];
        return dirs.iter().map(PathBuf::from).collect();
    }
    vec![config.parent().unwrap_or(Path::new("")).join("jobs.d")]
}

/// The state folder.
pub fn state_dir() -> PathBuf {
    // Of several folders that a unit declares, the first is ours.
    if let Some(dirs) = environment::var("STATE_DIRECTORY") {
        return PathBuf::from(dirs.split(':').next().unwrap_or_default());
    }
    if is_root() {
        return PathBuf::from("/var/lib/campanile");
    }
    of_user("XDG_STATE_HOME", ".local/state").join("campanile")
}

/// The socket of a runner that somebody else has started for the daemon; nothing where the daemon starts its own.
pub fn runner_socket() -> Option<PathBuf> {
    environment::var_os("CAMPANILE_RUNNER_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The socket that a daemon listens on and `ctl` speaks to.
pub fn socket() -> PathBuf {
    if let Some(path) = environment::var("CAMPANILE_SOCKET") {
        return PathBuf::from(path);
    }
    if let Some(dirs) = environment::var("RUNTIME_DIRECTORY") {
        return PathBuf::from(dirs.split(':').next().unwrap_or_default()).join("campanile.sock");
    }
    if is_root() {
        return PathBuf::from("/run/campanile/campanile.sock");
    }
    match environment::var("XDG_RUNTIME_DIR") {
        Some(dir) => PathBuf::from(dir).join("campanile.sock"),
        // Without a session there is no runtime folder; the state folder is at least the user's own.
        None => state_dir().join("campanile.sock"),
    }
}
