//! What a person sees on a terminal: a line that tells what runs is drawn again and again, tables fit and have colours,
//! and nothing that a task writes or a file says steers it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

use nix::pty::{Winsize, openpty};
use world::{LONG, World};

/// How a line is cleared before it is drawn again.
const AGAIN: &str = "\r\u{1b}[2K";

/// What arrives at a terminal, as it comes, until nobody has its other end.
fn screen(mut master: File) -> Receiver<String> {
    let (shown, screen) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        // Linux says EIO at the end.
        while let Ok(n @ 1..) = master.read(&mut bytes) {
            if shown.send(String::from_utf8_lossy(&bytes[..n]).into_owned()).is_err() {
                return;
            }
        }
    });
    screen
}

#[test]
fn a_terminal_shows_what_runs_until_it_has_ended() {
    let world = World::new();
    let pipe = world.pipe("pipe");
    let job = world.job("slow", "[tasks.first]\nshell = 'echo hello; read line < {here}/pipe'\n");
    let ends = openpty(None, None).unwrap();
    let screen = screen(ends.master.into());
    let mut command = world.campanile();
    command.env("TERM", "xterm").arg("run").arg(job).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(ends.slave);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut shown = String::new();
    // Drawn twice, so that the second has cleared the first.
    while shown.matches("running: first ").count() < 2 {
        shown.push_str(&screen.recv_timeout(LONG).unwrap_or_else(|error| panic!("{error}: {shown:?}")));
    }
    std::fs::write(pipe, "\n").unwrap();
    while let Ok(more) = screen.recv_timeout(LONG) {
        shown.push_str(&more);
    }
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{shown:?}");
    assert_eq!(out, "hello\n", "progress is talk and output is data");
    assert!(shown.contains(&format!("{AGAIN}running: first ")), "{shown:?}");
    let after = shown.rsplit_once("running: ").unwrap().1;
    assert!(after.contains(AGAIN), "the last line was cleared: {shown:?}");
    let plain = anstream::adapter::strip_str(after).to_string();
    assert!(plain.contains("first completed after ") && plain.contains("slow completed after "), "{plain:?}");
}

/// A terminal with so many columns.
fn terminal(columns: u16) -> nix::pty::OpenptyResult {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    openpty(Some(&size), None).unwrap()
}

/// What `campanile` shows on a terminal with so many columns, to its end.
fn shown(world: &World, columns: u16, env: &[(&str, &str)], words: &[&str]) -> String {
    let ends = terminal(columns);
    let screen = screen(ends.master.into());
    let mut command = world.campanile();
    command.env("TERM", "xterm").env("CAMPANILE_SOCKET", "socket").envs(env.iter().copied()).args(words);
    command.stdin(Stdio::null()).stdout(ends.slave.try_clone().unwrap()).stderr(ends.slave);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut shown = String::new();
    while let Ok(more) = screen.recv_timeout(LONG) {
        shown.push_str(&more);
    }
    child.wait().unwrap();
    shown.replace("\r\n", "\n")
}

