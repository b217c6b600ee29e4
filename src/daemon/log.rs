//! The daemon's own log: lines for people or JSON objects, on stderr, where a service manager takes them.

use std::io;

use tracing_subscriber::filter::LevelFilter;

use crate::files::settings::{Log, LogFormat, LogLevel};

/// Begins logging. Called once; a second call changes nothing.
pub(super) fn begin(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    let begun = match log.format {
        LogFormat::Text => builder.with_ansi(is_coloured()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A subscriber that is there already belongs to whoever embeds us.
    drop(begun);
}

fn is_coloured() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}
