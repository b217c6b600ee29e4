//! Starts one process; the one file that may.
//!
//! Everything here is chosen so that the standard library stays on `posix_spawn`, which does not copy our page tables
//! (a `pre_exec`, a uid or a program to be searched for in a PATH that we set would all force `fork`): the program is
//! found by us, the process group and the folder are things `posix_spawn` can do itself. The environment is exactly
//! what is given. All descriptors but 0, 1 and 2 close on exec.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::base_env::PATH;

/// A process that exists, and our ends of its pipes, none of which blocks.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) pid: i32,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// Why there is no process.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Failed {
    /// The machine has no room for one just now.
    Busy(String),
    /// It cannot be.
    Never(String),
}

/// Starts `argv` in `dir`, in a process group of its own, with `env` and nothing else.
#[expect(clippy::disallowed_methods, reason = "this is the one file that starts processes")]
pub(super) fn spawn(
    argv: &[String],
    env: &BTreeMap<String, String>,
    dir: &Path,
    with_stdin: bool,
) -> Result<Spawned, Failed> {
    let Some((name, arguments)) = argv.split_first().filter(|(name, _)| !name.is_empty()) else {
        return Err(Failed::Never("there is no program to start".to_owned()));
    };
    let path = env.get("PATH").map_or(PATH, String::as_str);
    let program = find(name, path, dir).ok_or_else(|| not_found(name, path, dir))?;
    let mut command = Command::new(&program);
    command.arg0(name).args(arguments).env_clear().envs(env).current_dir(dir).process_group(0);
    command.stdin(if with_stdin { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| explain(&error, &program, dir))?;
    let spawned = Spawned {
        pid: child.id().cast_signed(),
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
    };
    for fd in [&spawned.stdin, &spawned.stdout, &spawned.stderr].into_iter().flatten() {
        fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("because a pipe can be made not to block");
    }
    Ok(spawned)
}

/// The program that `name` means, as `execvp` finds it: a name with a slash as it is, any other in the folders of
/// `path`, where a relative folder is meant from `dir`.
fn find(name: &str, path: &str, dir: &Path) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let runs =
        |file: &PathBuf| file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    path.split(':').map(|folder| dir.join(folder).join(name)).find(runs)
}

fn not_found(name: &str, path: &str, dir: &Path) -> Failed {
    if !dir.is_dir() {
        return Failed::Never(no_dir(dir));
    }
    Failed::Never(format!("`{name}` not found in PATH (`{path}`)"))
}

fn no_dir(dir: &Path) -> String {
    format!("the working directory `{}` does not exist", dir.display())
}

fn explain(error: &io::Error, program: &Path, dir: &Path) -> Failed {
    let shown = program.display();
    let errno = error.raw_os_error().map(Errno::from_raw);
    match errno {
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) => {
            Failed::Busy(format!("`{shown}` cannot be started: {error}"))
        }
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) if !dir.is_dir() => Failed::Never(no_dir(dir)),
        Some(Errno::ENOENT) if dir.join(program).exists() => {
            Failed::Never(format!("`{shown}` is to be run by an interpreter that does not exist"))
        }
        Some(Errno::ENOENT | Errno::ENOTDIR) => Failed::Never(format!("`{shown}` not found")),
        Some(Errno::EACCES) => {
            let dir = dir.display();
            Failed::Never(format!("`{shown}` may not be executed, or `{dir}` not be entered: permission denied"))
        }
        _ => Failed::Never(format!("`{shown}` cannot be started: {error}")),
    }
}
