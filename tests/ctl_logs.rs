//! `campanile ctl logs --follow` over a connection that is cut: no line is lost and none comes twice, from attempt to
//! attempt and from task to task, until the run has ended.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{Sender, channel};

use world::{LONG, World};

/// Carries what is said between `proxy` and the daemon's socket. A connection is cut in the answer that has `marker` in
/// it, as often as it may be; each cut is told.
fn proxy(world: &World, marker: &'static str, n_cuts: usize, cut: Sender<()>) -> PathBuf {
    let (here, there) = (world.path("proxy"), world.path("socket"));
    let listener = UnixListener::bind(&here).unwrap();
    std::thread::spawn(move || {
        let mut cuts_left = n_cuts;
        for client in listener.incoming().map_while(Result::ok) {
            let server = UnixStream::connect(&there).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            cuts_left -= usize::from(carry(server, client, Some(marker).filter(|_| cuts_left > 0), &cut));
        }
    });
    here
}

/// Carries an answer; `true` if it was cut.
fn carry(mut server: UnixStream, mut client: UnixStream, marker: Option<&str>, cut: &Sender<()>) -> bool {
    let mut seen = Vec::new();
    let mut bytes = [0; 256];
    while let Ok(n @ 1..) = server.read(&mut bytes) {
        seen.extend_from_slice(&bytes[..n]);
        if client.write_all(&bytes[..n]).is_err() {
            break;
        }
        if marker.is_some_and(|marker| String::from_utf8_lossy(&seen).contains(marker)) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
            let _ = cut.send(());
            return true;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    false
}

#[test]
fn a_connection_that_is_cut_loses_and_doubles_no_line() {
    let world = World::new();
    for pipe in ["first", "second"] {
        world.pipe(pipe);
    }
    let job = "[tasks.a]\nretry = { max_attempts = 2, delay = \"1ms\" }\n\
               shell = '''echo a$CAMPANILE_ATTEMPT-one; echo a$CAMPANILE_ATTEMPT-two >&2\n\
               if [ $CAMPANILE_ATTEMPT = 1 ]; then read line < {here}/first; echo a1-three; exit 3; fi\n\
               read line < {here}/second; echo a2-three'''\n\
               [tasks.b]\nafter = [\"a\"]\nshell = \"echo b-one; echo b-two\"\n";
    world.job("chain", job);
    let daemon = world.daemon();
    let (cut, cuts) = channel();
    let proxy = proxy(&world, "-two", 2, cut);
    world.start("chain");
    let mut command = world.campanile();
    command.args(["ctl", "--socket"]).arg(proxy).args(["logs", "chain", "-f"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (said, lines) = channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
    // Both connections are cut while the first attempt waits, so that each begins anew what was shown before.
    for _ in 0..2 {
        cuts.recv_timeout(LONG).unwrap();
    }
    std::fs::write(world.path("first"), "\n").unwrap();
    std::fs::write(world.path("second"), "\n").unwrap();
    let mut shown = Vec::new();
    while let Ok(line) = lines.recv_timeout(LONG) {
        shown.push(line);
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut per_stream = shown.clone();
    per_stream.sort();
    let all = ["a1-one", "a1-three", "a1-two", "a2-one", "a2-three", "a2-two"].map(|line| format!("a | {line}"));
    assert_eq!(per_stream, [&all[..], &["b | b-one".to_owned(), "b | b-two".to_owned()]].concat(), "{shown:?}");
    let order = |one: &str, other: &str| {
        let at = |text: &str| shown.iter().position(|line| line.ends_with(text));
        assert!(at(one) < at(other), "{shown:?}");
    };
    order("a1-three", "a2-one");
    order("a2-three", "b-one");
    daemon.stop();
}

#[test]
fn the_tail_goes_on_with_what_comes() {
    let world = World::new();
    world.pipe("pipe");
    world.job("slow", "shell = '''seq 1 50; echo begun >&2; read line < {here}/pipe; echo end'''\n");
    let daemon = world.daemon();
    let run = world.start("slow");
    let mut all = world::Lines::spawn({
        let mut command = world.campanile();
        command.args(["ctl", "--socket", "socket", "-o", "jsonl", "logs", &run, "-f"]);
        command
    });
    all.until(|line| line["text"] == "50");
    let mut command = world.campanile();
    command.args(["ctl", "--socket", "socket", "-o", "jsonl", "logs", &run, "-f", "--tail", "3", "--stream", "stdout"]);
    let mut tail = world::Lines::spawn(command);
    for expected in ["48", "49", "50"] {
        assert_eq!(tail.next_within(LONG).unwrap()["text"], expected);
    }
    std::fs::write(world.path("pipe"), "\n").unwrap();
    assert_eq!(tail.next_within(LONG).unwrap()["text"], "end");
    assert!(tail.next_within(LONG).is_none());
    daemon.stop();
}
