//! Random jobs, submissions and hooks, made of the model's own types.

use std::collections::BTreeMap;

use super::chance::Chance;
use crate::engine::{NotBefore, Submission};
use crate::model::definition::hook::Webhook;
use crate::model::definition::{
    Action, Blackout, CatchUp, Dates, ExitCodes, Hook, Http, Job, OnInterrupt, Overlap, Param, ParamType, PoolSizes,
    Pools, Priority, Retry, Schedule, Target, Task, TimeOfDay, Timing, Value,
};
use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// How far apart things are in a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// Seconds to minutes.
    Dense,
    /// Hours to days.
    Sparse,
}

const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
const DENSE_CRONS: [&str; 7] =
    ["* * * * *", "*/2 * * * *", "*/5 * * * * *", "30 * * * * *", "*/7 * * * *", "0-30/3 * * * *", "H * * * *"];
const SPARSE_CRONS: [&str; 10] = [
    "0 * * * *",
    "30 2 * * *",
    "15 */3 * * *",
    "0 0 * * 1",
    "59 1 * * *",
    "0 3 1,15 * *",
    "0 12 * * 1-5",
    "H H * * *",
    "5 2,14 * * *",
    "0 0 L * *",
];

const DENSE_QUARTZ: [&str; 3] = ["0 * * * * ?", "0/7 * * * * ?", "15,45 0/2 * ? * *"];
const SPARSE_QUARTZ: [&str; 5] =
    ["0 30 2 * * ?", "0 0 0/3 * * ?", "0 59 1 ? * SAT-MON", "0 0 3 1,15 * ? 2026-2028", "0 0-20/10 2,14 ? * *"];

/// True of runs by hand; true of every second run and of every second second; and two that cannot be evaluated.
const EXPRESSIONS: [&str; 6] =
    [BY_HAND, BY_HAND, "run.number is odd", "scheduled_at | datetime('%s') | int is even", "params.none", "run.job"];
/// An expression whose answer can be told from a run's row.
pub(super) const BY_HAND: &str = "run.cause == 'manual'";

/// A job.
pub(crate) fn job(chance: &mut Chance, pace: Pace, now: Timestamp) -> Job {
    let n_schedules = *chance.pick(&[0, 1, 1, 1, 2, 2]);
    let mut schedules: Vec<Schedule> = (0..n_schedules).map(|n| schedule(chance, pace, now, n)).collect();
    let mut keys = std::collections::BTreeSet::new();
    schedules.retain(|schedule| keys.insert(schedule.key()));
    let n_tasks = *chance.pick(&[1, 1, 1, 2, 3, 5]);
    let hooks = if chance.one_in(4) { vec![hook(chance)] } else { Vec::new() };
    let tasks = graph(chance, pace, n_tasks);
    let outputs = if chance.one_in(4) { outputs(chance, &tasks) } else { BTreeMap::new() };
    let mut job = Job {
        description: format!("{}", chance.below(3)),
        enabled: !chance.one_in(12),
        overlap: *chance.pick(&Overlap::ALL),
        max_runs: u32::try_from(chance.between(1, 3)).unwrap_or(1),
        pause_after: chance.one_in(6).then(|| u32::try_from(chance.between(1, 3)).unwrap_or(1)),
        ends_after: chance.one_in(8).then(|| u32::try_from(chance.between(1, 5)).unwrap_or(1)),
        expires_after: chance.one_in(4).then(|| Duration::from_secs(chance.between(1, 300))),
        queue_limit: *chance.pick(&[1_000, 1_000, 1, 2, 5]),
        priority: Priority::new(chance.between(1, 9)).unwrap_or_default(),
        schedules,
        params: if chance.one_in(3) { params(chance) } else { Vec::new() },
        tasks,
        outputs,
        hooks,
        ..Job::default()
    };
    match chance.below(8) {
        0 => job.precondition = Some((*chance.pick(&EXPRESSIONS)).to_owned()),
        1 => job.ask_first(question(chance)),
        _ => {}
    }
    job
}

/// Asks, now and then for longer than it may; many an answer is no.
fn question(chance: &mut Chance) -> Task {
    let no = if chance.one_in(2) { "fails=1" } else { "" };
    let takes = format!("takes={}", chance.between(0, 3) * chance.between(0, 20_000_000));
    let action = match chance.below(3) {
        0 => Action::Shell("chance".to_owned()),
        _ => Action::Command(vec!["pretend".to_owned(), no.to_owned(), takes]),
    };
    Task { timeout: Some(Duration::from_secs(30)), ..Task::new("asks", action) }
}

