//! The values of a run: its parameters from when it is made, its tasks' texts when they are claimed, its outputs when it
//! ends. All of it is derived from rows, so that what is rendered again is the same again; texts that are no templates are
//! handed on untouched and cost nothing.
//!
//! What cannot be rendered is not the store's failure but the definition's: it is an `Err` within the result, in words
//! for whoever wrote it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use super::precondition;
use super::work::{Run, Work};
use crate::model::definition::{Action, Body, Http, Job, Task, Value};
use crate::model::policy::param;
use crate::model::template::{Finished, RunFacts, Templates, Values, is_template};
use crate::model::timestamp::Timestamp;
use crate::store::run::RunRow;
use crate::store::task::{Left, TaskRow};
use crate::store::{StoreError, task};

/// The longest argument or variable that Linux takes, its closing NUL not counted (`MAX_ARG_STRLEN`).
const MAX_ARGUMENT: usize = 131_071;

/// The time that the run is about: its due time, what somebody asked for, or else when it was asked for.
pub(crate) fn scheduled_at(row: &RunRow) -> Timestamp {
    // What belongs to no job has no time but its start.
    let started_at = row.started_at.filter(|_| row.job_id.is_none());
    row.scheduled_at.or(started_at).unwrap_or(row.queued_at)
}

fn zoned(work: &Work<'_>, row: &RunRow) -> Zoned {
    let zone = row.timezone.as_deref().and_then(|name| work.settings.zones.get(name)).unwrap_or(TimeZone::UTC);
    let instant = jiff::Timestamp::from_microsecond(scheduled_at(row).as_micros());
    instant.expect("because a Timestamp is held within year 0 to 9999").to_zoned(zone)
}

fn facts<'a>(row: &RunRow, job: Option<&'a str>, attempt: Option<u32>) -> RunFacts<'a> {
    RunFacts {
        id: row.id.to_string(),
        job: job.unwrap_or_default(),
        number: row.number.and_then(|number| u64::try_from(number).ok()),
        cause: row.cause.as_str(),
        attempt,
    }
}

/// JSON of the values that a new run begins with: what is given, which has been accepted, and the defaults. One whose
/// default has no value is left out; `missing` says so when the run's first task is claimed.
pub(crate) fn begin(
    work: &mut Work<'_>,
    job: &Job,
    row: &RunRow,
    name: Option<&str>,
    given: &Map<String, Json>,
) -> Option<String> {
    if job.params.is_empty() {
        return None;
    }
    let mut values = Map::new();
    for param in &job.params {
        let value = match (given.get(&param.name), &param.default) {
            (Some(given), _) => Ok(given.clone()),
            (None, Some(Json::String(text))) if is_template(text) => rendered_default(work, row, name, param, text),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => continue,
        };
        if let Ok(value) = value {
            values.insert(param.name.clone(), value);
        }
    }
    Some(Json::Object(values).to_string())
}

fn rendered_default(
    work: &mut Work<'_>,
    row: &RunRow,
    name: Option<&str>,
    param: &crate::model::definition::Param,
    text: &str,
) -> Result<Json, String> {
    let values = Values::new(&Map::new(), &facts(row, name, None), zoned(work, row), &[]);
    let rendered = work.cache.templates.render(text, &values)?;
    param::read(param, &Json::from(rendered), &mut work.cache.expressions)
}

/// The run's parameters.
pub(crate) fn params(row: &RunRow) -> Result<Map<String, Json>, StoreError> {
    match &row.params {
        None => Ok(Map::new()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| StoreError::unreadable(format!("the parameters of run {}", row.id), error)),
    }
}

/// The first parameter that has no value, and why.
fn missing(work: &mut Work<'_>, run: &Run, values: &Map<String, Json>) -> Option<String> {
    let param = run.defined.job.params.iter().find(|param| !values.contains_key(&param.name))?;
    let why = match &param.default {
        Some(Json::String(text)) => rendered_default(work, &run.row, run.job.as_deref(), param, text).err(),
        Some(_) | None => None,
    };
    let why = why.unwrap_or_else(|| "it was not given".to_owned());
    Some(format!("parameter `{}` has no value: {why}", param.name))
}

