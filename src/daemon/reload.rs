//! Reads the configuration and the definitions, and brings the engine to them: at the start, when a file has changed, on
//! SIGHUP, and when a client asks. One reload at a time; a file that is as it was is not read again.
//!
//! What is wrong changes nothing: a job file leaves its last good revision in force, and `campanile.toml` leaves all that
//! it said before. Both are then among the invalid files that `ctl status` names. What of `campanile.toml` only counts
//! when a daemon starts is compared with what this one started with, and named.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::heap;
use super::log::Level;
use super::settings::{Folders, Given, Resolved};
use super::watch::{AGAIN, passed};
use crate::engine::{self, Answer, Command, Handle, Limits, Load, Loaded, LoadedJob};
use crate::files::settings::{Configuration, Settings};
use crate::files::{self, Fingerprint, Found, InvalidFile, Known};
use crate::model::definition::ReadFiles;
use crate::model::refused::Refused;
use crate::query::{self, Reader};
use crate::tzdb::Tzdb;
use crate::wire::request::Reloaded;
use crate::{clock, driver};

/// Ourselves, whatever has become of the file since we started; and who is who.
const MEANT: [&str; 3] = ["/proc/self/exe", "/etc/passwd", "/etc/group"];

/// What it takes to read so many jobs is worth giving back.
const MANY: usize = 1_000;

/// Why files are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    Start,
    Asked,
    /// They may have changed; if they have not, nothing is done.
    Noticed,
}

/// What is in force; whoever acts on it watches it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct InForce {
    pub(super) settings: Settings,
    pub(super) folders: Folders,
    pub(super) config: PathBuf,
}

/// Reads what people write.
pub(super) struct Definitions {
    /// What is known of the files; held while they are read.
    book: Arc<Mutex<Book>>,
    in_force: watch::Sender<InForce>,
    handle: Handle,
    level: Level,
}

/// What was read, and when to read again.
struct Book {
    given: Given,
    state_dir: PathBuf,
    zones: Arc<Tzdb>,
    /// What the daemon started with.
    started: Settings,
    in_force: InForce,
    known: Known,
    seen: Fingerprint,
    /// What was read last is in force. Whatever ends a reload before that (a full disk, a panic, a caller who went away)
    /// leaves this `false`, and the next one reads everything.
    is_settled: bool,
}

/// What one reading has found.
struct Reading {
    load: Load,
    needs_restart: Vec<String>,
}

impl Definitions {
    pub(super) fn new(resolved: &Resolved, zones: Arc<Tzdb>, handle: Handle, level: Level) -> Self {
        let settings = resolved.configuration.settings.clone();
        let (folders, config) = (resolved.folders.clone(), resolved.config.clone());
        let in_force = InForce { settings: settings.clone(), folders, config };
        let book = Book {
            given: resolved.given.clone(),
            state_dir: resolved.state_dir.clone(),
            zones,
            started: settings,
            in_force: in_force.clone(),
            known: Known::default(),
            seen: Fingerprint::default(),
            is_settled: false,
        };
        let (in_force, _) = watch::channel(in_force);
        Definitions { book: Arc::new(Mutex::new(book)), in_force, handle, level }
    }

    /// What is in force, now and later.
    pub(super) fn in_force(&self) -> watch::Receiver<InForce> {
        self.in_force.subscribe()
    }

    /// Nobody reads until what is returned is dropped; whoever has it may change files without being seen halfway.
    pub(super) async fn hold(&self) -> Held {
        Held(Arc::clone(&self.book).lock_owned().await)
    }

    /// Loads what is to be in force at the start, as soon as that can be written. `false` if the daemon stops before.
    pub(super) async fn start(&self) -> bool {
        loop {
            match self.reload(Why::Start).await {
                Ok(_) => return true,
                Err(Refused::Stopping) => return false,
                Err(refused) => tracing::error!("the definitions are not loaded: {refused}"),
            }
            passed(AGAIN).await;
        }
    }

    /// Reads everything and loads it.
    pub(super) async fn reload(&self, why: Why) -> Result<Reloaded, Refused> {
        let held = self.hold().await;
        self.reload_held(why, held).await
    }

