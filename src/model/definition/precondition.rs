//! What must hold before a run does anything: an expression, which the gate evaluates, or a command, which is the first task
//! of the run and which all others come after. So the command has an attempt, a log, a timeout and a fence like any other,
//! and nothing else has to know how to ask.

use super::{Job, Task};
use crate::model::duration::Duration;

/// The name of the task that asks.
pub const PRECONDITION: &str = "precondition";
/// How long it may take unless the file says otherwise.
pub const PRECONDITION_TIMEOUT: Duration = Duration::from_secs(60);

impl Job {
    /// Puts `task` before all others: nothing starts unless it completes.
    pub fn ask_first(&mut self, task: Task) {
        for first in self.tasks.iter_mut().filter(|task| task.after.is_empty()) {
            first.after.push(PRECONDITION.to_owned());
        }
        self.tasks.insert(0, Task { name: PRECONDITION.to_owned(), after: Vec::new(), is_precondition: true, ..task });
    }

    /// Whether anything must hold before a run of it does anything.
    pub fn has_precondition(&self) -> bool {
        self.precondition.is_some() || self.tasks.iter().any(|task| task.is_precondition)
    }

    /// The same job, of which nothing is asked first: what a run is of that somebody insists on.
    #[must_use]
    pub fn without_precondition(&self) -> Job {
        let mut job = Job { precondition: None, ..self.clone() };
        job.tasks.retain(|task| !task.is_precondition);
        if job.tasks.len() < self.tasks.len() {
            job.tasks.iter_mut().for_each(|task| task.after.retain(|name| name != PRECONDITION));
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::Action;

    #[test]
    fn what_asks_comes_before_all_others_and_leaves_no_trace() {
        let mut second = Task::new("b", Action::Noop);
        second.after = vec!["a".to_owned()];
        let job = Job { tasks: vec![Task::new("a", Action::Noop), second], ..Job::default() };
        let mut asked = job.clone();
        asked.ask_first(Task::new("any", Action::Noop));
        let shape: Vec<_> = asked.tasks.iter().map(|task| (task.name.as_str(), task.after.join(" "))).collect();
        let expected = [("precondition", ""), ("a", "precondition"), ("b", "a")];
        assert_eq!(shape, expected.map(|(name, after)| (name, after.to_owned())));
        assert!(asked.has_precondition() && !job.has_precondition());
        assert_eq!(asked.without_precondition(), job);
        let expression = Job { precondition: Some("true".to_owned()), ..job.clone() };
        assert!(expression.has_precondition());
        assert_eq!(expression.without_precondition(), job);
    }
}
