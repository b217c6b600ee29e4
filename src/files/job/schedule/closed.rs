//! Reads what closes times to a schedule: `exclude`, `only` and `blackout`. Of calendars the dates are taken as they are
//! now, and become part of the definition.

use super::{Context, instant};
use crate::files::keys::BLACKOUT;
use crate::files::reading::Fields;
use crate::files::syntax::{Node, NodeValue};
use crate::model::definition::{Blackout, Dates, Schedule, TimeOfDay};
use crate::model::invalid::Fault;

/// How many calendars, and how many blackouts, one schedule may have.
pub(crate) const MAX_CLOSED: usize = 64;
/// Days of the week, Sunday first.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const EVERY_DAY: u8 = 0x7f;

/// `base` with what these fields say.
pub(super) fn read(fields: &Fields<'_>, base: &mut Schedule, context: &Context<'_>) {
    if let Some(dates) = calendars(fields, "exclude", context) {
        base.exclude = dates;
    }
    if let Some(dates) = calendars(fields, "only", context) {
        base.only = dates;
    }
    let Some(nodes) = fields.tables("blackout") else { return };
    if nodes.len() > MAX_CLOSED {
        let at = fields.entry("blackout").map_or(fields.span, |entry| entry.key_span);
        fields.reading.fault(Fault::new(at, format!("a schedule has at most {MAX_CLOSED} blackouts")));
        return;
    }
    let timezone = base.timezone.clone();
    base.blackout = nodes.iter().filter_map(|node| blackout(fields, node, &timezone, context)).collect();
}

fn calendars(fields: &Fields<'_>, key: &str, context: &Context<'_>) -> Option<Vec<Dates>> {
    let names = fields.texts(key)?;
    let reading = fields.reading;
    let at = fields.get(key)?.span;
    if names.is_empty() {
        let fault = Fault::new(at, format!("`{key}` names no calendar"));
        reading.fault(fault.hint(format!("leave it out, or write `{key} = [\"holidays\"]`")));
    }
    if names.len() > MAX_CLOSED {
        reading.fault(Fault::new(at, format!("`{key}` names more than {MAX_CLOSED} calendars")));
        return None;
    }
    let mut found: Vec<Dates> = Vec::new();
    for (name, node) in names {
        match context.calendars.get(name, node.span) {
            Ok(dates) if found.iter().any(|other| other.calendar == dates.calendar) => {
                reading.fault(Fault::new(node.span, format!("`{name}` is in `{key}` twice")));
            }
            Ok(dates) => found.push(dates.clone()),
            Err(fault) => reading.fault(fault),
        }
    }
    Some(found)
}

fn blackout(top: &Fields<'_>, node: &Node, timezone: &str, context: &Context<'_>) -> Option<Blackout> {
    let fields = Fields::open(top.reading, "an item of `blackout`", node, &BLACKOUT)?;
    let (Some(from), Some(until)) = (fields.get("from"), fields.get("until")) else {
        let fault = Fault::new(node.span, "a blackout needs `from` and `until`");
        fields.reading.lack(fault.hint("write `{ from = \"22:00\", until = \"06:00\" }`"));
        return None;
    };
    let backwards = |message: &str, hint: &str| {
        fields.reading.fault(Fault::new(until.span, message).hint(hint));
        None
    };
    if let (Some(begin), Some(end)) = (time_of_day(from), time_of_day(until)) {
        let days = days(&fields)?;
        if begin == end {
            return backwards("`from` and `until` are the same", "a whole day is from `00:00` until `24:00`");
        }
        if begin.seconds() == 86_400 {
            fields.reading.fault(Fault::new(from.span, "no day begins at `24:00`").hint("write `00:00`"));
            return None;
        }
        return Some(Blackout::Daily { from: begin, until: end, days });
    }
    if time_of_day(from).is_some() != time_of_day(until).is_some() {
        return backwards(
            "`from` and `until` are both times of the day, or both dates with times",
            "write `22:00` and `06:00`, or `2027-12-24T00:00` and `2027-12-27T06:00`",
        );
    }
    let begin = instant(&fields, "from", from, timezone, context);
    let end = instant(&fields, "until", until, timezone, context);
    if let Some(entry) = fields.entry("days") {
        let fault = Fault::new(entry.key_span, "`days` has no meaning beside dates");
        fields.reading.fault(fault.hint("it is for times of the day, as `22:00`"));
    }
    let (from, until) = (begin?, end?);
    if until <= from {
        return backwards("`until` must be later than `from`", "between them nothing starts");
    }
    Some(Blackout::Once { from, until })
}

fn time_of_day(node: &Node) -> Option<TimeOfDay> {
    match &node.value {
        NodeValue::Text(text) | NodeValue::Time(text) => text.parse().ok(),
        NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Bool(_) | NodeValue::List(_) | NodeValue::Table(_) => {
            None
        }
    }
}

/// Days and ranges of them, as in `mon-fri,sun`; as bits, Sunday first.
fn days(fields: &Fields<'_>) -> Option<u8> {
    let Some(node) = fields.get("days") else { return Some(EVERY_DAY) };
    let text = fields.reading.full_text("days", node)?;
    let day = |word: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(word.trim()));
    let mut bits = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (day(first), day(last)) else {
            let message = format!("`days` must be days of the week as in `mon-fri` or `sat,sun`, found `{text}`");
            fields.reading.fault(Fault::new(node.span, message));
            return None;
        };
        // A range may pass the end of the week.
        let n_days = (last + 7 - first) % 7;
        bits = (first..=first + n_days).fold(bits, |bits, day| bits | 1 << (day % 7));
    }
    Some(bits)
}