    /// The same, for who holds them.
    pub(super) async fn reload_held(&self, why: Why, Held(book): Held) -> Result<Reloaded, Refused> {
        let (mut book, reading) = away(book, move |book| book.read(why)).await?;
        let Some(Reading { load, needs_restart }) = reading else { return Ok(Reloaded::default()) };
        let mut n_read = load.jobs.len();
        let mut loaded = self.load(load).await?;
        if !loaded.unknown.is_empty() {
            // The engine left out what it could not take; it gets all of it once more.
            let (again, reading) = away(book, move |book| book.read(Why::Asked)).await?;
            book = again;
            if let Some(Reading { load, .. }) = reading {
                n_read += load.jobs.len();
                let more = self.load(load).await?;
                loaded.changed.extend(more.changed);
                loaded.n_unchanged = more.n_unchanged;
                loaded.unknown = more.unknown;
            }
        }
        book.is_settled = loaded.unknown.is_empty();
        self.level.set(book.in_force.settings.log.level);
        self.in_force.send_if_modified(|seen| {
            let is_new = *seen != book.in_force;
            *seen = book.in_force.clone();
            is_new
        });
        drop(book);
        if n_read >= MANY || why == Why::Start {
            drop(tokio::task::spawn_blocking(heap::give_back));
        }
        for what in &needs_restart {
            tracing::warn!("`{what}` was changed in the configuration; it counts when the daemon starts again");
        }
        tracing::info!(
            changed = loaded.changed.len(),
            unchanged = loaded.n_unchanged,
            retired = loaded.retired.len(),
            invalid = loaded.n_invalid,
            read = n_read,
            "definitions are loaded"
        );
        let Loaded { changed, retired, n_unchanged, n_invalid, .. } = loaded;
        Ok(Reloaded { changed, retired, n_unchanged, n_invalid, needs_restart })
    }

    async fn load(&self, load: Load) -> Result<Loaded, Refused> {
        let answer = self.handle.ask(Command::Load(Box::new(load)))?.await.map_err(|_| Refused::Stopping)??;
        match answer {
            Answer::Loaded(loaded) => Ok(loaded),
            Answer::Done | Answer::Started { .. } | Answer::Submitted(_) | Answer::Backfilled(_) | Answer::Again(_) => {
                Err(Refused::Internal { what: "a load was answered with something else".to_owned() })
            }
        }
    }
}

/// The right to change and to read definitions.
pub(super) struct Held(OwnedMutexGuard<Book>);

impl Held {
    /// What is in force.
    pub(super) fn in_force(&self) -> &InForce {
        &self.0.in_force
    }

    /// The zones that definitions are read in.
    pub(super) fn zones(&self) -> (Arc<Tzdb>, String) {
        (Arc::clone(&self.0.zones), self.0.zone())
    }
}

async fn away<T: Send + 'static>(
    mut book: OwnedMutexGuard<Book>,
    work: impl FnOnce(&mut Book) -> T + Send + 'static,
) -> Result<(OwnedMutexGuard<Book>, T), Refused> {
    let work = tokio::task::spawn_blocking(move || {
        let result = work(&mut book);
        (book, result)
    });
    work.await.map_err(|error| Refused::Internal { what: format!("reading definitions: {error}") })
}

impl Book {
    fn zone(&self) -> String {
        self.in_force.settings.zone(&self.zones)
    }

    fn look(&self) -> Fingerprint {
        files::fingerprint(&self.in_force.folders.dirs, &self.in_force.config)
    }

    /// What is to be loaded; nothing if nothing has changed and nobody asks.
    fn read(&mut self, why: Why) -> Option<Reading> {
        // Before anything is read: what changes while we read is seen the next time.
        let seen = self.look();
        if why == Why::Noticed && self.is_settled && seen == self.seen {
            return None;
        }
        let is_settled = std::mem::replace(&mut self.is_settled, false);
        if why == Why::Start {
            self.known = self.recall();
        } else if !is_settled {
            self.known.forget();
        }
        let mut needs_restart = Vec::new();
        // At the start it was read a moment ago, and it was right.
        let wrong = if why == Why::Start { None } else { self.read_configuration(&mut needs_restart) };
        // The folders may be others now, and then they are looked at once more.
        self.seen = seen;
        let zone = self.zone();
        let zones = files::Zones { tzdb: &self.zones, default: &zone };
        let dirs = &self.in_force.folders.dirs;
        let defaults = &self.in_force.settings.defaults;
        let put = Folders::put(&self.state_dir);
        let mut found = files::load_changed(defaults, dirs, Some(&put), zones, clock::wall(), &mut self.known);
        found.hold_to_owners();
        for dir in self.in_force.folders.missing() {
            let problem = files::diagnostics::whole_file(dir, "the folder does not exist", None);
            found.invalid.push(InvalidFile { path: problem.path.clone(), job: None, problems: vec![problem] });
            found.incomplete = true;
        }
        found.invalid.extend(wrong);
        for problem in found.invalid.iter().flat_map(|file| &file.problems) {
            tracing::warn!("{problem}");
        }
        for warning in found.jobs.iter().flat_map(|job| &job.warnings).chain(&found.warnings) {
            tracing::warn!("{warning}");
        }
        for job in found.jobs.iter_mut().filter(|job| Path::new(&job.source).starts_with(&put)) {
            job.definition.call_public_only();
        }
        let files = self.known.take_news(self.under());
        Some(Reading { load: load(found, files, &self.in_force.settings, why), needs_restart })
    }

