//! A process starts with values and never with a template, and the values are those of its run: what an argument
//! `saw:TASK=VALUE` says was the task's output is what the store has, and so is what `PARAM_N` says.

use rusqlite::OptionalExtension;

use super::Checks;
use crate::model::definition::Value;
use crate::model::process::Process;
use crate::sim::world::{Broken, said};
use crate::store::Store;

const SEEN: &str = "
SELECT coalesce(json_extract(outputs, '$.n'), '-') FROM task
 WHERE hex(run_id) = ?1 AND name = ?2 AND state = 'completed'";
const PARAM: &str = "SELECT json_extract(params, '$.n') FROM run WHERE hex(id) = ?1";

impl Checks {
    /// A process is about to be started.
    pub(in crate::sim) fn starts(&self, store: &Store, process: &Process) -> Result<(), Broken> {
        if self.is_poisoned {
            return Ok(());
        }
        let plain = |name: &str| match process.env.get(name) {
            Some(Value::Plain(text)) => Some(text.as_str()),
            Some(Value::Secret(_)) | None => None,
        };
        let run = plain("CAMPANILE_RUN_ID").unwrap_or_default().replace('-', "").to_uppercase();
        let launch = process.launch;
        for text in process.argv.iter().map(String::as_str).chain(process.env.keys().filter_map(|name| plain(name))) {
            if text.contains("{{") {
                return Err(format!("launch {launch} starts with the template `{text}`"));
            }
        }
        let connection = store.connection();
        for (task, seen) in process.argv.iter().filter_map(|text| text.strip_prefix("saw:")?.split_once('=')) {
            let mut statement = connection.prepare_cached(SEEN).map_err(said)?;
            let left: Option<String> =
                statement.query_row([run.as_str(), task], |row| row.get(0)).optional().map_err(said)?;
            if left.as_deref() != Some(seen) {
                return Err(format!("launch {launch} saw `{seen}` of task `{task}`, which left {left:?}"));
            }
        }
        if let Some(given) = plain("PARAM_N") {
            let mut statement = connection.prepare_cached(PARAM).map_err(said)?;
            let kept: Option<i64> =
                statement.query_row([run.as_str()], |row| row.get(0)).optional().map_err(said)?.flatten();
            if kept.map(|n| n.to_string()).as_deref() != Some(given) {
                return Err(format!("launch {launch} has the parameter {given}, and its run has {kept:?}"));
            }
        }
        Ok(())
    }
}
