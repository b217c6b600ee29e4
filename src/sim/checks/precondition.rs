//! A run whose precondition said no has done nothing, and its due time is said to have come to nothing: once, in the step in
//! which it ended. That nothing starts before the answer is a matter of the graph.

use rusqlite::Connection;

use crate::sim::world::{Broken, said};

const ENDED: &str = "
SELECT hex(run.id), run.cause, run.outcome,
       (SELECT count(*) FROM attempt JOIN task ON task.id = attempt.task_id
         WHERE task.run_id = run.id AND task.name <> 'precondition'),
       (SELECT count(*) FROM task WHERE task.run_id = run.id AND task.name = 'precondition'
           AND task.state = 'skipped' AND task.outcome = 'condition_false' AND task.exit_code <> 0),
       (SELECT count(*) FROM event AS told WHERE told.seq > ?1 AND told.type = 'occurrence.skipped'
           AND told.run_id = run.id AND json_extract(told.data, '$.reason') = 'condition')
  FROM event JOIN run ON run.id = event.run_id
 WHERE event.seq > ?1 AND event.type IN ('workflow.completed', 'workflow.failed', 'workflow.cancelled')";

/// Looks at the runs whose end was recorded after that event.
pub(super) fn check(connection: &Connection, after: i64) -> Result<(), Broken> {
    let mut statement = connection.prepare_cached(ENDED).map_err(said)?;
    let mut rows = statement.query([after]).map_err(said)?;
    while let Some(row) = rows.next().map_err(said)? {
        let (run, cause): (String, String) = (row.get(0).map_err(said)?, row.get(1).map_err(said)?);
        let outcome: Option<String> = row.get(2).map_err(said)?;
        let [n_begun, n_no, n_told]: [i64; 3] =
            [row.get(3).map_err(said)?, row.get(4).map_err(said)?, row.get(5).map_err(said)?];
        let is_false = outcome.as_deref() == Some("condition_false");
        let is_right = match is_false {
            true => n_begun == 0 && n_no == 1 && n_told == i64::from(cause == "occurrence"),
            false => n_no == 0 && n_told == 0,
        };
        if !is_right {
            return Err(format!(
                "run {run} ({cause}) ended with outcome {outcome:?}: {n_begun} attempts of other tasks, {n_no} answers no, \
                 {n_told} events of its due time"
            ));
        }
    }
    Ok(())
}
