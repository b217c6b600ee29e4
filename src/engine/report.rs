//! Reports: what happened in the world. Each may come twice, late, or about something long forgotten, and then changes
//! nothing.

mod call;
mod clock;
mod delivered;
mod opened;
mod restored;
mod runner;

use super::input::Report;
use super::work::Work;
use crate::store::StoreError;

/// Applies a report.
pub(crate) fn apply(work: &mut Work<'_>, report: &Report) -> Result<(), StoreError> {
    match report {
        Report::Opened { boot_id } => opened::opened(work, boot_id),
        Report::ClockStepped { by_us } => clock::stepped(work, *by_us),
        Report::Runner(report) => runner::apply(work, report),
        Report::CallStarted { launch, at } => call::started(work, *launch, *at),
        Report::CallEnded { launch, exit } => call::ended(work, *launch, exit),
        Report::Delivered { launch, result } => delivered::delivered(work, *launch, result),
    }
}
