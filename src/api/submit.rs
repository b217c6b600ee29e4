//! Tasks that belong to no job: read strictly, all checked before one is handed over. What is wrong with any of them is
//! said at its line and column.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::body;
use super::commands::{replayed, unexpected};
use super::context::Shared;
use super::parameters::bad;
use super::problem::Refusal;
use crate::engine::{Answer, Command, NotBefore, Submission};
use crate::model::definition::job::{NotAName, is_name};
use crate::model::definition::{Action, Priority, Task, Value};
use crate::wire::ProblemDetails;
use crate::wire::code::Code;
use crate::wire::problem::Place;
use crate::wire::request::{MAX_SUBMITTED, Submitted, SubmittedTask};

/// So many wrong tasks are named; more help nobody.
const MAX_PLACES: usize = 50;

/// The body, whose tasks are read one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow)]
    tasks: Vec<&'a RawValue>,
}

pub(super) async fn submit(State(shared): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let sent = body::read(request, body::SUBMIT_LIMIT).await?;
    let submissions = submissions(&sent.text)?;
    let (answer, is_again) = shared.command(Command::Submit(submissions), sent.key).await?;
    let Answer::Submitted(ids) = answer else { return Err(unexpected(&answer)) };
    Ok(replayed(is_again, (StatusCode::CREATED, Json(Submitted { ids }))))
}

/// Every task of the body, or every problem in it.
fn submissions(text: &[u8]) -> Result<Vec<Submission>, Refusal> {
    let whole = std::str::from_utf8(text).map_err(|_| bad("the body is not UTF-8"))?;
    let Written { tasks } = serde_json::from_str(whole).map_err(|error| body::unreadable(text, &error))?;
    if tasks.is_empty() || tasks.len() > MAX_SUBMITTED {
        return Err(bad(format!("`tasks` holds 1 to {MAX_SUBMITTED} tasks, not {}", tasks.len())));
    }
    let (mut found, mut places) = (Vec::with_capacity(tasks.len()), Vec::new());
    for (index, task) in tasks.iter().enumerate() {
        match read_task(task.get()) {
            Ok(submission) => found.push(submission),
            Err(place) => {
                // A raw value is a part of the text, so its address says where in it.
                let before = &whole[..task.get().as_ptr().addr() - whole.as_ptr().addr()];
                places.push((index, within(before, place)));
            }
        }
    }
    let Some((index, first)) = places.first() else { return Ok(found) };
    let detail = format!("`tasks[{index}]`: {}", first.detail);
    Err(ProblemDetails::new(Code::BadRequest, detail)
        .at(places.into_iter().take(MAX_PLACES).map(|(_, place)| place))
        .into())
}

/// A place in a text that stands behind `before`.
fn within(before: &str, place: Place) -> Place {
    let n_lines = before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let column = if place.line == 1 { place.column.saturating_add(number(last)) } else { place.column };
    Place { line: place.line.saturating_add(number(n_lines)), column, ..place }
}

/// One task. All that knows which keys it may have is here.
fn read_task(text: &str) -> Result<Submission, Place> {
    let written: SubmittedTask = serde_json::from_str(text).map_err(|error| body::place(text.as_bytes(), &error))?;
    submission(written).map_err(|detail| Place { file: None, line: 1, column: 1, detail, hint: None })
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
    let texts = env.values().chain(&working_dir).chain(match &action {
        Action::Command(argv) => argv.as_slice(),
        Action::Shell(text) => std::slice::from_ref(text),
        _ => &[],
    });
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err("no process can be given a NUL byte".to_owned());
    }
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
        check(r#"{"command": ["a\u0000b"]}"#, Err("NUL"));
        check(r#"{"noop": true, "comand": []}"#, Err("unknown field `comand`"));
    }

    #[test]
    fn what_is_wrong_is_said_at_its_place() {
        let text = "{\"tasks\": [{\"noop\": true},\n  {\"noop\": false}, {\"nöp\": 1}]}";
        let Err(Refusal(problem)) = submissions(text.as_bytes()) else { panic!("it was taken") };
        let places: Vec<_> = problem.errors.iter().map(|place| (place.line, place.column)).collect();
        assert_eq!(places, [(2, 3), (2, 25)], "{problem:?}");
        assert!(problem.detail.starts_with("`tasks[1]`: exactly one of"), "{problem:?}");
        assert!(problem.errors[1].detail.contains("unknown field `nöp`"), "{problem:?}");
    }
}
