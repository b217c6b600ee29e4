//! How long each question takes when there is much history: a store with a million ended runs (`CAMPANILE_HISTORY_RUNS` for
//! another number), asked through the same reader as the daemon's surface. `cargo bench --bench history`.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock and its environment")]
#![allow(clippy::print_stdout, reason = "a benchmark prints what it finds")]
#![allow(missing_docs, reason = "a benchmark has no readers of its parts")]

use std::time::Instant;

use campanile::model::definition::{Action, Job, Schedule, Task, Timing, canonical};
use campanile::model::id::RunId;
use campanile::model::refused::Refused;
use campanile::model::timestamp::Timestamp;
use campanile::query::{self, Reader};
use campanile::store::{Store, Synchronous};
use campanile::tzdb::Tzdb;
use rusqlite::{Connection, params};

/// 2026-01-01T00:00:00Z, and a run every half minute from then on.
const BEGIN: i64 = 1_767_225_600_000_000;
const APART: i64 = 30_000_000;
const N_JOBS: i64 = 100;
/// Each question is asked so often; the slowest of them counts too.
const N_TIMES: usize = 20;
/// The bar, in milliseconds.
const BAR: f64 = 15.0;

fn main() {
    let n: i64 = std::env::var("CAMPANILE_HISTORY_RUNS").map_or(1_000_000, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("campanile.db");
    drop(Store::open(&path, Synchronous::Normal).unwrap());
    let began = Instant::now();
    fill(&Connection::open(&path).unwrap(), n);
    println!("{n} runs of {N_JOBS} jobs in {:.0} s\n", began.elapsed().as_secs_f64());
    let reader = Reader::open(&path).unwrap();
    let zones = Tzdb::bundled();
    let (old, new) = (id(0, n / 3), id(0, n - 2));
    let task = campanile::model::id::TaskId::from_bytes(*id(0x40, n / 3).as_bytes()).to_string();
    let at = Timestamp::from_micros(BEGIN + n / 2 * APART);
    let runs = |change: &dyn Fn(&mut query::run::Filter)| {
        let mut filter = query::run::Filter { limit: 50, ..query::run::Filter::default() };
        change(&mut filter);
        query::run::page(&reader, &filter, None).map(drop)
    };
    let tasks = |state: Option<&str>, run: Option<&str>| {
        let state = state.map(str::to_owned);
        let run = run.map(str::to_owned);
        query::task::page(&reader, &query::task::Filter { run, state, cursor: None, limit: 50 }, None).map(drop)
    };
    let next = |job: Option<&str>| {
        let asked = query::next::Asked { job: job.map(str::to_owned), n: 10, until: None };
        query::next::next(&reader, &zones, &asked).map(drop)
    };
    let events = query::event::Filter::default();
    let log = query::log::Of::Run { name: old.to_string(), task: None };
    let word = |word: &str| Some(word.to_owned());
    println!("| question | median ms | slowest ms |\n| --- | --- | --- |");
    let slow = [
        ask("status", || query::status::standing(&reader).map(drop)),
        ask("jobs, the first 50", || query::job::page(&reader, None, 50).map(drop)),
        ask("job NAME", || query::job::one(&reader, "job-7").map(drop)),
        ask("runs", || runs(&|_| {})),
        ask("runs of one job", || runs(&|filter| filter.job = word("job-7"))),
        ask("runs that failed", || runs(&|filter| filter.state = word("failed"))),
        ask("runs of one job that were cancelled (none)", || {
            runs(&|filter| (filter.job, filter.state) = (word("job-7"), word("cancelled")))
        }),
        ask("runs that are pending (none)", || runs(&|filter| filter.state = word("pending"))),
        ask("runs since a moment late in the history", || {
            runs(&|filter| filter.since = Some(Timestamp::from_micros(BEGIN + (n - 9) * APART)))
        }),
        ask("runs by tag", || runs(&|filter| filter.tag = word("even"))),
        ask("run ID", || query::run::one(&reader, &old.to_string(), None).map(drop)),
        ask("run by the end of a late id", || query::run::one(&reader, &new.short(), None).map(drop)),
        ask("run JOB#N", || query::run::one(&reader, "job-7#77", None).map(drop)),
        ask("run JOB", || query::run::one(&reader, "job-7", None).map(drop)),
        ask("tasks", || tasks(None, None)),
        ask("tasks that failed", || tasks(Some("failed"), None)),
        ask("tasks of a run", || tasks(None, Some("job-7#77"))),
        ask("task ID", || query::task::one(&reader, &task, None).map(drop)),
        ask("events, the first 50", || query::event::after(&reader, &events, None, 50).map(drop)),
        ask("events, the last 50", || {
            query::event::after(&reader, &events, Some((n - 50).cast_unsigned()), 50).map(drop)
        }),
        ask("why", || query::why::why(&reader, &zones, "job-7", at).map(drop)),
        ask("next", || next(None)),
        ask("next of one job", || next(Some("job-7"))),
        ask("logs of a run", || query::log::logs(&reader, &log, None).map(drop)),
        ask("deliveries", || query::delivery::page(&reader, None, 50).map(drop)),
        ask("a scrape", || query::scrape::now(&reader).map(drop)),
    ];
    let n_slow = slow.iter().filter(|slow| **slow).count();
    println!("\n{n_slow} questions take longer than {BAR} ms");
}

/// Prints how long it takes; whether that is too long.
fn ask(what: &str, question: impl Fn() -> Result<(), Refused>) -> bool {
    let time = |_| {
        let began = Instant::now();
        question().unwrap();
        began.elapsed().as_secs_f64() * 1e3
    };
    // The first reads the pages; a warm daemon has them.
    time(0);
    let mut times: Vec<f64> = (0..N_TIMES).map(time).collect();
    times.sort_by(f64::total_cmp);
    println!("| {what} | {:.2} | {:.2} |", times[N_TIMES / 2], times[N_TIMES - 1]);
    times[N_TIMES / 2] > BAR
}

/// The id of the n-th run, or with another `kind` of its task: a time, and then bits that look like chance.
fn id(kind: u8, n: i64) -> RunId {
    let millis = ((BEGIN + n * APART) / 1_000).cast_unsigned();
    let chance = (n.cast_unsigned() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&[0x70, kind]);
    bytes[8..].copy_from_slice(&(chance & 0x3fff_ffff_ffff_ffff | 1 << 63).to_be_bytes());
    RunId::from_bytes(bytes)
}

fn fill(store: &Connection, n: i64) {
    store.execute_batch("PRAGMA synchronous = OFF; BEGIN").unwrap();
    for job in 0..N_JOBS {
        let schedule = Schedule::new(Timing::Cron { expression: "*/50 * * * *".to_owned() }, "UTC");
        let definition = Job {
            description: format!("job {job}"),
            tags: if job % 2 == 0 { vec!["even".to_owned()] } else { Vec::new() },
            schedules: vec![schedule.clone()],
            tasks: vec![Task::new("main", Action::Noop)],
            ..Job::default()
        };
        let now = BEGIN + n * APART;
        let body = canonical(&definition);
        store.execute("INSERT INTO definition VALUES (?1, ?2, ?3)", params![job + 1, job.to_be_bytes(), body]).unwrap();
        store
            .execute(
                "INSERT INTO job (id, name, revision, definition_id, source, loaded_at, last_number)
                 VALUES (?1, ?2, 1, ?1, 'x', ?3, ?4)",
                params![job + 1, format!("job-{job}"), BEGIN, n / N_JOBS],
            )
            .unwrap();
        store
            .execute(
                "INSERT INTO schedule (id, job_id, key, body, first_at, cursor_at, next_at)
                 VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6)",
                params![job + 1, schedule.key(), canonical(&schedule), BEGIN, now, now + 60_000_000],
            )
            .unwrap();
    }
    let run =
        "INSERT INTO run (id, job_id, revision, definition_id, number, cause, scheduled_at, state, outcome, priority,
                                queued_at, started_at, ended_at)
               VALUES (?1, ?2, 1, ?2, ?3, 'occurrence', ?4, ?5, ?6, 5, ?4, ?4, ?4)";
    let task = "INSERT INTO task (id, run_id, ordinal, name, state, outcome, priority, queued_at, started_at, ended_at,
                                  n_attempts, max_attempts)
                VALUES (?1, ?2, 0, 'main', ?3, ?4, 5, ?5, ?5, ?5, 1, 1)";
    let attempt = "INSERT INTO attempt (launch, task_id, number, state, claimed_at, started_at, ended_at)
                   VALUES (?1, ?2, 1, 'ended', ?3, ?3, ?3)";
    let event = "INSERT INTO event (seq, at, type, job, run_id) VALUES (?1, ?2, 'workflow.completed', ?3, ?4)";
    let occurrence = "INSERT INTO occurrence (schedule_id, due_at, run_id) VALUES (?1, ?2, ?3)";
    for number in 0..n {
        let (job, at) = (number % N_JOBS + 1, BEGIN + number * APART);
        let (run_id, task_id) = (*id(0, number).as_bytes(), *id(0x40, number).as_bytes());
        let (state, outcome) = if number % 97 == 0 { ("failed", "exit_code") } else { ("completed", "success") };
        let insert = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            store.prepare_cached(sql).unwrap().execute(values).unwrap();
        };
        insert(run, &[&run_id, &job, &(number / N_JOBS + 1), &at, &state, &outcome]);
        insert(task, &[&task_id, &run_id, &state, &outcome, &at]);
        insert(attempt, &[&(number + 1), &task_id, &at]);
        insert(event, &[&(number + 1), &at, &format!("job-{}", job - 1), &run_id]);
        insert(occurrence, &[&job, &at, &run_id]);
    }
    store.execute("UPDATE counter SET value = ?1 WHERE name IN ('event', 'launch', 'completed')", [n]).unwrap();
    store.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE); ANALYZE").unwrap();
}
