//! `campanile run` where a person looks on: what runs at the moment is shown in one line that is drawn again and again.

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

use nix::pty::openpty;
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
