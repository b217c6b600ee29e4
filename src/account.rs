//! Who users and groups are, asked of the system's database each time (getpwnam(3), getgrnam(3)): the door to it for
//! whoever needs a name or ourselves. Whom a process may become is the runner's to look up (`runner::users`).

use nix::unistd::{Group, Uid, User};

/// The name of a user, or the number of one who has none.
pub(crate) fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// Whether `named`, a name or a number, is the user as whom this program runs.
pub(crate) fn is_own_user(named: &str) -> bool {
    let own = nix::unistd::geteuid();
    named.parse() == Ok(own.as_raw()) || named == name_of(own)
}

/// Whether `named`, a name or a number, is the group as which this program runs.
pub(crate) fn is_own_group(named: &str) -> bool {
    let own = nix::unistd::getegid();
    named.parse() == Ok(own.as_raw()) || Group::from_gid(own).ok().flatten().is_some_and(|group| group.name == named)
}
