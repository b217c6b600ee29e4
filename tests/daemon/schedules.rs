//! Due times: met, missed and caught up, over restarts; each has exactly one answer.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::world::{World, said, text};

/// A job that is due five times a second.
const OFTEN: &str = "every = \"200ms\"\noverlap = \"allow\"\ncommand = [\"true\"]\n";
const STEP: SignedDuration = SignedDuration::from_millis(200);

fn at(value: &Value, name: &str) -> Timestamp {
    text(value, name).parse().unwrap()
}

/// The due times in `(after, until]`.
fn due_times(after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let step = STEP.as_micros() as i64;
    let mut due = Timestamp::from_microsecond((after.as_microsecond().div_euclid(step) + 1) * step).unwrap();
    let mut found = Vec::new();
    while due <= until {
        found.push(due);
        due += STEP;
    }
    found
}

/// The one answer to each due time: `run`, or the reason.
fn answers(world: &World, job: &str, due: &[Timestamp]) -> Vec<String> {
    let one = |due: &Timestamp| {
        let why = world.json(&["why", &format!("{job}@{due}")]);
        let all = why["answers"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{why}");
        match text(&all[0], "answer") {
            "skipped" => text(&all[0], "reason").to_owned(),
            answer => answer.to_owned(),
        }
    };
    due.iter().map(one).collect()
}

#[test]
fn a_job_runs_on_schedule_and_its_history_survives_a_restart() {
    let world = World::new();
    world.job("tick", "every = \"1s\"\nshell = \"echo tick\"\n");
    let daemon = world.daemon();
    let mut events = world.events();
    let first = events.event("workflow.completed", "tick");
    events.event("workflow.completed", "tick");
    let run = world.json(&["run", text(&first, "run_id")]);
    assert_eq!((&run["number"], &run["cause"], &run["output"]), (&1.into(), &"occurrence".into(), &"tick\n".into()));
    assert_eq!(at(&run, "scheduled_at").as_microsecond() % 1_000_000, 0, "{run}");
    assert!(at(&run, "queued_at") >= at(&run, "scheduled_at"), "{run}");
    assert_eq!(daemon.stop(), 0);

    let daemon = world.daemon();
    events.until(|event| event["type"] == "daemon.started");
    events.event("workflow.completed", "tick");
    assert_eq!(world.json(&["run", "tick#1"]), run);
    let runs = world.json(&["runs", "--job", "tick"]);
    let mut numbers: Vec<u64> = runs.as_array().unwrap().iter().map(|run| run["number"].as_u64().unwrap()).collect();
    numbers.reverse();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(numbers.len() >= 3);
    assert_eq!(world.json(&["job", "tick"])["revision"], 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn every_due_time_of_a_downtime_has_the_answer_that_catch_up_gives_it() {
    let world = World::new();
    for catch_up in ["none", "latest", "all"] {
        world.job(catch_up, &format!("{OFTEN}catch_up = \"{catch_up}\"\n"));
    }
    let away = world.path("away.toml");
    std::fs::write(&away, "command = [\"sleep\", \"1\"]\n").unwrap();

    let daemon = world.daemon();
    let mut events = world.events();
    let firsts = ["none", "latest", "all"].map(|job| {
        let started = world.until(&["runs", "--job", job], |runs| runs[0]["scheduled_at"].is_string());
        let oldest = started.as_array().unwrap().last().unwrap().clone();
        at(&oldest, "scheduled_at")
    });
    assert_eq!(daemon.stop(), 0);

    // The downtime is as long as this takes, and it says from when to when that was.
    let mut command = world.campanile();
    let absent = said({
        command.args(["run", "--json"]).arg(&away);
        command
    });
    let absent: Value = serde_json::from_str(absent.with(0).out.lines().last().unwrap()).unwrap();
    let missed = due_times(at(&absent, "started_at"), at(&absent, "ended_at"));
    assert!(missed.len() >= 4, "{missed:?}");

    let daemon = world.daemon();
    events.until(|event| event["type"] == "daemon.stopping");
    let back = at(&events.until(|event| event["type"] == "daemon.started"), "at");
    let all_missed = due_times(at(&absent, "started_at"), back);
    for job in ["none", "latest", "all"] {
        world.until(&["runs", "--job", job, "--limit", "1"], |runs| at(&runs[0], "scheduled_at") > back);
    }
    world.ok(&["pause"]);
    world.until(&["status"], |status| status["tasks"]["queued"] == 0 && status["tasks"]["running"] == 0);

    assert_eq!(answers(&world, "none", &missed), vec!["missed_window"; missed.len()]);
    assert_eq!(answers(&world, "all", &missed), vec!["run"; missed.len()]);
    let mut latest = vec!["coalesced"; all_missed.len()];
    *latest.last_mut().unwrap() = "run";
    assert_eq!(answers(&world, "latest", &all_missed), latest);
    for (job, first) in ["none", "latest", "all"].into_iter().zip(firsts) {
        let due = due_times(first, back);
        let answers = answers(&world, job, &due);
        let is_answer = |answer: &String| ["run", "missed_window", "coalesced"].contains(&answer.as_str());
        assert!(answers.iter().all(is_answer), "{job}: {due:?} {answers:?}");
        let runs = world.json(&["runs", "--job", job]);
        let mut scheduled: Vec<Timestamp> =
            runs.as_array().unwrap().iter().map(|run| at(run, "scheduled_at")).collect();
        let n_runs = scheduled.len();
        scheduled.sort_unstable();
        scheduled.dedup();
        assert_eq!(scheduled.len(), n_runs, "{job}: a due time has started two runs");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn why_tells_what_lies_ahead_and_what_is_no_due_time() {
    let world = World::new();
    world.job("yearly", "cron = \"0 0 1 1 *\"\ncommand = [\"true\"]\n");
    let daemon = world.daemon();
    let next = world.json(&["next", "yearly", "-n", "2"]);
    assert_eq!(next.as_array().unwrap().len(), 2, "{next}");
    assert!(at(&next[0], "due_at") < at(&next[1], "due_at"), "{next}");
    let ahead = world.json(&["why", &format!("yearly@{}", text(&next[0], "due_at"))]);
    assert_eq!(ahead["answers"][0]["answer"], "pending", "{ahead}");
    let never = world.json(&["why", "yearly@2026-06-15T12:00:00Z"]);
    assert_eq!(never["answers"], serde_json::json!([]), "{never}");
    assert_eq!(daemon.stop(), 0);
}