fn schedule(chance: &mut Chance, pace: Pace, now: Timestamp, n: usize) -> Schedule {
    let is_dense = pace == Pace::Dense;
    let timing = match chance.below(13) {
        0 => Timing::Start,
        1 => Timing::Reboot,
        2 => {
            let far = if is_dense { 600 } else { 20 * 86_400 };
            let by = Duration::from_secs(chance.between(0, far));
            Timing::At { at: if chance.one_in(4) { now.minus(by) } else { now.plus(by) } }
        }
        12 => {
            let secs: &[i64] = if is_dense { &[1, 10, 60] } else { &[60, 3_600, 43_200] };
            Timing::AfterEnd { delay: Duration::from_secs(*chance.pick(secs)) }
        }
        3 => {
            let expression = if is_dense { chance.pick(&DENSE_QUARTZ) } else { chance.pick(&SPARSE_QUARTZ) };
            Timing::Quartz { expression: (*expression).to_owned() }
        }
        4..=6 => {
            let expression = if is_dense { chance.pick(&DENSE_CRONS) } else { chance.pick(&SPARSE_CRONS) };
            Timing::Cron { expression: (*expression).to_owned() }
        }
        _ => {
            let secs: &[i64] =
                if is_dense { &[1, 2, 5, 10, 30, 60, 300] } else { &[900, 3_600, 7_200, 21_600, 86_400] };
            let anchor = Timestamp::from_micros(chance.between(0, 3) * 1_234_567);
            Timing::Every { period: Duration::from_secs(*chance.pick(secs)), anchor }
        }
    };
    let windows: &[i64] = if is_dense { &[0, 10, 60, 3_600, 86_400] } else { &[0, 3_600, 86_400, 7 * 86_400] };
    let rule = bounded(chance, pace, now, timing);
    Schedule {
        // A named schedule keeps its cursor when its rule is edited.
        name: chance.one_in(4).then(|| format!("n{n}")),
        catch_up: match rule.timing {
            // As files have it.
            Timing::AfterEnd { .. } => *chance.pick(&[CatchUp::None, CatchUp::Latest]),
            Timing::Cron { .. }
            | Timing::Quartz { .. }
            | Timing::Every { .. }
            | Timing::At { .. }
            | Timing::Reboot
            | Timing::Start => {
                *chance.pick(&[CatchUp::None, CatchUp::Latest, CatchUp::Latest, CatchUp::All, CatchUp::All])
            }
        },
        catch_up_window: Duration::from_secs(*chance.pick(windows)),
        catch_up_max: u32::try_from(*chance.pick(&[0, 1, 3, 24, 24, 100])).unwrap_or(1),
        deadline: chance.one_in(5).then(|| Duration::from_secs(*chance.pick(windows))),
        ..rule
    }
}

/// The rule, now and then with bounds.
fn bounded(chance: &mut Chance, pace: Pace, now: Timestamp, timing: Timing) -> Schedule {
    let zone = *chance.pick(&ZONES);
    let mut rule = Schedule::new(timing, zone);
    let unit = if pace == Pace::Dense { 60 } else { 3_600 };
    let near = |chance: &mut Chance, by: i64| now.plus(Duration::from_secs(by + chance.between(0, 20 * unit)));
    let is_recurring = matches!(rule.timing, Timing::Cron { .. } | Timing::Quartz { .. } | Timing::Every { .. });
    if !is_recurring || chance.one_in(2) {
        return rule;
    }
    rule.jitter = chance.one_in(2).then(|| Duration::from_secs(chance.between(1, unit)));
    if let Timing::Every { period, .. } = &rule.timing {
        let period = period.as_micros();
        rule.phase = chance.one_in(2).then(|| Duration::from_micros(chance.between(0, period - 1)));
        rule.nth = chance.one_in(3).then(|| u32::try_from(chance.between(1, 5)).unwrap_or(1));
    } else if pace == Pace::Sparse && chance.one_in(3) {
        rule.nth = u32::try_from(chance.between(1, 5)).ok();
        rule.anchor = Some(now.minus(Duration::from_secs(chance.between(0, 30 * 86_400))));
    }
    rule.from = chance.one_in(4).then(|| near(chance, 0));
    rule.until = chance.one_in(4).then(|| near(chance, 20 * unit));
    if chance.one_in(2) {
        close(chance, pace, now, &mut rule);
    }
    rule
}

