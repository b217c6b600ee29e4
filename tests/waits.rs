//! What waits says what for: the engine on a store in a folder, no clock, and questions to the store as surfaces ask them.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::Arc;

use campanile::engine::{
    Answer, Command, Engine, Input, Limits, Load, LoadedJob, NotBefore, Report, RunnerReport, Settings, Start,
    Submission,
};
use campanile::model::definition::{Action, CatchUp, Job, Overlap, Priority, Task};
use campanile::model::duration::Duration;
use campanile::model::exit::{Exit, ExitKind};
use campanile::model::id::{Launch, RunId};
use campanile::model::policy::governor::Pace;
use campanile::model::policy::retention::Retention;
use campanile::model::timestamp::Timestamp;
use campanile::query::{self, Here, Reader};
use campanile::store::{Store, Synchronous};
use campanile::tzdb::Tzdb;

struct World {
    engine: Engine,
    reader: Reader,
    now: Timestamp,
    n_steps: u64,
    _folder: tempfile::TempDir,
}

fn task(name: &str, pools: &str, after: &[&str]) -> Task {
    let mut task = Task::new(name, Action::Command(vec!["true".to_owned()]));
    task.pools = pools.parse().unwrap();
    task.after = after.iter().map(|name| (*name).to_owned()).collect();
    task
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("campanile.db");
        let store = Store::open(&path, Synchronous::Normal).unwrap();
        let settings = Settings {
            zones: Arc::new(Tzdb::bundled()),
            max_tasks: 9,
            catch_up: Pace::default(),
            retention: Retention::default(),
            socket: None,
        };
        let engine = Engine::open(store, settings).unwrap();
        let now = "2027-03-01T12:00:00Z".parse().unwrap();
        let mut world = World { engine, reader: Reader::open(&path).unwrap(), now, n_steps: 0, _folder: folder };
        world.report(Report::Opened { boot_id: "boot".to_owned() });
        world
    }

    fn step(&mut self, input: Input) -> Option<Answer> {
        self.n_steps += 1;
        let mut step = self.engine.step(self.now, self.n_steps, &[input]).unwrap();
        // As the driver does: until there is nothing left to do at once.
        while step.wake_at.is_some_and(|at| at <= self.now) {
            self.n_steps += 1;
            let replies = std::mem::take(&mut step.replies);
            step = self.engine.step(self.now, self.n_steps, &[]).unwrap();
            step.replies = replies;
        }
        step.replies.pop().map(|(_, reply)| reply.unwrap())
    }

    fn command(&mut self, command: Command) -> Option<Answer> {
        self.step(Input::Command { token: 1, command })
    }

    fn report(&mut self, report: Report) {
        self.step(Input::Report(report));
    }

    fn load(&mut self, job: &Job, pools: &[(&str, u32)]) {
        let pools = pools.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
        let one = LoadedJob {
            name: "nightly".parse().unwrap(),
            source: "jobs.d/nightly.toml".to_owned(),
            definition: job.clone(),
            origins: String::new(),
        };
        let limits = Limits { max_tasks: 2, catch_up: Pace::default(), retention: Retention::default() };
        let load = Load { jobs: vec![one], limits: Some(limits), pools: Some(pools), ..Load::default() };
        self.command(Command::Load(Box::new(load)));
    }

    fn here(&self) -> Here {
        Here { now: self.now, why_no_runner: None, is_stopping: false }
    }

    /// What the run and each of its tasks waits for, `-` for nothing.
    #[track_caller]
    fn check_at(&self, here: &Here, run: RunId, expected: &[&str]) {
        let run = query::run::one(&self.reader, &run.to_string(), Some(here)).unwrap();
        let of_tasks = run.tasks.iter().map(|task| &task.waits_for);
        let found: Vec<&str> =
            std::iter::once(&run.waits_for).chain(of_tasks).map(|what| what.as_deref().unwrap_or("-")).collect();
        assert_eq!(found, expected);
        for task in &run.tasks {
            let alone = query::task::one(&self.reader, &task.id.to_string(), Some(here)).unwrap();
            assert_eq!(alone.waits_for, task.waits_for, "asked alone it is told the same");
        }
    }

    #[track_caller]
    fn check(&self, run: RunId, expected: &[&str]) {
        self.check_at(&self.here(), run, expected);
    }
}

/// One that is tried again after 12 s, others that want of the pool and of nothing, and two that come after some.
fn waiting_tasks() -> Vec<Task> {
    let mut extract = task("extract", "db=3", &[]);
    extract.retry.max_attempts = 2;
    extract.retry.delay = Duration::from_secs(12);
    extract.retry.jitter = 0.0;
    vec![
        extract,
        task("check", "", &["extract"]),
        task("heavy", "db=2", &[]),
        task("light", "db=1", &[]),
        task("other", "", &[]),
        task("more", "", &[]),
        task("last", "", &["check", "more"]),
    ]
}

