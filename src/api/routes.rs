//! Every address there is. `ROUTES` is what `docs/reference/api.md` prints; a test asks the router for each.

use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::context::Shared;
use super::{commands, events, hooks, jobs, logs, peer, problem, runs, status, stream, submit, tasks};

/// One address.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method it takes.
    pub method: Method,
    /// Its path below `/api/v1`.
    pub path: &'static str,
    /// What may stand behind its `?`, or in its body.
    pub takes: &'static str,
    /// What it answers.
    pub answers: &'static str,
}

const fn reads(path: &'static str, takes: &'static str, answers: &'static str) -> Route {
    Route { method: Method::GET, path, takes, answers }
}

const fn does(path: &'static str, takes: &'static str, answers: &'static str) -> Route {
    Route { method: Method::POST, path, takes, answers }
}

/// Every address.
pub const ROUTES: &[Route] = &[
    reads("/status", "", "the daemon in one object"),
    reads("/jobs", "`cursor`, `limit`", "a page of the jobs in force, by name"),
    reads("/jobs/{name}", "", "one job"),
    reads("/runs", "`job`, `state`, `since`, `until`, `tag`, `cursor`, `limit`", "a page of runs, newest first"),
    reads("/runs/{id}", "", "one run with its tasks"),
    reads("/runs/{id}/logs", "`task`, `attempt`, `follow`", "log lines, one JSON object a line"),
    reads("/tasks", "`run`, `state`, `cursor`, `limit`", "a page of tasks, newest first; those of one run in order"),
    reads("/tasks/{id}", "", "one task"),
    reads("/tasks/{id}/logs", "`attempt`, `follow`", "log lines, one JSON object a line"),
    reads("/events", "`after`, `run`, `job`, `type`, `limit`", "a page of events, oldest first"),
    reads("/events/stream", "`after` or `Last-Event-ID`, `run`, `job`, `type`", "events as they come (SSE)"),
    reads("/why", "`job`, `at`", "what became of a due time"),
    reads("/next", "`job`, `n`, `until`", "due times ahead, soonest first"),
    reads("/hooks", "", "the hooks in force: those of the configuration, then those of jobs"),
    reads("/deliveries", "`cursor`, `limit`", "a page of deliveries, newest first"),
    does("/jobs/{name}/runs", "`{at?, force?}`", "201: the run that was started"),
    does("/jobs/{name}/pause", "", "204"),
    does("/jobs/{name}/resume", "", "204"),
    does("/tasks", "`{tasks: [{command | shell | noop, …}]}`", "201: the ids of the runs, in order"),
    does("/submit", "`{tasks: [{command | shell | noop, …}]}`", "201: the ids of the runs, in order"),
    does("/runs/{id}/cancel", "", "204"),
    does("/tasks/{id}/cancel", "", "204"),
    does("/deliveries/{id}/retry", "", "204"),
    does("/pause", "", "204"),
    does("/resume", "", "204"),
    does("/reload", "", "what the reload changed"),
];

/// The router on what the daemon gave.
pub(super) fn router(shared: Shared) -> Router {
    let v1 = Router::new()
        .route("/status", get(status::status))
        .route("/why", get(status::why))
        .route("/next", get(status::next))
        .route("/hooks", get(hooks::list))
        .route("/deliveries", get(status::deliveries))
        .route("/deliveries/{id}/retry", post(commands::retry_delivery))
        .route("/jobs", get(jobs::page))
        .route("/jobs/{name}", get(jobs::one))
        .route("/jobs/{name}/runs", post(commands::start))
        .route("/jobs/{name}/pause", post(commands::pause_job))
        .route("/jobs/{name}/resume", post(commands::resume_job))
        .route("/runs", get(runs::page))
        .route("/runs/{id}", get(runs::one))
        .route("/runs/{id}/logs", get(logs::of_run))
        .route("/runs/{id}/cancel", post(commands::cancel_run))
        .route("/tasks", get(tasks::page).post(submit::submit))
        .route("/tasks/{id}", get(tasks::one))
        .route("/tasks/{id}/logs", get(logs::of_task))
        .route("/tasks/{id}/cancel", post(commands::cancel_task))
        .route("/events", get(events::page))
        .route("/events/stream", get(stream::events))
        .route("/submit", post(submit::submit))
        .route("/pause", post(commands::pause))
        .route("/resume", post(commands::resume))
        .route("/reload", post(commands::reload));
    Router::new()
        .nest("/api/v1", v1)
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .with_state(shared)
        .layer(middleware::from_fn(peer::admit))
        .layer(CatchPanicLayer::custom(problem::panicked))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn the_page_of_the_api_names_every_address() {
        let mut table = "| address | takes | answers |\n| --- | --- | --- |\n".to_owned();
        for Route { method, path, takes, answers } in ROUTES {
            writeln!(table, "| `{method} {path}` | {takes} | {answers} |").expect("because text takes text");
        }
        crate::pages::hold("docs/reference/api.md", &include_str!("page.txt").replace("{{ROUTES}}\n", &table));
    }
}
