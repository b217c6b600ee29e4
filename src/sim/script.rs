//! Small worlds for tests that tell a story: tasks in words, and what is expected of them in words.
//!
//! A task is a line, `name: words`, its words divided by commas: `ok` · `fails` · `fails twice` · `hangs` · `takes 10m` ·
//! `after a b` · `tries 3` · `pause 5s` · `exit 75` · `never again` (an interruption fails it) · `asks` (a request that may
//! be made again) · `orders` (one that may not) · `stubborn` (TERM does nothing) · `grace 5s` · `timeout 1m` ·
//! `pools db=2 gpu=1`.

use super::calls::PRETEND;
use super::chance::Chance;
use super::jobs::request;
use super::people::File;
use super::processes::Fate;
use super::trouble::Troubles;
use super::world::{Watch, World};
use crate::engine::{Answer, Command, Limits, Settings, Start, Submission};
use crate::model::definition::{
    Action, CatchUp, Job, OnInterrupt, Pools, Priority, Retry, Schedule, Task, Timing, Value,
};
use crate::model::duration::Duration;
use crate::model::exit::ExitKind;
use crate::model::id::RunId;
use crate::model::policy::governor::Pace;
use crate::model::policy::retention::Retention;
use crate::model::process::{Process, is_hook_log};
use crate::model::refused::Refused;

/// How a pretend process goes: as its script says, or as chance will have it.
pub(super) fn fate(process: &Process, chance: &mut Chance, troubles: &Troubles) -> Fate {
    if process.argv.first().is_some_and(|program| program == "pretend") {
        return scripted(process);
    }
    if let Some(takes_us) = troubles.takes_us {
        return Fate { takes_us, exit: ExitKind::Code(0), ignores_stop: false };
    }
    if is_hook_log(&process.log_path) {
        let exit = if chance.one_in(troubles.rejects) { ExitKind::Code(1) } else { ExitKind::Code(0) };
        return Fate { takes_us: chance.between(1_000, 20_000_000), exit, ignores_stop: false };
    }
    let takes_us = match chance.below(4) {
        0 => 0,
        1 => chance.between(1_000, 100_000),
        2 => chance.between(1, 30) * 1_000_000,
        _ => chance.between(1_000_000, 600_000_000),
    };
    let exit = match chance.one_in(troubles.bad_exits) {
        false => ExitKind::Code(0),
        true => *chance.pick(&[
            ExitKind::Code(1),
            ExitKind::Code(75),
            ExitKind::Code(99),
            ExitKind::Signal(11),
            ExitKind::Lost,
            ExitKind::NotStarted,
        ]),
    };
    Fate { takes_us, exit, ignores_stop: chance.one_in(4) }
}

fn scripted(process: &Process) -> Fate {
    let argument = |name: &str| process.argv.iter().find_map(|word| word.strip_prefix(name)?.parse::<i64>().ok());
    let attempt = match process.env.get("CAMPANILE_ATTEMPT") {
        Some(Value::Plain(text)) => text.parse().unwrap_or(1),
        Some(Value::Secret(_)) | None => 1,
    };
    let code = argument("exit=").and_then(|code| i32::try_from(code).ok()).unwrap_or(1);
    let fails = argument("fails=").is_some_and(|n| attempt <= n);
    let exit = if fails { ExitKind::Code(code) } else { ExitKind::Code(0) };
    let ignores_stop = process.argv.iter().any(|word| word == "stubborn");
    Fate { takes_us: argument("takes=").unwrap_or(0), exit, ignores_stop }
}

fn length(text: &str) -> Duration {
    text.trim().parse().expect("because the script says a length of time")
}

/// The tasks of a script.
fn tasks(script: &str) -> Vec<Task> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| task(line).expect("because the script is `name: words`")).collect()
}

