//! Whom processes may run as. A runner that is not root starts them as itself. One that is root starts them as the owner
//! of the state folder, who is the daemon's user, unless a job says otherwise; and then only as whom a list names that is
//! root's alone. The daemon faces the network, so nothing that it says can make this list longer.
//!
//! ```toml
//! # /etc/campanile/runner.toml
//! users = ["backup", "www-data"]
//! groups = ["adm"]                 # beside the groups that a user is in
//! ```
//!
//! The list is read when a runner starts. Who a user is and which groups they are in is asked anew for each process.
//!
//! Invariant: nothing runs as root unless the list names it, or the state folder is root's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist};
use serde::{Deserialize, Serialize};

use super::RunnerError;
use super::base_env::{Facts, base_env};
use super::folders::Folders;
use super::trust::only_by;
use crate::account::is_own_group;
use crate::plain_file::{self, Links};

/// Where the list is unless it is said otherwise; there need not be one.
const LIST: &str = "/etc/campanile/runner.toml";
/// The most that it may hold, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// The numbers of somebody that a process is to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Ids {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The groups beside it, sorted.
    pub(super) groups: BTreeSet<u32>,
}

/// Somebody that a process may run as.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// What a process has to become; nothing if it is so already.
    pub(super) ids: Option<Ids>,
    /// The variables that every process of theirs has.
    pub(super) env: BTreeMap<String, String>,
    pub(super) home: PathBuf,
}

/// What the list says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct List {
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// Whom processes may run as.
#[derive(Debug)]
pub(super) struct Users {
    is_root: bool,
    /// Who nobody is named for.
    usual: Who,
    usual_name: String,
    list: List,
    list_path: PathBuf,
}

impl Users {
    /// Reads the list, which only a root runner needs.
    pub(super) fn open(list: Option<&Path>, folders: &Folders) -> Result<Users, RunnerError> {
        let is_root = geteuid().is_root();
        let list_path = list.unwrap_or(LIST.as_ref()).to_owned();
        let read = match list {
            Some(_) if !is_root => return Err(RunnerError::UsersOfNobody),
            Some(list) => read(list)?,
            None if is_root && Path::new(LIST).exists() => read(LIST.as_ref())?,
            None => List::default(),
        };
        let facts = if folders.is_foreign { facts_of(folders.owner.0)? } else { Facts::gather() };
        let mut usual = Who { ids: None, env: base_env(&facts), home: PathBuf::from(&facts.home) };
        if folders.is_foreign {
            usual.ids = Some(match User::from_uid(Uid::from_raw(folders.owner.0)).map_err(std::io::Error::from)? {
                Some(user) => ids_of(&user).map_err(std::io::Error::other)?,
                None => Ids { uid: folders.owner.0, gid: folders.owner.1, groups: [folders.owner.1].into() },
            });
        }
        Ok(Users { is_root, usual, usual_name: facts.user, list: read, list_path })
    }

