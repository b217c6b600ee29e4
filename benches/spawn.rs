//! What the runner costs: 5,000 `/bin/true` through it, 32 in flight, against the same through the standard library's
//! `posix_spawn` with both outputs piped and read to their end, 32 in flight, by one thread that does nothing else.
//! Once more with a place for named values, which every task has. Rounds of all alternate in one run, because the
//! machine drifts; the ratios are of the medians.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;

use campanile::clock;
use campanile::engine::RunnerReport;
use campanile::model::duration::Duration;
use campanile::model::id::Launch;
use campanile::model::process::Process;
use campanile::print;
use campanile::runner::{Config, Runner};

const N: u64 = 1_000;
const ROUNDS: usize = 5;
const IN_FLIGHT: usize = 32;

#[expect(clippy::disallowed_methods, reason = "the raw side of the comparison")]
fn raw() -> f64 {
    let begun = clock::boot_us();
    let mut flying: VecDeque<Child> = VecDeque::new();
    let end = |mut child: Child| {
        let mut bytes = Vec::new();
        child.stdout.take().expect("piped").read_to_end(&mut bytes).expect("readable");
        child.stderr.take().expect("piped").read_to_end(&mut bytes).expect("readable");
        assert!(child.wait().expect("ours").success());
    };
    for _ in 0..N {
        if flying.len() == IN_FLIGHT {
            end(flying.pop_front().expect("some fly"));
        }
        let mut command = std::process::Command::new("/bin/true");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        flying.push_back(command.spawn().expect("there is a /bin/true"));
    }
    flying.into_iter().for_each(end);
    per_second(begun)
}

fn process(launch: u64, may_leave_outputs: bool) -> Box<Process> {
    let marks = [("CAMPANILE_RUN_ID", format!("run-{launch}")), ("CAMPANILE_TASK", "main".to_owned())];
    let env: BTreeMap<_, _> = marks.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    Box::new(Process {
        env,
        timeout: Some(Duration::from_secs(60)),
        may_leave_outputs,
        ..Process::new(Launch(launch), vec!["/bin/true".to_owned()], format!("logs/{launch}.log"))
    })
}

fn runner(may_leave_outputs: bool) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let (said, heard) = channel();
    let config = Config::of(folder.path().to_owned());
    let client = Runner::start(config, move |report| drop(said.send(report))).expect("a runner");
    let begun = clock::boot_us();
    let mut next = 0;
    while next < IN_FLIGHT as u64 {
        next += 1;
        client.launch(process(next, may_leave_outputs));
    }
    let mut n_ended = 0;
    while n_ended < N {
        if let RunnerReport::Ended { launch, .. } = heard.recv().expect("a report") {
            client.acknowledge(vec![launch]);
            n_ended += 1;
            if next < N {
                next += 1;
                client.launch(process(next, may_leave_outputs));
            }
        }
    }
    let rate = per_second(begun);
    client.shutdown();
    rate
}

fn per_second(begun: i64) -> f64 {
    N as f64 * 1e6 / (clock::boot_us() - begun) as f64
}

fn main() {
    let mut all = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        all[0].push(raw());
        all[1].push(runner(false));
        all[2].push(runner(true));
    }
    all.iter_mut().for_each(|rates| rates.sort_by(f64::total_cmp));
    let [raw, runner, leaving] = [0, 1, 2].map(|at: usize| all[at][ROUNDS / 2]);
    print::data(&format!("raw {raw:.0}/s, runner {runner:.0}/s, ratio {:.3}\n", runner / raw));
    print::data(&format!("where outputs may be left {leaving:.0}/s, ratio {:.3}\n", leaving / raw));
    print::data(&format!("  {all:.0?}\n"));
}
