//! Every address there is: one table, from which the router, `docs/reference/api.md` and the OpenAPI document are made.
//! A new address is a line here and a handler.

use std::sync::LazyLock;

use axum::Router;
use axum::middleware;
use axum::routing::{delete as on_delete, get, post, put as on_put};
use tower_http::catch_panic::CatchPanicLayer;

use super::context::Shared;
use super::route::{does, reads, removes, sets};
use super::{
    backfills, commands, events, health, hooks, jobs, logs, openapi, peer, problem, put, runs, status, stream, submit,
    tasks,
};
use crate::wire::backfill::{Backfill, Backfilled};
use crate::wire::code::Code;
use crate::wire::request::{Pause, Put, Reloaded, Resume, Skip, Start, StartBackfill, Started, Submit, Submitted};
use crate::wire::{Delivery, Effective, Event, Hook, Job, LogLine, Next, Page, Run, Status, Task, Why};

pub use super::route::Route;

const NOT_FOUND: &[Code] = &[Code::NotFound, Code::Ambiguous];
const ENDED: &[Code] = &[Code::RunAlreadyEnded, Code::TaskAlreadyEnded];

/// Every address.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        // table
        reads("/api/v1/status", "get_status", "the daemon in one object", || get(status::status)).gives::<Status>(),
        reads("/api/v1/jobs", "list_jobs", "the jobs in force, by name", || get(jobs::page))
            .query::<jobs::Asked>()
            .gives::<Page<Job>>(),
        reads("/api/v1/jobs/{name}", "get_job", "one job", || get(jobs::one)).gives::<Job>(),
        sets("/api/v1/jobs/{name}", "put_job", "the job, written to a file and loaded", || on_put(put::put))
            .file()
            .makes::<Put>()
            .refuses(&[Code::Invalid, Code::DefinedElsewhere]),
        removes("/api/v1/jobs/{name}", "delete_job", "the job that was put is taken away again", || {
            on_delete(put::delete)
        })
        .gives::<Put>()
        .refuses(&[Code::DefinedElsewhere]),
        reads("/api/v1/jobs/{name}/effective", "get_effective_job", "each key, and where it is written", || {
            get(jobs::effective)
        })
        .gives::<Effective>(),
        does("/api/v1/jobs/{name}/runs", "start_job", "the run that was started", || post(commands::start))
            .keyed()
            .body::<Start>()
            .makes::<Started>()
            .refuses(&[Code::NotAdmitted, Code::JobRetired, Code::InvalidParams]),
        does("/api/v1/jobs/{name}/pause", "pause_job", "nothing of the job starts", || post(commands::pause_job))
            .keyed()
            .body::<Pause>()
            .refuses(&[Code::Already, Code::JobRetired]),
        does("/api/v1/jobs/{name}/resume", "resume_job", "the job starts again", || post(commands::resume_job))
            .keyed()
            .body::<Resume>()
            .refuses(&[Code::Already, Code::JobRetired]),
        does("/api/v1/jobs/{name}/skips", "skip_due_time", "the due time will not start", || post(commands::skip))
            .keyed()
            .body::<Skip>()
            .refuses(&[Code::Already, Code::JobRetired, Code::NotDue]),
        does("/api/v1/jobs/{name}/backfill", "start_backfill", "due times of the past are run, or would be", || {
            post(backfills::start)
        })
        .keyed()
        .body::<StartBackfill>()
        .gives::<Backfilled>()
        .refuses(&[Code::JobRetired, Code::NotBackfilled]),
        reads("/api/v1/backfills", "list_backfills", "backfills, newest first", || get(backfills::page))
            .query::<backfills::Asked>()
            .gives::<Page<Backfill>>()
            .refuses(NOT_FOUND),
        reads("/api/v1/backfills/{id}", "get_backfill", "one backfill", || get(backfills::one)).gives::<Backfill>(),
        does("/api/v1/backfills/{id}/cancel", "cancel_backfill", "no more of it starts, and its runs end", || {
            post(backfills::cancel)
        })
        .keyed()
        .refuses(&[Code::BackfillAlreadyEnded]),
        reads("/api/v1/runs", "list_runs", "runs, newest first", || get(runs::page))
            .query::<runs::Asked>()
            .gives::<Page<Run>>()
            .refuses(NOT_FOUND),
        reads("/api/v1/runs/{id}", "get_run", "one run with its tasks", || get(runs::one)).gives::<Run>(),
        reads("/api/v1/runs/{id}/logs", "get_run_logs", "its log lines, one JSON object a line", || get(logs::of_run))
            .query::<logs::AskedRun>()
            .lines::<LogLine>()
            .refuses(&[Code::Busy]),
        does("/api/v1/runs/{id}/cancel", "cancel_run", "it ends when its processes are gone", || {
            post(commands::cancel_run)
        })
        .keyed()
        .refuses(ENDED),
        reads("/api/v1/tasks", "list_tasks", "tasks, newest first; those of one run in order, all of them", || {
            get(tasks::page)
        })
        .query::<tasks::Asked>()
        .gives::<Page<Task>>()
        .refuses(NOT_FOUND),
        does("/api/v1/tasks", "submit_tasks", "the runs of the tasks, in their order", || post(submit::submit))
            .keyed()
            .body::<Submit>()
            .makes::<Submitted>()
            .refuses(&[Code::Invalid]),
        reads("/api/v1/tasks/{id}", "get_task", "one task", || get(tasks::one)).gives::<Task>(),
        reads("/api/v1/tasks/{id}/logs", "get_task_logs", "its log lines, one JSON object a line", || {
            get(logs::of_task)
        })
        .query::<logs::AskedTask>()
        .lines::<LogLine>()
        .refuses(&[Code::Busy]),
        does("/api/v1/tasks/{id}/cancel", "cancel_task", "it ends when its process is gone", || {
            post(commands::cancel_task)
        })
        .keyed()
        .refuses(&[Code::TaskAlreadyEnded, Code::RunAlreadyEnded, Code::Transition]),
        reads("/api/v1/events", "list_events", "events, oldest first", || get(events::page))
            .query::<events::Asked>()
            .gives::<Page<Event>>()
            .refuses(&[Code::NotFound, Code::Ambiguous, Code::Pruned, Code::Busy]),
        reads("/api/v1/events/stream", "follow_events", "events as they come (Server-Sent Events)", || {
            get(stream::events)
        })
        .query::<stream::Asked>()
        .events::<Event>()
        .refuses(&[Code::NotFound, Code::Ambiguous, Code::Pruned, Code::Busy]),
        reads("/api/v1/why", "get_why", "what became of a due time", || get(status::why))
            .query::<status::AskedWhy>()
            .gives::<Why>()
            .refuses(NOT_FOUND),
        reads("/api/v1/next", "list_next", "due times ahead, soonest first", || get(status::next))
            .query::<status::AskedNext>()
            .gives::<Page<Next>>()
            .refuses(NOT_FOUND),
        reads("/api/v1/hooks", "list_hooks", "the hooks in force: the configuration's, then those of jobs", || {
            get(hooks::list)
        })
        .gives::<Page<Hook>>(),
        reads("/api/v1/deliveries", "list_deliveries", "deliveries, newest first", || get(status::deliveries))
            .query::<status::AskedDeliveries>()
            .gives::<Page<Delivery>>(),
        does("/api/v1/deliveries/{id}/retry", "retry_delivery", "it is tried again", || post(commands::retry_delivery))
            .keyed()
            .refuses(&[Code::Transition]),
        does("/api/v1/pause", "pause_all", "nothing starts", || post(commands::pause))
            .keyed()
            .body::<Pause>()
            .refuses(&[Code::Already]),
        does("/api/v1/resume", "resume_all", "things start again", || post(commands::resume))
            .keyed()
            .body::<Resume>()
            .refuses(&[Code::Already]),
        does("/api/v1/reload", "reload", "what the reload changed", || post(commands::reload)).gives::<Reloaded>(),
        reads("/api/v1/openapi.json", "get_openapi", "this, for programs (OpenAPI 3.1)", || get(openapi::served))
            .gives::<serde_json::Map<String, serde_json::Value>>(),
        reads("/livez", "livez", "the age of the engine's last step", || get(health::livez))
            .text("text/plain; charset=utf-8")
            .refuses(&[Code::NotReady])
            .open(),
        reads("/readyz", "readyz", "whether it is loaded and not stopping", || get(health::readyz))
            .query::<health::Asked>()
            .text("text/plain; charset=utf-8")
            .refuses(&[Code::NotReady])
            .open(),
        reads("/metrics", "metrics", "metrics for Prometheus (OpenMetrics)", || get(health::metrics))
            .text(health::OPEN_METRICS),
    ]
});

