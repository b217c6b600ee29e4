//! A cgroup for each launch (cgroups(7), the second version), below one that was given to us: it holds whatever the
//! launch starts, wherever that goes and whatever it forgets; it is killed in one write, it counts, and it limits.
//!
//! ```text
//! GIVEN/                       ours to divide (`Delegate=yes`, or `--cgroup PATH`)
//!   supervisor/                the runner: a group with controllers for others may hold no process itself
//!   42.4711-998877/            launch 42 of runner 4711-998877; memory.max, cpu.max, pids.max
//! ```
//!
//! The name is the launch's and the runner's, so that no other group of this boot ever has it: the journal can name it
//! before it is made, and the next runner kills by it. Who is in a group is asked twice, and what is named both times was
//! in it in between: a number that was given out again meanwhile is not. The launch joins by its own first step (`shim`),
//! before it is its program; what it forks is in the group from the start.
//!
//! All is files, so a folder of plain ones does for a test. They are touched with our own rights.
//!
//! **What is not done.** Nobody is kept from leaving: who runs as the user that a group was given to may move to another
//! group of that user's, and is then found as without groups (`tree`). No freezing: `cgroup.kill` needs none.
//!
//! Invariant: a limit is written before anybody is in the group that it limits, or the launch is refused.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::RunnerError;
use super::rights::with_own;
use super::tree::Identity;
use crate::model::definition::Limits;
use crate::model::exit::Usage;
use crate::model::id::Launch;

/// Where the runner itself is.
const SUPERVISOR: &str = "supervisor";
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// Below this many thousandths the kernel wants a longer period: a quota is a millisecond at least.
const SHORT_PERIOD_FROM: u32 = 10;

/// Which cgroup a runner divides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Wanted {
    /// None: processes are found as they can be without.
    #[default]
    None,
    /// The one that it is in, if it is there alone, may write it, and it is not the root of all.
    Auto,
    /// This one, a folder where the second version is mounted.
    At(PathBuf),
}

/// The cgroup that is ours to divide.
#[derive(Debug)]
pub(super) struct Cgroups {
    root: PathBuf,
    instance: String,
    /// Those that our groups have.
    controllers: BTreeSet<String>,
}

impl Cgroups {
    /// Takes what is wanted for the runner called `instance`. What was not named and cannot be had is none.
    pub(super) fn open(wanted: &Wanted, instance: &str) -> Result<Option<Cgroups>, RunnerError> {
        with_own(|| match wanted {
            Wanted::None => Ok(None),
            Wanted::Auto => {
                let alone = own_group().filter(|root| processes(root) == [std::process::id().cast_signed()]);
                Ok(alone.and_then(|root| Cgroups::at(root, instance).ok()))
            }
            Wanted::At(root) => {
                let refused = |source| RunnerError::Cgroup { path: root.clone(), source };
                Cgroups::at(root.clone(), instance).map(Some).map_err(refused)
            }
        })
    }

    fn at(root: PathBuf, instance: &str) -> io::Result<Cgroups> {
        let ourselves = std::process::id().cast_signed();
        if read(&root.join("cgroup.procs"))?.lines().any(|line| line.parse() == Ok(ourselves)) {
            let supervisor = root.join(SUPERVISOR);
            make(&supervisor)?;
            std::fs::write(supervisor.join("cgroup.procs"), ourselves.to_string())?;
        }
        let there = read(&root.join("cgroup.controllers"))?;
        let subtree = root.join("cgroup.subtree_control");
        for controller in CONTROLLERS.iter().filter(|name| there.split_whitespace().any(|there| there == **name)) {
            // What is refused is missing below, and who needs it is told so.
            let _ = std::fs::write(&subtree, format!("+{controller}"));
        }
        let ours = read(&subtree).unwrap_or_default();
        let controllers = ours.split_whitespace().map(|name| name.trim_start_matches('+').to_owned()).collect();
        for left in below(&root).iter().filter(|group| is_of_launch(group)) {
            // Of a runner before us, and empty, or it stays.
            let _ = std::fs::remove_dir(left);
        }
        Ok(Cgroups { root, instance: instance.to_owned(), controllers })
    }

    /// The group of a launch, made or not.
    pub(super) fn of(&self, launch: Launch) -> Group {
        Group(self.root.join(format!("{launch}.{}", self.instance)))
    }

