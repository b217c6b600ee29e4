//! The graph of a run's tasks: which may start, which never will, and what the run comes to. Pure over the definition's
//! `after` lists and the states of the tasks, in the definition's order.

use crate::model::definition::Task;
use crate::model::outcome::Outcome;
use crate::model::state::{RunEvent, TaskEvent, TaskState};

/// The events that the states of a run's tasks call for, one for each blocked task whose fate is known.
pub fn advance(tasks: &[Task], states: &[TaskState]) -> Vec<(usize, TaskEvent)> {
    let mut states = states.to_vec();
    let mut events = Vec::new();
    loop {
        let n_before = events.len();
        for index in 0..tasks.len() {
            if let Some(event) = fate(tasks, &states, index) {
                events.push((index, event));
                states[index] = states[index].step(event).expect("because a blocked task takes either event");
            }
        }
        if events.len() == n_before {
            return events;
        }
    }
}

fn fate(tasks: &[Task], states: &[TaskState], index: usize) -> Option<TaskEvent> {
    if states[index] != TaskState::Blocked {
        return None;
    }
    let upstream = || {
        tasks[index].after.iter().filter_map(|name| {
            let at = tasks.iter().position(|task| &task.name == name)?;
            Some(states[at])
        })
    };
    if upstream().any(|state| state == TaskState::Skipped(Outcome::ConditionFalse)) {
        Some(TaskEvent::ConditionFalse)
    } else if upstream().any(|state| state.has_ended() && state != TaskState::Completed) {
        Some(TaskEvent::UpstreamEnded)
    } else if upstream().all(|state| state == TaskState::Completed) {
        Some(TaskEvent::Unblocked)
    } else {
        None
    }
}

/// How a run ends, once all its tasks have; nothing before. The first failure, in the definition's order, gives the
/// reason; a cancel outweighs it, and a precondition that said no outweighs both, because nothing came of them.
pub fn conclusion(tasks: &[Task], states: &[TaskState]) -> Option<RunEvent> {
    if !states.iter().all(|state| state.has_ended()) {
        return None;
    }
    let said_no = TaskState::Skipped(Outcome::ConditionFalse);
    if tasks.iter().zip(states).any(|(task, state)| task.is_precondition && *state == said_no) {
        return Some(RunEvent::ConditionFalse);
    }
    if states.contains(&TaskState::Cancelled(Outcome::Expired)) {
        return Some(RunEvent::TasksExpired);
    }
    if states.iter().any(|state| matches!(state, TaskState::Cancelled(_))) {
        return Some(RunEvent::TasksCancelled);
    }
    let failure = states.iter().find_map(|state| match state {
        TaskState::Failed(outcome) => Some(*outcome),
        TaskState::Blocked
        | TaskState::Queued
        | TaskState::Running { .. }
        | TaskState::Retrying { .. }
        | TaskState::Waiting { .. }
        | TaskState::Completed
        | TaskState::Cancelled(_)
        | TaskState::Skipped(_) => None,
    });
    Some(failure.map_or(RunEvent::TasksCompleted, RunEvent::TasksFailed))
}

