//! The hooks in force: those of the configuration, in its order, then those of each job, by name.

use rusqlite::{OptionalExtension, Transaction};

use super::delivery::shown;
use super::failure::Failure;
use super::job::readable;
use super::reader::Reader;
use crate::model::definition::{self, Target};
use crate::model::refused::Refused;
use crate::wire::Hook;

const OF_CONFIGURATION: &str = "SELECT value FROM fact WHERE name = 'hooks'";

const BODY: &str = "SELECT body FROM hook WHERE id = ?1";

const OF_JOBS: &str = "
SELECT j.name, d.body
  FROM job j
  JOIN definition d ON d.id = j.definition_id
 WHERE j.retired_at IS NULL AND json_array_length(d.body, '$.definition.hooks') > 0
 ORDER BY j.name";

/// All of them.
pub fn list(reader: &Reader) -> Result<Vec<Hook>, Refused> {
    reader.read(|tx| {
        let mut hooks = of_configuration(tx)?;
        let mut statement = tx.prepare_cached(OF_JOBS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let job: String = row.get(0)?;
            let defined: definition::Job = readable(&job, row.get_ref(1)?.as_str().unwrap_or_default())?;
            hooks.extend(defined.hooks.iter().map(|hook| of(hook, Some(&job))));
        }
        Ok(hooks)
    })
}

fn of_configuration(tx: &Transaction<'_>) -> Result<Vec<Hook>, Failure> {
    let ids: Option<String> = tx.prepare_cached(OF_CONFIGURATION)?.query_row([], |row| row.get(0)).optional()?;
    let mut statement = tx.prepare_cached(BODY)?;
    let mut hooks = Vec::new();
    for id in ids.unwrap_or_default().split_whitespace() {
        let body: String = statement.query_row([id], |row| row.get(0))?;
        hooks.push(of(&readable("a hook", &body)?, None));
    }
    Ok(hooks)
}

fn of(hook: &definition::Hook, job: Option<&str>) -> Hook {
    Hook {
        name: shown(hook),
        job: job.map(str::to_owned),
        on: hook.on.clone(),
        jobs: hook.jobs.clone(),
        kind: match &hook.target {
            Target::Shell(_) => "shell",
            Target::Command(_) => "command",
            Target::Webhook(_) => "webhook",
        }
        .to_owned(),
        timeout: hook.timeout.to_string(),
        max_attempts: hook.max_attempts,
    }
}
