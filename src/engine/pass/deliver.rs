//! The outbox: what is owed to hooks is sent, a bounded number at a time, so that a slow receiver holds up nothing but
//! its own.

use crate::engine::cache::MAX_SENDING;
use crate::engine::work::Work;
use crate::engine::{Delivery, Effect, step};
use crate::model::id::DeliveryId;
use crate::model::process::log_path;
use crate::model::state::DeliveryEvent;
use crate::model::timestamp::Steady;
use crate::store::{StoreError, delivery, event};

/// Claims the deliveries whose time has come.
pub(crate) fn deliver(work: &mut Work<'_>) -> Result<(), StoreError> {
    while work.cache.sending.len() < MAX_SENDING && work.session.may_send() {
        let Some((until, id)) = work.cache.owed.first().copied() else { return Ok(()) };
        if until > work.now.steady {
            return Ok(());
        }
        step::guarded(work, step::Culprit::Delivery(id), |work| send(work, until, id))?;
    }
    Ok(())
}

fn send(work: &mut Work<'_>, until: Steady, id: DeliveryId) -> Result<(), StoreError> {
    let mut row = delivery::get(work.tx, id)?;
    if work.cache.is_busy(row.hook_id) {
        work.cache.park(row.hook_id, until, id);
        return Ok(());
    }
    let from = row.state;
    let launch = work.next_launch();
    let to = from.step(DeliveryEvent::Claimed { launch });
    let to = to.map_err(|refused| StoreError::unreadable(format!("delivery {id}"), refused))?;
    row.state = to;
    row.n_attempts += 1;
    delivery::step(work.tx, from, &row, work.now.wall, &delivery::Seen::default())?;
    work.cache.delivery_left(&row, from);
    work.cache.delivery_entered(&row);
    let hook = work.cache.hook(work.tx, row.hook_id)?;
    let event = event::get(work.tx, row.event_seq)?;
    let attempt = event.data.get("attempt").and_then(serde_json::Value::as_u64);
    let task = event.data.get("task").and_then(serde_json::Value::as_str);
    let log_path = match (event.run, task, attempt) {
        (Some(run), Some(task), Some(n)) => Some(log_path(event.job.as_deref(), run, task, n)),
        _ => None,
    };
    let hook = hook.as_ref().clone();
    work.effects.push(Effect::Deliver(Box::new(Delivery { launch, id, hook, event, log_path })));
    Ok(())
}
