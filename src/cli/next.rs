//! `campanile next`: when an expression is due, in words and numbers, without a daemon or a file.
//!
//! Owns the wording of this command: one due time a line, faults with a caret below the expression. What an expression
//! means is decided in `model::time`, as for the daemon.

use std::fmt::Write as _;

use clap::builder::RangedU64ValueParser;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::model::definition::{Schedule, Timing};
use crate::model::duration::Duration;
use crate::model::invalid::Fault;
use crate::model::time::Calendar;
use crate::model::time::explain::{self, Class, Explanation, Lint, Scene};
use crate::model::timestamp::Timestamp;
use crate::tzdb::{Choice, Tzdb};
use crate::wire::code;
use crate::{clock, print};

/// The words of `campanile next`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile next '30 2 * * *' --tz Europe/Berlin
  campanile next 'every 15m' -n 3 --from 2027-01-31T09:00:00Z
  campanile next '0 0 1 * MON' --explain
  campanile next '*/35 * * * *' --explain --json
  campanile next '5 25 * * *'   # exits 7")]
pub struct Words {
    /// Five cron fields, six with seconds first, an @ name, or `every 15m`; with `--quartz`, six or seven fields
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: String,
    /// Read it as Quartz does: seconds first, `?`, Sunday is 1, years last
    #[arg(long)]
    quartz: bool,
    /// The zone in which it is read, instead of the system's
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Due times after this instant, instead of now
    #[arg(long, value_name = "RFC3339")]
    from: Option<Timestamp>,
    /// How many due times
    #[arg(short, value_name = "N", default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    n: usize,
    /// Say what the expression means, what is worth a second look, and what daylight saving does to each time
    #[arg(long)]
    explain: bool,
    /// An array of objects `{at, utc, note?}`; with `--explain` an object that has it as `next`
    #[arg(long)]
    json: bool,
    /// The job whose name `H` hashes
    #[arg(long, value_name = "NAME", default_value = "")]
    job: String,
}

/// Does it, and returns the exit code.
#[expect(clippy::needless_pass_by_value, reason = "the words of a command are given to it")]
pub fn main(words: Words) -> u8 {
    let tzdb = match Tzdb::open(&Choice::Auto) {
        Ok(tzdb) => tzdb,
        Err(error) => {
            print::talk(&format!("error: {error}"));
            return code::INVALID;
        }
    };
    let name = words.tz.clone().unwrap_or_else(|| tzdb.system_zone());
    let Some(zone) = tzdb.get(&name) else {
        print::talk(&format!("error: no time zone `{name}` in {} ({})", tzdb.source(), tzdb.version().unwrap_or("?")));
        print::talk(&match tzdb.suggest(&name) {
            Some(near) => format!("hint: did you mean `{near}`?"),
            None => "hint: zones have IANA names as `Europe/Berlin`".to_owned(),
        });
        return code::USAGE;
    };
    let calendar = match calendar(&words, &name, &zone) {
        Ok(calendar) => calendar,
        Err(faults) => {
            faults.iter().for_each(|fault| print::talk(&shown(&words.expression, fault)));
            return code::INVALID;
        }
    };
    let from = words.from.unwrap_or_else(clock::wall);
    let due: Vec<Due> = std::iter::successors(calendar.next_after(from), |at| calendar.next_after(*at))
        .take(words.n)
        .map(|at| Due::new(&calendar, &zone, at))
        .collect();
    print::data(&match (words.json, words.explain) {
        (true, false) => format!("{}\n", as_json(&due)),
        (true, true) => format!("{}\n", explained_as_json(&words, &name, &meaning(&words, &name, &zone, from), &due)),
        (false, true) => explained_as_lines(&name, &meaning(&words, &name, &zone, from)) + &as_lines(&due, true),
        (false, false) => as_lines(&due, false),
    });
    if due.len() < words.n {
        print::talk(&format!("no {}due times after {from}", if due.is_empty() { "" } else { "more " }));
    }
    code::DONE
}

/// What follows `every`, if the expression is an interval.
fn interval(expression: &str) -> Option<&str> {
    expression.trim().strip_prefix("every ").map(str::trim)
}

