//! Children that we did not start: what an attempt leaves behind comes to us, the subreaper, when its parents end.
//! Each is looked at when it first shows up, so that the ordinary exit, which leaves nothing, costs one short read.

use std::collections::HashMap;

use super::tree::{self, Identity, Marks};
use crate::model::id::Launch;

/// One adopted child.
#[derive(Clone, Copy, Debug)]
struct Child {
    id: Identity,
    launch: Option<Launch>,
}

/// The adopted children that are not reaped.
#[derive(Debug, Default)]
pub(super) struct Adopted {
    children: HashMap<i32, Child>,
}

impl Adopted {
    /// Looks for new ones. `ours` says which children we started, `by_marks` whose marks these are.
    pub(super) fn refresh(&mut self, ours: impl Fn(i32) -> bool, by_marks: &HashMap<Marks, Launch>) {
        // Without `/proc/…/children` the whole of `/proc` would have to be read at every exit; then what leaves its
        // group is found only through its parents.
        for pid in tree::children().unwrap_or_default() {
            if ours(pid) || self.children.contains_key(&pid) {
                continue;
            }
            let Some(id) = Identity::of(pid) else { continue };
            let launch = Marks::of_pid(pid).and_then(|marks| by_marks.get(&marks).copied());
            self.children.insert(pid, Child { id, launch });
        }
    }

    /// A child was reaped that we did not start.
    pub(super) fn reaped(&mut self, pid: i32) {
        self.children.remove(&pid);
    }

    /// Those of a launch.
    pub(super) fn of(&self, launch: Launch) -> Vec<Identity> {
        self.children.values().filter(|child| child.launch == Some(launch)).map(|child| child.id).collect()
    }
}
