//! What durability costs, as ratios to probes in the same run, because machines drift. Two measures:
//!
//! 1. Tasks with one process each: batches of `/bin/true`, submitted over the socket to a daemon with
//!    `synchronous=FULL`, from the request to the last commit, against raw `posix_spawn` of the same with both outputs
//!    piped and read, 32 in flight, by one thread that does nothing else.
//! 2. Tasks without a process (`noop`), the same way, against a bare loop that writes the same rows with the same
//!    statements' work in as many group commits: one transaction inserts a batch of runs, further ones end 64 each.
//!
//! Rounds of probe and daemon alternate; the ratio is of the medians, and the spread is printed with it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use campanile::{clock, print};
use rusqlite::{Connection, params};

const ROUNDS: usize = 3;
const N_PROCESSES: u64 = 10_000;
const N_NOOPS: u64 = 30_000;
const BATCH: u64 = 10_000;
const IN_FLIGHT: usize = 32;
/// How many tasks a step of the engine claims; the bare loop commits as often.
const CLAIMS: u64 = 64;

fn main() {
    let compare = |name: &str, bar: f64, n: u64, probe: &dyn Fn() -> f64, ours: &dyn Fn() -> f64| {
        let (mut probes, mut rates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            probes.push(n as f64 / probe());
            rates.push(n as f64 / ours());
        }
        probes.sort_by(f64::total_cmp);
        rates.sort_by(f64::total_cmp);
        let ratio = rates[ROUNDS / 2] / probes[ROUNDS / 2];
        print::data(&format!("{name}: ratio {ratio:.3} (bar {bar}); daemon {rates:.0?}/s, probe {probes:.0?}/s\n"));
        ratio >= bar
    };
    let spawn = compare("10,000 x /bin/true", 0.6, N_PROCESSES, &raw_spawn, &|| {
        through_daemon("\"command\":[\"/bin/true\"]", N_PROCESSES)
    });
    let noop = compare("30,000 x noop", 0.5, N_NOOPS, &bare_loop, &|| through_daemon("\"noop\":true", N_NOOPS));
    if !(spawn && noop) {
        std::process::exit(1);
    }
}

fn seconds_since(begun: i64) -> f64 {
    (clock::boot_us() - begun) as f64 / 1e6
}

#[expect(clippy::disallowed_methods, reason = "the raw side of the comparison")]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn raw_spawn() -> f64 {
    let begun = clock::boot_us();
    let mut flying: VecDeque<Child> = VecDeque::new();
    let end = |mut child: Child| {
        let mut bytes = Vec::new();
        child.stdout.take().expect("piped").read_to_end(&mut bytes).expect("readable");
        child.stderr.take().expect("piped").read_to_end(&mut bytes).expect("readable");
        assert!(child.wait().expect("ours").success());
    };
    for _ in 0..N_PROCESSES {
        if flying.len() == IN_FLIGHT {
            end(flying.pop_front().expect("some fly"));
        }
        let mut child = command("/bin/true");
        child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        flying.push_back(child.spawn().expect("there is a /bin/true"));
    }
    flying.into_iter().for_each(end);
    seconds_since(begun)
}

/// A daemon of its own, killed when it is dropped.
struct Daemon {
    child: Child,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Self {
        // Beside the build, where the disk is a disk: a temporary folder may be memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let socket = folder.path().join("s");
        let jobs = folder.path().join("jobs.d");
        std::fs::create_dir(&jobs).expect("a folder");
        let child = command(env!("CARGO_BIN_EXE_campanile"))
            .args(["daemon", "--jobs"])
            .arg(&jobs)
            .arg("--state")
            .arg(folder.path().join("state"))
            .arg("--socket")
            .arg(&socket)
            .stderr(Stdio::null())
            .spawn()
            .expect("the daemon starts");
        let daemon = Daemon { child, socket, _folder: folder };
        while UnixStream::connect(&daemon.socket).is_err() {
            std::thread::yield_now();
        }
        daemon
    }