/// Closes times to the schedule: more than it is open now and then.
fn close(chance: &mut Chance, pace: Pace, now: Timestamp, rule: &mut Schedule) {
    let unit = if pace == Pace::Dense { 60 } else { 3_600 };
    let later = |at: Timestamp, by: i64| at.plus(Duration::from_secs(by * unit));
    for _ in 0..chance.below(3) {
        let from = later(now, chance.between(0, 30));
        rule.blackout.push(Blackout::Once { from, until: later(from, chance.between(1, 30)) });
    }
    // Times of the day that a history passes through, whichever they are.
    let hour = (now.as_micros() / 3_600_000_000).rem_euclid(24);
    let time = |hour: i64, minute: i64| {
        let text = format!("{:02}:{minute:02}", hour.rem_euclid(24));
        text.parse::<TimeOfDay>().expect("because it is written as one")
    };
    if chance.one_in(2) {
        let from = time(hour + chance.between(-2, 2), *chance.pick(&[0, 15, 40]));
        let until = time(hour + chance.between(-2, 5), *chance.pick(&[1, 20, 41]));
        rule.blackout.push(Blackout::Daily { from, until, days: *chance.pick(&[0x7f, 0x7f, 0x3e, 0x41]) });
    }
    if pace == Pace::Sparse && chance.one_in(2) {
        let day = |chance: &mut Chance| now.plus(Duration::from_secs(chance.between(0, 20) * 86_400)).to_string();
        let ranges =
            (0..chance.between(1, 6)).map(|_| day(chance)[..10].parse().expect("because it begins with a date"));
        let dates = Dates::new("dates", ranges.collect());
        if chance.one_in(3) { rule.only.push(dates) } else { rule.exclude.push(dates) }
    }
}

fn graph(chance: &mut Chance, pace: Pace, n: usize) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::with_capacity(n);
    for index in 0..n {
        let mut task = task(chance, pace, &format!("t{index}"));
        task.after = tasks.iter().filter(|_| chance.one_in(2)).map(|task| task.name.clone()).collect();
        see(chance, &mut task);
        tasks.push(task);
    }
    tasks
}

/// Lets a task see what one that it comes after has left; now and then something that is not there.
fn see(chance: &mut Chance, task: &mut Task) {
    let (Action::Command(argv), Some(first)) = (&mut task.action, task.after.first()) else { return };
    match chance.below(4) {
        0 => argv.push(format!("saw:{first}={{{{ tasks['{first}'].outputs.n | default('-') }}}}")),
        1 => drop(task.env.insert("AT".to_owned(), "{{ scheduled_at | date }} {{ run.number }}".into())),
        2 if chance.one_in(4) => argv.push(format!("{{{{ tasks.{first}.outputs.nothing }}}}")),
        _ => {}
    }
}

/// A whole number, whose default now and then cannot be one.
fn params(chance: &mut Chance) -> Vec<Param> {
    let default = *chance.pick(&["3", "{{ run.number }}", "{{ run.number }}", "{{ run.cause }}"]);
    let default = default.parse::<i64>().map_or_else(|_| default.into(), serde_json::Value::from);
    vec![Param {
        name: "n".to_owned(),
        description: String::new(),
        kind: ParamType::Integer,
        default: Some(default),
        choices: Vec::new(),
        pattern: None,
        minimum: Some(0.0),
        maximum: None,
    }]
}

/// What the run leaves of its first task; now and then something that is not there.
fn outputs(chance: &mut Chance, tasks: &[Task]) -> BTreeMap<String, String> {
    let first = tasks.first().map_or("t0", |task| task.name.as_str());
    let field = if chance.one_in(4) { "outputs.nothing" } else { "state" };
    BTreeMap::from([("first".to_owned(), format!("{{{{ tasks.{first}.{field} }}}}"))])
}

