//! What the daemon and the runner say to each other. Today both live in one process and these travel on a channel; a
//! process boundary goes between them next, and nothing here may change for it.
//!
//! The rules, all of them for one reason: nothing runs twice at once, and no exit is lost.
//!
//! - Launches are sent in growing order of their numbers. The runner keeps the highest it has seen, over its own
//!   death. At or below it: never started again; if it has ended and that was not acknowledged, reported again.
//! - A connection opens with the daemon's epoch. What is sent under an older epoch than the newest is dropped: it comes
//!   from a daemon that was replaced.
//! - The answer to `Hello` is one whole picture. Above `highest`: never launched, may be sent. At or below it and
//!   neither alive nor ended: gone, and nobody knows how.
//! - An exit is kept, and repeated in the answer to each `Hello`, until it is acknowledged, which the daemon does after
//!   the commit that settles it.
//! - Anything seen twice changes nothing.

use serde::{Deserialize, Serialize};

use crate::model::duration::Duration;
use crate::model::exit::{Exit, StopReason};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::model::timestamp::Timestamp;

/// What the daemon tells the runner.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToRunner {
    /// The first message of a connection; answered with `FromRunner::Hello`.
    Hello {
        /// Grows with every daemon that opens the store.
        epoch: u64,
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
    /// End. What still runs is left to the next runner, which kills it.
    Shutdown,
}

/// What the runner tells the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromRunner {
    /// The answer to `ToRunner::Hello`: everything the runner has.
    Hello {
        /// This runner and no other, before or after.
        instance: String,
        /// The kernel's name for this boot.
        boot_id: String,
        /// The highest launch number seen by it or the runner before it.
        highest: Launch,
        /// What lives, or waits to be started.
        alive: Vec<Launch>,
        /// What ended and was not acknowledged.
        ended: Vec<(Launch, Exit)>,
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
    use crate::model::exit::{ExitKind, LogFile};

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
        check(&ToRunner::Hello { epoch: 7 }, r#"{"hello":{"epoch":7}}"#);
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
        let stop = ToRunner::Stop { launch: Launch(5), reason: StopReason::Cancel, grace: None };
        check(&stop, r#"{"stop":{"launch":5,"reason":"cancel","grace":null}}"#);
        check(&ToRunner::Acknowledge(vec![Launch(5), Launch(6)]), r#"{"acknowledge":[5,6]}"#);
        check(&ToRunner::Shutdown, r#""shutdown""#);
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
        check(&FromRunner::Ended { launch: Launch(5), exit: exit.clone() }, &ended);
        let started = r#"{"started":{"launch":6,"at":"1970-01-01T00:00:00.000000Z"}}"#;
        check(&FromRunner::Started { launch: Launch(6), at }, started);
        let hello = FromRunner::Hello {
            instance: "i".to_owned(),
            boot_id: "b".to_owned(),
            highest: Launch(6),
            alive: vec![Launch(6)],
            ended: vec![(Launch(5), exit)],
        };
        let said =
            format!(r#"{{"hello":{{"instance":"i","boot_id":"b","highest":6,"alive":[6],"ended":[[5,{written}]]}}}}"#);
        check(&hello, &said);
    }
}
