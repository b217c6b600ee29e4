//! What a daemon makes of files that ask for more than their owners may. These tests give files away, so they run as root.

use std::path::Path;

use serde_json::json;

use super::put::put;
use crate::world::{World, text};

fn give(path: &Path, user: &str) {
    let user = nix::unistd::User::from_name(user).unwrap().unwrap();
    nix::unistd::chown(path, Some(user.uid), None).unwrap();
}

#[test]
fn a_file_that_asks_for_too_much_keeps_its_last_good_revision_until_it_belongs_to_who_may() {
    let world = World::watched();
    let path = world.job("mine", "shell = 'echo one'\n");
    let mut daemon = world.daemon();
    let mut events = world.events();
    let next = world.path("jobs/.next");
    std::fs::write(&next, "shell = 'echo two'\nnice = -1\n").unwrap();
    give(&next, "bin");
    std::fs::rename(&next, &path).unwrap();
    events.until(|event| event["type"] == "job.invalid");
    let invalid = &world.json(&["status"])["invalid"];
    assert_eq!(invalid[0]["path"], json!(path));
    let problem = &invalid[0]["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(1)));
    let told = "`nice` below 0 counts only in a file that belongs to root, and this one belongs to `bin`";
    assert_eq!(problem["message"], told);
    assert_eq!(problem["hint"], json!(format!("chown root {}", path.display())));
    assert_eq!(world.ended(&world.start("mine"))["output"], "one\n");
    // Nothing of what is in it changes, and nobody asks for a reload.
    give(&path, "root");
    daemon.until("definitions are loaded changed=1");
    events.until(|event| event["job"] == "mine" && event["data"]["revision"] == 2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_job_that_is_put_may_name_nobody_but_the_daemon() {
    let world = World::new();
    let daemon = world.daemon();
    let (status, problem) = put(&world, "mine", "shell = 'true'\nuser = 'bin'\n");
    assert_eq!((status, &problem["code"]), (422, &json!("invalid")), "{problem}");
    assert!(text(&problem["errors"][0], "detail").contains("put by API"), "{problem}");
    assert_eq!(problem["errors"][0]["line"], 2, "{problem}");
    assert_eq!(put(&world, "mine", "shell = 'true'\nuser = 'root'\nlimits = { pids = 9 }\n").0, 201);
    assert_eq!(world.json(&["status"])["invalid"], json!([]));
    // Whoever writes past the API is judged alike.
    std::fs::write(world.path("state/jobs.d/other.toml"), "shell = 'true'\nuser = 'bin'\n").unwrap();
    assert_eq!(world.json(&["reload"])["n_invalid"], 1);
    assert_eq!(daemon.stop(), 0);
}
