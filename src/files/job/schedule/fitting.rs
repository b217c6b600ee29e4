//! Which keys of a schedule mean something beside which rule. What a schedule says itself and has no meaning is a fault;
//! what it only inherits is left out.

use crate::files::reading::Fields;
use crate::model::definition::{CatchUp, Schedule, Timing};
use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::time::nth::MAX_YEARS;
use crate::model::timestamp::Timestamp;

/// Rules that go on and on.
const RECURRING: &[&str] = &["cron", "quartz", "every"];
/// Rules with due times.
const TIMED: &[&str] = &["cron", "quartz", "every", "after_end", "at"];
/// Each key that not every rule takes, the rules that take it, and what it is for.
const FITS: &[(&str, &[&str], &str)] = &[
    ("phase", &["every"], "it moves the due times of `every`"),
    ("nth", RECURRING, "it thins out due times that come again and again"),
    ("anchor", RECURRING, "it moves the due times of `every`"),
    ("jitter", RECURRING, "it moves due times that come again and again"),
    ("from", RECURRING, "it bounds due times that come again and again"),
    ("until", RECURRING, "it bounds due times that come again and again"),
    ("exclude", RECURRING, "it excludes some of many due times"),
    ("only", RECURRING, "it excludes some of many due times"),
    ("blackout", RECURRING, "it excludes some of many due times"),
    ("deadline", TIMED, "what has no due times is never late"),
];

/// Leaves out of `schedule` what such a rule does not take, and says so where the schedule itself has it.
pub(super) fn fit(fields: &Fields<'_>, schedule: &mut Schedule, rule: &str) {
    for (key, _, hint) in FITS.iter().filter(|(_, rules, _)| !rules.contains(&rule)) {
        if let Some(entry) = fields.own(key) {
            let fault = Fault::new(entry.key_span, format!("`{key}` has no meaning beside `{rule}`"));
            fields.reading.fault(fault.hint(*hint));
        }
        match *key {
            "phase" => schedule.phase = None,
            "nth" => schedule.nth = None,
            "anchor" => schedule.anchor = None,
            "jitter" => schedule.jitter = None,
            "from" => schedule.from = None,
            "until" => schedule.until = None,
            "exclude" => schedule.exclude.clear(),
            "only" => schedule.only.clear(),
            "blackout" => schedule.blackout.clear(),
            _ => schedule.deadline = None,
        }
    }
}

/// What does not go together with this very rule; nothing where that is too much to make it ready.
pub(super) fn judge(fields: &Fields<'_>, schedule: &Schedule, now: Timestamp) -> Option<()> {
    match schedule.timing {
        Timing::Cron { .. } | Timing::Quartz { .. } => counted(fields, schedule, now),
        Timing::Every { period, .. } => {
            phased(fields, period, schedule.phase);
            Some(())
        }
        Timing::AfterEnd { .. } | Timing::At { .. } | Timing::Reboot | Timing::Start => Some(()),
    }
}

/// Of what is due after the end of a run one is missed at most that could have been met, so there is nothing to catch up one
/// by one.
pub(super) fn catch_up(fields: &Fields<'_>, schedule: &mut Schedule) {
    if !matches!(schedule.timing, Timing::AfterEnd { .. }) || schedule.catch_up != CatchUp::All {
        return;
    }
    schedule.catch_up = CatchUp::Latest;
    if let Some(entry) = fields.own("catch_up") {
        let fault = Fault::new(entry.node.span, "`catch_up = \"all\"` has no meaning beside `after_end`");
        fields.reading.fault(fault.hint("use `latest`: what is due next depends on when that run ends"));
    }
}

/// `nth` of an expression counts from an anchor, and an anchor of an expression is for that alone.
fn counted(fields: &Fields<'_>, schedule: &Schedule, now: Timestamp) -> Option<()> {
    match (schedule.nth, schedule.anchor) {
        (None, None) => Some(()),
        (None, Some(_)) => {
            let entry = fields.entry("anchor")?;
            let message = format!("`anchor` has no meaning beside `{}` without `nth`", word(&schedule.timing));
            let hint = "it moves the due times of `every`, and is where `nth` begins to count";
            fields.reading.fault(Fault::new(entry.key_span, message).hint(hint));
            None
        }
        (Some(_), None) => {
            let entry = fields.entry("nth")?;
            let fault = Fault::new(entry.key_span, "`nth` counts from an `anchor`, and there is none");
            fields
                .reading
                .fault(fault.hint("give an `anchor`: the first due time from there on is the first that counts"));
            None
        }
        (Some(_), Some(anchor)) => {
            if anchor < now.minus(Duration::from_secs(i64::from(MAX_YEARS) * 366 * 86_400))
                && let Some(entry) = fields.entry("anchor")
            {
                let message = format!(
                    "counting from an `anchor` that is more than {MAX_YEARS} years back is slow; a later due time counts as well"
                );
                fields.reading.warn(Fault::new(entry.node.span, message));
            }
            Some(())
        }
    }
}

fn phased(fields: &Fields<'_>, period: Duration, phase: Option<Duration>) {
    if let Some(phase) = phase
        && phase >= period
        && let Some(entry) = fields.entry("phase")
    {
        let message = format!("`phase` must be shorter than the {period} of `every`, found `{phase}`");
        fields.reading.fault(Fault::new(entry.node.span, message));
    }
}

/// The rule as a file has it.
pub(super) fn word(timing: &Timing) -> &'static str {
    match timing {
        Timing::Cron { .. } => "cron",
        Timing::Quartz { .. } => "quartz",
        Timing::Every { .. } => "every",
        Timing::AfterEnd { .. } => "after_end",
        Timing::At { .. } => "at",
        Timing::Reboot => "@reboot",
        Timing::Start => "@start",
    }
}