/// The task as its next attempt is to do it, every template in it rendered; or why it cannot be done.
pub(crate) fn task<'r>(
    work: &mut Work<'_>,
    run: &'r Run,
    definition: &'r Task,
    row: &TaskRow,
) -> Result<Result<Cow<'r, Task>, String>, StoreError> {
    if !run.defined.job.params.is_empty() {
        let given = params(&run.row)?;
        if let Some(why) = missing(work, run, &given) {
            return Ok(Err(why));
        }
    }
    if definition.after.is_empty()
        && let Some(why) = precondition::fault(work, run)?
    {
        return Ok(Err(why));
    }
    if definition.raw || !any_text(definition, is_template) {
        return Ok(Ok(Cow::Borrowed(definition)));
    }
    let named = named(&run.defined.job, |wanted| any_text(definition, wanted));
    let left = task::left(work.tx, run.row.id, &named)?;
    let known = known(work, run, Some(row.tries.n_attempts), &left)?;
    let mut rendered = definition.clone();
    let done = each_text(&mut rendered, &mut |key, text| {
        if is_template(text) {
            *text = work.cache.templates.render(text, &known).map_err(|why| format!("`{key}`: {why}"))?;
        }
        Ok(())
    });
    Ok(done.and_then(|()| fits(&rendered)).map(|()| Cow::Owned(rendered)))
}

/// The places of the tasks that templates may name, seen by their texts alone: a template says which tasks it means
/// (`template::check`), so that a run of many large outputs is not read for each of its tasks.
fn named(job: &Job, any: impl Fn(&dyn Fn(&str) -> bool) -> bool) -> Vec<usize> {
    if !any(&|text| is_template(text) && text.contains("tasks")) {
        return Vec::new();
    }
    let is_named = |name: &str| any(&|text| is_template(text) && text.contains(name));
    job.tasks.iter().enumerate().filter(|(_, task)| is_named(&task.name)).map(|(ordinal, _)| ordinal).collect()
}

/// Everything that the run's templates may name now. Of the tasks that is what has ended: those that a task comes after
/// certainly have, and no other may be named.
fn known(work: &Work<'_>, run: &Run, attempt: Option<u32>, left: &[Left]) -> Result<Values, StoreError> {
    let mut tasks = Vec::with_capacity(left.len());
    for task in left {
        let outputs = match &task.outputs {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| StoreError::unreadable(format!("the outputs of task `{}`", task.name), error))?,
            None => Map::new(),
        };
        let output = task.output.as_deref().unwrap_or_default();
        tasks.push(Finished { name: &task.name, state: &task.state, exit_code: task.exit_code, output, outputs });
    }
    let facts = facts(&run.row, run.job.as_deref(), attempt);
    Ok(Values::new(&params(&run.row)?, &facts, zoned(work, &run.row), &tasks))
}

/// What is known of a run when it is made.
pub(crate) fn at_birth(work: &Work<'_>, row: &RunRow, job: Option<&str>) -> Result<Values, StoreError> {
    Ok(Values::new(&params(row)?, &facts(row, job, None), zoned(work, row), &[]))
}

/// Whether any text of the task that may be a template is `wanted`.
fn any_text(task: &Task, wanted: impl Fn(&str) -> bool) -> bool {
    let plain = |value: &Value| matches!(value, Value::Plain(text) if wanted(text));
    let action = match &task.action {
        Action::Command(argv) => argv.iter().any(|text| wanted(text)),
        Action::Http(http) => {
            let body = match &http.body {
                Some(Body::Text(text)) => wanted(text),
                Some(Body::Json(json)) => any_of_json(json, &wanted),
                None => false,
            };
            body || plain(&http.url) || http.headers.values().any(plain)
        }
        Action::Shell(_) | Action::Noop => false,
    };
    action || task.env.values().any(plain) || task.stop.iter().flat_map(|stop| &stop.command).any(|text| wanted(text))
}

