//! Prints every machine's whole table as `docs/reference/states.md`, and holds that nothing leaves an ended state.

use super::*;
use crate::model::id::Launch;
use crate::model::outcome::Outcome;
use crate::model::policy::judge::Verdict;
use crate::model::refused::Refused;
use crate::model::timestamp::{Steady, Until};

const LAUNCH: Launch = Launch(7);
const LATER: Steady = Steady(9);

fn task_states() -> Vec<TaskState> {
    use TaskState as S;
    vec![
        S::Blocked,
        S::Queued,
        S::Running { launch: LAUNCH },
        S::Retrying { until: LATER },
        S::Waiting { until: Until::Steady(LATER) },
        S::Completed,
        S::Failed(Outcome::ExitCode),
        S::Cancelled(Outcome::Cancelled),
        S::Skipped(Outcome::UpstreamFailed),
    ]
}

fn task_events() -> Vec<(&'static str, TaskEvent)> {
    use TaskEvent as E;
    let judged = |verdict| E::Judged { of: LAUNCH, verdict };
    vec![
        ("unblocked", E::Unblocked),
        ("claimed", E::Claimed { launch: LAUNCH }),
        ("judged complete", judged(Verdict::Complete)),
        ("judged retry", judged(Verdict::Retry { until: LATER })),
        ("judged fail", judged(Verdict::Fail(Outcome::ExitCode))),
        ("judged skip", judged(Verdict::Skip(Outcome::ExitCode))),
        ("judged cancel", judged(Verdict::Cancel)),
        ("judged (stale)", E::Judged { of: Launch(6), verdict: Verdict::Complete }),
        ("woken", E::Woken),
        ("upstream_ended", E::UpstreamEnded),
        ("condition_false", E::ConditionFalse),
        ("cancelled", E::Cancelled),
        ("expired", E::Expired),
        ("broken", E::Broken),
    ]
}

fn run_states() -> Vec<RunState> {
    use RunState as S;
    vec![
        S::Queued,
        S::Waiting,
        S::Running,
        S::Compensating,
        S::Completed,
        S::Failed(Outcome::ExitCode),
        S::Cancelled(Outcome::Cancelled),
    ]
}

fn run_events() -> Vec<(&'static str, RunEvent)> {
    use RunEvent as E;
    vec![
        ("claimed", E::Claimed),
        ("tasks_completed", E::TasksCompleted),
        ("tasks_failed", E::TasksFailed(Outcome::ExitCode)),
        ("tasks_cancelled", E::TasksCancelled),
        ("tasks_expired", E::TasksExpired),
        ("condition_false", E::ConditionFalse),
    ]
}

fn table<S: Copy, E: Copy>(
    name: &str,
    states: &[S],
    events: &[(&str, E)],
    word: fn(S) -> &'static str,
    step: fn(S, E) -> Result<S, Refused>,
) -> String {
    let mut text =
        format!("## {name}\n\n| when it is | {} |\n", events.iter().map(|e| e.0).collect::<Vec<_>>().join(" | "));
    text.push_str(&format!("| --- |{}\n", " --- |".repeat(events.len())));
    for state in states {
        let cells: Vec<_> = events.iter().map(|(_, event)| step(*state, *event).map_or("·", word)).collect();
        text.push_str(&format!("| **{}** | {} |\n", word(*state), cells.join(" | ")));
    }
    text.push('\n');
    text
}

#[test]
fn the_reference_page_is_the_table_of_every_machine() {
    use {AttemptEvent as AE, AttemptState as AS, BackfillEvent as BE, BackfillState as BS};
    use {DeliveryEvent as DE, DeliveryState as DS};
    let mut page = String::from(
        "# States\n\nWhat each machine becomes when something happens to it; `·` is refused and changes nothing. A report \
         of an attempt that is no longer the current one is *stale*.\n\n",
    );
    page += &table("Run", &run_states(), &run_events(), RunState::as_str, RunState::step);
    page += &table("Task", &task_states(), &task_events(), TaskState::as_str, TaskState::step);
    page += &table(
        "Attempt",
        &[AS::Starting, AS::Running, AS::Ended],
        &[("started", AE::Started), ("ended", AE::Ended)],
        AS::as_str,
        AS::step,
    );
    page += &table(
        "Delivery",
        &[DS::Pending { until: LATER }, DS::Sending { launch: LAUNCH }, DS::Delivered, DS::Dead],
        &[
            ("claimed", DE::Claimed { launch: LAUNCH }),
            ("accepted", DE::Accepted { of: LAUNCH }),
            ("failed", DE::Failed { of: LAUNCH, until: LATER }),
            ("given_up", DE::GivenUp { of: LAUNCH }),
            ("replayed", DE::Replayed { until: LATER }),
        ],
        DS::as_str,
        DS::step,
    );
    page += &table(
        "Backfill",
        &[BS::Running, BS::Completed, BS::Cancelled],
        &[("runs_ended", BE::RunsEnded), ("cancelled", BE::Cancelled)],
        BS::as_str,
        BS::step,
    );
    crate::pages::hold("docs/reference/states.md", &page);
}

#[test]
fn ended_never_changes() {
    for state in task_states().into_iter().filter(|state| state.has_ended()) {
        for (name, event) in task_events() {
            assert!(state.step(event).is_err(), "{state:?} took {name}");
        }
    }
    for state in run_states().into_iter().filter(|state| state.has_ended()) {
        for (name, event) in run_events() {
            assert!(state.step(event).is_err(), "{state:?} took {name}");
        }
    }
}

#[test]
fn every_sequence_of_six_events_keeps_the_outcome_of_the_first_end() {
    fn walk(state: TaskState, left: u32) {
        if left == 0 {
            return;
        }
        for (_, event) in task_events() {
            match state.step(event) {
                Ok(next) => {
                    assert!(!state.has_ended(), "{state:?} became {next:?}");
                    assert_eq!(next.outcome() == Some(Outcome::Success), next == TaskState::Completed);
                    walk(next, left - 1);
                }
                Err(refused) => assert!(matches!(refused, Refused::Transition { machine: "task", .. })),
            }
        }
    }
    for start in [TaskState::Blocked, TaskState::Queued, TaskState::Waiting { until: Until::Steady(LATER) }] {
        walk(start, 6);
    }
}
