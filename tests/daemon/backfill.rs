//! Due times of the past, asked for by a person.

use serde_json::{Value, json};

use crate::world::{World, text};

/// The clocks go forward on the last of these nights.
const STRETCH: [&str; 4] = ["--from", "2024-03-29T01:30:00Z", "--to", "2024-04-01T00:30:00Z"];
const DUE: [&str; 3] = ["2024-03-29T02:30:00+01:00", "2024-03-30T02:30:00+01:00", "2024-03-31T03:00:00+02:00"];

fn is_of<'a>(kind: &'a str, backfill: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |event| event["type"] == kind && event["data"]["backfill"] == backfill
}

#[test]
fn they_run_with_their_nominal_times_and_everything_tells_of_them() {
    let world = World::new();
    let told = "shell = \"echo $CAMPANILE_SCHEDULED_AT $CAMPANILE_CAUSE\"\n";
    world.job("nightly", &format!("cron = \"30 2 * * *\"\ntimezone = \"Europe/Berlin\"\n{told}"));
    let daemon = world.daemon();
    let mut events = world.events();
    let looked = [&["backfill", "nightly", "--dry-run"][..], &STRETCH].concat();
    assert_eq!(world.ok(&[&looked[..], &["-o", "name"]].concat()).lines().collect::<Vec<_>>(), DUE);
    let plan = world.json(&looked);
    assert_eq!((&plan["id"], &plan["n_due"], &plan["due"][2]["due_at"]), (&Value::Null, &json!(3), &json!(DUE[2])));
    assert_eq!(world.json(&["backfills"]), json!([]));

    let asked = [&["backfill", "nightly", "-o", "name"][..], &STRETCH].concat();
    let id = world.ok(&asked).trim().to_owned();
    events.until(is_of("backfill.completed", &id));
    let runs = world.json(&["runs", "--backfill", &id]);
    let outputs: Vec<&str> = runs.as_array().unwrap().iter().rev().map(|run| text(run, "output").trim_end()).collect();
    assert_eq!(outputs, DUE.map(|due| format!("{due} backfill")));
    let one = &runs[0];
    assert_eq!((&one["cause"], &one["backfill_id"]), (&json!("backfill"), &json!(id)), "{one}");
    let why = world.json(&["why", &format!("nightly@{}", DUE[2])]);
    assert_eq!(why["answers"][0]["answer"], "unrecorded", "{why}");
    assert_eq!(why["backfilled"], json!([{ "run_id": one["id"], "run_state": "completed", "backfill_id": id }]));
    let backfill = world.json(&["backfills", &id]);
    assert_eq!((&backfill["state"], &backfill["n_completed"]), (&json!("completed"), &json!(3)), "{backfill}");
    assert!(!text(&backfill, "asked_by").is_empty());
    let again = world.ctl(&["cancel", &id]).with(5);
    assert!(again.err.contains("already ended (completed)"), "{again:?}");
    let ahead = world.ctl(&["backfill", "nightly", "--from", "2024-03-29", "--to", "9000-01-01"]).with(2);
    assert!(ahead.err.contains("`to` is later than now") && ahead.err.contains("hint: "), "{ahead:?}");
    daemon.stop();
}

#[test]
fn one_is_cancelled_as_one() {
    let world = World::new();
    world.job("slow", "every = \"1h\"\nmax_runs = 3\nshell = \"exec sleep 600\"\n");
    let daemon = world.daemon();
    let mut events = world.events();
    let words = ["backfill", "slow", "--from", "5h", "--to", "now", "--max-runs", "2", "-o", "name"];
    let id = world.ok(&words).trim().to_owned();
    events.event("task.started", "slow");
    events.event("task.started", "slow");
    assert_eq!(world.json(&["backfills", "--job", "slow"])[0]["n_live"], 2);
    let cancelled = world.ctl(&["cancel", &id]).with(0);
    assert!(cancelled.err.contains("2 of 5 run"), "{cancelled:?}");
    events.until(is_of("backfill.cancelled", &id));
    events.event("workflow.cancelled", "slow");
    events.event("workflow.cancelled", "slow");
    let backfill = world.json(&["backfills", &id]);
    assert_eq!(
        (&backfill["n_started"], &backfill["n_cancelled"], &backfill["n_live"]),
        (&json!(2), &json!(2), &json!(0))
    );
    daemon.stop();
}
