//! The daemon's own log: lines for people or JSON objects, on stderr, where a service manager takes them.

use std::io;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::files::settings::{Log, LogFormat, LogLevel};

/// Sets how important a line must be to be written.
pub(super) struct Level(reload::Handle<LevelFilter, Registry>);

impl Level {
    pub(super) fn set(&self, level: LogLevel) {
        // Of a log that belongs to somebody else the level is not ours to set.
        drop(self.0.reload(filter(level)));
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Begins logging. Called once; a second call changes nothing.
pub(super) fn begin(log: &Log) -> Level {
    let (level, handle) = reload::Layer::new(filter(log.level));
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let registry = tracing_subscriber::registry().with(level);
    let begun = match log.format {
        LogFormat::Text => registry.with(lines.with_ansi(is_coloured())).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    // A subscriber that is there already belongs to whoever embeds us.
    drop(begun);
    Level(handle)
}

fn is_coloured() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}
