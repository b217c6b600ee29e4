//! The daemon's life, from its first line of log to its last.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};

use super::housekeeping::Housekeeping;
use super::log::Level;
use super::reload::{Definitions, Why};
use super::settings::{Folders, Resolved};
use super::signals::{self, Wish};
use super::watch::Watch;
use super::{Failure, listener, lock, log, put, reload, tcp};
use crate::driver::{self, Live, Place, Running, Setup};
use crate::engine::{Command, Handle, Limits, Settings};
use crate::files::places;
use crate::files::settings::{self, OnStop, Synchronous};
use crate::model::duration::Duration;
use crate::model::refused::Refused;
use crate::query::Reader;
use crate::runner::Standing;
use crate::tzdb::Tzdb;
use crate::wire::status::Chore;
use crate::{api, clock, store};

/// How long a stopping daemon waits for a runner that is not there.
const RUNNER_WITHIN: Duration = Duration::from_secs(5);

/// Runs the daemon until it is told to stop.
pub fn serve(resolved: Resolved) -> Result<(), Failure> {
    let dir = &resolved.state_dir;
    let folder = || Failure::machine(format!("cannot use the state folder `{}`", dir.display()));
    if !dir.is_dir() {
        fs::create_dir_all(dir).map_err(folder())?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o750)).map_err(folder())?;
    }
    let _lock = lock::take(dir)?;
    fs::create_dir_all(Folders::put(dir)).map_err(folder())?;
    let level = log::begin(&resolved.configuration.settings.log);
    let wishes = signals::listen().map_err(Failure::machine("cannot listen for signals"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::machine("cannot start the runtime"))?;
    let result = runtime.block_on(live(resolved, level, wishes));
    // Requests that are still being answered are not waited for.
    runtime.shutdown_background();
    result
}

async fn live(resolved: Resolved, level: Level, mut wishes: UnboundedReceiver<Wish>) -> Result<(), Failure> {
    let started_at = clock::wall();
    let zones = Arc::new(resolved.configuration.tzdb.clone());
    announce(&resolved, &zones);
    let listening = listener::listen(&resolved.socket)?;
    let _unlink = listener::Unlink(resolved.socket.clone());
    let settings = &resolved.configuration.settings;
    let remote = match resolved.given.listen.or(settings.listen) {
        Some(address) => Some(tcp::listen(address, &settings.tokens).await?),
        None => None,
    };
    let running = start(&resolved, &zones)?;
    let definitions = Arc::new(Definitions::new(&resolved, Arc::clone(&zones), running.handle.clone(), level));
    let watch = Watch::begin(Arc::clone(&definitions), &resolved.state_dir);
    let Resolved { state_dir, socket, .. } = resolved;
    let (chores, housekeeping) = Housekeeping::new(definitions.in_force(), &state_dir, running.handle.clone());
    drop(tokio::spawn(chores.follow()));
    let readiness = Arc::new(api::Readiness::default());
    let surface = Surface {
        listening,
        remote,
        state_dir,
        started_at,
        zones,
        definitions: Arc::clone(&definitions),
        housekeeping,
        metrics: Arc::clone(&running.metrics),
        runner: running.runner.clone(),
        readiness: Arc::clone(&readiness),
    };
    let (stop_api, api_stopped) = oneshot::channel::<()>();
    let told = match surface.serve(running.handle.clone(), api_stopped) {
        Ok(serving) => {
            drop(tokio::spawn(serving));
            let (first, loaded) = (Arc::clone(&definitions), Arc::clone(&readiness));
            let load = async move {
                let is_loaded = first.start().await;
                if is_loaded {
                    loaded.loaded();
                    tracing::info!(socket = %socket.display(), "ready");
                    watch.follow().await;
                }
            };
            drop(tokio::spawn(load));
            until_told(&running, &mut wishes, &definitions).await
        }
        Err(failure) => Err(failure),
    };
    readiness.draining();
    // Of an engine that has ended this asks nothing.
    let settings = definitions.in_force().borrow().settings.clone();
    let timeout = settings.drain_timeout;
    let drained = match on_stop(&settings) {
        OnStop::Leave => {
            leave(&running, &mut wishes, timeout).await;
            Ok(())
        }
        OnStop::Drain => drain(&running, &mut wishes, timeout).await,
    };
    // Dropped or sent, it stops the surface.
    drop(stop_api);
    running.handle.stop();
    let ended = tokio::task::spawn_blocking(move || running.join()).await;
    ended.unwrap_or_else(|error| Err(error.to_string())).map_err(Failure::Engine)?;
    tracing::info!("stopped");
    told.and(drained)
}

