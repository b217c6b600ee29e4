//! What is done with the effects of a step, one by one.

use super::machine::Fate;
use super::post::Letter;
use super::world::{Broken, World};
use crate::engine::{Delivery, DeliveryResult, Effect, Input, Report, RunnerReport};
use crate::model::definition::Target;
use crate::model::exit::ExitKind;
use crate::model::id::Launch;

impl World {
    pub(super) fn release(&mut self, effect: Effect, unseen: Option<Launch>) -> Result<(), Broken> {
        let now = self.now();
        match effect {
            Effect::Start(process) => {
                let launch = process.launch;
                if !self.released.insert(launch) && unseen.is_none_or(|highest| launch <= highest) {
                    return Err(format!("launch {launch} was released twice, and the runner has seen it"));
                }
                self.checks.starts(self.store()?, &process)?;
                let fate = super::script::fate(&process, &mut self.chance, &self.troubles);
                if self.link.is_some() && self.machine.start(&process, fate, self.boot_us, now)? {
                    let at = now;
                    match self.machine.exit_of(launch).cloned() {
                        Some(exit) => self.tell(RunnerReport::Ended { launch, exit }),
                        None => self.tell(RunnerReport::Started { launch, at }),
                    }
                }
            }
            Effect::Stop { launch, reason, .. } if self.calls.stop(launch, reason, self.boot_us) => {}
            Effect::Stop { launch, reason, grace } if self.link.is_some() => {
                self.machine.stop(launch, reason, grace, self.boot_us);
            }
            Effect::Stop { .. } | Effect::Welcome(_) => {}
            Effect::Call(call) => {
                self.calls.make(&call, &mut self.chance, &self.troubles, self.boot_us, now)?;
                self.called(Report::CallStarted { launch: call.launch, at: now });
            }
            Effect::Acknowledge(launches) => {
                self.checks.acknowledged(self.store()?, &launches)?;
                if self.link.is_some() {
                    self.machine.acknowledge(&launches);
                }
            }
            Effect::Deliver(delivery) => self.deliver(&delivery)?,
            Effect::RemoveLogs(logs) => self.removed_logs.extend(logs),
        }
        Ok(())
    }

    fn deliver(&mut self, delivery: &Delivery) -> Result<(), Broken> {
        let launch = delivery.launch;
        if !self.released.insert(launch) {
            return Err(format!("delivery try {launch} was released twice"));
        }
        let takes_us = self.chance.between(1_000, 20_000_000);
        let accepts = !self.chance.one_in(self.troubles.rejects);
        if !matches!(delivery.hook.target, Target::Webhook(_)) {
            let exit = if accepts { ExitKind::Code(0) } else { ExitKind::Code(1) };
            let fate = Fate { takes_us, exit, ignores_stop: false };
            if self.link.is_some() {
                let now = self.now();
                self.machine.start_hook(launch, fate, self.boot_us, now)?;
            }
            return Ok(());
        }
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
            self.mail(takes_us * 2, Letter { input: Input::Report(report), daemon: None, link: None });
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
