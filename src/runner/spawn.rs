//! Starts one process; the one file that may.
//!
//! Everything here is chosen so that the standard library stays on `posix_spawn`, which does not copy our page tables
//! (a `pre_exec`, a uid or a program to be searched for in a PATH that we set would all force `fork`): the program is
//! found by us, the process group and the folder are things `posix_spawn` can do itself. The environment is exactly
//! what is given. All descriptors but 0, 1 and 2 close on exec.
//!
//! A mask of modes is nothing that `posix_spawn` can set, and the whole process has one; so a task that asks for one is
//! started by way of `/bin/sh`, which sets it and then becomes the program. What the shell would say in words of its own,
//! that the program is missing or may not be run, we look for before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{AccessFlags, access};

use super::base_env::PATH;

/// The shell that sets a mask, and the text that it runs: the mask comes first, then the program.
const SHELL: &str = "/bin/sh";
const SET_MASK: &str = "umask \"$0\" && exec \"$@\"";
/// How much of a file is looked at for the line that names its interpreter; Linux looks at less.
const FIRST_LINE: u64 = 512;

/// What is to be started, and with what.
#[derive(Clone, Debug)]
pub(super) struct Start<'a> {
    /// A file of ours that is the program; `argv` are its arguments then.
    pub(super) script: Option<&'a Path>,
    pub(super) argv: &'a [String],
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) dir: &'a Path,
    pub(super) umask: Option<u32>,
}

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