/// The first lines of the log.
fn announce(resolved: &Resolved, zones: &Tzdb) {
    for warning in &resolved.configuration.warnings {
        tracing::warn!("{warning}");
    }
    let tzdb = format!("{} ({})", zones.version().unwrap_or("unknown"), zones.source());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), state = %resolved.state_dir.display(), tzdb, "starting");
}

/// Starts the engine and its runner: what was pending goes on.
fn start(resolved: &Resolved, zones: &Arc<Tzdb>) -> Result<Running, Failure> {
    let settings = &resolved.configuration.settings;
    let Limits { max_tasks, catch_up, retention } = reload::limits(settings);
    let restored = resolved.given.restored;
    if restored {
        tracing::warn!("if the store is a backup, nothing in it starts before `campanile ctl resume`");
    }
    Ok(driver::start(Setup {
        state_dir: resolved.state_dir.clone(),
        synchronous: match settings.synchronous {
            Synchronous::Full => store::Synchronous::Full,
            Synchronous::Normal => store::Synchronous::Normal,
        },
        restored,
        settings: Settings {
            zones: Arc::clone(zones),
            max_tasks,
            catch_up,
            retention,
            socket: Some(resolved.socket.display().to_string()),
        },
        runner: Place::Apart { socket: places::runner_socket() },
        runtime: tokio::runtime::Handle::current(),
    })?)
}

/// What the surface is made of.
struct Surface {
    listening: tokio::net::UnixListener,
    remote: Option<(tokio::net::TcpListener, api::Access)>,
    state_dir: std::path::PathBuf,
    started_at: crate::model::timestamp::Timestamp,
    zones: Arc<Tzdb>,
    definitions: Arc<Definitions>,
    housekeeping: watch::Receiver<Vec<Chore>>,
    metrics: Arc<crate::metrics::Metrics>,
    runner: Standing,
    readiness: Arc<api::Readiness>,
}

impl Surface {
    fn serve(
        self,
        handle: Handle,
        stopped: oneshot::Receiver<()>,
    ) -> Result<impl Future<Output = ()> + use<>, Failure> {
        let database = driver::database(&self.state_dir);
        let reader = Reader::open(&database).map_err(|refused| Failure::Engine(refused.to_string()))?;
        let (definitions, definitions_too) = (Arc::clone(&self.definitions), self.definitions);
        let runner = self.runner;
        let folder = self.state_dir.clone();
        let context = api::Context {
            handle,
            reader,
            state_dir: self.state_dir,
            started_at: self.started_at,
            version: env!("CARGO_PKG_VERSION"),
            zones: self.zones,
            reload: Arc::new(move || {
                let definitions = Arc::clone(&definitions);
                Box::pin(to_its_end(async move { definitions.reload(Why::Asked).await }))
            }),
            put: Arc::new(move |job| {
                let (definitions, folder) = (Arc::clone(&definitions_too), folder.clone());
                Box::pin(to_its_end(async move { put::put(&definitions, folder, job).await }))
            }),
            housekeeping: self.housekeeping,
            metrics: self.metrics,
            why_no_runner: Arc::new(move || runner.why_none()),
            readiness: self.readiness,
        };
        let (context, listening) = (Arc::new(context), self.listening);
        let (stopping, is_stopping) = watch::channel(());
        if let Some((listener, access)) = self.remote {
            let (context, mut is_stopping) = (Arc::clone(&context), is_stopping.clone());
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, tokens = access.tokens.len(), "listening");
            }
            let stopped = async move { while is_stopping.changed().await.is_ok() {} };
            drop(tokio::spawn(async move {
                if let Err(error) = api::serve((listener, access), context, stopped).await {
                    tracing::error!(%error, "the address is not served any more");
                }
            }));
        }
        Ok(async move {
            let stopped = async move {
                drop(stopped.await);
                drop(stopping);
            };
            if let Err(error) = api::serve(listening, context, stopped).await {
                tracing::error!(%error, "the socket is not served any more");
            }
        })
    }
}

