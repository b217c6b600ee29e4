//! How a try to deliver went, and what that means: delivered, tried again later, or given up.

use crate::engine::input::DeliveryResult;
use crate::engine::work::Work;
use crate::model::id::{DeliveryId, Launch};
use crate::model::policy::deliver;
use crate::model::state::DeliveryEvent;
use crate::store::{StoreError, delivery};

/// Records the result of try `launch`; a result that nobody waits for changes nothing.
pub(super) fn delivered(work: &mut Work<'_>, launch: Launch, result: &DeliveryResult) -> Result<(), StoreError> {
    let Some((id, _)) = work.cache.sending.get(&launch).copied() else { return Ok(()) };
    let row = delivery::get(work.tx, id)?;
    let hook = work.cache.hook(work.tx, row.hook_id)?;
    let event = if result.accepted {
        DeliveryEvent::Accepted { of: launch }
    } else if result.permanent || row.n_attempts >= hook.max_attempts {
        DeliveryEvent::GivenUp { of: launch }
    } else {
        let chance = work.ids.chance();
        let pause = deliver::next_delay(row.n_attempts, chance, result.retry_after);
        DeliveryEvent::Failed { of: launch, until: work.now.steady.plus(pause) }
    };
    let seen = delivery::Seen { status: result.status, error: result.error.as_deref() };
    if let Ok(state) = row.state.step(event) {
        work.observe_try(&hook, state);
    }
    step(work, row, event, &seen)
}

/// Try `launch` was stopped with the daemon; the delivery is owed again at once, by the next one.
pub(super) fn interrupted(work: &mut Work<'_>, launch: Launch) -> Result<(), StoreError> {
    match work.cache.sending.get(&launch).copied() {
        Some((id, _)) => lost(work, launch, id),
        None => Ok(()),
    }
}

/// Try `launch` is gone with whoever made it; the delivery is owed again at once.
pub(super) fn lost(work: &mut Work<'_>, launch: Launch, id: DeliveryId) -> Result<(), StoreError> {
    let row = delivery::get(work.tx, id)?;
    let event = DeliveryEvent::Failed { of: launch, until: work.now.steady };
    let seen = delivery::Seen { status: None, error: Some("the daemon stopped before the answer came") };
    step(work, row, event, &seen)
}

fn step(
    work: &mut Work<'_>,
    mut row: delivery::DeliveryRow,
    event: DeliveryEvent,
    seen: &delivery::Seen<'_>,
) -> Result<(), StoreError> {
    let from = row.state;
    let Ok(to) = from.step(event) else { return Ok(()) };
    row.state = to;
    delivery::step(work.tx, from, &row, work.now.wall, seen)?;
    work.cache.delivery_left(&row, from);
    work.cache.delivery_entered(&row);
    Ok(())
}
