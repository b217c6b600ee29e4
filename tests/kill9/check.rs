//! What has to be true when everything is at rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::load::{Acknowledged, SCHEDULED};
use crate::world::{World, text};

/// Whatever was acknowledged ended, once, and as it has to.
pub(crate) fn acknowledged(runs: &[Value], acknowledged: &[Acknowledged]) {
    let by_id: HashMap<&str, &Value> = runs.iter().map(|run| (text(run, "id"), run)).collect();
    assert_eq!(by_id.len(), runs.len(), "two runs have one id");
    for Acknowledged { id, state } in acknowledged {
        let run = by_id.get(id.as_str()).unwrap_or_else(|| panic!("run {id} was acknowledged and is lost"));
        assert_eq!(text(run, "state"), *state, "{run:#}");
    }
}

/// Acknowledged or not, every run that exists ended as its job does.
pub(crate) fn ends(runs: &[Value]) {
    for run in runs {
        let expected = if run["job"] == "failing" { ("failed", "exit_code") } else { ("completed", "success") };
        assert_eq!((text(run, "state"), text(run, "outcome")), expected, "{run:#}");
    }
}

/// The runs of each job are numbered without gaps.
pub(crate) fn numbers(runs: &[Value]) {
    let mut by_job: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| !run["job"].is_null()) {
        by_job.entry(text(run, "job")).or_default().push(run["number"].as_u64().unwrap());
    }
    for (job, mut numbers) in by_job {
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{job}");
    }
}

/// Holds the runs to what their tasks wrote themselves; says how many attempts were killed at work.
pub(crate) fn truth(world: &World, runs: &[Value]) -> usize {
    let truth = std::fs::read_to_string(world.path("truth")).unwrap();
    let mut by_task: BTreeMap<(&str, &str), Vec<(u64, &str)>> = BTreeMap::new();
    for line in truth.lines() {
        let [run, task, attempt, what]: [&str; 4] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        by_task.entry((run, task)).or_default().push((attempt.parse().unwrap(), what));
    }
    let tasks = runs.iter().flat_map(|run| run["tasks"].as_array().unwrap());
    for task in tasks {
        let key = (text(task, "run_id"), text(task, "name"));
        let lines = by_task.remove(&key).unwrap_or_else(|| panic!("{task:#} has ended and never began"));
        attempts(task, &lines);
    }
    assert!(by_task.is_empty(), "processes of unknown runs: {by_task:#?}");
    let n = |what: &str| truth.lines().filter(|line| line.ends_with(what)).count();
    n(" start") - n(" end")
}

/// Each attempt starts at most once, writes nothing after the next has started, and the last one has started and ended.
fn attempts(task: &Value, lines: &[(u64, &str)]) {
    let mut started = 0;
    let mut ended = 0;
    for (attempt, what) in lines {
        if *what == "start" {
            assert!(*attempt > started, "attempt {attempt} was started again: {lines:?} of {task:#}");
            started = *attempt;
        } else {
            assert_eq!((*what, *attempt), ("end", started), "two attempts overlap: {lines:?} of {task:#}");
            assert!(*attempt > ended, "attempt {attempt} ended twice: {lines:?} of {task:#}");
            ended = *attempt;
        }
    }
    let last = task["attempt"].as_u64().unwrap();
    assert_eq!((started, ended), (last, last), "{lines:?} of {task:#}");
}

/// Events are numbered without gaps, and no run begins or ends twice.
pub(crate) fn events(world: &World) {
    let mut seen = BTreeSet::new();
    for (index, line) in world.ok(&["-o", "jsonl", "events"]).lines().enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["seq"], index + 1, "{event}");
        let kind = text(&event, "type");
        let kind = match kind {
            "workflow.completed" | "workflow.failed" | "workflow.cancelled" => "end",
            "workflow.queued" | "workflow.started" => kind,
            _ => continue,
        };
        let run = text(&event, "run_id").to_owned();
        assert!(seen.insert((run, kind.to_owned())), "twice: {event}");
    }
}

/// Each due time from the first to the last start of the daemon has started exactly one run; says how many they were.
pub(crate) fn due_times(world: &World, opened: &Value) -> usize {
    let last: Timestamp = text(opened, "at").parse().unwrap();
    let started = |run: &Value| text(run, "scheduled_at").parse::<Timestamp>().unwrap();
    let runs = world.until(&["runs", "--job", SCHEDULED], |runs| runs[0].is_object() && started(&runs[0]) > last);
    let first = started(runs.as_array().unwrap().last().unwrap());
    let mut due = first;
    let mut n_due = 0;
    while due < last {
        let is_answered = |why: &Value| why["answers"][0]["answer"] != "backlog";
        let why = world.until(&["why", &format!("{SCHEDULED}@{due}")], is_answered);
        assert_eq!(why["answers"].as_array().unwrap().len(), 1, "{why:#}");
        assert_eq!(why["answers"][0]["answer"], "run", "{why:#}");
        n_due += 1;
        due += SignedDuration::from_millis(50);
    }
    let runs = world.json(&["runs", "--job", SCHEDULED]);
    let times: Vec<Timestamp> = runs.as_array().unwrap().iter().map(started).collect();
    let answered: BTreeSet<_> = times.iter().collect();
    assert_eq!(answered.len(), times.len(), "a due time has started two runs");
    n_due
}

/// No process of any run is left.
pub(crate) fn leftovers(runs: &[Value]) {
    let ids: BTreeSet<&str> = runs.iter().map(|run| text(run, "id")).collect();
    for process in std::fs::read_dir("/proc").unwrap() {
        let environ = std::fs::read(process.unwrap().path().join("environ")).unwrap_or_default();
        for variable in environ.split(|byte| *byte == 0) {
            let run = String::from_utf8_lossy(variable).strip_prefix("CAMPANILE_RUN_ID=").map(str::to_owned);
            assert!(!run.is_some_and(|run| ids.contains(run.as_str())), "a process of a run is left");
        }
    }
}
