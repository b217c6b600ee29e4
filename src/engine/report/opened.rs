//! A daemon has opened the store. Whatever ran inside the last one is gone with it: webhooks that it was calling are
//! owed again, requests that it was making are lost. Processes, shell hooks too, are the runner's, who will speak for them
//! when it connects.

use serde_json::json;

use crate::engine::work::{Subject, Work};
use crate::model::definition::Target;
use crate::model::event::EventType;
use crate::model::id::HookId;
use crate::store::{StoreError, fact};

/// Remembers the boot and the moment: due times before it were missed.
pub(super) fn opened(work: &mut Work<'_>, boot_id: &str) -> Result<(), StoreError> {
    fact::set(work.tx, "boot_id", boot_id)?;
    work.session.alive_since = work.now.wall;
    // They are of a runner that has not spoken yet.
    fact::forget(work.tx, "strangers")?;
    // Nobody was there to see the clock go back; a cursor ahead of now says that it did.
    super::clock::rewind(work)?;
    recall_hooks(work)?;
    super::call::lose_all(work)?;
    let mut sending: Vec<_> = work.cache.sending.iter().map(|(launch, (id, hook))| (*launch, *id, *hook)).collect();
    sending.sort_unstable();
    for (launch, id, hook) in sending {
        if matches!(work.cache.hook(work.tx, hook)?.target, Target::Webhook(_)) {
            super::delivered::lost(work, launch, id)?;
        }
    }
    let mut data = json!({ "version": env!("CARGO_PKG_VERSION") });
    // Only a store that was opened in the knowledge that it is a backup comes here with the mark.
    if let Some(made_at) = fact::get(work.tx, "backup_at")? {
        super::restored::restored(work, &made_at)?;
        data["restored_from"] = made_at.into();
    }
    work.record(EventType::DaemonStarted, Subject::default(), data)
}

/// Until the configuration is read, the hooks of the last one are told: what ends meanwhile is not forgotten.
fn recall_hooks(work: &mut Work<'_>) -> Result<(), StoreError> {
    let ids = fact::get(work.tx, "hooks")?.unwrap_or_default();
    let mut hooks = Vec::new();
    for id in ids.split_whitespace() {
        let id = HookId(id.parse().map_err(|error| StoreError::unreadable("fact `hooks`", error))?);
        hooks.push((id, work.cache.hook(work.tx, id)?));
    }
    work.session.hooks = hooks;
    Ok(())
}
