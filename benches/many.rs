//! A hundred thousand schedules, of which none is due: how fast a daemon starts with them, what each takes of memory, and
//! whether anything wakes up or writes. Then one job every second beside them: how late it begins, against a thread that
//! sleeps until then, makes one commit with `synchronous=FULL` and spawns the same. Both are late in the same seconds, half
//! a second apart, because machines drift.
//!
//! Lateness is what the process itself says of the time, in `CAMPANILE_MANY_SECONDS` seconds, 100 if it is not said.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use campanile::model::timestamp::Timestamp;
use campanile::{clock, print};

const N_FILES: usize = 10;
const N_JOBS: usize = 10_000;
/// The whole start, from the first instruction to the definitions in force.
const START_MS: f64 = 1_000.0;
/// Of memory, for each schedule.
const BYTES: f64 = 1_024.0;
/// How much later than the probe, in the 99th of a hundred.
const LATER_MS: f64 = 2.0;
/// Threads that had work at the start wait so long for more before they end.
const CALM: Duration = Duration::from_secs(15);
const QUIET: Duration = Duration::from_secs(10);

/// A daemon, stopped when it is dropped.
struct Daemon {
    child: Child,
    /// How long it took until the definitions were in force.
    start_ms: f64,
}

impl Daemon {
    fn start(folder: &Path, jobs: &str) -> Daemon {
        let at = |name: &str| folder.join(name);
        #[expect(clippy::disallowed_methods, reason = "a benchmark starts the binary")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_campanile"));
        command.arg("daemon").arg("--jobs").arg(at(jobs)).arg("--state").arg(at(&format!("{jobs}.state")));
        command.arg("--socket").arg(at("socket")).stderr(Stdio::piped());
        let begun = clock::boot_us();
        let mut child = command.spawn().expect("the daemon starts");
        let said = BufReader::new(child.stderr.take().expect("piped")).lines();
        said.map_while(Result::ok).find(|line| line.contains("definitions are loaded")).expect("it loads them");
        Daemon { child, start_ms: ms(clock::boot_us() - begun) }
    }

    fn about(&self, what: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{what}", self.child.id())).expect("it lives")
    }

    fn pss_kib(&self) -> u64 {
        number(&self.about("smaps_rollup"), "Pss:")
    }