#[test]
fn each_thing_that_waits_says_what_for() {
    let mut world = World::new();
    let tasks = waiting_tasks();
    let job = Job { tasks, overlap: Overlap::Allow, ..Job::default() };
    world.load(&job, &[("db", 4)]);
    let start = Start { job: "nightly".to_owned(), ..Start::default() };
    let Some(Answer::Started { run, .. }) = world.command(Command::Start(start)) else { panic!("it starts") };

    let absent = Here { why_no_runner: Some("it is starting".to_owned()), ..world.here() };
    let no_runner = "the runner is not there: it is starting";
    let (checks, lasts) = ("task `extract`", "tasks `check`, `more`");
    world.check_at(&absent, run, &[no_runner, no_runner, checks, no_runner, no_runner, no_runner, no_runner, lasts]);

    let alive = vec![Launch(99)];
    let connected = RunnerReport::Connected { connection: 1, highest: Launch(99), alive, ended: Vec::new() };
    world.report(Report::Runner(connected));
    let stranger = "what lives at the runner and is not known has to end";
    world.check(run, &[stranger, stranger, checks, stranger, stranger, stranger, stranger, lasts]);

    let exit = Exit::bare(ExitKind::Code(0), world.now);
    world.report(Report::Runner(RunnerReport::Ended { launch: Launch(99), exit }));
    let heavy = "pool `db` 3/4, of which it takes 2, held by `extract` of nightly#1";
    let (light, most) = ("`max_tasks` 2/2", "`max_tasks` 2/2");
    world.check(run, &["-", "-", checks, heavy, light, "-", most, lasts]);

    let exit = Exit::bare(ExitKind::Code(0), world.now);
    world.report(Report::Runner(RunnerReport::Ended { launch: Launch(101), exit }));
    let exit = Exit::bare(ExitKind::Code(0), world.now);
    world.report(Report::Runner(RunnerReport::Ended { launch: Launch(102), exit }));
    world.check(run, &["-", "-", checks, heavy, "its turn in pool `db` 3/4", "-", "-", "task `check`"]);

    for (sizes, expected) in [
        (vec![], "pool `db`, which is not in the configuration"),
        (vec![("db", 1)], "pool `db` for ever: it takes 2 and there is 1"),
    ] {
        world.load(&job, &sizes);
        let found = query::run::one(&world.reader, "nightly", Some(&world.here())).unwrap();
        assert_eq!(found.tasks[2].waits_for.as_deref(), Some(expected));
    }
    world.load(&job, &[("db", 4)]);

    world.command(Command::Pause { job: None, by: "pia".to_owned(), note: None, until: None });
    let exit = Exit::bare(ExitKind::Code(1), world.now);
    world.report(Report::Runner(RunnerReport::Ended { launch: Launch(100), exit }));
    let paused = "everything is paused by pia since 2027-03-01T12:00:00.000000Z";
    let retry = "retry in 12s";
    world.check(run, &[retry, retry, checks, paused, paused, "-", "-", "task `check`"]);
    let later = Here { now: world.now.plus(Duration::from_millis(11_500)), ..world.here() };
    assert_eq!(
        query::run::one(&world.reader, "nightly", Some(&later)).unwrap().waits_for.as_deref(),
        Some("retry in 500ms")
    );
    world.command(Command::Resume { job: None, by: "pia".to_owned(), catch_up: CatchUp::None });
    world.check(run, &["-", retry, checks, "-", "-", "-", "-", "task `check`"]);
}

#[test]
fn what_holds_a_pool_is_named_up_to_three() {
    let mut world = World::new();
    let job = Job { tasks: vec![task("main", "db=1", &[])], overlap: Overlap::Allow, ..Job::default() };
    world.load(&job, &[("db", 4)]);
    let limits = Limits { max_tasks: 9, catch_up: Pace::default(), retention: Retention::default() };
    let pools = Some([("db".to_owned(), 4)].into());
    let load = Load { is_incomplete: true, limits: Some(limits), pools, ..Load::default() };
    world.command(Command::Load(Box::new(load)));
    let connected = RunnerReport::Connected { connection: 1, highest: Launch(0), alive: Vec::new(), ended: Vec::new() };
    world.report(Report::Runner(connected));
    for _ in 0..5 {
        world.command(Command::Start(Start { job: "nightly".to_owned(), ..Start::default() }));
    }
    let last = query::run::one(&world.reader, "nightly", Some(&world.here())).unwrap();
    let held = "pool `db` 4/4, held by `main` of nightly#1, `main` of nightly#2, `main` of nightly#3 and 1 more";
    assert_eq!(last.waits_for.as_deref(), Some(held));
    let listed =
        query::run::page(&world.reader, &query::run::Filter { limit: 9, ..Default::default() }, Some(&world.here()));
    let told: Vec<_> = listed.unwrap().items.into_iter().map(|run| run.waits_for).collect();
    assert_eq!(told, [Some(held.to_owned()), None, None, None, None]);
    let stopping = Here { is_stopping: true, ..world.here() };
    let last = query::run::one(&world.reader, "nightly", Some(&stopping)).unwrap();
    assert_eq!(last.waits_for.as_deref(), Some("the daemon is stopping"));
    let unasked = query::run::one(&world.reader, "nightly", None).unwrap();
    assert_eq!(unasked.waits_for, None);
}

#[test]
fn what_is_for_later_says_when() {
    let mut world = World::new();
    for (not_before, expected) in [
        (NotBefore::At("2027-03-02T00:00:00Z".parse().unwrap()), "until 2027-03-02T00:00:00.000000Z"),
        (NotBefore::In(Duration::from_secs(60)), "until 2027-03-01T12:01:00.000000Z"),
    ] {
        let submission =
            Submission { task: task("main", "", &[]), priority: Priority::default(), not_before: Some(not_before) };
        let Some(Answer::Submitted(runs)) = world.command(Command::Submit(vec![submission])) else {
            panic!("it is taken")
        };
        world.check(runs[0], &[expected, expected]);
    }
}
