//! What a daemon makes of files of many jobs, of drop-ins and of defaults, and what it remembers of where they are written.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::world::World;

fn get(world: &World, path: &str) -> Value {
    let mut stream = UnixStream::connect(world.path("socket")).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: campanile\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn one_bad_job_of_a_file_keeps_its_revision_and_its_siblings_go_on() {
    let world = World::new();
    world.job("all", "[jobs.a]\nshell = 'echo a1'\n[jobs.b]\nshell = 'echo b1'\n[jobs.c]\nshell = 'echo c1'\n");
    let daemon = world.daemon();
    assert_eq!(world.ok(&["-o", "name", "jobs"]).lines().collect::<Vec<_>>(), ["all.a", "all.b", "all.c"]);
    let path = world.job("all", "[jobs.a]\nshell = 'echo a2'\n[jobs.b]\nshel = 'echo b2'\n[jobs.d]\nshel = 'x'\n");
    let told = world.ctl(&["-o", "json", "reload"]).with(0);
    let reloaded: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(reloaded["changed"], json!(["all.a"]), "{told:?}");
    assert_eq!(reloaded["retired"], json!(["all.c"]), "what is gone is gone, whatever else is wrong in its file");
    assert_eq!(world.ended(&world.start("all.a"))["output"], "a2\n");
    assert_eq!(world.ended(&world.start("all.b"))["output"], "b1\n");
    let status = world.json(&["status"]);
    assert_eq!(status["invalid"].as_array().unwrap().len(), 1, "one file, whatever is wrong in it");
    assert_eq!(status["invalid"][0]["path"], json!(path));
    assert_eq!(status["invalid"][0]["problems"].as_array().unwrap().len(), 2);

    world.job("all", "[jobs.a\n");
    assert_eq!(world.json(&["reload"])["retired"], json!([]), "a file that cannot be read retires nothing");
    assert_eq!(world.ended(&world.start("all.a"))["output"], "a2\n");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn two_files_of_one_stem_leave_the_last_good_revision_in_force() {
    let world = World::new();
    world.job("a", "shell = 'echo toml'\n");
    let daemon = world.daemon();
    std::fs::write(world.path("jobs/a.yaml"), "shell: echo yaml\n").unwrap();
    let reloaded = world.json(&["reload"]);
    assert_eq!((&reloaded["changed"], &reloaded["n_invalid"]), (&json!([]), &json!(2)));
    assert_eq!(world.ended(&world.start("a"))["output"], "toml\n");
    world.remove_job("a");
    assert_eq!(world.json(&["reload"])["changed"], json!(["a"]));
    assert_eq!(world.ended(&world.start("a"))["output"], "yaml\n");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn defaults_and_drop_ins_count_and_every_key_tells_its_place() {
    let world = World::new();
    world.settings("[defaults]\nenv = { WHO = 'defaults', HOW = 'quietly' }\n");
    let file = world.job("a", "# ours\nshell = 'echo $WHO $HOW'\n");
    std::fs::create_dir(world.path("jobs/a.d")).unwrap();
    let drop_in = world.path("jobs/a.d/10-who.yaml");
    std::fs::write(&drop_in, "env:\n  WHO: the drop-in\n").unwrap();
    let daemon = world.daemon();
    assert_eq!(world.ended(&world.start("a"))["output"], "the drop-in quietly\n");
    let place = |key: &str| {
        let effective = get(&world, "/api/v1/jobs/a/effective");
        let items = effective["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["key"] == key).unwrap_or_default()
    };
    assert_eq!(
        place("tasks.main.env.WHO"),
        json!({ "key": "tasks.main.env.WHO", "value": "the drop-in", "file": drop_in, "line": 2 })
    );
    assert_eq!(place("tasks.main.env.HOW")["file"], json!(world.path("campanile.toml")));
    assert_eq!((&place("tasks.main.shell")["file"], &place("tasks.main.shell")["line"]), (&json!(file), &json!(2)));
    assert_eq!((&place("max_runs")["value"], &place("max_runs")["file"]), (&json!(1), &Value::Null));
    // Lines that move are no new revision.
    world.job("a", "# ours\n# and theirs\nshell = 'echo $WHO $HOW'\n");
    assert_eq!(world.json(&["reload"])["n_unchanged"], 1);
    assert_eq!(place("tasks.main.shell")["line"], 3);
    std::fs::remove_file(drop_in).unwrap();
    assert_eq!(world.json(&["reload"])["changed"], json!(["a"]));
    assert_eq!(world.ended(&world.start("a"))["output"], "defaults quietly\n");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn new_defaults_reach_every_job_also_those_whose_files_are_as_they_were() {
    let world = World::new();
    // Files that nobody has touched for long are not read again unless they must be.
    for name in ["flaky", "once"] {
        let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("jobs.d/{name}.toml"));
        std::os::unix::fs::symlink(example, world.path(&format!("jobs/{name}.toml"))).unwrap();
    }
    let daemon = world.daemon();
    assert_eq!(world.json(&["reload"])["n_unchanged"], 2);
    world.settings("timezone = \"UTC\"\nreload = \"manual\"\n[defaults]\nenv = { WHO = 'defaults' }\n");
    assert_eq!(world.json(&["reload"])["changed"], json!(["flaky", "once"]));
    assert_eq!(world.json(&["reload"])["n_unchanged"], 2);
    // A mask that is taken away brings back what it hid, though its file is as it was.
    let other = world.path("other");
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink("/dev/null", world.path("jobs/once.json")).unwrap();
    std::fs::rename(world.path("jobs/once.toml"), other.join("once.toml")).unwrap();
    assert_eq!(world.json(&["reload"])["retired"], json!(["once"]));
    std::fs::remove_file(world.path("jobs/once.json")).unwrap();
    std::fs::rename(other.join("once.toml"), world.path("jobs/once.toml")).unwrap();
    assert_eq!(world.json(&["reload"])["changed"], json!(["once"]));
    assert_eq!(daemon.stop(), 0);
}
