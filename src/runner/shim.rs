//! `campanile exec`: the first thing that a process is which needs more than `posix_spawn` can give. It reads its orders,
//! makes itself what they say, and becomes the program that they name; or it says why not, and ends.
//!
//! **The way in.** The runner starts `campanile exec ORDERS REPORT`: two numbers of descriptors. The first is a file in
//! memory with the orders (`Orders`, as JSON), environment and all; the second a pipe that the runner reads when this
//! process has ended. Both close when the program begins, so that silence means that it has begun. On the command line,
//! which everybody may read, is nothing else, and in the environment nothing but the launch's mark: a runner may be root,
//! then so are we at first, and what is in the environment of a job file (`LD_PRELOAD`) rules the program that it is
//! given to.
//!
//! **The order.** Each step needs what the next one gives away, or is to be judged as the one whom the next makes us:
//!
//! 1. *cgroup*, *nice*: may need root.
//! 2. *groups, group, user*, for good: real, effective and saved; then it is asked whether they are what was ordered,
//!    and root is asked for back, which must be refused.
//! 3. *umask*, *limits*: after it, so that nobody is given more than the runner's own hard limits.
//! 4. *the program is looked for, the folder is entered*, as that user.
//! 5. *exec*. Where the machine has no room, again and again for ten seconds; this process waits, and nobody else.
//!
//! **What is not done.** No PAM session, no login: a user's `limits.conf` and keyring are not looked at. No namespace, no
//! seccomp, no `no_new_privs`: who wants a fence puts it into the command.
//!
//! Invariant: the program begins as what was ordered, or it does not begin.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{CString, NulError};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Uid, chdir, execve, getgroups, getresgid, getresuid, setgid, setgroups, setresgid, setresuid, setuid,
};
use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGPIPE;

use super::program::{Failed, Program, Start, explain, resolve};
use super::rights::held;
use super::users::Ids;
use crate::clock;
use crate::model::definition::Limits;

/// How long we go on trying where the machine has no room.
const PATIENCE_US: i64 = 10_000_000;
const PAUSE: Duration = Duration::from_millis(20);

/// What a process is to be that `posix_spawn` cannot make it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Settings {
    /// The group that it joins.
    pub(super) cgroup: Option<PathBuf>,
    /// Whom it is to run as.
    pub(super) ids: Option<Ids>,
    pub(super) umask: Option<u32>,
    pub(super) nice: Option<i8>,
    /// The kernel's limits of each process; the others are the cgroup's.
    pub(super) limits: Limits,
}

impl Settings {
    /// Whether nothing is asked for.
    pub(super) fn is_plain(&self) -> bool {
        let Limits { open_files, cpu_time, file_size, address_space, core, memory: _, cpu_millis: _, pids: _ } =
            self.limits;
        let sizes = [open_files, file_size, address_space, core];
        self.cgroup.is_none()
            && self.ids.is_none()
            && self.umask.is_none()
            && self.nice.is_none()
            && cpu_time.is_none()
            && sizes.iter().all(Option::is_none)
    }
}

/// All that the process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders<'a> {
    script: Option<Cow<'a, Path>>,
    argv: Cow<'a, [String]>,
    env: Cow<'a, BTreeMap<String, String>>,
    dir: Cow<'a, Path>,
    settings: Cow<'a, Settings>,
}

impl<'a> Orders<'a> {
    pub(super) fn new(start: &Start<'a>, settings: &'a Settings) -> Orders<'a> {
        Orders {
            script: start.script.map(Cow::Borrowed),
            argv: Cow::Borrowed(start.argv),
            env: Cow::Borrowed(start.env),
            dir: Cow::Borrowed(start.dir),
            settings: Cow::Borrowed(settings),
        }
    }
}

/// Becomes the program that is ordered. Comes back if it cannot, and then has said why.
pub fn main(orders: u32, report: u32) {
    // Wherever these two came from, and whatever else did, the program is not to have it.
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
    // Without a reader this would wait for one; then there is no runner any more, and nothing should begin.
    let nobody_waits = OFlag::O_NONBLOCK.bits();
    let Ok(mut report) = OpenOptions::new().write(true).custom_flags(nobody_waits).open(descriptor(report)) else {
        return;
    };
    let why = match read(orders) {
        Ok(orders) => follow(&orders),
        Err(error) => format!("its orders cannot be read: {error}"),
    };
    // If the runner has gone meanwhile, nobody wants to know.
    let _ = report.write_all(why.as_bytes());
}

/// One of our descriptors, to be opened once more.
fn descriptor(number: u32) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{number}"))
}

fn read(orders: u32) -> io::Result<Orders<'static>> {
    let mut bytes = Vec::new();
    File::open(descriptor(orders))?.read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Does what is ordered; comes back with why it cannot.
