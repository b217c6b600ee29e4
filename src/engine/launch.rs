//! Describes the process or the request of an attempt, whole, from rows and definition: the same again whenever it is asked.

use std::collections::BTreeMap;

use super::values;
use super::work::{Run, Work};
use crate::model::call::Call;
use crate::model::definition::{Action, Task, Value};
use crate::model::id::Launch;
use crate::model::policy::param;
use crate::model::process::{Process, log_path};
use crate::store::task::TaskRow;
use crate::store::{StoreError, job};

/// What runs a `shell` text, unless the task or the text itself says otherwise.
const INTERPRETER: [&str; 2] = ["/bin/sh", "-c"];

/// The process of attempt `launch` of the task, which is as `values` has rendered it; nothing if the task needs none.
pub(crate) fn process(
    work: &mut Work<'_>,
    run: &Run,
    row: &TaskRow,
    task: &Task,
    launch: Launch,
) -> Result<Option<Process>, StoreError> {
    let mut script = None;
    let argv = match &task.action {
        Action::Shell(text) if text.starts_with("#!") => {
            script = Some(text.clone());
            Vec::new()
        }
        Action::Shell(text) if task.interpreter.is_empty() => {
            INTERPRETER.iter().map(|word| (*word).to_owned()).chain([text.clone()]).collect()
        }
        Action::Shell(text) => task.interpreter.iter().chain([text]).cloned().collect(),
        Action::Command(argv) => argv.clone(),
        Action::Noop | Action::Http(_) => return Ok(None),
    };
    let number = row.tries.n_attempts;
    let mut env = environment(work, run, row)?;
    env.extend(task.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(Some(Process {
        label: label(run, row),
        script,
        env,
        env_files: task.env_files.clone(),
        env_inherit: task.env_inherit.clone(),
        may_leave_outputs: true,
        umask: task.umask,
        user: task.user.clone(),
        group: task.group.clone(),
        nice: task.nice,
        limits: task.limits,
        stop: task.stop.clone(),
        stdin: task.stdin.clone(),
        working_dir: task.working_dir.clone(),
        timeout: task.timeout,
        kill_grace: task.kill_grace,
        leftovers: task.leftovers,
        max_output: task.max_output,
        ..Process::new(launch, argv, log_path(run.job.as_deref(), row.run_id, &row.name, u64::from(number)))
    }))
}

/// The request of attempt `launch` of the task, or nothing if the task makes none.
pub(crate) fn call(run: &Run, row: &TaskRow, task: &Task, launch: Launch) -> Option<Call> {
    let Action::Http(request) = &task.action else { return None };
    Some(Call {
        launch,
        label: label(run, row),
        request: (**request).clone(),
        idempotency_key: idempotency_key(row),
        timeout: task.timeout,
        max_output: task.max_output,
        log_path: log_path(run.job.as_deref(), row.run_id, &row.name, u64::from(row.tries.n_attempts)),
    })
}

fn label(run: &Run, row: &TaskRow) -> String {
    let owner = run.job.as_deref().unwrap_or("ad hoc");
    format!("{owner}, run {}, task {}, attempt {}", run.row.id.short(), row.name, row.tries.n_attempts)
}

/// The same for every attempt of the task.
fn idempotency_key(row: &TaskRow) -> String {
    format!("{}/{}", row.run_id, row.name)
}

/// What the definition that the run keeps says of the task.
pub(crate) fn definition_of<'r>(run: &'r Run, row: &TaskRow) -> Result<&'r Task, StoreError> {
    run.defined
        .job
        .tasks
        .get(row.ordinal)
        .ok_or_else(|| StoreError::unreadable(format!("task {}", row.id), "its definition has no such task"))
}

fn environment(work: &Work<'_>, run: &Run, row: &TaskRow) -> Result<BTreeMap<String, Value>, StoreError> {
    let previous = match run.row.job_id {
        Some(id) => job::get(work.tx, id)?.last_success_at,
        None => None,
    };
    let scheduled = values::scheduled_at(&run.row);
    let mut env = BTreeMap::new();
    for (name, value) in values::params(&run.row)? {
        env.insert(param::variable(&name), Value::Plain(param::as_text(&value)));
    }
    let mut set = |name: &str, value: String| drop(env.insert(format!("CAMPANILE_{name}"), Value::Plain(value)));
    set("JOB", run.job.as_deref().unwrap_or_default().to_owned());
    set("RUN_ID", row.run_id.to_string());
    set("TASK", row.name.clone());
    set("ATTEMPT", row.tries.n_attempts.to_string());
    set("CAUSE", run.row.cause.as_str().to_owned());
    set("SCHEDULED_AT", work.settings.zones.shown(scheduled, run.row.timezone.as_deref()));
    set("IDEMPOTENCY_KEY", idempotency_key(row));
    if let Some(at) = previous {
        set("PREV_SUCCESS_AT", at.to_string());
    }
    if let Some(socket) = &work.settings.socket {
        set("SOCKET", socket.clone());
    }
    Ok(env)
}
