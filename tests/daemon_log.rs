//! The daemon's own log as JSON: every line is one object, also where what is told holds quotes and lines of its own.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use serde_json::Value;
use world::{Daemon, World};

#[test]
fn every_line_of_a_json_log_is_an_object_with_a_time_a_level_and_a_message() {
    let world = World::new();
    world.settings("timezone = \"UTC\"\nlog = { format = \"json\", level = \"debug\" }\n");
    world.job("bad", "shell = \"a \\\"quoted\\\" word\"\nnothing = '''\nof this\tkind'''\n");
    world.job("good", "shell = \"true\"\n");
    let mut daemon = Daemon::spawn(world.daemon_words());
    daemon.until("\"ready\"");
    world.ctl(&["start", "good", "--wait"]).with(0);
    let lines = daemon.stop_and_tell();
    let mut messages = Vec::new();
    for line in &lines {
        let said: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |name: &str| said[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {line}")).to_owned();
        text("timestamp").parse::<campanile::model::timestamp::Timestamp>().unwrap();
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&text("level").as_str()), "{line}");
        messages.push(text("message"));
    }
    assert!(messages.iter().any(|message| message == "ready"), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("unknown key `nothing`")), "{messages:#?}");
}
