//! Starts one process; the one file that may.
//!
//! Everything here is chosen so that the standard library stays on `posix_spawn`, which does not copy our page tables
//! (a `pre_exec`, a uid or a program to be searched for in a PATH that we set would all force `fork`): the program is
//! found by us, the process group and the folder are things `posix_spawn` can do itself. The environment is exactly
//! what is given. All descriptors but 0, 1 and 2 close on exec.
//!
//! What `posix_spawn` cannot set (a user, limits, a mask of modes, a cgroup) our own program sets, in the new process, before
//! it becomes the task's: see `shim`. That one is given two descriptors more, its orders and the pipe by which it says
//! why it could not; they may be inherited for the moment of that one spawn, and nobody else in this process starts
//! any. Its environment is empty but for the mark: what a job file sets, `LD_PRELOAD` say, must not reach a program that
//! may still be root.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::program::{self, Failed, Start};
use super::shim::{Orders, Settings};
use super::tree::MARK;

/// The most that is read of why a process could not be started.
const MAX_WHY: u64 = 16 << 10;

/// A process that exists, and our ends of its pipes, none of which blocks.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) pid: i32,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
    pub(super) said: Option<Said>,
}

/// What a process says that could not become the program that it was to be. It is silent when it has.
#[derive(Debug)]
pub(super) struct Said(PipeReader);

impl Said {
    /// Why it could not, once it has ended.
    pub(super) fn why(self) -> Option<String> {
        let mut why = Vec::new();
        // Nobody is waited for: what is to be said has been said by the end of the process.
        let _ = self.0.take(MAX_WHY).read_to_end(&mut why);
        (!why.is_empty()).then(|| String::from_utf8_lossy(&why).into_owned())
    }
}

/// Starts a process in a process group of its own, with this environment and nothing else. `ourselves` is our own
/// program, which makes the `settings`.
pub(super) fn spawn(
    start: &Start<'_>,
    settings: &Settings,
    ourselves: &Path,
    with_stdin: bool,
) -> Result<Spawned, Failed> {
    let stdin = if with_stdin { Stdio::piped() } else { Stdio::null() };
    let pipes = [stdin, Stdio::piped(), Stdio::piped()];
    let (mut child, said) = begin(start, settings, ourselves, pipes)?;
    let spawned = Spawned {
        pid: child.id().cast_signed(),
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
        said,
    };
    for fd in [&spawned.stdin, &spawned.stdout, &spawned.stderr].into_iter().flatten() {
        unblock(fd);
    }
    Ok(spawned)
}

/// A process that exists, with nothing to read and both outputs on one pipe.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) pid: i32,
    /// Our end of that pipe.
    pub(super) output: OwnedFd,
    pub(super) said: Option<Said>,
}

/// The same with nothing to read and both outputs on one pipe.
pub(super) fn spawn_joined(start: &Start<'_>, settings: &Settings, ourselves: &Path) -> Result<Joined, Failed> {
    let failed = |error: io::Error| Failed::Busy(format!("it cannot be given a pipe: {error}"));
    let (ours, theirs): (PipeReader, _) = io::pipe().map_err(failed)?;
    let pipes = [Stdio::null(), theirs.try_clone().map_err(failed)?.into(), theirs.into()];
    let (child, said) = begin(start, settings, ourselves, pipes)?;
    let output = OwnedFd::from(ours);
    unblock(&output);
    Ok(Joined { pid: child.id().cast_signed(), output, said })
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

fn unblock(fd: &OwnedFd) {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("because a pipe can be made not to block");
}

fn begin(
    start: &Start<'_>,
    settings: &Settings,
    ourselves: &Path,
    pipes: [Stdio; 3],
) -> Result<(Child, Option<Said>), Failed> {
    program::check(start)?;
    if settings.is_plain() { Ok((directly(start, pipes)?, None)) } else { by_shim(start, settings, ourselves, pipes) }
}

#[expect(clippy::disallowed_methods, reason = "this is the one file that starts processes")]
fn directly(start: &Start<'_>, [stdin, stdout, stderr]: [Stdio; 3]) -> Result<Child, Failed> {
    let program = program::resolve(start)?;
    let mut command = Command::new(&program.path);
    command.arg0(program.name.as_ref()).args(program.arguments);
    command.env_clear().envs(start.env).current_dir(start.dir).process_group(0);
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    command.spawn().map_err(|error| program::explain(&error, &program.path, start))
}

#[expect(clippy::disallowed_methods, reason = "this is the one file that starts processes")]
fn by_shim(
    start: &Start<'_>,
    settings: &Settings,
    ourselves: &Path,
    [stdin, stdout, stderr]: [Stdio; 3],
) -> Result<(Child, Option<Said>), Failed> {
    let failed = |error: io::Error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) => {
            Failed::Busy(format!("the process cannot be started: {error}"))
        }
        _ => Failed::Never(format!("`{}`, which would start it, cannot be run: {error}", ourselves.display())),
    };
    let orders = written(&Orders::new(start, settings)).map_err(failed)?;
    let (said, report) = io::pipe().map_err(failed)?;
    fcntl(&said, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("because a pipe can be made not to block");
    let mut command = Command::new(ourselves);
    command.arg0("campanile").arg("exec");
    command.args([orders.as_raw_fd().to_string(), report.as_raw_fd().to_string()]);
    command.env_clear().current_dir("/").process_group(0);
    // So that it is known for its launch's before it is the launch's program.
    command.envs(start.env.get(MARK).map(|mark| (MARK, mark)));
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    inherit(&orders, &report).map_err(failed)?;
    let child = command.spawn();
    drop((orders, report));
    Ok((child.map_err(failed)?, Some(Said(said))))
}

/// The orders, in a file that is nowhere.
fn written(orders: &Orders) -> io::Result<File> {
    let mut file = File::from(memfd_create("campanile-exec", MFdFlags::MFD_CLOEXEC)?);
    let mut bytes = Vec::new();
    serde_json::to_writer(&mut bytes, orders)?;
    file.write_all(&bytes)?;
    Ok(file)
}

/// Lets the next process have both.
fn inherit(orders: &File, report: &PipeWriter) -> io::Result<()> {
    fcntl(orders, FcntlArg::F_SETFD(FdFlag::empty()))?;
    fcntl(report, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}
