//! Reads schedules: `[[schedules]]`, or the one that the top level of a job stands for. Expressions are judged by
//! `model::time`; here their faults are mapped to the place in the file. What may be said beside which rule is `fitting`'s.

pub(crate) mod closed;
mod fitting;

use super::Context;
use crate::files::keys::{OPTIONS, SCHEDULE, TIMINGS};
use crate::files::reading::Fields;
use crate::files::syntax::{Entry, Node, NodeValue};
use crate::files::zones;
use crate::model::definition::job::is_name;
use crate::model::definition::{CatchUp, Schedule, Timing};
use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::time::Calendar;
use crate::model::time::nth::MAX_NTH;
use crate::model::timestamp::Timestamp;

/// The shortest interval; a shorter one is a loop, not a schedule.
const MIN_PERIOD: Duration = Duration::from_millis(10);
/// The longest jitter; due times that are months late are another schedule.
const MAX_JITTER: Duration = Duration::from_secs(31 * 86_400);
/// How many schedules one job may have.
const MAX_SCHEDULES: usize = 256;
/// How many due times catching up may start at most.
const MAX_CATCH_UP: u32 = 10_000;
/// Those of them that belong to one rule, and are not shared by several.
const OF_ONE_RULE: &[&str] = &["anchor", "phase", "nth"];

/// The schedules of the job whose top level is `fields`.
pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Vec<Schedule> {
    let base = options(fields, Schedule::new(Timing::Start, context.zones.default), context);
    let short = fields.first_of(TIMINGS);
    let Some(nodes) = fields.tables("schedules") else {
        if short.is_none() {
            idle_options(fields);
            return Vec::new();
        }
        return timed(fields, base, context).into_iter().collect();
    };
    if let Some(entry) = short {
        let message = format!("`{}` at the top level and `[[schedules]]` cannot both be given", entry.key);
        fields.reading.fault(Fault::new(entry.key_span, message).hint("give it a `[[schedules]]` of its own"));
    } else if let Some(entry) = fields.first_of(OF_ONE_RULE) {
        let message = format!("`{}` has no effect above `[[schedules]]`: it belongs beside a rule of when", entry.key);
        fields.reading.warn(Fault::new(entry.key_span, message));
    }
    if nodes.len() > MAX_SCHEDULES {
        fields.reading.fault(Fault::new(fields.span, format!("a job has at most {MAX_SCHEDULES} schedules")));
        return Vec::new();
    }
    let mut schedules: Vec<(Schedule, &Node)> = Vec::new();
    for node in nodes {
        let Some(schedule) = listed(fields, node, &base, context) else { continue };
        if let Some((_, first)) = schedules.iter().find(|(other, _)| other.key() == schedule.key()) {
            let line = fields.reading.line_of(first.span.0);
            let message = match &schedule.name {
                Some(name) => format!("the schedule on line {line} is named `{name}` too"),
                None => format!("this schedule is the same as the one on line {line}"),
            };
            fields.reading.fault(Fault::new(node.span, message));
        }
        schedules.push((schedule, node));
    }
    schedules.into_iter().map(|(schedule, _)| schedule).collect()
}

fn idle_options(fields: &Fields<'_>) {
    if let Some(entry) = fields.first_of(OPTIONS) {
        let message = format!("`{}` has no effect: the job has no schedule", entry.key);
        fields.reading.warn(Fault::new(entry.key_span, message));
    }
}

fn listed(top: &Fields<'_>, node: &Node, base: &Schedule, context: &Context<'_>) -> Option<Schedule> {
    let fields = Fields::open(top.reading, "an item of `schedules`", node, &SCHEDULE)?;
    let mut schedule = options(&fields, base.clone(), context);
    if let Some(name) = fields.full_text("name") {
        if !is_name(name) {
            let message = format!("`{name}` is not a name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`");
            fields.reading.fault(Fault::new(fields.get("name")?.span, message));
        }
        schedule.name = Some(name.to_owned());
    }
    timed(&fields, schedule, context)
}

/// `base` with what these fields say about anything but when.
fn options(fields: &Fields<'_>, mut base: Schedule, context: &Context<'_>) -> Schedule {
    if let Some(node) = fields.get("timezone")
        && let Some(name) = fields.full_text("timezone")
    {
        match context.zones.get(name, node.span) {
            Ok(zone) => zone.iana_name().unwrap_or(name).clone_into(&mut base.timezone),
            Err(fault) => fields.reading.fault(fault),
        }
    }
    let words = [("none", CatchUp::None), ("latest", CatchUp::Latest), ("all", CatchUp::All)];
    base.catch_up = fields.word("catch_up", &words, &[]).unwrap_or(base.catch_up);
    base.catch_up_window = fields.some_duration("catch_up_window").unwrap_or(base.catch_up_window);
    if let Some(most) = fields.count("catch_up_max", MAX_CATCH_UP) {
        base.catch_up_max = most;
        if base.catch_up != CatchUp::All
            && let Some(entry) = fields.entry("catch_up_max")
        {
            let message =
                "`catch_up_max` has no effect without `catch_up = \"all\"`, but on `ctl resume --catch-up all`";
            fields.reading.warn(Fault::new(entry.key_span, message));
        }
    }
    base.jitter = jitter(fields).or(base.jitter);
    // These belong to one rule: nobody inherits them.
    base.nth = fields.count("nth", MAX_NTH);
    base.phase = fields.duration("phase");
    base.anchor = fields.get("anchor").and_then(|node| instant(fields, "anchor", node, &base.timezone, context));
    range(fields, &mut base, context);
    closed::read(fields, &mut base, context);
    base.deadline = fields.some_duration("deadline").or(base.deadline);
    base
}