    /// Who a process is to run as that asks for this user and this group, or why it may not.
    pub(super) fn who(&self, user: Option<&str>, group: Option<&str>) -> Result<Cow<'_, Who>, String> {
        let user = user.map(user_name).transpose()?;
        let group = group.map(group_name).transpose()?;
        let (other, group) = (user.as_deref().filter(|name| *name != self.usual_name), group.as_deref());
        if !self.is_root {
            return self.nobody_else(other, group);
        }
        let Some(name) = other else {
            return match group {
                None => Ok(Cow::Borrowed(&self.usual)),
                Some(group) => self.in_group(self.usual.clone(), &self.usual_name, group).map(Cow::Owned),
            };
        };
        if !self.list.users.contains(name) {
            return Err(format!(
                "no process may run as `{name}`: the runner's list `{}` does not name them\nhint: root may add them to \
                 `users` there, and start the runner anew",
                self.list_path.display()
            ));
        }
        let found = User::from_name(name).map_err(|error| format!("user `{name}` cannot be looked up: {error}"))?;
        let found = found.ok_or_else(|| format!("there is no user `{name}`"))?;
        let facts = Facts::about(&found);
        let who = Who { ids: Some(ids_of(&found)?), env: base_env(&facts), home: found.dir };
        match group {
            None => Ok(Cow::Owned(who)),
            Some(group) => self.in_group(who, name, group).map(Cow::Owned),
        }
    }

    /// What a runner that is not root answers.
    fn nobody_else(&self, other: Option<&str>, group: Option<&str>) -> Result<Cow<'_, Who>, String> {
        let (asked, name) = match (other, group) {
            (Some(user), _) => ("user", user),
            (None, Some(group)) if !is_own_group(group) => ("group", group),
            (None, _) => return Ok(Cow::Borrowed(&self.usual)),
        };
        Err(format!(
            "`{asked}` is `{name}`, and the runner is not root: it starts processes only as itself, `{}`\nhint: leave \
             `{asked}` out, or let a runner of root's start them: docs/concepts/runner.md",
            self.usual_name
        ))
    }

    fn in_group(&self, mut who: Who, name: &str, group: &str) -> Result<Who, String> {
        let found = Group::from_name(group).map_err(|error| format!("group `{group}` cannot be looked up: {error}"))?;
        let gid = found.ok_or_else(|| format!("there is no group `{group}`"))?.gid.as_raw();
        let mut ids = match who.ids.take() {
            Some(ids) => ids,
            // The state folder is root's, and so are we.
            None => User::from_name(name).ok().flatten().as_ref().map(ids_of).unwrap_or_else(|| Ok(of_root()))?,
        };
        if ids.gid != gid && !ids.groups.contains(&gid) && !self.list.groups.contains(group) {
            return Err(format!(
                "`{name}` is not in group `{group}`, and the runner's list `{}` does not name it\nhint: root may add it \
                 to `groups` there, and start the runner anew",
                self.list_path.display()
            ));
        }
        ids.gid = gid;
        Ok(Who { ids: Some(ids), ..who })
    }
}

/// The name of a user who may be given by number, since the list knows names.
fn user_name(given: &str) -> Result<Cow<'_, str>, String> {
    let Ok(uid) = given.parse() else { return Ok(Cow::Borrowed(given)) };
    let found =
        User::from_uid(Uid::from_raw(uid)).map_err(|error| format!("user {uid} cannot be looked up: {error}"))?;
    found.map(|user| Cow::Owned(user.name)).ok_or_else(|| format!("no user has the number {uid}"))
}

/// The same of a group.
fn group_name(given: &str) -> Result<Cow<'_, str>, String> {
    let Ok(gid) = given.parse() else { return Ok(Cow::Borrowed(given)) };
    let found =
        Group::from_gid(Gid::from_raw(gid)).map_err(|error| format!("group {gid} cannot be looked up: {error}"))?;
    found.map(|group| Cow::Owned(group.name)).ok_or_else(|| format!("no group has the number {gid}"))
}

fn of_root() -> Ids {
    Ids { uid: 0, gid: 0, groups: [0].into() }
}

fn ids_of(user: &User) -> Result<Ids, String> {
    let cannot = |why: String| format!("the groups of `{}` cannot be looked up: {why}", user.name);
    let name = CString::new(user.name.as_str()).map_err(|nul| cannot(nul.to_string()))?;
    let groups = getgrouplist(&name, user.gid).map_err(|errno| cannot(errno.to_string()))?;
    let groups = groups.into_iter().map(Gid::as_raw).collect();
    Ok(Ids { uid: user.uid.as_raw(), gid: user.gid.as_raw(), groups })
}

fn facts_of(uid: u32) -> Result<Facts, RunnerError> {
    let user = User::from_uid(Uid::from_raw(uid)).map_err(std::io::Error::from)?;
    Ok(user.as_ref().map_or_else(|| Facts::unknown(uid), Facts::about))
}

fn read(path: &Path) -> Result<List, RunnerError> {
    let path = &only_by(path, 0)?;
    let untrusted = |why: String| RunnerError::Untrusted { path: path.to_owned(), why };
    let content = plain_file::read(path, MAX_LIST, Links::Follow).map_err(|why| untrusted(why.to_string()))?;
    let text = String::from_utf8(content.bytes).map_err(|_| untrusted("is not UTF-8".to_owned()))?;
    toml::from_str(&text).map_err(|error| untrusted(format!("cannot be read: {error}")))
}
