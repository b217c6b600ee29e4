//! The table of `docs/reference/cron.md`, held to what it says of us and of croner: both columns are read, and asked.
//!
//! A cell begins with `refused`, with `never` (read, and nothing is due), with a dash (the case is not for it), or with due
//! times as `03-28 03:00`: month, day and time in Berlin, with seconds or a year (if not 2027) where they matter, and with
//! the offset where the clock shows a time twice. They are the first ones after the instant that the section's heading
//! names. Several examples in one cell are answered in their order, a semicolon between. What follows in round brackets is
//! for people. A dialect of ours other than `cron` is named before its text: `quartz 0 0 8 ? * 2`.
//!
//! The other columns are from their sources, which the page names; nothing here holds them.

use campanile::model::definition::{Schedule, Timing};
use campanile::model::time::Calendar;
use campanile::model::timestamp::Timestamp;
use campanile::tzdb::Tzdb;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::TimeZone;

const PAGE: &str = include_str!("../docs/reference/cron.md");
/// More due times than a cell ever names.
const N_ASKED: usize = 12;

/// What an engine answers to an expression: nothing if it refuses it.
type Answer = Option<Vec<Zoned>>;

fn ours(text: &str, after: &Zoned) -> Answer {
    let timing = match text.strip_prefix("quartz ") {
        Some(text) => Timing::Quartz { expression: text.to_owned() },
        None => Timing::Cron { expression: text.to_owned() },
    };
    let schedule = Schedule::new(timing, "Europe/Berlin");
    let calendar = Calendar::new(&schedule, "nightly-report", after.time_zone()).ok()?;
    let from = Timestamp::from_micros(after.timestamp().as_microsecond());
    let due = std::iter::successors(calendar.next_after(from), |last| calendar.next_after(*last)).take(N_ASKED);
    let zoned = |at: Timestamp| {
        jiff::Timestamp::from_microsecond(at.as_micros()).map(|at| at.to_zoned(after.time_zone().clone()))
    };
    Some(due.map(|at| zoned(at).expect("because a calendar ends before jiff does")).collect())
}

/// As it ships: five fields, six with seconds, seven with years, on zoned times.
fn croners(text: &str, after: &Zoned) -> Answer {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Optional).build();
    let cron = parser.parse(text.strip_prefix("quartz ").unwrap_or(text)).ok()?;
    let next = |last: &Zoned| cron.find_next_occurrence(last, false).ok();
    Some(std::iter::successors(next(after), |last| next(last)).take(N_ASKED).collect())
}

fn berlin() -> TimeZone {
    Tzdb::bundled().get("Europe/Berlin").expect("because it is bundled")
}

/// What the cell has to say, if as many due times are told as it tells.
fn told(answer: &Answer, claim: &str) -> String {
    match answer {
        None => "refused".to_owned(),
        Some(due) if due.is_empty() => "never".to_owned(),
        Some(due) => {
            let n = claim.split(", ").filter(|part| part.contains(':')).count().max(3);
            let with_offset = claim.contains('+');
            let shown = due.iter().take(n).map(|at| {
                let year = if at.year() == 2027 { "" } else { "%Y-" };
                let second = if at.second() == 0 { "" } else { ":%S" };
                let offset = if with_offset { " %:::z" } else { "" };
                at.strftime(&format!("{year}%m-%d %H:%M{second}{offset}")).to_string()
            });
            shown.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The text without what is in round brackets and without quotes.
fn claims(cell: &str) -> Vec<String> {
    let outside: String = cell
        .split('(')
        .enumerate()
        .map(|(index, part)| match part.split_once(')') {
            Some((_, rest)) if index > 0 => rest,
            Some(_) | None => part,
        })
        .collect();
    outside.split(';').map(|claim| claim.trim().to_owned()).collect()
}

struct Row {
    case: String,
    expressions: Vec<String>,
    ours: Vec<String>,
    croners: Vec<String>,
    after: Zoned,
}

fn rows() -> Vec<Row> {
    let mut after = None;
    let mut rows = Vec::new();
    for line in PAGE.lines() {
        if let Some((_, at)) = line.strip_prefix("## ").and_then(|heading| heading.split_once(", after ")) {
            let civil: jiff::civil::DateTime = at.parse().expect("because the heading names a date and a time");
            after = Some(civil.to_zoned(berlin()).expect("because the clock shows it"));
        } else if line.starts_with("## ") {
            after = None;
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let (Some(after), true) = (&after, line.starts_with("| ") && !line.starts_with("| ---")) else { continue };
        let [case, example, ours, .., croners, _source] = cells[..] else { panic!("`{line}` lacks cells") };
        if case == "case" {
            assert_eq!((ours, croners), ("Campanile", "croner"), "{line}");
            continue;
        }
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        rows.push(Row {
            case: case.to_owned(),
            expressions: quoted(example),
            ours: claims(ours),
            croners: claims(croners),
            after: after.clone(),
        });
    }
    rows
}

#[test]
fn the_page_says_what_we_and_croner_do() {
    let rows = rows();
    let mut wrong = Vec::new();
    for Row { case, expressions, ours: of_us, croners: of_croner, after } in &rows {
        for (who, claims, ask) in
            [("Campanile", of_us, ours as fn(&str, &Zoned) -> Answer), ("croner", of_croner, croners)]
        {
            assert!(claims.len() <= expressions.len(), "{case}: {claims:?} for {expressions:?}");
            for (index, expression) in expressions.iter().enumerate() {
                // One answer for several examples is the answer to each.
                let claim = if claims.len() == 1 { &claims[0] } else { &claims[index] };
                let told = told(&ask(expression, after), claim);
                if claim != "–" && *claim != told {
                    wrong.push(format!("{case}, {who}, `{expression}`: the page has `{claim}`, it is `{told}`"));
                }
            }
        }
    }
    assert!(rows.len() >= 25, "only {} rows were read", rows.len());
    assert!(wrong.is_empty(), "{} cells of docs/reference/cron.md are not so:\n{}", wrong.len(), wrong.join("\n"));
}