/// What the words of the command say, before a zone is known.
fn timing(words: &Words) -> Result<Timing, Vec<Fault>> {
    let Words { expression, .. } = words;
    Ok(match (interval(expression), expression.trim().to_ascii_lowercase().as_str()) {
        _ if words.quartz => Timing::Quartz { expression: expression.clone() },
        (Some(period), _) => {
            let at = (expression.len() - expression.trim_start().len() + 6, expression.len());
            let fault = |message: String| vec![Fault::new(at, message).hint("write a period as `every 15m`")];
            match period.parse::<Duration>() {
                Ok(period) if period > Duration::ZERO => Timing::Every { period, anchor: Timestamp::default() },
                Ok(_) => return Err(fault("a period of nothing is no interval".to_owned())),
                Err(error) => return Err(fault(error.to_string())),
            }
        }
        (None, "@reboot") => Timing::Reboot,
        (None, "@start") => Timing::Start,
        (None, _) => Timing::Cron { expression: expression.to_owned() },
    })
}

fn calendar(words: &Words, timezone: &str, zone: &TimeZone) -> Result<Calendar, Vec<Fault>> {
    Calendar::new(&Schedule::new(timing(words)?, timezone), &words.job, zone)
}

/// One due time as it is shown.
struct Due {
    at: String,
    utc: String,
    note: Option<String>,
}

impl Due {
    fn new(calendar: &Calendar, zone: &TimeZone, at: Timestamp) -> Self {
        let instant =
            jiff::Timestamp::from_microsecond(at.as_micros()).expect("because a calendar ends before jiff does");
        Due {
            at: instant.display_with_offset(zone.to_offset(instant)).to_string(),
            utc: instant.to_string(),
            note: calendar.shift(at).map(|shift| shift.to_string()),
        }
    }
}

fn as_lines(due: &[Due], with_notes: bool) -> String {
    let mut text = String::new();
    for Due { at, note, .. } in due {
        match note.as_ref().filter(|_| with_notes) {
            Some(note) => writeln!(text, "{at}  # {note}"),
            None => writeln!(text, "{at}"),
        }
        .expect("because a String takes everything");
    }
    text
}

fn as_json(due: &[Due]) -> Value {
    let objects = due.iter().map(|Due { at, utc, note }| match note {
        Some(note) => json!({ "at": at, "utc": utc, "note": note }),
        None => json!({ "at": at, "utc": utc }),
    });
    objects.collect()
}

/// What the expression means; it has been read before.
fn meaning(words: &Words, name: &str, zone: &TimeZone, from: Timestamp) -> Explanation {
    let after = jiff::Timestamp::from_microsecond(from.as_micros()).expect("because both end with the year 9999");
    let scene = Scene { name, zone, after };
    let explained = timing(words).and_then(|timing| match timing {
        Timing::Cron { expression } => explain::cron(&expression, &words.job, scene),
        Timing::Quartz { expression } => explain::quartz(&expression, scene),
        Timing::Every { period, .. } => Ok(explain::every(period)),
        Timing::Reboot => Ok(explain::started(true)),
        // No expression is either of the others.
        Timing::Start | Timing::At { .. } | Timing::AfterEnd { .. } => Ok(explain::started(false)),
    });
    explained.expect("because an expression with a calendar was read")
}

/// The explanation as comments, so that what reads due times can go on reading them.
fn explained_as_lines(zone: &str, explained: &Explanation) -> String {
    let Explanation { normal, sentence, fields, class, lints } = explained;
    let mut lines = vec![format!("normal form: {normal}"), format!("meaning: {sentence}")];
    lines.extend(fields.iter().map(|(name, values)| format!("{name}: {values}")));
    lines.extend(class.map(|class| format!("daylight saving: {}: {}", class.name(), class.meaning())));
    lines.push(format!("zone: {zone}"));
    for Lint { code, message, hint } in lints {
        lines.push(format!("lint: {message} ({code})"));
        lines.extend(hint.as_ref().map(|hint| format!("hint: {hint}")));
    }
    lines.iter().fold(String::new(), |text, line| text + "# " + line + "\n")
}

fn explained_as_json(words: &Words, zone: &str, explained: &Explanation, due: &[Due]) -> Value {
    let Explanation { normal, sentence, fields, class, lints } = explained;
    let lints =
        lints.iter().map(|Lint { code, message, hint }| json!({ "code": code, "message": message, "hint": hint }));
    let fields = fields.iter().map(|(name, values)| (name.replace(' ', "_"), Value::from(values.as_str())));
    json!({
        "expression": words.expression,
        "timezone": zone,
        "normal_form": normal,
        "sentence": sentence,
        "fields": fields.collect::<Map<_, _>>(),
        "dst_class": class.map(Class::name),
        "lints": lints.collect::<Value>(),
        "next": as_json(due),
    })
}