    /// Makes the group of a launch, within these limits.
    pub(super) fn make(&self, launch: Launch, limits: &Limits) -> Result<Group, String> {
        let group = self.of(launch);
        let cpu = limits.cpu_millis.map(|millis| {
            let period = if millis < SHORT_PERIOD_FROM { 1_000_000_u64 } else { 100_000 };
            format!("{} {period}", u64::from(millis) * period / 1_000)
        });
        let files = [
            ("memory.max", limits.memory.map(|bytes| bytes.to_string())),
            ("cpu.max", cpu),
            ("pids.max", limits.pids.map(|most| most.to_string())),
        ];
        let made = with_own(|| {
            make(&group.0).map_err(|error| format!("the cgroup `{}` cannot be made: {error}", group.0.display()))?;
            for (file, text) in files.into_iter().filter_map(|(file, text)| Some((file, text?))) {
                std::fs::write(group.0.join(file), &text)
                    .map_err(|error| format!("`{file}` of its cgroup cannot be {text}: {error}"))?;
            }
            Ok(())
        });
        if made.is_err() {
            group.remove();
        }
        made.map(|()| group)
    }
}

/// Why these limits cannot be held, if they cannot.
pub(super) fn missing(cgroups: Option<&Cgroups>, limits: &Limits) -> Option<String> {
    let asked =
        [("memory", limits.memory.is_some()), ("cpu", limits.cpu_millis.is_some()), ("pids", limits.pids.is_some())];
    let has = |controller: &str| cgroups.is_some_and(|ours| ours.controllers.contains(controller));
    let (name, _) = asked.into_iter().find(|(name, asked)| *asked && !has(name))?;
    let why = match cgroups {
        None => "the runner has no cgroup to divide".to_owned(),
        Some(ours) => format!("`{}`, which the runner divides, has none", ours.root.display()),
    };
    Some(format!(
        "`limits.{name}` needs the cgroup controller `{name}`, and {why}\nhint: start the runner as a service with \
         `Delegate=yes`, or with `--cgroup PATH`; or leave the limit out"
    ))
}

/// The group of one launch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Group(PathBuf);

