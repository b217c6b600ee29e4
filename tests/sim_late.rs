//! Steps that come later than the engine asked for them, told to the bare engine.

use std::sync::Arc;

use campanile::engine::{Command, Engine, Input, Load, LoadedJob, Report, Settings, Start};
use campanile::model::definition::{Action, CatchUp, Job, Schedule, Task, Timing};
use campanile::model::policy::governor::Pace;
use campanile::model::policy::retention::Retention;
use campanile::model::timestamp::Timestamp;
use campanile::store::Store;
use campanile::tzdb::Tzdb;

fn every_ten_minutes() -> LoadedJob {
    let period = "10m".parse().expect("because it is a length of time");
    let timing = Timing::Every { period, anchor: Timestamp::default() };
    let tasks = vec![Task::new("main", Action::Shell("true".to_owned()))];
    let definition = Job { schedules: vec![Schedule::new(timing, "UTC")], tasks, ..Job::default() };
    let name = "often".parse().expect("because it is a name");
    LoadedJob { name, source: "often".to_owned(), definition, origins: String::new() }
}

#[test]
fn what_was_to_be_caught_up_before_a_pause_is_answered_when_it_ends_before_anybody_looked() {
    let settings = Settings {
        zones: Arc::new(Tzdb::bundled()),
        max_tasks: 4,
        catch_up: Pace::default(),
        retention: Retention::default(),
        socket: None,
    };
    let mut engine = Engine::open(Store::in_memory().expect("it opens"), settings).expect("it opens");
    let mut step = |at: &str, commands: Vec<Command>| {
        let at: Timestamp = format!("2027-03-01T{at}:00Z").parse().expect("because it is a time");
        let opened = Input::Report(Report::Opened { boot_id: "boot".to_owned() });
        let is_first = matches!(commands[..], [Command::Load(_)]);
        let commands = commands.into_iter().map(|command| Input::Command { token: 1, command });
        let inputs: Vec<Input> = is_first.then_some(opened).into_iter().chain(commands).collect();
        let seed = u64::try_from(at.as_micros()).expect("because it is past 1970");
        let step = engine.step(at, seed, &inputs).expect("the disk is well");
        assert!(step.replies.iter().all(|(_, answer)| answer.is_ok()), "{:?}", step.replies);
    };
    let (job, by) = (Some("often".to_owned()), "ann".to_owned());
    step("12:05", vec![Command::Load(Box::new(Load { jobs: vec![every_ten_minutes()], ..Load::default() }))]);
    // It has no runner, so this run is live for good, and what is missed has no room.
    step("12:06", vec![Command::Start(Start { job: "often".to_owned(), ..Start::default() })]);
    step("12:35", vec![]);
    step("12:36", vec![Command::Pause { job: job.clone(), by: by.clone(), note: None, until: None }]);
    step("12:45", vec![Command::Resume { job, by, catch_up: CatchUp::Latest }]);
    let answers = "
        SELECT group_concat(reason || ' ' || strftime('%H:%M', first_due_at / 1000000, 'unixepoch') || ' ' || n, ', ')
          FROM (SELECT * FROM span ORDER BY first_due_at)";
    let told: String = engine.store().connection().query_row(answers, [], |row| row.get(0)).expect("it can be asked");
    assert_eq!(told, "coalesced 12:10 2, paused 12:30 1");
    // Twice nobody was there when a step was due, and neither time was the clock set.
    let absences =
        "SELECT group_concat(json_extract(data, '$.absent_us') / 60000000) FROM event WHERE type = 'clock.stepped'";
    let told: String = engine.store().connection().query_row(absences, [], |row| row.get(0)).expect("it can be asked");
    assert_eq!(told, "25,5");
    let backlog = "SELECT strftime('%H:%M', backlog_until / 1000000, 'unixepoch') FROM schedule";
    let told: String = engine.store().connection().query_row(backlog, [], |row| row.get(0)).expect("it can be asked");
    assert_eq!(told, "12:40");
}
