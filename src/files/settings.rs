//! The daemon's own configuration, `campanile.toml`, read with the same diagnostics as jobs. Settings say what the daemon
//! is to do; what the command line says goes before them, and neither is decided here.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::job::pools::MAX_SIZE;
use super::keys::{CATCH_UP, GLOBAL_HOOK, KEEP, LOG, RETENTION, SETTINGS};
use super::owner::Holder;
use super::reading::{Fields, Reading, item_of};
use super::search::Text;
use super::source::Sources;
use super::suggestion::suggest;
use super::syntax::{Language, Node};
use super::{Defaults, InvalidFile, diagnostics, hook, housekeeping, places, search, syntax, token};
use crate::model::definition::job::is_name;
use crate::model::definition::value::Reference;
use crate::model::definition::{Hook, PoolSizes};
use crate::model::duration::Duration;
use crate::model::invalid::{Fault, Problem};
use crate::model::policy::governor::Pace;
use crate::model::policy::retention::{Keep, Retention};
use crate::tzdb::{Choice, Tzdb};

pub use super::housekeeping::{Backup, Clockwork};

/// The most tasks that may run at once.
const MAX_TASKS: u32 = 100_000;
/// How fast catching up may be told to be.
const MAX_CATCH_UP: u32 = 10_000;
/// The most pools that there may be.
const MAX_POOLS: usize = 1_024;
/// The most ended runs of one kind that may be kept.
const MAX_KEPT: i64 = 1_000_000_000_000;

/// What `campanile.toml` says, defaults filled in.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Folders of job files, later ones overriding earlier ones; those of `places` without.
    pub jobs_dirs: Option<Vec<PathBuf>>,
    /// The state folder; that of `places` without.
    pub state_dir: Option<PathBuf>,
    /// The socket; that of `places` without.
    pub socket: Option<PathBuf>,
    /// The zone of schedules that name none; the system's without.
    pub timezone: Option<String>,
    /// Which time zone database is used.
    pub tzdb: Choice,
    /// How many attempts may run at once, over all jobs.
    pub max_tasks: u32,
    /// How much there is of what tasks take by name.
    pub pools: PoolSizes,
    /// What becomes of what runs when the daemon stops; `drain` for process 1 and `leave` for any other without.
    pub on_stop: Option<OnStop>,
    /// How long a stopping daemon waits for what ends with it.
    pub drain_timeout: Duration,
    /// What a commit waits for.
    pub synchronous: Synchronous,
    /// Who says when files are read again.
    pub reload: Reload,
    /// How fast missed due times are caught up, over all jobs.
    pub catch_up: Pace,
    /// How long ended runs are kept.
    pub retention: Retention,
    /// The daemon's own log.
    pub log: Log,
    /// What lies under every job.
    pub defaults: Defaults,
    /// Whom to tell, about any job.
    pub hooks: Vec<Hook>,
    /// Backups of the store.
    pub backup: Option<Backup>,
    /// When the store is read and checked as a whole.
    pub integrity_check: Option<Clockwork>,
    /// Where the API is served over TCP.
    pub listen: Option<SocketAddr>,
    /// Who may ask there.
    pub tokens: Vec<Token>,
}

/// Who may ask over TCP.
#[derive(Clone, PartialEq, Debug)]
pub struct Token {
    /// Whose it is.
    pub name: String,
    /// How it is known.
    pub text: TokenText,
    /// What it allows.
    pub scope: Scope,
}

/// How a token is known.
#[derive(Clone, PartialEq, Debug)]
pub enum TokenText {
    /// By its SHA-256.
    Hash([u8; 32]),
    /// By where it is found.
    Reference(Reference),
}

