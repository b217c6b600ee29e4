//! `campanile run FILE`, from outside: exit codes, what goes to stdout and what to stderr, and interrupts.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::io::Read;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;
use world::{Said, World, lives, read_pipe, said, signal};

fn run(world: &World, words: &[&str]) -> Said {
    let mut command = world.campanile();
    command.arg("run").args(words);
    said(command)
}

/// Runs a file with this text.
fn run_text(world: &World, text: &str, words: &[&str]) -> Said {
    let path = world.job("job", text);
    run(world, &[words, &[path.to_str().unwrap()]].concat())
}

#[test]
fn of_a_file_of_many_jobs_one_is_named() {
    let world = World::new();
    let path = world.job("all", "[jobs.a]\nshell = 'echo a'\n[jobs.b]\nshell = 'echo b'\n");
    let path = path.to_str().unwrap();
    let said = run(&world, &[path]).with(7);
    assert!(said.err.contains("the file defines several jobs"), "{said:?}");
    assert!(said.err.contains("as in FILE:NAME: `all.a` or `all.b`"), "{said:?}");
    assert_eq!(run(&world, &[&format!("{path}:b")]).with(0).out, "b\n");
    let said = run(&world, &[&format!("{path}:c")]).with(7);
    assert!(said.err.contains("there is no job `c` in this file"), "{said:?}");
    assert_eq!(run(&world, &["nowhere.toml:c"]).exit, 3);
}

#[test]
fn whoever_calls_is_whom_it_runs_as_and_is_told_so() {
    let world = World::new();
    let said = run_text(&world, "shell = 'id -un'\nuser = 'root'\ngroup = '0'\n", &[]).with(0);
    assert_eq!(said.out, "root\n", "these tests run as root");
    assert!(said.err.contains("note: `campanile run` runs every task as you, `root`\n"), "{said:?}");
    let said = run_text(&world, "shell = 'true'\n", &[]).with(0);
    assert!(!said.err.contains("note:"), "{said:?}");
}

#[test]
fn tasks_that_share_a_pool_run_one_after_another_without_a_configuration() {
    let world = World::new();
    // Whoever finds the folder there is not alone.
    let alone = "shell = 'mkdir busy && sleep 0.05 && rmdir busy'\n";
    let task = |name: &str, pools: &str| format!("[tasks.{name}]\n{alone}pools = {pools}\n");
    let text = [task("a", "['db']"), task("b", "{ db = 3 }"), task("c", "{ db = 3, gpu = 9 }")].concat();
    let folder = tempfile::tempdir().unwrap();
    let here = format!("working_dir = '{}'\n", folder.path().display());
    run_text(&world, &(here + &text), &[]).with(0);
}

#[test]
fn the_exit_code_is_that_of_the_run() {
    let world = World::new();
    for (exit, text) in [
        (0, "shell = \"true\"\n"),
        (1, "shell = \"exit 3\"\n"),
        (1, "shell = \"kill -TERM $$\"\n"),
        (1, "shell = \"sleep 600\"\ntimeout = \"100ms\"\n"),
        (1, "command = [\"/no/such/program\"]\n"),
        (0, "shell = \"exit 24\"\nexit_codes = { ok = [24] }\n"),
        (0, "noop = true\n"),
        (0, "cron = \"0 0 1 1 *\"\nenabled = false\nshell = \"true\"\n"),
        (0, "shell = 'test $CAMPANILE_ATTEMPT = 2'\nretry = { max_attempts = 2, delay = \"10ms\" }\n"),
        (1, "[tasks.a]\nshell = \"false\"\n[tasks.b]\nafter = [\"a\"]\nshell = \"true\"\n"),
    ] {
        let said = run_text(&world, text, &[]);
        assert_eq!(said.exit, exit, "{text}: {said:#?}");
    }
}

#[test]
fn output_is_data_and_what_happens_is_talk() {
    let world = World::new();
    let said = run_text(&world, "shell = \"echo out; echo err >&2; exit 3\"\n", &[]).with(1);
    let mut lines: Vec<&str> = said.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "out"], "the log of a task is data, both of its streams");
    assert!(said.err.contains("started") && said.err.contains("failed"), "{said:?}");
    let said = run_text(&world, "[tasks.a]\nshell = \"echo x\"\n[tasks.b]\nafter = [\"a\"]\nshell = \"echo y\"\n", &[]);
    assert_eq!(said.with(0).out, "a | x\nb | y\n");
}

#[test]
fn a_job_starts_in_the_current_folder_and_is_told_what_it_is() {
    let world = World::new();
    let text = "shell = 'pwd; echo $CAMPANILE_JOB $CAMPANILE_TASK $CAMPANILE_ATTEMPT $CAMPANILE_CAUSE $PATH'\n";
    let said = run_text(&world, text, &[]).with(0);
    let here = world.path("").canonicalize().unwrap();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(said.out, format!("{}\njob main 1 manual {path}\n", here.display()));
}