impl Group {
    /// One that a runner before us has made.
    pub(super) fn found(path: PathBuf) -> Group {
        Group(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The processes that are in it, or in groups below it.
    pub(super) fn members(&self) -> Vec<Identity> {
        with_own(|| {
            let first: Vec<Identity> = processes(&self.0).into_iter().filter_map(Identity::of).collect();
            if first.is_empty() {
                return first;
            }
            let again: BTreeSet<i32> = processes(&self.0).into_iter().collect();
            first.into_iter().filter(|id| again.contains(&id.pid)).collect()
        })
    }

    /// Kills all that is in it, and below it. Kernels before 5.14 cannot, and then each is killed as without a group.
    pub(super) fn kill(&self) {
        let one = |mut file: File| file.write_all(b"1");
        let _ = with_own(|| File::options().write(true).open(self.0.join("cgroup.kill")).and_then(one));
    }

    /// What has been used in it, as far as it was counted.
    pub(super) fn usage(&self) -> Option<Usage> {
        let number = |file: &str| with_own(|| read(&self.0.join(file))).ok()?.trim().parse().ok();
        let stat = with_own(|| read(&self.0.join("cpu.stat"))).unwrap_or_default();
        let cpu_us = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok());
        let usage = Usage { cpu_us, peak_memory_bytes: number("memory.peak"), peak_pids: number("pids.peak") };
        (usage != Usage::default()).then_some(usage)
    }

    /// Removes it with the groups below it; says whether it is gone. It stays while somebody is in it.
    pub(super) fn remove(&self) -> bool {
        with_own(|| {
            remove(&self.0);
            !self.0.is_dir()
        })
    }
}

/// Groups below a group are folders, and all else in it goes with it. Only empty ones can be removed.
fn remove(group: &Path) {
    if std::fs::remove_dir(group).is_err() {
        below(group).iter().for_each(|inner| remove(inner));
        let _ = std::fs::remove_dir(group);
    }
}

/// The groups just below a group. No link is one.
fn below(group: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// Whether this is the name of a launch's group, `LAUNCH.PID-BOOT`.
fn is_of_launch(group: &Path) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = group.file_name().and_then(|name| name.to_str()?.split_once('.'));
    parts.is_some_and(|(launch, runner)| {
        is_number(launch) && runner.split_once('-').is_some_and(|(pid, boot)| is_number(pid) && is_number(boot))
    })
}

/// Who is in a group or below it.
fn processes(group: &Path) -> Vec<i32> {
    let listed = read(&group.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<i32> = listed.lines().filter_map(|line| line.parse().ok()).collect();
    found.extend(below(group).iter().flat_map(|inner| processes(inner)));
    found
}

fn make(group: &Path) -> io::Result<()> {
    match std::fs::create_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// The folder of the group that we are in.
fn own_group() -> Option<PathBuf> {
    locate(&read(Path::new("/proc/self/cgroup")).ok()?, &read(Path::new("/proc/self/mountinfo")).ok()?)
}

/// The same, from what the kernel says of our groups and of what is mounted; nothing for the root of all.
fn locate(groups: &str, mounts: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounted = mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        // Of a group that is not below what is mounted, nothing can be seen.
        let rest = Path::new(group).strip_prefix(root).ok()?;
        filesystem.starts_with("cgroup2 ").then(|| Path::new(&unescaped(point)).join(rest))
    });
    mounted.filter(|_| group != "/")
}

/// Without the octal numbers that blanks are written as.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_group_is_found_wherever_the_hierarchy_is_mounted() {
        let hybrid = "25 1 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
        let within = "41 31 0:38 /machine/x /sys/fs/my\\040cgroup rw - cgroup2 cgroup rw,nsdelegate\n";
        for (groups, mounts, expected) in [
            ("1:cpu:/a\n0::/system.slice/r.service\n", hybrid, Some("/sys/fs/cgroup/unified/system.slice/r.service")),
            ("0::/machine/x/r\n", within, Some("/sys/fs/my cgroup/r")),
            ("0::/elsewhere\n", within, None),
            ("0::/\n", hybrid, None),
            ("1:cpu:/a\n", hybrid, None),
            ("0::/a\n", "", None),
        ] {
            assert_eq!(locate(groups, mounts), expected.map(PathBuf::from), "{groups:?}");
        }
    }

    #[test]
    fn only_groups_of_launches_are_taken_for_such() {
        for (name, expected) in [
            ("42.7-9", true),
            ("supervisor", false),
            ("42", false),
            ("42.service", false),
            ("4.7-", false),
            ("4.a-1", false),
        ] {
            assert_eq!(is_of_launch(&Path::new("/given").join(name)), expected, "{name}");
        }
    }

    /// A folder that looks like a group with these controllers.
    fn given(controllers: &str) -> (tempfile::TempDir, Cgroups) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cgroup.procs"), "1\n").unwrap();
        std::fs::write(folder.path().join("cgroup.controllers"), controllers).unwrap();
        let cgroups = Cgroups::open(&Wanted::At(folder.path().to_owned()), "7-9").unwrap().unwrap();
        (folder, cgroups)
    }

    #[test]
    fn limits_are_written_before_anybody_is_in_it() {
        let (folder, cgroups) = given("cpuset cpu pids\n");
        // A plain file holds only what was written last; a real one would list both.
        assert_eq!(cgroups.controllers, ["pids".to_owned()].into());
        for (cpu_millis, expected) in [(1_500, "150000 100000"), (10, "1000 100000"), (9, "9000 1000000")] {
            let limits =
                Limits { memory: Some(4096), cpu_millis: Some(cpu_millis), pids: Some(5), ..Limits::default() };
            let group = cgroups.make(Launch(42), &limits).unwrap();
            assert_eq!(group.path(), folder.path().join("42.7-9"));
            let text = |file: &str| read(&group.path().join(file)).unwrap();
            assert_eq!([text("memory.max"), text("cpu.max"), text("pids.max")], ["4096", expected, "5"]);
        }
    }

    #[test]
    fn a_limit_that_cannot_be_held_is_refused() {
        let (folder, cgroups) = given("pids\n");
        let limits = |memory, pids| Limits { memory, pids, ..Limits::default() };
        assert_eq!(missing(Some(&cgroups), &limits(None, Some(1))), None);
        assert_eq!(missing(None, &Limits::default()), None);
        let refused = missing(Some(&cgroups), &limits(Some(1), Some(1))).unwrap();
        let expected = format!(
            "`limits.memory` needs the cgroup controller `memory`, and `{}`, which the runner divides, has none\nhint: ",
            folder.path().display()
        );
        assert!(refused.starts_with(&expected), "{refused}");
        let refused = missing(None, &limits(None, Some(1))).unwrap();
        assert!(refused.starts_with("`limits.pids` needs the cgroup controller `pids`, and the runner has no cgroup"));
    }

    #[test]
    fn what_was_used_is_what_was_counted() {
        let (_folder, cgroups) = given("");
        let group = cgroups.make(Launch(1), &Limits::default()).unwrap();
        assert_eq!(group.usage(), None);
        std::fs::write(group.path().join("cpu.stat"), "usage_usec 1234\nuser_usec 1\n").unwrap();
        assert_eq!(group.usage(), Some(Usage { cpu_us: Some(1234), ..Usage::default() }));
        std::fs::write(group.path().join("memory.peak"), "4096\n").unwrap();
        std::fs::write(group.path().join("pids.peak"), "3\n").unwrap();
        let whole = Usage { cpu_us: Some(1234), peak_memory_bytes: Some(4096), peak_pids: Some(3) };
        assert_eq!(group.usage(), Some(whole));
    }

    #[test]
    fn what_is_no_group_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Cgroups::open(&Wanted::At(folder.path().to_owned()), "i").unwrap_err().to_string();
        assert!(refused.contains("is no cgroup that can be divided"), "{refused}");
    }
}
