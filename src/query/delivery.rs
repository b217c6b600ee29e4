//! Deliveries: pages of them, newest first.

use rusqlite::{Row, params};

use super::column::{at, maybe_at, unsigned};
use super::failure::Failure;
use super::find;
use super::job::readable;
use super::reader::Reader;
use super::run::{AFTER_ALL, cursor};
use super::task::next_cursor;
use crate::model::definition::{Hook, Target};
use crate::model::id::{DeliveryId, RunId};
use crate::model::refused::Refused;
use crate::wire::{Delivery, Page};

const PAGE: &str = "
SELECT d.id, h.body, d.event_seq, e.type, e.job, e.run_id, d.state, d.n_attempts, d.queued_at, d.ended_at, d.status,
       d.error
  FROM delivery d
  JOIN hook h ON h.id = d.hook_id
  LEFT JOIN event e ON e.seq = d.event_seq
 WHERE d.id < ?1
 ORDER BY d.id DESC LIMIT ?2";

/// One page of deliveries, newest first.
pub fn page(reader: &Reader, after: Option<&str>, limit: usize) -> Result<Page<Delivery>, Refused> {
    let after = cursor(after)?;
    reader.read(|tx| {
        let after = after.as_ref().map_or(AFTER_ALL, |id| id.as_slice());
        let mut statement = tx.prepare_cached(PAGE)?;
        let mut rows = statement.query(params![after, limit as i64 + 1])?;
        let (mut ids, mut items) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            ids.push(row.get(0)?);
            items.push(read(row)?);
        }
        items.truncate(limit);
        Ok(Page { items, next_cursor: next_cursor(&ids, limit) })
    })
}

fn read(row: &Row<'_>) -> Result<Delivery, Failure> {
    let hook: Hook = readable("a hook", &row.get::<_, String>(1)?)?;
    Ok(Delivery {
        id: DeliveryId::from_bytes(row.get(0)?),
        hook: shown(&hook),
        event_seq: unsigned(row, 2)?,
        event_type: row.get(3)?,
        job: row.get(4)?,
        run_id: row.get::<_, Option<[u8; 16]>>(5)?.map(RunId::from_bytes),
        state: row.get(6)?,
        attempt: unsigned(row, 7)?,
        queued_at: at(row, 8)?,
        ended_at: maybe_at(row, 9)?,
        status: row.get(10)?,
        error: row.get(11)?,
    })
}

/// The hook's name, or else what it calls. The path of a URL is often a secret in all but name and is left out.
pub(crate) fn shown(hook: &Hook) -> String {
    match (&hook.name, &hook.target) {
        (Some(name), _) => name.clone(),
        (None, Target::Shell(text)) => format!("shell {text}"),
        (None, Target::Command(argv)) => format!("command {}", argv.join(" ")),
        (None, Target::Webhook(webhook)) => {
            let url = webhook.url.shown();
            match url::Url::parse(&url) {
                Ok(parsed) => format!("webhook {}", parsed.origin().ascii_serialization()),
                Err(_) => format!("webhook {url}"),
            }
        }
    }
}

const EXISTS: &str = "SELECT 1 FROM delivery WHERE id = ?1";

const ENDING: &str = "SELECT id FROM delivery WHERE substr(hex(id), -length(?1)) = ?1 LIMIT 100";

/// The id of the delivery that `name` means: a whole id, or its end.
pub fn id(reader: &Reader, name: &str) -> Result<DeliveryId, Refused> {
    reader.read(|tx| find::by_end(tx, "delivery", name, (EXISTS, ENDING)).map(DeliveryId::from_bytes))
}