/// Why `after` lists are no graph: the indexes of tasks that form a cycle, in order.
pub fn cycle(tasks: &[Task]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    fn visit(tasks: &[Task], at: usize, marks: &mut [Mark], path: &mut Vec<usize>) -> Option<Vec<usize>> {
        marks[at] = Mark::Open;
        path.push(at);
        for name in &tasks[at].after {
            let Some(next) = tasks.iter().position(|task| &task.name == name) else { continue };
            match marks[next] {
                Mark::Done => {}
                Mark::Open => {
                    let from = path.iter().position(|index| *index == next).unwrap_or(0);
                    return Some(path[from..].to_vec());
                }
                Mark::New => {
                    if let Some(found) = visit(tasks, next, marks, path) {
                        return Some(found);
                    }
                }
            }
        }
        path.pop();
        marks[at] = Mark::Done;
        None
    }
    let mut marks = vec![Mark::New; tasks.len()];
    (0..tasks.len()).find_map(|at| (marks[at] == Mark::New).then(|| visit(tasks, at, &mut marks, &mut Vec::new()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::Action;
    use crate::model::id::Launch;

    fn tasks(spec: &[(&str, &[&str])]) -> Vec<Task> {
        let one = |(name, after): &(&str, &[&str])| {
            let mut task = Task::new(name, Action::Noop);
            task.after = after.iter().map(|name| (*name).to_owned()).collect();
            task
        };
        spec.iter().map(one).collect()
    }

    #[test]
    fn a_task_waits_for_all_it_is_after_and_failure_carries_on() {
        use TaskState as S;
        let graph = tasks(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &["c"])]);
        let running = S::Running { launch: Launch(1) };
        assert_eq!(advance(&graph, &[running, S::Blocked, S::Blocked, S::Blocked]), []);
        assert_eq!(advance(&graph, &[S::Completed, S::Blocked, S::Blocked, S::Blocked]), [(1, TaskEvent::Unblocked)]);
        let failed = S::Failed(Outcome::ExitCode);
        let carried = [(1, TaskEvent::UpstreamEnded), (2, TaskEvent::UpstreamEnded), (3, TaskEvent::UpstreamEnded)];
        assert_eq!(advance(&graph, &[failed, S::Blocked, S::Blocked, S::Blocked]), carried);
    }

    #[test]
    fn a_run_ends_when_all_its_tasks_have() {
        use TaskState as S;
        let skipped = S::Skipped(Outcome::UpstreamFailed);
        let failed = S::Failed(Outcome::Timeout);
        let cancelled = S::Cancelled(Outcome::Cancelled);
        let graph = tasks(&[("a", &[]), ("b", &["a"])]);
        let check = |states: [S; 2], expected| assert_eq!(conclusion(&graph, &states), expected, "{states:?}");
        check([S::Completed, S::Queued], None);
        check([S::Completed, S::Skipped(Outcome::ExitCode)], Some(RunEvent::TasksCompleted));
        check([failed, skipped], Some(RunEvent::TasksFailed(Outcome::Timeout)));
        check([failed, cancelled], Some(RunEvent::TasksCancelled));
        check([cancelled, S::Cancelled(Outcome::Expired)], Some(RunEvent::TasksExpired));
    }

    #[test]
    fn a_precondition_that_said_no_ends_the_run_and_all_that_comes_after_it() {
        use TaskState as S;
        let mut graph = tasks(&[("precondition", &[]), ("a", &["precondition"]), ("b", &["a"])]);
        graph[0].is_precondition = true;
        let no = S::Skipped(Outcome::ConditionFalse);
        let carried = [(1, TaskEvent::ConditionFalse), (2, TaskEvent::ConditionFalse)];
        assert_eq!(advance(&graph, &[no, S::Blocked, S::Blocked]), carried);
        let cancelled = S::Cancelled(Outcome::Cancelled);
        for rest in [no, cancelled] {
            assert_eq!(conclusion(&graph, &[no, rest, no]), Some(RunEvent::ConditionFalse));
        }
        assert_eq!(conclusion(&graph, &[no, S::Blocked, no]), None);
        let unasked = S::Failed(Outcome::Timeout);
        assert_eq!(advance(&graph, &[unasked, S::Blocked, no]), [(1, TaskEvent::UpstreamEnded)]);
        let skipped = S::Skipped(Outcome::UpstreamFailed);
        assert_eq!(conclusion(&graph, &[unasked, skipped, skipped]), Some(RunEvent::TasksFailed(Outcome::Timeout)));
    }

    #[test]
    fn cycles_are_found_whole() {
        assert_eq!(cycle(&tasks(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])])), None);
        assert_eq!(cycle(&tasks(&[("a", &["a"])])), Some(vec![0]));
        assert_eq!(cycle(&tasks(&[("x", &["a"]), ("a", &["b"]), ("b", &["a"])])), Some(vec![1, 2]));
    }
}