fn task(line: &str) -> Option<Task> {
    let (name, words) = line.split_once(':')?;
    let mut argv = vec!["pretend".to_owned()];
    let mut task = Task::new(name.trim(), Action::Noop);
    let mut asks = None;
    task.retry = Retry { jitter: 0.0, ..Retry::default() };
    for phrase in words.split(',').map(str::trim) {
        let (verb, rest) = phrase.split_once(' ').unwrap_or((phrase, ""));
        match (verb, rest) {
            ("ok", "") => {}
            ("fails", "") => argv.push("fails=1000000".to_owned()),
            ("fails", "once") => argv.push("fails=1".to_owned()),
            ("fails", "twice") => argv.push("fails=2".to_owned()),
            ("hangs", "") => argv.push(format!("takes={}", i64::MAX / 4)),
            ("takes", length_of) => argv.push(format!("takes={}", length(length_of).as_micros())),
            ("stubborn", "") => argv.push("stubborn".to_owned()),
            ("grace", length_of) => task.kill_grace = length(length_of),
            ("timeout", length_of) => task.timeout = Some(length(length_of)),
            ("exit", code) => argv.push(format!("exit={code}")),
            ("after", names) => task.after = names.split(' ').map(str::to_owned).collect(),
            ("pools", named) => task.pools = named.parse().ok()?,
            ("tries", n) => task.retry.max_attempts = n.parse().ok()?,
            ("pause", length_of) => task.retry.delay = length(length_of),
            ("asks", "") => asks = Some(true),
            ("orders", "") => asks = Some(false),
            ("never", "again") => task.on_interrupt = OnInterrupt::Fail,
            _ => return None,
        }
    }
    task.action = match asks {
        Some(idempotent) => request(&format!("{PRETEND}{}", argv[1..].join(" ")), idempotent),
        None => Action::Command(argv),
    };
    Some(task)
}

/// A schedule in words: `every 1h`, `@start`, `@reboot` or a cron expression, in UTC.
fn schedule(rule: &str, catch_up: CatchUp) -> Schedule {
    let timing = match rule.strip_prefix("every ") {
        None if rule == "@start" => Timing::Start,
        None if rule == "@reboot" => Timing::Reboot,
        Some(period) => Timing::Every { period: length(period), anchor: crate::model::timestamp::Timestamp::default() },
        None => Timing::Cron { expression: rule.to_owned() },
    };
    Schedule { catch_up, ..Schedule::new(timing, "UTC") }
}

impl World {
    /// A world without troubles, in which a daemon has just started.
    pub fn new(seed: u64) -> Self {
        World::with_retention(seed, Retention::default())
    }

    /// The same, whose daemon keeps ended runs as it is told.
    pub fn with_retention(seed: u64, retention: Retention) -> Self {
        let settings = Settings {
            zones: super::checks::zones(),
            max_tasks: 8,
            catch_up: Pace::default(),
            retention,
            socket: None,
        };
        let start = "2027-03-01T12:00:00Z".parse().expect("because this is an instant");
        World::begin(seed, settings, start, Watch::Checked)
            .expect("because an empty database in memory can be opened and stepped")
    }

    /// The configuration says how fast missed due times are caught up; the next load tells the engine.
    pub fn catch_up_at(&mut self, pace: Pace) {
        self.files.limits =
            Some(Limits { max_tasks: self.settings.max_tasks, catch_up: pace, retention: self.settings.retention });
        self.load(0, false);
        self.settle();
    }

