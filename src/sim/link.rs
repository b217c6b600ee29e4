//! The pretended way between daemon and runner: connections, each a stream in both directions. What is sent is in flight
//! for a while; within one direction of one connection order is kept, and between connections it is not. A connection ends
//! at any moment, and of what was in flight on it a first part arrives, or nothing, or all.
//!
//! `daemon` keeps the rules of `runner::link`, and shares its rule of stamps; `door` keeps those of `runner::door`.

mod daemon;
mod door;

use std::collections::{BTreeMap, VecDeque};

use super::chance::Chance;
use super::trouble::Troubles;
use crate::runner::protocol::{FromRunner, ToRunner};
use daemon::DaemonSide;
use door::Door;

/// What decides how long something is in flight, and whether it arrives.
pub(super) struct Air<'w> {
    pub(super) chance: &'w mut Chance,
    pub(super) troubles: &'w Troubles,
    pub(super) now: i64,
}

impl Air<'_> {
    /// When what is sent now arrives.
    fn arrival(&mut self) -> i64 {
        self.now.saturating_add(self.troubles.delay(self.chance))
    }
}

/// What comes out at the end of a direction.
enum Arrival<M> {
    Message(M),
    End,
}

/// One direction of a connection.
struct Way<M> {
    flying: VecDeque<(i64, M)>,
    /// Nothing arrives before what was sent before it.
    last_at: i64,
    /// Nothing more can be sent; the reader finds the end after what flies.
    is_cut: bool,
    /// The reader has found the end, or is gone.
    is_over: bool,
}

impl<M> Way<M> {
    fn new() -> Self {
        Way { flying: VecDeque::new(), last_at: i64::MIN, is_cut: false, is_over: false }
    }

    fn send(&mut self, message: M, air: &mut Air<'_>) {
        if self.is_cut {
            return;
        }
        self.last_at = self.last_at.max(air.arrival());
        self.flying.push_back((self.last_at, message));
    }

    /// Its writer closed it: all that flies arrives.
    fn close(&mut self, now: i64) {
        self.is_cut = true;
        self.last_at = self.last_at.max(now);
    }

    /// It breaks: a first part of what flies arrives.
    fn tear(&mut self, air: &mut Air<'_>) {
        if !self.is_cut {
            self.flying.truncate(air.chance.below(self.flying.len() + 1));
            self.is_cut = true;
            self.last_at = self.flying.back().map_or(air.now, |(at, _)| *at);
        }
    }

    /// Nobody reads it any more.
    fn forget(&mut self) {
        self.flying.clear();
        (self.is_cut, self.is_over) = (true, true);
    }

    fn next_at(&self) -> Option<i64> {
        let end = (self.is_cut && !self.is_over).then_some(self.last_at);
        self.flying.front().map(|(at, _)| *at).or(end)
    }

    fn take(&mut self, now: i64) -> Option<Arrival<M>> {
        if self.next_at()? > now {
            return None;
        }
        if let Some((_, message)) = self.flying.pop_front() {
            return Some(Arrival::Message(message));
        }
        self.is_over = true;
        Some(Arrival::End)
    }

    fn is_quiet(&self) -> bool {
        self.next_at().is_none()
    }
}

struct Connection {
    up: Way<ToRunner>,
    down: Way<FromRunner>,
}

impl Connection {
    fn tear(&mut self, air: &mut Air<'_>) {
        self.up.tear(air);
        self.down.tear(air);
    }
}

/// All connections there are, and both their ends.
#[derive(Default)]
pub(super) struct Link {
    /// By epoch.
    connections: BTreeMap<u64, Connection>,
    daemon: DaemonSide,
    door: Door,
}

impl Link {
    /// When something happens next at an end. Each is not there, or does nothing before its time.
    pub(super) fn next_at(&self, daemon_from: Option<i64>, runner_from: Option<i64>) -> Option<i64> {
        let ups = self.connections.values().filter_map(|connection| connection.up.next_at());
        let runner = ups.chain(self.door.next_at()).min();
        let at_daemon = self.connections.get(&self.daemon.epoch()).and_then(|connection| connection.down.next_at());
        let daemon = at_daemon.into_iter().chain(self.daemon.next_at()).min();
        let not_before = |at: Option<i64>, from: Option<i64>| Some(at?.max(from?));
        [not_before(daemon, daemon_from), not_before(runner, runner_from)].into_iter().flatten().min()
    }

    /// Every connection breaks.
    pub(super) fn tear(&mut self, air: &mut Air<'_>) {
        self.connections.values_mut().for_each(|connection| connection.tear(air));
    }

    /// The daemon died. What it had written may still arrive, in part.
    pub(super) fn daemon_died(&mut self, air: &mut Air<'_>) {
        self.daemon = DaemonSide::default();
        for connection in self.connections.values_mut() {
            connection.up.tear(air);
            connection.down.forget();
        }
        self.clear();
    }

    /// The runner died. What it had written may still arrive, in part.
    pub(super) fn runner_died(&mut self, air: &mut Air<'_>) {
        self.door = Door::default();
        for connection in self.connections.values_mut() {
            connection.up.forget();
            connection.down.tear(air);
        }
        self.clear();
    }

    /// Whether there is a connection whose picture was committed, and nothing is on its way on any.
    pub(super) fn is_quiet(&self) -> bool {
        let mut all = self.connections.values();
        let is_quiet = all.all(|connection| connection.up.is_quiet() && connection.down.is_quiet());
        is_quiet && self.daemon.is_quiet() && self.door.is_quiet()
    }

    fn clear(&mut self) {
        self.connections.retain(|_, connection| !(connection.up.is_over && connection.down.is_over));
    }

    /// Sends on a connection, if it is there; the act itself may end it.
    fn send_up(&mut self, connection: u64, message: ToRunner, air: &mut Air<'_>) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.up.send(message, air);
            break_by_chance(connection, air);
        }
    }

    fn send_down(&mut self, connection: u64, message: FromRunner, air: &mut Air<'_>) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.down.send(message, air);
            break_by_chance(connection, air);
        }
    }
}

fn break_by_chance(connection: &mut Connection, air: &mut Air<'_>) {
    if air.chance.one_in(air.troubles.link_breaks) {
        connection.tear(air);
    }
}
