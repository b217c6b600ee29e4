//! A daemon's surface without a daemon: the real router on a real socket, a store that the test fills, and an engine whose
//! answers the test gives.

#![allow(dead_code, reason = "each test binary uses its part of the world")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use campanile::api::{self, Context, Readiness};
use campanile::engine::{Answer, Command, Handle, Message};
use campanile::metrics::{Beat, Metrics};
use campanile::model::definition::{Action, Job, Schedule, Task, canonical};
use campanile::model::id::EventSeq;
use campanile::model::refused::Refused;
use campanile::model::timestamp::Timestamp;
use campanile::query::Reader;
use campanile::store::sqlite::MIGRATIONS;
use campanile::tzdb::Tzdb;
use campanile::wire::ProblemDetails;
use campanile::wire::code::Code;
use campanile::wire::request::Reloaded;
use rusqlite::{Connection, params};
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::sync::{oneshot, watch};

/// 2026-11-20T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_176_000_000_000;
pub(crate) const MINUTE: i64 = 60_000_000;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Connection,
    pub(crate) http: reqwest::Client,
    pub(crate) committed: watch::Sender<EventSeq>,
    pub(crate) asked: Arc<Mutex<Vec<Command>>>,
    /// Reloading panics.
    pub(crate) reload_breaks: Arc<AtomicBool>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// The id numbered `n`, of a moment soon after noon: an id is never older than its run.
pub(crate) fn id(n: u16) -> [u8; 16] {
    let [high, low] = n.to_be_bytes();
    [0x01, 0xa1, 0xf8, 0xff, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, high, low]
}

/// The same as text.
pub(crate) fn id_text(n: u16) -> String {
    format!("01a1f8ff-0000-7000-8000-00000000{n:04x}")
}

impl World {
    /// A surface whose engine answers as `engine` says.
    pub(crate) fn new(engine: impl Fn(&Command) -> Result<Answer, Refused> + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("campanile.db");
        let store = Connection::open(&path).unwrap();
        store.pragma_update(None, "journal_mode", "WAL").unwrap();
        for migration in MIGRATIONS {
            store.execute_batch(migration.sql).unwrap();
        }
        let (inbox, received) = sync_channel(16);
        let (committed, is_committed) = watch::channel(EventSeq(0));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let asked_too = asked.clone();
        let metrics = Arc::new(Metrics::new(Beat { at: Timestamp::from_micros(NOON), boot_us: 0 }));
        let (beats, readiness) = (metrics.clone(), Arc::new(Readiness::default()));
        std::thread::spawn(move || answer(&received, &asked_too, &beats, &engine));
        let reload_breaks = Arc::new(AtomicBool::new(false));
        let breaks = reload_breaks.clone();
        let context = Context {
            handle: Handle::new(inbox, is_committed),
            reader: Reader::open(&path).unwrap(),
            state_dir: folder.path().to_owned(),
            started_at: Timestamp::from_micros(NOON),
            version: "1.2.3",
            zones: Arc::new(Tzdb::bundled()),
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            reload: Arc::new(move || {
                assert!(!breaks.load(Ordering::Relaxed), "reloading breaks");
                Box::pin(async { Ok(Reloaded { n_unchanged: 7, ..Reloaded::default() }) })
            }),
            put: Arc::new(|job| {
                let problem = ProblemDetails::new(Code::Invalid, format!("{} is not put here", job.name));
                Box::pin(async { Err(Box::new(problem)) })
            }),
            why_no_runner: Arc::new(|| None),
            housekeeping: watch::channel(Vec::new()).1,
        };
        let socket = folder.path().join("campanile.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or(()) };
        let served = tokio::spawn(api::serve(listener, Arc::new(context), stopped));
        let http = client(socket);
        World { folder, store, http, committed, asked, reload_breaks, metrics, readiness, stop: Some(stop), served }
    }

    /// A surface whose engine does whatever it is asked.
    pub(crate) fn obedient() -> Self {
        World::new(|_| Ok(Answer::Done))
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("campanile.sock")
    }

    /// Ends the surface, and waits until it has ended.
    pub(crate) async fn stop(mut self) {
        self.begin_stop();
        self.served.await.unwrap().unwrap();
    }

    pub(crate) fn begin_stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        shape(self.http.get(address(path)).send().await.unwrap()).await
    }

    pub(crate) async fn open(&self, path: &str) -> reqwest::Response {
        self.http.get(address(path)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        shape(self.http.post(address(path)).body(body.to_owned()).send().await.unwrap()).await
    }

    /// What the engine was asked, for comparing.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|command| format!("{command:?}")).collect()
    }

    /// A job with these schedules and one task `main`.
    pub(crate) fn job(&self, id: i64, name: &str, schedules: &[Schedule]) {
        let job = Job {
            description: format!("about {name}"),
            schedules: schedules.to_vec(),
            tasks: vec![Task::new("main", Action::Noop)],
            ..Job::default()
        };
        self.store
            .execute("INSERT INTO definition VALUES (?1, ?2, ?3)", params![id, id.to_be_bytes(), canonical(&job)])
            .unwrap();
        self.store
            .execute(
                "INSERT INTO job (id, name, revision, definition_id, source, loaded_at) VALUES (?1, ?2, 1, ?1, ?3, ?4)",
                params![id, name, format!("/jobs.d/{name}.toml"), NOON],
            )
            .unwrap();
    }

