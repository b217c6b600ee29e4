//! The runner's end of the link, by the rules of `runner::door`: the newest daemon is heard, and whatever the runner says
//! goes to the connection that is heard when it is written, or to nobody. A connection that was replaced is ended, but
//! what it had sent may be read after the new hello.

use std::collections::VecDeque;

use super::{Air, Arrival, Link};
use crate::runner::protocol::{FromRunner, ToRunner};

/// Who is heard.
#[derive(Default)]
pub(super) struct Door {
    epoch: u64,
    stream: Option<u64>,
    /// What waits for its writer.
    said: VecDeque<(i64, Vec<FromRunner>)>,
}

impl Door {
    pub(super) fn next_at(&self) -> Option<i64> {
        self.said.front().map(|(at, _)| *at)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.said.is_empty() && self.stream.is_some()
    }
}

impl Link {
    /// The runner says this to whoever is heard.
    pub(in crate::sim) fn say(&mut self, messages: Vec<FromRunner>, air: &mut Air<'_>) {
        let last_at = self.door.said.back().map_or(i64::MIN, |(at, _)| *at);
        self.door.said.push_back((air.arrival().max(last_at), messages));
    }

    /// The runner's end does what is due; returns what came, with the connection that it came by.
    pub(in crate::sim) fn door_goes_on(&mut self, air: &mut Air<'_>) -> Vec<(u64, ToRunner)> {
        let mut heard = Vec::new();
        let epochs: Vec<u64> = self.connections.keys().copied().collect();
        for epoch in epochs {
            while let Some(connection) = self.connections.get_mut(&epoch)
                && let Some(arrival) = connection.up.take(air.now)
            {
                match arrival {
                    Arrival::Message(message) => {
                        if !matches!(message, ToRunner::Hello { .. }) || self.greet(epoch, air) {
                            heard.push((epoch, message));
                        }
                    }
                    Arrival::End => {
                        connection.down.close(air.now);
                        self.door.stream.take_if(|stream| *stream == epoch);
                    }
                }
            }
        }
        while self.door.said.front().is_some_and(|(at, _)| *at <= air.now) {
            let Some((_, messages)) = self.door.said.pop_front() else { break };
            // Without a daemon nothing is lost: the next hello is answered with everything.
            let Some(stream) = self.door.stream else { continue };
            for message in messages {
                self.send_down(stream, message, air);
            }
        }
        self.clear();
        heard
    }

    /// Makes this connection the one that is heard, or refuses it.
    fn greet(&mut self, epoch: u64, air: &mut Air<'_>) -> bool {
        if epoch <= self.door.epoch {
            let why = format!("epoch {epoch} is not newer than {}", self.door.epoch);
            self.send_down(epoch, FromRunner::Refused { why }, air);
            if let Some(connection) = self.connections.get_mut(&epoch) {
                connection.down.close(air.now);
                connection.up.forget();
            }
            return false;
        }
        self.door.epoch = epoch;
        let before = self.door.stream.replace(epoch);
        if let Some(connection) = before.and_then(|before| self.connections.get_mut(&before)) {
            connection.tear(air);
        }
        true
    }
}