fn jitter(fields: &Fields<'_>) -> Option<Duration> {
    let jitter = fields.some_duration("jitter")?;
    if jitter > MAX_JITTER {
        let message = format!("`jitter` must be at most {MAX_JITTER}, found `{jitter}`");
        fields.reading.fault(Fault::new(fields.get("jitter")?.span, message));
    }
    Some(jitter)
}

fn range(fields: &Fields<'_>, base: &mut Schedule, context: &Context<'_>) {
    let named = |name| fields.get(name).and_then(|node| instant(fields, name, node, &base.timezone, context));
    let (from, until) = (named("from"), named("until"));
    base.from = from.or(base.from);
    base.until = until.or(base.until);
    if let (Some(begin), Some(end)) = (base.from, base.until)
        && end <= begin
        && let Some(entry) = fields.entry("until").or(fields.entry("from"))
    {
        let fault = Fault::new(entry.key_span, "`until` must be later than `from`");
        fields.reading.fault(fault.hint("between them lie all due times of the schedule"));
    }
}

/// `base` with the rule of when that these fields give.
fn timed(fields: &Fields<'_>, mut base: Schedule, context: &Context<'_>) -> Option<Schedule> {
    let entry = fields.one_of(TIMINGS, "a rule of when")?;
    let timing = timing(fields, entry, &base, context);
    let rule = match &timing {
        Some(timing) => fitting::word(timing),
        None => entry.key.as_str(),
    };
    fitting::fit(fields, &mut base, rule);
    base.timing = timing?;
    if let Timing::Every { .. } = base.timing {
        base.anchor = None;
    }
    fitting::catch_up(fields, &mut base);
    fitting::judge(fields, &base, context.now)?;
    judge(fields, entry, &base, context)?;
    Some(base)
}

fn timing(fields: &Fields<'_>, entry: &Entry, base: &Schedule, context: &Context<'_>) -> Option<Timing> {
    match entry.key.as_str() {
        "cron" | "quartz" => {
            let expression = fields.reading.full_text(&entry.key, &entry.node)?;
            Some(match expression.trim().to_ascii_lowercase().as_str() {
                _ if entry.key == "quartz" => Timing::Quartz { expression: expression.to_owned() },
                "@reboot" => Timing::Reboot,
                "@start" => Timing::Start,
                _ => Timing::Cron { expression: expression.to_owned() },
            })
        }
        "every" => {
            let period = fields.reading.duration("every", &entry.node, MIN_PERIOD)?;
            Some(Timing::Every { period, anchor: base.anchor.unwrap_or_default() })
        }
        "after_end" => {
            let delay = fields.reading.duration("after_end", &entry.node, MIN_PERIOD)?;
            Some(Timing::AfterEnd { delay })
        }
        _ => {
            let at = instant(fields, "at", &entry.node, &base.timezone, context)?;
            if at <= context.now {
                let message = "`at` has passed: unless this schedule was loaded before, it never starts the job";
                fields.reading.warn(Fault::new(entry.node.span, message));
            }
            Some(Timing::At { at })
        }
    }
}

/// What can be said of the rule only once it is made ready.
fn judge(fields: &Fields<'_>, entry: &Entry, schedule: &Schedule, context: &Context<'_>) -> Option<()> {
    // A zone that is not known was reported where it is named.
    let zone = context.zones.get(&schedule.timezone, entry.node.span).ok()?;
    match Calendar::new(schedule, context.job, &zone) {
        Ok(calendar) => {
            if calendar.rule().next_after(context.now).is_none() {
                warn_of_nothing(fields, entry, schedule);
            } else if calendar.next_after(context.now).is_none() {
                let at = fields.first_of(&["exclude", "only", "blackout"]).unwrap_or(entry).key_span;
                fields
                    .reading
                    .warn(Fault::new(at, "every due time of this schedule is excluded: it never starts the job"));
            }
            Some(())
        }
        Err(faults) => {
            for mut fault in faults {
                fault.at = fields.reading.within(&entry.node, fault.at);
                fields.reading.fault(fault);
            }
            None
        }
    }
}

fn warn_of_nothing(fields: &Fields<'_>, entry: &Entry, schedule: &Schedule) {
    let until = fields.entry("until").filter(|_| schedule.until.is_some());
    match (&schedule.timing, until) {
        // An `at` that has passed has its own words.
        (Timing::AfterEnd { .. } | Timing::Reboot | Timing::Start | Timing::At { .. }, _) => {}
        (_, Some(until)) => {
            let message = format!("`{}` names no time before `until` that is still to come", entry.key);
            fields.reading.warn(Fault::new(until.node.span, message));
        }
        (Timing::Cron { .. } | Timing::Quartz { .. } | Timing::Every { .. }, None) => {
            let message = format!("`{}` names no time that is still to come", entry.key);
            fields.reading.warn(Fault::new(entry.node.span, message));
        }
    }
}

/// The instant in `node`, without an offset on the clocks of `timezone`.
fn instant(fields: &Fields<'_>, name: &str, node: &Node, timezone: &str, context: &Context<'_>) -> Option<Timestamp> {
    let text = match &node.value {
        NodeValue::Time(text) => text,
        NodeValue::Text(_)
        | NodeValue::Integer(_)
        | NodeValue::Float(_)
        | NodeValue::Bool(_)
        | NodeValue::List(_)
        | NodeValue::Table(_) => fields.reading.text(name, node)?,
    };
    let zone = context.zones.get(timezone, node.span).ok()?;
    match zones::instant(text, &zone) {
        Ok(at) => Some(at),
        Err(message) => {
            fields.reading.fault(Fault::new(node.span, format!("`{name}`: {message}")));
            None
        }
    }
}
