//! What is generated from the words of the command line: completion scripts and manual pages name every verb.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use world::{World, said};

/// The names below `Commands:` in the help of these words.
fn names(world: &World, words: &[&str]) -> Vec<String> {
    let mut command = world.campanile();
    command.args(words).arg("--help");
    let help = said(command).with(0).out;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

fn campanile(world: &World, words: &[&str]) -> String {
    let mut command = world.campanile();
    command.args(words);
    said(command).with(0).out
}

#[test]
fn completions_know_every_verb() {
    let world = World::new();
    let verbs = [names(&world, &[]), names(&world, &["ctl"])].concat();
    assert!(verbs.len() > 25 && verbs.iter().any(|verb| verb == "runs"), "{verbs:?}");
    for (shell, syntax) in [("bash", Some("bash -n script")), ("zsh", None), ("fish", None)] {
        let script = campanile(&world, &["completions", shell]);
        for verb in &verbs {
            assert!(script.contains(verb.as_str()), "{shell} does not know `{verb}`");
        }
        assert!(script.contains("--socket") || script.contains("-l socket"), "{shell}");
        std::fs::write(world.path("script"), &script).unwrap();
        if let Some(check) = syntax {
            let mut bash = world.campanile_after(&format!("{check} && exit 0; exit 1"));
            bash.arg("--version");
            assert_eq!(said(bash).exit, 0, "the script for {shell} is none");
        }
    }
    let mut unknown = world.campanile();
    unknown.args(["completions", "tcsh"]);
    said(unknown).with(2);
}

#[test]
fn there_is_a_manual_page_for_every_verb() {
    let world = World::new();
    campanile(&world, &["man", "pages"]);
    let main = std::fs::read_to_string(world.path("pages/campanile.1")).unwrap();
    assert_eq!(campanile(&world, &["man"]), main);
    for name in names(&world, &[]) {
        assert!(main.contains(&name.replace('-', "\\-")), "{name}");
        let page = std::fs::read_to_string(world.path(&format!("pages/campanile-{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{name}: {page}");
    }
    for verb in names(&world, &["ctl"]) {
        let page = std::fs::read_to_string(world.path(&format!("pages/campanile-ctl-{verb}.1"))).unwrap();
        assert!(page.contains(&format!("campanile\\-ctl\\-{verb}")) && page.contains("Examples:"), "{verb}: {page}");
    }
    let mut nowhere = world.campanile();
    nowhere.args(["man", "/proc/nowhere"]);
    assert!(said(nowhere).with(1).err.contains("the pages cannot be written to `/proc/nowhere`"));
}
