//! Pretended requests: they live in the daemon and die with it, unanswered. Each is made once under its number, and one that
//! is not idempotent is never made again once it may have been done.

use std::collections::{BTreeMap, HashSet};

use super::chance::Chance;
use super::trouble::Troubles;
use super::world::Broken;
use crate::model::call::Call;
use crate::model::definition::Value;
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::id::Launch;
use crate::model::timestamp::Timestamp;

/// What a URL of a scripted request begins with; its words follow.
pub(super) const PRETEND: &str = "pretend:";

#[derive(Debug)]
struct Alive {
    key: String,
    idempotent: bool,
    started_at: Timestamp,
    ends_us: i64,
    exit: ExitKind,
    retry_after: Option<Duration>,
}

/// The requests that a daemon is making, and what is remembered of all that were made.
#[derive(Debug, Default)]
pub(super) struct Calls {
    alive: BTreeMap<Launch, Alive>,
    made: HashSet<Launch>,
    /// Tasks whose request is not idempotent and may have been done.
    done: HashSet<String>,
}

impl Calls {
    /// Makes a request.
    pub(super) fn make(
        &mut self,
        call: &Call,
        chance: &mut Chance,
        troubles: &Troubles,
        boot_us: i64,
        wall: Timestamp,
    ) -> Result<(), Broken> {
        let Call { launch, idempotency_key: key, .. } = call;
        if !self.made.insert(*launch) {
            return Err(format!("request {launch} is made twice"));
        }
        if self.alive.values().any(|alive| alive.key == *key) {
            return Err(format!("request {launch} is a second live one of {key}"));
        }
        if self.done.contains(key) {
            return Err(format!("request {launch} of {key} may have been done before, and is not idempotent"));
        }
        let (takes_us, exit) = fate(call, chance, troubles);
        let too_long = call.timeout.filter(|timeout| timeout.as_micros() < takes_us);
        let (takes_us, exit) = too_long.map_or((takes_us, exit), |timeout| (timeout.as_micros(), ExitKind::Timeout));
        let asks = matches!(exit, ExitKind::Status(429 | 503)) && chance.one_in(2);
        let alive = Alive {
            key: key.clone(),
            idempotent: call.request.idempotent,
            started_at: wall,
            ends_us: boot_us.saturating_add(takes_us),
            exit,
            retry_after: asks.then(|| Duration::from_secs(chance.between(0, 600))),
        };
        self.alive.insert(*launch, alive);
        Ok(())
    }

    /// Gives up a request; `false` if it is none that is being made.
    pub(super) fn stop(&mut self, launch: Launch, reason: StopReason, boot_us: i64) -> bool {
        let Some(alive) = self.alive.get_mut(&launch) else { return false };
        if boot_us < alive.ends_us {
            (alive.ends_us, alive.exit, alive.retry_after) = (boot_us, ExitKind::Stopped(reason), None);
        }
        true
    }

    /// Whether it is being made now.
    pub(super) fn is_alive(&self, launch: Launch) -> bool {
        self.alive.contains_key(&launch)
    }

    /// When the next one ends.
    pub(super) fn next_end(&self) -> Option<i64> {
        self.alive.values().map(|alive| alive.ends_us).min()
    }

    /// The ends of those that have ended by now.
    pub(super) fn ended(&mut self, boot_us: i64, wall: Timestamp) -> Vec<(Launch, Exit)> {
        let due = |(launch, alive): (&Launch, &Alive)| (alive.ends_us <= boot_us).then_some(*launch);
        let launches: Vec<Launch> = self.alive.iter().filter_map(due).collect();
        let mut ended = Vec::new();
        for launch in launches {
            let Some(alive) = self.alive.remove(&launch) else { continue };
            if !alive.idempotent && may_be_done(alive.exit) {
                self.done.insert(alive.key);
            }
            let started_at = (alive.exit != ExitKind::NotStarted).then_some(alive.started_at);
            let (kind, retry_after) = (alive.exit, alive.retry_after);
            ended.push((launch, Exit { started_at, retry_after, ..Exit::bare(kind, wall) }));
        }
        ended
    }

    /// The daemon dies, and its requests with it; whether they were done, nobody knows.
    pub(super) fn die(&mut self) {
        let alive = std::mem::take(&mut self.alive).into_values();
        self.done.extend(alive.filter(|alive| !alive.idempotent).map(|alive| alive.key));
    }
}

fn may_be_done(exit: ExitKind) -> bool {
    !matches!(exit, ExitKind::Status(408 | 425 | 429 | 503) | ExitKind::Unreached | ExitKind::NotStarted)
}

fn fate(call: &Call, chance: &mut Chance, troubles: &Troubles) -> (i64, ExitKind) {
    if let Value::Plain(url) = &call.request.url
        && let Some(words) = url.strip_prefix(PRETEND)
    {
        return scripted(words, &call.label);
    }
    let exit = match chance.one_in(troubles.bad_exits) {
        false => ExitKind::Status(200),
        true => *chance.pick(&[
            ExitKind::Status(404),
            ExitKind::Status(429),
            ExitKind::Status(500),
            ExitKind::Status(503),
            ExitKind::Unreached,
            ExitKind::Unanswered,
            ExitKind::NotStarted,
            ExitKind::Invalid,
        ]),
    };
    let takes_us = match chance.below(3) {
        0 => chance.between(1_000, 100_000),
        1 => chance.between(1, 30) * 1_000_000,
        _ => chance.between(1_000_000, 600_000_000),
    };
    (takes_us, exit)
}

fn scripted(words: &str, label: &str) -> (i64, ExitKind) {
    let argument = |name: &str| words.split(' ').find_map(|word| word.strip_prefix(name)?.parse::<i64>().ok());
    let attempt = label.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(1);
    let status = argument("exit=").and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
    let fails = argument("fails=").is_some_and(|n| attempt <= n);
    (argument("takes=").unwrap_or(0), ExitKind::Status(if fails { status } else { 200 }))
}