/// A fault with its place in the expression, if that fits a screen.
fn shown(expression: &str, fault: &Fault) -> String {
    let mut text = format!("error: {}", fault.message);
    let (from, to) = fault.at;
    if expression.len() <= 160 && !expression.contains(char::is_control) {
        let before = expression.get(..from).map_or(0, |before| before.chars().count());
        let under = expression.get(from..to).map_or(1, |part| part.chars().count()).max(1);
        write!(text, "\n  {expression}\n  {}{}", " ".repeat(before), "^".repeat(under))
            .expect("because a String takes everything");
    }
    match &fault.hint {
        Some(hint) => text + "\nhint: " + hint,
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(expression: &str) -> Words {
        Words {
            expression: expression.to_owned(),
            quartz: false,
            tz: None,
            from: None,
            n: 5,
            explain: false,
            json: false,
            job: "job".to_owned(),
        }
    }

    #[test]
    fn a_fault_is_shown_below_the_expression() {
        let check = |expression: &str, expected: &str| {
            let faults = calendar(&words(expression), "UTC", &TimeZone::UTC).expect_err(expression);
            assert_eq!(shown(expression, &faults[0]), expected);
        };
        check("5 25 * * *", "error: 25 is no hour\n  5 25 * * *\n    ^^\nhint: write a number from 0 to 23");
        check(
            "every soon",
            "error: `soon` is not a duration as in `250ms`, `90s`, `1h30m` or `2d`\n  every soon\n        ^^^^\n\
             hint: write a period as `every 15m`",
        );
    }

    #[test]
    fn a_quartz_expression_is_read_and_explained_as_one() {
        let words = Words { quartz: true, ..words("0 30 2 ? * MON-FRI 2027-2029") };
        let explained = meaning(&words, "UTC", &TimeZone::UTC, Timestamp::default());
        assert_eq!(
            explained_as_lines("UTC", &explained),
            "# normal form: 0 30 2 ? * 2-6 2027-2029\n\
             # meaning: at 02:30 on Monday to Friday, only in 2027 to 2029, UTC\n\
             # second: 0\n# minute: 30\n# hour: 2\n# day of month: every\n# month: every\n\
             # day of week: Monday to Friday\n# year: 2027 to 2029\n\
             # daylight saving: fixed-time: each time happens once; after the gap if the clock leaves it out, on the \
             first pass if the clock shows it twice\n# zone: UTC\n"
        );
        let next = calendar(&words, "UTC", &TimeZone::UTC).map(|calendar| calendar.next_after(Timestamp::default()));
        assert_eq!(next, Ok(Some("2027-01-01T02:30:00Z".parse().expect("because it is valid"))));
    }

    #[test]
    fn due_times_are_lines_or_an_array() {
        let zone = Tzdb::bundled().get("Europe/Berlin").expect("because it is bundled");
        let calendar = calendar(&words("30 2 * * *"), "Europe/Berlin", &zone).expect("because it is valid");
        let after = "2027-03-27T12:00:00Z".parse().expect("because it is valid");
        let due = [Due::new(&calendar, &zone, calendar.next_after(after).expect("because there is one"))];
        assert_eq!(as_lines(&due, false), "2027-03-28T03:00:00+02:00\n");
        assert_eq!(
            as_lines(&due, true),
            "2027-03-28T03:00:00+02:00  # 2027-03-28 02:30:00 does not exist in this zone; due after the gap\n"
        );
        assert_eq!(
            as_json(&due).to_string(),
            "[{\"at\":\"2027-03-28T03:00:00+02:00\",\"utc\":\"2027-03-28T01:00:00Z\",\
             \"note\":\"2027-03-28 02:30:00 does not exist in this zone; due after the gap\"}]"
        );
    }

    #[test]
    fn intervals_and_starts_are_understood_too() {
        let from = Timestamp::default();
        let next = |expression| calendar(&words(expression), "UTC", &TimeZone::UTC).map(|c| c.next_after(from));
        assert_eq!(next("every 15m"), Ok(Some(from.plus(Duration::from_secs(900)))));
        assert_eq!(next("@REBOOT"), Ok(None));
        assert!(next("every 0s").is_err());
    }
}
