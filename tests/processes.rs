//! What a task's process is given and what it may do, from outside: the environment, secrets, scripts, stop commands,
//! what its output must be like; and what becomes of tasks that behave badly.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use serde_json::{Value, json};
use world::{Daemon, World, lives, read_pipe, text};

/// The only task of the latest run of a job that is run to its end.
#[track_caller]
fn run(world: &World, job: &str) -> Value {
    let id = world.start(job);
    world.ended(&id)["tasks"][0].clone()
}

/// A daemon that a service manager with a word to say has started.
fn managed(world: &World) -> Daemon {
    let mut command = world.daemon_words();
    for name in ["NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env(name, "1");
    }
    command.env("NOTIFY_SOCKET", world.path("notify")).env("CREDENTIALS_DIRECTORY", world.path("credentials"));
    command.env("HANDED_ON", "from the daemon").env("SECRET_VARIABLE", "swordfish");
    let mut daemon = Daemon::spawn(command);
    daemon.until(" ready ");
    daemon
}

#[test]
fn the_environment_is_base_then_inherited_then_files_then_the_tasks_own_and_nothing_else() {
    let world = World::new();
    std::fs::write(world.path("app.env"), "A=file\nB=file\nHANDED_ON='file'\n").unwrap();
    std::fs::create_dir(world.path("credentials")).unwrap();
    std::fs::write(world.path("credentials/key"), "opensesame\n").unwrap();
    world.job(
        "j",
        r#"shell = "env | sort"
env_file = ["{here}/app.env", "-{here}/none.env"]
env_inherit = ["HANDED_ON", "TZ", "NOT_SET"]
env = { B = "own", K = { credential = "key", prefix = "key " }, S = { env = "SECRET_VARIABLE" } }
"#,
    );
    let _daemon = managed(&world);
    let task = run(&world, "j");
    let lines: Vec<&str> = text(&task, "output").lines().filter(|line| !line.starts_with("CAMPANILE_")).collect();
    let names: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert_eq!(
        names,
        ["A", "B", "HANDED_ON", "HOME", "K", "LANG", "LOGNAME", "PATH", "PWD", "S", "SHELL", "TZ", "USER"],
        "{lines:?}"
    );
    for line in ["A=file", "B=own", "HANDED_ON=file", "K=key ***", "S=***"] {
        assert!(lines.contains(&line), "{line} in {lines:?}");
    }
}