/// What is begun is done, though whoever asked for it may go away.
async fn to_its_end<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Refused> + Send + 'static,
{
    let failed = |error| Refused::Internal { what: format!("what was asked for was not done: {error}") };
    tokio::spawn(work).await.unwrap_or_else(|error| Err(failed(error).into()))
}

/// Serves wishes until one is to stop; an error is an engine that has ended by itself.
async fn until_told(
    running: &Running,
    wishes: &mut UnboundedReceiver<Wish>,
    definitions: &Arc<Definitions>,
) -> Result<(), Failure> {
    let mut engine = running.live.clone();
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                Some(Wish::Reload) => {
                    if let Err(refused) = definitions.reload(Why::Asked).await {
                        tracing::error!("the definitions are not loaded: {refused}");
                    }
                }
                Some(Wish::Stop) | None => return Ok(()),
            },
            ended = gone(&mut engine) => return Err(ended),
        }
    }
}

async fn gone(engine: &mut watch::Receiver<Live>) -> Failure {
    while engine.changed().await.is_ok() {}
    Failure::Engine("its disk failed, or it met a bug".to_owned())
}

/// Process 1 takes all others with it, in a container most of all.
fn on_stop(settings: &settings::Settings) -> OnStop {
    settings.on_stop.unwrap_or(if std::process::id() == 1 { OnStop::Drain } else { OnStop::Leave })
}

/// Claims nothing more, and leaves processes to the runner. Requests, which end with us, are waited for until somebody
/// signals again; what is cut off then is interrupted, and made again by the next daemon where that may be.
async fn leave(running: &Running, wishes: &mut UnboundedReceiver<Wish>, timeout: Duration) {
    let Live { processes, requests } = *running.live.borrow();
    tracing::info!(processes, requests, timeout = %timeout, "stopping: nothing more is claimed; processes go on");
    let ended = async {
        running.insist(Command::Drain).await;
        let _ = tokio::time::timeout(timeout.to_std(), running.requests_done()).await;
    };
    tokio::select! {
        () = ended => {}
        () = told_again(wishes) => {}
    }
}

/// Claims nothing more, waits for what runs, then interrupts what is left. Its own grace is all that a process is given
/// then, however long that is; whoever signals again wants it killed. An error is one that would not die.
async fn drain(running: &Running, wishes: &mut UnboundedReceiver<Wish>, timeout: Duration) -> Result<(), Failure> {
    tracing::info!(timeout = %timeout, "stopping: nothing more is claimed; a second signal stops at once");
    let ended = async {
        running.insist(Command::Drain).await;
        let _ = tokio::time::timeout(timeout.to_std(), running.idle()).await;
        let Live { processes, requests } = *running.live.borrow();
        if processes + requests > 0 {
            tracing::info!(processes, requests, "interrupting what still runs; it goes on with the next daemon");
            running.insist(Command::Interrupt { grace: None }).await;
            // One that is only being replaced is back by then, and interrupts what it finds.
            while tokio::time::timeout(RUNNER_WITHIN.to_std(), running.idle()).await.is_err() {
                if let Some(why) = running.runner.why_none() {
                    tracing::warn!("what still runs cannot be ended: {why}");
                    break;
                }
            }
        }
    };
    tokio::select! {
        () = ended => return Ok(()),
        () = told_again(wishes) => tracing::info!("killing what still runs; it goes on with the next daemon"),
    }
    match running.kill().await {
        0 => Ok(()),
        n_left => Err(Failure::Engine(format!("{n_left} processes could not be ended"))),
    }
}

/// Returns when somebody asks to stop once more.
async fn told_again(wishes: &mut UnboundedReceiver<Wish>) {
    loop {
        match wishes.recv().await {
            Some(Wish::Stop) => return,
            Some(Wish::Reload) => {}
            None => std::future::pending().await,
        }
    }
}