/// Starts a process in a process group of its own, with this environment and nothing else.
pub(super) fn spawn(start: &Start<'_>, with_stdin: bool) -> Result<Spawned, Failed> {
    let (mut command, program) = prepare(start)?;
    command.stdin(if with_stdin { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| explain(&error, &program, start))?;
    let spawned = Spawned {
        pid: child.id().cast_signed(),
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
    };
    for fd in [&spawned.stdin, &spawned.stdout, &spawned.stderr].into_iter().flatten() {
        unblock(fd);
    }
    Ok(spawned)
}

/// Starts our own program in another process, which is to outlive us: it has no pipe of ours, and what it says is
/// appended to `said`.
#[expect(clippy::disallowed_methods, reason = "this is the one file that starts processes")]
pub(super) fn ourselves(arguments: &[&OsStr], said: &Path) -> io::Result<Child> {
    // The file that we were started from may have been replaced since.
    let mut command = Command::new("/proc/self/exe");
    let said = File::options().create(true).append(true).mode(0o600).open(said)?;
    command.arg0("campanile").args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
    // Not the leader of a group, which could not begin a session of its own.
    command.current_dir("/").spawn()
}

/// The same with nothing to read and both outputs on one pipe: its pid, and our end of that pipe.
pub(super) fn spawn_joined(start: &Start<'_>) -> Result<(i32, OwnedFd), Failed> {
    let (mut command, program) = prepare(start)?;
    let failed = |error: io::Error| explain(&error, &program, start);
    let (ours, theirs): (PipeReader, _) = io::pipe().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(theirs.try_clone().map_err(failed)?).stderr(theirs);
    let child = command.spawn().map_err(failed)?;
    let ours = OwnedFd::from(ours);
    unblock(&ours);
    Ok((child.id().cast_signed(), ours))
}

fn unblock(fd: &OwnedFd) {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("because a pipe can be made not to block");
}

#[expect(clippy::disallowed_methods, reason = "this is the one file that starts processes")]
fn prepare(start: &Start<'_>) -> Result<(Command, PathBuf), Failed> {
    if let Some(what) = nul(start) {
        return Err(Failed::Never(format!("{what} holds a NUL byte, which no process can be given")));
    }
    let (name, program, arguments) = match (start.script, start.argv.split_first()) {
        (Some(script), _) => (script.to_string_lossy(), script.to_owned(), start.argv),
        (None, Some((name, arguments))) if !name.is_empty() => {
            let path = start.env.get("PATH").map_or(PATH, String::as_str);
            let program = find(name, path, start.dir).ok_or_else(|| not_found(name, path, start.dir))?;
            (Cow::Borrowed(name.as_str()), program, arguments)
        }
        (None, _) => return Err(Failed::Never("there is no program to start".to_owned())),
    };
    let mut command = match start.umask {
        None => {
            let mut command = Command::new(&program);
            command.arg0(name.as_ref());
            command
        }
        Some(mask) => {
            may_run(&program, start)?;
            let mut command = Command::new(SHELL);
            command.args(["-c", SET_MASK, &format!("{mask:04o}")]).arg(&program);
            command
        }
    };
    command.args(arguments).env_clear().envs(start.env).current_dir(start.dir).process_group(0);
    Ok((command, program))
}

/// What holds a NUL byte; which is named, and what it says is not shown.
fn nul(start: &Start<'_>) -> Option<String> {
    let argument = start.argv.iter().position(|word| word.contains('\0'));
    let argument = argument.map(|at| if at == 0 { "the program's name".to_owned() } else { format!("argument {at}") });
    let variable = || {
        let (name, _) = start.env.iter().find(|(name, value)| name.contains('\0') || value.contains('\0'))?;
        Some(format!("the variable `{}`", name.replace('\0', "\\0")))
    };
    let dir = || start.dir.as_os_str().as_encoded_bytes().contains(&0).then(|| "the working directory".to_owned());
    argument.or_else(variable).or_else(dir)
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

/// Says what the kernel would say if it were asked to run the program.
fn may_run(program: &Path, start: &Start<'_>) -> Result<(), Failed> {
    let whole = start.dir.join(program);
    let refused = |errno: Errno| Err(explain(&io::Error::from(errno), program, start));
    match whole.metadata() {
        Err(error) => return Err(explain(&error, program, start)),
        Ok(found) if !found.is_file() => return refused(Errno::EACCES),
        Ok(_) => {}
    }
    if let Err(errno) = access(&whole, AccessFlags::X_OK) {
        return refused(errno);
    }
    match interpreter(&whole) {
        Some(interpreter) if !start.dir.join(&interpreter).exists() => refused(Errno::ENOENT),
        _ => Ok(()),
    }
}

/// The interpreter that the file names in its first line.
fn interpreter(file: &Path) -> Option<String> {
    let mut first = Vec::new();
    File::open(file).ok()?.take(FIRST_LINE).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    // The kernel parts at blanks only, so that a line end as of Windows belongs to the name, and is not found.
    line.trim_matches([' ', '\t']).split([' ', '\t']).next().map(str::to_owned)
}

fn not_found(name: &str, path: &str, dir: &Path) -> Failed {
    if !dir.is_dir() {
        return Failed::Never(no_dir(dir));
    }
    Failed::Never(format!("`{name}` not found in PATH (`{path}`)"))
}

fn no_dir(dir: &Path) -> String {
    let dir_shown = dir.display();
    match dir.metadata() {
        Ok(_) => format!("the working directory `{dir_shown}` is not a folder"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            format!("the working directory `{dir_shown}` cannot be reached: permission denied")
        }
        Err(_) => format!("the working directory `{dir_shown}` does not exist"),
    }
}

fn explain(error: &io::Error, program: &Path, start: &Start<'_>) -> Failed {
    let dir = start.dir;
    let shown = match start.script {
        Some(_) => "the script".to_owned(),
        None => format!("`{}`", program.display()),
    };
    let whole = dir.join(program);
    let errno = error.raw_os_error().map(Errno::from_raw);
    match errno {
        // A file is busy for a moment if another process was started while it was being written.
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE | Errno::ETXTBSY) => {
            Failed::Busy(format!("{shown} cannot be started: {error}"))
        }
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) if !dir.is_dir() => Failed::Never(no_dir(dir)),
        Some(Errno::EACCES) if access(dir, AccessFlags::X_OK).is_err() => {
            Failed::Never(format!("the working directory `{}` may not be entered: permission denied", dir.display()))
        }
        Some(Errno::ENOENT) if whole.exists() => Failed::Never(match interpreter(&whole) {
            Some(name) => format!("{shown} is to be run by the interpreter {name:?}, which does not exist"),
            None => format!("{shown} is to be run by an interpreter that does not exist"),
        }),
        Some(Errno::ENOENT | Errno::ENOTDIR) => Failed::Never(format!("{shown} not found")),
        Some(Errno::EACCES) if whole.is_dir() => Failed::Never(format!("{shown} is a folder and no program")),
        Some(Errno::EACCES) if access(&whole, AccessFlags::X_OK).is_ok() => {
            Failed::Never(format!("{shown} may be run, but what it is to be run by may not: permission denied"))
        }
        Some(Errno::EACCES) => Failed::Never(format!("{shown} may not be executed: permission denied")),
        Some(Errno::ENOEXEC) => Failed::Never(format!("{shown} is no program, and names no interpreter with `#!`")),
        Some(Errno::E2BIG) => Failed::Never(format!("{shown} cannot be given so many arguments and variables")),
        _ => Failed::Never(format!("{shown} cannot be started: {error}")),
    }
}