/// Colours and nothing else that begins with an escape, nor any other control character.
fn is_harmless(shown: &str) -> bool {
    let plain = anstream::adapter::strip_str(shown).to_string();
    let n_colours = shown.matches("\u{1b}[").count();
    let n_letters = shown
        .split("\u{1b}[")
        .skip(1)
        .filter(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'));
    n_letters.count() == n_colours
        && shown.matches('\u{1b}').count() == n_colours
        && plain.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'))
}

const HOSTILE: &str = "command = [\"printf\", '\\033]0;owned\\007\\033[2J\\302\\2332Jseen\\n']\n";

#[test]
fn tables_fit_the_terminal_and_have_colours_only_where_they_are_wanted() {
    let world = World::new();
    let long = format!("a-very-long-{}", "name-".repeat(8));
    world.job(&format!("{long}x"), "shell = \"exit 3\"\n");
    let daemon = world.daemon();
    world.ctl(&["start", &format!("{long}x"), "--wait"]).with(1);
    for columns in [50, 60, 200] {
        let runs = shown(&world, columns, &[], &["ctl", "runs"]);
        let plain = anstream::adapter::strip_str(&runs).to_string();
        assert!(plain.lines().all(|line| line.chars().count() <= usize::from(columns)), "{columns}: {plain}");
        assert_eq!(plain.contains('…'), columns < 200, "{columns}: {plain}");
        assert!(columns == 50 || runs.contains("\u{1b}[31mfailed"), "{columns}: {runs:?}");
    }
    let coloured = |env: &[(&str, &str)], words: &[&str]| shown(&world, 200, env, words).contains('\u{1b}');
    for (env, is_coloured) in
        [(&[][..], true), (&[("NO_COLOR", "")], true), (&[("NO_COLOR", "1")], false), (&[("TERM", "dumb")], false)]
    {
        assert_eq!(coloured(env, &["ctl", "runs"]), is_coloured, "{env:?}");
    }
    assert!(!coloured(&[], &["ctl", "runs", "--color", "never"]));
    assert!(coloured(&[("NO_COLOR", "1")], &["ctl", "runs", "--color", "always"]));
    assert!(!world.ok(&["runs"]).contains('\u{1b}'), "there is no terminal there");
    daemon.stop();
}

#[test]
fn nothing_that_a_task_writes_steers_the_terminal() {
    let world = World::new();
    let job = world.job("hostile", HOSTILE);
    let named = "description = \"\\u001b[2J\\u009b2J\\u202e\"\nshell = \"exit 3\"\n";
    world.job("named", named);
    world.job("broken", "\"\\u001b[2J\" = 1\n");
    let daemon = world.daemon();
    world.ctl(&["start", "hostile", "--wait"]).with(0);
    for format in ["table", "json", "jsonl", "yaml", "csv", "name"] {
        for words in [&["run", "hostile"][..], &["logs", "hostile"], &["job", "named"], &["status"], &["tasks"]] {
            let shown = shown(&world, 80, &[], &[&["ctl", "-o", format], words].concat());
            assert!(!shown.is_empty() && is_harmless(&shown), "-o {format} {words:?}: {shown:?}");
        }
    }
    let file = job.display().to_string();
    let live = shown(&world, 80, &[], &["run", &file]);
    assert!(live.contains("2Jseen") && !live.contains("\u{1b}]") && !live.contains("\u{1b}[2J"), "{live:?}");
    let bytes = world.ctl(&["logs", "hostile", "-o", "jsonl"]).with(0).out;
    assert!(bytes.contains("\\u001b]0;owned\\u0007"), "a program is told all of it: {bytes}");
    daemon.stop();
}

#[test]
fn the_status_is_drawn_again_when_something_has_happened() {
    let world = World::new();
    world.job("slow", "command = [\"sleep\", \"600\"]\n");
    let daemon = world.daemon();
    let ends = terminal(100);
    let screen = screen(ends.master.into());
    let mut command = world.campanile();
    command.env("TERM", "xterm").env("CAMPANILE_SOCKET", "socket").args(["ctl", "status", "--watch"]);
    let mut child = command.stdin(Stdio::null()).stdout(ends.slave).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    let mut shown = String::new();
    let mut until = |words: &str| {
        while !shown.contains(words) {
            shown.push_str(&screen.recv_timeout(LONG).unwrap_or_else(|error| panic!("{error}: {shown:?}")));
        }
        std::mem::take(&mut shown)
    };
    assert!(until("0 running").contains("\u{1b}[H"));
    world.start("slow");
    until("1 running");
    world.ok(&["pause"]);
    until("paused: nothing starts until `campanile ctl resume`");
    child.kill().unwrap();
    child.wait().unwrap();

    let mut command = world.campanile();
    command.args(["ctl", "--socket", "socket", "status", "--watch"]);
    let mut lines = world::Lines::spawn(command);
    lines.until(|status| status["paused"] == true);
    world.ok(&["resume"]);
    lines.until(|status| status["paused"] == false && status["tasks"]["running"] == 1);
    world.ok(&["cancel", "slow"]);
    daemon.stop();
}
