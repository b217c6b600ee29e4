//! `campanile rehearse`: what would run and wait, by the engine of the daemon on a virtual clock. Files are read as a daemon
//! reads them; nothing is written, started or called.
//!
//! What happens is told by `sim`; here are the words for it.

mod show;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::problems::Problems;
use crate::clock;
use crate::ctl::{self, Direction, Failure, View};
use crate::files::settings::{self, Configuration, Settings};
use crate::files::{self, FoundJob, Zones, places};
use crate::model::definition::Timing;
use crate::model::duration::Duration;
use crate::model::nearest::did_you_mean;
use crate::model::timestamp::Timestamp;
use crate::print;
use crate::sim::{self, Plan, Takes};
use crate::tzdb::Tzdb;
use crate::wire::code;
use show::Show;

/// After so many runs it stops.
const MAX_RUNS: usize = 100_000;
/// How long is rehearsed unless it is said.
const DAY: Duration = Duration::from_secs(86_400);
/// How long everything takes unless it is said.
const SECOND: Duration = Duration::from_secs(1);

/// The words of `campanile rehearse`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile rehearse --jobs jobs
  campanile rehearse --jobs jobs --from 2027-03-27T12:00:00Z --until 3d
  campanile rehearse --jobs jobs --takes 5m --takes nightly=90m --json")]