#[test]
fn with_json_every_line_is_an_object_and_the_last_is_the_run() {
    let world = World::new();
    let said = run_text(&world, "shell = \"echo hello; exit 3\"\n", &["--json"]).with(1);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (run, events) = lines.split_last().unwrap();
    assert_eq!((&run["job"], &run["state"], &run["output"]), (&"job".into(), &"failed".into(), &"hello\n".into()));
    assert_eq!(run["tasks"][0]["exit_code"], 3);
    assert!(events.iter().all(|event| event["seq"].is_u64()), "{events:#?}");
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    for kind in ["workflow.started", "task.started", "task.failed", "workflow.failed"] {
        assert!(kinds.contains(&kind), "`{kind}` is missing in {kinds:?}");
    }
}

#[test]
fn an_interrupt_or_a_closed_terminal_cancels_the_run_and_nothing_of_it_lives_on() {
    for kind in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        is_cancelled_by(kind);
    }
}

fn is_cancelled_by(kind: Signal) {
    let world = World::new();
    let pipe = world.pipe("pipe");
    let text = "shell = '''\nsetsid sh -c 'sleep 600 & echo $! $$ > {here}/pipe; wait' & wait\n'''\n";
    let path = world.job("job", text);
    let mut command = world.campanile();
    command.args(["run", "--json"]).arg(path).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pids = read_pipe(&pipe);
    signal(child.id(), kind);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let run: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(run["state"], "cancelled", "{run}");
    assert_eq!(pids.split_whitespace().filter(|pid| lives(pid)).count(), 0, "{pids}");
    let left: Vec<_> = std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("campanile-run-")), "{left:?}");
}

#[test]
fn a_wrong_file_is_told_with_its_places_and_a_missing_one_by_name() {
    let world = World::new();
    let said = run_text(&world, "shell = \"true\"\nretry = { max_attempt = 2 }\n", &[]).with(7);
    assert!(said.err.contains("job.toml:2:11: ") && said.err.contains("did you mean `max_attempts`"), "{said:?}");
    assert_eq!(said.out, "");
    assert_eq!(run(&world, &["absent.toml"]).with(3).err, "error: `absent.toml` does not exist\n");
    run(&world, &[]).with(2);
}

#[test]
fn hooks_are_called_once_before_the_end_and_no_process_of_theirs_is_left() {
    let world = World::new();
    let text = "shell = \"exit 3\"\n\
                [[hooks]]\nname = \"slow\"\non = [\"workflow.failed\"]\nshell = \"sleep 1; echo told > {here}/told\"\n\
                [[hooks]]\nname = \"deaf\"\non = [\"workflow.failed\"]\nshell = \"exit 1\"\n";
    let said = run_text(&world, text, &["--json"]).with(1);
    assert_eq!(std::fs::read_to_string(world.path("told")).unwrap(), "told\n");
    assert!(said.err.contains("deaf was not told: the hook exited with code 1"), "{said:?}");
    assert!(!said.err.contains("slow was not told"), "{said:?}");
    let last: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["state"], "failed");
}

/// Starts `campanile run` on this text, and returns it with what is written to `{here}/pipe`.
fn begun(world: &World, text: &str) -> (std::process::Child, String) {
    let pipe = world.pipe("pipe");
    let path = world.job("job", text);
    let mut command = world.campanile();
    command.args(["run", "--json"]).arg(path).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    (child, read_pipe(&pipe))
}

#[test]
fn a_second_interrupt_kills_what_does_not_heed_the_first() {
    let world = World::new();
    let told = world.pipe("told");
    // It says that the first one has come, so that the second is not taken for it.
    let text = "kill_grace = \"1h\"\nshell = \"trap 'echo term > {here}/told' TERM; echo $$ > {here}/pipe; \
                while :; do sleep 600; done\"\n";
    let (mut child, pid) = begun(&world, text);
    signal(child.id(), Signal::SIGINT);
    assert_eq!(read_pipe(&told), "term\n");
    signal(child.id(), Signal::SIGINT);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let run: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(run["state"], "cancelled", "{run}");
    assert!(!lives(pid.trim()), "it outlived the run");
}

#[test]
fn an_interrupt_ends_the_hooks_that_are_waited_for_and_none_of_them_lives_on() {
    let world = World::new();
    let text = "shell = 'exit 3'\n[[hooks]]\non = [\"workflow.failed\"]\ntimeout = \"1h\"\n\
                shell = \"trap '' TERM; echo $$ > {here}/pipe; while :; do sleep 600; done\"\n";
    let (mut child, pid) = begun(&world, text);
    assert!(lives(pid.trim()));
    signal(child.id(), Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(!lives(pid.trim()), "it outlived the run");
    let left: Vec<_> = std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("campanile-run-")), "{left:?}");
}

#[test]
fn a_precondition_is_asked_here_too() {
    let world = World::new();
    let no = run_text(&world, "shell = 'echo ran'\nprecondition = { shell = 'echo no; exit 1' }\n", &[]).with(1);
    assert!(no.out.contains("no") && !no.out.contains("ran"), "{no:?}");
    assert!(no.err.contains("cancelled") && no.err.contains("its precondition exited with code 1"), "{no:?}");
    let yes = run_text(&world, "shell = 'echo ran'\nprecondition = { command = ['true'] }\n", &[]).with(0);
    assert!(yes.out.contains("ran"), "{yes:?}");
    let never = run_text(&world, "shell = 'echo ran'\nprecondition = { expression = 'false' }\n", &[]).with(1);
    assert!(never.out.is_empty() && never.err.contains("its precondition `false` is false"), "{never:?}");
}