/// What a token allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// Questions.
    #[default]
    Read,
    /// Starting, stopping and pausing jobs and runs too.
    Operate,
    /// Everything.
    Admin,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            jobs_dirs: None,
            state_dir: None,
            socket: None,
            timezone: None,
            tzdb: Choice::default(),
            max_tasks: 32,
            pools: PoolSizes::new(),
            on_stop: None,
            drain_timeout: Duration::from_secs(30),
            synchronous: Synchronous::default(),
            reload: Reload::default(),
            catch_up: Pace::default(),
            retention: Retention::default(),
            log: Log::default(),
            defaults: Defaults::default().with_pools(PoolSizes::new()),
            hooks: Vec::new(),
            backup: None,
            integrity_check: None,
            listen: None,
            tokens: Vec::new(),
        }
    }
}

impl Settings {
    /// The folders of job files: those that the configuration at `config` names, or else those that belong to it.
    pub fn folders(&self, config: &Path) -> Vec<PathBuf> {
        self.jobs_dirs.clone().unwrap_or_else(|| places::jobs_dirs(config))
    }

    /// The zone of schedules that name none: the one that is set, or else the system's.
    pub fn zone(&self, tzdb: &Tzdb) -> String {
        self.timezone.clone().unwrap_or_else(|| tzdb.system_zone())
    }
}

/// What a commit waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Synchronous {
    /// Until the disk has it: a power cut loses nothing.
    #[default]
    Full,
    /// Until the kernel has it: a power cut may lose the last commits, and harms nothing else.
    Normal,
}

/// What becomes of what runs when the daemon stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnStop {
    /// Processes go on, and the next daemon finds them.
    Leave,
    /// They are waited for, then interrupted.
    Drain,
}

/// Who says when files are read again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reload {
    /// Whatever changes is read.
    #[default]
    Auto,
    /// Files are read when somebody asks for it.
    Manual,
}

/// The daemon's own log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// How a line is written.
    pub format: LogFormat,
    /// The least important thing that is written.
    pub level: LogLevel,
}

/// How a line of the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How important a line of the log is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// Why it happens.
    Debug,
    /// Everything.
    Trace,
}

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// What it says.
    pub settings: Settings,
    /// The zone database that it asks for.
    pub tzdb: Tzdb,
    /// What it allows and most likely does not mean.
    pub warnings: Vec<Problem>,
}

impl Default for Configuration {
    fn default() -> Self {
        // `auto` always finds zones: those in the binary, if nothing else.
        Configuration {
            settings: Settings::default(),
            tzdb: Tzdb::open(&Choice::Auto).unwrap_or_else(|_| Tzdb::bundled()),
            warnings: Vec::new(),
        }
    }
}

impl Configuration {
    /// What counts where none can be read: the defaults, and nothing is known of pools.
    pub fn unread() -> Self {
        let settings = Settings { defaults: Defaults::default(), ..Settings::default() };
        Configuration { settings, ..Configuration::default() }
    }
}

/// Reads the file at `path`, and opens the zone database that it asks for. If the file was not `given` by anybody, its
/// absence means defaults.
pub fn load(path: &Path, given: bool) -> Result<Configuration, InvalidFile> {
    let absent = fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let nothing = Text { bytes: Vec::new(), holder: Holder::Unknown };
    let text = if absent && !given { Ok(nothing) } else { search::text(path, None) };
    let invalid = |problems| InvalidFile { path: path.display().to_string(), job: None, problems };
    match text {
        Ok(text) => read(path, &text).map_err(invalid),
        Err(fault) => Err(invalid(vec![diagnostics::problem(path, &[], &fault)])),
    }
}

fn read(path: &Path, Text { bytes, holder }: &Text) -> Result<Configuration, Vec<Problem>> {
    let (text, document) =
        syntax::parse(bytes, Language::Toml).map_err(|fault| vec![diagnostics::problem(path, bytes, &fault)])?;
    let mut sources = Sources::default();
    sources.add(path, text, Language::Toml, *holder);
    let reading = Reading::new(&sources, document.faults);
    let beside = path.parent().unwrap_or(Path::new(""));
    let settings = settings(&reading, &document.root, beside);
    let tzdb = settings.as_ref().and_then(|(settings, fields)| zones(fields, settings));
    let settings = settings.map(|(mut settings, fields)| {
        let defaults = defaults(&fields, path, tzdb.as_ref(), &settings).held_by(*holder);
        settings.defaults = defaults.with_pools(settings.pools.clone());
        settings
    });
    let (faults, warnings) = reading.told();
    match (settings, tzdb) {
        (Some(settings), Some(tzdb)) if faults.is_empty() => {
            Ok(Configuration { settings, tzdb, warnings: sources.problems(warnings) })
        }
        _ => Err(sources.problems(faults)),
    }
}