fn follow(orders: &Orders<'_>) -> String {
    let start = Start { script: orders.script.as_deref(), argv: &orders.argv, env: &orders.env, dir: &orders.dir };
    if let Err(why) = settle(&orders.settings) {
        return why;
    }
    let program = match resolve(&start) {
        Ok(program) => program,
        Err(Failed::Busy(why) | Failed::Never(why)) => return why,
    };
    if let Err(errno) = chdir(start.dir) {
        let (Failed::Busy(why) | Failed::Never(why)) = explain(&errno.into(), &program.path, &start);
        return why;
    }
    // Rust ignores it, and what is ignored stays so; what is caught has its default when the program begins.
    let _ = signal_hook::flag::register(SIGPIPE, Arc::new(AtomicBool::new(false)));
    let until = clock::boot_us().saturating_add(PATIENCE_US);
    loop {
        let error = match become_it(&program, &start) {
            Ok(errno) => io::Error::from(errno),
            Err(nul) => return format!("it cannot be started: {nul}"),
        };
        match explain(&error, &program.path, &start) {
            Failed::Busy(_) if clock::boot_us() < until => std::thread::park_timeout(PAUSE),
            Failed::Busy(why) | Failed::Never(why) => return why,
        }
    }
}

/// Steps 1 to 3.
fn settle(settings: &Settings) -> Result<(), String> {
    if let Some(cgroup) = &settings.cgroup {
        // Zero is whoever writes it.
        std::fs::write(cgroup.join("cgroup.procs"), "0")
            .map_err(|error| format!("its cgroup `{}` cannot be joined: {error}", cgroup.display()))?;
    }
    if let Some(nice) = settings.nice {
        rustix::process::setpriority_process(None, i32::from(nice))
            .map_err(|error| format!("`nice` cannot be {nice}: {error}"))?;
    }
    if let Some(ids) = &settings.ids {
        become_them(ids).map_err(|why| format!("user {} cannot be become: {why}", ids.uid))?;
    }
    if let Some(mask) = settings.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    limit(&settings.limits)
}

/// Becomes that user for good.
fn become_them(ids: &Ids) -> Result<(), String> {
    let (uid, gid) = (Uid::from_raw(ids.uid), Gid::from_raw(ids.gid));
    let groups: Vec<Gid> = ids.groups.iter().copied().map(Gid::from_raw).collect();
    let refused = |what: &'static str| move |errno: Errno| format!("{what}: {errno}");
    setgroups(&groups).map_err(refused("its groups are refused"))?;
    setresgid(gid, gid, gid).map_err(refused("its group is refused"))?;
    setresuid(uid, uid, uid).map_err(refused("its number is refused"))?;
    let users = getresuid().map_err(refused("we cannot ask who we are"))?;
    let group = getresgid().map_err(refused("we cannot ask which group we are in"))?;
    let mut others = getgroups().map_err(refused("we cannot ask which groups we are in"))?;
    others.sort_unstable_by_key(|gid| gid.as_raw());
    if (users.real, users.effective, users.saved) != (uid, uid, uid)
        || (group.real, group.effective, group.saved) != (gid, gid, gid)
        || (held(), others) != (ids.uid, groups)
    {
        return Err("the kernel has made us somebody else".to_owned());
    }
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    // Both are tried: whoever could get the group back could get a good deal.
    let is_back = (ids.uid != 0 && setuid(root.0).is_ok())
        || (ids.uid != 0 && ids.gid != 0 && setgid(root.1).is_ok())
        || (ids.uid != 0 && setgroups(&[root.1]).is_ok());
    if is_back { Err("it could become root again".to_owned()) } else { Ok(()) }
}

/// Sets the limits of the kernel that are asked for, which are never above what we have.
fn limit(limits: &Limits) -> Result<(), String> {
    let seconds = limits.cpu_time.map(|time| time.as_micros().unsigned_abs().div_ceil(1_000_000).max(1));
    for (name, resource, most, beyond, directive) in [
        ("open_files", Resource::RLIMIT_NOFILE, limits.open_files, 0, "LimitNOFILE"),
        // SIGXCPU may be caught; a second later comes KILL.
        ("cpu_time", Resource::RLIMIT_CPU, seconds, 1, "LimitCPU"),
        ("file_size", Resource::RLIMIT_FSIZE, limits.file_size, 0, "LimitFSIZE"),
        ("core", Resource::RLIMIT_CORE, limits.core, 0, "LimitCORE"),
        // Last, because what follows needs some memory, and has it by now.
        ("address_space", Resource::RLIMIT_AS, limits.address_space, 0, "LimitAS"),
    ] {
        let Some(most) = most else { continue };
        let refused = |error: Errno| format!("`limits.{name}` cannot be {most}: {error}");
        let (_, ours) = getrlimit(resource).map_err(refused)?;
        if most > ours {
            let shown = if ours == RLIM_INFINITY { "without end".to_owned() } else { ours.to_string() };
            return Err(format!(
                "`limits.{name}` is {most}, and the runner itself has {shown}\nhint: lower it, or raise `{directive}=` \
                 where the runner is started"
            ));
        }
        let hard: rlim_t = most.saturating_add(beyond).min(ours);
        setrlimit(resource, most, hard).map_err(refused)?;
    }
    Ok(())
}

/// Comes back only if it fails.
fn become_it(program: &Program<'_>, start: &Start<'_>) -> Result<Errno, NulError> {
    let path = CString::new(program.path.as_os_str().as_bytes())?;
    let words = std::iter::once(program.name.as_ref()).chain(program.arguments.iter().map(String::as_str));
    let words = words.map(CString::new).collect::<Result<Vec<_>, _>>()?;
    let env = start.env.iter().map(|(name, value)| CString::new(format!("{name}={value}")));
    let env = env.collect::<Result<Vec<_>, _>>()?;
    let Err(errno) = execve(&path, &words, &env);
    Ok(errno)
}
