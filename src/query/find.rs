//! What people mean when they name a run or a task: a whole id, the beginning or end of one (at least 4 hex digits),
//! `JOB#N`, `JOB` or `JOB@latest` for its latest run, or `JOB@-1` for the one before that. A job's name goes before a piece
//! of an id: names are chosen, ids are not. What fits more than one is refused with those that it fits.

use rusqlite::{OptionalExtension, Transaction, params};

use super::failure::Failure;
use crate::model::id::{RunId, TaskId};
use crate::model::refused::Refused;

/// Fewer hex digits would fit too much.
const MIN_DIGITS: usize = 4;
/// When more than this fit, people need not know how many.
const MAX_FOUND: usize = 100;
/// How many of them are named.
const MAX_NAMED: usize = 5;
/// How far `JOB@-N` looks back.
const MAX_BACK: i64 = 1_000_000;
/// So many digits are what people are shown of an id. Two of a million ids that end alike by chance are one case in
/// thousands, so the newest that ends so is meant, and the search stops there.
const SHOWN: usize = 8;

const RUN: &str = "SELECT 1 FROM run WHERE id = ?1";

const RUN_OF_NUMBER: &str = "
SELECT id FROM run
 WHERE job_id = (SELECT id FROM job WHERE name = ?1) AND number = ?2";

const LATEST_RUN: &str = "
SELECT id FROM run
 WHERE job_id = (SELECT id FROM job WHERE name = ?1)
 ORDER BY id DESC LIMIT 1";

const RUN_BEFORE: &str = "
SELECT id FROM run
 WHERE job_id = (SELECT id FROM job WHERE name = ?1)
 ORDER BY id DESC LIMIT 1 OFFSET ?2";

const JOB: &str = "SELECT 1 FROM job WHERE name = ?1";

const RUNS_BEGINNING: &str = "SELECT id FROM run WHERE id BETWEEN ?1 AND ?2 LIMIT ?3";

const RUNS_ENDING: &str = "
SELECT id FROM run
 WHERE substr(hex(id), -length(?1)) = ?1
 ORDER BY id DESC LIMIT ?2";

const TASK: &str = "SELECT 1 FROM task WHERE id = ?1";

const TASKS_BEGINNING: &str = "SELECT id FROM task WHERE id BETWEEN ?1 AND ?2 LIMIT ?3";

const TASKS_ENDING: &str = "
SELECT id FROM task
 WHERE substr(hex(id), -length(?1)) = ?1
 ORDER BY id DESC LIMIT ?2";

/// The run that `name` means.
pub(crate) fn run(tx: &Transaction<'_>, name: &str) -> Result<RunId, Failure> {
    if let Some((job, number)) = name.rsplit_once('#') {
        let number: i64 = number.parse().map_err(|_| not_found("run", name))?;
        let found = tx.prepare_cached(RUN_OF_NUMBER)?.query_row(params![job, number], |row| row.get(0)).optional()?;
        return found.map(RunId::from_bytes).ok_or_else(|| not_found("run", name));
    }
    if let Some((job, back)) = name.rsplit_once('@') {
        let back = match (back, back.strip_prefix('-').map(str::parse)) {
            ("latest", _) => 0,
            (_, Some(Ok(back @ 0..=MAX_BACK))) => back,
            _ => return Err(not_found("run", name)),
        };
        let found = tx.prepare_cached(RUN_BEFORE)?.query_row(params![job, back], |row| row.get(0)).optional()?;
        return found.map(RunId::from_bytes).ok_or_else(|| not_found("run", name));
    }
    if let Some(id) = whole(name) {
        let found = tx.prepare_cached(RUN)?.exists([id])?;
        return if found { Ok(RunId::from_bytes(id)) } else { Err(not_found("run", name)) };
    }
    if tx.prepare_cached(JOB)?.exists([name])? {
        let found = tx.prepare_cached(LATEST_RUN)?.query_row([name], |row| row.get(0)).optional()?;
        return found.map(RunId::from_bytes).ok_or_else(|| not_found("run", name));
    }
    piece(tx, "run", name, RUNS_BEGINNING, RUNS_ENDING).map(RunId::from_bytes)
}

