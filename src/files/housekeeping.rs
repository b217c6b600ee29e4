//! What an operator schedules in `campanile.toml` for the store itself: `[backup]` and `[integrity_check]`. Their times
//! are plain cron fields in UTC, because what keeps them is apart from the engine and knows neither zones nor catch-up.

use std::path::{Path, PathBuf};

use super::keys::{BACKUP, INTEGRITY_CHECK};
use super::reading::{Fields, Reading};
use super::settings::folder;
use super::syntax::Node;
use crate::model::invalid::Fault;
use crate::model::time::cron::Cron;

/// The most backups that are kept.
const MAX_KEPT: u32 = 10_000;
/// How many are kept without a word about it.
const KEPT: u32 = 7;
/// Names for fields that this understands.
const NAMED: [(&str, &str); 6] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

/// Times, as six cron fields in UTC, the seconds first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clockwork(pub String);

/// When the store is copied, and where to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Backup {
    /// When.
    pub cron: Clockwork,
    /// The folder that holds the copies.
    pub dir: PathBuf,
    /// How many are kept, the newest.
    pub keep: u32,
}

pub(super) fn backup(reading: &Reading<'_>, node: &Node, beside: &Path) -> Option<Backup> {
    let fields = Fields::open(reading, "backup", node, &BACKUP)?;
    let cron = clockwork(&fields);
    let dir = match (fields.get("dir"), fields.text("dir")) {
        (Some(node), Some(text)) => folder(reading, "`dir`", text, node, beside),
        (Some(_), None) => None,
        (None, _) => {
            let fault = Fault::new(fields.span, "`backup` needs `dir`, the folder that holds the copies");
            reading.fault(fault.hint("name one on another disk"));
            None
        }
    };
    let keep = fields.count("keep", MAX_KEPT).unwrap_or(KEPT);
    Some(Backup { cron: cron?, dir: dir?, keep })
}

pub(super) fn check(reading: &Reading<'_>, node: &Node) -> Option<Clockwork> {
    clockwork(&Fields::open(reading, "integrity_check", node, &INTEGRITY_CHECK)?)
}

fn clockwork(fields: &Fields<'_>) -> Option<Clockwork> {
    let reading = fields.reading;
    let Some(node) = fields.get("cron") else {
        let fault = Fault::new(fields.span, "`cron` is missing: it says when, in UTC");
        reading.fault(fault.hint("write `cron = \"0 3 * * *\"`"));
        return None;
    };
    let text = fields.full_text("cron")?.trim();
    let text = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map_or(text, |(_, meaning)| meaning);
    if let Err(faults) = Cron::parse(text, "") {
        for mut fault in faults {
            fault.at = reading.within(node, fault.at);
            reading.fault(fault);
        }
        return None;
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_digit() && !matches!(c, ' ' | '\t' | '*' | ',' | '-' | '/')) {
        let fault = Fault::new(node.span, format!("`{odd}` is for schedules of jobs; here are plain fields only"));
        reading.fault(fault.hint("write numbers, `*`, `,`, `-` and `/`"));
        return None;
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let seconds = if fields.len() == 5 { "0 " } else { "" };
    Some(Clockwork(format!("{seconds}{}", fields.join(" "))))
}
