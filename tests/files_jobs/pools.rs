//! Pools: what tasks take by name, held to the configuration where that is known.

use campanile::files::{self, Zones, settings};
use campanile::model::timestamp::Timestamp;

use super::many::{folder, names, problems};
use super::{check, job};

#[test]
fn a_task_names_pools_or_says_how_much_it_takes_of_each() {
    let shown = |text: &str| job(text).tasks.iter().map(|task| task.pools.to_string()).collect::<Vec<_>>();
    assert_eq!(shown("shell = 'x'\n"), [""]);
    assert_eq!(shown("shell = 'x'\npools = ['db', 'a.b']\n"), ["a.b=1 db=1"]);
    let tasks =
        "[tasks.a]\nnoop = true\n[tasks.b]\nnoop = true\npools = { gpu = 2 }\n[tasks.c]\nnoop = true\npools = []\n";
    assert_eq!(
        shown(&format!("pools = ['db']\n{tasks}")),
        ["db=1", "gpu=2", ""],
        "what a task says comes in its place"
    );
    check(
        "shell = 'x'\npools = ['db', 'DB', 'db', 3]\n",
        &[
            "2:16: `DB` is not a pool's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`",
            "2:22: `db` is in `pools` twice (hint: to take more of it write pools = { db = 2 })",
            "2:28: an item of `pools` must be a string, found an integer (hint: write \"3\")",
        ],
    );
    check("shell = 'x'\npools = { db = 0 }\n", &["2:16: an item of `pools` must be 1 to 100000, found 0"]);
    check("shell = 'x'\npools = 'db'\n", &["2:9: `pools` must be a list, found a string (hint: write ['db'])"]);
    check("shell = 'x'\npool = 'db'\n", &["2:1: unknown key `pool` in a job (hint: did you mean `pools`?)"]);
}

#[test]
fn a_pool_must_exist_and_be_large_enough_where_the_configuration_is_known() {
    let root = tempfile::tempdir().unwrap();
    let config = root.path().join("campanile.toml");
    std::fs::write(&config, "[pools]\ndatabase = 4\ngpu = 1\n").unwrap();
    let configuration = settings::load(&config, true).unwrap();
    let dir = folder(
        root.path(),
        "d",
        &[
            ("a.toml", "shell = 'x'\npools = ['database', 'gpu']\n"),
            ("b.toml", "shell = 'x'\npools = ['databse']\n"),
            ("c.toml", "pools = ['net']\n[tasks.t]\nnoop = true\npools = { gpu = 2, database = 4 }\n"),
            ("d.yaml", "jobs:\n  x: {shell: x, pools: [gpu]}\n  y: {shell: x, pools: {gpu: 9}}\n"),
        ],
    );
    let zones = Zones { tzdb: &configuration.tzdb, default: "UTC" };
    let read =
        |defaults| files::load_over(defaults, std::slice::from_ref(&dir), zones, Timestamp::from_micros(super::NOW_US));
    let found = read(&configuration.settings.defaults);
    let larger = "(hint: the task would wait for ever; make the pool larger in `[pools]` of the configuration)";
    assert_eq!(
        problems(root.path(), &found),
        [
            "b: d/b.toml:2:10: there is no pool `databse` (hint: did you mean `database`?)".to_owned(),
            "c: d/c.toml:1:10: there is no pool `net` (hint: define it in the configuration: `net = 1` below `[pools]`)"
                .to_owned(),
            format!("c: d/c.toml:4:11: `gpu` is a pool of 1, and 2 of it are asked for {larger}"),
            format!("d.y: d/d.yaml:3:25: `gpu` is a pool of 1, and 9 of it are asked for {larger}"),
        ]
    );
    assert_eq!(names(&found), ["a", "d.x"]);
    let found = read(&files::Defaults::default());
    assert_eq!(problems(root.path(), &found), [""; 0], "nothing is known of pools");
}
