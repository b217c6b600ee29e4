//! Reads schedules: `[[schedules]]`, or the one that the top level of a job stands for. Expressions are judged by
//! `model::time`; here their faults are mapped to the place in the file.

use super::Context;
use crate::files::keys::{SCHEDULE, TIMINGS};
use crate::files::reading::Fields;
use crate::files::syntax::{Entry, Node, NodeValue};
use crate::files::zones;
use crate::model::definition::job::is_name;
use crate::model::definition::{CatchUp, Schedule, Timing};
use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::time::Calendar;
use crate::model::timestamp::Timestamp;

/// The shortest interval; a shorter one is a loop, not a schedule.
const MIN_PERIOD: Duration = Duration::from_millis(10);
/// How many schedules one job may have.
const MAX_SCHEDULES: usize = 256;
/// How many due times catching up may start at most.
const MAX_CATCH_UP: u32 = 10_000;
/// Keys of a schedule that mean something only beside a rule of when.
const OPTIONS: &[&str] = &["anchor", "timezone", "catch_up", "catch_up_window", "catch_up_max"];

/// The schedules of the job whose top level is `fields`.
pub(super) fn read(fields: &Fields<'_>, context: &Context<'_>) -> Vec<Schedule> {
    let base = Schedule {
        name: None,
        timing: Timing::Start,
        timezone: context.zones.default.to_owned(),
        catch_up: CatchUp::default(),
        catch_up_window: Duration::from_secs(86_400),
        catch_up_max: 24,
    };
    let base = options(fields, base, context);
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
            let message = "`catch_up_max` has no effect without `catch_up = \"all\"`";
            fields.reading.warn(Fault::new(entry.key_span, message));
        }
    }
    base
}

/// `base` with the rule of when that these fields give.
fn timed(fields: &Fields<'_>, mut base: Schedule, context: &Context<'_>) -> Option<Schedule> {
    let entry = fields.one_of(TIMINGS, "a rule of when")?;
    if entry.key != "every"
        && let Some(anchor) = fields.entry("anchor")
    {
        let fault = Fault::new(anchor.key_span, format!("`anchor` has no meaning beside `{}`", entry.key));
        fields.reading.fault(fault.hint("it moves the due times of `every`"));
    }
    base.timing = match entry.key.as_str() {
        "cron" | "quartz" => return expression(fields, entry, base, context),
        "every" => {
            let period = fields.reading.duration("every", &entry.node, MIN_PERIOD);
            let anchor = match fields.get("anchor") {
                Some(node) => instant(fields, "anchor", node, &base, context)?,
                None => Timestamp::default(),
            };
            Timing::Every { period: period?, anchor }
        }
        _ => {
            let at = instant(fields, "at", &entry.node, &base, context)?;
            if at <= context.now {
                let message = "`at` has passed: unless this schedule was loaded before, it never starts the job";
                fields.reading.warn(Fault::new(entry.node.span, message));
            }
            Timing::At { at }
        }
    };
    Some(base)
}

fn expression(fields: &Fields<'_>, entry: &Entry, mut base: Schedule, context: &Context<'_>) -> Option<Schedule> {
    let reading = fields.reading;
    let expression = reading.full_text(&entry.key, &entry.node)?;
    base.timing = match expression.trim().to_ascii_lowercase().as_str() {
        _ if entry.key == "quartz" => Timing::Quartz { expression: expression.to_owned() },
        "@reboot" => Timing::Reboot,
        "@start" => Timing::Start,
        _ => Timing::Cron { expression: expression.to_owned() },
    };
    // A zone that is not known was reported where it is named.
    let zone = context.zones.get(&base.timezone, entry.node.span).ok()?;
    match Calendar::new(&base, context.job, &zone) {
        Ok(calendar) => {
            if entry.key == "quartz" && calendar.next_after(context.now).is_none() {
                reading.warn(Fault::new(entry.node.span, "`quartz` names no time that is still to come"));
            }
            Some(base)
        }
        Err(faults) => {
            for mut fault in faults {
                fault.at = reading.within(&entry.node, fault.at);
                reading.fault(fault);
            }
            None
        }
    }
}

fn instant(fields: &Fields<'_>, name: &str, node: &Node, base: &Schedule, context: &Context<'_>) -> Option<Timestamp> {
    let text = match &node.value {
        NodeValue::Time(text) => text,
        NodeValue::Text(_)
        | NodeValue::Integer(_)
        | NodeValue::Float(_)
        | NodeValue::Bool(_)
        | NodeValue::List(_)
        | NodeValue::Table(_) => fields.reading.text(name, node)?,
    };
    let zone = context.zones.get(&base.timezone, node.span).ok()?;
    match zones::instant(text, &zone) {
        Ok(at) => Some(at),
        Err(message) => {
            fields.reading.fault(Fault::new(node.span, format!("`{name}`: {message}")));
            None
        }
    }
}
