//! What the daemon and the runner say to each other: on a channel where both live in one process, on a socket otherwise.
//!
//! The rules, all of them for one reason: nothing runs twice at once, and no exit is lost.
//!
//! - Launches are sent in growing order of their numbers. The runner keeps the highest it has seen, over its own
//!   death. At or below it: never started again; if it has ended and that was not acknowledged, reported again.
//! - A connection opens with an epoch, which grows from daemon to daemon and from connection to connection. What is
//!   sent under an older epoch than the newest is dropped: it comes from a daemon, or a connection, that was replaced.
//! - It opens, too, with the oldest and the newest version of these words that the daemon speaks. The runner answers in
//!   the newest that both do, or says that there is none.
//! - The answer to `Hello` is one whole picture, though it comes in parts. Above `highest`: never launched, may be sent. At or below it and
//!   neither alive nor ended: gone, and nobody knows how.
//! - An exit is kept, and repeated in the answer to each `Hello`, until it is acknowledged, which the daemon does after
//!   the commit that settles it.
//! - Anything seen twice changes nothing.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::duration::Duration;
use crate::model::exit::{Exit, StopReason};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::model::timestamp::Timestamp;

/// The oldest version of these words that is spoken here.
pub const OLDEST: u32 = 1;
/// The newest.
pub const NEWEST: u32 = 1;

/// The version that both sides speak, if there is one.
pub fn version(oldest: u32, newest: u32) -> Option<u32> {
    let common = newest.min(NEWEST);
    (common >= oldest.max(OLDEST)).then_some(common)
}

/// What tells a state folder from any other on this machine, however one gets there: its device and its number on it.
pub fn place(state_dir: &Path) -> io::Result<String> {
    let about = state_dir.metadata()?;
    Ok(format!("{}:{}", about.dev(), about.ino()))
}

/// What the daemon tells the runner.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToRunner {
    /// The first message of a connection; answered with `FromRunner::Hello`.
    Hello {
        /// Grows with every daemon that opens the store, and with its every connection.
        epoch: u64,
        /// The oldest version that the daemon speaks.
        oldest: u32,
        /// The newest.
        newest: u32,
        /// Which state folder it is for, as `place` names it: a runner serves one.
        folder: String,
    },
    /// Start this.
    Launch(Box<Process>),
    /// Stop this and all it started.
    Stop {
        /// Which.
        launch: Launch,
        /// Why.
        reason: StopReason,
        /// How long between TERM and KILL, instead of the process's own grace. Said again, it may only shorten.
        grace: Option<Duration>,
    },
    /// These exits are committed; forget them.
    Acknowledge(Vec<Launch>),
}

/// What the runner tells the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromRunner {
    /// The answer to `ToRunner::Hello`: everything the runner has, but for exits, each of which follows as `Ended`.
    Hello {
        /// Whom this answers.
        epoch: u64,
        /// The version that is spoken from here on.
        version: u32,
        /// This runner and no other, before or after.
        instance: String,
        /// The kernel's name for this boot.
        boot_id: String,
        /// The highest launch number seen by it or the runner before it.
        highest: Launch,
        /// What lives, or waits to be started.
        alive: Vec<Launch>,
        /// How many ended and were not acknowledged; they are the next messages.
        n_ended: usize,
    },
    /// The answer to a `ToRunner::Hello` that cannot be heard; the connection ends with it.
    Refused {
        /// Why.
        why: String,
    },
    /// A process exists. Not said of one that has ended by then: its exit says it.
    Started {
        /// Which.
        launch: Launch,
        /// Since when.
        at: Timestamp,
    },
    /// It has ended.
    Ended {
        /// Which.
        launch: Launch,
        /// How.
        exit: Exit,
    },
}

/// Which daemon is heard: the newest that said hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Heard(Option<u64>);

impl Heard {
    /// A connection of this epoch said hello.
    pub fn open(&mut self, epoch: u64) {
        self.0 = self.0.max(Some(epoch));
    }

    /// Whether what is sent under this epoch is listened to.
    pub fn hears(&self, epoch: u64) -> bool {
        self.0.is_none_or(|newest| epoch >= newest)
    }