pub struct Words {
    /// When a daemon would read the files, instead of now, as in `2d` or `2027-01-31 09:00`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The end, instead of a day later; a length as `7d` counts from the beginning
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// A folder of job files, instead of those of the configuration; may be given again, later ones override earlier ones
    #[arg(long, value_name = "DIR")]
    jobs: Vec<PathBuf>,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How long every process and request takes, 1s unless told; JOB=LENGTH says it of one job; may be given again
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    takes: Vec<(Option<String>, Duration)>,
    /// Write one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Reads `5m` or `nightly=5m`.
fn length(text: &str) -> Result<(Option<String>, Duration), String> {
    let (job, length) = match text.split_once('=') {
        Some((job, length)) => (Some(job.to_owned()), length),
        None => (None, text),
    };
    length.parse().map(|length| (job, length)).map_err(|error| format!("{error}"))
}

/// Does it, and returns the exit code.
pub fn main(words: Words) -> u8 {
    match rehearse(words) {
        Ok(exit) => exit,
        Err(failure) => failure.tell(),
    }
}

fn rehearse(words: Words) -> Result<u8, Failure> {
    let view = View::here(clock::wall());
    let (from, until) = window(words.from.as_deref(), words.until.as_deref(), &view)?;
    let mut problems = Problems::new(words.json);
    let Some((settings, tzdb, jobs)) = read(words.config, words.jobs, from, &mut problems)? else {
        return Ok(code::INVALID);
    };
    let takes = takes(words.takes, &jobs)?;
    let zones = Arc::new(tzdb);
    let mut show = Show::new(words.json, Arc::clone(&zones), view);
    for job in &jobs {
        not_due(job, &mut show);
        if job.definition.tasks.iter().any(|task| task.is_precondition) {
            show.not_asked(job.name.as_str());
        }
    }
    let plan = Plan {
        jobs: jobs.into_iter().map(|job| (job.name, job.definition)).collect(),
        pools: settings.pools,
        max_tasks: usize::try_from(settings.max_tasks).unwrap_or(usize::MAX),
        zones,
        from,
        until,
        takes,
        max_runs: MAX_RUNS,
    };
    let rehearsal = sim::rehearse(plan).map_err(|error| Failure::new(code::FAILED, error.to_string()))?;
    show.all(&rehearsal);
    match rehearsal.cut_at {
        None => Ok(code::DONE),
        Some(at) => {
            let n_runs: u64 = rehearsal.tallies.values().map(|tally| tally.n_runs).sum();
            Err(Failure::new(
                code::FAILED,
                format!("stopped at {at}, after {n_runs} runs: more is too much to rehearse"),
            )
            .hint("name an earlier end with `--until`, or a folder with fewer jobs"))
        }
    }
}

/// From when until when.
fn window(from: Option<&str>, until: Option<&str>, view: &View) -> Result<(Timestamp, Timestamp), Failure> {
    let from = from.map_or(Ok(view.now), |text| ctl::instant(text, Direction::Ahead, view))?;
    // A length counts from the beginning, whenever that is.
    let until = until.map_or(Ok(from.plus(DAY)), |text| ctl::instant(text, Direction::Ahead, &view.at(from)))?;
    if until > from {
        return Ok((from, until));
    }
    Err(Failure::usage(format!("the end, {}, is not after the beginning, {}", view.local(until), view.local(from)))
        .hint("write a later `--until`, or a length as `7d`"))
}

/// The files, as a daemon would read them; nothing if something is wrong with them, which is said then.
fn read(
    config: Option<PathBuf>,
    folders: Vec<PathBuf>,
    now: Timestamp,
    problems: &mut Problems,
) -> Result<Option<(Settings, Tzdb, Vec<FoundJob>)>, Failure> {
    if let Some(missing) = folders.iter().find(|folder| !folder.is_dir()) {
        return Err(Failure::new(code::NOT_FOUND, format!("there is no folder `{}`", missing.display()))
            .hint("`--jobs` takes a folder of job files"));
    }
    let is_given = config.is_some();
    let path = config.unwrap_or_else(places::config_file);
    let Configuration { settings, tzdb, warnings, .. } = match settings::load(&path, is_given) {
        Ok(configuration) => configuration,
        Err(invalid) => {
            problems.show(&invalid.problems);
            return Ok(None);
        }
    };
    problems.warn(&warnings);
    let folders = if folders.is_empty() { settings.folders(&path) } else { folders };
    for missing in folders.iter().filter(|folder| !folder.exists()) {
        print::talk(&format!("note: there is no folder `{}`", missing.display()));
    }
    let zone = settings.zone(&tzdb);
    let found = files::load_over(&settings.defaults, &folders, Zones { tzdb: &tzdb, default: &zone }, now);
    problems.warn(&found.warnings);
    for job in &found.jobs {
        problems.warn(&job.warnings);
        problems.warn(&job.overreach);
    }
    problems.of_files(found.invalid);
    Ok((problems.n() == 0).then_some((settings, tzdb, found.jobs)))
}

/// How long everything takes; what is said last counts.
fn takes(said: Vec<(Option<String>, Duration)>, jobs: &[FoundJob]) -> Result<Takes, Failure> {
    let mut takes = Takes { usual: SECOND, of_jobs: BTreeMap::new() };
    for (job, length) in said {
        let Some(job) = job else {
            takes.usual = length;
            continue;
        };
        if !jobs.iter().any(|found| found.name.as_str() == job) {
            let names: Vec<&str> = jobs.iter().map(|found| found.name.as_str()).collect();
            let hint =
                did_you_mean(&job, &names).unwrap_or_else(|| "`campanile check` reads the same files".to_owned());
            return Err(Failure::new(code::NOT_FOUND, format!("no job `{job}` is rehearsed")).hint(hint));
        }
        takes.of_jobs.insert(job, length);
    }
    Ok(takes)
}

/// Names the rules by which a job is due at no time of its own.
fn not_due(job: &FoundJob, show: &mut Show) {
    for schedule in &job.definition.schedules {
        match schedule.timing {
            Timing::Start => show.not_due(job.name.as_str(), "@start"),
            Timing::Reboot => show.not_due(job.name.as_str(), "@reboot"),
            // It follows runs, and they end in a rehearsal too.
            Timing::AfterEnd { .. } => {}
            Timing::Cron { .. } | Timing::Quartz { .. } | Timing::Every { .. } | Timing::At { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_of_all_or_of_one_job() {
        let check = |text: &str, expected: Option<(Option<&str>, i64)>| {
            let expected = expected.map(|(job, seconds)| (job.map(str::to_owned), Duration::from_secs(seconds)));
            assert_eq!(length(text).ok(), expected, "{text}");
        };
        check("5m", Some((None, 300)));
        check("nightly=90m", Some((Some("nightly"), 5_400)));
        check("nightly=", None);
        check("soon", None);
    }

    #[test]
    fn an_end_that_is_a_length_counts_from_the_beginning() {
        let at = |text: &str| text.parse::<Timestamp>().expect("because the case is valid");
        let view = View::here(at("2027-01-01T00:00:00Z"));
        let check = |from: Option<&str>, until: Option<&str>, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(from, until)| (at(from), at(until)));
            assert_eq!(window(from, until, &view).ok(), expected, "{from:?} {until:?}");
        };
        check(None, None, Some(("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z")));
        check(Some("2027-03-01T00:00:00Z"), Some("7d"), Some(("2027-03-01T00:00:00Z", "2027-03-08T00:00:00Z")));
        check(Some("1d"), Some("2027-01-03T00:00:00Z"), Some(("2027-01-02T00:00:00Z", "2027-01-03T00:00:00Z")));
        check(Some("2d"), Some("2027-01-01T00:00:00Z"), None);
        check(Some("soon"), None, None);
    }
}
