//! Commands: what somebody wants. Each is validated before its first write; a refused one writes nothing.

mod backfill;
mod cancel;
mod keyed;
mod load;
mod pause;
mod skip;
mod start;

pub(crate) use cancel::{Haste, cancel_run};
pub(crate) use load::end_schedules;
pub(crate) use pause::{end as end_pause, pause_all, pause_job};

use super::Effect;
use super::input::{Answer, Command};
use super::work::{Subject, Work};
use crate::model::duration::Duration;
use crate::model::event::EventType;
use crate::model::exit::StopReason;
use crate::model::id::{DeliveryId, Launch};
use crate::model::refused::Refused;
use crate::model::state::DeliveryEvent;
use crate::store::job::Pause;
use crate::store::{StoreError, delivery};

/// Applies a command, and says what came of it.
pub(crate) fn apply(work: &mut Work<'_>, command: &Command) -> Result<Result<Answer, Refused>, StoreError> {
    match command {
        Command::Load(load) => load::load(work, load).map(|loaded| Ok(Answer::Loaded(loaded))),
        Command::Start(start) => start::start(work, start),
        Command::Submit(submissions) => start::submit(work, submissions),
        Command::Keyed(asked) => keyed::keyed(work, asked),
        Command::CancelRun { run, by } => cancel::run(work, *run, by),
        Command::CancelTask { task, by } => cancel::task(work, *task, by),
        Command::Pause { job, by, note, until } => {
            pause::pause(work, job.as_deref(), &Pause { by: by.clone(), note: note.clone(), until: *until })
        }
        Command::Resume { job, by, catch_up } => pause::resume(work, job.as_deref(), by, *catch_up),
        Command::SkipDue { job, at, by } => skip::skip(work, job, *at, by),
        Command::Backfill(asked) => backfill::begin(work, asked),
        Command::CancelBackfill { backfill, by } => backfill::cancel(work, *backfill, by),
        Command::RetryDelivery { delivery } => retry_delivery(work, *delivery),
        Command::Drain => {
            work.session.is_draining = true;
            work.record(EventType::DaemonStopping, Subject::default(), serde_json::Value::Null)?;
            Ok(Ok(Answer::Done))
        }
        Command::Interrupt { grace } => interrupt(work, *grace),
    }
}

/// Attempts and shell hooks are told to end, and no more of either are begun. A webhook that is being sent has no
/// process; it ends with the daemon.
fn interrupt(work: &mut Work<'_>, grace: Option<Duration>) -> Result<Result<Answer, Refused>, StoreError> {
    work.session.is_draining = true;
    work.session.is_interrupted = true;
    let mut launches: Vec<Launch> = work.cache.live.keys().copied().collect();
    launches.extend(work.cache.hook_processes(work.tx));
    launches.sort_unstable();
    let stop = |launch| Effect::Stop { launch, reason: StopReason::Drain, grace };
    work.effects.extend(launches.into_iter().map(stop));
    Ok(Ok(Answer::Done))
}

fn retry_delivery(work: &mut Work<'_>, id: DeliveryId) -> Result<Result<Answer, Refused>, StoreError> {
    let Some(mut row) = delivery::find(work.tx, id)? else {
        return Ok(Err(Refused::NotFound { what: "delivery", name: id.to_string() }));
    };
    let from = row.state;
    match from.step(DeliveryEvent::Replayed { until: work.now.steady }) {
        Ok(to) => row.state = to,
        Err(refused) => return Ok(Err(refused)),
    }
    row.n_attempts = 0;
    delivery::step(work.tx, from, &row, work.now.wall, &delivery::Seen::default())?;
    work.cache.delivery_left(&row, from);
    work.cache.delivery_entered(&row);
    work.session.broken_deliveries.remove(&id);
    Ok(Ok(Answer::Done))
}
