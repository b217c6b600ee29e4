//! Makes a small world for one run, follows it to its end, and takes it down.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::geteuid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::show::{Show, Style};
use crate::account;
use crate::driver::{self, Place, Running, Setup};
use crate::engine::{Answer, Command, Handle, Load, LoadedJob, Settings, Start};
use crate::files::settings::Configuration;
use crate::files::{self, FoundJob, InvalidFile, Zones};
use crate::model::definition::{Job, PoolSizes};
use crate::model::duration::Duration;
use crate::model::expression::Expressions;
use crate::model::id::RunId;
use crate::model::policy::governor::Pace;
use crate::model::policy::param;
use crate::model::policy::retention::Retention;
use crate::model::refused::Refused;
use crate::query::{self, Reader};
use crate::store::Synchronous;
use crate::tzdb::Tzdb;
use crate::{clock, print, wire};

/// How many tasks of the job run at once.
const MAX_TASKS: usize = 32;
/// How often output is looked for while tasks run.
const TICK: Duration = Duration::from_millis(100);
/// How many events are shown at a time.
const PAGE: usize = 256;

/// What is to be run, and how it is shown.
#[derive(Clone, Debug)]
pub struct Request {
    /// The job file.
    pub file: PathBuf,
    /// The values of its parameters that are given.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// JSON lines instead of text.
    pub json: bool,
}

/// Why nothing was run.
#[derive(Debug)]
pub enum Failure {
    /// The file is wrong.
    Invalid(InvalidFile),
    /// The values of its parameters do not fit.
    Params(Refused),
    /// It could not be run here.
    Here(String),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Failure::Here(refused.to_string())
    }
}

