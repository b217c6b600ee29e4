//! The order in which launches reach the runner, which takes one only after all with lower numbers. Some must be
//! completed first: files are read for them, each by a reader of its own, many at once. So they stand in one line, and
//! whoever is at its head and complete goes on.
//!
//! A dead network file system never answers. A launch that has waited for `PATIENCE_US` fails and leaves the line; its
//! reader is left to its fate and counts as one of `MAX_READERS` until it comes back. A file that it hangs on is not
//! tried again meanwhile, so that the same file costs one reader, and holds up the line once. A stop takes a launch that
//! still stands here out at once.
//!
//! Facts in, acts out: the clock and the threads are `launches`'.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use super::resolve;
use crate::model::duration::Duration;
use crate::model::exit::{ExitKind, StopReason};
use crate::model::id::Launch;
use crate::model::process::Process;

/// How long a launch waits for its files.
pub(super) const PATIENCE_US: i64 = 10_000_000;
/// How many of those that have ended are remembered: more than the engine can have on their way to us.
const MAX_ENDED: usize = 100_000;
/// How many files are read at once.
pub(super) const MAX_READERS: usize = 32;

/// What the runner is told.
#[derive(Debug)]
pub(super) enum Told {
    /// Start this.
    Launch(Box<Process>),
    /// The picture that opened this connection is committed; what comes now belongs to it.
    Welcome(u64),
    /// The exits of these are committed.
    Acknowledge(Vec<Launch>),
    /// Stop this.
    Stop { launch: Launch, reason: StopReason, grace: Option<Duration> },
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Act {
    /// Complete it on a thread of its own.
    Read(Box<Process>),
    /// Hand it on to the runner.
    Tell(Told),
    /// It ended without the runner having heard of it.
    End { launch: Launch, kind: ExitKind, why: Option<String> },
}

#[derive(Debug)]
enum Stage {
    /// No reader was free yet.
    Unread(Box<Process>),
    Reading,
    Complete(Box<Process>),
}

#[derive(Debug)]
struct Entry {
    launch: Launch,
    /// When it came.
    since: i64,
    stage: Stage,
}

#[derive(Debug)]
struct Reader {
    since: i64,
    files: Vec<String>,
}

/// The launches that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: VecDeque<Entry>,
    readers: HashMap<Launch, Reader>,
    /// What has ended here lately. The engine may want it once more before it hears of that.
    ended: BTreeSet<Launch>,
}

impl Line {
    /// Something for the runner comes. Nothing goes past a `Welcome` that stands in line before it: it would go out for the
    /// connection before.
    pub(super) fn take(&mut self, told: Told, now: i64) -> Vec<Act> {
        match told {
            Told::Launch(process) => self.push(process, now),
            Told::Welcome(connection) => self.welcome(connection),
            Told::Acknowledge(_) => vec![Act::Tell(told)],
            Told::Stop { launch, reason, grace } => self.stop(launch, reason, grace, now),
        }
    }

    /// A launch comes.
    fn push(&mut self, process: Box<Process>, now: i64) -> Vec<Act> {
        let launch = process.launch;
        if self.ended.contains(&launch) {
            return self.go_on(now);
        }
        let needs_files = resolve::is_needed(&process);
        let stage = if needs_files { Stage::Unread(process) } else { Stage::Complete(process) };
        self.waiting.push_back(Entry { launch, since: now, stage });
        self.go_on(now)
    }

    /// A reader has come back.
    pub(super) fn read(&mut self, launch: Launch, found: Result<Box<Process>, String>, now: i64) -> Vec<Act> {
        self.readers.remove(&launch);
        let mut acts = Vec::new();
        if let Some(at) = self.place(launch) {
            match found {
                Ok(process) => self.waiting[at].stage = Stage::Complete(process),
                Err(why) => acts.extend(self.fail(at, why)),
            }
        }
        acts.extend(self.go_on(now));
        acts
    }

    /// A launch is not wanted any more.
    fn stop(&mut self, launch: Launch, reason: StopReason, grace: Option<Duration>, now: i64) -> Vec<Act> {
        let Some(at) = self.place(launch) else {
            return vec![Act::Tell(Told::Stop { launch, reason, grace })];
        };
        self.waiting.remove(at);
        self.end(launch);
        let mut acts = vec![Act::End { launch, kind: ExitKind::Stopped(reason), why: None }];
        acts.extend(self.go_on(now));
        acts
    }

    /// A connection has opened, and its picture is committed: whatever stands here never reached the runner, so that the
    /// same step wants it again, in its order. Left standing, one might fail here and be started all the same.
    fn welcome(&mut self, connection: u64) -> Vec<Act> {
        self.waiting.clear();
        vec![Act::Tell(Told::Welcome(connection))]
    }