    /// What the daemon before us knew of the files, if it would have understood them as we do.
    fn recall(&self) -> Known {
        let database = driver::database(&self.state_dir);
        match Reader::open(&database).and_then(|reader| query::read_file::all(&reader, &self.under())) {
            Ok(files) => Known::recalled(files),
            Err(refused) => {
                tracing::warn!("all files are read again: {refused}");
                Known::default()
            }
        }
    }

    /// What files mean, and what they may ask for, depends on what is in them and on this.
    fn under(&self) -> String {
        let stamp = |path| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
        };
        let program = (env!("CARGO_PKG_VERSION"), nix::unistd::geteuid().as_raw(), MEANT.map(stamp));
        let zones = (self.zones.version(), self.zones.source(), self.zone());
        let all = (program, zones, &self.in_force.settings.defaults);
        Sha256::digest(format!("{all:?}")).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Brings what `campanile.toml` now says into force, as far as that can be without a start.
    fn read_configuration(&mut self, needs_restart: &mut Vec<String>) -> Option<InvalidFile> {
        let config = &self.in_force.config;
        let Configuration { mut settings, warnings, .. } =
            match files::settings::load(config, self.given.config.is_some()) {
                Ok(read) => read,
                Err(wrong) => return Some(wrong),
            };
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        needs_restart.extend(only_at_start(&self.given, &self.started, &settings));
        if settings.timezone.as_ref().is_some_and(|zone| self.zones.get(zone).is_none()) {
            needs_restart.push("timezone".to_owned());
            settings.timezone.clone_from(&self.in_force.settings.timezone);
        }
        match self.given.folders(&settings, config, &self.state_dir) {
            Ok(folders) => self.in_force.folders = folders,
            Err(failure) => tracing::warn!("{failure}"),
        }
        // What files mean depends on it.
        if settings.zone(&self.zones) != self.zone() || settings.defaults != self.in_force.settings.defaults {
            self.known.forget();
        }
        self.in_force.settings = settings;
        None
    }
}

/// The settings that differ from those the daemon started with, and that only a start brings into force.
fn only_at_start(given: &Given, started: &Settings, now: &Settings) -> Vec<String> {
    let differs = [
        ("state_dir", given.state.is_none() && started.state_dir != now.state_dir),
        ("socket", given.socket.is_none() && started.socket != now.socket),
        ("synchronous", started.synchronous != now.synchronous),
        ("tzdb", started.tzdb != now.tzdb),
        ("listen", given.listen.is_none() && started.listen != now.listen),
        ("tokens", started.tokens != now.tokens),
        ("log.format", started.log.format != now.log.format),
    ];
    differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect()
}

fn load(found: Found, files: ReadFiles, settings: &Settings, why: Why) -> Load {
    let job = |job: files::FoundJob| LoadedJob {
        origins: job.origins_json(),
        name: job.name,
        source: job.source,
        definition: job.definition,
    };
    let invalid = |file: InvalidFile| engine::InvalidFile { path: file.path, job: file.job, problems: file.problems };
    Load {
        jobs: found.jobs.into_iter().map(job).collect(),
        invalid: found.invalid.into_iter().map(invalid).collect(),
        unchanged: found.unchanged,
        files,
        hooks: settings.hooks.clone(),
        limits: Some(limits(settings)),
        pools: Some(settings.pools.clone()),
        is_incomplete: found.incomplete,
        at_start: why == Why::Start,
    }
}

/// What the engine is held to.
pub(super) fn limits(settings: &Settings) -> Limits {
    Limits {
        max_tasks: usize::try_from(settings.max_tasks).unwrap_or(usize::MAX),
        catch_up: settings.catch_up,
        retention: settings.retention,
    }
}
