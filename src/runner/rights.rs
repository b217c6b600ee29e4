//! Whose rights a thread has when it touches files. A root runner whose state folder belongs to somebody else works
//! there with that user's rights (setfsuid(2)): a link that is put in its way leads it nowhere that user could not go,
//! and what it makes is that user's. All else that root may (users, signals) is not touched by this.
//!
//! The kernel keeps this for each thread; a new thread begins with that of the one that starts it, and a program that is
//! begun with that of its user. Where the runner is not root, or the folder is its own, nothing here changes anything.

use std::io;

use nix::unistd::{Gid, Uid, getegid, geteuid, setfsgid, setfsuid, setgroups};

/// This thread, and every one that it starts, touches files as this user from here on.
pub(super) fn take_on(uid: u32, gid: u32) -> io::Result<()> {
    // Groups are the whole process's; each process that we start is given its own.
    setgroups(&[])?;
    switch(Uid::from_raw(uid), Gid::from_raw(gid));
    if held() == uid { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Does this with the rights that are our own.
pub(super) fn with_own<T>(work: impl FnOnce() -> T) -> T {
    let _until = Until(switch(geteuid(), getegid()));
    work()
}

/// Does this with the rights of that user.
pub(super) fn with_those_of<T>(uid: u32, gid: u32, work: impl FnOnce() -> T) -> T {
    let _until = Until(switch(Uid::from_raw(uid), Gid::from_raw(gid)));
    work()
}

/// Whose rights this thread has.
pub(super) fn held() -> u32 {
    // Nobody has this number, so nothing changes.
    setfsuid(Uid::from_raw(u32::MAX)).as_raw()
}

/// Gives back what was before when it goes.
struct Until((Uid, Gid));

impl Drop for Until {
    fn drop(&mut self) {
        switch(self.0.0, self.0.1);
    }
}

/// The group goes first and comes back first: to change it may need the rights of root, which the user gives away.
fn switch(uid: Uid, gid: Gid) -> (Uid, Gid) {
    let gid = setfsgid(gid);
    (setfsuid(uid), gid)
}
