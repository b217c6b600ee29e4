//! The examples that the help texts show are typed: each line, by a shell, beside a real daemon.
//!
//! How a line is read: `RUN`, `TASK`, `BACKFILL` and `DELIVERY` stand for the id of a run that lives (until an example ends
//! it), of a task, of a backfill that waits and of a delivery. A line ends with exit code 0, or with the one of `# exits N` behind it. One that goes on `until
//! you interrupt it` has to say something first. What a line names (jobs `nightly` and `slow`, files below `jobs`) is
//! made by `world` below.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use nix::sys::signal::Signal;
use world::{Daemon, LONG, World, said, signal};

/// One line of a help text.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Example {
    line: String,
    exit: i32,
    is_interrupted: bool,
}

impl Example {
    fn read(line: &str) -> Example {
        let (line, remark) = line.split_once("   # ").unwrap_or((line, ""));
        let exit = remark.strip_prefix("exits ").map_or(0, |code| code.parse().unwrap());
        Example { line: line.trim().to_owned(), exit, is_interrupted: remark.contains("interrupt") }
    }
}

/// The lines of `text` below `head` that are indented.
fn section<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| *line != head).skip(1);
    lines.take_while(|line| line.starts_with("  ")).map(str::trim).collect()
}

/// Every command, with what its help says.
fn helps(world: &World, words: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut command = world.campanile();
    command.args(words).arg("--help");
    let help = said(command).with(0).out;
    for line in section(&help, "Commands:") {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            helps(world, &[words, &[name.to_owned()]].concat(), found);
        }
    }
    found.push((words.to_vec(), help));
}

/// A daemon's surroundings, and a daemon in them whose past holds all that the examples name.
fn world() -> (World, Daemon) {
    let world = World::new();
    world.settings("timezone = \"UTC\"\n[[hooks]]\nname = \"done\"\non = [\"workflow.completed\"]\nshell = \"true\"\n");
    let nightly = "cron = \"30 2 * * *\"\noverlap = \"allow\"\ntags = [\"db\"]\n\
                   [tasks.dump]\nshell = \"echo dumped; echo slowly >&2\"\n[tasks.keep]\nafter = [\"dump\"]\nnoop = true\n";
    world.job("nightly", nightly);
    world.job("slow", "overlap = \"allow\"\ncommand = [\"sleep\", \"600\"]\n");
    world.job("broken", "shell = \"exit 3\"\n");
    world.job("archive", "cron = \"30 2 * * *\"\nenabled = false\nshell = \"true\"\n");
    std::fs::write(world.path("fresh.toml"), "shell = \"true\"\n").unwrap();
    let daemon = world.daemon();
    for _ in 0..3 {
        world.ctl(&["start", "nightly", "--wait"]).with(0);
        world.start("slow");
    }
    let is_delivered = |delivery: &serde_json::Value| delivery["state"] == "delivered";
    world.until(&["deliveries"], |all| all.as_array().unwrap().iter().all(is_delivered));
    (world, daemon)
}

fn shell(world: &World, line: &str) -> Command {
    let here = Path::new(env!("CARGO_BIN_EXE_campanile")).parent().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a black-box test types what a person would")]
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().args(["-c", line]).current_dir(world.path(""));
    shell.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", here.display()));
    shell.env("HOME", world.path("")).env("TZ", "UTC").env("CAMPANILE_SOCKET", "socket");
    shell
}

/// Starts it, waits until it says that, and interrupts it.
fn interrupted(mut command: Command, until: &str) -> Result<(), String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (said, heard) = channel();
    let streams: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for stream in streams {
        let said = said.clone();
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| said.send(line))
        });
    }
    drop(said);
    let is_heard = loop {
        match heard.recv_timeout(LONG) {
            Ok(line) if line.contains(until) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(format!("it does not say `{until}`: {error}")),
        }
    };
    // Not SIGINT: what a shell starts with `&` ignores it, these tests included.
    signal(child.id(), Signal::SIGTERM);
    child.wait().unwrap();
    is_heard
}

#[test]
fn every_example_of_every_help_text_does_what_it_says() {
    let (world, daemon) = world();
    let id = |words: &[&str]| world.ok(words).lines().next_back().unwrap().to_owned();
    let run = world.json(&["run", "slow#1"])["id"].as_str().unwrap().to_owned();
    let ids = [
        ("RUN", run),
        ("TASK", id(&["tasks", "--run", "nightly#1", "-o", "name"])),
        ("BACKFILL", id(&["backfill", "archive", "--from", "3d", "--to", "now", "-o", "name"])),
        ("DELIVERY", id(&["deliveries", "-o", "name"])),
    ];
    let mut commands = Vec::new();
    helps(&world, &[], &mut commands);
    let mut wrong = Vec::new();
    for (words, help) in &commands {
        let examples = section(help, "Examples:");
        if examples.is_empty() {
            wrong.push(format!("`campanile {} --help` has no examples", words.join(" ")));
        }
        for example in examples.into_iter().map(Example::read) {
            if !example.line.starts_with("campanile ") && !example.line.starts_with("echo ") {
                wrong.push(format!("{words:?}: `{}` is the rest of a line that is too long", example.line));
                continue;
            }
            let line = ids.iter().fold(example.line.clone(), |line, (name, id)| line.replace(name, id));
            let result = if example.is_interrupted {
                // A daemon is interrupted once it is all there; of anything else, one line is enough.
                let until = if line.starts_with("campanile daemon ") { " ready " } else { "" };
                interrupted(shell(&world, &format!("exec {line}")), until)
            } else {
                let said = said(shell(&world, &line));
                if said.exit == example.exit { Ok(()) } else { Err(format!("{said:#?}")) }
            };
            wrong.extend(result.err().map(|why| format!("{line}\n{why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(commands.len() > 25, "{commands:?}");
    for slow in ["slow#1", "slow#2", "slow#3"] {
        world.ctl(&["cancel", slow]);
    }
    daemon.stop();
}

#[test]
fn examples_are_read_as_described() {
    let example = |line: &str, exit, is_interrupted| Example { line: line.to_owned(), exit, is_interrupted };
    for (line, expected) in [
        ("campanile ctl jobs", example("campanile ctl jobs", 0, false)),
        ("campanile ctl run nightly#1", example("campanile ctl run nightly#1", 0, false)),
        ("campanile check x   # exits 3", example("campanile check x", 3, false)),
        ("campanile daemon   # until you interrupt it", example("campanile daemon", 0, true)),
    ] {
        assert_eq!(Example::read(line), expected);
    }
}