#[test]
fn a_secret_is_in_no_file_and_no_answer_but_reaches_the_task() {
    let world = World::new();
    std::fs::write(world.path("token"), "hunter2hunter2\n").unwrap();
    world.job(
        "j",
        r#"shell = '''test ${#TOKEN} = 14 && echo "token $TOKEN" && echo "bad $TOKEN" >&2
echo "left=$TOKEN" >> "$CAMPANILE_OUTPUT"; exit 3'''
env = { TOKEN = { file = "{here}/token" } }
"#,
    );
    let daemon = world.daemon();
    let task = run(&world, "j");
    assert_eq!((&task["exit_code"], text(&task, "output")), (&json!(3), "token ***\n"));
    assert!(world.ok(&["logs", "j"]).contains("bad ***"));
    assert_eq!(daemon.stop(), 0);
    let mut ahead = vec![world.path("state")];
    while let Some(folder) = ahead.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => ahead.push(entry.path()),
                false => {
                    let bytes = std::fs::read(entry.path()).unwrap_or_default();
                    assert!(!bytes.windows(14).any(|part| part == b"hunter2hunter2"), "{:?}", entry.path());
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_resolved_fails_the_attempt_and_says_what_and_where() {
    let world = World::new();
    std::fs::write(world.path("bad.env"), "A=1\nB = hidden\n").unwrap();
    let cases = [
        (
            "a",
            "env_file = '{here}/none.env'",
            "`env_file`: `{here}/none.env` cannot be read: No such file or directory (os error 2)",
        ),
        (
            "b",
            "env_file = '{here}/bad.env'",
            "`env_file`: {here}/bad.env:2: before `=` there must be a name of letters, digits and `_`, and no blanks",
        ),
        (
            "c",
            "env = { T = { env = 'NOT_SET' } }",
            "`env.T`: environment variable `NOT_SET` is not set, is empty or is not UTF-8",
        ),
        (
            "d",
            "env = { T = { credential = 'key' } }",
            "`env.T`: credential `key` cannot be read: `CREDENTIALS_DIRECTORY` is not set",
        ),
    ];
    for (name, line, _) in cases {
        world.job(name, &format!("shell = 'echo ran'\n{line}\n"));
    }
    let _daemon = world.daemon();
    for (name, _, expected) in cases {
        let task = run(&world, name);
        let expected = expected.replace("{here}", world.path("").display().to_string().trim_end_matches('/'));
        assert_eq!((text(&task, "outcome"), &task["output"]), ("spawn_error", &Value::Null), "{task}");
        assert_eq!(text(&task, "error"), format!("could not be started: {expected}"));
    }
    world.job("after", "shell = 'echo well'\n");
    world.ok(&["reload"]);
    assert_eq!(text(&run(&world, "after"), "output"), "well\n", "nobody else waits for it");
}

#[test]
fn a_text_is_run_by_what_it_or_its_task_names() {
    let world = World::new();
    world.job("script", "shell = '''#!/usr/bin/env -S sh -u\necho \"it is $0\"; cat\n'''\nstdin = 'given'\n");
    world.job("interpreter", "shell = 'echo hello'\ninterpreter = ['/bin/echo', 'asked:']\n");
    world.job("program", "shell = 'hello'\ninterpreter = 'echo'\n");
    world.job("missing", "shell = '''#!/no/such/thing\n'''\n");
    world.job("mask", "shell = 'umask'\numask = '027'\n");
    let daemon = world.daemon();
    let script = run(&world, "script");
    assert!(
        text(&script, "output").contains("/run/scripts/") && text(&script, "output").ends_with("\ngiven"),
        "{script}"
    );
    assert_eq!(text(&run(&world, "interpreter"), "output"), "asked: echo hello\n");
    assert_eq!(text(&run(&world, "program"), "output"), "hello\n");
    assert_eq!(text(&run(&world, "mask"), "output"), "0027\n");
    let missing = run(&world, "missing");
    let expected =
        "could not be started: the script is to be run by the interpreter \"/no/such/thing\", which does not exist";
    assert_eq!((text(&missing, "outcome"), text(&missing, "error")), ("spawn_error", expected));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(std::fs::read_dir(world.path("state/run/scripts")).unwrap().count(), 0);
}

#[test]
fn an_output_that_is_not_what_it_must_be_fails_the_task_and_is_tried_again() {
    let world = World::new();
    world.job(
        "j",
        r#"shell = 'echo "$CAMPANILE_ATTEMPT rows"'
success = { required_regex = ['^[3-9] rows$'] }
retry = { max_attempts = 3, delay = "10ms", jitter = 0 }
"#,
    );
    world.job("never", "shell = 'echo no; exit 24'\nexit_codes = { ok = [24] }\nsuccess = { min_word_count = 2 }\n");
    let _daemon = world.daemon();
    let task = run(&world, "j");
    assert_eq!(
        (text(&task, "outcome"), &task["attempt"], &task["error"]),
        ("success", &json!(3), &Value::Null),
        "{task}"
    );
    let task = run(&world, "never");
    assert_eq!((text(&task, "outcome"), &task["exit_code"]), ("verification_failed", &json!(24)));
    assert_eq!(text(&task, "error"), "the output has 1 words, and 2 are required");
}

#[test]
fn outputs_that_are_no_plain_file_fail_the_task_whatever_its_code() {
    let world = World::new();
    let cases = [
        ("link", "ln -s /etc/passwd \"$CAMPANILE_OUTPUT\"", "`CAMPANILE_OUTPUT` is a link"),
        ("pipe", "mkfifo \"$CAMPANILE_OUTPUT\"", "`CAMPANILE_OUTPUT` is not a regular file"),
        ("huge", "yes a=1 | head -c 100000 > \"$CAMPANILE_OUTPUT\"", "`CAMPANILE_OUTPUT` is larger than 64 KiB"),
        (
            "wrong",
            "echo hello > \"$CAMPANILE_OUTPUT\"",
            "`CAMPANILE_OUTPUT`, line 1: it is neither `name=value` nor `name<<END`",
        ),
    ];
    for (name, script, _) in cases {
        world.job(name, &format!("shell = '{script}'\n"));
    }
    let _daemon = world.daemon();
    for (name, _, expected) in cases {
        let task = run(&world, name);
        assert_eq!((text(&task, "outcome"), &task["exit_code"]), ("invalid_request", &json!(0)), "{task}");
        assert_eq!(text(&task, "error"), expected);
    }
}

/// A task that ends well by TERM, and says so when it runs.
const STOPPABLE: &str = r#"shell = "trap 'exit 0' TERM; echo > {here}/ready; while :; do sleep 1000 & wait; done"
stop = { command = ["/bin/sh", "-c", "echo asked; echo $CAMPANILE_RUN_ID > {here}/asked"] }
on_interrupt = "fail"
"#;

#[test]
fn a_cancel_runs_the_stop_command() {
    let world = World::new();
    world.pipe("ready");
    world.job("j", STOPPABLE);
    let _daemon = world.daemon();
    let id = world.start("j");
    read_pipe(&world.path("ready"));
    world.ok(&["cancel", &id]);
    assert_eq!(text(&world.ended(&id), "outcome"), "cancelled");
    assert!(world.ok(&["logs", &id]).contains("asked"));
    assert_eq!(std::fs::read_to_string(world.path("asked")).unwrap(), format!("{id}\n"));
}

#[test]
fn a_daemon_that_stops_runs_the_stop_command() {
    let world = World::new();
    world.settings("on_stop = \"drain\"\ndrain_timeout = \"0s\"\n");
    world.pipe("ready");
    world.job("j", STOPPABLE);
    let daemon = world.daemon();
    let id = world.start("j");
    read_pipe(&world.path("ready"));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(std::fs::read_to_string(world.path("asked")).unwrap(), format!("{id}\n"));
}

#[test]
fn tasks_that_need_files_and_tasks_that_need_none_all_start() {
    let world = World::new();
    std::fs::write(world.path("app.env"), "A=file\n").unwrap();
    let task = |number: usize| {
        let file = if number.is_multiple_of(3) { "env_file = '{here}/app.env'\n" } else { "" };
        format!("[tasks.t{number}]\nshell = 'echo $A'\n{file}")
    };
    world.job("many", &(0..60).map(task).collect::<String>());
    let _daemon = world.daemon();
    let id = world.start("many");
    let run = world.ended(&id);
    assert_eq!(text(&run, "outcome"), "success");
    for task in run["tasks"].as_array().unwrap() {
        let number: usize = text(task, "name")[1..].parse().unwrap();
        let expected = if number.is_multiple_of(3) { "file\n" } else { "\n" };
        assert_eq!(text(task, "output"), expected, "{task}");
    }
}

#[test]
fn a_task_that_forks_a_daemon_and_ignores_term_is_gone_when_its_end_is_told() {
    let world = World::new();
    world.pipe("pids");
    world.job(
        "j",
        r#"shell = """trap '' TERM
exec 3> {here}/pids
(setsid sh -c 'trap "" TERM; echo $$ >&3; exec 3>&-; sleep 1000' &)
echo $$ >&3; exec 3>&-; sleep 1000"""
kill_grace = "50ms"
"#,
    );
    let _daemon = world.daemon();
    let id = world.start("j");
    let pids = read_pipe(&world.path("pids"));
    world.ok(&["cancel", &id]);
    assert_eq!(text(&world.ended(&id), "outcome"), "cancelled");
    assert_eq!(pids.split_whitespace().filter(|pid| lives(pid)).count(), 0, "{pids}");
}

#[test]
fn output_that_is_long_or_no_text_or_speaks_to_a_terminal_is_kept_and_harms_nobody() {
    let world = World::new();
    world.job("long", "shell = \"head -c 100000000 /dev/zero | tr '\\\\0' x\"\nmax_output = '256KiB'\n");
    world.job("bytes", "shell = \"printf '\\\\377\\\\376\\\\033[2Jred\\\\007\\\\n'\"\n");
    let _daemon = world.daemon();
    let long = run(&world, "long");
    assert_eq!(text(&long, "outcome"), "success");
    assert!(text(&long, "output").len() <= 64 << 10);
    let bytes = run(&world, "bytes");
    assert_eq!(text(&bytes, "output"), "\u{fffd}\u{fffd}\u{1b}[2Jred\u{7}\n");
    assert!(!world.ok(&["task", text(&bytes, "id")]).contains('\u{1b}'), "people are shown no escapes");
}