    /// Time has passed.
    pub(super) fn go_on(&mut self, now: i64) -> Vec<Act> {
        let mut acts = Vec::new();
        // Those who came first have waited longest.
        let mut at = 0;
        while self.waiting.get(at).is_some_and(|entry| entry.since + PATIENCE_US <= now) {
            match self.waiting[at].stage {
                Stage::Unread(_) | Stage::Reading => {
                    acts.extend(self.fail(at, "its variables and secrets could not be read within 10s".to_owned()));
                }
                Stage::Complete(_) => at += 1,
            }
        }
        self.begin_reading(now, &mut acts);
        while let Some(Entry { stage: Stage::Complete(_), .. }) = self.waiting.front() {
            if let Some(Entry { stage: Stage::Complete(process), .. }) = self.waiting.pop_front() {
                acts.push(Act::Tell(Told::Launch(process)));
            }
        }
        acts
    }

    /// When somebody's patience ends.
    pub(super) fn next_at(&self) -> Option<i64> {
        let unread = |entry: &&Entry| !matches!(entry.stage, Stage::Complete(_));
        self.waiting.iter().find(unread).map(|entry| entry.since + PATIENCE_US)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn begin_reading(&mut self, now: i64, acts: &mut Vec<Act>) {
        let is_stuck = |reader: &&Reader| reader.since + PATIENCE_US <= now;
        let stuck: HashSet<String> = self.readers.values().filter(is_stuck).flat_map(|of| of.files.clone()).collect();
        let none_returns = self.readers.values().filter(is_stuck).count() >= MAX_READERS;
        if stuck.is_empty() && self.readers.len() >= MAX_READERS {
            return;
        }
        let mut at = 0;
        while let Some(entry) = self.waiting.get_mut(at) {
            let Stage::Unread(process) = &entry.stage else {
                at += 1;
                continue;
            };
            let files = resolve::files(process);
            let hangs = |file: &&String| none_returns || stuck.contains(*file);
            if let Some(file) = files.iter().find(hangs) {
                let why = format!(
                    "`{file}` cannot be read: whatever began to read it, or as many others as may be read at once, has not come back"
                );
                acts.extend(self.fail(at, why));
                continue;
            }
            if self.readers.len() >= MAX_READERS {
                at += 1;
                continue;
            }
            if let Stage::Unread(process) = std::mem::replace(&mut entry.stage, Stage::Reading) {
                self.readers.insert(entry.launch, Reader { since: now, files });
                acts.push(Act::Read(process));
            }
            at += 1;
        }
    }

    fn place(&self, launch: Launch) -> Option<usize> {
        self.waiting.iter().position(|entry| entry.launch == launch)
    }

    fn end(&mut self, launch: Launch) {
        self.ended.insert(launch);
        if self.ended.len() > MAX_ENDED {
            self.ended.pop_first();
        }
    }

    fn fail(&mut self, at: usize, why: String) -> Option<Act> {
        let entry = self.waiting.remove(at)?;
        self.end(entry.launch);
        Some(Act::End { launch: entry.launch, kind: ExitKind::NotStarted, why: Some(why) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(number: u64) -> Box<Process> {
        Box::new(Process::new(Launch(number), vec!["true".to_owned()], String::new()))
    }

    fn with_file(number: u64, path: &str) -> Box<Process> {
        let mut process = plain(number);
        process.env_files = vec![path.to_owned()];
        process
    }

    fn check(acts: &[Act], expected: &[&str]) {
        let words: Vec<String> = acts
            .iter()
            .map(|act| match act {
                Act::Read(process) => format!("read {}", process.launch),
                Act::Tell(Told::Launch(process)) => format!("launch {}", process.launch),
                Act::Tell(Told::Welcome(connection)) => format!("welcome {connection}"),
                Act::Tell(Told::Acknowledge(launches)) => format!("acknowledge {launches:?}"),
                Act::Tell(Told::Stop { launch, .. }) => format!("stop {launch}"),
                Act::End { launch, kind, .. } => format!("end {launch} {kind:?}"),
            })
            .collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn files_are_read_at_once_and_launches_go_on_in_their_order() {
        let mut line = Line::default();
        check(&line.push(plain(1), 0), &["launch 1"]);
        check(&line.push(with_file(2, "a"), 0), &["read 2"]);
        check(&line.push(with_file(3, "b"), 0), &["read 3"]);
        check(&line.push(plain(4), 0), &[]);
        check(&line.read(Launch(3), Ok(plain(3)), 1), &[]);
        check(&line.read(Launch(2), Ok(plain(2)), 2), &["launch 2", "launch 3", "launch 4"]);
        check(&line.push(with_file(5, "a"), 3), &["read 5"]);
        check(&line.push(plain(6), 3), &[]);
        check(&line.read(Launch(5), Err("no".to_owned()), 4), &["end 5 NotStarted", "launch 6"]);
        assert_eq!((line.len(), line.next_at()), (0, None));
    }

    #[test]
    fn many_that_hang_hold_up_the_others_once_and_no_longer_than_one_does() {
        let mut line = Line::default();
        for number in 1..=5 {
            check(&line.push(with_file(number, &format!("nfs/{number}")), 0), &[&format!("read {number}")]);
        }
        check(&line.push(plain(6), 7), &[]);
        check(&line.go_on(PATIENCE_US - 1), &[]);
        assert_eq!(line.next_at(), Some(PATIENCE_US));
        let ends: Vec<String> = (1..=5).map(|number| format!("end {number} NotStarted")).collect();
        let mut expected: Vec<&str> = ends.iter().map(String::as_str).collect();
        expected.push("launch 6");
        check(&line.go_on(PATIENCE_US), &expected);
        check(&line.push(with_file(7, "nfs/3"), PATIENCE_US), &["end 7 NotStarted"]);
        check(&line.push(plain(8), PATIENCE_US), &["launch 8"]);
        check(&line.read(Launch(3), Ok(plain(3)), PATIENCE_US + 1), &[]);
        check(&line.push(with_file(9, "nfs/3"), PATIENCE_US + 1), &["read 9"]);
    }

    #[test]
    fn a_stop_takes_out_its_own_launch_at_once_and_waits_for_nobody() {
        let mut line = Line::default();
        check(&line.push(with_file(2, "hangs"), 0), &["read 2"]);
        check(&line.push(plain(3), 0), &[]);
        check(&line.push(plain(4), 0), &[]);
        let drain = StopReason::Drain;
        check(&line.stop(Launch(1), drain, None, 1), &["stop 1"]);
        check(&line.stop(Launch(3), drain, None, 1), &["end 3 Stopped(Drain)"]);
        check(&line.stop(Launch(2), StopReason::Cancel, None, 1), &["end 2 Stopped(Cancel)", "launch 4"]);
        check(&line.read(Launch(2), Ok(plain(2)), 2), &[]);
        check(&line.stop(Launch(4), drain, None, 3), &["stop 4"]);
    }

    #[test]
    fn a_new_connection_begins_with_an_empty_line() {
        let mut line = Line::default();
        check(&line.push(with_file(2, "slow"), 0), &["read 2"]);
        check(&line.push(plain(3), 0), &[]);
        check(&line.welcome(7), &["welcome 7"]);
        check(&line.read(Launch(2), Ok(plain(2)), 1), &[]);
        check(&line.push(with_file(2, "slow"), 2), &["read 2"]);
        check(&line.push(plain(3), 2), &[]);
        check(&line.read(Launch(2), Ok(plain(2)), 3), &["launch 2", "launch 3"]);
    }

    #[test]
    fn what_has_ended_here_is_not_started_when_it_is_wanted_again() {
        let mut line = Line::default();
        check(&line.push(with_file(2, "none"), 0), &["read 2"]);
        check(&line.read(Launch(2), Err("no".to_owned()), 1), &["end 2 NotStarted"]);
        check(&line.welcome(7), &["welcome 7"]);
        check(&line.push(with_file(2, "none"), 1), &[]);
        check(&line.push(plain(3), 1), &["launch 3"]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn readers_are_bounded_and_who_finds_none_free_still_loses_patience() {
        let mut line = Line::default();
        let most = MAX_READERS as u64;
        for number in 1..=most + 2 {
            let acts = line.push(with_file(number, &format!("{number}")), 0);
            assert_eq!(acts.len(), usize::from(number <= most), "{number}");
        }
        check(&line.read(Launch(1), Ok(plain(1)), 1), &[&format!("read {}", most + 1), "launch 1"]);
        let acts = line.go_on(PATIENCE_US);
        assert_eq!(acts.len(), MAX_READERS + 1, "{acts:?}");
        assert!(acts.iter().all(|act| matches!(act, Act::End { kind: ExitKind::NotStarted, .. })), "{acts:?}");
        check(&line.push(with_file(90, "90"), PATIENCE_US + 1), &["end 90 NotStarted"]);
        check(&line.push(plain(91), PATIENCE_US + 1), &["launch 91"]);
        check(&line.read(Launch(2), Ok(plain(2)), PATIENCE_US + 1), &[]);
        check(&line.push(with_file(92, "92"), PATIENCE_US + 1), &["read 92"]);
    }
}