    fn ask(&self, request: &str, body: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).expect("it listens");
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Waits until nothing is queued or runs. A look every 20 ms takes less than a hundredth of one core.
    fn wait(&self) {
        loop {
            let status = self.ask("GET /api/v1/status", "");
            if status.contains("\"queued\":0") && status.contains("\"running\":0") {
                return;
            }
            let mut nothing = [0];
            let (quiet, _other_end) = UnixStream::pair().expect("a pair");
            quiet.set_read_timeout(Some(std::time::Duration::from_millis(20))).expect("a timeout");
            let _ = (&quiet).read(&mut nothing);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn through_daemon(task: &str, n: u64) -> f64 {
    let daemon = Daemon::start();
    let tasks = vec![format!("{{{task}}}"); usize::try_from(BATCH).expect("small")].join(",");
    let body = format!("{{\"tasks\":[{tasks}]}}");
    let begun = clock::boot_us();
    for _ in 0..n / BATCH {
        let answer = daemon.ask("POST /api/v1/tasks", &body);
        assert!(answer.starts_with("HTTP/1.1 201"), "{}", &answer[..answer.len().min(500)]);
    }
    daemon.wait();
    let took = seconds_since(begun);
    let newest = daemon.ask("GET /api/v1/runs?state=completed&limit=1", "");
    assert!(newest.contains("\"completed\""), "{newest}");
    took
}

/// The rows of `n` noop runs, written by nobody but a loop.
fn bare_loop() -> f64 {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mut connection = open(&folder.path().join("bare.db"));
    let begun = clock::boot_us();
    let mut seq = 0;
    for batch in 0..N_NOOPS / BATCH {
        let ids = batch * BATCH..(batch + 1) * BATCH;
        insert(&mut connection, ids.clone(), &mut seq);
        let mut from = ids.start;
        while from < ids.end {
            let to = (from + CLAIMS).min(ids.end);
            end(&mut connection, from..to, &mut seq);
            from = to;
        }
    }
    seconds_since(begun)
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;
            PRAGMA wal_autocheckpoint = 4000;",
        )
        .expect("pragmas");
    connection.execute_batch(include_str!("../migrations/sqlite/0001_spine.sql")).expect("the schema");
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute("INSERT INTO definition (hash, body) VALUES (x'00', '{}')", []).expect("a row");
    connection
}

fn id(n: u64, kind: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    bytes[8..].copy_from_slice(&(kind << 48 | n.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF).to_be_bytes());
    bytes
}

const EVENT: &str =
    "INSERT INTO event (seq, at, type, job, run_id, task_id, data) VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6)";

fn event(tx: &Connection, seq: &mut i64, kind: &str, n: u64, task: bool, data: &str) {
    *seq += 1;
    let task = task.then(|| id(n, 2));
    let values = params![*seq, 1_763_640_000_000_000_i64 + *seq, kind, id(n, 1), task, data];
    tx.prepare_cached(EVENT).and_then(|mut statement| statement.execute(values)).expect("a row");
}

fn insert(connection: &mut Connection, ids: std::ops::Range<u64>, seq: &mut i64) {
    let tx = connection.transaction().expect("a transaction");
    for n in ids {
        let at = 1_763_640_000_000_000_i64 + *seq;
        let run = "INSERT INTO run (id, definition_id, cause, state, priority, queued_at) VALUES (?1, 1, 'manual', 'queued', 5, ?2)";
        tx.prepare_cached(run).and_then(|mut s| s.execute(params![id(n, 1), at])).expect("a row");
        event(&tx, seq, "workflow.queued", n, false, "{\"cause\":\"manual\"}");
        let task = "INSERT INTO task (id, run_id, ordinal, name, state, priority, queued_at, max_attempts)
            VALUES (?1, ?2, 0, 'main', 'queued', 5, ?3, 1)";
        tx.prepare_cached(task).and_then(|mut s| s.execute(params![id(n, 2), id(n, 1), at])).expect("a row");
        event(&tx, seq, "task.queued", n, true, "{\"task\":\"main\"}");
    }
    tx.commit().expect("a commit");
}

fn end(connection: &mut Connection, ids: std::ops::Range<u64>, seq: &mut i64) {
    let tx = connection.transaction().expect("a transaction");
    for n in ids {
        let at = 1_763_640_000_000_000_i64 + *seq;
        let run = "UPDATE run SET state = 'running', started_at = ?2 WHERE id = ?1 AND state = 'queued'";
        tx.prepare_cached(run).and_then(|mut s| s.execute(params![id(n, 1), at])).expect("a row");
        event(&tx, seq, "workflow.started", n, false, "{\"cause\":\"manual\"}");
        let attempt =
            "INSERT INTO attempt (launch, task_id, number, state, claimed_at, started_at, ended_at, exit, exit_code)
            VALUES (?1, ?2, 1, 'ended', ?3, ?3, ?3, 'code', 0)";
        tx.prepare_cached(attempt).and_then(|mut s| s.execute(params![n as i64 + 1, id(n, 2), at])).expect("a row");
        event(&tx, seq, "task.started", n, true, "{\"task\":\"main\",\"attempt\":1}");
        let task =
            "UPDATE task SET state = 'completed', outcome = 'success', started_at = ?2, ended_at = ?2, n_attempts = 1,
            exit_code = 0 WHERE id = ?1 AND state = 'queued'";
        tx.prepare_cached(task).and_then(|mut s| s.execute(params![id(n, 2), at])).expect("a row");
        event(
            &tx,
            seq,
            "task.completed",
            n,
            true,
            "{\"task\":\"main\",\"attempt\":1,\"outcome\":\"success\",\"exit_code\":0}",
        );
        let run = "UPDATE run SET state = 'completed', outcome = 'success', ended_at = ?2 WHERE id = ?1 AND state = 'running'";
        tx.prepare_cached(run).and_then(|mut s| s.execute(params![id(n, 1), at])).expect("a row");
        event(&tx, seq, "workflow.completed", n, false, "{\"cause\":\"manual\",\"outcome\":\"success\"}");
    }
    tx.commit().expect("a commit");
}