fn zones(fields: &Fields<'_>, settings: &Settings) -> Option<Tzdb> {
    let tzdb = match Tzdb::open(&settings.tzdb) {
        Ok(tzdb) => tzdb,
        Err(error) => {
            let at = fields.get("tzdb").map_or((0, 0), |node| node.span);
            fields.reading.fault(Fault::new(at, error.to_string()));
            return None;
        }
    };
    if let (Some(name), Some(node)) = (&settings.timezone, fields.get("timezone"))
        && let Err(fault) = (super::Zones { tzdb: &tzdb, default: name }).get(name, node.span)
    {
        fields.reading.fault(fault);
    }
    Some(tzdb)
}

/// Zones that are unknown were reported, or cannot be told apart from those that are known.
fn defaults(fields: &Fields<'_>, path: &Path, tzdb: Option<&Tzdb>, settings: &Settings) -> Defaults {
    let (Some(node), Some(tzdb)) = (fields.get("defaults"), tzdb) else { return Defaults::default() };
    let zone = settings.zone(tzdb);
    let zones = super::Zones { tzdb, default: &zone };
    Defaults::read(fields.reading, node, path, zones).unwrap_or_default()
}

fn settings<'a>(reading: &'a Reading<'a>, root: &'a Node, beside: &Path) -> Option<(Settings, Fields<'a>)> {
    let fields = Fields::open(reading, "the file", root, &SETTINGS)?;
    let base = Settings::default();
    let dirs = fields.texts("jobs_dirs").map(|items| {
        items.iter().filter_map(|(text, node)| folder(reading, &item_of("jobs_dirs"), text, node, beside)).collect()
    });
    let path = |key| folder(reading, &format!("`{key}`"), fields.text(key)?, fields.get(key)?, beside);
    let words = [("full", Synchronous::Full), ("normal", Synchronous::Normal)];
    let settings = Settings {
        jobs_dirs: dirs,
        state_dir: path("state_dir"),
        socket: path("socket"),
        timezone: fields.full_text("timezone").map(str::to_owned),
        tzdb: zone_data(&fields, beside),
        max_tasks: fields.count("max_tasks", MAX_TASKS).unwrap_or(base.max_tasks),
        pools: fields.get("pools").map(|node| pools(reading, node)).unwrap_or_default(),
        on_stop: fields.word("on_stop", &[("leave", OnStop::Leave), ("drain", OnStop::Drain)], &[]),
        drain_timeout: fields.duration("drain_timeout").unwrap_or(base.drain_timeout),
        synchronous: fields.word("synchronous", &words, &["off", "extra"]).unwrap_or_default(),
        reload: fields.word("reload", &[("auto", Reload::Auto), ("manual", Reload::Manual)], &[]).unwrap_or_default(),
        catch_up: fields.get("catch_up").and_then(|node| catch_up(reading, node)).unwrap_or_default(),
        retention: fields.get("retention").and_then(|node| retention(reading, node)).unwrap_or_default(),
        log: fields.get("log").and_then(|node| log(reading, node)).unwrap_or_default(),
        defaults: base.defaults,
        hooks: hook::read(&fields, &GLOBAL_HOOK),
        backup: fields.get("backup").and_then(|node| housekeeping::backup(reading, node, beside)),
        integrity_check: fields.get("integrity_check").and_then(|node| housekeeping::check(reading, node)),
        listen: address(&fields),
        tokens: fields.get("tokens").map(|node| token::read(reading, node)).unwrap_or_default(),
    };
    Some((settings, fields))
}