    /// How often its threads have waited for something, which is how often something has woken them; and how much it has
    /// written.
    fn activity(&self) -> (u64, u64) {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it lives");
        let statuses = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
        let n_waits = statuses.map(|status| number(&status, "voluntary_ctxt_switches:")).sum();
        (n_waits, number(&self.about("io"), "wchar:"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("it is a pid"));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// The number behind this word, at the beginning of a line.
fn number(text: &str, word: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(word)).expect("there is a line of it");
    rest.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

fn ms(us: i64) -> f64 {
    us as f64 / 1_000.0
}

fn write_jobs(folder: &Path) {
    for (jobs, n_files, n_jobs) in [("many", N_FILES, N_JOBS), ("one", 1, 1)] {
        std::fs::create_dir(folder.join(jobs)).expect("a folder");
        for file in 0..n_files {
            let one = |n: usize| format!("[jobs.n{n}]\ncron = \"{} {} {} 2 *\"\n", n % 60, n / 60 % 24, 1 + n % 28);
            let text = format!("shell = \"true\"\n{}", (0..n_jobs).map(one).collect::<String>());
            std::fs::write(folder.join(format!("{jobs}/file{file}.toml")), text).expect("a file");
        }
    }
}

fn sleep(length: Duration) {
    let until = clock::boot_us() + i64::try_from(length.as_micros()).expect("it is short");
    while let Ok(left) = u64::try_from(until - clock::boot_us())
        && left > 0
    {
        std::thread::park_timeout(Duration::from_micros(left));
    }
}

/// How late each line of the file says that it was, in milliseconds after `phase` of a second, sorted. There is one for each
/// second from the first to the last, or it would be a second late.
fn late(file: &Path, phase: u64) -> Vec<f64> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let nanos = text.lines().filter_map(|line| line.parse::<u64>().ok()).map(|ns| ns - phase * 1_000_000);
    let (seconds, mut late): (Vec<u64>, Vec<f64>) =
        nanos.map(|ns| (ns / 1_000_000_000, (ns % 1_000_000_000) as f64 / 1e6)).unzip();
    assert!(seconds.windows(2).all(|pair| pair[1] == pair[0] + 1), "a second has no run, or two: {seconds:?}");
    late.sort_by(f64::total_cmp);
    late
}

fn stamp(file: &Path) -> String {
    format!("date +%s%N >> {}", file.display())
}

/// What has to be done at the least, in the middle of each second.
fn probe(folder: &Path, n: u64) -> PathBuf {
    let file = folder.join("probe");
    let connection = rusqlite::Connection::open(folder.join("probe.db")).expect("a database");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (n INTEGER)")
        .expect("a table");
    let first = clock::wall().as_micros() / 1_000_000 + 1;
    for second in (first..).take(usize::try_from(n).expect("it is small")) {
        let due = Timestamp::from_micros(second * 1_000_000 + 500_000);
        sleep(Duration::from_micros(u64::try_from(due.since(clock::wall()).as_micros()).unwrap_or(0)));
        connection.execute("INSERT INTO t VALUES (1)", []).expect("a row");
        #[expect(clippy::disallowed_methods, reason = "the raw side of the comparison")]
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(stamp(&file)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.spawn().and_then(Child::wait_with_output).expect("there is a shell");
        assert!(output.status.success());
    }
    file
}

fn main() {
    #[expect(clippy::disallowed_methods, reason = "who runs it says how long")]
    let seconds = std::env::var("CAMPANILE_MANY_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    // Beside the build, where the disk is a disk: a temporary folder may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let folder = folder.path();
    write_jobs(folder);
    // What was written a moment ago is not taken for unchanged.
    sleep(Duration::from_secs(2));
    let first = Daemon::start(folder, "many").start_ms;
    let one = Daemon::start(folder, "one");
    sleep(CALM);
    let base = one.pss_kib();
    drop(one);

    let daemon = Daemon::start(folder, "many");
    sleep(CALM);
    let bytes = (daemon.pss_kib().saturating_sub(base) * 1_024) as f64 / (N_FILES * N_JOBS) as f64;
    let before = daemon.activity();
    sleep(QUIET);
    let after = daemon.activity();
    let (n_woken, n_written) = (after.0.abs_diff(before.0), after.1.abs_diff(before.1));
    print::data(&format!(
        "start: {:.0} ms (bar {START_MS:.0}); the first of all took {first:.0} ms\n",
        daemon.start_ms
    ));
    print::data(&format!("memory: {bytes:.0} bytes for each schedule (bar {BYTES:.0}), {base} KiB without\n"));
    print::data(&format!("nothing due for {QUIET:?}: woken {n_woken} times, {n_written} bytes written (bar 0, 0)\n"));

    let file = folder.join("daemon");
    let job = format!("every = \"1s\"\nshell = \"{}\"\n", stamp(&file));
    std::fs::write(folder.join("many/second.toml"), job).expect("a file");
    let probe = late(&probe(folder, seconds), 500);
    let late = late(&file, 0);
    let at = |all: &[f64], share: f64| all[((all.len() - 1) as f64 * share) as usize];
    let later = at(&late, 0.99) - at(&probe, 0.99);
    let told = |all: &[f64]| format!("p50 {:.2} ms, p99 {:.2} ms of {}", at(all, 0.5), at(all, 0.99), all.len());
    print::data(&format!(
        "late: {}; probe {}; p99 later by {later:.2} ms (bar {LATER_MS})\n",
        told(&late),
        told(&probe)
    ));
    let is_good = daemon.start_ms <= START_MS && bytes <= BYTES && n_woken + n_written == 0 && later <= LATER_MS;
    if !is_good {
        std::process::exit(1);
    }
}