    /// Where each key of the job's definition is written.
    pub(crate) fn origins(&self, id: i64, origins: &Value) {
        self.store.execute("UPDATE job SET origins = ?2 WHERE id = ?1", params![id, origins.to_string()]).unwrap();
    }

    /// A schedule of a job, first loaded at `first_at` and settled up to `cursor_at`.
    pub(crate) fn schedule(&self, id: i64, job: i64, schedule: &Schedule, cursor_at: i64, next_at: Option<i64>) {
        self.store
            .execute(
                "INSERT INTO schedule (id, job_id, key, body, first_at, cursor_at, next_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![id, job, schedule.key(), canonical(schedule), NOON - 60 * MINUTE, cursor_at, next_at],
            )
            .unwrap();
    }

    /// A run numbered `n`, queued `n` minutes after noon, with one task numbered `n + 0x8000`.
    pub(crate) fn run(&self, n: u16, job: Option<i64>, state: &str) {
        let ended = matches!(state, "completed" | "failed" | "cancelled");
        let outcome = match state {
            "completed" => Some("success"),
            "failed" => Some("exit_code"),
            "cancelled" => Some("cancelled"),
            _ => None,
        };
        let queued_at = NOON + i64::from(n) * MINUTE;
        let ended_at = ended.then_some(queued_at + MINUTE);
        self.store.execute("INSERT OR IGNORE INTO definition VALUES (99, x'99', '{}')", []).unwrap();
        self.store
            .execute(
                "INSERT INTO run (id, job_id, definition_id, number, cause, state, outcome, priority, queued_at, ended_at)
                 VALUES (?1, ?2, 99, ?3, 'manual', ?4, ?5, 5, ?6, ?7)",
                params![id(n), job, job.map(|_| n), state, outcome, queued_at, ended_at],
            )
            .unwrap();
        self.task(n + 0x8000, n, 0, "main", state, ended_at);
    }

    pub(crate) fn task(&self, n: u16, run: u16, ordinal: i64, name: &str, state: &str, ended_at: Option<i64>) {
        self.store
            .execute(
                "INSERT INTO task (id, run_id, ordinal, name, state, priority, max_attempts, ended_at, output)
                 VALUES (?1, ?2, ?3, ?4, ?5, 5, 3, ?6, ?7)",
                params![id(n), id(run), ordinal, name, state, ended_at, ended_at.map(|_| "hi\n")],
            )
            .unwrap();
    }

    /// An attempt with a log that holds `text`.
    pub(crate) fn attempt(&self, launch: i64, task: u16, number: i64, state: &str, text: &str) -> PathBuf {
        let path = format!("logs/{launch}.log");
        self.store
            .execute(
                "INSERT INTO attempt (launch, task_id, number, state, claimed_at, log_path)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![launch, id(task), number, state, NOON, path],
            )
            .unwrap();
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    /// The next event; it is committed, and shown on the watch.
    pub(crate) fn event(&self, kind: &str, job: Option<&str>, run: Option<u16>) -> u64 {
        let seq: u64 = self.committed.borrow().0 + 1;
        self.store
            .execute(
                "INSERT INTO event (seq, at, type, job, run_id) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![seq as i64, NOON, kind, job, run.map(id)],
            )
            .unwrap();
        self.store.execute("UPDATE counter SET value = ?1 WHERE name = 'event'", [seq as i64]).unwrap();
        self.committed.send_replace(EventSeq(seq));
        seq
    }

    /// The events before `oldest` are gone.
    pub(crate) fn prune(&self, oldest: i64) {
        self.store.execute("DELETE FROM event WHERE seq < ?1", [oldest]).unwrap();
    }
}

fn answer(
    received: &Receiver<Message>,
    asked: &Mutex<Vec<Command>>,
    metrics: &Metrics,
    engine: &impl Fn(&Command) -> Result<Answer, Refused>,
) {
    while let Ok(message) = received.recv() {
        let boot_us = metrics.beats().borrow().boot_us + 1;
        metrics.beat(Beat { at: Timestamp::from_micros(NOON), boot_us });
        if let Message::Command(command, answer) = message {
            let said = engine(&command);
            asked.lock().unwrap().push(command);
            let _ = answer.send(said);
        }
    }
}

pub(crate) fn address(path: &str) -> String {
    format!("http://campanile{path}")
}

fn client(socket: PathBuf) -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().unix_socket(socket).tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

async fn shape(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let problem = response.headers().get("content-type").is_some_and(|kind| kind == "application/problem+json");
    assert_eq!(problem, status >= 400, "every refusal is problem details, and nothing else is");
    let text = response.bytes().await.unwrap();
    let shape = if text.is_empty() { Value::Null } else { serde_json::from_slice(&text).unwrap() };
    (status, shape)
}