/// The router on what the daemon gave.
pub(super) fn router(shared: Shared) -> Router {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| router.route(route.path, (route.handler)()));
    routes
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .with_state(shared)
        .layer(middleware::from_fn(peer::admit))
        .layer(CatchPanicLayer::custom(problem::panicked))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write;

    use super::*;
    use crate::api::route::Gives;

    #[test]
    fn every_address_has_a_name_of_its_own() {
        let ids: HashSet<_> = ROUTES.iter().map(|route| route.id).collect();
        let addresses: HashSet<_> = ROUTES.iter().map(|route| (route.method.clone(), route.path)).collect();
        assert_eq!((ids.len(), addresses.len()), (ROUTES.len(), ROUTES.len()));
    }

    #[test]
    fn the_page_of_the_api_names_every_address() {
        let document = openapi::document();
        let mut table = "| address | takes | answers |\n| --- | --- | --- |\n".to_owned();
        for route in ROUTES.iter() {
            let (method, path) = (route.method.as_str(), route.path);
            let operation = &document["paths"][path][method.to_lowercase()];
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let mut takes: Vec<String> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .filter_map(|parameter| parameter["name"].as_str().map(|name| format!("`{name}`")))
                .collect();
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            takes.extend(body.as_str().and_then(|name| name.rsplit('/').next()).map(|name| format!("a `{name}`")));
            let given = match route.gives {
                Gives::Nothing => "204: ",
                Gives::Json(201, _) => "201: ",
                Gives::Json(..) | Gives::Lines(_) | Gives::Events(_) | Gives::Text(_) => "",
            };
            let path = path.strip_prefix("/api/v1").unwrap_or(path);
            writeln!(table, "| `{method} {path}` | {} | {given}{} |", takes.join(", "), route.answers)
                .expect("because text takes text");
        }
        crate::pages::hold("docs/reference/api.md", &include_str!("page.txt").replace("{{ROUTES}}\n", &table));
    }
}
