//! What it costs that processes outlive the daemon: 10,000 `/bin/true`, submitted in one batch to the whole engine with
//! `synchronous=FULL`, once with the runner in its process and once with the runner in another (`campanile runner`, over
//! its socket); and once more with 512 MiB held by the engine's process, which a fork of it would have to copy.
//!
//! Rounds of all alternate in one run, because machines drift; the ratios are of the medians. Beside them the memory of
//! an idle runner and an idle daemon (PSS, proc_pid_smaps(5)).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use campanile::driver::{self, Live, Place, Setup};
use campanile::engine::{self, Settings, Submission};
use campanile::files::settings::Configuration;
use campanile::model::definition::{Action, Priority, Task};
use campanile::model::policy::governor::Pace;
use campanile::model::policy::retention::Retention;
use campanile::query::{self, Reader};
use campanile::store::Synchronous;
use campanile::{clock, print};

const N: usize = 10_000;
const ROUNDS: usize = 5;
const MAX_TASKS: usize = 32;
const BALLAST: usize = 512 << 20;
/// How much slower it may be apart, and with ballast.
const BAR: f64 = 0.9;

/// A runner in another process, killed when it is dropped.
struct Runner {
    child: Child,
    socket: PathBuf,
}

impl Runner {
    fn start(state_dir: &Path) -> Runner {
        let socket = state_dir.join("runner.sock");
        let mut command = campanile();
        command.args(["runner", "--state"]).arg(state_dir).arg("--socket").arg(&socket);
        let child = command.stderr(Stdio::null()).spawn().expect("the runner starts");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            std::thread::yield_now();
        }
        Runner { child, socket }
    }
}

fn campanile() -> Command {
    #[expect(clippy::disallowed_methods, reason = "a benchmark starts the binary")]
    Command::new(env!("CARGO_BIN_EXE_campanile"))
}

fn pss_kib(child: &Child) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", child.id())).expect("it lives");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("there is a line of it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What a runner and a daemon with a hundred jobs take while nothing is due.
fn idle() -> (u64, u64) {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("jobs")).expect("a folder");
    for n in 0..100 {
        std::fs::write(at(&format!("jobs/j{n}.toml")), "cron = \"0 3 1 1 *\"\nshell = \"true\"\n").expect("a file");
    }
    let runner = Runner::start(folder.path());
    let mut command = campanile();
    command.arg("daemon").arg("--jobs").arg(at("jobs")).arg("--state").arg(folder.path()).arg("--socket").arg(at("s"));
    let command = command.env("CAMPANILE_RUNNER_SOCKET", &runner.socket).stderr(Stdio::piped());
    let mut daemon = command.spawn().expect("the daemon starts");
    let said = BufReader::new(daemon.stderr.take().expect("piped")).lines();
    said.map_while(Result::ok).find(|line| line.contains(" ready ")).expect("it is ready");
    let taken = (pss_kib(&runner.child), pss_kib(&daemon));
    let _ = daemon.kill();
    let _ = daemon.wait();
    taken
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn submission() -> Submission {
    let task = Task::new("main", Action::Command(vec!["/bin/true".to_owned()]));
    Submission { task, priority: Priority::default(), not_before: None }
}

/// How many a second.
async fn through(state_dir: &Path, runner: Place) -> f64 {
    let zones = Arc::new(Configuration::default().tzdb);
    let settings = Settings {
        zones,
        max_tasks: MAX_TASKS,
        catch_up: Pace::default(),
        retention: Retention::default(),
        socket: None,
    };
    let mut running = driver::start(Setup {
        state_dir: state_dir.to_owned(),
        synchronous: Synchronous::Full,
        restored: false,
        settings,
        runner,
        runtime: tokio::runtime::Handle::current(),
    })
    .expect("the engine starts");
    let begun = clock::boot_us();
    let batch = engine::Command::Submit((0..N).map(|_| submission()).collect());
    let answer = running.handle.ask(batch).expect("it takes commands");
    answer.await.expect("it answers").expect("it takes them");
    let reader = Reader::open(&driver::database(state_dir)).expect("it can be read");
    loop {
        running.live.wait_for(|live| *live == Live::default()).await.expect("it lives");
        let counts = query::status::standing(&reader).expect("it can be read").tasks;
        if counts.queued + counts.running == 0 {
            break;
        }
        running.live.changed().await.expect("it lives");
    }
    let rate = N as f64 * 1e6 / (clock::boot_us() - begun) as f64;
    running.handle.stop();
    tokio::task::spawn_blocking(move || running.join()).await.expect("it ends").expect("its disk is well");
    rate
}

fn folder() -> tempfile::TempDir {
    // Beside the build, where the disk is a disk: a temporary folder may be memory.
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

async fn within() -> f64 {
    let folder = folder();
    through(folder.path(), Place::Within { default_dir: None }).await
}

async fn apart() -> f64 {
    let folder = folder();
    let runner = Runner::start(folder.path());
    through(folder.path(), Place::Apart { socket: Some(runner.socket.clone()) }).await
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("there is a runtime");
    let mut all = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        all[0].push(runtime.block_on(within()));
        all[1].push(runtime.block_on(apart()));
        let ballast = std::hint::black_box(vec![1_u8; BALLAST]);
        all[2].push(runtime.block_on(apart()));
        drop(std::hint::black_box(ballast));
    }
    all.iter_mut().for_each(|rates| rates.sort_by(f64::total_cmp));
    let [within, apart, heavy] = [0, 1, 2].map(|at: usize| all[at][ROUNDS / 2]);
    let (boundary, ballast) = (apart / within, heavy / apart);
    print::data(&format!("within {within:.0}/s, apart {apart:.0}/s, ratio {boundary:.3} (bar {BAR})\n"));
    print::data(&format!("apart with 512 MiB held {heavy:.0}/s, ratio {ballast:.3} (bar {BAR})\n"));
    print::data(&format!("  {all:.0?}\n"));
    let (runner, daemon) = idle();
    print::data(&format!("idle, with 100 jobs: runner {runner} KiB, daemon {daemon} KiB (PSS)\n"));
    if boundary < BAR || ballast < BAR {
        std::process::exit(1);
    }
}