/// A task whose pretend process goes as chance will have it.
pub(crate) fn task(chance: &mut Chance, pace: Pace, name: &str) -> Task {
    let action = match chance.below(8) {
        0 => Action::Noop,
        1 => Action::Shell("chance".to_owned()),
        2 => request("http://receiver.example/", true),
        3 => request("http://receiver.example/", false),
        _ => Action::Command(vec!["chance".to_owned()]),
    };
    let unit = if pace == Pace::Dense { 1 } else { 60 };
    let delay = Duration::from_secs(chance.between(0, 20) * unit);
    Task {
        timeout: chance.one_in(3).then(|| Duration::from_secs(chance.between(1, 30) * unit)),
        kill_grace: Duration::from_secs(chance.between(0, 10)),
        retry: Retry {
            max_attempts: u32::try_from(*chance.pick(&[1, 1, 2, 3, 5])).unwrap_or(1),
            delay,
            factor: *chance.pick(&[1.0, 2.0, 3.0]),
            max_delay: Duration::from_secs(300 * unit),
            jitter: *chance.pick(&[0.0, 0.1, 1.0]),
        },
        exit_codes: ExitCodes {
            ok: vec![0],
            retry: if chance.one_in(3) { vec![75] } else { Vec::new() },
            skip: if chance.one_in(2) { vec![99] } else { Vec::new() },
        },
        on_interrupt: if chance.one_in(4) { OnInterrupt::Fail } else { OnInterrupt::Retry },
        pools: pools(chance),
        ..Task::new(name, action)
    }
}

/// What a task takes, mostly nothing; now and then more than there is.
fn pools(chance: &mut Chance) -> Pools {
    let mut pools = Pools::default();
    for name in ["p0", "p1"] {
        if chance.one_in(4) {
            pools.insert(name, u32::try_from(*chance.pick(&[1, 1, 2, 3])).unwrap_or(1));
        }
    }
    pools
}

/// Pools, of which one may be missing.
pub(crate) fn pool_sizes(chance: &mut Chance) -> PoolSizes {
    let mut sizes = PoolSizes::new();
    for name in ["p0", "p1"] {
        if !chance.one_in(5) {
            sizes.insert(name.to_owned(), u32::try_from(chance.between(1, 4)).unwrap_or(1));
        }
    }
    sizes
}

/// A request to there.
pub(super) fn request(url: &str, idempotent: bool) -> Action {
    Action::Http(Box::new(Http {
        method: if idempotent { "GET" } else { "POST" }.to_owned(),
        url: url.into(),
        headers: std::collections::BTreeMap::new(),
        body: None,
        expect_status: vec![(200, 299)],
        max_response: 1_024,
        idempotent,
        public_only: false,
        allow_private: false,
    }))
}

/// A batch of tasks that belong to no job.
pub(crate) fn submissions(chance: &mut Chance, pace: Pace, now: Timestamp) -> Vec<Submission> {
    let n = *chance.pick(&[1, 1, 2, 5, 20]);
    let priority = Priority::new(chance.between(1, 9)).unwrap_or_default();
    let is_alike = chance.one_in(2);
    let first = task(chance, pace, "main");
    let one = |chance: &mut Chance| if is_alike { first.clone() } else { task(chance, pace, "main") };
    let unit = if pace == Pace::Dense { 1 } else { 60 };
    let wait = Duration::from_secs(chance.between(0, 300) * unit);
    let not_before = match chance.below(6) {
        0 => Some(NotBefore::In(wait)),
        1 => Some(NotBefore::At(now.plus(wait))),
        _ => None,
    };
    (0..n).map(|_| Submission { task: one(chance), priority, not_before }).collect()
}

/// A hook on some events, to somewhere.
pub(crate) fn hook(chance: &mut Chance) -> Hook {
    let patterns =
        ["task.failed", "workflow.*", "*.completed", "task.*", "job.*", "occurrence.skipped", "daemon.*", "*"];
    let target = match chance.below(3) {
        0 => Target::Shell("tell".to_owned()),
        1 => Target::Command(vec!["tell".to_owned()]),
        _ => Target::Webhook(Webhook {
            url: Value::Plain(format!("http://receiver{}.example/", chance.below(3))),
            secret: None,
            headers: std::collections::BTreeMap::new(),
            allow_private: false,
            public_only: false,
        }),
    };
    Hook {
        name: None,
        on: vec![(*chance.pick(&patterns)).to_owned()],
        jobs: if chance.one_in(3) { vec![format!("j{}", chance.below(3))] } else { Vec::new() },
        target,
        timeout: Duration::from_secs(10),
        max_attempts: u32::try_from(chance.between(1, 5)).unwrap_or(1),
    }
}
