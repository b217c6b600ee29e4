//! Which processes belong to a launch, from what `/proc` shows. Reads only; signals nothing.
//!
//! A process belongs to a launch if it is in the launch's process group, or descends from its first process, or was
//! adopted by us with the launch's mark in its environment, or descends from any of these. The mark is what the runner
//! puts into the environment of every process that it starts, attempt or hook: its own name and the launch's number, so
//! that nothing else matches, whatever runner beside it counts the same numbers.
//! What leaves the group, loses its parents and clears its environment is not found.
//!
//! A pid alone names nothing, because the kernel gives it out again. With its start time (field 22 of
//! `/proc/PID/stat`, in ticks since boot) it names one process of this boot.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rights::with_own;
use crate::model::definition::Value;

/// One process of this boot and no other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) pid: i32,
    pub(super) start: u64,
}

impl Identity {
    /// The process that has this pid now, dead and not yet reaped included.
    pub(super) fn of(pid: i32) -> Option<Identity> {
        Some(Seen::read(pid)?.id)
    }
}

/// How often an empty environment is read again before we believe it. Some milliseconds, once for each such process.
const LOOKS: usize = 200;

/// Of the flags of a process (field 9): it is a thread of the kernel.
const PF_KTHREAD: u64 = 0x0020_0000;

/// The variable that names the launch. It is of the runner that reads it, and nothing else is promised of its value.
pub(super) const MARK: &str = "CAMPANILE_LAUNCH";

/// How a launch's processes are recognised by their environment.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub(super) struct Marks {
    #[serde(default)]
    launch: Option<String>,
}

impl Marks {
    /// The marks that a process with this environment will carry.
    pub(super) fn of_env(env: &BTreeMap<String, Value>) -> Marks {
        match env.get(MARK) {
            Some(Value::Plain(text)) => Marks { launch: Some(text.clone()) },
            Some(Value::Secret(_)) | None => Marks::default(),
        }
    }

    /// The marks of a living process; nothing if its environment is empty, unreadable or without a mark.
    pub(super) fn of_pid(pid: i32) -> Option<Marks> {
        let mut before = Vec::new();
        for _ in 0..LOOKS {
            // In the middle of an exec there is none to see for a moment, or only the beginning of the old one, so
            // that there are no marks is believed only of what was read twice.
            let environ = with_own(|| std::fs::read(format!("/proc/{pid}/environ"))).unwrap_or_default();
            let marks = Marks::parse(&environ);
            if marks.tell() {
                return Some(marks);
            }
            if (!environ.is_empty() && environ == before) || Seen::read(pid).is_none_or(|seen| seen.dead) {
                return None;
            }
            before = environ;
            std::thread::yield_now();
        }
        None
    }

    fn parse(environ: &[u8]) -> Marks {
        // What follows the last zero byte was cut off while it was read.
        let whole = environ.iter().rposition(|byte| *byte == 0).map_or(0, |end| end + 1);
        let mut variables = environ[..whole].split(|byte| *byte == 0);
        let value = |variable: &[u8]| {
            let value = variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        Marks { launch: variables.find_map(value) }
    }

    /// Whether they tell anything at all.
    pub(super) fn tell(&self) -> bool {
        self.launch.is_some()
    }
}

/// One process as `/proc` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    id: Identity,
    parent: i32,
    group: i32,
    dead: bool,
}

impl Seen {
    fn read(pid: i32) -> Option<Seen> {
        Seen::parse(pid, &std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads `PID (NAME) STATE PARENT GROUP …`; the name may hold anything, brackets and line ends included. The kernel's
    /// own threads are not seen: they are nobody's, and their environment would look for ever as if in an exec.
    fn parse(pid: i32, stat: &[u8]) -> Option<Seen> {
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let mut fields = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
        let dead = matches!(fields.next()?, "Z" | "X" | "x");
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let flags: u64 = fields.nth(3)?.parse().ok()?;
        let start = fields.nth(12)?.parse().ok()?;
        if flags & PF_KTHREAD != 0 {
            return None;
        }
        Some(Seen { id: Identity { pid, start }, parent, group, dead })
    }
}

/// A living process of a launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Member {
    pub(super) id: Identity,
    pub(super) group: i32,
}

/// Where the processes of a launch are looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Roots {
    /// Its process groups, as long as their numbers are known to be its own.
    pub(super) groups: Vec<i32>,
    /// Processes that are known to be its own.
    pub(super) known: Vec<Identity>,
}

/// All processes, at about one moment.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    seen: BTreeMap<i32, Seen>,
    /// What those who were asked for their marks have answered: many launches ask at one moment.
    marks: RefCell<BTreeMap<i32, Option<Marks>>>,
}

impl Snapshot {
    /// Reads `/proc` once.
    pub(super) fn take() -> Snapshot {
        let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
        Snapshot { seen: pids.filter_map(|pid| Some((pid, Seen::read(pid)?))).collect(), ..Snapshot::default() }
    }