/// Runs the job and returns the run as it ended.
pub fn run(request: &Request) -> Result<wire::run::Run, Failure> {
    let Configuration { tzdb, .. } = Configuration::default();
    let zone = tzdb.system_zone();
    let zones = Zones { tzdb: &tzdb, default: &zone };
    let mut found = files::load_file(&request.file, zones, clock::wall()).map_err(Failure::Invalid)?;
    as_caller(&mut found);
    accept(&found, &request.params)?;
    let here = |what: &'static str| move |why: std::io::Error| Failure::Here(format!("{what}: {why}"));
    let folder = tempfile::Builder::new()
        .prefix("campanile-run-")
        .tempdir()
        .map_err(here("cannot make a folder for the run"))?;
    let wishes = interrupts().map_err(here("cannot listen for signals"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(here("cannot start the runtime"))?;
    let result = runtime.block_on(live(request, found, &zone, Arc::new(tzdb), folder.path(), wishes));
    runtime.shutdown_background();
    result
}

/// Whoever calls is whom all of it runs as, and the owner of the file has no say. To ask for oneself is to ask for
/// nothing; who asks for somebody else is refused by the runner.
fn as_caller(found: &mut FoundJob) {
    let tasks = &mut found.definition.tasks;
    if tasks.iter().all(|task| task.user.is_none() && task.group.is_none()) {
        return;
    }
    print::talk(&format!("note: `campanile run` runs every task as you, `{}`", account::name_of(geteuid())));
    for task in tasks {
        task.user.take_if(|user| account::is_own_user(user));
        task.group.take_if(|group| account::is_own_group(group));
    }
}

/// Said before anything is made for the run.
fn accept(found: &FoundJob, given: &serde_json::Map<String, serde_json::Value>) -> Result<(), Failure> {
    let accepted = param::accept(&found.definition.params, given, &mut Expressions::default());
    let refused = |problems| Refused::InvalidParams { job: found.name.to_string(), problems };
    accepted.map(drop).map_err(|problems| Failure::Params(refused(problems)))
}

async fn live(
    request: &Request,
    found: FoundJob,
    zone: &str,
    zones: Arc<Tzdb>,
    folder: &Path,
    mut wishes: UnboundedReceiver<()>,
) -> Result<wire::run::Run, Failure> {
    let current = std::env::current_dir().map_err(|why| Failure::Here(format!("there is no current folder: {why}")))?;
    let settings = Settings {
        zones,
        max_tasks: MAX_TASKS,
        catch_up: Pace::default(),
        retention: Retention::default(),
        socket: None,
    };
    let running = driver::start(Setup {
        state_dir: folder.to_owned(),
        // The folder goes with the run: what a power cut would take was worth nothing without it.
        synchronous: Synchronous::Normal,
        restored: false,
        settings,
        runner: Place::Within { default_dir: Some(current) },
        runtime: tokio::runtime::Handle::current(),
    })
    .map_err(|error| Failure::Here(error.to_string()))?;
    let result = turn(request, found, zone, &running, folder, &mut wishes).await;
    // However it went, nothing may outlive the folder that its journal is in.
    let n_left = running.kill().await;
    running.handle.stop();
    let _ = tokio::task::spawn_blocking(move || running.join()).await;
    match result {
        Ok(_) if n_left > 0 => Err(Failure::Here(format!("{n_left} processes could not be ended"))),
        result => result,
    }
}

async fn turn(
    request: &Request,
    found: FoundJob,
    zone: &str,
    running: &Running,
    folder: &Path,
    wishes: &mut UnboundedReceiver<()>,
) -> Result<wire::run::Run, Failure> {
    let style = Style::new(request.json, found.definition.tasks.len());
    let id = begin(&running.handle, found, request, zone).await?;
    let reader = Reader::open(&driver::database(folder))?;
    let mut show = Show::new(style, folder.to_owned());
    let (run, is_interrupted) = follow(running, &reader, &mut show, id, wishes).await?;
    show.end(&run);
    for left in tell_hooks(running, &reader, wishes, is_interrupted).await? {
        show.not_told(&left);
    }
    Ok(run)
}

async fn begin(handle: &Handle, found: FoundJob, request: &Request, zone: &str) -> Result<RunId, Failure> {
    let mut definition = found.definition;
    // The time that it sees is that of its schedule all the same.
    let timezone = definition.schedules.first().map_or(zone, |schedule| schedule.timezone.as_str()).to_owned();
    // Here and now: neither its schedules nor a pause by file count.
    definition.schedules.clear();
    definition.enabled = true;
    let job = found.name.to_string();
    let load = Load {
        pools: Some(pools_of(&definition)),
        jobs: vec![LoadedJob { name: found.name, source: found.source, definition, origins: String::new() }],
        ..Load::default()
    };
    ask(handle, Command::Load(Box::new(load))).await?;
    let start = Start { job, params: request.params.clone(), timezone: Some(timezone), ..Start::default() };
    match ask(handle, Command::Start(start)).await? {
        Answer::Started { run, .. } => Ok(run),
        Answer::Done | Answer::Loaded(_) | Answer::Submitted(_) | Answer::Backfilled(_) | Answer::Again(_) => {
            Err(Failure::Here("a start was answered with something else".to_owned()))
        }
    }
}

/// No configuration says how large its pools are here. They have room for the task that takes most, so what shares a pool
/// does not run at once, as if nothing were known but that it must not.
fn pools_of(job: &Job) -> PoolSizes {
    let mut sizes = PoolSizes::new();
    for (name, weight) in job.tasks.iter().flat_map(|task| task.pools.iter()) {
        let size = sizes.entry(name.to_owned()).or_insert(weight);
        *size = weight.max(*size);
    }
    sizes
}

async fn ask(handle: &Handle, command: Command) -> Result<Answer, Refused> {
    handle.ask(command)?.await.map_err(|_| Refused::Stopping)?
}

/// Shows what happens until the run has ended, and says whether an interrupt came that it had no use for. The first interrupt cancels it, the second kills what does not heed that,
/// and calls no more hooks.
async fn follow(
    running: &Running,
    reader: &Reader,
    show: &mut Show,
    id: RunId,
    wishes: &mut UnboundedReceiver<()>,
) -> Result<(wire::run::Run, bool), Failure> {
    let mut committed = running.handle.committed();
    let filter = query::event::filter(reader, None, None, None)?;
    let mut seen = 0;
    let (mut n_interrupts, mut n_heeded) = (0, 0);
    loop {
        let _ = tokio::time::timeout(TICK.to_std(), async {
            tokio::select! {
                changed = committed.changed() => if changed.is_err() { std::future::pending::<()>().await },
                Some(()) = wishes.recv() => n_interrupts += 1,
            }
        })
        .await;
        if n_interrupts > n_heeded {
            n_heeded += 1;
            let command = match n_heeded {
                1 => Command::CancelRun { run: id, by: "an interrupt".to_owned() },
                _ => Command::Interrupt { grace: Some(Duration::ZERO) },
            };
            tokio::select! {
                () = running.insist(command) => {}
                Some(()) = wishes.recv() => n_interrupts += 1,
            }
        }
        // Before the events: what is true of the run has its events, and they are shown before its end is.
        let run = query::run::one(reader, &id.to_string(), None)?;
        while let query::event::Part::Events { items, .. } = query::event::after(reader, &filter, Some(seen), PAGE)? {
            let Some(newest) = items.last() else { break };
            seen = newest.seq;
            items.iter().for_each(|event| show.event(event));
        }
        show.output();
        if run.has_ended() || n_interrupts > 2 {
            // One that came when the run had ended by itself, and was not shown yet to have, was not heeded by it.
            let is_left = n_interrupts > 0 && run.state != "cancelled";
            return Ok((run, is_left));
        }
        if running.has_ended() {
            return Err(Failure::Here("the engine has stopped; the disk may have failed".to_owned()));
        }
    }
}

/// Waits until each hook was called once: nobody comes after us who would try again, or end a call that hangs. Returns
/// what was not delivered. An interrupt ends the waiting.
async fn tell_hooks(
    running: &Running,
    reader: &Reader,
    wishes: &mut UnboundedReceiver<()>,
    is_interrupted: bool,
) -> Result<Vec<wire::Delivery>, Failure> {
    loop {
        let mut left = query::delivery::page(reader, None, PAGE)?.items;
        left.retain(|delivery| delivery.state != "delivered");
        let is_untried = |delivery: &wire::Delivery| delivery.state == "sending" || delivery.attempt == 0;
        if is_interrupted || !left.iter().any(is_untried) || running.has_ended() {
            return Ok(left);
        }
        if matches!(tokio::time::timeout(TICK.to_std(), wishes.recv()).await, Ok(Some(()))) {
            return Ok(left);
        }
    }
}

fn interrupts() -> std::io::Result<UnboundedReceiver<()>> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT])?;
    let (wishes, heard) = unbounded_channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            if wishes.send(()).is_err() {
                return;
            }
        }
    })?;
    Ok(heard)
}
