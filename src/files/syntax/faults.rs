//! What is wrong with one text, or with all that one file defines: so many faults are listed, the rest is only counted. A
//! small file can be wrong in a hundred thousand places, so a fault that is not listed is not even worded.

use std::mem;

use crate::model::invalid::Fault;

/// How many faults of one file are listed.
pub const MAX_LISTED: usize = 200;

/// Faults, listed and counted.
#[derive(Clone, PartialEq, Debug)]
pub struct Faults {
    listed: Vec<Fault>,
    /// How many are listed at most.
    room: usize,
    n_more: usize,
}

impl Default for Faults {
    fn default() -> Self {
        Faults::within(MAX_LISTED)
    }
}

impl Faults {
    /// None yet, of which as many as there is `room` for will be listed.
    pub(crate) fn within(room: usize) -> Self {
        Faults { listed: Vec::new(), room, n_more: 0 }
    }

    /// Whether one more would be listed.
    pub(crate) fn has_room(&self) -> bool {
        self.listed.len() < self.room
    }

    /// Adds one, which is worded only if it is listed.
    pub(crate) fn push_with(&mut self, word: impl FnOnce() -> Fault) {
        if self.has_room() {
            self.listed.push(word());
        } else {
            self.n_more += 1;
        }
    }

    /// Adds one.
    pub(crate) fn push(&mut self, fault: Fault) {
        self.push_with(|| fault);
    }

    /// Adds those of `others`, and counts what they count.
    pub(crate) fn append(&mut self, others: Faults) {
        others.listed.into_iter().for_each(|fault| self.push(fault));
        self.n_more += others.n_more;
    }

    /// Those that are listed.
    pub fn listed(&self) -> &[Fault] {
        &self.listed
    }

    /// The same, as a list.
    pub(crate) fn into_listed(self) -> Vec<Fault> {
        self.listed
    }

    /// How many are not.
    pub fn n_more(&self) -> usize {
        self.n_more
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.n_more == 0
    }

    /// Moves every place.
    pub(crate) fn shift(&mut self, by: usize) {
        self.listed.iter_mut().for_each(|fault| fault.at = (fault.at.0 + by, fault.at.1 + by));
    }

    /// Brings them into the order of the text, each once.
    pub(crate) fn sort(&mut self) {
        self.listed.sort_by_key(|fault| fault.at.0);
        self.listed.dedup();
    }

    /// Those that are listed, with one at `end` that says how many are not.
    pub(crate) fn told(mut self, end: usize) -> Vec<Fault> {
        let mut told = mem::take(&mut self.listed);
        told.extend((self.n_more > 0).then(|| Fault::new((end, end), not_listed(self.n_more, "problem"))));
        told
    }
}

/// The sentence that says how many of them are not listed.
pub(crate) fn not_listed(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 more {what} is not listed"),
        _ => format!("{n} more {what}s are not listed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_listed_and_the_rest_is_counted_and_not_worded() {
        let mut n_worded = 0;
        let mut faults = Faults::within(2);
        for at in [5, 1, 3] {
            faults.push_with(|| {
                n_worded += 1;
                Fault::new((at, at), "wrong")
            });
        }
        let mut others = Faults::within(0);
        others.push(Fault::new((9, 9), "wrong"));
        faults.append(others);
        faults.sort();
        let told: Vec<String> =
            faults.told(7).iter().map(|fault| format!("{}: {}", fault.at.0, fault.message)).collect();
        assert_eq!(told, ["1: wrong", "5: wrong", "7: 2 more problems are not listed"]);
        assert_eq!(n_worded, 2);
    }
}