    /// Whether anybody ever said hello.
    pub fn anybody(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::{Limits, Stop};
    use crate::model::exit::{ExitKind, LogFile};

    #[test]
    fn the_newest_common_version_is_spoken_or_none() {
        for (oldest, newest, expected) in
            [(1, 1, Some(1)), (1, 7, Some(1)), (2, 7, None), (0, 0, None), (0, 1, Some(1))]
        {
            assert_eq!(version(oldest, newest), expected, "{oldest} to {newest}");
        }
    }

    #[test]
    fn a_daemon_that_was_replaced_is_not_heard() {
        let mut heard = Heard::default();
        assert!(!heard.anybody() && heard.hears(0));
        for (epoch, oldest) in [(3, 3), (5, 5), (4, 5)] {
            heard.open(epoch);
            assert!(heard.anybody() && !heard.hears(oldest - 1) && heard.hears(oldest) && heard.hears(9));
        }
    }

    fn check<M: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(message: &M, json: &str) {
        assert_eq!(serde_json::to_string(message).unwrap(), json);
        assert_eq!(serde_json::from_str::<M>(json).unwrap(), *message);
    }

    #[test]
    fn what_the_daemon_says_is_written_like_this() {
        let hello = ToRunner::Hello { epoch: 7, oldest: 1, newest: 2, folder: "8:9".to_owned() };
        check(&hello, r#"{"hello":{"epoch":7,"oldest":1,"newest":2,"folder":"8:9"}}"#);
        let process = Process {
            label: "job nightly".to_owned(),
            env: [("A".to_owned(), "b".into())].into(),
            working_dir: Some("/tmp".to_owned()),
            timeout: Some(Duration::from_secs(90)),
            kill_grace: Duration::from_secs(10),
            max_output: 100,
            ..Process::new(Launch(5), vec!["true".to_owned()], "logs/a.log".to_owned())
        };
        check(
            &ToRunner::Launch(Box::new(process)),
            concat!(
                r#"{"launch":{"launch":5,"label":"job nightly","argv":["true"],"env":{"A":"b"},"stdin":null,"#,
                r#""working_dir":"/tmp","timeout":"1m30s","kill_grace":"10s","leftovers":"kill","max_output":100,"#,
                r#""log_path":"logs/a.log"}}"#
            ),
        );
        let full = Process {
            script: Some("#!/bin/sh".to_owned()),
            masked: vec!["secret".to_owned()],
            may_leave_outputs: true,
            umask: Some(0o27),
            user: Some("backup".to_owned()),
            group: Some("adm".to_owned()),
            nice: Some(5),
            limits: Limits { open_files: Some(9), cpu_millis: Some(1_500), ..Limits::default() },
            stop: Some(Stop { command: vec!["bye".to_owned()], timeout: Duration::from_secs(1) }),
            stdin: Some("in".to_owned()),
            ..Process::new(Launch(6), Vec::new(), "logs/b.log".to_owned())
        };
        check(
            &ToRunner::Launch(Box::new(full)),
            concat!(
                r##"{"launch":{"launch":6,"label":"","argv":[],"script":"#!/bin/sh","env":{},"masked":["secret"],"##,
                r#""may_leave_outputs":true,"umask":23,"user":"backup","group":"adm","nice":5,"#,
                r#""limits":{"open_files":9,"cpu_millis":1500},"stop":{"command":["bye"],"timeout":"1s"},"stdin":"in","#,
                r#""working_dir":null,"timeout":null,"kill_grace":"10s","leftovers":"kill","max_output":16777216,"#,
                r#""log_path":"logs/b.log"}}"#
            ),
        );
        let stop = ToRunner::Stop { launch: Launch(5), reason: StopReason::Cancel, grace: None };
        check(&stop, r#"{"stop":{"launch":5,"reason":"cancel","grace":null}}"#);
        check(&ToRunner::Acknowledge(vec![Launch(5), Launch(6)]), r#"{"acknowledge":[5,6]}"#);
    }

    #[test]
    fn what_the_runner_says_is_written_like_this() {
        let at = Timestamp::from_micros(0);
        let log = Some(LogFile { path: "logs/a.log".to_owned(), n_bytes: 3, n_dropped: 0 });
        let exit = Exit { log, started_at: Some(at), ..Exit::bare(ExitKind::Code(3), at) };
        let written = concat!(
            r#"{"kind":{"code":3},"started_at":"1970-01-01T00:00:00.000000Z","#,
            r#""ended_at":"1970-01-01T00:00:00.000000Z","output":"","#,
            r#""log":{"path":"logs/a.log","n_bytes":3,"n_dropped":0},"n_leftovers":0,"error":null}"#
        );
        let ended = format!(r#"{{"ended":{{"launch":5,"exit":{written}}}}}"#);
        check(&FromRunner::Ended { launch: Launch(5), exit }, &ended);
        let started = r#"{"started":{"launch":6,"at":"1970-01-01T00:00:00.000000Z"}}"#;
        check(&FromRunner::Started { launch: Launch(6), at }, started);
        let hello = FromRunner::Hello {
            epoch: 7,
            version: 1,
            instance: "i".to_owned(),
            boot_id: "b".to_owned(),
            highest: Launch(6),
            alive: vec![Launch(6)],
            n_ended: 1,
        };
        let said =
            r#"{"hello":{"epoch":7,"version":1,"instance":"i","boot_id":"b","highest":6,"alive":[6],"n_ended":1}}"#;
        check(&hello, said);
        check(&FromRunner::Refused { why: "no".to_owned() }, r#"{"refused":{"why":"no"}}"#);
    }
}
