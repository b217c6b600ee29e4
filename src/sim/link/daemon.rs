//! The daemon's end of the link, by the rules of `runner::link`: one connection at a time, made again whenever it ends. A
//! message belongs to the connection that was welcomed last when it was sent, waits for its writer, and goes out on that
//! connection or not at all.

use std::collections::VecDeque;

use super::{Air, Arrival, Connection, Link, Way};
use crate::engine::RunnerReport;
use crate::runner::protocol::{FromRunner, NEWEST, OLDEST, ToRunner};
use crate::runner::{Current, Pictures};

const FIRST_PAUSE_US: i64 = 20_000;
const LONGEST_PAUSE_US: i64 = 1_000_000;

/// How far a connection has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stage {
    /// There is no daemon.
    #[default]
    Off,
    /// The next one is tried then.
    Waiting(i64),
    /// Hello is said, and its answer has begun or not.
    Greeting {
        is_ours: bool,
    },
    Open {
        since: i64,
    },
}

/// What the daemon's threads for the runner know.
#[derive(Default)]
pub(super) struct DaemonSide {
    stage: Stage,
    current: Current<()>,
    epoch: u64,
    pictures: Pictures,
    pause_us: i64,
    /// What waits for its writer, and the connection that it belongs to.
    outbox: VecDeque<(i64, u64, ToRunner)>,
}

impl DaemonSide {
    /// The last connection that was tried.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn next_at(&self) -> Option<i64> {
        let again = if let Stage::Waiting(at) = self.stage { Some(at) } else { None };
        self.outbox.front().map(|(at, ..)| *at).into_iter().chain(again).min()
    }

    pub(super) fn is_quiet(&self) -> bool {
        let is_open = matches!(self.stage, Stage::Open { .. });
        is_open && self.current.stamp() == self.epoch && self.outbox.is_empty()
    }

    /// Another connection is tried after a pause, each longer than the one before.
    fn wait(&mut self, now: i64) {
        self.stage = Stage::Waiting(now.saturating_add(self.pause_us));
        self.pause_us = (self.pause_us * 2).min(LONGEST_PAUSE_US);
    }
}

impl Link {
    /// A daemon starts, and tries its first connection then. Its epochs are above that.
    pub(in crate::sim) fn daemon_starts(&mut self, epoch: u64, at: i64) {
        let stage = Stage::Waiting(at);
        self.daemon = DaemonSide { stage, epoch, pause_us: FIRST_PAUSE_US, ..DaemonSide::default() };
    }

    /// The engine has committed the picture of that connection.
    pub(in crate::sim) fn welcome(&mut self, connection: u64) {
        self.daemon.current.welcome(connection);
    }

    /// The engine wants this to be sent.
    pub(in crate::sim) fn send(&mut self, message: ToRunner, air: &mut Air<'_>) {
        let stamp = self.daemon.current.stamp();
        let last_at = self.daemon.outbox.back().map_or(i64::MIN, |(at, ..)| *at);
        self.daemon.outbox.push_back((air.arrival().max(last_at), stamp, message));
    }

    /// The daemon's end does what is due, and says what it has heard. A runner that is gone comes back then.
    pub(in crate::sim) fn daemon_goes_on(&mut self, gone_until: Option<i64>, air: &mut Air<'_>) -> Vec<RunnerReport> {
        if let Stage::Waiting(at) = self.daemon.stage
            && at <= air.now
        {
            self.connect(gone_until, air);
        }
        while self.daemon.outbox.front().is_some_and(|(at, ..)| *at <= air.now) {
            let Some((_, stamp, message)) = self.daemon.outbox.pop_front() else { break };
            if self.daemon.current.way_of(stamp).is_some() {
                self.send_up(stamp, message, air);
            }
        }
        let mut reports = Vec::new();
        while let Some(connection) = self.connections.get_mut(&self.daemon.epoch)
            && let Some(arrival) = connection.down.take(air.now)
        {
            match arrival {
                Arrival::Message(message) => reports.extend(self.hear(message, air)),
                Arrival::End => reports.extend(self.hang_up(air)),
            }
        }
        self.clear();
        reports
    }

    fn connect(&mut self, gone_until: Option<i64>, air: &mut Air<'_>) {
        let daemon = &mut self.daemon;
        daemon.epoch += 1;
        if let Some(back_at) = gone_until {
            daemon.wait(air.now);
            if let Stage::Waiting(at) = &mut daemon.stage {
                // What is tried meanwhile is tried in vain.
                *at = back_at.max(*at);
            }
            return;
        }
        let epoch = daemon.epoch;
        daemon.stage = Stage::Greeting { is_ours: false };
        daemon.pictures = Pictures::default();
        self.connections.insert(epoch, Connection { up: Way::new(), down: Way::new() });
        self.send_up(epoch, ToRunner::Hello { epoch, oldest: OLDEST, newest: NEWEST, folder: String::new() }, air);
    }

    fn hear(&mut self, message: FromRunner, air: &mut Air<'_>) -> Option<RunnerReport> {
        let daemon = &mut self.daemon;
        let Stage::Greeting { is_ours } = &mut daemon.stage else {
            return match message {
                // There is one picture a connection.
                FromRunner::Hello { .. } | FromRunner::Refused { .. } => self.hang_up(air),
                FromRunner::Started { .. } | FromRunner::Ended { .. } => daemon.pictures.take(message),
            };
        };
        match &message {
            FromRunner::Refused { .. } => return self.hang_up(air),
            FromRunner::Hello { epoch: answers, .. } => *is_ours = *answers == daemon.epoch,
            FromRunner::Started { .. } | FromRunner::Ended { .. } => {}
        }
        // What comes before the answer was said to the connection before this one.
        let said = is_ours.then(|| daemon.pictures.take(message)).flatten()?;
        if !matches!(said, RunnerReport::Connected { .. }) {
            return None;
        }
        daemon.current.opened(daemon.epoch, ());
        daemon.stage = Stage::Open { since: air.now };
        daemon.pictures = Pictures::default();
        Some(said)
    }

    /// This end closes the connection, or has found it closed.
    fn hang_up(&mut self, air: &mut Air<'_>) -> Option<RunnerReport> {
        if let Some(connection) = self.connections.get_mut(&self.daemon.epoch) {
            connection.up.close(air.now);
            connection.down.forget();
        }
        let daemon = &mut self.daemon;
        let since = if let Stage::Open { since } = daemon.stage { Some(since) } else { None };
        if since.is_some_and(|since| air.now - since > LONGEST_PAUSE_US) {
            daemon.pause_us = FIRST_PAUSE_US;
        }
        daemon.wait(air.now);
        daemon.current.closed();
        since.map(|_| RunnerReport::Disconnected)
    }
}
