//! Tasks that belong to no job: read strictly, all checked before one is handed over.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;

use super::body;
use super::commands::unexpected;
use super::context::Shared;
use super::parameters::bad;
use super::problem::Refusal;
use crate::engine::{Answer, Command, NotBefore, Submission};
use crate::model::definition::job::{NotAName, is_name};
use crate::model::definition::{Action, Priority, Task, Value};
use crate::wire::request::{MAX_SUBMITTED, Submit, Submitted, SubmittedTask};

pub(super) async fn submit(State(shared): State<Shared>, body: Body) -> Result<(StatusCode, Json<Submitted>), Refusal> {
    let Submit { tasks } = body::read(body, body::SUBMIT_LIMIT).await?;
    if tasks.is_empty() || tasks.len() > MAX_SUBMITTED {
        return Err(bad(format!("`tasks` holds 1 to {MAX_SUBMITTED} tasks, not {}", tasks.len())));
    }
    let read = |(index, task)| submission(task).map_err(|problem| bad(format!("`tasks[{index}]`: {problem}")));
    let submissions = tasks.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let answer = shared.command(Command::Submit(submissions)).await?;
    let Answer::Submitted(ids) = answer else { return Err(unexpected(&answer)) };
    Ok((StatusCode::CREATED, Json(Submitted { ids })))
}

/// What the engine is to run, or what is wrong with what was written.
fn submission(written: SubmittedTask) -> Result<Submission, String> {
    let SubmittedTask { name, command, shell, noop, priority, at, delay, timeout, env, working_dir } = written;
    let name = name.unwrap_or_else(|| "main".to_owned());
    if !is_name(&name) {
        return Err(NotAName(name).to_string());
    }
    let action = match (command, shell, noop) {
        (Some(argv), None, None) if !argv.is_empty() => Action::Command(argv),
        (Some(_), None, None) => return Err("`command` is empty".to_owned()),
        (None, Some(text), None) => Action::Shell(text),
        (None, None, Some(true)) => Action::Noop,
        _ => return Err("exactly one of `command`, `shell` and `noop = true` is needed".to_owned()),
    };
    let priority = match priority {
        None => Priority::default(),
        Some(number) => Priority::new(number).ok_or_else(|| format!("`priority` is 1 to 9, not {number}"))?,
    };
    if let Some(name) = env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        return Err(format!("`{name}` is no name of a variable"));
    }
    if timeout.is_some_and(|timeout| timeout.as_micros() == 0) {
        return Err("`timeout` is longer than nothing".to_owned());
    }
    let not_before = match (at, delay) {
        (None, None) => None,
        (Some(at), None) => Some(NotBefore::At(at)),
        (None, Some(delay)) => Some(NotBefore::In(delay)),
        (Some(_), Some(_)) => return Err("`at` and `delay` cannot both be given".to_owned()),
    };
    let mut task = Task::new(&name, action);
    // What is submitted is meant as it is: there is nothing that a template could name.
    task.raw = true;
    task.timeout = timeout;
    task.working_dir = working_dir;
    task.env = env.into_iter().map(|(name, value)| (name, Value::Plain(value))).collect();
    Ok(Submission { task, priority, not_before })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Action, &str>) {
        let written = serde_json::from_str(text).map_err(|error| error.to_string());
        let read = written.and_then(submission).map(|submission| submission.task.action);
        match (read, expected) {
            (Ok(action), Ok(expected)) => assert_eq!(action, expected, "{text}"),
            (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{text}: {problem}"),
            (read, expected) => panic!("{text}: {read:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_task_is_of_exactly_one_kind_and_strictly_read() {
        check(r#"{"command": ["echo", "hi"]}"#, Ok(Action::Command(vec!["echo".into(), "hi".into()])));
        check(
            r#"{"shell": "true", "priority": 9, "timeout": "1m", "env": {"A": "b"}}"#,
            Ok(Action::Shell("true".into())),
        );
        check(r#"{"noop": true, "name": "x"}"#, Ok(Action::Noop));
        check("{}", Err("exactly one of"));
        check(r#"{"noop": false}"#, Err("exactly one of"));
        check(r#"{"noop": true, "shell": "true"}"#, Err("exactly one of"));
        check(r#"{"command": []}"#, Err("empty"));
        check(r#"{"noop": true, "name": "A b"}"#, Err("is not a name"));
        check(r#"{"noop": true, "priority": 0}"#, Err("1 to 9"));
        check(r#"{"noop": true, "timeout": "0s"}"#, Err("longer than nothing"));
        check(r#"{"noop": true, "timeout": "soon"}"#, Err("is not a duration"));
        check(r#"{"noop": true, "env": {"A=B": ""}}"#, Err("no name of a variable"));
        check(r#"{"noop": true, "delay": "2h"}"#, Ok(Action::Noop));
        check(r#"{"noop": true, "at": "2027-01-01T00:00:00Z"}"#, Ok(Action::Noop));
        check(r#"{"noop": true, "at": "2027-01-01T00:00:00Z", "delay": "2h"}"#, Err("cannot both be given"));
        check(r#"{"noop": true, "at": "tomorrow"}"#, Err("is not a time"));
        check(r#"{"noop": true, "comand": []}"#, Err("unknown field `comand`"));
    }
}