fn pools(reading: &Reading<'_>, node: &Node) -> PoolSizes {
    let entries = reading.table("pools", node).unwrap_or_default();
    if entries.len() > MAX_POOLS {
        reading.fault(Fault::new(node.span, format!("there are at most {MAX_POOLS} pools")));
    }
    let mut sizes = PoolSizes::new();
    for entry in entries.iter().take(MAX_POOLS) {
        let name = entry.key.as_str();
        if !is_name(name) {
            let message = format!("`{name}` is not a pool's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`");
            reading.fault(Fault::new(entry.key_span, message));
        }
        let size = reading.integer(name, &entry.node, 1..=i64::from(MAX_SIZE));
        if let Some(size) = size.and_then(|size| u32::try_from(size).ok()) {
            sizes.insert(name.to_owned(), size);
        }
    }
    sizes
}

fn address(fields: &Fields<'_>) -> Option<SocketAddr> {
    let text = fields.full_text("listen")?;
    let parsed = text.parse();
    if let (Err(_), Some(node)) = (&parsed, fields.get("listen")) {
        let fault = Fault::new(node.span, format!("`listen` must be an address and a port, found `{text}`"));
        fields.reading.fault(fault.hint("write \"127.0.0.1:7070\", or \"[::1]:7070\""));
    }
    parsed.ok()
}

/// The path, where a relative one lies beside the configuration.
pub(super) fn folder(reading: &Reading<'_>, name: &str, text: &str, node: &Node, beside: &Path) -> Option<PathBuf> {
    if text.is_empty() || text.starts_with('~') {
        let fault = Fault::new(node.span, format!("{name} must be a path, found `{text}`"));
        reading.fault(fault.hint("write it out; a relative path lies beside this file"));
        return None;
    }
    Some(beside.join(text))
}

fn zone_data(fields: &Fields<'_>, beside: &Path) -> Choice {
    match fields.full_text("tzdb") {
        None | Some("auto") => Choice::Auto,
        Some("system") => Choice::System,
        Some("bundled") => Choice::Bundled,
        Some(path) if path.contains('/') => Choice::Folder(beside.join(path)),
        Some(word) => {
            let at = fields.get("tzdb").map_or((0, 0), |node| node.span);
            let message = format!("`tzdb` must be `auto`, `system`, `bundled` or a path, found `{word}`");
            fields.reading.fault(suggest(Fault::new(at, message), word, &["auto", "system", "bundled"]));
            Choice::Auto
        }
    }
}

fn catch_up(reading: &Reading<'_>, node: &Node) -> Option<Pace> {
    let fields = Fields::open(reading, "catch_up", node, &CATCH_UP)?;
    let base = Pace::default();
    Some(Pace {
        starts_per_minute: fields.count("starts_per_minute", MAX_CATCH_UP).unwrap_or(base.starts_per_minute),
        max_runs: fields.count("max_runs", MAX_CATCH_UP).unwrap_or(base.max_runs),
    })
}

fn retention(reading: &Reading<'_>, node: &Node) -> Option<Retention> {
    let fields = Fields::open(reading, "retention", node, &RETENTION)?;
    let base = Retention::default();
    let keep = |key: &str, base: Keep| {
        let node = fields.get(key)?;
        let fields = Fields::open(reading, key, node, &KEEP)?;
        let max_count = fields.integer("max_count", 0..=MAX_KEPT).and_then(|count| u64::try_from(count).ok());
        Some(Keep {
            max_age: fields.duration("max_age").unwrap_or(base.max_age),
            max_count: max_count.unwrap_or(base.max_count),
        })
    };
    Some(Retention {
        completed: keep("completed", base.completed).unwrap_or(base.completed),
        failed: keep("failed", base.failed).unwrap_or(base.failed),
        cancelled: keep("cancelled", base.cancelled).unwrap_or(base.cancelled),
    })
}

fn log(reading: &Reading<'_>, node: &Node) -> Option<Log> {
    let fields = Fields::open(reading, "log", node, &LOG)?;
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let format = fields.word("format", &formats, &["journald", "logfmt"]).unwrap_or_default();
    Some(Log { format, level: fields.word("level", &levels, &[]).unwrap_or_default() })
}