fn any_of_json(json: &Json, wanted: &impl Fn(&str) -> bool) -> bool {
    match json {
        Json::String(text) => wanted(text),
        Json::Array(items) => items.iter().any(|item| any_of_json(item, wanted)),
        Json::Object(fields) => fields.values().any(|value| any_of_json(value, wanted)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

type Change<'c> = dyn FnMut(&str, &mut String) -> Result<(), String> + 'c;

/// Changes each text of the task that may be a template, under the name of its key.
fn each_text(task: &mut Task, change: &mut Change<'_>) -> Result<(), String> {
    match &mut task.action {
        Action::Command(argv) => elements("command", argv, change)?,
        Action::Http(http) => each_of_http(http, change)?,
        Action::Shell(_) | Action::Noop => {}
    }
    for (name, value) in &mut task.env {
        plain(&format!("env.{name}"), value, change)?;
    }
    match &mut task.stop {
        Some(stop) => elements("stop.command", &mut stop.command, change),
        None => Ok(()),
    }
}

fn elements(key: &str, argv: &mut [String], change: &mut Change<'_>) -> Result<(), String> {
    argv.iter_mut().enumerate().try_for_each(|(index, text)| change(&format!("{key}[{index}]"), text))
}

fn plain(key: &str, value: &mut Value, change: &mut Change<'_>) -> Result<(), String> {
    match value {
        Value::Plain(text) => change(key, text),
        Value::Secret(_) => Ok(()),
    }
}

fn each_of_http(http: &mut Http, change: &mut Change<'_>) -> Result<(), String> {
    plain("http.url", &mut http.url, change)?;
    for (name, value) in &mut http.headers {
        plain(&format!("http.headers.{name}"), value, change)?;
    }
    match &mut http.body {
        Some(Body::Text(text)) => change("http.body", text),
        Some(Body::Json(json)) => each_of_json("http.json", json, change),
        None => Ok(()),
    }
}

fn each_of_json(key: &str, json: &mut Json, change: &mut Change<'_>) -> Result<(), String> {
    match json {
        Json::String(text) => change(key, text),
        Json::Array(items) => items.iter_mut().try_for_each(|item| each_of_json(key, item, change)),
        Json::Object(fields) => {
            fields.iter_mut().try_for_each(|(name, value)| each_of_json(&format!("{key}.{name}"), value, change))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}

/// Whether the kernel takes what was rendered.
fn fits(task: &Task) -> Result<(), String> {
    let fit = |key: String, text: &str, n_more: usize| {
        if text.contains('\0') {
            return Err(format!("`{key}` holds a NUL byte, which no process can be given"));
        }
        if text.len() + n_more > MAX_ARGUMENT {
            return Err(format!("`{key}` is longer than the {MAX_ARGUMENT} bytes that the kernel takes at once"));
        }
        Ok(())
    };
    if let Action::Command(argv) = &task.action {
        for (index, text) in argv.iter().enumerate() {
            fit(format!("command[{index}]"), text, 0)?;
        }
        if argv.first().is_some_and(|program| program.trim().is_empty()) {
            return Err("`command[0]` names no program".to_owned());
        }
    }
    for (name, value) in &task.env {
        if let Value::Plain(text) = value {
            fit(format!("env.{name}"), text, name.len() + 1)?;
        }
    }
    Ok(())
}

/// JSON of the named values that a completed run leaves, or why it has none.
pub(crate) fn outputs(work: &mut Work<'_>, run: &Run) -> Result<Result<String, String>, StoreError> {
    let named = named(&run.defined.job, |wanted| run.defined.job.outputs.values().any(|text| wanted(text)));
    let left = task::left(work.tx, run.row.id, &named)?;
    let known = known(work, run, None, &left)?;
    Ok(render_all(&mut work.cache.templates, &run.defined.job.outputs, &known))
}

fn render_all(templates: &mut Templates, outputs: &BTreeMap<String, String>, known: &Values) -> Result<String, String> {
    let mut rendered = Map::new();
    for (name, text) in outputs {
        let value = templates.render(text, known).map_err(|why| format!("output `{name}`: {why}"))?;
        rendered.insert(name.clone(), Json::from(value));
    }
    Ok(Json::Object(rendered).to_string())
}

/// The place of the only task that nothing comes after; nothing if there are several.
pub(crate) fn last_task(job: &Job) -> Option<usize> {
    let awaited: std::collections::HashSet<&str> =
        job.tasks.iter().flat_map(|task| task.after.iter().map(String::as_str)).collect();
    let mut last = (0..job.tasks.len()).filter(|at| !awaited.contains(job.tasks[*at].name.as_str()));
    let only = last.next();
    if last.next().is_some() { None } else { only }
}