    /// The living processes of a launch. Never ourselves, and never process 1.
    pub(super) fn members(&self, roots: &Roots) -> Vec<Member> {
        let ourselves = std::process::id().cast_signed();
        let mut children: BTreeMap<i32, Vec<&Seen>> = BTreeMap::new();
        for seen in self.seen.values() {
            children.entry(seen.parent).or_default().push(seen);
        }
        let in_group = |seen: &&Seen| roots.groups.contains(&seen.group);
        let known = roots.known.iter().filter_map(|id| self.seen.get(&id.pid).filter(|seen| seen.id == *id));
        let mut ahead: Vec<&Seen> = self.seen.values().filter(in_group).chain(known).collect();
        let mut found = BTreeSet::new();
        let mut members = Vec::new();
        while let Some(seen) = ahead.pop() {
            if seen.id.pid == ourselves || seen.id.pid == 1 || !found.insert(seen.id) {
                continue;
            }
            if !seen.dead {
                members.push(Member { id: seen.id, group: seen.group });
            }
            ahead.extend(children.get(&seen.id.pid).into_iter().flatten());
        }
        members
    }

    /// Whether another process than this has its pid now.
    pub(super) fn has_another(&self, id: Identity) -> bool {
        self.seen.get(&id.pid).is_some_and(|seen| seen.id != id)
    }

    /// Whether this very process is there and alive.
    pub(super) fn lives(&self, id: Identity) -> bool {
        self.seen.get(&id.pid).is_some_and(|seen| seen.id == id && !seen.dead)
    }

    /// The living processes that carry these marks and began at `since`, in ticks, or later. Reading an environment may
    /// take a while, so who is older than the launch is not asked.
    pub(super) fn marked(&self, marks: &Marks, since: u64) -> Vec<Identity> {
        let alive = self.seen.values().filter(|seen| marks.tell() && !seen.dead && seen.id.start >= since);
        let mut known = self.marks.borrow_mut();
        let mut of = |pid| known.entry(pid).or_insert_with(|| Marks::of_pid(pid)).as_ref() == Some(marks);
        alive.filter(|seen| of(seen.id.pid)).map(|seen| seen.id).collect()
    }
}

/// Whether anybody, dead and not yet reaped included, is in this process group.
pub(super) fn group_exists(group: i32) -> bool {
    nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), None) != Err(nix::errno::Errno::ESRCH)
}

/// The children of our process's first thread: whom the kernel gives us when their parents end, and, where that is the
/// thread that spawns, our own. Nothing if the kernel does not tell.
pub(super) fn children() -> Option<Vec<i32>> {
    let ourselves = std::process::id();
    let listed = std::fs::read_to_string(format!("/proc/self/task/{ourselves}/children")).ok()?;
    Some(listed.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(rows: &[(i32, i32, i32, bool)]) -> Snapshot {
        let seen = |&(pid, parent, group, dead): &(i32, i32, i32, bool)| {
            (pid, Seen { id: Identity { pid, start: 1 }, parent, group, dead })
        };
        Snapshot { seen: rows.iter().map(seen).collect(), ..Snapshot::default() }
    }

    fn members(rows: &[(i32, i32, i32, bool)], group: Option<i32>, known: &[(i32, u64)]) -> Vec<i32> {
        let known = known.iter().map(|&(pid, start)| Identity { pid, start }).collect();
        let mut found: Vec<i32> = snapshot(rows)
            .members(&Roots { groups: group.into_iter().collect(), known })
            .iter()
            .map(|member| member.id.pid)
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn members_are_the_group_the_known_and_all_their_descendants() {
        let rows = [
            (1, 0, 1, false),
            (10_000_001, 1, 10_000_001, false),
            (10_000_002, 10_000_001, 10_000_001, true),
            (10_000_003, 10_000_001, 10_000_003, false),
            (10_000_004, 10_000_003, 10_000_003, false),
            (10_000_005, 1, 10_000_005, false),
            (10_000_006, 10_000_005, 10_000_005, false),
        ];
        let tree = [10_000_001, 10_000_003, 10_000_004];
        assert_eq!(members(&rows, Some(10_000_001), &[]), tree);
        assert_eq!(members(&rows, None, &[(10_000_001, 1)]), tree, "by descent alone");
        assert_eq!(members(&rows, None, &[(10_000_005, 1)]), [10_000_005, 10_000_006]);
        assert_eq!(members(&rows, None, &[(10_000_005, 2)]), Vec::<i32>::new(), "another process has this pid now");
        assert_eq!(members(&rows, Some(1), &[(1, 1)]), Vec::<i32>::new(), "never process 1, nor what it adopted");
    }

    #[test]
    fn a_name_with_brackets_and_line_ends_is_skipped() {
        let rest = " S 5 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        for name in ["sh", "a) R 9 9", "x\n)(y"] {
            let seen = Seen::parse(6, format!("6 ({name}){rest}").as_bytes()).unwrap();
            assert_eq!(seen, Seen { id: Identity { pid: 6, start: 4711 }, parent: 5, group: 7, dead: false });
        }
    }

    #[test]
    fn threads_of_the_kernel_are_not_seen() {
        let stat = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0";
        assert_eq!(Seen::parse(2, stat.as_bytes()), None);
    }

    #[test]
    fn we_see_ourselves() {
        let ourselves = Identity::of(std::process::id().cast_signed()).unwrap();
        assert!(Snapshot::take().lives(ourselves));
    }
}
