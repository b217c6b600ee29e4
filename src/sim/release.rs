//! What is done with the effects of a step, one by one.

use super::post::Letter;
use super::world::{Broken, World};
use crate::engine::{Delivery, DeliveryResult, Effect, Input, Report};
use crate::hooks;
use crate::model::id::Launch;
use crate::runner::protocol::ToRunner;

impl World {
    pub(super) fn release(&mut self, effect: Effect, unseen: Option<Launch>) -> Result<(), Broken> {
        let now = self.now();
        match effect {
            Effect::Start(process) => {
                let launch = process.launch;
                if !self.released.insert(launch) && unseen.is_none_or(|highest| launch <= highest) {
                    return Err(format!("launch {launch} was released twice, and the runner has seen it"));
                }
                if self.is_checked {
                    self.checks.starts(self.store()?, &process)?;
                }
                self.tell_runner(ToRunner::Launch(process));
            }
            Effect::Stop { launch, reason, .. } if self.calls.stop(launch, reason, self.boot_us) => {}
            Effect::Stop { launch, reason, grace } => self.tell_runner(ToRunner::Stop { launch, reason, grace }),
            Effect::Welcome(connection) => self.link.welcome(connection),
            Effect::Call(call) => {
                self.calls.make(&call, &mut self.chance, &self.troubles, self.boot_us, now)?;
                self.called(Report::CallStarted { launch: call.launch, at: now });
            }
            Effect::Acknowledge(launches) => {
                if self.is_checked {
                    self.checks.acknowledged(self.store()?, &launches)?;
                    self.same_exits(&launches)?;
                }
                self.tell_runner(ToRunner::Acknowledge(launches));
            }
            Effect::Deliver(delivery) => self.deliver(&delivery)?,
            Effect::RemoveLogs(logs) => self.removed_logs.extend(logs),
        }
        Ok(())
    }

    fn tell_runner(&mut self, message: ToRunner) {
        let (link, mut air) = self.air();
        link.send(message, &mut air);
    }

    fn deliver(&mut self, delivery: &Delivery) -> Result<(), Broken> {
        let launch = delivery.launch;
        if !self.released.insert(launch) {
            return Err(format!("delivery try {launch} was released twice"));
        }
        if let Some(process) = hooks::shell::process(delivery, &[]) {
            self.tell_runner(ToRunner::Launch(Box::new(process)));
            return Ok(());
        }
        let takes_us = self.chance.between(1_000, 20_000_000);
        let accepts = !self.chance.one_in(self.troubles.rejects);
        let asks = accepts || !self.chance.one_in(4);
        let result = DeliveryResult {
            accepted: accepts,
            status: Some(if accepts { 204 } else { 503 }),
            error: (!accepts).then(|| "not now".to_owned()),
            permanent: !accepts && self.chance.one_in(8),
            retry_after: (!asks).then(|| crate::model::duration::Duration::from_secs(self.chance.between(0, 600))),
        };
        let report = Report::Delivered { launch, result };
        self.send(takes_us, Input::Report(report.clone()));
        if self.chance.one_in(self.troubles.repeats) {
            self.mail(takes_us * 2, Letter { input: Input::Report(report), daemon: None });
        }
        Ok(())
    }
}

/// An effect in words.
pub(super) fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Start(process) => format!("start {}", process.launch),
        Effect::Welcome(connection) => format!("welcome {connection}"),
        Effect::Call(call) => format!("call {}", call.launch),
        Effect::Stop { launch, reason, .. } => format!("stop {launch} ({reason:?})"),
        Effect::Acknowledge(launches) => format!("acknowledge {launches:?}"),
        Effect::Deliver(delivery) => format!("deliver {} of event {}", delivery.launch, delivery.event.seq),
        Effect::RemoveLogs(logs) => format!("remove {} logs", logs.len()),
    }
}
