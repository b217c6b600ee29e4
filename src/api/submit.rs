//! Tasks that belong to no job: read by the rules of a job file, all checked before one is handed over. What is wrong with
//! any of them is said at its line and column in the body.

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
use crate::files;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;
use crate::wire::problem::Place;
use crate::wire::request::{MAX_SUBMITTED, Submitted};

/// So many problems are told; more help nobody.
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
    let (mut found, mut places): (Vec<Submission>, Vec<_>) = (Vec::with_capacity(tasks.len()), Vec::new());
    for (index, task) in tasks.iter().enumerate() {
        // Batches are mostly of one kind: what was read a moment ago means the same again.
        let is_again = index > 0 && places.is_empty() && tasks[index - 1].get() == task.get();
        if let Some(same) = found.last().filter(|_| is_again).cloned() {
            found.push(same);
            continue;
        }
        match files::read_submission(task.get().as_bytes()) {
            Ok(submission) => found.push(asked(submission)),
            Err(problems) => {
                // A raw value is a part of the text, so its address says where in it.
                let before = &whole[..task.get().as_ptr().addr() - whole.as_ptr().addr()];
                places.extend(problems.into_iter().map(|problem| (index, within(before, problem.into()))));
            }
        }
        if places.len() >= MAX_PLACES {
            break;
        }
    }
    let Some((index, first)) = places.first() else { return Ok(found) };
    let detail = format!("`tasks[{index}]`: {}", first.detail);
    let problem = ProblemDetails { hint: first.hint.clone(), ..ProblemDetails::new(Code::Invalid, detail) };
    Err(problem.at(places.into_iter().take(MAX_PLACES).map(|(_, place)| place)).into())
}

/// A place in a text that stands behind `before`.
fn within(before: &str, place: Place) -> Place {
    let n_lines = before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let column = if place.line == 1 { place.column.saturating_add(number(last)) } else { place.column };
    Place { file: None, line: place.line.saturating_add(number(n_lines)), column, ..place }
}

/// What the engine is to run. The reader has refused `at` beside `delay`.
fn asked(files::Submission { task, priority, at, delay }: files::Submission) -> Submission {
    Submission { task, priority, not_before: at.map(NotBefore::At).or(delay.map(NotBefore::In)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::Action;

    fn check(task: &str, expected: Result<Action, &str>) {
        let read = submissions(format!("{{\"tasks\": [{task}]}}").as_bytes());
        match (read, expected) {
            (Ok(mut found), Ok(expected)) => assert_eq!(found.remove(0).task.action, expected, "{task}"),
            (Err(Refusal(problem)), Err(expected)) => {
                assert!(problem.detail.contains(expected), "{task}: {problem:?}");
                assert!(problem.errors.iter().all(|place| place.file.is_none()), "{problem:?}");
            }
            (read, expected) => panic!("{task}: {read:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_task_is_of_exactly_one_kind_and_strictly_read() {
        check(r#"{"command": ["echo", "{{ hi }}"]}"#, Ok(Action::Command(vec!["echo".into(), "{{ hi }}".into()])));
        check(
            r#"{"shell": "true", "priority": 9, "timeout": "1m", "env": {"A": "b"}}"#,
            Ok(Action::Shell("true".into())),
        );
        check(r#"{"noop": true, "name": "x"}"#, Ok(Action::Noop));
        check("{}", Err("a task needs something to do"));
        check(r#"{"noop": false}"#, Err("`noop` must be `true`"));
        check(r#"{"noop": true, "shell": "true"}"#, Err("cannot both be given"));
        check(r#"{"command": []}"#, Err("`command` names no program"));
        check(r#"{"noop": true, "name": "A b"}"#, Err("is not a task's name"));
        check(r#"{"noop": true, "priority": 0}"#, Err("1 to 9"));
        check(r#"{"noop": true, "timeout": "0s"}"#, Err("longer than zero"));
        check(r#"{"noop": true, "timeout": "soon"}"#, Err("is not a duration"));
        check(r#"{"noop": true, "delay": "2h"}"#, Ok(Action::Noop));
        check(r#"{"noop": true, "at": "2027-01-01T00:00:00Z"}"#, Ok(Action::Noop));
        check(r#"{"noop": true, "at": "2027-01-01T00:00:00Z", "delay": "2h"}"#, Err("cannot both be given"));
        check(r#"{"noop": true, "at": "tomorrow"}"#, Err("is not a time"));
        check(r#"{"command": ["a\u0000b"]}"#, Err("NUL"));
        check(r#"{"noop": true, "comand": []}"#, Err("unknown key `comand`"));
        check("7", Err("must be an object"));
        check(r#"{"noop": true, "nice": 5, "limits": {"pids": 3, "cpu": 0.5}}"#, Ok(Action::Noop));
        check(r#"{"noop": true, "nice": -1}"#, Err("`nice` must be 0 to 19, found -1"));
        check(r#"{"noop": true, "user": "root"}"#, Err("unknown key `user` in a task"));
        check(r#"{"noop": true, "group": "root"}"#, Err("unknown key `group` in a task"));
        check(r#"{"noop": true, "limits": {"pids": 0}}"#, Err("`pids` must be 1 to 4194304"));
        check(
            r#"{"http": {"url": "http://example.com/"}, "limits": {"pids": 1}}"#,
            Err("`limits` has no meaning beside `http`"),
        );
    }

    #[test]
    fn who_submits_is_told_why_he_may_not_name_a_user() {
        let Err(Refusal(problem)) = submissions(br#"{"tasks": [{"shell": "id", "user": "root"}]}"#) else {
            panic!("it was taken")
        };
        assert_eq!(
            problem.errors[0].hint.as_deref(),
            Some("whom a task runs as is decided by who owns its file, and what is submitted has none")
        );
    }

    #[test]
    fn what_is_wrong_is_said_at_its_place() {
        let text = "{\"tasks\": [{\"noop\": true},\n  {\"noop\": false}, {\"noop\": true, \"nöp\": 1,\n\"at\": 5}]}";
        let Err(Refusal(problem)) = submissions(text.as_bytes()) else { panic!("it was taken") };
        let places: Vec<_> = problem.errors.iter().map(|place| (place.line, place.column)).collect();
        assert_eq!(places, [(2, 12), (2, 35), (3, 7)], "{problem:?}");
        assert_eq!(problem.detail, "`tasks[1]`: `noop` must be `true`");
        assert!(problem.errors[1].detail.contains("unknown key `nöp`"), "{problem:?}");
    }
}