    /// The logs that were to be removed since this was asked last.
    pub fn take_removed_logs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.removed_logs)
    }

    /// A job file of that name with the tasks of the script, and a schedule if `rule` names one; loaded at once.
    pub fn job(&mut self, name: &str, rule: Option<(&str, CatchUp)>, script: &str) {
        self.job_but(name, rule, script, |_| {});
    }

    /// The same, due by that schedule.
    pub fn due_job(&mut self, name: &str, schedule: Option<Schedule>, script: &str) {
        self.job_but(name, None, script, |job| job.schedules.extend(schedule));
    }

    /// The same, but with what `change` does to the definition.
    pub fn job_but(&mut self, name: &str, rule: Option<(&str, CatchUp)>, script: &str, change: impl FnOnce(&mut Job)) {
        let mut definition = Job {
            schedules: rule.map(|(rule, catch_up)| schedule(rule, catch_up)).into_iter().collect(),
            tasks: tasks(script),
            ..Job::default()
        };
        change(&mut definition);
        self.files.jobs.insert(name.to_owned(), File { definition, is_valid: true });
        self.load(0, false);
        self.settle();
    }

    /// The configuration has these pools now, as in `db=2 gpu=1`.
    pub fn pools(&mut self, sizes: &str) {
        let pools: Pools = sizes.parse().expect("because the script says pools");
        self.files.pools = pools.iter().map(|(name, size)| (name.to_owned(), size)).collect();
        self.load(0, false);
        self.settle();
    }

    /// The job's file is edited; loaded at once.
    pub fn edit_job(&mut self, name: &str, edit: impl FnOnce(&mut Job)) {
        let file = self.files.jobs.get_mut(name).expect("because there is such a job");
        edit(&mut file.definition);
        self.load(0, false);
        self.settle();
    }

    /// Starts a job by hand.
    pub fn start_job(&mut self, name: &str) -> Result<RunId, Refused> {
        let start = Start { job: name.to_owned(), ..Start::default() };
        match self.command(Command::Start(start))? {
            Answer::Started { run, .. } => Ok(run),
            Answer::Done | Answer::Loaded(_) | Answer::Submitted(_) | Answer::Backfilled(_) | Answer::Again(_) => {
                Err(Refused::Internal { what: "a start was answered by something else".to_owned() })
            }
        }
    }

    /// A run of a job with the tasks of the script.
    pub fn start(&mut self, script: &str) -> RunId {
        self.job("script", None, script);
        self.start_job("script").expect("because nothing stands in its way")
    }

    /// A run of one task that belongs to no job.
    pub fn submit(&mut self, script: &str) -> RunId {
        let tasks = tasks(script).into_iter();
        let batch = tasks.map(|task| Submission { task, priority: Priority::default(), not_before: None }).collect();
        match self.command(Command::Submit(batch)) {
            Ok(Answer::Submitted(runs)) => *runs.first().expect("because something was submitted"),
            other => panic!("a submission was answered {other:?}"),
        }
    }

    /// Asks for something and waits for the answer.
    pub fn command(&mut self, command: Command) -> Result<Answer, Refused> {
        let token = self.ask(0, command);
        self.settle();
        self.answers.remove(&token).expect("because every command is answered")
    }

    /// Lets so much time pass.
    pub fn advance(&mut self, length_of: &str) {
        let us = length(length_of).as_micros();
        self.run_for(us).unwrap_or_else(|broken| panic!("{broken}"));
    }

    fn settle(&mut self) {
        self.run_for(0).unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Sets the wall clock forward, or back with a leading `-`.
    pub fn clock(&mut self, by: &str) {
        match by.strip_prefix('-') {
            Some(back) => self.set_clock(-length(back).as_micros()),
            None => self.set_clock(length(by).as_micros()),
        }
        self.settle();
    }

    /// The daemon is killed, its runner with it, and starts again after so long.
    pub fn crash_for(&mut self, length_of: &str) {
        let us = length(length_of).as_micros();
        self.kill(us, true).and_then(|()| self.run_for(us)).unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// The machine goes down, and a daemon starts after so long.
    pub fn reboot_for(&mut self, length_of: &str) {
        let us = length(length_of).as_micros();
        self.reboot(us).and_then(|()| self.run_for(us)).unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// The daemon is killed, and starts again after so long; that time is still to pass.
    pub fn stop_for(&mut self, length_of: &str) {
        self.kill(length(length_of).as_micros(), false).unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// The connection between daemon and runner breaks; the next is made at once.
    pub fn break_connection(&mut self) {
        let (link, mut air) = self.air();
        link.tear(&mut air);
        self.settle();
    }

    /// The runner dies alone, and another comes after so long; that time is still to pass.
    pub fn lose_runner_for(&mut self, length_of: &str) {
        self.runner_dies(length(length_of).as_micros());
        self.settle();
    }

    /// The runner is stopped, and goes on after so long; that time is still to pass.
    pub fn stop_runner_for(&mut self, length_of: &str) {
        self.freeze_runner(length(length_of).as_micros());
    }

    /// The daemon is killed, and the next goes on with a backup that was made just then; everything is resumed at once.
    pub fn restore(&mut self) {
        self.kill(0, false)
            .and_then(|()| self.mark_backup())
            .and_then(|()| self.run_for(0))
            .unwrap_or_else(|broken| panic!("{broken}"));
        self.command(Command::Resume { job: None, by: "test".to_owned(), catch_up: CatchUp::None })
            .expect("because it was paused");
    }

    /// The job's file is removed, and the daemon hears of it at once.
    pub fn remove_job(&mut self, name: &str) {
        self.files.jobs.remove(name);
        self.load(0, false);
        self.settle();
    }

    /// The job's file is edited: it is started by hand from now on.
    pub fn remove_schedule(&mut self, name: &str) {
        if let Some(file) = self.files.jobs.get_mut(name) {
            file.definition.schedules.clear();
        }
        self.load(0, false);
        self.settle();
    }

    /// The first run of the job that is held.
    pub fn held_run(&self, name: &str) -> RunId {
        let sql = format!(
            "SELECT run.id FROM run JOIN job ON job.id = job_id WHERE held AND ended_at IS NULL AND name = '{name}'
              ORDER BY number"
        );
        let held = self.ids(&sql).expect("because somebody has the store");
        RunId::from_bytes(*held.first().expect("because one is held"))
    }

    /// The disk is full for so long.
    pub fn full_disk_for(&mut self, length_of: &str) {
        self.fill_disk(length(length_of).as_micros()).unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Makes what the statement touches unreadable, as a bad disk would, and restarts the daemon so that it is read.
    pub fn poison(&mut self, sql: &str) {
        self.troubles.is_poisoned = true;
        self.checks().is_poisoned = true;
        self.store()
            .expect("because somebody has it")
            .connection()
            .execute(sql, [])
            .expect("because the statement is right");
        self.kill(0, false).and_then(|()| self.run_for(0)).unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Each row that the query finds, its columns joined by blanks.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        let store = self.store().expect("because somebody has it");
        let mut statement = store.connection().prepare(sql).expect("because the query is right");
        let n = statement.column_count();
        let read = |row: &rusqlite::Row<'_>| {
            let column = |at: usize| row.get::<_, rusqlite::types::Value>(at).map(shown);
            (0..n).map(column).collect::<Result<Vec<_>, _>>().map(|words| words.join(" "))
        };
        let rows = statement.query_map([], read).expect("because the query is right");
        rows.map(|row| row.expect("because the row can be read")).collect()
    }

    /// The tasks of a run, as in `a running, b blocked`.
    #[track_caller]
    pub fn expect(&self, run: RunId, expected: &str) {
        let id: String = run.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        let sql = format!("SELECT name, state FROM task WHERE run_id = x'{id}' ORDER BY ordinal");
        assert_eq!(self.rows(&sql).join(", "), expected, "at {}", self.now());
    }

    /// The one word or number that the query finds.
    #[track_caller]
    pub fn expect_rows(&self, sql: &str, expected: &[&str]) {
        assert_eq!(self.rows(sql), expected, "{sql} at {}", self.now());
    }
}

fn shown(value: rusqlite::types::Value) -> String {
    use rusqlite::types::Value as V;
    match value {
        V::Null => "-".to_owned(),
        V::Integer(number) => number.to_string(),
        V::Real(number) => number.to_string(),
        V::Text(text) => text,
        V::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
