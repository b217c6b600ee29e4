//! Letters: what is on its way to the daemon, each with the moment it arrives. One for a daemon that is gone is lost.

use super::world::World;
use crate::engine::{Command, Input, Report, RunnerReport};

/// How many inputs one step takes.
const MAX_INPUTS: usize = 512;

/// Something on its way to the daemon.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) input: Input,
    /// The daemon that it is for; any, without one.
    pub(super) daemon: Option<u64>,
}

impl World {
    /// Sends something to the daemon that runs now, to arrive in so long.
    pub(super) fn send(&mut self, in_us: i64, input: Input) {
        let letter = Letter { input, daemon: Some(self.n_daemons) };
        self.mail(in_us, letter);
    }

    pub(super) fn mail(&mut self, in_us: i64, letter: Letter) {
        self.n_letters += 1;
        self.post.insert((self.boot_us.saturating_add(in_us), self.n_letters), letter);
    }

    /// Asks for something; the answer will be under the returned token.
    pub(super) fn ask(&mut self, in_us: i64, command: Command) -> u64 {
        self.n_tokens += 1;
        let token = self.n_tokens;
        self.note(|| format!("ask {token}: {command:?}"));
        self.send(in_us, Input::Command { token, command });
        token
    }

    /// The daemon's end of the link does what is due. What it hears waits for the engine in that order, which may finish
    /// something else before; now and then it is heard once more, much later.
    pub(super) fn daemon_listens(&mut self) {
        if !self.is_up() || self.stalled_until > self.boot_us {
            return;
        }
        let gone_until = self.runner.gone_until();
        let (link, mut air) = self.air();
        for report in link.daemon_goes_on(gone_until, &mut air) {
            self.note(|| format!("the daemon hears: {report:?}"));
            let is_of_launch = matches!(report, RunnerReport::Started { .. } | RunnerReport::Ended { .. });
            let again = Input::Report(Report::Runner(report.clone()));
            let wait = self.troubles.delay(&mut self.chance);
            self.heard_until = self.heard_until.max(self.boot_us.saturating_add(wait));
            self.send(self.heard_until - self.boot_us, Input::Report(Report::Runner(report)));
            if is_of_launch && self.chance.one_in(self.troubles.repeats) {
                let late = self.chance.between(0, 90_000_000);
                self.mail(late, Letter { input: again, daemon: None });
            }
        }
    }

    /// The daemon says something of its own request to itself; late and twice as chance will have it.
    pub(super) fn called(&mut self, report: Report) {
        let in_us = self.troubles.delay(&mut self.chance);
        self.send(in_us, Input::Report(report.clone()));
        if self.chance.one_in(self.troubles.repeats) {
            let late = self.chance.between(0, 90_000_000);
            self.mail(late, Letter { input: Input::Report(report), daemon: None });
        }
    }

    /// Forgets what no daemon will hear.
    pub(super) fn forget_letters(&mut self) {
        self.held.clear();
        self.waiting.clear();
        self.wake_at = None;
        self.heard_until = 0;
    }

    /// What has arrived, as much as one step takes; before it, what a step was given that failed.
    pub(super) fn take_letters(&mut self) -> Vec<Input> {
        let mut inputs = std::mem::take(&mut self.held);
        while inputs.len() < MAX_INPUTS
            && let Some(entry) = self.post.first_entry().filter(|entry| entry.key().0 <= self.boot_us)
        {
            let letter = entry.remove();
            if letter.daemon.is_none_or(|daemon| daemon == self.n_daemons) {
                inputs.push(letter.input);
            }
        }
        inputs
    }
}