/// The task that `name` means.
pub(crate) fn task(tx: &Transaction<'_>, name: &str) -> Result<TaskId, Failure> {
    if let Some(id) = whole(name) {
        let found = tx.prepare_cached(TASK)?.exists([id])?;
        return if found { Ok(TaskId::from_bytes(id)) } else { Err(not_found("task", name)) };
    }
    piece(tx, "task", name, TASKS_BEGINNING, TASKS_ENDING).map(TaskId::from_bytes)
}

/// The id of a `what` that `name` means: a whole id, or its end. Deliveries and backfills are few, and have no index for
/// this; `exists` and `ending` ask for the id, and for the ids that end so.
pub(crate) fn by_end(
    tx: &Transaction<'_>,
    what: &'static str,
    name: &str,
    (exists, ending): (&str, &str),
) -> Result<[u8; 16], Failure> {
    let mut found = Vec::new();
    if let Some(id) = whole(name) {
        found.extend(tx.prepare_cached(exists)?.exists([id])?.then_some(id));
    } else if let Some(digits) = digits(name) {
        let mut statement = tx.prepare_cached(ending)?;
        let rows = statement.query_map([digits], |row| row.get(0))?;
        found = rows.collect::<Result<_, _>>()?;
    }
    only(what, name, found)
}

/// The id that `name` is, written out whole.
pub(crate) fn whole(name: &str) -> Option<[u8; 16]> {
    name.parse::<RunId>().ok().map(|id| *id.as_bytes())
}

pub(crate) fn not_found(what: &'static str, name: &str) -> Failure {
    Failure::Refused(Refused::NotFound { what, name: name.to_owned() })
}

/// The one id among those given, or why it is not one.
fn only(what: &'static str, name: &str, mut found: Vec<[u8; 16]>) -> Result<[u8; 16], Failure> {
    found.sort_unstable();
    found.dedup();
    match *found.as_slice() {
        [] => Err(not_found(what, name)),
        [id] => Ok(id),
        [..] => {
            let candidates = found.iter().rev().take(MAX_NAMED).map(|id| RunId::from_bytes(*id).to_string()).collect();
            Err(Failure::Refused(Refused::Ambiguous { what, name: name.to_owned(), n: found.len(), candidates }))
        }
    }
}

/// The hex digits of a piece of an id, if that is what `name` is.
fn digits(name: &str) -> Option<String> {
    let digits: String = name.chars().filter(|c| *c != '-').collect();
    let fits = (MIN_DIGITS..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| digits.to_ascii_uppercase())
}

fn piece(
    tx: &Transaction<'_>,
    what: &'static str,
    name: &str,
    beginning: &str,
    ending: &str,
) -> Result<[u8; 16], Failure> {
    let Some(digits) = digits(name) else { return Err(not_found(what, name)) };
    let (first, last) = (padded(&digits, '0'), padded(&digits, 'F'));
    let limit = MAX_FOUND as i64;
    let mut found = Vec::new();
    for id in tx.prepare_cached(beginning)?.query_map(params![first, last, limit], |row| row.get(0))? {
        found.push(id?);
    }
    let limit = if digits.len() < SHOWN { limit } else { 1 };
    for id in tx.prepare_cached(ending)?.query_map(params![digits, limit], |row| row.get(0))? {
        found.push(id?);
    }
    only(what, name, found)
}

fn padded(digits: &str, with: char) -> [u8; 16] {
    let padding = std::iter::repeat_n(with, 32 - digits.len());
    let text: String = digits.chars().chain(padding).collect();
    whole(&text).expect("because 32 hex digits are a UUID")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_an_id_is_at_least_four_hex_digits() {
        for (name, expected) in [
            ("0193a7c4", Some("0193A7C4")),
            ("0193a7c4-12", Some("0193A7C412")),
            ("abc", None),
            ("nightly", None),
            ("", None),
            ("0123456789abcdef0123456789abcdef0", None),
        ] {
            assert_eq!(digits(name).as_deref(), expected, "{name}");
        }
    }
}
